//! The machine's name.

use std::ffi::{CStr, CString};
use std::sync::Mutex;

use crate::error::{Error, Result};

/// The machine's host name with its domain: as the system has it if it has a dot, else as the resolver completes it,
/// else without one. The resolver's answer is kept for as long as the machine's name stays.
///
/// # Errors
/// [`crate::Code::Fail`] when the system does not tell, or the name is not text.
pub fn fqdn() -> Result<String> {
    static KNOWN: Mutex<Option<(String, String)>> = Mutex::new(None);
    let name = name()?;
    if name.contains('.') {
        return Ok(name);
    }
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((of, full)) = known.as_ref()
        && *of == name
    {
        return Ok(full.clone());
    }
    let full = canonical(&name).unwrap_or_else(|| name.clone());
    *known = Some((name, full.clone()));
    Ok(full)
}

/// The machine's host name, as the system has it. It is not looked up in any directory.
///
/// # Errors
/// As [`fqdn`].
pub fn name() -> Result<String> {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is valid for its length, less one so that it stays terminated.
    let status = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    if status != 0 {
        return Err(Error::fail(format!("cannot get the host name: {}", std::io::Error::last_os_error())));
    }
    let name = buffer.split(|byte| *byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(name) {
        Ok(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Error::fail("the host name is empty or not text")),
    }
}

/// The name that the resolver has for a name, if it knows it.
fn canonical(name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: addrinfo is numbers and pointers, for which zero is a value.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_flags = libc::AI_CANONNAME;
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = std::ptr::null_mut();
    // SAFETY: name and hints live across the call, which sets the list if it succeeds.
    if unsafe { libc::getaddrinfo(name.as_ptr(), std::ptr::null(), &hints, &mut list) } != 0 || list.is_null() {
        return None;
    }
    // SAFETY: the call succeeded, so the first entry is there, and its name is NULL or a string.
    let full = unsafe {
        let full = (*list).ai_canonname;
        (!full.is_null()).then(|| CStr::from_ptr(full).to_string_lossy().into_owned())
    };
    // SAFETY: the list came from getaddrinfo and is not used any more.
    unsafe { libc::freeaddrinfo(list) };
    full
}
