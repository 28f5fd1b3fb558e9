//! The arguments of the functions that take `...`, which `variadic.c` collects.

use std::ffi::{CStr, c_char, c_int};

use oxisasl_capi_common::fmt::Values;

/// The arguments of one call, in C's hands.
#[repr(C)]
pub struct Arguments {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn oxisasl_next_int(arguments: *mut Arguments) -> c_int;
    fn oxisasl_next_text(arguments: *mut Arguments) -> *const c_char;
}

/// The values of a variadic call.
pub struct FromC(*mut Arguments);

impl FromC {
    /// The values behind a format.
    ///
    /// # Safety
    /// `arguments` is what `variadic.c` made for this call, and the caller passed what the format says.
    #[must_use]
    pub unsafe fn new(arguments: *mut Arguments) -> Self {
        FromC(arguments)
    }
}

impl Values for FromC {
    fn int(&mut self) -> c_int {
        // SAFETY: by the contract of `new` there is an int.
        unsafe { oxisasl_next_int(self.0) }
    }

    fn text(&mut self) -> Option<Vec<u8>> {
        // SAFETY: by the contract of `new` there is a string or NULL.
        unsafe {
            let text = oxisasl_next_text(self.0);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_bytes().to_vec())
        }
    }
}
