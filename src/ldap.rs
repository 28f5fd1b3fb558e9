//! Directories (LDAP): which servers, how to connect and bind to them, and what is asked there.

use std::ffi::{CStr, CString};
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::pool::{self, After, Pool};
use crate::secret::Secret;
use crate::sys::ldap::{Connection, Failure, Scope, Search};

pub(crate) mod escape;
mod rc;
pub(crate) mod sasl;
mod schema;
pub(crate) mod template;

pub(crate) use rc::Rc;
pub(crate) use schema::Schema;

/// How long connecting to one server may take, and each question there, unless an option says.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a connection is encrypted from some point on (RFC 4511 section 4.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartTls {
    No,
    /// Where the server can. A certificate that is none to trust is an error all the same.
    Try,
    /// Or there is no connection.
    Demand,
}

/// Who a connection is.
pub(crate) enum Login {
    /// Nobody, until somebody binds.
    Nobody,
    /// An entry and its password.
    Simple(CString, Secret),
    /// By a mechanism.
    Sasl(sasl::Credentials),
}

/// One directory: the servers that have it, and how to connect to them.
pub(crate) struct Directory {
    /// In the order in which they are tried.
    uris: Vec<String>,
    start_tls: StartTls,
    rc: Rc,
    timeout: Duration,
    login: Login,
    pool: Pool<Connection>,
}

impl pool::Link for Connection {
    fn can_be_kept(&self) -> bool {
        self.is_intact()
    }
}

