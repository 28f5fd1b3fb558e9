//! All that a mechanism may ask of the world, and the only place where a proof of identity is made.

use std::any::Any;
use std::ops::Deref;

use subtle::Choice;

use crate::chanbind::{BindingFlag, ChannelBinding};
use crate::error::{Code, Error, Result};
use crate::gss;
use crate::identity::{CanonFlags, CanonicalName, Identity, Naming, qualify};
use crate::log::Level;
use crate::policy::{SecurityProps, Ssf};
use crate::prompt::{Prompt, PromptKind};
use crate::props::Props;
use crate::rng;
use crate::secret::Secret;

/// What a session of either side offers its mechanism.
pub trait World {
    /// The service (`smtp`, `ldap`).
    fn service(&self) -> &str;

    /// The value of an option of the mechanism, if it is set.
    fn option(&self, name: &str) -> Option<String>;

    /// What the connection demands.
    fn security(&self) -> SecurityProps;

    /// The strength of the layer underneath.
    fn external_ssf(&self) -> Ssf;

    /// Who the layer underneath says the client is.
    fn external_id(&self) -> Option<Vec<u8>>;

    /// The identities, as far as they are canonical.
    fn identity(&self) -> Identity;

    /// Makes a name canonical and takes it as one or both of the identities; on a server, looks up the requested
    /// properties of that user.
    ///
    /// # Errors
    /// What the canonicaliser or the stores say.
    fn canonicalize(&self, name: &[u8], flags: CanonFlags) -> Result<()>;

    /// The channel binding of this name, or the only one when `name` is `None`.
    fn binding(&self, name: Option<&str>) -> Option<ChannelBinding>;

    /// A nonce of so many random bytes, as base64 text.
    ///
    /// # Errors
    /// When the system has no random bytes.
    fn nonce(&self, bytes: usize) -> Result<String> {
        rng::nonce(bytes)
    }

    /// The application's own credentials for the GSS-API, if it gave any.
    fn gss_credentials(&self) -> Option<gss::ForeignCred> {
        None
    }

    /// Keeps the names of a security context, and delegated credentials, for the application.
    fn keep_parties(&self, _parties: gss::Parties) {}

    /// Whether lines of this level are wanted.
    fn logs(&self, level: Level) -> bool;

    /// Writes a log line.
    fn log(&self, level: Level, line: &str);

    /// The session's hooks, for a mechanism that belongs to the same application.
    fn host(&self) -> &dyn Any;
}

/// What a server session offers its mechanism.
pub trait ServerWorld: World {
    /// The server's host name, in lower case.
    fn fqdn(&self) -> &str;

    /// The session's realm.
    fn realm(&self) -> Option<String>;

    /// How names are read.
    fn naming(&self) -> Naming {
        Naming::Qualified
    }

    /// The user and the realm in a name that a client sent in one piece, where the two are kept apart; else the whole name.
    fn split_name(&self, name: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        (name.to_vec(), None)
    }

    /// As [`World::canonicalize`], for a user of a realm that the client told apart from the name. One that is not the
    /// session's own goes into the name.
    ///
    /// # Errors
    /// As [`World::canonicalize`].
    fn canonicalize_in(&self, realm: Option<&[u8]>, name: &[u8], flags: CanonFlags) -> Result<()> {
        let own = self.realm().unwrap_or_else(|| self.fqdn().to_owned());
        self.canonicalize(&qualify(name, realm, own.as_bytes()), flags)
    }

    /// Whether the client asked for the `-PLUS` form of the mechanism.
    fn plus_requested(&self) -> bool;

    /// The requested properties and their values.
    fn props(&self) -> &Props;

    /// Checks a password of the user that [`World::identity`] has as authcid, as the option `pwcheck_method` says.
    ///
    /// # Errors
    /// What the verifiers say.
    fn verify_password(&self, password: &Secret) -> Result<()>;

    /// Whether a login with a plaintext password would give the user the secret that this mechanism misses
    /// (the option `auto_transition`).
    fn transitions(&self) -> bool;

    /// Whether new passwords are stored as verifiers of SCRAM, so that most users can be taken to have one.
    fn stores_verifiers(&self) -> bool {
        false
    }

    /// The key that made-up salts are derived from: always the same, so that asking twice does not tell them from others.
    ///
    /// # Errors
    /// When the system has no random bytes to make one.
    fn salt_key(&self) -> Result<Secret> {
        rng::process_key().map(|key| Secret::from(&key[..]))
    }

    /// Notes what the client said about channel binding.
    fn note_binding(&self, used: bool);
}

/// What a client session offers its mechanism.
pub trait ClientWorld: World {
    /// The server's host name, in lower case, if the application gave it.
    fn fqdn(&self) -> Option<&str>;

    /// The name of the machine that the client runs on.
    ///
    /// # Errors
    /// When the system does not tell it.
    fn host_name(&self) -> Result<String>;

    /// Whether the channel binding must be used, may be used or is not there, as the mechanism list made it.
    fn binding_choice(&self) -> BindingChoice;

