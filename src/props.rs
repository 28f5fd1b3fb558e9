//! The properties of a user that an authentication needs: requested by name, filled in by the stores.
//!
//! A name that starts with `*` is a property of the user who authenticates (authcid); any other is a property of the
//! user to act as (authzid).

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use crate::error::{Code, Error, Result};
use crate::secret::Secret;

/// A requested property and its values, if there are any. Values are kept as secrets, since most are.
#[derive(Debug, Clone)]
pub struct Prop {
    /// The name, with its `*`.
    pub name: Cow<'static, str>,
    /// `None` when nobody set it; an empty list is a property known to have no value.
    pub values: Option<Vec<Secret>>,
}

/// The properties requested on a connection. The methods take `&self`: stores and callbacks set values while a step runs.
#[derive(Debug, Default)]
pub struct Props {
    rows: RefCell<Vec<Prop>>,
    generation: Cell<u64>,
}

impl Props {
    /// No property requested.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests properties in addition to those requested before. All values are dropped, as they are no longer
    /// what one look-up would give; without any name nothing happens.
    pub fn request<S: Into<Cow<'static, str>>>(&self, names: impl IntoIterator<Item = S>) {
        let mut rows = self.rows.borrow_mut();
        let mut any = false;
        for name in names {
            let name = name.into();
            any = true;
            if !rows.iter().any(|row| row.name == name) {
                rows.push(Prop { name, values: None });
            }
        }
        if any {
            for row in rows.iter_mut() {
                row.values = None;
            }
            self.touch();
        }
    }

    /// Drops all values, and with `names_too` the requests as well.
    pub fn clear(&self, names_too: bool) {
        let mut rows = self.rows.borrow_mut();
        if names_too {
            rows.clear();
        } else {
            rows.iter_mut().for_each(|row| row.values = None);
        }
        self.touch();
    }

    /// Drops the values of one property.
    pub fn erase(&self, name: &str) {
        if let Some(row) = self.rows.borrow_mut().iter_mut().find(|row| row.name == name) {
            row.values = None;
            self.touch();
        }
    }

    /// Drops the values of the properties of the user to act as, because it will be another user than they are of.
    pub fn drop_authzid(&self) {
        self.rows.borrow_mut().iter_mut().filter(|row| !row.name.starts_with('*')).for_each(|row| row.values = None);
        self.touch();
    }

    /// Adds a value to a requested property.
    ///
    /// # Errors
    /// [`Code::BadParam`] for a property that nobody requested.
    pub fn add(&self, name: &str, value: Secret) -> Result<()> {
        let mut rows = self.rows.borrow_mut();
        let row = rows
            .iter_mut()
            .find(|row| row.name == name)
            .ok_or_else(|| Error::new(Code::BadParam, format!("the property {name} was not requested")))?;
        row.values.get_or_insert_default().push(value);
        self.touch();
        Ok(())
    }

    /// Marks a requested property as known to have no value, unless it has one.
    ///
    /// # Errors
    /// As [`Props::add`].
    pub fn add_none(&self, name: &str) -> Result<()> {
        let mut rows = self.rows.borrow_mut();
        let row = rows
            .iter_mut()
            .find(|row| row.name == name)
            .ok_or_else(|| Error::new(Code::BadParam, format!("the property {name} was not requested")))?;
        row.values.get_or_insert_default();
        self.touch();
        Ok(())
    }

    /// The first value of a property.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<Secret> {
        self.read(|rows| rows.iter().find(|row| row.name == name)?.values.as_ref()?.first().cloned())
    }

    /// Every value of a property.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<Secret> {
        self.read(|rows| {
            rows.iter().find(|row| row.name == name).and_then(|row| row.values.clone()).unwrap_or_default()
        })
    }

    /// Looks at the properties, in the order in which they were requested. `look` must not change them.
    pub fn read<T>(&self, look: impl FnOnce(&[Prop]) -> T) -> T {
        look(&self.rows.borrow())
    }

    /// A number that changes whenever the properties do.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    fn touch(&self) {
        self.generation.set(self.generation.get().wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_to_requested_properties_only_and_a_request_drops_them() {
        let props = Props::new();
        props.request(["*userPassword", "mail"]);
        props.request(["mail"]);
        props.add("mail", Secret::from("a@x")).unwrap();
        props.add("mail", Secret::from("b@x")).unwrap();
        assert_eq!(props.first("mail").unwrap().expose(), b"a@x");
        assert_eq!(props.all("mail").len(), 2);
        assert_eq!(props.add("uid", Secret::default()).unwrap_err().code(), Code::BadParam);
        assert_eq!(props.read(<[Prop]>::len), 2);
        props.request(["mail"]);
        assert!(props.first("mail").is_none());
    }

    #[test]
    fn one_users_values_go_and_the_others_stay() {
        let props = Props::new();
        props.request(["*mail", "mail"]);
        props.add("*mail", Secret::from("authcid")).unwrap();
        props.add("mail", Secret::from("authzid")).unwrap();
        let before = props.generation();
        props.drop_authzid();
        assert!(props.first("mail").is_none());
        assert_eq!(props.first("*mail").unwrap().expose(), b"authcid");
        assert_ne!(props.generation(), before);
    }

    #[test]
    fn known_to_be_empty_is_not_unknown() {
        let props = Props::new();
        props.request(["a"]);
        assert!(props.read(|rows| rows[0].values.is_none()));
        props.add_none("a").unwrap();
        assert!(props.read(|rows| rows[0].values.as_ref().unwrap().is_empty()));
        props.clear(true);
        assert_eq!(props.read(<[Prop]>::len), 0);
    }
}
