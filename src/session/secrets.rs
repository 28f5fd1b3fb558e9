//! What stores are given in the place of a password: by default only what each mechanism needs to recognise a user.

use super::ServerSession;
use crate::config::Options;
use crate::crypto::StoredPassword;
use crate::error::{Error, Result};
use crate::identity::Account;
use crate::log::Level;
use crate::mech::Mechanism;
use crate::policy::{Refusal, SecurityFlags};
use crate::props::Props;
use crate::registry::MechanismRef;
use crate::secret::Secret;
use crate::store::{self, AuxProp, Change, Form, LookupFlags, StoreCx};

const PASSWORD: &str = "userPassword";
/// The mechanisms whose secrets are made unless the option `password_secrets` says otherwise. The first one of SCRAM also serves
/// to check plaintext passwords, and is the quickest that is sound.
const DEFAULT_SECRETS: &str = "SCRAM-SHA-256 SCRAM-SHA-1 SCRAM-SHA-512 SCRAM-SHA-384 SCRAM-SHA-224 CRAM-MD5 DIGEST-MD5";

/// What the option `password_storage` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storage {
    /// Nothing: each store has its own form.
    Unset,
    /// One-way secrets only.
    Hashed,
    /// The password as it is.
    Plaintext,
    /// Both.
    Both,
}

/// The secrets of a password, by property.
struct Secrets {
    properties: Vec<(&'static str, Vec<Secret>)>,
    /// The properties of other secrets, which are those of an earlier password.
    obsolete: Vec<&'static str>,
}

impl ServerSession {
    /// Stores a password in every selected store, in the form of the store or of the options.
    pub(super) fn store_password_of(&self, user: &[u8], password: &Secret, no_plain: bool) -> Result<()> {
        let storage = if no_plain { Storage::Hashed } else { self.storage() };
        let options = self.options();
        let realm = self.realm();
        let cx = self.store_cx(&options, realm.as_deref());
        let wants_secrets = |store: &dyn AuxProp| match storage {
            Storage::Unset => store.form(&cx) == Form::Secrets,
            other => other != Storage::Plaintext,
        };
        let chosen = store::select_for_store(&self.server.stores, &cx)?;
        let any = chosen.iter().any(|store| wants_secrets(*store));
        if storage == Storage::Both || !chosen.iter().all(|store| wants_secrets(*store)) {
            refuse_look_of_hash(password)?;
        }
        let secrets = if any { Some(self.secrets_of(cx.options, &account(&cx, user), password)?) } else { None };
        *self.made.borrow_mut() = secrets.is_some().then(|| account(&cx, user));
        let plain = std::slice::from_ref(password);
        store::store_each(&self.server.stores, &cx, user, |store| {
            let Some(secrets) = secrets.as_ref().filter(|_| wants_secrets(store)) else {
                return self.plaintext_changes(storage, plain);
            };
            let values: &[Secret] = if storage == Storage::Both { plain } else { &[] };
            let mut changes = vec![Change { name: PASSWORD, values }];
            changes.extend(secrets.properties.iter().map(|(name, values)| Change { name, values }));
            changes.extend(secrets.obsolete.iter().map(|name| Change { name, values: &[] }));
            changes
        })
    }

    /// Removes a user from every selected store: the password, the secrets, and with `*` whatever else a store may keep about it.
    pub(super) fn remove_password_of(&self, user: &[u8]) -> Result<()> {
        let options = self.options();
        let realm = self.realm();
        let cx = self.store_cx(&options, realm.as_deref());
        store::store_each(&self.server.stores, &cx, user, |store| {
            let mut names = vec![PASSWORD, "*"];
            if store.form(&cx) == Form::Secrets {
                names.extend(self.own_secrets());
            }
            names.into_iter().map(|name| Change { name, values: &[] }).collect()
        })
    }

    /// The changes to properties of a user that are to be made. The saslpasswd2 of Cyrus SASL removes, once a password is set,
    /// the secrets that versions of old have left: those that this session has just made are none of these.
    pub(super) fn without_removal_of_new<'a>(
        &self,
        cx: &StoreCx<'_>,
        user: &[u8],
        changes: &[Change<'a>],
    ) -> Vec<Change<'a>> {
        let new = self.made.borrow().as_ref() == Some(&account(cx, user));
        let own = if new { self.own_secrets() } else { Vec::new() };
        changes.iter().filter(|change| !change.values.is_empty() || !own.contains(&change.name)).copied().collect()
    }

