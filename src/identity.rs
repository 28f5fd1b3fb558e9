//! Who a user is: canonical names, realms, and who may act as whom.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::log::Log;

/// The longest canonical name, in bytes.
pub const MAX_NAME: usize = 1024;

/// Which identity a name is for, and how far it is already proved. The bits are those of the C interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CanonFlags(u32);

impl CanonFlags {
    /// The name is that of the user whose credentials are used.
    pub const AUTHID: Self = CanonFlags(1);
    /// The name is that of the user to act as.
    pub const AUTHZID: Self = CanonFlags(2);
    /// The credentials are checked elsewhere, so that the stores need not know the user.
    pub const EXTERNALLY_VERIFIED: Self = CanonFlags(4);

    /// Flags from the bits of the C interface.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        CanonFlags(bits)
    }

    /// The bits of the C interface.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        CanonFlags(self.0 | other.0)
    }

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A canonical name. What holds one shares it, so that it is handed on without a copy.
pub type CanonicalName = Arc<[u8]>;

/// The two identities of an authentication, as far as they are known (RFC 4422 section 2). Being known is no proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user to act as (authzid), canonical.
    pub user: Option<CanonicalName>,
    /// The user whose credentials are used (authcid), canonical.
    pub authid: Option<CanonicalName>,
    /// The realm of that user, where names do not tell it ([`Naming::Classic`]).
    pub realm: Option<Vec<u8>>,
}

/// How a server tells the user in a name from the realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// As Cyrus SASL 2 does: the name is `user@realm`, and its realm what follows the last `@`. A session's realm is added to
    /// a name that has none.
    #[default]
    Qualified,
    /// As Cyrus SASL 1.5 does: a user and a realm are two things, and what the session was given as realm says how a name
    /// is read ([`Account::classic`]).
    Classic,
}

/// A user of a realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user, without the realm.
    pub user: Vec<u8>,
    /// The realm.
    pub realm: Vec<u8>,
}

impl Account {
    /// Whom a name means by the rules of 1.5. On a session with a realm, all of the name is a user of it; on one that was given
    /// none, a user of the host. On one whose realm is empty, the first `@` of the name begins the realm, and without one
    /// the user is the host's.
    #[must_use]
    pub fn classic(name: &[u8], session_realm: Option<&str>, host: &str) -> Self {
        let (user, realm) = match session_realm {
            None => (name, host.as_bytes()),
            Some("") => {
                let mut parts = name.splitn(2, |byte| *byte == b'@');
                (parts.next().unwrap_or_default(), parts.next().unwrap_or(host.as_bytes()))
            }
            Some(realm) => (name, realm.as_bytes()),
        };
        Account { user: user.to_vec(), realm: realm.to_vec() }
    }
}

/// A way to make names canonical, chosen by the option `canon_user_plugin`.
pub trait CanonUser: Send + Sync {
    /// The name that the option gives.
    fn name(&self) -> &str;

    /// Whether the option means this one.
    fn is_named(&self, name: &str) -> bool {
        self.name() == name
    }

    /// Opens what it will need and the application may not reach later: servers confine themselves (`chroot`) once they have
    /// begun. What cannot be opened is told when it is needed.
    fn prepare(&self, _options: &dyn Options) {}

    /// The canonical form of a name that a server got.
    ///
    /// # Errors
    /// Any; the authentication fails with it.
    fn server(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>>;

    /// The canonical form of a name that a client sends.
    ///
    /// # Errors
    /// As for a server.
    fn client(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>>;
}

/// The one of these canonicalisers that the option `canon_user_plugin` names.
///
/// # Errors
/// [`Code::NoMech`] when there is none of that name.
pub(crate) fn find_canonicalizer<'a>(all: &'a [Arc<dyn CanonUser>], name: &str) -> Result<&'a dyn CanonUser> {
    let found = all.iter().map(Arc::as_ref).find(|canon| canon.is_named(name));
    found.ok_or_else(|| Error::new(Code::NoMech, format!("desired canon_user plugin {name} not found")))
}

/// What a [`CanonUser`] is told besides the name.
pub struct CanonCx<'a> {
    /// What the name is for.
    pub flags: CanonFlags,
    /// The realm of names that have none; server only.
    pub realm: Option<&'a str>,
    /// The session's options.
    pub options: &'a dyn Options,
    /// The session's log.
    pub log: &'a dyn Log,
    /// The session's hooks, for a canonicaliser that belongs to the same application.
    pub host: &'a dyn Any,
}

/// The canonicaliser that is used unless an option names another (`INTERNAL`): white space around the name goes, and
/// on a server that has a realm a name without one gets it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Internal;

impl CanonUser for Internal {
    fn name(&self) -> &str {
        "INTERNAL"
    }

