//! `pwcheck_method: auxprop`: the password in the stores.

use subtle::Choice;

use super::stored::{is_password, pretend};
use super::{Attempt, PasswordVerifier};
use crate::crypto::StoredPassword::{self, Scram};
use crate::crypto::{HmacMd5State, salted_md5_matches};
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::secret::Secret;

const PASSWORD: &str = "*userPassword";
const VERIFIERS: &str = "*authPassword";
/// The state of HMAC-MD5 with the password, which CRAM-MD5 needs.
const HMAC_STATE: &str = "*cmusaslsecretCRAM-MD5";
/// What programs of old kept for PLAIN ([`salted_md5_matches`]).
const OLD_SECRET: &str = "*cmusaslsecretPLAIN";
const NO_SECRET: &str = "no secret in database";

/// Compares with the property `userPassword`, in any of the forms that [`crate::crypto::StoredPassword`] knows; else with what CRAM-MD5
/// has; else with a verifier in `authPassword`; else with the secret that programs of old stored for PLAIN.
#[derive(Debug, Clone, Copy, Default)]
pub struct Auxprop;

impl PasswordVerifier for Auxprop {
    fn name(&self) -> &str {
        "auxprop"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        let verifiers = attempt.directory.stores_verifiers();
        // Where most users have a password, it is asked for alone: a question more may cost a query.
        let names =
            if verifiers { &[PASSWORD, OLD_SECRET, VERIFIERS, HMAC_STATE][..] } else { &[PASSWORD, OLD_SECRET] };
        let mut right = attempt.directory.lookup(attempt.user, names).and_then(|()| compare(attempt, password));
        if !verifiers && matches!(&right, Err(error) if error.detail() == NO_SECRET) {
            right = attempt.directory.lookup(attempt.user, &[VERIFIERS]).and_then(|()| compare(attempt, password));
        }
        let right = right.inspect_err(|error| {
            if error.code() == Code::NoUser && verifiers {
                pretend(password);
            }
        })?;
        if bool::from(right) {
            return Ok(());
        }
        attempt.directory.props().erase(PASSWORD);
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

/// Whether the password is that which the stores have of the user.
fn compare(attempt: &Attempt<'_>, password: &Secret) -> Result<Choice> {
    let props = attempt.directory.props();
    if let Some(stored) = props.first(PASSWORD) {
        return is_password(&stored, password).inspect_err(|error| {
            // Neither the scheme nor what follows it is shown: the stored value may be a password after all.
            let user = String::from_utf8_lossy(attempt.user);
            attempt.log.log(Level::Err, &format!("userPassword of {user}: {}", error.detail()));
        });
    }
    // One is enough: they are of the same password.
    // Where what CRAM-MD5 needs is stored anyway, a right password is recognised by it: that takes no time. A wrong one takes
    // as long as a verifier does.
    let state = props.first(HMAC_STATE);
    if state.as_ref().is_some_and(|state| state.matches(&HmacMd5State::new(password.expose()).to_bytes()[..]).into()) {
        return Ok(Choice::from(u8::from(!password.expose().is_empty())));
    }
    let verifiers = props.all(VERIFIERS);
    let verifier = verifiers.iter().find(|stored| matches!(StoredPassword::parse(stored.expose()), Scram(..)));
    match (verifier, props.first(OLD_SECRET)) {
        (Some(stored), _) => is_password(stored, password),
        (None, Some(stored)) => {
            let given = password.expose();
            // An empty password is none, whatever is stored.
            Ok(salted_md5_matches(stored.expose(), given) & Choice::from(u8::from(!given.is_empty())))
        }
        (None, None) if state.is_some() => Ok(Choice::from(0)),
        (None, None) => Err(Error::new(Code::NoUser, NO_SECRET)),
    }
}
