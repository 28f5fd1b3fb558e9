//! The client's side of a session.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::address::Address;
use super::{Common, Progress, common_methods, common_world};
use crate::chanbind::ChannelBinding;
use crate::client::Client;
use crate::config::{Layered, Options};
use crate::ctx::{BindingChoice, ClientCx, ClientWorld, World};
use crate::error::{Code, Error, Result};
use crate::gss;
use crate::hooks::{ClientHooks, NoHooks};
use crate::identity::{CanonCx, CanonFlags, CanonUser, Identity, Internal, Naming, check_length};
use crate::log::Level;
use crate::mech::{ClientMech, ClientStep, Facts, Mechanism, Side};
use crate::policy::{Features, Refusal, SecurityProps, SessionFlags, Ssf, explain};
use crate::prompt::{Answer, Answers, Prompt, PromptKind};
use crate::registry::{MechanismRef, find, split_plus};
use crate::secret::Secret;

/// What a client session starts from.
pub struct ClientParams {
    pub(crate) service: String,
    pub(crate) fqdn: Option<String>,
    pub(crate) flags: SessionFlags,
    pub(crate) answers: Box<dyn Answers>,
    pub(crate) hooks: Box<dyn ClientHooks>,
}

impl ClientParams {
    /// A session of this service (`smtp`, `imap`, `ldap`), with credentials from `answers`.
    #[must_use]
    pub fn new(service: impl Into<String>, answers: impl Answers + 'static) -> Self {
        ClientParams {
            service: service.into(),
            fqdn: None,
            flags: SessionFlags::NONE,
            answers: Box::new(answers),
            hooks: Box::new(NoHooks),
        }
    }

    /// The server's host name. Some mechanisms cannot do without.
    #[must_use]
    pub fn fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.fqdn = Some(fqdn.into());
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
    pub fn hooks(mut self, hooks: impl ClientHooks) -> Self {
        self.hooks = Box::new(hooks);
        self
    }
}

/// What [`ClientSession::start`] chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientStart {
    /// The mechanism to name to the server, with `-PLUS` where the channel binding is used.
    pub mechanism: Cow<'static, str>,
    /// The initial response, if there is one.
    pub progress: Progress,
}

/// Where an exchange stands.
enum Exchange {
    /// None has begun, or the last one failed.
    Idle,
    /// A step is running: whatever calls back may not step again.
    Stepping,
    /// The mechanism waits for the server, or for the user.
    Running(Box<dyn ClientMech>),
    /// Done.
    Done,
}

/// A client's session with one server: [`start`](Self::start), then [`step`](Self::step) until it is done.
pub struct ClientSession {
    client: Arc<Client>,
    common: Common,
    hooks: Box<dyn ClientHooks>,
    answers: Box<dyn Answers>,
    fqdn: Option<String>,
    exchange: RefCell<Exchange>,
    supplied: RefCell<Vec<(PromptKind, Option<Secret>)>>,
    asking: Cell<bool>,
    choice: Cell<BindingChoice>,
}

impl ClientSession {
    pub(crate) fn new(client: Arc<Client>, params: ClientParams) -> Result<Self> {
        let options = Layered { first: params.hooks.options(), then: client.options.as_ref() };
        let level = Level::from_number(crate::config::integer(&options, "log_level").unwrap_or(1));
        let list = options.get(None, "client_mech_list").map(Cow::into_owned);
        let mechanisms = client.registry.select(list.as_deref());
        if mechanisms.is_empty() {
            let text = format!("client_mech_list \"{}\" leaves no mechanism", list.unwrap_or_default());
            params.hooks.log().unwrap_or(client.log.as_ref()).log(Level::Err, &text);
            return Err(Error::new(Code::NoMech, text));
        }
        let mut common = Common::new(params.service, params.flags, level, mechanisms);
        if let Some(line) = common.heed_binding_policy(&options) {
            params.hooks.log().unwrap_or(client.log.as_ref()).log(Level::Err, &line);
        }
        Ok(ClientSession {
            client,
            common,
            hooks: params.hooks,
            answers: params.answers,
            fqdn: params.fqdn.map(|fqdn| fqdn.to_ascii_lowercase()),
            exchange: RefCell::new(Exchange::Idle),
            supplied: RefCell::default(),
            asking: Cell::new(false),
            choice: Cell::default(),
        })
    }

