//! `pwcheck_method: passwd`: the hashes of systems that keep them where everybody can read them.

use std::path::Path;

use super::hashed::{self, Answer};
use super::{Attempt, PasswordVerifier, REFUSED};
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::secret::Secret;
use crate::sys::crypt;

pub(super) const FILE: &str = "/etc/passwd";

/// Compares with the hash in the system's passwd entry of the user, if there is one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Passwd;

impl PasswordVerifier for Passwd {
    fn name(&self) -> &str {
        "passwd"
    }

    fn prepare(&self, _: &dyn Options) {
        // What is missing is told to whoever needs it.
        let _ = crypt::load();
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        let user = hashed::user_of(attempt, password)?;
        let file = Path::new(FILE);
        let Some(hash) = hashed::passwd(attempt, &user)? else {
            hashed::pretend(attempt, file, password)?;
            return Err(Error::new(Code::NoUser, REFUSED));
        };
        match hashed::compare(attempt, file, &hash, password)? {
            Answer::Right => Ok(()),
            Answer::Wrong => Err(Error::bad_auth(REFUSED)),
            Answer::Locked => Err(hashed::refuse(attempt, self.name(), Level::Fail, "the account is locked")),
            Answer::Without => {
                let why =
                    "the account has no password in /etc/passwd; pwcheck_method shadow or pam looks where it may be";
                Err(hashed::refuse(attempt, self.name(), Level::Err, why))
            }
        }
    }

    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        hashed::exists(attempt)
    }
}
