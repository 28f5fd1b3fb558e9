//! A server session of an application made for Cyrus SASL 1.5: users are of a realm, and each mechanism has a secret of its own.

use super::ServerSession;
use super::password::refuse_nul;
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::hooks::{PasswordChange, PasswordFlags};
use crate::identity::{Account, CanonFlags, Naming, check_length, refuse_blank};
use crate::log::Level;
use crate::mech::Mechanism;
use crate::policy::Refusal;
use crate::props::Props;
use crate::registry::MechanismRef;
use crate::secret::Secret;
use crate::store::{self, Change, LookupFlags, StoreCx};

/// What stores that are shared with the interface of 2.1 may have of a password besides.
const OTHER_FORMS: &[&str] = &["userPassword", "authPassword"];

impl ServerSession {
    /// Whom a name means.
    pub(super) fn account(&self, name: &[u8]) -> Account {
        Account::classic(name, self.realm().as_deref(), self.fqdn())
    }

    /// Takes a name as one or both of the identities, and looks up what was requested. The identity is the name as it was
    /// sent; its realm may be told apart.
    pub(super) fn identify_classic(&self, realm: Option<&[u8]>, name: &[u8], flags: CanonFlags) -> Result<()> {
        if flags.bits() & CanonFlags::AUTHID.and(CanonFlags::AUTHZID).bits() == 0 {
            return Err(Error::param("canonicalisation of a name for neither identity"));
        }
        refuse_blank(name)?;
        check_length(name)?;
        self.common.take_name(&name.into(), flags);
        let account = match realm {
            Some(realm) => Account { user: name.to_vec(), realm: realm.to_vec() },
            None => self.account(name),
        };
        if flags.contains(CanonFlags::AUTHID) {
            self.common.identity.borrow_mut().realm = Some(account.realm.clone());
        }
        // A user whose password is elsewhere need not be known to any store.
        let wanted = |flags: LookupFlags| !flags.wanted(&self.props).is_empty();
        let asked = flags.contains(CanonFlags::AUTHID) && wanted(LookupFlags::default())
            || flags.contains(CanonFlags::AUTHZID) && wanted(LookupFlags::AUTHZID);
        if asked { self.look_up(&account.user, Some(&account.realm), flags) } else { Ok(()) }
    }

    /// Whether a store can have the secrets that a mechanism needs.
    pub(super) fn secrets_can_be_had(&self, mechanism: &dyn Mechanism) -> Result<(), Refusal> {
        if self.server.naming != Naming::Classic || mechanism.own_secret().is_none() {
            return Ok(());
        }
        let options = self.options();
        let realm = self.realm();
        let cx = self.store_cx(&options, realm.as_deref());
        store::serves(&self.server.stores, &cx, &mechanism.info().name)
            .map_err(|error| Refusal::Unavailable(error.detail().to_owned()))
    }

    pub(super) fn checked_classic_change(&self, name: &[u8], change: &PasswordChange<'_>) -> Result<()> {
        let disable = change.flags.has(PasswordFlags::DISABLE);
        if disable && change.flags.has(PasswordFlags::CREATE) {
            return Err(Error::param("Can't both create and disable simultaneously"));
        }
        let account = self.account(name);
        // The entries of nobody say which mechanisms the database serves.
        refuse_blank(&account.user)?;
        match change.password {
            Some(password) if !disable && password.expose().is_empty() => {
                Err(Error::param("Password must be at least one character long"))
            }
            Some(password) if !disable => {
                refuse_nul(change.password)?;
                // Where a session's realm is empty any realm may be meant, and this secret is good for one only.
                let unclear = self.realm().is_some_and(|realm| realm.is_empty());
                let left_out = if unclear { Some("DIGEST-MD5") } else { None };
                self.store_secrets(name, &account, password, left_out, OTHER_FORMS)?;
                match left_out {
                    None => Ok(()),
                    Some(mechanism) => {
                        let error = Error::from(Code::NotDone);
                        self.note_failure(mechanism, name, &error);
                        Err(error)
                    }
                }
            }
            _ => self.remove_secrets(name, &account),
        }
    }

    /// Stores the secrets of a user who has logged in with a password, unless they are there.
    pub(super) fn transition_classic(&self, name: &[u8], password: &Secret) {
        let account = self.account(name);
        if !self.has_secrets_of(&account, password) {
            // The login has succeeded; that its secret could not be stored is in the log.
            let _ = self.store_secrets(name, &account, password, None, &[]);
        }
    }

