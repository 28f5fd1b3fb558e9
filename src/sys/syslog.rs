//! `syslog(3)`.

use std::ffi::CString;

/// Writes one line with a priority and the facility `auth`; a NUL in it is shown as a space.
pub fn write(priority: i32, line: &str) {
    let Ok(text) = CString::new(line.replace('\0', " ")) else { return };
    // SAFETY: the format takes exactly one string, which is NUL-terminated.
    unsafe { libc::syslog(priority | libc::LOG_AUTH, c"%s".as_ptr(), text.as_ptr()) };
}
