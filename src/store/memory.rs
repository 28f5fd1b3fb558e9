//! A store in memory, for tests, examples and applications that keep few users.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::{AuxProp, Change, LookupFlags, StoreCx};
use crate::error::{Code, Error, Result};
use crate::props::Props;
use crate::secret::Secret;

/// The values of a user's properties, by name.
type Properties = BTreeMap<String, Vec<Secret>>;

/// Users and their properties, by canonical name.
#[derive(Debug, Default)]
pub struct Memory {
    users: RwLock<BTreeMap<Vec<u8>, Properties>>,
}

impl Memory {
    /// No user.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this user and password.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Self {
        self.property(name, "userPassword", password)
    }

    /// With this value of a property of a user.
    #[must_use]
    pub fn property(self, name: &str, property: &str, value: &str) -> Self {
        self.users
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.as_bytes().to_vec())
            .or_default()
            .entry(property.to_owned())
            .or_default()
            .push(Secret::from(value));
        self
    }
}

impl AuxProp for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn lookup(&self, _: &StoreCx<'_>, user: &[u8], flags: LookupFlags, props: &Props) -> Result<()> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        let properties = users.get(user).ok_or_else(|| Error::from(Code::NoUser))?;
        for (requested, name) in flags.wanted(props) {
            for value in properties.get(&*name).into_iter().flatten() {
                props.add(&requested, value.clone())?;
            }
        }
        Ok(())
    }

    fn can_store(&self, _: &StoreCx<'_>) -> Result<()> {
        Ok(())
    }

    fn store(&self, _: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        let properties = users.entry(user.to_vec()).or_default();
        for change in changes {
            if change.values.is_empty() {
                properties.remove(change.name);
            } else {
                properties.insert(change.name.to_owned(), change.values.to_vec());
            }
        }
        if properties.is_empty() {
            users.remove(user);
        }
        Ok(())
    }
}
