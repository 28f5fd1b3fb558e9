//! Who checks a plaintext password (the option `pwcheck_method`).

use std::any::Any;
use std::sync::Arc;

use crate::config::Options;
use crate::error::Result;
use crate::log::Log;
use crate::props::Props;
use crate::secret::Secret;

pub mod authdaemond;
pub mod auxprop;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod hashed;
pub mod ldap;
pub mod pam;
pub mod passwd;
pub mod pwcheck;
pub mod saslauthd;
pub mod sasldb;
pub mod shadow;
mod socket;
mod stored;
pub mod unavailable;

/// Those that every server has.
#[must_use]
pub fn builtin() -> Vec<Arc<dyn PasswordVerifier>> {
    let mut all: Vec<Arc<dyn PasswordVerifier>> = vec![
        Arc::new(auxprop::Auxprop),
        Arc::new(sasldb::Sasldb),
        Arc::new(saslauthd::Saslauthd),
        Arc::new(authdaemond::Authdaemond),
        Arc::new(pam::Pam),
        Arc::new(ldap::Ldap::default()),
        Arc::new(shadow::Shadow),
        Arc::new(passwd::Passwd),
        Arc::new(pwcheck::Pwcheck),
    ];
    all.extend(unavailable::all().map(|verifier| Arc::new(verifier) as Arc<dyn PasswordVerifier>));
    all
}

/// The detail of a plain no.
const REFUSED: &str = "authentication failed";

/// A user's name for a line of the log: in quotes, and so that it cannot begin another line.
fn shown(user: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(user))
}

/// The stores of the session, as a verifier sees them.
pub trait Directory {
    /// Requests properties of a user anew and looks them up: names that start with `*`.
    ///
    /// # Errors
    /// As [`crate::store::lookup`].
    fn lookup(&self, user: &[u8], names: &[&'static str]) -> Result<()>;

    /// What was found.
    fn props(&self) -> &Props;

    /// Whether new passwords are stored as verifiers of SCRAM, so that most users have one.
    fn stores_verifiers(&self) -> bool;
}

/// A user whose password is to be checked.
pub struct Attempt<'a> {
    /// The canonical name.
    pub user: &'a [u8],
    /// The service (`smtp`, `ldap`).
    pub service: &'a str,
    /// The session's realm.
    pub realm: Option<&'a str>,
    /// The client's address, `address;port`.
    pub remote: Option<&'a str>,
    /// The stores.
    pub directory: &'a dyn Directory,
    /// The session's options.
    pub options: &'a dyn Options,
    /// The session's log.
    pub log: &'a dyn Log,
    /// The session's hooks, for a verifier that belongs to the same application.
    pub host: &'a dyn Any,
}

/// Checks plaintext passwords. Implement it over whatever knows them.
pub trait PasswordVerifier: Send + Sync {
    /// The word of the option `pwcheck_method` that selects it.
    fn name(&self) -> &str;

    /// Opens what it will need and the application may not reach later: servers confine themselves (`chroot`) once they have
    /// begun. What cannot be opened is told when it is needed.
    fn prepare(&self, _options: &dyn Options) {}

    /// Checks a password. Whatever is not proved right is an error.
    ///
    /// # Errors
    /// [`crate::Code::BadAuth`] for a wrong password, [`crate::Code::NoUser`] for an unknown user, another when it could not
    /// be checked.
    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()>;

    /// Whether the user exists.
    ///
    /// # Errors
    /// [`crate::Code::NoUser`], or another when that could not be found out.
    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()>;

    /// Whether success means that the stores hold no password yet, so that `auto_transition` has something to do.
    fn is_foreign(&self) -> bool {
        true
    }
}
