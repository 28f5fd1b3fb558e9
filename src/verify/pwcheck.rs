//! `pwcheck_method: pwcheck`: asking the daemon that came before saslauthd.
//!
//! A request is the user and the password, each with a NUL after it; the answer is a text, until the daemon closes the
//! connection: `OK`, or why not.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{Attempt, PasswordVerifier, REFUSED, shown, socket};
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::secret::Secret;

/// Where the daemon listens unless the option `pwcheck_path` says where.
pub const DEFAULT_PATH: &str = "/var/pwcheck/pwcheck";

/// The longest request and the longest answer, in bytes.
pub const MESSAGE_MAX: usize = 1023;

/// What errors call the daemon.
const DAEMON: &str = "pwcheck server";

/// Asks the daemon.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pwcheck;

impl PasswordVerifier for Pwcheck {
    fn name(&self) -> &str {
        "pwcheck"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        let path = attempt.options.get(None, "pwcheck_path").unwrap_or(DEFAULT_PATH.into());
        let path = PathBuf::from(path.as_ref());
        let timeout = socket::timeout(attempt, "pwcheck_timeout");
        authenticate(&path, attempt.user, password, timeout).inspect_err(|error| match error.code() {
            Code::BadAuth if error.detail() == REFUSED => {}
            Code::BadAuth => {
                let line = format!("{}: the pwcheck server says: {}", shown(attempt.user), error.detail());
                attempt.log.log(Level::Fail, &line);
            }
            _ => attempt.log.log(Level::Err, error.detail()),
        })
    }

    fn user_exists(&self, _: &Attempt<'_>) -> Result<()> {
        Err(Error::new(Code::NoVerify, "the pwcheck server cannot be asked whether a user exists"))
    }
}

/// Asks the daemon at `path` (its socket, or the directory that has its socket `pwcheck`) whether the password is the user's.
/// Returns after `timeout` at the latest.
///
/// # Errors
/// [`Code::BadAuth`] with the daemon's text when it says no, and without asking for an empty user or password and for a NUL in
/// either. [`Code::Fail`], naming the socket and who wanted to use it, when there is no answer; also when the request is longer
/// than [`MESSAGE_MAX`].
pub fn authenticate(path: &Path, user: &[u8], password: &Secret, timeout: Duration) -> Result<()> {
    let request = encode(user, password.expose())?;
    let deadline = socket::deadline(timeout);
    let answer = ask(path, &request, timeout, deadline)?;
    if socket::is_ok(&answer) {
        return Ok(());
    }
    // The text goes to the log, and with some interfaces to the peer.
    let text = String::from_utf8_lossy(&answer);
    let text: String = text.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    Err(Error::bad_auth(if text.is_empty() { REFUSED.to_owned() } else { text }))
}

fn ask(path: &Path, request: &[u8], timeout: Duration, deadline: Instant) -> Result<Vec<u8>> {
    let directory = path.join("pwcheck");
    let path = if path.is_dir() { &directory } else { path };
    let stream = socket::connect(DAEMON, path, deadline)?;
    let failed =
        |doing: &str, error: &std::io::Error| socket::failure(DAEMON, doing, path, &socket::explain(error, timeout));
    socket::send_all(&stream, request, deadline).map_err(|error| failed("send the request to", &error))?;
    match socket::receive(stream, MESSAGE_MAX, deadline) {
        Ok(answer) if answer.is_empty() => {
            Err(socket::failure(DAEMON, "read the answer of", path, &"it closed the connection without one"))
        }
        Ok(answer) => Ok(answer),
        Err(error) => Err(failed("read the answer of", &error)),
    }
}

/// The bytes of a request. They hold the password, and are wiped.
fn encode(user: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if [user, password].iter().any(|field| field.is_empty() || field.contains(&0)) {
        return Err(Error::bad_auth(REFUSED));
    }
    let len = user.len().saturating_add(password.len()).saturating_add(2);
    if len > MESSAGE_MAX {
        return Err(Error::fail(format!(
            "Request too big: user and password together have more than {} bytes",
            MESSAGE_MAX - 2
        )));
    }
    let mut message = Zeroizing::new(Vec::with_capacity(len));
    for field in [user, password] {
        message.extend_from_slice(field);
        message.push(0);
    }
    Ok(message)
}

#[cfg(test)]
mod tests;
