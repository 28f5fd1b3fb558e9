//! `pwcheck_method: sasldb`: what [`super::auxprop`] is called where the interface of Cyrus SASL 1.5 is spoken.

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

    /// A database can have the secret of one mechanism and not those of the others.
    fn is_foreign(&self) -> bool {
        true
    }
}
