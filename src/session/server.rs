//! The server's side of a session.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::address::Address;
use super::{Common, Listing, Progress, common_methods, common_world};
use crate::chanbind::{BindingPolicy, ChannelBinding};
use crate::config::{Layered, Options};
use crate::ctx::{ServerCx, ServerWorld, World};
use crate::error::{Code, Error, Result};
use crate::gss;
use crate::hooks::{Authorize, NoHooks, ServerHooks};
use crate::identity::{
    Account, CanonCx, CanonFlags, CanonUser, CanonicalName, Identity, Internal, Naming, check_length, qualify,
};
use crate::log::Level;
use crate::mech::{Facts, Mechanism, Outcome, ServerMech, Side, Step};
use crate::policy::{Features, Refusal, SecurityProps, SessionFlags, Ssf, explain};
use crate::props::Props;
use crate::registry::{MechanismRef, find, split_plus};
use crate::rng;
use crate::secret::Secret;
use crate::server::Server;
use crate::store::{self, LookupFlags, StoreCx};

/// The shortest key that an option may say, in bytes: one that cannot be guessed from what is made of it.
const SALT_KEY_MIN: usize = 20;

/// What a server session starts from.
pub struct ServerParams {
    pub(crate) service: String,
    pub(crate) fqdn: Option<String>,
    pub(crate) realm: Option<String>,
    pub(crate) flags: SessionFlags,
    pub(crate) hooks: Box<dyn ServerHooks>,
}

impl ServerParams {
    /// A session of this service, by the name that is registered for it (`smtp`, `imap`, `ldap`).
    #[must_use]
    pub fn new(service: impl Into<String>) -> Self {
        ServerParams {
            service: service.into(),
            fqdn: None,
            realm: None,
            flags: SessionFlags::NONE,
            hooks: Box::new(NoHooks),
        }
    }

    /// The server's host name; the machine's own without it.
    #[must_use]
    pub fn fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.fqdn = Some(fqdn.into());
        self
    }

    /// The realm of users whose names have none.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// What the application's protocol can do.
    #[must_use]
    pub fn flags(mut self, flags: SessionFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The application's own decisions.
    #[must_use]
    pub fn hooks(mut self, hooks: impl ServerHooks) -> Self {
        self.hooks = Box::new(hooks);
        self
    }
}

/// The value of the option `mech_list` that leaves out what no user with a new password could use.
const AUTO: &str = "auto";

/// Where an exchange stands.
enum Exchange {
    /// None has begun, or the last one failed.
    Idle,
    /// A step is running: whatever calls back may not step again.
    Stepping,
    /// The mechanism waits for the client.
    Running(Box<dyn ServerMech>),
    /// The mechanism's last message is on its way, and the client has only to acknowledge it.
    LastMessageSent,
    /// Authenticated.
    Done,
}

/// A server's session with one client: [`start`](Self::start), then [`step`](Self::step) until it is done.
pub struct ServerSession {
    pub(super) server: Arc<Server>,
    pub(super) common: Common,
    pub(super) hooks: Box<dyn ServerHooks>,
    pub(super) props: Props,
    fqdn: String,
    realm: RefCell<Option<String>>,
    exchange: RefCell<Exchange>,
    plus_requested: Cell<bool>,
    binding_used: Cell<bool>,
    /// What the application calls itself in this session, if not by its name.
    app_name: RefCell<Option<String>>,
    /// Whose secrets this session has made.
    pub(super) made: RefCell<Option<Account>>,
    /// Whether mechanisms whose secrets are not made are left out.
    pub(super) auto: bool,
}

