//! Sessions for the mechanisms' own tests: one user, chosen nonces, and everything that was logged.

use std::any::Any;
use std::cell::{Cell, RefCell};

use super::{ClientMech, ClientStep, Mechanism, ServerMech, Step};
use crate::chanbind::ChannelBinding;
use crate::config::NoOptions;
use crate::ctx::{BindingChoice, ClientCx, ClientWorld, ServerCx, ServerWorld, World};
use crate::error::{Code, Error, Result};
use crate::identity::{CanonCx, CanonFlags, CanonUser, CanonicalName, Identity, Internal, check_length};
use crate::log::{Level, NoLog};
use crate::policy::{SecurityFlags, SecurityProps, Ssf};
use crate::prompt::{Prompt, PromptKind};
use crate::props::Props;
use crate::rng;
use crate::secret::Secret;

/// What both sides have.
#[derive(Default)]
pub(crate) struct Shared {
    identity: RefCell<Identity>,
    external_id: RefCell<Option<Vec<u8>>>,
    security: SecurityProps,
    binding: Option<ChannelBinding>,
    nonce: Option<&'static str>,
    options: Vec<(&'static str, &'static str)>,
    log: RefCell<Vec<String>>,
}

/// A server whose store knows one user.
pub(crate) struct TestServer {
    shared: Shared,
    user: &'static str,
    stored: Vec<(&'static str, Vec<u8>)>,
    props: Props,
    plus: bool,
    transitions: bool,
    pub(crate) binding_used: Cell<bool>,
    /// What every look-up fails with.
    pub(crate) store_error: Option<Code>,
}

/// A client that answers every question.
pub(crate) struct TestClient {
    shared: Shared,
    authname: String,
    user: String,
    password: String,
    choice: BindingChoice,
}

impl TestServer {
    pub(crate) fn with(user: &'static str, property: &'static str, value: &[u8]) -> Self {
        TestServer {
            shared: Shared::default(),
            user,
            stored: vec![(property, value.to_vec())],
            props: Props::new(),
            plus: false,
            transitions: false,
            binding_used: Cell::new(false),
            store_error: None,
        }
    }

    pub(crate) fn with_password(user: &'static str, password: &str) -> Self {
        Self::with(user, "userPassword", password.as_bytes())
    }

    pub(crate) fn and(mut self, property: &'static str, value: &[u8]) -> Self {
        self.stored.push((property, value.to_vec()));
        self
    }

    pub(crate) fn transitioning(mut self) -> Self {
        self.transitions = true;
        self
    }

    pub(crate) fn plus(mut self) -> Self {
        self.plus = true;
        self
    }
}

impl TestClient {
    pub(crate) fn new(authname: &str, user: &str, password: &str) -> Self {
        TestClient {
            shared: Shared::default(),
            authname: authname.into(),
            user: user.into(),
            password: password.into(),
            choice: BindingChoice::None,
        }
    }

    pub(crate) fn choosing(mut self, choice: BindingChoice) -> Self {
        self.choice = choice;
        self
    }
}

macro_rules! shared_methods {
    ($($side:ty),*) => {$(
        #[allow(dead_code)]
        impl $side {
            pub(crate) fn demanding(mut self, flags: SecurityFlags) -> Self {
                self.shared.security.flags = flags;
                self
            }

            pub(crate) fn nonce(mut self, nonce: &'static str) -> Self {
                self.shared.nonce = Some(nonce);
                self
            }

            pub(crate) fn option(mut self, name: &'static str, value: &'static str) -> Self {
                self.shared.options.push((name, value));
                self
            }

            pub(crate) fn binding(mut self, name: &str, data: &[u8]) -> Self {
                self.shared.binding =
                    Some(ChannelBinding { name: name.into(), data: data.to_vec(), critical: false });
                self
            }

            pub(crate) fn set_external_id(&self, id: &str) {
                *self.shared.external_id.borrow_mut() = Some(id.into()).filter(|id: &Vec<u8>| !id.is_empty());
            }

            /// User and authid.
            pub(crate) fn identity_text(&self) -> (String, String) {
                let identity = self.shared.identity.borrow().clone();
                let text = |name: Option<CanonicalName>| str::from_utf8(&name.unwrap_or_default()).unwrap().to_owned();
                (text(identity.user), text(identity.authid))
            }

            /// The last line that was logged, after its level.
            pub(crate) fn last_log(&self) -> String {
                self.shared.log.borrow().last().cloned().unwrap_or_default()
            }
        }
    )*};
}
shared_methods!(TestServer, TestClient);

macro_rules! shared_world {
    () => {
        fn service(&self) -> &str {
            "test"
        }

        fn option(&self, name: &str) -> Option<String> {
            let set = self.shared.options.iter().find(|(known, _)| *known == name);
            set.map(|(_, value)| (*value).to_owned())
        }

        fn security(&self) -> SecurityProps {
            self.shared.security
        }

        fn external_ssf(&self) -> Ssf {
            0
        }

        fn external_id(&self) -> Option<Vec<u8>> {
            self.shared.external_id.borrow().clone()
        }

        fn identity(&self) -> Identity {
            self.shared.identity.borrow().clone()
        }

        fn binding(&self, name: Option<&str>) -> Option<ChannelBinding> {
            self.shared.binding.clone().filter(|binding| name.is_none_or(|name| binding.name == name))
        }

        fn nonce(&self, bytes: usize) -> Result<String> {
            self.shared.nonce.map_or_else(|| rng::nonce(bytes), |nonce| Ok(nonce.to_owned()))
        }

        fn logs(&self, _: Level) -> bool {
            true
        }

        fn log(&self, level: Level, line: &str) {
            self.shared.log.borrow_mut().push(format!("{} {line}", level as u8));
        }

        fn host(&self) -> &dyn Any {
            &()
        }
    };
}

impl Shared {
    fn take_name(&self, name: &[u8], flags: CanonFlags) {
        let mut identity = self.identity.borrow_mut();
        if flags.contains(CanonFlags::AUTHZID) {
            identity.user = Some(name.into());
        }
        if flags.contains(CanonFlags::AUTHID) {
            identity.authid = Some(name.into());
        }
    }
}

impl World for TestServer {
    shared_world!();