    common_methods!();

    /// The server's host name, in lower case.
    #[must_use]
    pub fn fqdn(&self) -> Option<&str> {
        self.fqdn.as_deref()
    }

    /// The host name of the machine that the client runs on, with its domain.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub fn own_fqdn(&self) -> Result<String> {
        crate::sys::host::fqdn()
    }

    /// The application's own decisions.
    #[must_use]
    pub fn hooks(&self) -> &dyn ClientHooks {
        self.hooks.as_ref()
    }

    /// Where the credentials come from.
    #[must_use]
    pub fn answers(&self) -> &dyn Answers {
        self.answers.as_ref()
    }

    /// The session's options: the hooks' before the client's.
    #[must_use]
    pub fn options(&self) -> Layered<'_> {
        Layered { first: self.hooks.options(), then: self.client.options.as_ref() }
    }

    /// Writes a line to the session's log. That of the hooks gets every line, the application's those that the option
    /// `log_level` wants.
    pub fn write_log(&self, level: Level, line: &str) {
        match self.hooks.log() {
            Some(log) => log.log(level, line),
            None if self.logs(level) => self.client.log.log(level, line),
            None => {}
        }
    }

    /// The mechanisms that this client could use, strongest first. Why others are missing is then told by
    /// [`error_detail`](Self::error_detail).
    #[must_use]
    pub fn mechanisms(&self) -> Vec<String> {
        self.common.clear_error();
        let usable = |mechanism: &&MechanismRef| self.admit(&***mechanism, false).is_ok();
        let names: Vec<_> =
            self.common.mechanisms.iter().filter(usable).map(|mech| mech.info().name.to_string()).collect();
        if names.len() < self.common.mechanisms.len() {
            self.common.note_listing();
        }
        names
    }

    /// The mechanisms that this client cannot use, with the reasons.
    #[must_use]
    pub fn refusals(&self) -> String {
        let refused: Vec<_> = self
            .client
            .registry
            .iter()
            .filter(|mechanism| mechanism.info().client.is_some())
            .filter_map(|mechanism| {
                let name = mechanism.info().name.clone();
                let refusal = match find(&self.common.mechanisms, &name) {
                    Some(listed) => self.admit(&**listed, false).err()?,
                    None => Refusal::NotListed("client_mech_list"),
                };
                Some((name, refusal))
            })
            .collect();
        format!("not usable: {}", explain(refused.iter().map(|(name, refusal)| (name.as_ref(), refusal))))
    }

    /// Whether the connection may use a mechanism, and with its channel binding.
    fn admit(&self, mechanism: &dyn Mechanism, must_bind: bool) -> Result<(), Refusal> {
        let info = mechanism.info();
        let features = info.client.ok_or(Refusal::Unknown)?;
        let external = self.common.external_ssf.get();
        let props = self.common.security.get();
        if let Some(kind) = info.prompts.iter().find(|kind| !self.answers.supports(**kind)) {
            return Err(Refusal::NoPrompt(*kind));
        }
        let need = props.min_ssf.saturating_sub(external);
        if info.max_ssf < need {
            return Err(Refusal::TooWeak { need, max: info.max_ssf });
        }
        let missing = props.flags_demanded(external).without(info.security);
        if !missing.is_empty() {
            return Err(Refusal::SecurityFlags(missing));
        }
        if must_bind && !features.contains(Features::CHANNEL_BINDING) {
            return Err(Refusal::NoChannelBinding);
        }
        if features.contains(Features::NEEDS_SERVER_FQDN) && self.fqdn.is_none() {
            return Err(Refusal::NoServerFqdn);
        }
        if self.common.flags.contains(SessionFlags::NEED_PROXY) && !features.contains(Features::PROXY) {
            return Err(Refusal::NoProxy);
        }
        if self.common.flags.contains(SessionFlags::NEED_HTTP) && !features.contains(Features::HTTP) {
            return Err(Refusal::NoHttp);
        }
        mechanism.available(&Facts {
            side: Side::Client,
            service: &self.common.service,
            fqdn: self.fqdn.as_deref().unwrap_or_default(),
            gss_credentials: self.common.gss_credentials.get(),
            has_external_id: self.common.external_id.borrow().is_some(),
            options: &self.options(),
            host: self.host(),
        })
    }

    /// Chooses the strongest mechanism that the server offers and the connection may use, and begins. `offered` is the
    /// server's list: names separated by anything that cannot be in one.
    ///
    /// After [`Code::Interact`], give the answers to [`supply`](Self::supply) and call this again.
    ///
    /// # Errors
    /// [`Code::NoMech`] with the reason why each mechanism was refused; [`Code::Interact`]; or what the mechanism says.
    pub fn start(&self, offered: &str) -> Result<ClientStart> {
        let mech = match self.enter()? {
            Exchange::Running(mech) if self.asking.get() => mech,
            _ => {
                self.common.begin();
                self.supplied.borrow_mut().clear();
                match self.choose(offered) {
                    Ok(mech) => mech,
                    Err(error) => {
                        let level = if error.code() == Code::NoMech { Level::Err } else { Level::Fail };
                        return self.fail(error, level);
                    }
                }
            }
        };
        let mechanism = self.chosen_name();
        let features = self.mechanism().and_then(|mech| mech.info().client).unwrap_or_default();
        if features.contains(Features::SERVER_FIRST) {
            self.exchange.replace(Exchange::Running(mech));
            return Ok(ClientStart { mechanism, progress: Progress::Continue(None) });
        }
        Ok(ClientStart { mechanism, progress: self.run(mech, None)? })
    }

    /// Chooses as [`start`](Self::start) does but does not begin: for protocols that cannot carry an initial response. The
    /// first step then has no challenge.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn choose_only(&self, offered: &str) -> Result<ClientStart> {
        self.enter()?;
        self.common.begin();
        match self.choose(offered) {
            Ok(mech) => {
                self.exchange.replace(Exchange::Running(mech));
                Ok(ClientStart { mechanism: self.chosen_name(), progress: Progress::Continue(None) })
            }
            Err(error) => self.fail(error, Level::Err),
        }
    }

    /// The name of the mechanism in use, as the server must be told it.
    #[must_use]
    pub fn chosen_name(&self) -> Cow<'static, str> {
        let Some(mech) = self.mechanism() else { return Cow::Borrowed("") };
        let name = &mech.info().name;
        let can_bind = mech.info().client.is_some_and(|features| features.contains(Features::CHANNEL_BINDING));
        // GSSAPI binds under its one name. What cannot bind is refused by the server under the name that it was offered.
        if self.choice.get() == BindingChoice::Use && (mech.has_plus() || !can_bind) {
            Cow::Owned(format!("{name}-PLUS"))
        } else {
            name.clone()
        }
    }

    /// Goes on with what the server sent.
    ///
    /// # Errors
    /// Why the authentication failed; it is then over. After [`Code::Interact`], give the answers to
    /// [`supply`](Self::supply) and call this again with the same input.
    pub fn step(&self, input: Option<&[u8]>) -> Result<Progress> {
        match self.enter()? {
            Exchange::Running(mech) => {
                self.common.clear_error();
                self.run(mech, input)
            }
            Exchange::Done => self.fail(Error::fail("attempting client step after doneflag"), Level::Err),
            Exchange::Idle | Exchange::Stepping => {
                self.fail(Error::protocol("attempting client step without an exchange under way"), Level::Fail)
            }
        }
    }

    /// Gives an answer of the user to a question that a step asked. `None`: the user did not answer.
    pub fn supply(&self, kind: PromptKind, answer: Option<Secret>) {
        let mut supplied = self.supplied.borrow_mut();
        supplied.retain(|(known, _)| *known != kind);
        supplied.push((kind, answer));
    }

    fn enter(&self) -> Result<Exchange> {
        match self.exchange.replace(Exchange::Stepping) {
            Exchange::Stepping => self.record(Err(Error::fail("a step was called from within a step"))),
            exchange => Ok(exchange),
        }
    }

    /// The strongest of the client's own mechanisms that the server offers; the server's order does not matter.
    fn choose(&self, offered: &str) -> Result<Box<dyn ClientMech>> {
        let tokens: Vec<&str> = offered
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .filter(|token| !token.is_empty())
            .collect();
        let binding = self.common.binding(None);
        let plus_offered = tokens.iter().any(|token| split_plus(token).1);
        let must_bind = self.common.must_bind();
        if must_bind && binding.is_none() {
            return Err(Error::new(Code::NoMech, "channel binding is required, but the connection has none"));
        }
        if must_bind && !plus_offered && tokens.len() != 1 {
            let text = format!("channel binding is required, but the server offers it with no mechanism: {offered}");
            return Err(Error::new(Code::NoMech, text));
        }
        let mut refused = Vec::new();
        let mut unprepared = Vec::new();
        for mechanism in self.common.mechanisms.iter() {
            let name = &mechanism.info().name;
            let offers = |plus: bool| {
                tokens.iter().any(|token| {
                    let (bare, has_plus) = split_plus(token);
                    has_plus == plus && bare.eq_ignore_ascii_case(name)
                })
            };
            let (with_plus, without) = (binding.is_some() && offers(true), offers(false));
            if !with_plus && !without {
                if offers(true) {
                    refused.push((name.as_ref(), Refusal::NoChannelBinding));
                }
                continue;
            }
            let Some(mut client) = mechanism.client() else { continue };
            if let Err(refusal) = self.admit(&**mechanism, must_bind) {
                refused.push((name.as_ref(), refusal));
                continue;
            }
            self.choice.set(match (&binding, with_plus) {
                (Some(_), true) => BindingChoice::Use,
                (Some(_), false) if tokens.len() == 1 && must_bind => BindingChoice::Use,
                (Some(_), false) if tokens.len() > 1 => BindingChoice::ServerLacksIt,
                _ => BindingChoice::None,
            });
            *self.common.mechanism.borrow_mut() = Some(mechanism.clone());
            if let Err(error) = client.prepare(&ClientCx::new(self)) {
                if error.code() != Code::Fail {
                    return Err(error);
                }
                unprepared.push((mechanism, self.choice.get(), error));
                continue;
            }
            for (passed_over, _, error) in &unprepared {
                let line = format!("{} is passed over: {}", passed_over.info().name, error.detail());
                self.write_log(Level::Note, &line);
            }
            client.begin(&ClientCx::new(self))?;
            return Ok(client);
        }
        // It would have been the choice: its reason tells more than that nothing else is there.
        if let Some((mechanism, choice, error)) = unprepared.into_iter().next() {
            *self.common.mechanism.borrow_mut() = Some(mechanism.clone());
            self.choice.set(choice);
            return Err(error);
        }
        Err(self.no_worthy(offered, &tokens, &refused))
    }

    /// The error that tells why no mechanism was chosen: for each that the server offers, or that is here.
    fn no_worthy(&self, offered: &str, tokens: &[&str], refused: &[(&str, Refusal)]) -> Error {
        let unknown: Vec<_> = tokens
            .iter()
            .filter(|token| find(&self.common.mechanisms, split_plus(token).0).is_none())
            .map(|token| (*token, &Refusal::Unknown))
            .collect();
        let mut reasons = explain(refused.iter().map(|(name, refusal)| (*name, refusal)).chain(unknown));
        if reasons.is_empty() {
            reasons = "the server offers none".into();
        }
        Error::new(Code::NoMech, format!("No worthy mechs found; the server offers \"{offered}\": {reasons}"))
    }

    fn run(&self, mut mech: Box<dyn ClientMech>, input: Option<&[u8]>) -> Result<Progress> {
        self.asking.set(false);
        match mech.step(&ClientCx::new(self), input) {
            Ok(ClientStep::Continue(response)) => {
                self.exchange.replace(Exchange::Running(mech));
                Ok(Progress::Continue(response))
            }
            Ok(ClientStep::Done { response, layer }) => {
                let identity = self.identity();
                if identity.user.is_none() || identity.authid.is_none() {
                    let text = "mech did not call canon_user for both authzid and authid";
                    return self.fail(Error::protocol(text), Level::Fail);
                }
                self.common.install(layer);
                self.exchange.replace(Exchange::Done);
                self.supplied.borrow_mut().clear();
                Ok(Progress::Done(response))
            }
            Err(error) if error.code() == Code::Interact => {
                self.asking.set(true);
                self.exchange.replace(Exchange::Running(mech));
                Err(error)
            }
            Err(error) => self.fail(error, Level::Fail),
        }
    }

    fn fail<T>(&self, error: Error, level: Level) -> Result<T> {
        self.exchange.replace(Exchange::Idle);
        self.asking.set(false);
        self.supplied.borrow_mut().clear();
        self.common.note_error(&error);
        if !error.detail().is_empty() && !error.is_told() {
            self.write_log(level, error.detail());
        }
        Err(error)
    }
}

