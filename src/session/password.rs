//! What a server session does with passwords: check them, store them, and ask whether a user exists.

use super::ServerSession;
use crate::config::Options;
use crate::ctx::{ServerCx, World};
use crate::error::{Code, Error, Result};
use crate::hooks::{PasswordChange, PasswordFlags};
use crate::identity::{CanonFlags, Naming, check_length, refuse_blank};
use crate::log::Level;
use crate::props::Props;
use crate::secret::Secret;
use crate::store::{self, Change};
use crate::verify::{Attempt, Directory, PasswordVerifier};

/// What the option `auto_transition` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// Store what every mechanism needs.
    Full,
    /// Store no plaintext password.
    NoPlain,
}

impl Directory for ServerSession {
    fn lookup(&self, user: &[u8], names: &[&'static str]) -> Result<()> {
        self.props.request(names.iter().copied());
        self.canonicalize(user, CanonFlags::AUTHID.and(CanonFlags::AUTHZID))
    }

    fn props(&self) -> &Props {
        &self.props
    }

    fn stores_verifiers(&self) -> bool {
        self.expects_secrets()
    }
}

impl ServerSession {
    /// Checks a password as the option `pwcheck_method` says (`sasl_checkpass`). The user is then authenticated.
    ///
    /// # Errors
    /// [`Code::BadAuth`], [`Code::NoUser`], or why it could not be checked.
    pub fn check_password(&self, user: &[u8], password: &Secret) -> Result<()> {
        self.common.clear_error();
        let both = CanonFlags::AUTHID.and(CanonFlags::AUTHZID);
        if self.server.naming == Naming::Classic {
            // The interface of 1.5 asks for no authorisation here.
            let checked = self.identify_classic(None, user, both).and_then(|()| self.verify(password));
            return self.record(checked);
        }
        if let Err(error) = self.take_canonical(user, both) {
            // Where there is nothing to tell, the log is spared.
            let silent = error.detail().is_empty();
            return self.refuse(if silent { error.in_context("checkpass failed").without_log() } else { error });
        }
        let checked = self.verify(password).map_err(|error| error.in_context("checkpass failed"));
        self.record(checked.and_then(|()| self.authorize()))
    }

    /// Whether a user exists, as far as the verifiers know (`sasl_user_exists`).
    ///
    /// # Errors
    /// [`Code::NoUser`], or why it could not be found out.
    pub fn user_exists(&self, user: &[u8], service: Option<&str>, realm: Option<&str>) -> Result<()> {
        self.common.clear_error();
        let name = match self.server.naming {
            // The realm of the connection is added where the name is made canonical.
            Naming::Qualified => self.qualified(user, realm),
            Naming::Classic => user.to_vec(),
        };
        self.record(self.ask_verifiers(&name, service.unwrap_or(&self.common.service), &mut |verifier, attempt| {
            verifier.user_exists(attempt)
        }))
    }

    /// Keeps an error as the last one and tells the log, without ending the exchange under way.
    pub(crate) fn refuse<T>(&self, error: Error) -> Result<T> {
        if !error.detail().is_empty() && !error.is_told() {
            self.write_log(Level::Fail, error.detail());
        }
        self.record(Err(error))
    }

    fn qualified(&self, user: &[u8], realm: Option<&str>) -> Vec<u8> {
        match realm.filter(|realm| !realm.is_empty() && !user.contains(&b'@')) {
            Some(realm) => [user, b"@", realm.as_bytes()].concat(),
            None => user.to_vec(),
        }
    }

    /// Checks a password of the canonical user.
    pub(super) fn verify(&self, password: &Secret) -> Result<()> {
        let user = self.identity().authid.ok_or_else(|| Error::fail("the user name is not known yet"))?;
        if let Some(Ok(())) = self.hooks.check_password(&user, password, &self.props) {
            return Ok(());
        }
        // Whoever keeps passwords as C strings would compare what is before the NUL only, and the keys of HMAC are the same with
        // NULs behind them.
        if password.expose().contains(&0) {
            return Err(Error::bad_auth("a password with a NUL in it"));
        }
        let mut foreign = false;
        self.ask_verifiers(&user, &self.common.service, &mut |verifier, attempt| {
            foreign = verifier.is_foreign();
            verifier.verify(attempt, password)
        })?;
        // A database of 1.5 can have the secret of one mechanism and not those of the others; a password that is kept as it is
        // becomes what new ones are kept as.
        let unfinished = || self.server.naming == Naming::Classic || self.stored_plaintext_is_obsolete();
        if let Some(transition) = self.transition().filter(|_| foreign || unfinished()) {
            self.do_transition(transition, &user, password);
        }
        Ok(())
    }