    fn canonicalize(&self, name: &[u8], flags: CanonFlags) -> Result<()> {
        let name =
            Internal.server(name, &CanonCx { flags, realm: None, options: &NoOptions, log: &NoLog, host: &() })?;
        check_length(&name)?;
        self.shared.take_name(&name, flags);
        if let Some(code) = self.store_error {
            return Err(Error::new(code, "the store is broken"));
        }
        if name != self.user.as_bytes() {
            let excused = flags.contains(CanonFlags::EXTERNALLY_VERIFIED);
            return if excused { Ok(()) } else { Err(Error::new(Code::NoUser, "no such user in the store")) };
        }
        if flags.contains(CanonFlags::AUTHID) {
            for (property, value) in &self.stored {
                let _ = self.props.add(&format!("*{property}"), Secret::from(&value[..]));
            }
        }
        Ok(())
    }
}

impl ServerWorld for TestServer {
    fn fqdn(&self) -> &str {
        "host.example.com"
    }

    fn realm(&self) -> Option<String> {
        None
    }

    fn plus_requested(&self) -> bool {
        self.plus
    }

    fn props(&self) -> &Props {
        &self.props
    }

    fn verify_password(&self, password: &Secret) -> Result<()> {
        if self.identity().authid.as_deref() != Some(self.user.as_bytes()) {
            return Err(Error::from(Code::NoUser));
        }
        let (_, stored) = self.stored.first().filter(|(name, _)| *name == "userPassword").unwrap();
        if bool::from(password.matches(stored)) { Ok(()) } else { Err(Error::bad_auth("login incorrect")) }
    }

    fn transitions(&self) -> bool {
        self.transitions
    }

    fn stores_verifiers(&self) -> bool {
        self.option("scram_secret_generate").is_some()
    }

    fn note_binding(&self, used: bool) {
        self.binding_used.set(used);
    }
}

impl World for TestClient {
    shared_world!();

    fn canonicalize(&self, name: &[u8], flags: CanonFlags) -> Result<()> {
        let name =
            Internal.client(name, &CanonCx { flags, realm: None, options: &NoOptions, log: &NoLog, host: &() })?;
        self.shared.take_name(&name, flags);
        Ok(())
    }
}

impl ClientWorld for TestClient {
    fn fqdn(&self) -> Option<&str> {
        Some("host.example.com")
    }

    fn host_name(&self) -> Result<String> {
        Ok("client.example.com".into())
    }

    fn binding_choice(&self) -> BindingChoice {
        self.choice
    }

    fn ask(&self, prompts: &[Prompt]) -> Result<Vec<Option<Secret>>> {
        let answer = |prompt: &Prompt| match prompt.kind {
            PromptKind::AuthName => Some(Secret::from(self.authname.as_str())),
            PromptKind::User => Some(Secret::from(self.user.as_str())),
            PromptKind::Pass => Some(Secret::from(self.password.as_str())),
            _ => None,
        };
        Ok(prompts.iter().map(answer).collect())
    }
}

/// One step of a server; what it sends, also with its success, or nothing.
pub(crate) fn respond(server: &mut dyn ServerMech, world: &TestServer, input: &[u8]) -> Result<Vec<u8>> {
    Ok(match server.step(&ServerCx::new(world), input)? {
        Step::Continue(challenge) => challenge,
        Step::Done(outcome) => outcome.data.unwrap_or_default(),
    })
}

/// What a new server sends after these messages of the client.
pub(crate) fn server_says(mech: &dyn Mechanism, world: &TestServer, messages: &[&[u8]]) -> Result<Vec<u8>> {
    let mut server = mech.server().unwrap();
    messages.iter().try_fold(Vec::new(), |_, message| respond(server.as_mut(), world, message))
}

/// One step of a client; what it sends, or nothing.
pub(crate) fn ask_client(client: &mut dyn ClientMech, world: &TestClient, input: Option<&[u8]>) -> Result<Vec<u8>> {
    Ok(match client.step(&ClientCx::new(world), input)? {
        ClientStep::Continue(response) | ClientStep::Done { response, .. } => response.unwrap_or_default(),
    })
}

/// What a new client sends after these messages of the server.
pub(crate) fn client_sends(mech: &dyn Mechanism, world: &TestClient, messages: &[Option<&[u8]>]) -> Result<Vec<u8>> {
    let mut client = mech.client().unwrap();
    messages.iter().try_fold(Vec::new(), |_, message| ask_client(client.as_mut(), world, *message))
}
