//! The judgement of what C hands over: every raw pointer that comes in is looked at here.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_uint};
use std::slice;

use oxisasl::{Error, Result};

/// A string that must be there.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string that lives for `'a`.
///
/// # Errors
/// [`oxisasl::Code::BadParam`] for NULL.
pub unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a [u8]> {
    // SAFETY: as this function's own contract.
    unsafe { optional_text(text) }.ok_or_else(|| Error::param(format!("{what} is NULL")))
}

/// A string that may be NULL.
///
/// # Safety
/// As [`text`].
#[must_use]
pub unsafe fn optional_text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, and by contract NUL-terminated and alive for `'a`.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// A string that may be NULL, as text; bytes that are not UTF-8 are replaced.
///
/// # Safety
/// As [`text`].
#[must_use]
pub unsafe fn optional_str(text: *const c_char) -> Option<String> {
    // SAFETY: as this function's own contract.
    unsafe { optional_lossy(text) }.map(Cow::into_owned)
}

/// As [`optional_str`], without a copy where none is needed.
///
/// # Safety
/// As [`text`].
#[must_use]
pub unsafe fn optional_lossy<'a>(text: *const c_char) -> Option<Cow<'a, str>> {
    // SAFETY: as this function's own contract.
    unsafe { optional_text(text) }.map(String::from_utf8_lossy)
}

/// Bytes with a length: `None` for NULL, which is not the same as none.
///
/// # Safety
/// `data` is NULL or points to `len` bytes that live for `'a`.
///
/// # Errors
/// [`oxisasl::Code::BadParam`] for NULL with a length.
pub unsafe fn bytes<'a>(data: *const c_char, len: c_uint, what: &str) -> Result<Option<&'a [u8]>> {
    match (data.is_null(), len) {
        (true, 0) => Ok(None),
        (true, _) => Err(Error::param(format!("{what} is NULL but has a length"))),
        // SAFETY: not NULL, and by contract `len` bytes long and alive for `'a`.
        (false, _) => Ok(Some(unsafe { slice::from_raw_parts(data.cast(), len as usize) })),
    }
}

/// Writes through a pointer that may be NULL.
///
/// # Safety
/// `place` is NULL or points to writable memory for a `T`.
pub unsafe fn put<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: not NULL, and by contract writable.
        unsafe { place.write(value) };
    }
}