    /// The changes for a password that is kept as it is. A store whose form that is has no secrets of ours.
    fn plaintext_changes<'a>(&self, storage: Storage, password: &'a [Secret]) -> Vec<Change<'a>> {
        let mut changes = vec![Change { name: PASSWORD, values: password }];
        if storage == Storage::Plaintext {
            changes.extend(self.own_secrets().into_iter().map(|name| Change { name, values: &[] }));
        }
        changes
    }

    fn storage(&self) -> Storage {
        const OPTION: &str = "password_storage";
        match self.options().get(None, OPTION).as_deref().map(str::trim) {
            None => Storage::Unset,
            Some("hashed") => Storage::Hashed,
            Some("plaintext") => Storage::Plaintext,
            Some("both") => Storage::Both,
            Some(other) => {
                let line =
                    format!("{OPTION} is \"{other}\", which is none of hashed, plaintext, both: taken as hashed");
                self.write_log(Level::Err, &line);
                Storage::Hashed
            }
        }
    }

    /// Whether the store that new passwords go to keeps them as one-way secrets.
    pub(super) fn keeps_secrets(&self) -> bool {
        self.has_secrets(|store, cx| store.form(cx) == Form::Secrets && store.can_store(cx).is_ok())
    }

    /// Whether users are likely to have one-way secrets, so that a login asks for these at once.
    pub(super) fn expects_secrets(&self) -> bool {
        self.has_secrets(|store, cx| store.holds_secrets(cx))
    }

    /// What the options say about one-way secrets; where they leave it to the store, what this finds out.
    fn has_secrets(&self, find_out: impl Fn(&dyn AuxProp, &StoreCx<'_>) -> bool) -> bool {
        match self.storage() {
            Storage::Hashed => true,
            Storage::Plaintext | Storage::Both => false,
            Storage::Unset => {
                let options = self.options();
                let realm = self.realm();
                let cx = self.store_cx(&options, realm.as_deref());
                let chosen = store::select(&self.server.stores, cx.options).unwrap_or_default();
                chosen.first().is_some_and(|store| find_out(*store, &cx))
            }
        }
    }

    /// The key that made-up salts are derived from, if a store has one.
    pub(super) fn stored_salt_key(&self) -> Option<Secret> {
        let options = self.options();
        let realm = self.realm();
        let cx = self.store_cx(&options, realm.as_deref());
        let chosen = store::select(&self.server.stores, cx.options).unwrap_or_default();
        chosen.into_iter().find_map(|store| store.salt_key(&cx).ok().flatten())
    }

    /// The properties of all mechanisms' own secrets.
    fn own_secrets(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.server.registry.iter().filter_map(|mechanism| mechanism.own_secret()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The mechanisms whose secrets are made, with the properties that keep them.
    fn chosen_secrets(&self) -> Result<Vec<(&MechanismRef, &'static str)>> {
        const OPTION: &str = "password_secrets";
        let options = self.options();
        let list = options.get(None, OPTION).unwrap_or(DEFAULT_SECRETS.into());
        let mut chosen = Vec::new();
        for name in list.split_ascii_whitespace() {
            let mechanism =
                self.server.registry.iter().find(|mechanism| mechanism.info().name.eq_ignore_ascii_case(name));
            match mechanism.and_then(|mechanism| Some((mechanism, mechanism.own_secret()?))) {
                Some(found) => chosen.push(found),
                None => self.write_log(Level::Warn, &format!("{OPTION}: {name} has no secret of its own")),
            }
        }
        if chosen.is_empty() {
            return Err(Error::fail(format!("{OPTION} is \"{list}\", which leaves no secret to store")));
        }
        Ok(chosen)
    }

    /// Whether a user with a new password could use a mechanism, where the option `mech_list` is to say so.
    pub(super) fn secrets_are_made(&self, mechanism: &dyn Mechanism) -> Result<(), Refusal> {
        // Whoever sends the password needs no secret of its own.
        let sends_password = !mechanism.info().security.contains(SecurityFlags::NO_PLAINTEXT);
        if !self.auto || sends_password || mechanism.own_secret().is_none() || !self.keeps_secrets() {
            return Ok(());
        }
        let name = &mechanism.info().name;
        match self.chosen_secrets() {
            Ok(chosen) if chosen.iter().any(|(made, _)| made.info().name == *name) => Ok(()),
            _ => Err(Refusal::Unavailable("password_secrets leaves its secrets out".into())),
        }
    }

    /// What a store that keeps secrets is to have for a password, by property, as the options `password_storage` and
    /// `password_secrets` say. Nothing is stored.
    ///
    /// # Errors
    /// When the options leave nothing but the password itself, or a secret cannot be made.
    pub fn secrets_for(&self, account: &Account, password: &Secret) -> Result<Vec<(&'static str, Vec<Secret>)>> {
        let storage = self.storage();
        if storage == Storage::Plaintext {
            return Err(Error::fail("password_storage is \"plaintext\", which leaves no secret to store"));
        }
        let mut properties = self.secrets_of(&self.options(), account, password)?.properties;
        if storage == Storage::Both {
            properties.push((PASSWORD, vec![password.clone()]));
        }
        Ok(properties)
    }

    /// Whether these values of a property, all of them, are what [`secrets_for`](Self::secrets_for) makes of this password or could
    /// have made.
    #[must_use]
    pub fn are_secrets_of(&self, account: &Account, password: &Secret, property: &str, values: &[Secret]) -> bool {
        if property == PASSWORD {
            return values.iter().all(|value| value.matches(password.expose()).into());
        }
        let is_of = |value: &Secret| {
            let mut mechanisms =
                self.server.registry.iter().filter(|mechanism| mechanism.own_secret() == Some(property));
            mechanisms.any(|mechanism| mechanism.is_secret_of(value, account, password))
        };
        !values.is_empty() && values.iter().all(is_of)
    }

    fn secrets_of(&self, options: &dyn Options, account: &Account, password: &Secret) -> Result<Secrets> {
        let mut properties: Vec<(&'static str, Vec<Secret>)> = Vec::new();
        for (mechanism, property) in self.chosen_secrets()? {
            let secret = mechanism.derive_secret(options, account, password)?;
            match properties.iter_mut().find(|(name, _)| *name == property) {
                Some((_, values)) => values.push(secret),
                None => properties.push((property, vec![secret])),
            }
        }
        let mut obsolete = self.own_secrets();
        obsolete.retain(|name| !properties.iter().any(|(property, _)| property == name));
        Ok(Secrets { properties, obsolete })
    }

    /// Whether the stores have the secrets of this user and password, and nothing more.
    pub(super) fn secrets_are_current(&self, user: &[u8], password: &Secret) -> bool {
        let options = self.options();
        let realm = self.realm();
        let cx = self.store_cx(&options, realm.as_deref());
        let Ok(chosen) = self.chosen_secrets() else { return false };
        let props = Props::new();
        props.request(chosen.iter().map(|(_, property)| format!("*{property}")).chain([format!("*{PASSWORD}")]));
        if store::lookup(&self.server.stores, &cx, user, LookupFlags::default(), &props).is_err() {
            return false;
        }
        let account = account(&cx, user);
        let has = |(mechanism, property): &(&MechanismRef, &'static str)| {
            let values = props.all(&format!("*{property}"));
            values.iter().any(|value| mechanism.is_secret_of(value, &account, password))
        };
        // They are all made at once, so that one of them tells of which password they are.
        chosen.first().is_some_and(has)
            && chosen.iter().all(|(_, property)| props.first(&format!("*{property}")).is_some())
            && props.first(&format!("*{PASSWORD}")).is_none()
    }

    /// Whether the password that was just compared is stored as it is, where new ones would not be.
    pub(super) fn stored_plaintext_is_obsolete(&self) -> bool {
        let stored = self.props.first(&format!("*{PASSWORD}"));
        stored.is_some_and(|stored| StoredPassword::parse(stored.expose()).plain().is_some()) && self.keeps_secrets()
    }
}

fn account(cx: &StoreCx<'_>, user: &[u8]) -> Account {
    let (user, realm) = cx.account(user);
    Account { user: user.to_vec(), realm: realm.to_vec() }
}

/// What is kept as it is must not look like a hash of another password: whoever has set it could not log in.
fn refuse_look_of_hash(password: &Secret) -> Result<()> {
    if StoredPassword::parse(password.expose()).plain() == Some(password.expose()) {
        return Ok(());
    }
    Err(Error::param(
        "the new password looks like a hash, and would be taken for one where passwords are kept as they are",
    ))
}
