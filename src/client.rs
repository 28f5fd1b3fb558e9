//! What all client sessions of an application share.

use std::sync::Arc;

use crate::config::{NoOptions, Options};
use crate::error::Result;
use crate::identity::{self, CanonUser, Naming};
use crate::log::{Log, NoLog};
use crate::mech::Mechanism;
use crate::registry::Registry;
use crate::session::{ClientParams, ClientSession};
use crate::store::ldapdb::Ldapdb;

/// A client application: its options and mechanisms.
#[derive(Clone)]
pub struct Client {
    pub(crate) options: Arc<dyn Options>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) registry: Registry,
    pub(crate) naming: Naming,
    canon_users: Vec<Arc<dyn CanonUser>>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// With the built-in mechanisms and no options.
    #[must_use]
    pub fn new() -> Self {
        Client {
            options: Arc::new(NoOptions),
            log: Arc::new(NoLog),
            registry: Registry::builtin(),
            naming: Naming::Qualified,
            canon_users: Vec::new(),
        }
    }

    /// An application that was made for Cyrus SASL 1.5: it is asked for the realm of DIGEST-MD5 also where the server
    /// offers none, as servers of 1.5 do.
    #[must_use]
    pub fn classic() -> Self {
        Client { naming: Naming::Classic, ..Self::new() }
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

    /// A session with one server.
    ///
    /// # Errors
    /// [`crate::Code::NoMech`] when the option `client_mech_list` leaves no mechanism.
    pub fn session(self: &Arc<Self>, params: ClientParams) -> Result<ClientSession> {
        ClientSession::new(Arc::clone(self), params)
    }

    /// The store `ldapdb`, and canonicaliser of that name, which binds to directories as this client.
    #[must_use]
    pub fn ldapdb(self) -> Ldapdb {
        Ldapdb::new(Arc::new(self))
    }

    pub(crate) fn canon_user(&self, name: &str) -> Result<&dyn CanonUser> {
        identity::find_canonicalizer(&self.canon_users, name)
    }
}