    /// Asks the verifiers that `pwcheck_method` names, in its order, until one agrees.
    fn ask_verifiers(
        &self,
        user: &[u8],
        service: &str,
        ask: &mut dyn FnMut(&dyn PasswordVerifier, &Attempt<'_>) -> Result<()>,
    ) -> Result<()> {
        let options = self.options();
        let methods = options.get(None, "pwcheck_method").unwrap_or(self.server.default_verifier().into());
        let realm = self.realm();
        let remote = self.remote();
        let log = self.hooks.log().unwrap_or(self.server.log.as_ref());
        let attempt = Attempt {
            user,
            service,
            realm: realm.as_deref(),
            remote: remote.as_deref(),
            directory: self,
            options: &options,
            log,
            host: self.host(),
        };
        let mut last = None;
        for method in methods.split_ascii_whitespace() {
            let Some(verifier) = self.server.find_verifier(method) else {
                self.write_log(Level::Err, &self.server.unknown_verifier(method));
                continue;
            };
            match ask(verifier, &attempt) {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            let text = format!("unknown password verifier(s) {methods}");
            // Each has its line already, which is what 1.5 has.
            if self.server.naming == Naming::Qualified {
                self.write_log(Level::Err, &text);
            }
            Error::new(Code::NoMech, text)
        }))
    }

    /// What `auto_transition` asks for, where there is a store that can keep it.
    pub(super) fn transition(&self) -> Option<Transition> {
        let options = self.options();
        let value = options.get(None, "auto_transition")?;
        let transition = match value.as_ref() {
            "noplain" => Transition::NoPlain,
            value if crate::config::is_yes(value) => Transition::Full,
            _ => return None,
        };
        let realm = self.realm();
        store::can_store(&self.server.stores, &self.store_cx(&options, realm.as_deref())).is_ok().then_some(transition)
    }

    /// Stores the secrets of the authenticated user, whose password a mechanism has seen, if the option `auto_transition`
    /// asks for it.
    ///
    /// # Errors
    /// [`Code::NotDone`] while the user is not known.
    pub fn keep_password(&self, password: &Secret) -> Result<()> {
        let user = self.authid().ok_or_else(|| Error::new(Code::NotDone, "the user name is not known yet"))?;
        if let Some(transition) = self.transition() {
            self.do_transition(transition, &user, password);
        }
        Ok(())
    }

    fn do_transition(&self, transition: Transition, user: &[u8], password: &Secret) {
        if self.server.naming == Naming::Classic {
            return self.transition_classic(user, password);
        }
        if self.keeps_secrets() && self.secrets_are_current(user, password) {
            return;
        }
        let name = String::from_utf8_lossy(user);
        self.write_log(Level::Note, &format!("transitioning user {name} to auxprop database"));
        let plain = if transition == Transition::NoPlain { PasswordFlags::NO_PLAIN } else { 0 };
        let flags = PasswordFlags(PasswordFlags::CREATE | plain);
        // The login has succeeded; that its secret could not be stored is in the log.
        let _ = self.store_password(user, &PasswordChange { password: Some(password), old: None, flags });
    }

    /// Stores a password, or disables a user (`sasl_setpass`).
    ///
    /// # Errors
    /// [`Code::BadParam`] for flags that contradict each other or an empty password; else the last failure of a store, the
    /// application or a mechanism.
    pub fn set_password(&self, user: &[u8], change: &PasswordChange<'_>) -> Result<()> {
        self.common.clear_error();
        self.common.forget_listing();
        self.record(match self.server.naming {
            Naming::Qualified => self.checked_change(user, change),
            Naming::Classic => self.checked_classic_change(user, change),
        })
    }

    fn checked_change(&self, user: &[u8], change: &PasswordChange<'_>) -> Result<()> {
        let disable = change.flags.has(PasswordFlags::DISABLE);
        if disable && change.flags.has(PasswordFlags::CREATE) {
            return Err(Error::param("a user cannot be created and disabled at once"));
        }
        if !disable && change.password.is_none_or(|password| password.expose().is_empty()) {
            return Err(Error::param("the new password is empty"));
        }
        if !disable {
            refuse_nul(change.password)?;
        }
        if change.flags.has(PasswordFlags::CURRENT_MECHANISM) && self.mechanism().is_none() {
            return Err(Error::param("No current SASL mechanism available"));
        }
        // The name is stored as it is: it is the administrator's, and not that of the session.
        refuse_blank(user)?;
        check_length(user)?;
        self.store_password(user, change)
    }

