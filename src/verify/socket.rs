//! Asking a daemon over a Unix socket: connecting and sending within a limit on the time, and errors that name the socket
//! and who wanted to use it.

use std::fmt::Display;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Attempt;
use crate::config::integer;
use crate::error::{Error, Result};
use crate::sys::{env, net};

/// How long a question may take in all, connecting included, unless an option says otherwise.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The seconds that an option says, if they are any.
pub(super) fn timeout(attempt: &Attempt<'_>, option: &str) -> Duration {
    let seconds = integer(attempt.options, option).and_then(|seconds| u64::try_from(seconds).ok());
    seconds.filter(|seconds| *seconds > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs)
}

/// When a timeout that begins now is over. One beyond what the clock can count is as good as none, and a year is as well.
pub(super) fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 86400))
}

/// Connects to the socket of a daemon, which errors call by this name.
///
/// # Errors
/// [`crate::Code::Fail`] with the path, the uid and the system's reason.
pub(super) fn connect(daemon: &str, path: &Path, deadline: Instant) -> Result<UnixStream> {
    net::connect_unix(path, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput if path.as_os_str().len() > net::PATH_MAX => {
            failure(daemon, "connect to", path, &format_args!("the path is longer than {} bytes", net::PATH_MAX))
        }
        io::ErrorKind::TimedOut => failure(daemon, "connect to", path, &"it is busy, and was not free in time"),
        _ => failure(daemon, "connect to", path, &error),
    })
}

/// The error of something that could not be done with a daemon.
pub(super) fn failure(daemon: &str, doing: &str, path: &Path, error: &dyn Display) -> Error {
    let uid = env::effective_uid();
    Error::fail(format!("cannot {doing} {daemon} at {} as uid {uid}: {error}", path.display()))
}

/// An expired timeout of a socket is an EAGAIN, whose text helps nobody.
pub(super) fn explain(error: &io::Error, timeout: Duration) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("no answer within {timeout:?}"),
        _ => error.to_string(),
    }
}

/// Sends a whole message.
///
/// # Errors
/// The system's; a timeout at the deadline.
pub(super) fn send_all(stream: &UnixStream, mut message: &[u8], deadline: Instant) -> io::Result<()> {
    while !message.is_empty() {
        match net::send(stream, message) {
            Ok(sent) => message = message.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        // Connecting has set the timeout for the first time.
        if !message.is_empty() {
            stream.set_write_timeout(Some(net::until(deadline)?))?;
        }
    }
    Ok(())
}

/// What the daemon says until it closes the connection, or has said this many bytes.
///
/// # Errors
/// The system's; a timeout at the deadline.
pub(super) fn receive(mut stream: UnixStream, limit: usize, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while answer.len() < limit {
        stream.set_read_timeout(Some(net::until(deadline)?))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    answer.truncate(limit);
    Ok(answer)
}

/// Whether an answer is the word `OK`, alone or with something after it that does not make another word of it.
pub(super) fn is_ok(answer: &[u8]) -> bool {
    matches!(answer, [b'O', b'K', rest @ ..] if rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric()))
}
