//! What all server sessions of an application share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::Client;
use crate::config::{NoOptions, Options, known};
use crate::error::Result;
use crate::identity::{self, CanonUser, Naming};
use crate::log::{Level, Log, NoLog};
use crate::mech::Mechanism;
use crate::registry::Registry;
use crate::rng;
use crate::session::{ServerParams, ServerSession};
use crate::store::sql::Sql;
use crate::store::{self, AuxProp, StoreCx};
use crate::verify::{self, PasswordVerifier};

/// A server application: its options, mechanisms, stores and password verifiers.
#[derive(Clone)]
pub struct Server {
    pub(crate) name: String,
    pub(crate) options: Arc<dyn Options>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) registry: Registry,
    pub(crate) stores: Vec<Arc<dyn AuxProp>>,
    verifiers: Vec<Arc<dyn PasswordVerifier>>,
    canon_users: Vec<Arc<dyn CanonUser>>,
    pub(crate) naming: Naming,
    warned: Arc<AtomicBool>,
}

/// The mechanisms of Cyrus SASL 1.5.
const CLASSIC: &[&str] = &["DIGEST-MD5", "EXTERNAL", "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"];

impl Server {
    /// An application of this name, with the built-in mechanisms and verifiers, without options and stores.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        // Servers fork for each connection: what is to be the same for all of them has to be there before. Without
        // random bytes now, the session that needs them fails.
        let _ = rng::process_key();
        Server {
            name: name.into(),
            options: Arc::new(NoOptions),
            log: Arc::new(NoLog),
            registry: Registry::builtin(),
            stores: Vec::new(),
            verifiers: verify::builtin(),
            canon_users: Vec::new(),
            naming: Naming::Qualified,
            warned: Arc::default(),
        }
    }

    /// An application that was made for Cyrus SASL 1.5: it has the mechanisms of that, names its users as that did
    /// ([`Naming::Classic`]), checks passwords with the verifier `sasldb` unless an option says otherwise, and stores the
    /// secret of each mechanism where [`Server::new`] stores passwords. CRAM-MD5 and DIGEST-MD5 are offered
    /// while a store [serves](AuxProp::serves) them. Log lines are written down to [`Level::Note`] without the option
    /// `log_level`.
    #[must_use]
    pub fn classic(name: impl Into<String>) -> Self {
        let mut server = Self::new(name);
        server.registry = Registry::of(CLASSIC);
        server.naming = Naming::Classic;
        server
    }

    /// How names are read.
    #[must_use]
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// The application's name, which its configuration file is named after.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With these options.
    #[must_use]
    pub fn options(mut self, options: impl Options + 'static) -> Self {
        self.options = Arc::new(options);
        self
    }

    /// With this log.
    #[must_use]
    pub fn log(mut self, log: impl Log + 'static) -> Self {
        self.log = Arc::new(log);
        self
    }

    /// With one more store of users' properties; it is asked before those that are there.
    #[must_use]
    pub fn store(mut self, store: impl AuxProp + 'static) -> Self {
        self.stores.insert(0, Arc::new(store));
        self
    }

    /// With the stores of databases that other programs keep: `sql`, and `ldapdb`, which brings names into their canonical form
    /// as well. They are there as soon as their options are set.
    #[must_use]
    pub fn databases(self) -> Self {
        let directory = Client::new().ldapdb();
        self.store(Sql::new()).store(directory.clone()).canonicalizer(directory)
    }

    /// Without the stores that `keep` says no to.
    #[must_use]
    pub fn stores_where(mut self, keep: impl Fn(&dyn AuxProp) -> bool) -> Self {
        self.stores.retain(|store| keep(store.as_ref()));
        self
    }

    /// With one more password verifier; one of the same name is replaced.
    #[must_use]
    pub fn verifier(mut self, verifier: impl PasswordVerifier + 'static) -> Self {
        self.verifiers.retain(|known| !known.name().eq_ignore_ascii_case(verifier.name()));
        self.verifiers.push(Arc::new(verifier));
        self
    }

    /// With other mechanisms than those that are there.
    #[must_use]
    pub fn mechanisms(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// With one more mechanism; where there is one of the same name, that stays ([`Registry::with`]).
    #[must_use]
    pub fn mechanism(mut self, mechanism: impl Mechanism + 'static) -> Self {
        self.registry = self.registry.with(Arc::new(mechanism));
        self
    }

    /// With one more canonicaliser for the option `canon_user_plugin`.
    #[must_use]
    pub fn canonicalizer(mut self, canon: impl CanonUser + 'static) -> Self {
        self.canon_users.insert(0, Arc::new(canon));
        self
    }

    /// The mechanisms.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The stores, the first asked first.
    #[must_use]
    pub fn stores(&self) -> &[Arc<dyn AuxProp>] {
        &self.stores
    }

    /// Those of them whose options are set.
    pub fn configured_stores(&self) -> impl Iterator<Item = &Arc<dyn AuxProp>> {
        self.stores.iter().filter(|store| store.is_configured(self.options.as_ref()))
    }

    /// Has the stores, verifiers, mechanisms and canonicaliser that the options choose open what they will need: to be called
    /// before the application confines itself (`chroot`, another user). Without it they open it when they need it.
    pub fn prepare(&self) {
        let options = self.options.as_ref();
        if let Ok(stores) = store::select(&self.stores, options) {
            stores.iter().for_each(|store| store.prepare(options));
        }
        let words = options.get(None, "pwcheck_method").unwrap_or(self.default_verifier().into());
        let verifiers = words.split_ascii_whitespace().filter_map(|word| self.find_verifier(word));
        verifiers.for_each(|verifier| verifier.prepare(options));
        let listed = self.registry.select(options.get(None, "mech_list").as_deref());
        listed.iter().for_each(|mechanism| mechanism.prepare(options));
        if let Some(Ok(canon)) = options.get(None, "canon_user_plugin").map(|name| self.canon_user(&name)) {
            canon.prepare(options);
        }
    }

    /// Whether the stores can be written to, as far as can be told without a session.
    ///
    /// # Errors
    /// Why not.
    pub fn can_store(&self) -> Result<()> {
        store::can_store(&self.stores, &self.store_cx())
    }

    /// Whether a store can have secrets of this mechanism's own, as far as can be told without a session.
    ///
    /// # Errors
    /// Why not.
    pub fn serves(&self, mechanism: &str) -> Result<()> {
        store::serves(&self.stores, &self.store_cx(), mechanism)
    }

    fn store_cx(&self) -> StoreCx<'_> {
        StoreCx {
            service: "",
            fqdn: "",
            realm: None,
            user_realm: None,
            options: self.options.as_ref(),
            log: self.log.as_ref(),
            host: &(),
        }
    }

    /// A session with one client.
    ///
    /// # Errors
    /// When the machine's host name is needed and cannot be had.
    pub fn session(self: &Arc<Self>, mut params: ServerParams) -> Result<ServerSession> {
        let mut fqdn = match params.fqdn.take() {
            Some(fqdn) => fqdn,
            None => crate::sys::host::fqdn()?,
        };
        // With the names of 1.5 it is the realm of users whose names have none, and realms are compared byte by byte.
        if self.naming == Naming::Qualified {
            fqdn.make_ascii_lowercase();
        }
        Ok(ServerSession::new(Arc::clone(self), params, fqdn))
    }

    pub(crate) fn find_verifier(&self, name: &str) -> Option<&dyn PasswordVerifier> {
        self.verifiers.iter().map(Arc::as_ref).find(|verifier| verifier.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn unknown_verifier(&self, name: &str) -> String {
        let names = self.verifiers.iter().map(|verifier| verifier.name());
        let known = names.filter(|name| known::unavailable(name).is_none()).collect::<Vec<_>>().join(", ");
        let what = match self.naming {
            Naming::Qualified => "unknown password verifier",
            Naming::Classic => "unrecognized plaintext verifier",
        };
        format!("{what} {name} in pwcheck_method; there are: {known}")
    }

    /// What `pwcheck_method` is when it is not set.
    pub(crate) fn default_verifier(&self) -> &'static str {
        match self.naming {
            Naming::Qualified => "auxprop",
            Naming::Classic => "sasldb",
        }
    }

    /// What `log_level` is when it is not set.
    pub(crate) fn default_log_level(&self) -> i32 {
        match self.naming {
            Naming::Qualified => Level::Err as i32,
            Naming::Classic => Level::Note as i32,
        }
    }

    pub(crate) fn canon_user(&self, name: &str) -> Result<&dyn CanonUser> {
        identity::find_canonicalizer(&self.canon_users, name)
    }

    /// The names of all mechanisms.
    pub(crate) fn names(&self) -> String {
        self.registry.iter().map(|mechanism| mechanism.info().name.as_ref()).collect::<Vec<_>>().join(" ")
    }

    /// True the first time: a warning that would come with every connection comes once.
    pub(crate) fn first_time(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }
}
