//! `pwcheck_method: auxprop`: the password in the stores.

use subtle::Choice;

use super::{Attempt, PasswordVerifier};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

const PASSWORD: &str = "*userPassword";
const NO_SECRET: &str = "no secret in database";

/// Compares with the property `userPassword`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Auxprop;

impl PasswordVerifier for Auxprop {
    fn name(&self) -> &str {
        "auxprop"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        attempt.directory.lookup(attempt.user, &[PASSWORD])?;
        let props = attempt.directory.props();
        let stored = props.first(PASSWORD).ok_or_else(|| Error::new(Code::NoUser, NO_SECRET))?;
        // An empty stored password is a user without one: nobody logs in with it.
        let right = stored.matches(password.expose()) & Choice::from(u8::from(!stored.expose().is_empty()));
        if bool::from(right) {
            return Ok(());
        }
        props.erase(PASSWORD);
        Err(Error::bad_auth("login incorrect"))
    }

    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        attempt.directory.lookup(attempt.user, &[PASSWORD])?;
        match attempt.directory.props().first(PASSWORD) {
            Some(_) => Ok(()),
            None => Err(Error::new(Code::NoUser, NO_SECRET)),
        }
    }

    fn is_foreign(&self) -> bool {
        false
    }
}
