//! Asking saslauthd, the daemon that checks passwords with the rights that mail servers should not have.
//!
//! A request is four fields, each a length in two bytes (most significant first) and that many bytes; the answer is one
//! such field, which begins with `OK` or `NO`.

use std::fmt::Display;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{Attempt, PasswordVerifier, REFUSED, socket};
use crate::error::{Code, Error, Result};
use crate::identity::split_realm;
use crate::log::Level;
use crate::secret::Secret;
use crate::sys::net;

/// `pwcheck_method: saslauthd`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Saslauthd;

impl PasswordVerifier for Saslauthd {
    fn name(&self) -> &str {
        "saslauthd"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        // The daemon takes what is before the NUL, and would answer for another user.
        if attempt.user.contains(&0) {
            return Err(Error::bad_auth(REFUSED));
        }
        let (user, realm) = split_realm(attempt.user, attempt.realm.unwrap_or_default().as_bytes());
        let request = Request { user, password: password.expose(), service: attempt.service.as_bytes(), realm };
        let timeout = socket::timeout(attempt, "saslauthd_timeout");
        let socket = path(attempt.options.get(None, "saslauthd_path").as_deref());
        authenticate(&socket, &request, timeout).inspect_err(|error| {
            if error.detail() != REFUSED {
                attempt.log.log(Level::Err, error.detail());
            }
        })
    }

    fn user_exists(&self, _: &Attempt<'_>) -> Result<()> {
        Err(Error::new(Code::NoVerify, "saslauthd cannot be asked whether a user exists"))
    }
}

/// What errors call the daemon.
const DAEMON: &str = "saslauthd server";

/// Where Debian's saslauthd listens.
pub const DEFAULT_PATH: &str = "/var/run/saslauthd/mux";

/// How long a question may take in all, connecting included, unless the caller says otherwise.
pub const DEFAULT_TIMEOUT: Duration = socket::DEFAULT_TIMEOUT;

/// The longest field of a request and the longest answer, in bytes: what a length of two bytes can say.
pub const FIELD_MAX: usize = u16::MAX as usize;

/// Who wants in where. The fields may hold any bytes.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The user, without the realm.
    pub user: &'a [u8],
    /// The password.
    pub password: &'a [u8],
    /// The service, for example `smtp`.
    pub service: &'a [u8],
    /// The realm; may be empty.
    pub realm: &'a [u8],
}

/// Asks the daemon at `path` (its socket, or the directory that has its socket `mux`) whether the password is the
/// user's. Returns when it says so, and after `timeout` at the latest.
///
/// # Errors
/// [`crate::Code::BadAuth`] when the daemon says no, and for an empty password, with which some directories let anyone
/// in. [`crate::Code::Fail`], naming the socket and who wanted to use it, when there is no usable answer: no daemon, no
/// permission, no answer in time, or one that is none of the daemon's; also when a field is longer than [`FIELD_MAX`].
pub fn authenticate(path: &Path, request: &Request<'_>, timeout: Duration) -> Result<()> {
    let message = encode(request)?;
    if request.password.is_empty() {
        return Err(Error::bad_auth(REFUSED));
    }
    let deadline = socket::deadline(timeout);
    let stream = connect(path, deadline)?;
    let failed = |doing: &str, error: &dyn Display| socket::failure(DAEMON, doing, path, error);
    socket::send_all(&stream, &message, deadline)
        .map_err(|error| failed("send the request to", &socket::explain(&error, timeout)))?;
    let reply =
        receive(stream, deadline).map_err(|error| failed("read the answer of", &socket::explain(&error, timeout)))?;
    match reply.as_slice() {
        reply if socket::is_ok(reply) => Ok(()),
        [b'N', b'O', ..] => Err(Error::bad_auth(REFUSED)),
        // Whatever a daemon says that is not a yes is a no, as for any client of it.
        [_, _, ..] => Err(failed("understand the answer of", &"bad response from saslauthd, neither OK nor NO")
            .with_code(Code::BadAuth)),
        _ => Err(failed("understand the answer of", &"bad response from saslauthd, neither OK nor NO")),
    }
}

/// The bytes of a request. They hold the password, and are wiped.
fn encode(request: &Request<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let fields = [
        ("user name", request.user),
        ("password", request.password),
        ("service", request.service),
        ("realm", request.realm),
    ];
    // All the room at once: a buffer that grows leaves pieces of the password behind.
    let len = fields.iter().map(|(_, field)| 2 + field.len()).sum();
    let mut message = Zeroizing::new(Vec::with_capacity(len));
    for (name, field) in fields {
        let Ok(len) = u16::try_from(field.len()) else {
            return Err(Error::fail(format!(
                "saslauthd request too large: the {name} has more than {FIELD_MAX} bytes"
            )));
        };
        message.extend(len.to_be_bytes());
        message.extend_from_slice(field);
    }
    Ok(message)
}

fn connect(path: &Path, deadline: Instant) -> Result<UnixStream> {
    socket::connect(DAEMON, path, deadline).or_else(|error| match path.is_dir() {
        true => socket::connect(DAEMON, &path.join("mux"), deadline),
        false => Err(error),
    })
}

/// The text of the answer. What comes after it is not looked at.
fn receive(mut stream: UnixStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut reply = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let whole = reply.split_first_chunk().and_then(|(len, text)| text.get(..usize::from(u16::from_be_bytes(*len))));
        if let Some(text) = whole {
            return Ok(text.to_vec());
        }
        stream.set_read_timeout(Some(net::until(deadline)?))?;
        match stream.read(&mut buffer) {
            Ok(0) => {
                return Err(io::Error::other("bad response from saslauthd, which closed the connection early"));
            }
            Ok(count) => reply.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The path that an option or its default names.
#[must_use]
pub fn path(option: Option<&str>) -> PathBuf {
    PathBuf::from(option.unwrap_or(DEFAULT_PATH))
}

#[cfg(test)]
mod tests;