impl ServerSession {
    pub(crate) fn new(server: Arc<Server>, params: ServerParams, fqdn: String) -> Self {
        let options = Layered { first: params.hooks.options(), then: server.options.as_ref() };
        let level =
            Level::from_number(crate::config::integer(&options, "log_level").unwrap_or(server.default_log_level()));
        let list = options.get(None, "mech_list");
        let auto = list.as_ref().is_some_and(|list| list.trim() == AUTO);
        let mechanisms = server.registry.select(list.as_deref().filter(|_| !auto));
        let mut common = Common::new(params.service, params.flags, level, mechanisms);
        let misunderstood = common.heed_binding_policy(&options);
        let session = ServerSession {
            app_name: RefCell::default(),
            server,
            common,
            hooks: params.hooks,
            props: Props::new(),
            fqdn,
            realm: RefCell::new(params.realm),
            exchange: RefCell::new(Exchange::Idle),
            plus_requested: Cell::new(false),
            binding_used: Cell::new(false),
            made: RefCell::default(),
            auto,
        };
        if let Some(line) = misunderstood {
            session.write_log(Level::Err, &line);
        }
        session
    }

    common_methods!();

    /// The server's host name, in lower case.
    #[must_use]
    pub fn fqdn(&self) -> &str {
        &self.fqdn
    }

    /// The realm of users whose names have none.
    #[must_use]
    pub fn realm(&self) -> Option<String> {
        self.realm.borrow().clone()
    }

    /// Sets the realm of users whose names have none.
    ///
    /// # Errors
    /// [`Code::BadParam`] for an empty one.
    pub fn set_realm(&self, realm: &str) -> Result<()> {
        if realm.is_empty() {
            return self.record(Err(Error::param("the realm is empty")));
        }
        *self.realm.borrow_mut() = Some(realm.to_owned());
        Ok(())
    }

    /// The realm of the user whose credentials are used, once known; only where it is told apart from the name
    /// ([`Naming::Classic`]).
    #[must_use]
    pub fn user_realm(&self) -> Option<Vec<u8>> {
        self.common.identity.borrow().realm.clone()
    }

