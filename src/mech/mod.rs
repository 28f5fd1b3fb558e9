//! Mechanisms. One file each holds its grammar, client, server and tests; a line in [`BUILTIN`] puts it everywhere:
//! into listings, the interoperability matrix, the fuzz targets and the README's table.

use std::any::Any;
use std::borrow::Cow;

use crate::config::{NoOptions, Options};
use crate::ctx::{Authenticated, ClientCx, ServerCx};
use crate::error::{Code, Error, Result};
use crate::gss;
use crate::hooks::PasswordChange;
use crate::identity::Account;
use crate::layer::SecurityLayer;
use crate::policy::{Features, Refusal, SecurityFlags, Ssf};
use crate::prompt::PromptKind;
use crate::secret::Secret;

pub mod anonymous;
pub mod cram_md5;
pub mod digest_md5;
pub mod external;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
pub mod gs2;
mod gss_common;
pub mod gssapi;
pub mod login;
pub mod plain;
pub mod scram;
pub mod spnego;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) mod test_world;

/// Every mechanism that is built in. The order decides between mechanisms that are equally strong.
pub static BUILTIN: &[&dyn Mechanism] = &[
    &spnego::Spnego,
    &gssapi::Gssapi,
    &scram::SHA512,
    &scram::SHA384,
    &scram::SHA256,
    &scram::SHA224,
    &scram::SHA1,
    &gs2::Krb5,
    &digest_md5::DigestMd5,
    &external::External,
    &cram_md5::CramMd5,
    &plain::Plain,
    &login::Login,
    &anonymous::Anonymous,
];

/// What is known about a mechanism before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MechInfo {
    /// The registered name (IANA, "SASL Mechanisms"), without `-PLUS`.
    pub name: Cow<'static, str>,
    /// The part that it comes from, as listings show it.
    pub plugin: Cow<'static, str>,
    /// The strength of its strongest security layer.
    pub max_ssf: Ssf,
    /// What it guarantees.
    pub security: SecurityFlags,
    /// The length of its hash in bits, where mechanisms differ in nothing else.
    pub hash_bits: u32,
    /// How its server behaves; `None` when it has none.
    pub server: Option<Features>,
    /// How its client behaves; `None` when it has none.
    pub client: Option<Features>,
    /// What its client must be able to ask; without it the mechanism is not offered.
    pub prompts: Cow<'static, [PromptKind]>,
}

/// What a client of most mechanisms must be able to ask.
pub const NAME_AND_PASSWORD: Cow<'static, [PromptKind]> = Cow::Borrowed(&[PromptKind::AuthName, PromptKind::Pass]);

/// A side of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The side that authenticates.
    Client,
    /// The side that is authenticated to.
    Server,
}

/// What a mechanism may look at to say whether it can work on a connection.
pub struct Facts<'a> {
    /// Which side asks.
    pub side: Side,
    /// The service (`smtp`, `ldap`).
    pub service: &'a str,
    /// The server's host name; a client need not know it.
    pub fqdn: &'a str,
    /// Whether the layer underneath says who the client is.
    pub has_external_id: bool,
    /// The application's own credentials for the GSS-API, if it gave any.
    pub gss_credentials: Option<gss::ForeignCred>,
    /// The session's options.
    pub options: &'a dyn Options,
    /// The session's hooks, for a mechanism that belongs to the same application.
    pub host: &'a dyn Any,
}

/// A mechanism: a unit struct of one of the files here, a user's own, or a loaded plugin.
pub trait Mechanism: Any + Send + Sync {
    /// What is known about it.
    fn info(&self) -> &MechInfo;

    /// Whether it can work on a connection at all.
    ///
    /// # Errors
    /// Why not.
    fn available(&self, _facts: &Facts<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Opens what it will need and the application may not reach later: servers confine themselves (`chroot`) once they have
    /// begun. What cannot be opened is told when it is needed.
    fn prepare(&self, _options: &dyn Options) {}

    /// Whether its name with `-PLUS` is registered too, for channel bindings that both sides use.
    fn has_plus(&self) -> bool {
        let features = self.info().server.or(self.info().client);
        features.is_some_and(|features| features.contains(Features::CHANNEL_BINDING))
    }

    /// A server for one exchange; `None` when there is none.
    fn server(&self) -> Option<Box<dyn ServerMech>> {
        None
    }

    /// A client for one exchange; `None` when there is none.
    fn client(&self) -> Option<Box<dyn ClientMech>> {
        None
    }

    /// The property in which stores keep the secret that [`derive_secret`](Self::derive_secret) makes; none for a mechanism
    /// that has no secret of its own.
    fn own_secret(&self) -> Option<&'static str> {
        None
    }