    /// Whether the application may know its realm where the server offers none.
    fn knows_realms(&self) -> bool {
        false
    }

    /// The answers to all of these questions, in their order.
    ///
    /// # Errors
    /// [`Code::Interact`] with those that only the user can answer: the step is then repeated with the same input, so a
    /// mechanism asks before it changes its state. `None` stands for a question that the application does not support.
    fn ask(&self, prompts: &[Prompt]) -> Result<Vec<Option<Secret>>>;
}

/// How a client treats its channel binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BindingChoice {
    /// There is none (`n`).
    #[default]
    None,
    /// There is one, but the server does not offer to use it (`y`).
    ServerLacksIt,
    /// It is used (`p`).
    Use,
}

/// Proof that a client is who it claims to be. Only a [`ServerCx`] makes one, and only after a check: a mechanism that
/// forgets to check does not compile.
#[derive(Debug)]
#[must_use]
pub struct Authenticated(());

/// A server mechanism's view of its session.
pub struct ServerCx<'a> {
    world: &'a dyn ServerWorld,
}

impl<'a> Deref for ServerCx<'a> {
    type Target = dyn ServerWorld + 'a;

    fn deref(&self) -> &Self::Target {
        self.world
    }
}

impl<'a> ServerCx<'a> {
    /// A view of this world.
    pub fn new(world: &'a dyn ServerWorld) -> Self {
        ServerCx { world }
    }

    /// Takes the names that the client gave: `authcid` for the credentials, `authzid` to act as; none means the same.
    ///
    /// # Errors
    /// As [`World::canonicalize`].
    pub fn identify(&self, authcid: &[u8], authzid: Option<&[u8]>, how: CanonFlags) -> Result<()> {
        self.identify_in(None, authcid, authzid, how)
    }

    /// As [`identify`](Self::identify), for a client that told the realm apart from the name.
    ///
    /// # Errors
    /// As [`World::canonicalize`].
    pub fn identify_in(
        &self,
        realm: Option<&[u8]>,
        authcid: &[u8],
        authzid: Option<&[u8]>,
        how: CanonFlags,
    ) -> Result<()> {
        match authzid.filter(|authzid| !authzid.is_empty()) {
            None => self.canonicalize_in(realm, authcid, CanonFlags::AUTHID.and(CanonFlags::AUTHZID).and(how)),
            Some(authzid) => {
                self.canonicalize_in(realm, authcid, CanonFlags::AUTHID.and(how))?;
                self.canonicalize(authzid, CanonFlags::AUTHZID)
            }
        }
    }

    /// The proof that a comparison, made in constant time, came out equal.
    ///
    /// # Errors
    /// [`Code::BadAuth`] with `otherwise` when it did not.
    pub fn proof(&self, equal: Choice, otherwise: &'static str) -> Result<Authenticated> {
        if bool::from(equal) { Ok(Authenticated(())) } else { Err(Error::bad_auth(otherwise)) }
    }

    /// The proof that a plaintext password is that of the user.
    ///
    /// # Errors
    /// As [`ServerWorld::verify_password`].
    pub fn check_password(&self, password: &Secret) -> Result<Authenticated> {
        self.world.verify_password(password).map(Authenticated)
    }

    /// For ANONYMOUS only: nobody in particular needs no proof.
    pub fn anonymous(&self) -> Authenticated {
        Authenticated(())
    }

    /// For EXTERNAL only: the layer underneath has proved who the client is.
    ///
    /// # Errors
    /// [`Code::NoMech`] when it has not.
    pub fn external(&self) -> Result<(Vec<u8>, Authenticated)> {
        let id = self.external_id().filter(|id| !id.is_empty());
        id.map(|id| (id, Authenticated(()))).ok_or_else(|| Error::from(Code::NoMech))
    }

    /// For the mechanisms over the GSS-API only: a security context that this server has accepted has proved who the client
    /// is. The names are those of the context, to be taken with [`ServerCx::identify`].
    ///
    /// # Errors
    /// [`Code::BadAuth`] when the context is not complete; [`Code::NoAuthz`] for a client that is nobody in particular.
    pub fn accepted(&self, context: &gss::Context) -> Result<Authenticated> {
        if !context.has_authenticated_the_client() {
            return Err(Error::bad_auth("the security context is not complete"));
        }
        if context.has(gss::flag::ANONYMOUS) {
            return Err(Error::new(Code::NoAuthz, "anonymous login not allowed"));
        }
        Ok(Authenticated(()))
    }

    /// For mechanisms of loaded plugins only: their code has checked.
    pub fn vouched_by_plugin(&self) -> Authenticated {
        Authenticated(())
    }

    /// The error of a user who has no secret for the mechanism. Its detail is for the log.
    #[must_use]
    pub fn no_secret(&self) -> Error {
        let code = if self.transitions() { Code::Trans } else { Code::NoUser };
        let why = if self.stores_verifiers() {
            "no secret in database for this mechanism: passwords are stored as one-way secrets, and those of this user do not \
             include it (set the password again, or see the options password_secrets and password_storage)"
        } else {
            "no secret in database"
        };
        Error::new(code, why)
    }