    /// The application's name.
    #[must_use]
    pub fn app_name(&self) -> Cow<'_, str> {
        self.app_name.borrow().clone().map_or(Cow::Borrowed(&*self.server.name), Cow::Owned)
    }

    /// Gives the application another name for this session.
    pub fn set_app_name(&self, name: String) {
        *self.app_name.borrow_mut() = Some(name);
    }

    /// The properties requested of the stores, and their values.
    #[must_use]
    pub fn props(&self) -> &Props {
        &self.props
    }

    /// The application's own decisions.
    #[must_use]
    pub fn hooks(&self) -> &dyn ServerHooks {
        self.hooks.as_ref()
    }

    /// The server that this is a session of.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The session's options: the hooks' before the server's.
    #[must_use]
    pub fn options(&self) -> Layered<'_> {
        Layered { first: self.hooks.options(), then: self.server.options.as_ref() }
    }

    /// Writes a line to the session's log. That of the hooks gets every line, the application's those that the option
    /// `log_level` wants.
    pub fn write_log(&self, level: Level, line: &str) {
        match self.hooks.log() {
            Some(log) => log.log(level, line),
            None if self.logs(level) => self.server.log.log(level, line),
            None => {}
        }
    }

    /// The mechanisms to offer, strongest first or as the option `mech_list` orders them. A mechanism that can use a
    /// channel binding that is here comes with `-PLUS` as well, and without it only if the binding need not be used.
    ///
    /// Why others are missing is then told by [`error_detail`](Self::error_detail). They are judged when they are listed
    /// first, and again after an exchange or a change of what the connection demands and offers.
    ///
    /// # Errors
    /// [`Code::NoMech`] when there is no mechanism at all, whatever the connection demands.
    pub fn mechanisms(&self) -> Result<Arc<[String]>> {
        self.common.clear_error();
        let known = self.common.listing.borrow().clone();
        let listing = match known {
            Some(listing) => listing,
            None => self.judge()?,
        };
        if listing.refused {
            self.common.note_listing();
        }
        let names = Arc::clone(&listing.names);
        *self.common.listing.borrow_mut() = Some(listing);
        Ok(names)
    }

    fn judge(&self) -> Result<Listing> {
        if self.common.mechanisms.is_empty() {
            let list = self.options().get(None, "mech_list").unwrap_or_default().into_owned();
            let text = format!("no mechanism is left: mech_list is \"{list}\", there are {}", self.server.names());
            return self.fail(Error::new(Code::NoMech, text), Level::Err);
        }
        let binding = self.common.binding(None);
        let mut names = Vec::new();
        let mut refused = false;
        for mechanism in self.common.mechanisms.iter() {
            if self.offer(&**mechanism).is_err() {
                refused = true;
                continue;
            }
            let info = mechanism.info();
            match &binding {
                Some(_) if mechanism.has_plus() => {
                    names.push(format!("{}-PLUS", info.name));
                    if !self.common.must_bind() {
                        names.push(info.name.to_string());
                    }
                }
                _ => names.push(info.name.to_string()),
            }
        }
        if refused {
            let level = if names.is_empty() && self.server.first_time() { Level::Err } else { Level::Debug };
            if self.logs(level) {
                self.write_log(level, &self.refusals());
            }
        }
        Ok(Listing { names: names.into(), refused })
    }

    /// The mechanisms that are not offered, with the reasons.
    #[must_use]
    pub fn refusals(&self) -> String {
        let refused = self.refused();
        format!("not offered: {}", explain(refused.iter().map(|(name, refusal)| (name.as_str(), refusal))))
    }

    /// The mechanisms that are not offered, each with its reason.
    #[must_use]
    pub fn refused(&self) -> Vec<(String, Refusal)> {
        self.server
            .registry
            .iter()
            .filter(|mechanism| mechanism.info().server.is_some())
            .filter_map(|mechanism| {
                let name = mechanism.info().name.clone();
                let refusal = match find(&self.common.mechanisms, &name) {
                    Some(listed) => self.offer(&**listed).err()?,
                    None => Refusal::NotListed("mech_list"),
                };
                Some((name.into_owned(), refusal))
            })
            .collect()
    }

    /// Whether the connection may offer a mechanism. Where a binding must be used, only mechanisms that can are.
    fn offer(&self, mechanism: &dyn Mechanism) -> Result<(), Refusal> {
        let can_bind = mechanism.info().server.is_some_and(|features| features.contains(Features::CHANNEL_BINDING));
        if self.common.must_bind() && !(can_bind && self.common.binding(None).is_some()) {
            return Err(Refusal::NoChannelBinding);
        }
        self.admit(mechanism)
    }

    /// Whether the connection may use a mechanism.
    fn admit(&self, mechanism: &dyn Mechanism) -> Result<(), Refusal> {
        let info = mechanism.info();
        let external = self.common.external_ssf.get();
        let props = self.common.security.get();
        let features = info.server.ok_or(Refusal::Unknown)?;
        let need = props.min_ssf.saturating_sub(external);
        if info.max_ssf < need {
            return Err(Refusal::TooWeak { need, max: info.max_ssf });
        }
        mechanism.available(&Facts {
            side: Side::Server,
            service: &self.common.service,
            fqdn: &self.fqdn,
            gss_credentials: self.common.gss_credentials.get(),
            has_external_id: self.common.external_id.borrow().is_some(),
            options: &self.options(),
            host: self.host(),
        })?;
        self.secrets_can_be_had(mechanism)?;
        self.secrets_are_made(mechanism)?;
        if self.common.flags.contains(SessionFlags::NEED_PROXY) && !features.contains(Features::PROXY) {
            return Err(Refusal::NoProxy);
        }
        if self.common.flags.contains(SessionFlags::NEED_HTTP) && !features.contains(Features::HTTP) {
            return Err(Refusal::NoHttp);
        }
        let missing = props.flags_demanded(external).without(info.security);
        if !missing.is_empty() {
            return Err(Refusal::SecurityFlags(missing));
        }
        if features.contains(Features::NEEDS_GETSECRET) {
            return Err(Refusal::NeedsSecret);
        }
        Ok(())
    }

    /// Begins an authentication with the mechanism that the client named. `initial` is the client's initial response:
    /// `None` for none, which is not the same as an empty one.
    ///
    /// # Errors
    /// Why the mechanism is refused, or why the authentication failed.
    pub fn start(&self, mechanism: &str, initial: Option<&[u8]>) -> Result<Progress> {
        self.enter()?;
        self.common.begin();
        self.binding_used.set(false);
        let (mech, features) = match self.choose(mechanism) {
            Ok(chosen) => chosen,
            Err(error) => return self.fail(error, Level::Fail),
        };
        *self.common.mechanism.borrow_mut() = Some(mech.clone());
        let Some(mut instance) = mech.server() else {
            return self.fail(Refusal::Unknown.into_error(mechanism), Level::Fail);
        };
        if let Err(error) = instance.begin(&ServerCx::new(self)) {
            return self.fail(error, Level::Fail);
        }
        match initial {
            Some(_) if features.contains(Features::SERVER_FIRST) => {
                self.fail(Error::protocol("Remote sent first but mech does not allow it."), Level::Fail)
            }
            None if features.contains(Features::CLIENT_FIRST) => {
                self.exchange.replace(Exchange::Running(instance));
                Ok(Progress::Continue(Some(Vec::new())))
            }
            _ => self.run(instance, initial.unwrap_or_default()),
        }
    }

    /// Goes on with what the client answered.
    ///
    /// # Errors
    /// Why the authentication failed; it is then over. [`Code::BadProt`] when none is under way.
    pub fn step(&self, input: &[u8]) -> Result<Progress> {
        match self.enter()? {
            Exchange::Running(mech) => {
                self.common.clear_error();
                self.run(mech, input)
            }
            Exchange::LastMessageSent => {
                self.exchange.replace(Exchange::Done);
                Ok(Progress::Done(None))
            }
            Exchange::Done => self.fail(Error::fail("attempting server step after doneflag"), Level::Err),
            Exchange::Idle | Exchange::Stepping => {
                self.fail(Error::protocol("attempting server step without an exchange under way"), Level::Fail)
            }
        }
    }

    /// Takes the exchange out for a step; a step within a step is refused and changes nothing.
    fn enter(&self) -> Result<Exchange> {
        match self.exchange.replace(Exchange::Stepping) {
            Exchange::Stepping => self.record(Err(Error::fail("a step was called from within a step"))),
            exchange => Ok(exchange),
        }
    }

    fn choose(&self, name: &str) -> Result<(MechanismRef, Features)> {
        let (bare, plus) = split_plus(name);
        self.plus_requested.set(plus);
        let mech = find(&self.common.mechanisms, bare).ok_or_else(|| {
            let known = self.server.registry.iter().any(|mech| mech.info().name.eq_ignore_ascii_case(bare));
            let refusal = if known { Refusal::NotListed("mech_list") } else { Refusal::Unknown };
            refusal.into_error(name)
        })?;
        // What can only fail in the end is not begun: the client would send its password for nothing.
        let strict = self.common.binding_policy == BindingPolicy::Require;
        let admitted = if strict { self.offer(&**mech) } else { self.admit(&**mech) };
        admitted.map_err(|refusal| refusal.into_error(name))?;
        let features = mech.info().server.unwrap_or_default();
        if plus && (!mech.has_plus() || self.common.binding(None).is_none()) {
            return Err(Refusal::NoChannelBinding.into_error(name));
        }
        Ok((mech.clone(), features))
    }

    fn run(&self, mut mech: Box<dyn ServerMech>, input: &[u8]) -> Result<Progress> {
        match mech.step(&ServerCx::new(self), input) {
            Ok(Step::Continue(challenge)) => {
                self.exchange.replace(Exchange::Running(mech));
                Ok(Progress::Continue(Some(challenge)))
            }
            Ok(Step::Done(outcome)) => self.finish(outcome),
            // Only a plugin does this; whoever asked it may go on.
            Err(error) if error.code() == Code::Interact => {
                self.exchange.replace(Exchange::Running(mech));
                Err(error)
            }
            Err(error) => self.fail(error, Level::Fail),
        }
    }

    /// After the proof: who may act as whom, and whether the channel was bound.
    fn finish(&self, outcome: Outcome) -> Result<Progress> {
        let Outcome { auth: _, data, layer } = outcome;
        if let Err(error) = self.authorize().and_then(|()| self.require_binding()) {
            return self.fail(error, Level::Fail);
        }
        self.common.install(layer);
        self.common.clear_error();
        if data.is_some() && !self.common.flags.contains(SessionFlags::SUCCESS_DATA) {
            self.exchange.replace(Exchange::LastMessageSent);
            return Ok(Progress::Continue(data));
        }
        self.exchange.replace(Exchange::Done);
        Ok(Progress::Done(data))
    }

    pub(crate) fn forget_identity(&self) {
        *self.common.identity.borrow_mut() = Identity::default();
    }

    pub(crate) fn authorize(&self) -> Result<()> {
        let Identity { user: Some(user), authid: Some(authid), .. } = self.identity() else {
            return Err(Error::protocol("mech did not call canon_user for both authzid and authid"));
        };
        let realm = self.realm();
        let request = Authorize { user: &user, authid: &authid, realm: realm.as_deref(), props: &self.props };
        self.hooks.authorize(&request)
    }

    fn require_binding(&self) -> Result<()> {
        if self.common.must_bind() && !self.binding_used.get() {
            return Err(Error::new(Code::BadBinding, "server requires channel binding but client provided none"));
        }
        Ok(())
    }

    /// Ends the exchange with an error. The identities stay readable, since servers log who tried.
    fn fail<T>(&self, error: Error, level: Level) -> Result<T> {
        self.exchange.replace(Exchange::Idle);
        self.common.note_error(&error);
        if !error.detail().is_empty() && !error.is_told() {
            self.write_log(level, error.detail());
        }
        Err(error)
    }

    pub(super) fn store_cx<'a>(&'a self, options: &'a dyn Options, realm: Option<&'a str>) -> StoreCx<'a> {
        StoreCx {
            service: &self.common.service,
            fqdn: &self.fqdn,
            realm,
            user_realm: None,
            options,
            log: self.hooks.log().unwrap_or(self.server.log.as_ref()),
            host: self.host(),
        }
    }

    /// Makes a name canonical and takes it as one or both of the identities, without asking the stores about it.
    pub(super) fn take_canonical(&self, name: &[u8], flags: CanonFlags) -> Result<CanonicalName> {
        if flags.bits() & CanonFlags::AUTHID.and(CanonFlags::AUTHZID).bits() == 0 {
            return Err(Error::param("canonicalisation of a name for neither identity"));
        }
        let realm = self.realm();
        let options = self.options();
        let log = self.hooks.log().unwrap_or(self.server.log.as_ref());
        let cx = CanonCx { flags, realm: realm.as_deref(), options: &options, log, host: self.host() };
        let own = self.hooks.canonicalize(name, &cx)?;
        let name = own.as_deref().unwrap_or(name);
        let canonical = match options.get(None, "canon_user_plugin") {
            Some(wanted) if wanted != Internal.name() => self.server.canon_user(&wanted)?.server(name, &cx)?,
            _ => Internal.server(name, &cx)?,
        };
        check_length(&canonical)?;
        let canonical = canonical.into();
        self.common.take_name(&canonical, flags);
        Ok(canonical)
    }

    /// Asks the stores for the requested properties of a user, of this realm where the name does not tell it.
    pub(super) fn look_up(&self, name: &[u8], user_realm: Option<&[u8]>, flags: CanonFlags) -> Result<()> {
        let options = self.options();
        let realm = self.realm();
        let cx = StoreCx { user_realm, ..self.store_cx(&options, realm.as_deref()) };
        let ask = |flags| store::lookup(&self.server.stores, &cx, name, flags, &self.props);
        // Both rounds are made in any case: a store may keep what it is asked for. A store that failed decides before one
        // that does not know the user; of a user who is both, the first round tells whether there is such a user.
        let authid = flags.contains(CanonFlags::AUTHID).then(|| ask(LookupFlags::default()));
        let authzid = flags.contains(CanonFlags::AUTHZID).then(|| ask(LookupFlags::AUTHZID));
        let unknown = |error: &Error| error.code() == Code::NoUser;
        let result = match (authid, authzid) {
            (Some(Err(error)), _) | (_, Some(Err(error))) if !unknown(&error) => Err(error),
            (Some(decides), _) => decides,
            (None, decides) => decides.unwrap_or(Ok(())),
        };
        match result {
            Err(error)
                if flags.contains(CanonFlags::EXTERNALLY_VERIFIED)
                    && matches!(error.code(), Code::NoUser | Code::NoMech) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

impl World for ServerSession {
    common_world!();

    fn canonicalize(&self, name: &[u8], flags: CanonFlags) -> Result<()> {
        self.canonicalize_in(None, name, flags)
    }

    fn binding(&self, name: Option<&str>) -> Option<ChannelBinding> {
        self.common.binding(name).or_else(|| {
            if self.common.binding_policy == BindingPolicy::Off {
                return None;
            }
            let mechanism = self.mechanism()?;
            self.hooks.channel_binding(&mechanism.info().name, name?)
        })
    }
}

impl ServerWorld for ServerSession {
    fn fqdn(&self) -> &str {
        &self.fqdn
    }

    fn realm(&self) -> Option<String> {
        self.realm.borrow().clone()
    }

    fn naming(&self) -> Naming {
        self.server.naming
    }

    fn split_name(&self, name: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        match self.server.naming {
            Naming::Qualified => (name.to_vec(), None),
            Naming::Classic => {
                let account = self.account(name);
                (account.user, Some(account.realm))
            }
        }
    }

    fn canonicalize_in(&self, realm: Option<&[u8]>, name: &[u8], flags: CanonFlags) -> Result<()> {
        if self.server.naming == Naming::Classic {
            return self.identify_classic(realm, name, flags);
        }
        let own = self.realm();
        let own = own.as_deref().unwrap_or(&self.fqdn);
        let canonical = self.take_canonical(&qualify(name, realm, own.as_bytes()), flags)?;
        self.look_up(&canonical, None, flags)
    }

    fn plus_requested(&self) -> bool {
        self.plus_requested.get()
    }

    fn props(&self) -> &Props {
        &self.props
    }

    fn verify_password(&self, password: &Secret) -> Result<()> {
        self.verify(password)
    }

    fn transitions(&self) -> bool {
        self.transition().is_some()
    }

    fn stores_verifiers(&self) -> bool {
        self.option("scram_secret_generate").is_some_and(|value| crate::config::is_yes(&value)) || self.keeps_secrets()
    }

    fn salt_key(&self) -> Result<Secret> {
        const OPTION: &str = "scram_salt_key";
        if let Some(key) = self.stored_salt_key() {
            return Ok(key);
        }
        if let Some(key) = self.option(OPTION) {
            if key.trim().len() >= SALT_KEY_MIN {
                return Ok(Secret::from(key.trim()));
            }
            let line = format!("{OPTION} has less than {SALT_KEY_MIN} characters and is not used");
            self.write_log(Level::Err, &line);
        }
        rng::process_key().map(|key| Secret::from(&key[..]))
    }

    fn note_binding(&self, used: bool) {
        self.binding_used.set(used);
    }
}