    /// What the mechanism needs of a password to recognise a user who has it, and from which the password does not follow.
    ///
    /// # Errors
    /// [`Code::NoChange`] for a mechanism that has no secret of its own; else why it cannot be made.
    fn derive_secret(&self, _options: &dyn Options, _account: &Account, _password: &Secret) -> Result<Secret> {
        Err(Error::from(Code::NoChange))
    }

    /// Whether a stored secret of the mechanism's own is that of this user and password.
    fn is_secret_of(&self, stored: &Secret, account: &Account, password: &Secret) -> bool {
        self.derive_secret(&NoOptions, account, password).is_ok_and(|secret| secret.matches(stored.expose()).into())
    }

    /// Stores the mechanism's own secret for a user.
    ///
    /// # Errors
    /// [`Code::NoChange`] when it has none of its own; else why it could not.
    fn set_password(&self, _cx: &ServerCx<'_>, _user: &[u8], _change: &PasswordChange<'_>) -> Result<()> {
        Err(Error::from(Code::NoChange))
    }

    /// Whether [`set_password`](Self::set_password) stores anything.
    fn sets_passwords(&self) -> bool {
        false
    }
}

/// The server of one exchange. After an error, or when it is done, it is dropped and never stepped again.
pub trait ServerMech: Send {
    /// Called once, before the first step, when the client has named the mechanism.
    ///
    /// # Errors
    /// Why the exchange cannot begin.
    fn begin(&mut self, _cx: &ServerCx<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes the client's message; the first is empty when the client has not spoken yet.
    ///
    /// # Errors
    /// Why the authentication fails.
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step>;
}

/// What a server does next.
pub enum Step {
    /// Sends this challenge and waits for the response.
    Continue(Vec<u8>),
    /// Has authenticated the client.
    Done(Outcome),
}

/// A successful authentication, as its server sees it.
pub struct Outcome {
    /// The proof.
    pub auth: Authenticated,
    /// The last message to the client, if the mechanism has one.
    pub data: Option<Vec<u8>>,
    /// The security layer that was agreed on.
    pub layer: Option<Box<dyn SecurityLayer>>,
}

impl From<Authenticated> for Step {
    /// Done, with no last message and no layer.
    fn from(auth: Authenticated) -> Self {
        Step::Done(Outcome { auth, data: None, layer: None })
    }
}

/// The client of one exchange. After an error other than [`Code::Interact`], or when it is done, it is dropped.
pub trait ClientMech: Send {
    /// Gets what cannot be known before it is tried: a ticket, say. Called before all else, and while other mechanisms could
    /// still be used: what the user would have to be asked for waits for the first step.
    ///
    /// # Errors
    /// Why it cannot be had. After a [`Code::Fail`] the client tries the next mechanism, and fails with this error if there
    /// is no other; any other error is final.
    fn prepare(&mut self, _cx: &ClientCx<'_>) -> Result<()> {
        Ok(())
    }

    /// Called once, before the first step, when the mechanism has been chosen.
    ///
    /// # Errors
    /// Why the exchange cannot begin.
    fn begin(&mut self, _cx: &ClientCx<'_>) -> Result<()> {
        Ok(())
    }

    /// Takes the server's message; there is none before the client has spoken first.
    ///
    /// # Errors
    /// [`Code::Interact`]: the step is repeated with the same input once the user has answered. Any other: why the
    /// authentication fails.
    fn step(&mut self, cx: &ClientCx<'_>, input: Option<&[u8]>) -> Result<ClientStep>;
}

/// What a client does next.
pub enum ClientStep {
    /// Sends this response, if any, and waits for the next challenge.
    Continue(Option<Vec<u8>>),
    /// Is done: sends this response, if any, and has authenticated the server if the mechanism does that.
    Done {
        /// The last response.
        response: Option<Vec<u8>>,
        /// The security layer that was agreed on.
        layer: Option<Box<dyn SecurityLayer>>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret that a mechanism makes of a password it knows again, and takes for no other's.
    #[test]
    fn own_secrets_are_known_again() {
        let account = |user: &str| Account { user: user.into(), realm: "example.com".into() };
        let (pencil, pen) = (Secret::from("pencil"), Secret::from("pen"));
        let options = [("scram_iteration_counter", "1")];
        let mut tried = 0;
        for mechanism in BUILTIN.iter().filter(|mechanism| mechanism.own_secret().is_some()) {
            let name = &mechanism.info().name;
            let Ok(secret) = mechanism.derive_secret(&options, &account("tim"), &pencil) else { continue };
            assert!(mechanism.is_secret_of(&secret, &account("tim"), &pencil), "{name}");
            assert!(!mechanism.is_secret_of(&secret, &account("tim"), &pen), "{name}");
            for other in [&b""[..], b"pencil", &secret.expose()[1..]] {
                assert!(!mechanism.is_secret_of(&Secret::from(other), &account("tim"), &pencil), "{name} {other:?}");
            }
            tried += 1;
        }
        assert!(tried >= 7, "{tried}");
    }
}
