//! Libraries of the system that are opened when they are first needed, so that a program which never needs them does not
//! need to have them.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

/// A library. It stays open for as long as the process runs: what it has started may not be taken from under it.
pub(super) struct Library(NonNull<c_void>);

impl Library {
    /// Opens the library of this soname, as the loader finds it.
    ///
    /// # Errors
    /// What the loader says, with the name of the file that it missed or could not use.
    pub(super) fn open(soname: &CStr) -> Result<Self, String> {
        Self::with(soname, 0).ok_or_else(|| loader_error(soname))
    }

    /// The same, but so that it finds the functions of the libraries that it needs before any of the program's. No other
    /// library may take the place of the C library's then.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn open_apart(soname: &CStr) -> Result<Self, String> {
        Self::with(soname, libc::RTLD_DEEPBIND).ok_or_else(|| loader_error(soname))
    }

    /// The library, if it is in the process already.
    pub(super) fn loaded(soname: &CStr) -> Option<Self> {
        Self::with(soname, libc::RTLD_NOLOAD)
    }

    fn with(soname: &CStr, more: c_int) -> Option<Self> {
        // SAFETY: the name is a C string. Opening runs the library's constructors, which are the system's own.
        let handle = unsafe { libc::dlopen(soname.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL | more) };
        NonNull::new(handle).map(Library)
    }

    /// Where one of its functions is, or of the libraries that it needs.
    pub(super) fn address(&self, name: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: the handle came from dlopen and is never closed, and the name is a C string.
        NonNull::new(unsafe { libc::dlsym(self.0.as_ptr(), name.as_ptr()) })
    }

    /// One of its functions.
    ///
    /// # Errors
    /// What the loader says when there is no such function.
    ///
    /// # Safety
    /// `F` must be the type of a pointer to the function that has this name in the library.
    pub(super) unsafe fn function<F: Copy>(&self, name: &CStr) -> Result<F, String> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let address = self.address(name).ok_or_else(|| loader_error(name))?;
        // SAFETY: both are pointers, and by this function's contract the address is that of an `F`.
        Ok(unsafe { std::mem::transmute_copy(&address) })
    }
}

/// Where a function is that the program, or a library that it was started with, has under this name.
pub(super) fn visible(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the name is a C string.
    NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) })
}

fn loader_error(name: &CStr) -> String {
    // SAFETY: dlerror gives a C string that stays until this thread's next call of its kind, or NULL.
    let text = unsafe {
        let text = libc::dlerror();
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    text.unwrap_or_else(|| format!("{} is not there", name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Library::open(c"liboxisasl-none.so.9").err().unwrap();
        assert!(error.contains("liboxisasl-none.so.9"), "{error}");
        let library = Library::open(c"libc.so.6").unwrap();
        // SAFETY: there is no such function, so that nothing is called.
        let error = unsafe { library.function::<extern "C" fn()>(c"oxisasl_none") }.unwrap_err();
        assert!(error.contains("oxisasl_none"), "{error}");
    }
}