    /// Judges what the client says about channel binding, and gives the binding that both sides use, if any.
    ///
    /// # Errors
    /// [`Code::BadBinding`] when the client uses one that is not here, or its list of mechanisms was tampered with.
    pub fn check_binding(&self, flag: BindingFlag<'_>) -> Result<Option<ChannelBinding>> {
        let used = match flag {
            BindingFlag::Unsupported | BindingFlag::ServerLacksIt if self.plus_requested() => {
                return Err(Error::protocol("the client chose channel binding but does not use it"));
            }
            BindingFlag::Unsupported => None,
            BindingFlag::ServerLacksIt if self.binding(None).is_some() => {
                return Err(Error::bad_auth("client incorrectly assumed server had no channel binding"));
            }
            BindingFlag::ServerLacksIt => None,
            BindingFlag::Used(name) => match self.binding(Some(name)) {
                Some(binding) if binding.data.is_empty() => {
                    return Err(Error::new(Code::BadBinding, format!("the channel binding {name} is empty")));
                }
                Some(binding) => Some(binding),
                None => return Err(Error::new(Code::BadBinding, self.binding_mismatch(name))),
            },
        };
        self.note_binding(used.is_some());
        Ok(used)
    }

    fn binding_mismatch(&self, name: &str) -> String {
        match self.binding(None) {
            None => "client provided channel binding but server had none".into(),
            Some(ours) => format!("client channel binding {name} does not match server {}", ours.name),
        }
    }
}

/// A client mechanism's view of its session.
pub struct ClientCx<'a> {
    world: &'a dyn ClientWorld,
}

impl<'a> Deref for ClientCx<'a> {
    type Target = dyn ClientWorld + 'a;

    fn deref(&self) -> &Self::Target {
        self.world
    }
}

/// What a client needs for most mechanisms.
#[derive(Debug)]
pub struct Credentials {
    /// The name as whose owner the client authenticates, as the application gave it.
    pub authcid: Vec<u8>,
    /// The name to act as; `None` for the same.
    pub authzid: Option<Vec<u8>>,
    /// The password.
    pub password: Secret,
}

impl<'a> ClientCx<'a> {
    /// A view of this world.
    pub fn new(world: &'a dyn ClientWorld) -> Self {
        ClientCx { world }
    }

    /// The answer to a question that the application may leave open.
    ///
    /// # Errors
    /// As [`ClientWorld::ask`].
    pub fn optional(&self, prompt: Prompt) -> Result<Option<Secret>> {
        Ok(self.ask(&[prompt])?.pop().flatten())
    }

    /// The answer to a question that the mechanism cannot do without.
    ///
    /// # Errors
    /// As [`ClientWorld::ask`]; [`Code::BadParam`] without an answer.
    pub fn required(&self, kind: PromptKind) -> Result<Secret> {
        self.optional(Prompt::new(kind))?.ok_or_else(|| missing(kind))
    }

    /// Asks for name and password, and with `with_user` for the name to act as.
    ///
    /// # Errors
    /// As [`ClientWorld::ask`]; [`Code::BadParam`] for a missing name or password.
    pub fn credentials(&self, with_user: bool) -> Result<Credentials> {
        let (name, password) = (Prompt::new(PromptKind::AuthName), Prompt::new(PromptKind::Pass));
        let answers = if with_user {
            self.ask(&[name, Prompt::new(PromptKind::User), password])?
        } else {
            self.ask(&[name, password])?
        };
        let mut answers = answers.into_iter();
        let authcid = answers.next().flatten().ok_or_else(|| missing(PromptKind::AuthName))?;
        let user = if with_user { answers.next().flatten() } else { None };
        let password = answers.next().flatten().ok_or_else(|| missing(PromptKind::Pass))?;
        let authcid = authcid.expose().to_vec();
        let authzid = user.map(|user| user.expose().to_vec()).filter(|user| !user.is_empty());
        Ok(Credentials { authcid, authzid, password })
    }

    /// Takes the names, as [`ServerCx::identify`] does on the other side.
    ///
    /// # Errors
    /// As [`World::canonicalize`].
    pub fn identify(&self, authcid: &[u8], authzid: Option<&[u8]>) -> Result<()> {
        match authzid.filter(|authzid| !authzid.is_empty()) {
            None => self.canonicalize(authcid, CanonFlags::AUTHID.and(CanonFlags::AUTHZID)),
            Some(authzid) => {
                self.canonicalize(authcid, CanonFlags::AUTHID)?;
                self.canonicalize(authzid, CanonFlags::AUTHZID)
            }
        }
    }

    /// The canonical authcid.
    ///
    /// # Errors
    /// [`Code::Fail`] before [`ClientCx::identify`].
    pub fn authid(&self) -> Result<CanonicalName> {
        self.identity().authid.ok_or_else(|| Error::fail("the user name is not known yet"))
    }
}

fn missing(kind: PromptKind) -> Error {
    let what = if kind == PromptKind::Pass { "password" } else { "simple" };
    Error::param(format!("Unexpectedly missing a prompt result in _plug_get_{what}"))
}
