//! The words of `pwcheck_method` that exist, but that no system of today can do.

use super::{Attempt, PasswordVerifier};
use crate::config::known::UNAVAILABLE;
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::secret::Secret;

/// Refuses everybody, and says what to use instead.
#[derive(Debug, Clone, Copy)]
pub struct Unavailable {
    name: &'static str,
    reason: &'static str,
}

/// All of them.
pub fn all() -> impl Iterator<Item = Unavailable> {
    UNAVAILABLE.iter().map(|&(name, reason)| Unavailable { name, reason })
}

impl Unavailable {
    fn refuse(&self, attempt: &Attempt<'_>) -> Result<()> {
        let line = format!("pwcheck_method {}: {}", self.name, self.reason);
        attempt.log.log(Level::Err, &line);
        Err(Error::new(Code::NoMech, line))
    }
}

impl PasswordVerifier for Unavailable {
    fn name(&self) -> &str {
        self.name
    }

    fn verify(&self, attempt: &Attempt<'_>, _: &Secret) -> Result<()> {
        self.refuse(attempt)
    }

    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        self.refuse(attempt)
    }
}