impl World for ClientSession {
    common_world!();

    fn canonicalize(&self, name: &[u8], flags: CanonFlags) -> Result<()> {
        let options = self.options();
        let log = self.hooks.log().unwrap_or(self.client.log.as_ref());
        let cx = CanonCx { flags, realm: None, options: &options, log, host: self.host() };
        let own = self.hooks.canonicalize(name, &cx)?;
        let name = own.as_deref().unwrap_or(name);
        let canonical = match options.get(None, "canon_user_plugin") {
            Some(wanted) if wanted != Internal.name() => self.client.canon_user(&wanted)?.client(name, &cx)?,
            _ => Internal.client(name, &cx)?,
        };
        check_length(&canonical)?;
        self.common.take_name(&canonical.into(), flags);
        Ok(())
    }

    fn binding(&self, name: Option<&str>) -> Option<ChannelBinding> {
        self.common.binding(name)
    }
}

impl ClientWorld for ClientSession {
    fn fqdn(&self) -> Option<&str> {
        self.fqdn.as_deref()
    }

    fn host_name(&self) -> Result<String> {
        crate::sys::host::name()
    }

    fn binding_choice(&self) -> BindingChoice {
        self.choice.get()
    }

    fn knows_realms(&self) -> bool {
        self.client.naming == Naming::Classic
    }

    fn ask(&self, prompts: &[Prompt]) -> Result<Vec<Option<Secret>>> {
        let mut answers = Vec::with_capacity(prompts.len());
        let mut open = Vec::new();
        for prompt in prompts {
            let supplied = self.supplied.borrow().iter().find(|(kind, _)| *kind == prompt.kind).cloned();
            answers.push(match supplied {
                Some((_, answer)) => answer,
                None => match self.answers.answer(prompt) {
                    Answer::Value(value) => {
                        // A step that has other questions is repeated: nobody is asked for his password twice.
                        if prompt.kind == PromptKind::Pass {
                            self.supply(prompt.kind, Some(value.clone()));
                        }
                        Some(value)
                    }
                    Answer::Unsupported => None,
                    Answer::Failed(error) => return Err(error),
                    Answer::AskUser => {
                        open.push(prompt.clone());
                        None
                    }
                },
            });
        }
        if open.is_empty() {
            return Ok(answers);
        }
        open.sort_by_key(|prompt| prompt.kind);
        Err(Error::interact(open))
    }
}
