//! `pwcheck_method: shadow`: the hashes that the system keeps apart, for root's eyes only.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::hashed::{self, Answer};
use super::{Attempt, PasswordVerifier, REFUSED};
use crate::config::Options;
use crate::error::{Error, Result};
use crate::log::Level;
use crate::secret::Secret;
use crate::sys::{accounts, crypt};

const FILE: &str = "/etc/shadow";

/// Compares with the system's shadow entry of the user. An account that is locked or whose last day is over lets nobody in; the
/// age of a password does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shadow;

impl PasswordVerifier for Shadow {
    fn name(&self) -> &str {
        "shadow"
    }

    fn prepare(&self, _: &dyn Options) {
        // What is missing is told to whoever needs it.
        let _ = crypt::load();
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        let user = hashed::user_of(attempt, password)?;
        let file = Path::new(FILE);
        let unreadable = |error: io::Error| hashed::unreadable(attempt, file, &error);
        let Some(entry) = accounts::shadow(&user).map_err(unreadable)? else {
            // Where another database comes after the file, the system does not say that it could not read the file.
            match File::open(file) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(unreadable(error)),
                _ => hashed::pretend(attempt, file, password)?,
            }
            return Err(Error::bad_auth(REFUSED));
        };
        match hashed::compare(attempt, file, &entry.hash, password)? {
            Answer::Right if is_over(entry.expires, today()) => {
                Err(hashed::refuse(attempt, self.name(), Level::Fail, "the account has expired"))
            }
            Answer::Right => Ok(()),
            Answer::Wrong => Err(Error::bad_auth(REFUSED)),
            Answer::Locked => Err(hashed::refuse(attempt, self.name(), Level::Fail, "the account is locked")),
            Answer::Without => {
                Err(hashed::refuse(attempt, self.name(), Level::Fail, "the account has no password in /etc/shadow"))
            }
        }
    }

    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        hashed::exists(attempt)
    }
}

/// Whether the last day of an account is before today. Negative is no last day.
fn is_over(expires: i64, today: i64) -> bool {
    expires >= 0 && expires < today
}

/// The days since 1970-01-01. A clock before that is wrong, and so far ahead that everything is over.
fn today() -> i64 {
    let days = SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs() / 86400);
    days.ok().and_then(|days| i64::try_from(days).ok()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_ends_after_its_last_day() {
        assert!(!is_over(-1, 20_000));
        assert!(is_over(0, 20_000));
        assert!(is_over(19_999, 20_000));
        assert!(!is_over(20_000, 20_000));
        assert!(!is_over(20_001, 20_000));
        assert!((20_000..100_000).contains(&today()));
    }
}