    fn store_password(&self, user: &[u8], change: &PasswordChange<'_>) -> Result<()> {
        let name = String::from_utf8_lossy(user).into_owned();
        let mut result = Ok(());
        let (mut stored, mut constrained) = (false, false);
        match self.store_in_stores(user, change) {
            None => {}
            Some(Ok(())) => {
                stored = true;
                self.write_log(Level::Note, &format!("setpass succeeded for {name}"));
            }
            Some(Err(error)) => {
                self.write_log(Level::Err, &format!("setpass failed for {name}: {error}"));
                // A store that may not keep such a property leaves it to the others.
                constrained = error.code() == Code::ConstraintViolat;
                result = Err(error);
            }
        }
        match self.hooks.set_password(user, change, &self.props) {
            None => {}
            Some(Ok(())) => {
                stored = true;
                self.write_log(Level::Note, &format!("setpass callback succeeded for {name}"));
            }
            Some(Err(error)) => {
                self.write_log(Level::Err, &format!("setpass callback failed for {name}: {error}"));
                result = Err(error);
            }
        }
        for mechanism in self.common.mechanisms.iter() {
            let info = mechanism.info();
            let current = self.mechanism().is_some_and(|current| current.info().name == info.name);
            if change.flags.has(PasswordFlags::CURRENT_MECHANISM) && !current || !mechanism.sets_passwords() {
                continue;
            }
            match mechanism.set_password(&ServerCx::new(self), user, change) {
                Ok(()) => {
                    stored = true;
                    self.write_log(Level::Note, &format!("{}: set secret for {name}", info.name));
                }
                Err(error) if error.code() == Code::NoChange => {}
                Err(error) if stored && error.code() == Code::ConstraintViolat => {
                    self.write_log(Level::Warn, &format!("{}: no place for the secret of {name}: {error}", info.name));
                }
                Err(error) => {
                    self.write_log(Level::Err, &format!("{}: failed to set secret for {name}: {error}", info.name));
                    // That a mechanism has no place for its secret says less than why there is none.
                    if result.is_ok() || error.code() != Code::NoMech {
                        result = Err(error);
                    }
                }
            }
        }
        if stored && constrained && matches!(&result, Err(error) if error.code() == Code::ConstraintViolat) {
            result = Ok(());
        }
        if !stored && result.is_ok() {
            let text = format!("secret not changed for {name}: no writable auxprop plugin or setpass callback found");
            self.write_log(Level::Warn, &text);
        }
        result
    }

    /// Stores or removes the password; `None` when no store can be written to, or there is nothing that may be stored.
    fn store_in_stores(&self, user: &[u8], change: &PasswordChange<'_>) -> Option<Result<()>> {
        let no_plain = change.flags.has(PasswordFlags::NO_PLAIN);
        // No plaintext, and nothing else that a store takes.
        if no_plain && !self.keeps_secrets() {
            return None;
        }
        let options = self.options();
        let realm = self.realm();
        let cx = self.store_cx(&options, realm.as_deref());
        if let Err(error) = store::can_store(&self.server.stores, &cx)
            && error.code() != Code::ConstraintViolat
        {
            return (error.code() != Code::NoChange).then_some(Err(error));
        }
        match change.password {
            Some(password) => Some(self.store_password_of(user, password, no_plain)),
            None => Some(self.remove_password_of(user)),
        }
    }

    /// Changes properties of a user in the stores (`sasl_auxprop_store`).
    ///
    /// # Errors
    /// What a store says.
    pub fn store_properties(&self, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let options = self.options();
        let realm = self.realm();
        let cx = self.store_cx(&options, realm.as_deref());
        let changes = self.without_removal_of_new(&cx, user, changes);
        self.record(store::store(&self.server.stores, &cx, user, &changes))
    }

    /// Whether the stores can be written to.
    ///
    /// # Errors
    /// Why not.
    pub fn can_store(&self) -> Result<()> {
        let options = self.options();
        let realm = self.realm();
        store::can_store(&self.server.stores, &self.store_cx(&options, realm.as_deref()))
    }
}

/// A password with a NUL is one that PLAIN and LOGIN cannot send and SASLprep prohibits (RFC 4616 section 2, RFC 4013): nobody could
/// log in with it.
pub(super) fn refuse_nul(password: Option<&Secret>) -> Result<()> {
    match password {
        Some(password) if password.expose().contains(&0) => Err(Error::param("the new password has a NUL in it")),
        _ => Ok(()),
    }
}
