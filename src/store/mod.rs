//! Where the properties of users are kept (auxprop), and how several such stores answer as one.

use std::any::Any;

use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::identity::split_realm;
use crate::log::{Level, Log};
use crate::props::Props;
use crate::secret::Secret;

pub mod auxprop_sasldb;
pub mod bdb;
pub mod gdbm;
pub mod lmdb;
pub mod memory;
mod replace;
pub mod sasldb;
pub mod sql;
mod stamp;

/// What a store is told about the session that asks.
pub struct StoreCx<'a> {
    /// The service (`smtp`, `ldap`).
    pub service: &'a str,
    /// The server's host name: the realm of names that have none on a session that has none.
    pub fqdn: &'a str,
    /// The session's realm.
    pub realm: Option<&'a str>,
    /// The realm of the user who is asked about, where the name does not tell it ([`crate::identity::Naming::Classic`]).
    pub user_realm: Option<&'a [u8]>,
    /// The session's options.
    pub options: &'a dyn Options,
    /// The session's log.
    pub log: &'a dyn Log,
    /// The session's hooks, for a store that belongs to the same application.
    pub host: &'a dyn Any,
}

impl<'a> StoreCx<'a> {
    /// The user and the realm of a canonical name.
    #[must_use]
    pub fn account(&'a self, name: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        match self.user_realm {
            Some(realm) => (name, realm),
            None => split_realm(name, self.realm.unwrap_or(self.fqdn).as_bytes()),
        }
    }
}

/// How properties are looked up. The bits are those of the C interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LookupFlags(u32);

impl LookupFlags {
    /// For the user to act as: properties without a `*`. Otherwise for the user who authenticates.
    pub const AUTHZID: Self = LookupFlags(2);

    /// Flags from the bits of the C interface.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        LookupFlags(bits)
    }

    /// The bits of the C interface.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether the properties without a `*` are meant.
    #[must_use]
    pub const fn is_authzid(self) -> bool {
        self.0 & Self::AUTHZID.0 != 0
    }

    /// The requested properties that such a look-up has still to fill: each as requested, and as a store names it
    /// (without the `*`).
    #[must_use]
    pub fn wanted(self, props: &Props) -> Vec<(String, String)> {
        const OVERRIDE: u32 = 1;
        props.read(|rows| {
            rows.iter()
                .filter(|row| row.values.is_none() || self.0 & OVERRIDE != 0)
                .filter_map(|row| match (row.name.strip_prefix('*'), self.is_authzid()) {
                    (Some(bare), false) => Some((row.name.clone(), bare.to_owned())),
                    (None, true) => Some((row.name.clone(), row.name.clone())),
                    _ => None,
                })
                .collect()
        })
    }
}

/// How a store keeps passwords unless the option `password_storage` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As one-way secrets: what each mechanism needs to recognise a user.
    Secrets,
    /// As they are, since its other readers know no other form.
    Plaintext,
}

/// A change to one property; no value removes it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The name of the property, without a `*`.
    pub name: &'a str,
    /// Its new values; an empty list removes it.
    pub values: &'a [Secret],
}

/// A store of users' properties. Implement it over whatever holds them.
pub trait AuxProp: Any + Send + Sync {
    /// The name that the option `auxprop_plugin` gives.
    fn name(&self) -> &str;

    /// Whether the options say enough for it to be asked. One for which they do not is as if it were not there.
    fn is_configured(&self, _options: &dyn Options) -> bool {
        true
    }

    /// Opens what it will need and the application may not reach later: servers confine themselves (`chroot`) once they have
    /// begun. What cannot be opened is told when it is needed.
    fn prepare(&self, _options: &dyn Options) {}

    /// Adds to `props` the values of those [`wanted`](LookupFlags::wanted) that the user has.
    ///
    /// # Errors
    /// [`Code::NoUser`] when there is no such user; any other stops the authentication.
    fn lookup(&self, cx: &StoreCx<'_>, user: &[u8], flags: LookupFlags, props: &Props) -> Result<()>;

    /// Whether users can have secrets of this mechanism's own here.
    ///
    /// # Errors
    /// Why not: the mechanism is then not offered where only such secrets are kept.
    fn serves(&self, _cx: &StoreCx<'_>, _mechanism: &str) -> Result<()> {
        Ok(())
    }

    /// How passwords are to be kept here.
    fn form(&self, _cx: &StoreCx<'_>) -> Form {
        Form::Secrets
    }

    /// A random key that is kept with the users, and stays when they do. None where there is none yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn salt_key(&self, _cx: &StoreCx<'_>) -> Result<Option<Secret>> {
        Ok(None)
    }

    /// Whether [`store`](Self::store) can work at all, as far as can be told without a user.
    ///
    /// # Errors
    /// Why it cannot.
    fn can_store(&self, _cx: &StoreCx<'_>) -> Result<()> {
        Err(Error::new(Code::NoChange, "this store is read only"))
    }

    /// Changes properties of a user, all or none of them.
    ///
    /// # Errors
    /// What went wrong; [`Code::ConstraintViolat`] when this store cannot keep such a property but another may.
    fn store(&self, cx: &StoreCx<'_>, _user: &[u8], _changes: &[Change<'_>]) -> Result<()> {
        self.can_store(cx)
    }
}

