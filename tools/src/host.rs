//! The machine.

use oxisasl::{Error, Result};
use rustix::system::uname;

/// The machine's host name as the system has it; it is not completed to a domain name.
///
/// # Errors
/// [`oxisasl::Code::Fail`] when it is empty or not text.
pub fn name() -> Result<String> {
    match uname().nodename().to_str() {
        Ok(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(Error::fail("the host name is empty or not text")),
    }
}