    /// The mechanisms that have a secret of their own, with the property that keeps it.
    fn with_secrets(&self) -> impl Iterator<Item = (&MechanismRef, &'static str)> {
        self.server.registry.iter().filter_map(|mechanism| Some((mechanism, mechanism.own_secret()?)))
    }

    /// Stores the secret of each mechanism but one, all or none of them. Of the one, and of these properties, nothing is left:
    /// they would be good for the old password.
    fn store_secrets(
        &self,
        name: &[u8],
        account: &Account,
        password: &Secret,
        left_out: Option<&str>,
        obsolete: &[&str],
    ) -> Result<()> {
        let chosen = self.with_secrets().filter(|(mechanism, _)| Some(mechanism.info().name.as_ref()) != left_out);
        let options = self.options();
        let secrets = chosen
            .map(|(mechanism, property)| {
                Ok((mechanism, property, [mechanism.derive_secret(&options, account, password)?]))
            })
            .collect::<Result<Vec<_>>>()?;
        let new = secrets.iter().map(|(_, property, values)| Change { name: property, values: &values[..] });
        let old = self.with_secrets().filter(|(mechanism, _)| Some(mechanism.info().name.as_ref()) == left_out);
        let gone = old.map(|(_, property)| property).chain(obsolete.iter().copied());
        let changes: Vec<_> = new.chain(gone.map(|property| Change { name: property, values: &[] })).collect();
        let stored = self.change(account, &changes);
        for (mechanism, ..) in &secrets {
            match &stored {
                Ok(()) => {
                    let line = format!("{}: set secret for {}", mechanism.info().name, String::from_utf8_lossy(name));
                    self.write_log(Level::Note, &line);
                }
                Err(error) => self.note_failure(&mechanism.info().name, name, error),
            }
        }
        stored
    }

    fn remove_secrets(&self, name: &[u8], account: &Account) -> Result<()> {
        let props = self.stored(account)?;
        let all = || self.with_secrets().map(|(_, property)| property).chain(OTHER_FORMS.iter().copied());
        if !all().any(|property| props.first(&format!("*{property}")).is_some()) {
            return Err(Error::from(Code::NoUser));
        }
        let changes: Vec<_> = all().map(|property| Change { name: property, values: &[] }).collect();
        let name = String::from_utf8_lossy(name);
        match self.change(account, &changes) {
            Ok(()) => {
                self.write_log(Level::Note, &format!("disabled account for {name}"));
                Ok(())
            }
            Err(error) => {
                self.write_log(Level::Err, &format!("failed to disable account for {name}: {error}"));
                Err(error)
            }
        }
    }

    fn note_failure(&self, mechanism: &str, name: &[u8], error: &Error) {
        let name = String::from_utf8_lossy(name);
        self.write_log(Level::Err, &format!("{mechanism}: failed to set secret for {name}: {error}"));
    }

    fn change(&self, account: &Account, changes: &[Change<'_>]) -> Result<()> {
        self.with_store_cx(account, |cx| store::store(&self.server.stores, cx, &account.user, changes))
    }

    /// The secrets that stores have for a user.
    fn stored(&self, account: &Account) -> Result<Props> {
        let props = Props::new();
        let all = self.with_secrets().map(|(_, property)| property).chain(OTHER_FORMS.iter().copied());
        props.request(all.map(|property| format!("*{property}")));
        self.with_store_cx(account, |cx| {
            store::lookup(&self.server.stores, cx, &account.user, LookupFlags::default(), &props)
        })?;
        Ok(props)
    }

    fn with_store_cx<T>(&self, account: &Account, body: impl FnOnce(&StoreCx<'_>) -> T) -> T {
        let options = self.options();
        let realm = self.realm();
        body(&StoreCx { user_realm: Some(&account.realm), ..self.store_cx(&options as &dyn Options, realm.as_deref()) })
    }

    /// Whether every mechanism's secret of a user is that of this password.
    fn has_secrets_of(&self, account: &Account, password: &Secret) -> bool {
        let Ok(props) = self.stored(account) else { return false };
        self.with_secrets().all(|(mechanism, property)| {
            let stored = props.first(&format!("*{property}"));
            stored.is_some_and(|stored| mechanism.is_secret_of(&stored, account, password))
        })
    }
}