/// The stores that the option `auxprop_plugin` selects, in its order; all of them without it. Several may have one name. Those for
/// which options are missing are passed over.
///
/// # Errors
/// [`Code::NoMech`], with the name, when it selects none.
pub fn select<'a, S: AsRef<dyn AuxProp>>(stores: &'a [S], options: &dyn Options) -> Result<Vec<&'a dyn AuxProp>> {
    let named = |name: &str| {
        stores.iter().map(AsRef::as_ref).filter(|store| store.name().eq_ignore_ascii_case(name)).collect::<Vec<_>>()
    };
    let list = options.get(None, "auxprop_plugin");
    let chosen: Vec<&dyn AuxProp> = match &list {
        None => stores.iter().map(AsRef::as_ref).collect(),
        Some(list) => list.split_ascii_whitespace().flat_map(named).collect(),
    };
    let chosen: Vec<_> = chosen.into_iter().filter(|store| store.is_configured(options)).collect();
    if chosen.is_empty() { Err(not_found(list.as_deref().unwrap_or("[all]"))) } else { Ok(chosen) }
}

fn not_found(wanted: &str) -> Error {
    Error::new(Code::NoMech, format!("could not find auxprop plugin, was searching for '{wanted}'"))
}

/// Asks the selected stores for the requested properties of a user.
///
/// # Errors
/// [`Code::NoUser`] when no store knows the user, [`Code::NoMech`] when there is no store; else the failure of a store.
pub fn lookup<S: AsRef<dyn AuxProp>>(
    stores: &[S],
    cx: &StoreCx<'_>,
    user: &[u8],
    flags: LookupFlags,
    props: &Props,
) -> Result<()> {
    let chosen = match select(stores, cx.options) {
        Ok(chosen) => chosen,
        Err(error) => {
            cx.log.log(Level::Debug, error.detail());
            return Err(error);
        }
    };
    let mut combined = Err(Error::from(Code::NoMech));
    for store in chosen {
        let one = store.lookup(cx, user, flags, props);
        combined = combine(combined, one);
    }
    // A user without anything to verify is there; whoever needs a secret will miss it.
    combined.or_else(|error| if error.code() == Code::NoVerify { Ok(()) } else { Err(error) })
}

/// What two stores together say. A store that failed makes the answer a failure: what it would have said is not known.
fn combine(so_far: Result<()>, next: Result<()>) -> Result<()> {
    let rank = |result: &Result<()>| match result.as_ref().map_err(Error::code) {
        Err(Code::NoMech) => 0,
        Err(Code::NoUser) => 1,
        Ok(()) | Err(Code::NoVerify) => 2,
        Err(Code::Disabled) => 3,
        Err(_) => 4,
    };
    if rank(&next) >= rank(&so_far) { next } else { so_far }
}

/// Whether a selected store can have secrets of this mechanism's own.
///
/// # Errors
/// That of the last store; [`Code::NoMech`] when there is none.
pub fn serves<S: AsRef<dyn AuxProp>>(stores: &[S], cx: &StoreCx<'_>, mechanism: &str) -> Result<()> {
    let mut last = Error::from(Code::NoMech);
    for store in select(stores, cx.options)? {
        match store.serves(cx, mechanism) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Changes properties of a user in every selected store.
///
/// # Errors
/// That of the first store that failed; a constraint violation only when no store could keep the change.
pub fn store<S: AsRef<dyn AuxProp>>(stores: &[S], cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
    store_each(stores, cx, user, |_| changes.to_vec())
}

/// As [`store`], with changes that depend on the store.
///
/// # Errors
/// As [`store`].
pub fn store_each<'a, S: AsRef<dyn AuxProp>>(
    stores: &[S],
    cx: &StoreCx<'_>,
    user: &[u8],
    mut changes: impl FnMut(&dyn AuxProp) -> Vec<Change<'a>>,
) -> Result<()> {
    let mut kept = false;
    let mut violation = None;
    for store in select_for_store(stores, cx)? {
        match store.store(cx, user, &changes(store)) {
            Ok(()) => kept = true,
            Err(error) if error.code() == Code::ConstraintViolat => violation = Some(error),
            Err(error) => return Err(error),
        }
    }
    match violation {
        Some(error) if !kept => Err(error),
        _ => Ok(()),
    }
}

/// Whether every selected store can be written to.
///
/// # Errors
/// Why one cannot.
pub fn can_store<S: AsRef<dyn AuxProp>>(stores: &[S], cx: &StoreCx<'_>) -> Result<()> {
    select_for_store(stores, cx)?.into_iter().try_for_each(|store| store.can_store(cx))
}

pub(crate) fn select_for_store<'a, S: AsRef<dyn AuxProp>>(
    stores: &'a [S],
    cx: &StoreCx<'_>,
) -> Result<Vec<&'a dyn AuxProp>> {
    select(stores, cx.options).map_err(|error| {
        cx.log.log(Level::Err, error.detail());
        error.with_code(Code::Fail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_store_outweighs_the_others() {
        let err = |code: Code| Err(Error::from(code));
        let code = |result: Result<()>| result.map_err(|error| error.code());
        assert_eq!(code(combine(err(Code::NoMech), err(Code::NoUser))), Err(Code::NoUser));
        assert_eq!(code(combine(err(Code::NoUser), Ok(()))), Ok(()));
        assert_eq!(code(combine(Ok(()), err(Code::NoUser))), Ok(()));
        assert_eq!(code(combine(err(Code::Disabled), Ok(()))), Err(Code::Disabled));
        assert_eq!(code(combine(err(Code::Fail), Ok(()))), Err(Code::Fail));
        assert_eq!(code(combine(Ok(()), err(Code::Unavail))), Err(Code::Unavail));
    }

    #[test]
    fn the_star_tells_whose_property_it_is() {
        let props = Props::new();
        props.request(["*userPassword", "mail", "*cn"]);
        props.add("*cn", Secret::from("x")).unwrap();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(LookupFlags::default().wanted(&props), [pair("*userPassword", "userPassword")]);
        assert_eq!(LookupFlags::AUTHZID.wanted(&props), [pair("mail", "mail")]);
    }
}
