//! `pwcheck_method: authdaemond`: asking the daemon of Courier.
//!
//! The request is `AUTH n`, a line each for the service, the word `login`, the user and the password, and an empty one; `n`
//! counts the bytes of the four with their line feeds. The answer is lines until the daemon closes the connection: one that is
//! `.` is a yes, one that is `FAIL` a no.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::{Attempt, PasswordVerifier, REFUSED, socket};
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::secret::Secret;

/// Where the daemon listens unless the option `authdaemond_path` says: nowhere.
const DEFAULT_PATH: &str = "/dev/null";
/// How long a question may take in all.
const TIMEOUT: Duration = socket::DEFAULT_TIMEOUT;
/// The longest answer, in bytes.
const ANSWER_MAX: usize = 8190;
/// What errors call the daemon.
const DAEMON: &str = "Courier authdaemond";

/// Asks Courier's daemon.
#[derive(Debug, Clone, Copy, Default)]
pub struct Authdaemond;

impl PasswordVerifier for Authdaemond {
    fn name(&self) -> &str {
        "authdaemond"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        let option = |name| attempt.options.get(None, name);
        // The second spelling is that of the documentation of old.
        let path = option("authdaemond_path").or_else(|| option("authdaemon_path")).unwrap_or(DEFAULT_PATH.into());
        let request = request(attempt.service.as_bytes(), attempt.user, password.expose())?;
        ask(Path::new(path.as_ref()), &request).inspect_err(|error| {
            if error.detail() != REFUSED {
                attempt.log.log(Level::Err, error.detail());
            }
        })
    }

    fn user_exists(&self, _: &Attempt<'_>) -> Result<()> {
        Err(Error::new(Code::NoVerify, "authdaemond cannot be asked whether a user exists"))
    }
}

/// The bytes of a request. A line feed in a field would begin another, so there may be none.
fn request(service: &[u8], user: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let fields = [service, b"login", user, password];
    if fields.iter().any(|field| field.iter().any(|byte| matches!(byte, b'\n' | 0))) || password.is_empty() {
        return Err(Error::bad_auth(REFUSED));
    }
    let len: usize = fields.iter().map(|field| field.len() + 1).sum();
    if len > 9999 {
        return Err(Error::fail("authdaemond request too large: the fields have more than 9999 bytes together"));
    }
    let mut message = Zeroizing::new(Vec::with_capacity(len + 16));
    message.extend_from_slice(format!("AUTH {len}\n").as_bytes());
    for field in fields {
        message.extend_from_slice(field);
        message.push(b'\n');
    }
    message.push(b'\n');
    Ok(message)
}

fn ask(path: &Path, request: &[u8]) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    let stream = socket::connect(DAEMON, path, deadline)?;
    let failed =
        |doing: &str, error: &io::Error| socket::failure(DAEMON, doing, path, &socket::explain(error, TIMEOUT));
    socket::send_all(&stream, request, deadline).map_err(|error| failed("send the request to", &error))?;
    let answer = socket::receive(stream, ANSWER_MAX + 1, deadline)
        .and_then(|answer| match answer.len() {
            ..=ANSWER_MAX => Ok(answer),
            _ => Err(io::Error::other(format!("it is longer than {ANSWER_MAX} bytes"))),
        })
        .map_err(|error| failed("read the answer of", &error))?;
    for line in answer.split(|byte| *byte == b'\n') {
        match line {
            b"." => return Ok(()),
            b"FAIL" => return Err(Error::bad_auth(REFUSED)),
            _ => {}
        }
    }
    Err(socket::failure(DAEMON, "understand the answer of", path, &"could not verify password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_counts_its_fields() {
        assert_eq!(&request(b"svc", b"alice", b"secret").unwrap()[..], b"AUTH 23\nsvc\nlogin\nalice\nsecret\n\n");
    }

    #[test]
    fn no_field_begins_another_and_no_password_is_empty() {
        for (user, password) in [(&b"a\nb"[..], &b"x"[..]), (b"a", b"x\n"), (b"a", b""), (b"a\0", b"x")] {
            assert_eq!(request(b"svc", user, password).unwrap_err().code(), Code::BadAuth);
        }
        assert_eq!(request(b"svc", b"a", &[b'x'; 10_000]).unwrap_err().code(), Code::Fail);
    }
}