    fn server(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>> {
        let mut canonical = trim(name)?.to_vec();
        if let Some(realm) = cx.realm
            && !canonical.contains(&b'@')
        {
            canonical.push(b'@');
            canonical.extend_from_slice(realm.as_bytes());
        }
        Ok(canonical)
    }

    fn client(&self, name: &[u8], _: &CanonCx<'_>) -> Result<Vec<u8>> {
        Ok(trim(name)?.to_vec())
    }
}

/// Refuses a name that is longer than [`MAX_NAME`].
///
/// # Errors
/// [`Code::BufOver`].
pub fn check_length(name: &[u8]) -> Result<()> {
    if name.len() > MAX_NAME {
        return Err(Error::new(Code::BufOver, format!("user name longer than {MAX_NAME} bytes")));
    }
    Ok(())
}

/// Refuses a name with nothing but white space in it.
///
/// # Errors
/// [`Code::Fail`].
pub fn refuse_blank(name: &[u8]) -> Result<()> {
    trim(name).map(|_| ())
}

fn trim(name: &[u8]) -> Result<&[u8]> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let Some(start) = name.iter().position(|byte| !is_space(byte)) else {
        return Err(Error::fail("All-whitespace username."));
    };
    let end = name.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    Ok(name.get(start..end).unwrap_or_default())
}

/// The name of a user of a realm that came apart from it, on a session whose users are of the realm `own` unless their names say
/// another.
#[must_use]
pub fn qualify<'a>(name: &'a [u8], realm: Option<&[u8]>, own: &[u8]) -> Cow<'a, [u8]> {
    match realm.filter(|realm| !realm.is_empty() && *realm != own) {
        Some(other) => Cow::Owned([name, b"@", other].concat()),
        None => Cow::Borrowed(name),
    }
}

/// Splits `user@realm` at the last `@`; a name without one is of the realm `default`.
#[must_use]
pub fn split_realm<'a>(name: &'a [u8], default: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let mut parts = name.rsplitn(2, |byte| *byte == b'@');
    match (parts.next(), parts.next()) {
        (Some(realm), Some(user)) => (user, realm),
        _ => (name, default),
    }
}

/// Who may act as whom, unless the application decides: a user as that same user.
///
/// # Errors
/// [`Code::BadAuth`] for anybody else.
pub fn default_proxy_policy(user: &[u8], authid: &[u8]) -> Result<()> {
    if user.is_empty() || user == authid {
        Ok(())
    } else {
        Err(Error::bad_auth("Requested identity not authenticated identity"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NoOptions;
    use crate::log::NoLog;

    fn canon(name: &str, realm: Option<&str>) -> Result<Vec<u8>> {
        let cx = CanonCx { flags: CanonFlags::AUTHID, realm, options: &NoOptions, log: &NoLog, host: &() };
        Internal.server(name.as_bytes(), &cx)
    }

    #[test]
    fn internal_trims_and_qualifies() {
        assert_eq!(canon(" joe\t", None).unwrap(), b"joe");
        assert_eq!(canon("joe", Some("r")).unwrap(), b"joe@r");
        assert_eq!(canon("joe@x", Some("r")).unwrap(), b"joe@x");
        assert_eq!(canon(" \n ", None).unwrap_err().detail(), "All-whitespace username.");
        assert!(canon("", None).is_err());
    }

    #[test]
    fn realm_is_what_follows_the_last_at_sign() {
        assert_eq!(split_realm(b"joe", b"d"), (&b"joe"[..], &b"d"[..]));
        assert_eq!(split_realm(b"a@b@c", b"d"), (&b"a@b"[..], &b"c"[..]));
        assert_eq!(split_realm(b"joe@", b"d"), (&b"joe"[..], &b""[..]));
    }

    #[test]
    fn names_of_old_are_read_as_the_session_says() {
        let read = |name: &str, realm: Option<&str>| {
            let account = Account::classic(name.as_bytes(), realm, "host");
            [account.user, account.realm].map(|part| String::from_utf8(part).unwrap())
        };
        assert_eq!(read("joe@x", None), ["joe@x", "host"]);
        assert_eq!(read("joe@x", Some("r")), ["joe@x", "r"]);
        assert_eq!(read("joe", Some("")), ["joe", "host"]);
        assert_eq!(read("joe@x@y", Some("")), ["joe", "x@y"]);
        assert_eq!(read("joe@", Some("")), ["joe", ""]);
    }

    #[test]
    fn by_default_users_act_as_themselves_only() {
        assert!(default_proxy_policy(b"joe", b"joe").is_ok());
        assert!(default_proxy_policy(b"", b"joe").is_ok());
        assert_eq!(default_proxy_policy(b"root", b"joe").unwrap_err().code(), Code::BadAuth);
        assert!(default_proxy_policy(b"joe\0", b"joe").is_err());
    }
}
