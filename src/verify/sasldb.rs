//! `pwcheck_method: sasldb`: the name that [`super::auxprop`] has in configurations of Cyrus SASL 1.5.

use super::auxprop::Auxprop;
use super::{Attempt, PasswordVerifier};
use crate::error::Result;
use crate::secret::Secret;

/// Compares with the secret that the database has for PLAIN.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sasldb;

impl PasswordVerifier for Sasldb {
    fn name(&self) -> &str {
        "sasldb"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        Auxprop.verify(attempt, password)
    }

    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        Auxprop.user_exists(attempt)
    }

    fn is_foreign(&self) -> bool {
        false
    }
}