impl Directory {
    /// A directory with these servers: URIs with blanks or commas between them. Nothing is connected to yet.
    ///
    /// # Errors
    /// [`Code::ConfigErr`] when one is no URI of LDAP.
    pub(crate) fn new(uris: &str, start_tls: StartTls, rc: Rc, timeout: Duration, login: Login) -> Result<Self> {
        let uris = uris.split([' ', '\t', ',']).filter(|uri| !uri.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        for uri in &uris {
            if host_of(uri).is_none() || uri.contains('\0') {
                let what =
                    format!("\"{}\" is no URI of a directory: ldap://, ldaps:// or ldapi://", uri.escape_debug());
                return Err(Error::new(Code::ConfigErr, what));
            }
        }
        if uris.is_empty() {
            return Err(Error::new(Code::ConfigErr, "no server of the directory is named"));
        }
        Ok(Directory { uris, start_tls, rc, timeout, login, pool: Pool::new() })
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> String {
        format!("the directory at {}", self.uris.join(" "))
    }

    /// What a failure means. No text tells a password or a value.
    pub(crate) fn error(&self, failure: &Failure) -> Error {
        const BUSY: i32 = 51;
        const UNAVAILABLE: i32 = 52;
        let code = match failure {
            Failure::Lost(_) | Failure::Timeout => Code::Unavail,
            Failure::Refused(BUSY | UNAVAILABLE, _) => Code::Unavail,
            _ => Code::Fail,
        };
        Error::new(code, format!("{}: {failure}", self.place()))
    }

    /// Does some work on a connection. When one that was kept turns out to be lost, it is done again on a new one: nothing of
    /// what is done here differs when it is done twice.
    ///
    /// # Errors
    /// That of the work; [`Failure`] when there is no connection to be had.
    pub(crate) fn with<T>(&self, mut work: impl FnMut(&mut Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        self.pool.with(
            || self.connect(),
            |connection| {
                let result = work(connection);
                let after = match &result {
                    Err(Failure::Lost(_)) => After::Again,
                    Err(Failure::Timeout | Failure::Untrusted(_)) => After::Drop,
                    _ => After::Keep,
                };
                (result, after)
            },
        )
    }

    /// A connection to the first server that has one.
    fn connect(&self) -> Result<Connection, Failure> {
        let mut failures = Vec::new();
        for uri in &self.uris {
            match self.connect_to(uri) {
                Ok(connection) => return Ok(connection),
                // The next server has no other library.
                Err(failure @ (Failure::Missing(_) | Failure::Setting(..))) => return Err(failure),
                Err(failure) if self.uris.len() == 1 => return Err(failure),
                Err(failure) => failures.push((uri, failure)),
            }
        }
        let lost = failures.iter().all(|(_, failure)| matches!(failure, Failure::Lost(_) | Failure::Timeout));
        let texts: Vec<_> = failures.iter().map(|(uri, failure)| format!("{uri}: {failure}")).collect();
        let text = format!("cannot connect: {}", texts.join("; "));
        Err(if lost { Failure::Lost(text) } else { Failure::Untrusted(text) })
    }

    fn connect_to(&self, uri: &str) -> Result<Connection, Failure> {
        let text = CString::new(uri).map_err(|_| Failure::Lost("a URI with a NUL".into()))?;
        let mut connection = Connection::new(&text, self.rc.settings(), self.timeout)?;
        let mut is_encrypted = is_secure(uri);
        if self.start_tls != StartTls::No && !is_encrypted {
            match connection.start_tls() {
                Ok(()) => is_encrypted = true,
                Err(Failure::Refused(..)) if self.start_tls == StartTls::Try => {}
                Err(failure @ Failure::Timeout) => return Err(failure),
                Err(failure) => {
                    let why = format!("the connection cannot be encrypted (StartTLS): {failure}");
                    return Err(Failure::Untrusted(why));
                }
            }
        }
        match &self.login {
            // This is what connects. A server that does not like it will say so to what is asked.
            Login::Nobody => match connection.bind(c"", &Secret::default()) {
                Err(Failure::Refused(..)) => Ok(()),
                other => other,
            },
            Login::Simple(name, password) => connection.bind(name, password),
            Login::Sasl(credentials) => {
                let host = host_of(uri).unwrap_or_default();
                let strength = if is_encrypted {
                    sasl::TLS
                } else if is_local(uri) {
                    sasl::LOCAL
                } else {
                    0
                };
                credentials.bind(&mut connection, host, strength, &self.rc)
            }
        }
        .map_err(|failure| match failure {
            // A result code of this is none of what will be asked.
            Failure::Refused(_, why) | Failure::Untrusted(why) => Failure::Untrusted(format!("cannot bind: {why}")),
            other => other,
        })?;
        Ok(connection)
    }
}

/// The values of an attribute of one entry, as texts.
fn texts_of(connection: &mut Connection, base: &CStr, filter: &CStr, attribute: &CStr) -> Result<Vec<String>, Failure> {
    let attributes = [attribute.to_owned()];
    let search = Search { base, scope: Scope::Base, filter, attributes: &attributes, most: 1 };
    let values = connection.search(&search, b"")?.entries.into_iter().flat_map(|entry| entry.values).flatten();
    Ok(values.map(|value| String::from_utf8_lossy(value.expose()).into_owned()).collect())
}

/// A scheme that a URI begins with, whatever the case, and what follows it.
fn after_scheme<'a>(uri: &'a str, scheme: &str) -> Option<&'a str> {
    let (own, rest) = uri.split_once("://")?;
    own.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn is_secure(uri: &str) -> bool {
    after_scheme(uri, "ldaps").is_some()
}

fn is_local(uri: &str) -> bool {
    after_scheme(uri, "ldapi").is_some()
}

/// The host of a URI of LDAP (RFC 4516); `localhost` where there is none. None for another URI.
fn host_of(uri: &str) -> Option<&str> {
    if is_local(uri) {
        return Some("localhost");
    }
    let rest = after_scheme(uri, "ldap").or_else(|| after_scheme(uri, "ldaps"))?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    Some(if host.is_empty() { "localhost" } else { host })
}

/// The seconds that an option says.
///
/// # Errors
/// [`Code::ConfigErr`], with the option, when it is no number from 1 on.
pub(crate) fn timeout(option: &str, value: Option<&str>) -> Result<Duration> {
    match value.map(|value| value.trim().parse::<u32>()) {
        None => Ok(TIMEOUT),
        Some(Ok(seconds)) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        Some(_) => Err(Error::new(Code::ConfigErr, format!("{option} is no number of seconds from 1 on"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_uris() {
        for (uri, host) in [
            ("ldap://a.example", Some("a.example")),
            ("LDAP://a.example:389/", Some("a.example")),
            ("ldaps://[::1]:636", Some("::1")),
            ("ldap:///", Some("localhost")),
            ("ldapi://%2Frun%2Fldapi", Some("localhost")),
            ("ldap://h/dc=x??sub", Some("h")),
            ("http://h", None),
            ("a.example", None),
            ("ldap:a", None),
        ] {
            assert_eq!(host_of(uri), host, "{uri}");
        }
        let made = |uris| Directory::new(uris, StartTls::No, Rc::default(), TIMEOUT, Login::Nobody);
        assert_eq!(made("ldap://a, ldaps://b\tldap://c").unwrap().uris.len(), 3);
        for wrong in ["", " , ", "ldap://a b", "file:///etc"] {
            assert_eq!(made(wrong).err().unwrap().code(), Code::ConfigErr, "{wrong}");
        }
    }

    #[test]
    fn seconds_are_counted_from_one() {
        assert_eq!(timeout("x", None).unwrap(), TIMEOUT);
        assert_eq!(timeout("x", Some(" 3 ")).unwrap(), Duration::from_secs(3));
        for wrong in ["0", "-1", "", "soon", "99999999999"] {
            assert!(timeout("x", Some(wrong)).is_err(), "{wrong}");
        }
    }
}
