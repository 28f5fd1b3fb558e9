//! What an application may decide itself while a session runs. Every method has the behaviour that most want.
//!
//! A hook may look at the session that it is called for (its methods take `&self`), but not step it.

use std::any::Any;

use crate::chanbind::ChannelBinding;
use crate::config::Options;
use crate::error::Result;
use crate::identity::{CanonCx, default_proxy_policy};
use crate::log::Log;
use crate::props::Props;
use crate::secret::Secret;

/// A server application's decisions.
pub trait ServerHooks: Any + Send {
    /// Options that go before those of the [`crate::Server`].
    fn options(&self) -> Option<&dyn Options> {
        None
    }

    /// Where this session's log lines go, if not to the log of the [`crate::Server`].
    fn log(&self) -> Option<&dyn Log> {
        None
    }

    /// The application's own canonical form of a name; `None` leaves the name as it is. The canonicaliser that
    /// the option `canon_user_plugin` names comes after it.
    ///
    /// # Errors
    /// Any; the authentication fails with it.
    fn canonicalize(&self, _name: &[u8], _cx: &CanonCx<'_>) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// Whether the authenticated user may act as the user asked for. Called after every successful proof, also when
    /// both are the same.
    ///
    /// # Errors
    /// Any; the authentication fails with it.
    fn authorize(&self, request: &Authorize<'_>) -> Result<()> {
        default_proxy_policy(request.user, request.authid)
    }

    /// The application's own password check; `None` when it has none. A failure lets the verifiers of the option
    /// `pwcheck_method` try.
    fn check_password(&self, _user: &[u8], _password: &Secret, _props: &Props) -> Option<Result<()>> {
        None
    }

    /// The application's own way to store a password (`None`: to disable the user); `None` when it has none.
    fn set_password(&self, _user: &[u8], _change: &PasswordChange<'_>, _props: &Props) -> Option<Result<()>> {
        None
    }

    /// The channel binding of a name that a client asks for, where the session was given none of that name.
    fn channel_binding(&self, _mechanism: &str, _name: &str) -> Option<ChannelBinding> {
        None
    }
}

/// Whom a client wants to act as.
#[derive(Debug)]
pub struct Authorize<'a> {
    /// The canonical authzid.
    pub user: &'a [u8],
    /// The canonical, authenticated authcid.
    pub authid: &'a [u8],
    /// The session's realm.
    pub realm: Option<&'a str>,
    /// The properties of both users that were requested.
    pub props: &'a Props,
}

/// A change of password.
#[derive(Debug)]
pub struct PasswordChange<'a> {
    /// The new password; `None` disables the user.
    pub password: Option<&'a Secret>,
    /// The password before, where the application knows it.
    pub old: Option<&'a Secret>,
    /// What else was asked for.
    pub flags: PasswordFlags,
}

/// How a password is to be set. The bits are those of the C interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PasswordFlags(pub u32);

impl PasswordFlags {
    /// Make the user if there is none.
    pub const CREATE: u32 = 0x01;
    /// Disable the user.
    pub const DISABLE: u32 = 0x02;
    /// Store no plaintext password.
    pub const NO_PLAIN: u32 = 0x04;
    /// Only the secret of the mechanism in use.
    pub const CURRENT_MECHANISM: u32 = 0x08;

    /// Whether a flag is set.
    #[must_use]
    pub const fn has(self, flag: u32) -> bool {
        self.0 & flag == flag
    }
}

/// The hooks of an application that has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

impl ServerHooks for NoHooks {}

impl ClientHooks for NoHooks {}

/// A client application's decisions.
pub trait ClientHooks: Any + Send {
    /// Options that go before those of the [`crate::Client`].
    fn options(&self) -> Option<&dyn Options> {
        None
    }

    /// Where this session's log lines go, if not to the log of the [`crate::Client`].
    fn log(&self) -> Option<&dyn Log> {
        None
    }

    /// The application's own canonical form of a name; `None` leaves the name as it is.
    ///
    /// # Errors
    /// Any; the authentication fails with it.
    fn canonicalize(&self, _name: &[u8], _cx: &CanonCx<'_>) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
