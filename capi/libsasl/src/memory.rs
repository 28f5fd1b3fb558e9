//! Memory that belongs to the application: what the caller frees, and what callbacks leave to the library to free. All of it is
//! of the allocator that `sasl_set_alloc` named.

use std::ffi::{CStr, c_char, c_uint, c_void};
use std::ptr::{null_mut, write_bytes};
use std::sync::atomic::{Ordering, compiler_fence};

use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::{arg, hooks};
use zeroize::Zeroizing;

use crate::abi::RawSecret;

/// A copy of bytes with a NUL behind them, for the caller to free.
///
/// # Errors
/// [`Code::NoMem`] when the allocator has none.
pub fn copy(bytes: &[u8]) -> Result<*mut c_char> {
    let size = bytes.len().checked_add(1).ok_or(Code::NoMem)?;
    // SAFETY: an allocator takes any size.
    let place = unsafe { (hooks::allocator().malloc)(size) }.cast::<u8>();
    if place.is_null() {
        return Err(Error::from(Code::NoMem));
    }
    // SAFETY: there is room for the bytes and a NUL.
    unsafe {
        place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        place.add(bytes.len()).write(0);
    }
    Ok(place.cast())
}

/// Where a caller wants an output and its length. Both say that there is none until [`give`](Self::give).
#[derive(Clone, Copy)]
pub struct Output {
    place: *mut *mut c_char,
    len: *mut c_uint,
}

impl Output {
    /// The two places.
    ///
    /// # Safety
    /// Each is NULL, or writable for as long as this is used.
    pub unsafe fn new(place: *mut *mut c_char, len: *mut c_uint) -> Self {
        // SAFETY: by this function's contract.
        unsafe {
            arg::put(place, null_mut());
            arg::put(len, 0);
        }
        Output { place, len }
    }

    /// Whether both can be written.
    pub fn is_wanted(self) -> bool {
        !self.place.is_null() && !self.len.is_null()
    }

    /// Hands bytes to the caller, who frees them; nothing where there are none or no place for them. They are wiped here,
    /// since they may be what a security layer protects, or a password.
    ///
    /// # Errors
    /// As [`copy`].
    pub fn give(self, bytes: Option<Vec<u8>>) -> Result<()> {
        let Some(bytes) = bytes.map(Zeroizing::new).filter(|_| !self.place.is_null()) else { return Ok(()) };
        let len = c_uint::try_from(bytes.len()).map_err(|_| Error::from(Code::BufOver))?;
        let copy = copy(&bytes)?;
        // SAFETY: by the contract of `new`.
        unsafe {
            arg::put(self.place, copy);
            arg::put(self.len, len);
        }
        Ok(())
    }
}

/// Frees what a callback has left to the library.
///
/// # Safety
/// `data` is NULL or of the application's allocator, and nothing uses it afterwards.
pub unsafe fn free(data: *mut c_void) {
    if !data.is_null() {
        // SAFETY: by this function's contract.
        unsafe { (hooks::allocator().free)(data) };
    }
}

/// Wipes and frees `len` bytes that a callback, or the user, has left to the library.
///
/// # Safety
/// As [`free`]; there are so many bytes.
pub unsafe fn wipe_and_free(data: *mut c_void, len: usize) {
    if !data.is_null() {
        // SAFETY: by this function's contract.
        unsafe { wipe(data, len) };
        // SAFETY: by this function's contract.
        unsafe { free(data) };
    }
}

/// Wipes and frees a secret.
///
/// # Safety
/// As [`free`]; the secret has as many bytes as it says.
pub unsafe fn free_secret(secret: *mut RawSecret) {
    if secret.is_null() {
        return;
    }
    // SAFETY: by this function's contract. The bytes are reached from the whole allocation.
    unsafe {
        wipe((&raw mut (*secret).data).cast(), (*secret).len as usize);
        free(secret.cast());
    }
}

/// # Safety
/// `data` has `len` bytes.
unsafe fn wipe(data: *mut c_void, len: usize) {
    // SAFETY: by this function's contract.
    unsafe { write_bytes(data.cast::<u8>(), 0, len) };
    std::hint::black_box(data);
    compiler_fence(Ordering::SeqCst);
}

/// A string of the application's allocator that the library has taken over.
pub struct Adopted(*mut c_char);

// SAFETY: it is memory like any other, which only its owner uses.
unsafe impl Send for Adopted {}

impl Adopted {
    /// Takes over a string; `None` for NULL.
    ///
    /// # Safety
    /// `text` is NULL, or a string of the application's allocator that nobody else frees.
    pub unsafe fn new(text: *const c_char) -> Option<Self> {
        (!text.is_null()).then(|| Adopted(text.cast_mut()))
    }

    /// The string, where C may look at it.
    pub fn as_ptr(&self) -> *const c_char {
        self.0
    }

    /// What it says.
    pub fn text(&self) -> &[u8] {
        // SAFETY: by the contract of `new` it is a string, which stays until this is dropped.
        unsafe { CStr::from_ptr(self.0) }.to_bytes()
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        // SAFETY: by the contract of `new`.
        unsafe { free(self.0.cast()) };
    }
}
