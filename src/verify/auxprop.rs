//! `pwcheck_method: auxprop`: the password in the stores.

use subtle::Choice;

use super::{Attempt, PasswordVerifier};
use crate::crypto::salted_md5_matches;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

const PASSWORD: &str = "*userPassword";
/// What programs of old kept for PLAIN ([`salted_md5_matches`]).
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
            (None, Some(stored)) => salted_md5_matches(stored.expose(), password.expose()),
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
