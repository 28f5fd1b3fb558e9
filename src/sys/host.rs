//! The machine's name.

use crate::error::{Error, Result};

/// The machine's host name, as the system has it. It is not looked up in any directory.
///
/// # Errors
/// [`crate::Code::Fail`] when the system does not tell, or the name is not text.
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
