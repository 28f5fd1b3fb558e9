//! Asking a daemon over a Unix socket: connecting and sending within a limit on the time, and errors that name the socket
//! and who wanted to use it.

use std::fmt::Display;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::sys::{env, net};

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
