//! `pwcheck_method: auxprop`: the password in the stores.

use subtle::{Choice, ConstantTimeEq as _};

use super::{Attempt, PasswordVerifier};
use crate::crypto::{MD5_LEN, md5};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

const PASSWORD: &str = "*userPassword";
/// What programs of old kept for PLAIN: a salt of 16 bytes, a NUL, and MD5(salt, "sasldb", password).
const OLD_SECRET: &str = "*cmusaslsecretPLAIN";
const NO_SECRET: &str = "no secret in database";

/// Compares with the property `userPassword`, else with the secret that programs of old stored for PLAIN.
#[derive(Debug, Clone, Copy, Default)]
pub struct Auxprop;

impl PasswordVerifier for Auxprop {
    fn name(&self) -> &str {
        "auxprop"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        attempt.directory.lookup(attempt.user, &[PASSWORD, OLD_SECRET])?;
        let props = attempt.directory.props();
        let right = match (props.first(PASSWORD), props.first(OLD_SECRET)) {
            // An empty stored password is a user without one: nobody logs in with it.
            (Some(stored), _) => {
                stored.matches(password.expose()) & Choice::from(u8::from(!stored.expose().is_empty()))
            }
            (None, Some(stored)) => matches_old(&stored, password),
            (None, None) => return Err(Error::new(Code::NoUser, NO_SECRET)),
        };
        if bool::from(right) {
            return Ok(());
        }
        props.erase(PASSWORD);
        Err(Error::bad_auth("login incorrect"))
    }

    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        attempt.directory.lookup(attempt.user, &[PASSWORD, OLD_SECRET])?;
        attempt.directory.props().erase(PASSWORD);
        Ok(())
    }

    fn is_foreign(&self) -> bool {
        false
    }
}

/// Whether an old secret is that of a password; a secret of another form is nobody's.
fn matches_old(stored: &Secret, password: &Secret) -> Choice {
    match stored.expose().split_at_checked(SALT) {
        Some((salt, [0, digest @ ..])) if digest.len() == MD5_LEN => {
            md5(&[salt, b"sasldb", password.expose()])[..].ct_eq(digest)
        }
        _ => Choice::from(0),
    }
}

const SALT: usize = 16;
