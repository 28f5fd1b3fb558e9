//! A connection (`sasl_conn_t`): a session of the engine, what the application was told about it, and its callbacks.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{c_char, c_int, c_uint, c_ulong};
use std::ptr::null;

use oxisasl::config::Options;
use oxisasl::hooks::{Authorize, ClientHooks, ServerHooks};
use oxisasl::identity::default_proxy_policy;
use oxisasl::log::Log;
use oxisasl::policy::{SecurityProps, Ssf};
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::{ClientSession, Code, Error, Result, Secret, ServerSession};
use oxisasl_capi_common::callbacks::{Found, List};
use oxisasl_capi_common::calls as common;
use oxisasl_capi_common::slots::Slots;

use crate::abi::{self, cb};
use crate::calls::{self, Ask, CallbackOptions};
use crate::errors;
use crate::log::ClassicLog;
use crate::memory::Adopted;

/// What the application was given pointers to and does not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The mechanism that a client chose.
    Mechanism,
    /// What was wrong in the last call that tells it.
    Error,
    /// A property.
    Property(c_int),
    /// A string of a prompt.
    Prompt(usize),
}

/// The engine's side of a connection.
pub enum Session {
    Server(ServerSession),
    Client(ClientSession),
}

/// A method that both kinds of session have.
macro_rules! either {
    ($conn:expr, $session:ident => $body:expr) => {
        match $conn.session() {
            Some($crate::conn::Session::Server($session)) => $body,
            Some($crate::conn::Session::Client($session)) => $body,
            None => return Err($crate::errors::refused("the connection is still being made")),
        }
    };
}
pub(crate) use either;

/// An address that the application has set.
#[derive(Default)]
pub struct Address {
    raw: Cell<Option<Box<libc::sockaddr_in>>>,
}

impl Address {
    /// Where the application may look at it; it stays until it is set again.
    pub fn as_ptr(&self) -> *const libc::sockaddr_in {
        let raw = self.raw.take();
        let place = raw.as_ref().map_or(null(), |raw| std::ptr::from_ref(raw.as_ref()));
        self.raw.set(raw);
        place
    }

    pub fn set(&self, raw: Option<libc::sockaddr_in>) {
        self.raw.set(raw.map(Box::new));
    }
}

/// `sasl_conn_t`.
pub struct Conn {
    session: OnceCell<Session>,
    own: List,
    global: List,
    log: ClassicLog,
    pub slots: Slots<Slot>,
    /// Whether the peer is authenticated: names are told only then.
    pub done: Cell<bool>,
    /// The name that the proxy policy gave the user.
    adopted: RefCell<Option<Adopted>>,
    /// The password that `sasl_client_start` was given.
    password: RefCell<Option<Secret>>,
    pub local: Address,
    pub remote: Address,
    pub ssf: Cell<c_uint>,
    pub max_input: Cell<c_uint>,
}

/// What a connection can receive in a security layer until `SASL_SEC_PROPS` says.
const DEFAULT_BUFFER: u32 = 65536;

impl Conn {
    /// A connection without a session yet: the hooks of the session need to know where the connection is.
    pub fn new(own: List, global: List) -> Box<Self> {
        Box::new(Conn {
            session: OnceCell::new(),
            own,
            global,
            log: ClassicLog::of(own, global),
            slots: Slots::default(),
            done: Cell::new(false),
            adopted: RefCell::default(),
            password: RefCell::default(),
            local: Address::default(),
            remote: Address::default(),
            ssf: Cell::new(0),
            max_input: Cell::new(0),
        })
    }

    /// Gives the connection its session, and the demands that hold until the application says others.
    pub fn begin(&self, session: Session, secflags: c_int) -> Result<()> {
        // A connection gets its session once, where it is made.
        let _ = self.session.set(session);
        let max_ssf = if secflags & abi::SECURITY_LAYER == 0 { 0 } else { Ssf::from(c_int::MAX.unsigned_abs()) };
        let props = SecurityProps { max_ssf, max_buf: DEFAULT_BUFFER, ..SecurityProps::default() };
        either!(self, session => {
            self.log.heed(&session.options());
            session.set_security(props)
        })
    }

    /// The session; none while it is being made, when the application is already asked for options.
    pub fn session(&self) -> Option<&Session> {
        self.session.get()
    }

    /// The server session.
    ///
    /// # Errors
    /// [`Code::Fail`] on a client's connection.
    pub fn server(&self) -> Result<&ServerSession> {
        match self.session() {
            Some(Session::Server(session)) => Ok(session),
            _ => Err(errors::refused("not a server's connection")),
        }
    }

    /// The client session.
    ///
    /// # Errors
    /// [`Code::Fail`] on a server's connection.
    pub fn client(&self) -> Result<&ClientSession> {
        match self.session() {
            Some(Session::Client(session)) => Ok(session),
            _ => Err(errors::refused("not a client's connection")),
        }
    }

    /// A callback of this connection.
    pub fn find(&self, id: c_ulong) -> Option<Found> {
        calls::find(self.own, self.global, id)
    }

    /// The log of this connection.
    pub fn log(&self) -> &ClassicLog {
        &self.log
    }

    /// Forgets who was authenticated, when another exchange begins.
    pub fn forget(&self) {
        self.done.set(false);
        drop(self.adopted.take());
    }

    /// Takes the password that the application has given along, for this exchange.
    pub fn keep_password(&self, password: Option<Secret>) {
        *self.password.borrow_mut() = password;
    }

    /// The name that the proxy policy gave the user.
    pub fn adopted(&self) -> Option<*const c_char> {
        self.adopted.borrow().as_ref().map(Adopted::as_ptr)
    }

    /// Where the application may look at what was wrong; NULL where there is nothing to say beyond the code.
    pub fn error_text(&self, error: &Error) -> *const c_char {
        let words = errors::words(error);
        if words.is_empty() {
            return null();
        }
        self.slots.keep(Slot::Error, words.as_bytes().to_vec())
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        match self.session() {
            Some(Session::Server(session)) => session.end(),
            Some(Session::Client(session)) => session.end(),
            None => {}
        }
    }
}

/// The connection that a session's hooks lead back to.
pub fn hooks_of(host: &dyn Any) -> Option<&Conn> {
    host.downcast_ref::<Hooks>().map(Hooks::conn)
}

/// The hooks of a session: they lead back to its connection.
pub struct Hooks {
    conn: *const Conn,
    options: CallbackOptions,
}

// SAFETY: the connection owns the session that owns these hooks, so both move between threads together.
unsafe impl Send for Hooks {}

impl Hooks {
    /// Hooks for the session of a connection, which must outlive them.
    pub fn new(conn: &Conn) -> Self {
        Hooks { conn, options: CallbackOptions(conn.own) }
    }

    fn conn(&self) -> &Conn {
        // SAFETY: the connection owns the session, and with it these hooks; it is boxed, so it has not moved.
        unsafe { &*self.conn }
    }
}

impl ServerHooks for Hooks {
    fn options(&self) -> Option<&dyn Options> {
        Some(&self.options)
    }

    fn log(&self) -> Option<&dyn Log> {
        Some(self.conn().log())
    }

    fn authorize(&self, request: &Authorize<'_>) -> Result<()> {
        let conn = self.conn();
        let Some(callback) = calls::ask(conn.find(cb::PROXY_POLICY)) else {
            return default_proxy_policy(request.user, request.authid);
        };
        let chosen = calls::proxy_policy(callback, request.authid, request.user)?;
        if chosen.as_ref().is_some_and(|name| name.text().is_empty()) {
            return Err(Error::new(Code::NoAuthz, "the proxy policy gave the user an empty name"));
        }
        let old = conn.adopted.replace(chosen);
        drop(old);
        Ok(())
    }
}

impl ClientHooks for Hooks {
    fn options(&self) -> Option<&dyn Options> {
        Some(&self.options)
    }

    fn log(&self) -> Option<&dyn Log> {
        Some(self.conn().log())
    }
}

/// The id of the callback that answers a question.
pub fn callback_id(kind: PromptKind) -> c_ulong {
    common::callback_id(kind, cb::GETREALM)
}

/// The question that a callback of an id answers.
pub fn prompt_kind(id: c_ulong) -> Option<PromptKind> {
    common::prompt_kind(id, cb::GETREALM)
}

/// A client's credentials, out of what the application gave along and its callbacks.
pub struct CallbackAnswers {
    conn: *const Conn,
}

// SAFETY: as for `Hooks`.
unsafe impl Send for CallbackAnswers {}

impl CallbackAnswers {
    /// Answers for the session of a connection, which must outlive them.
    pub fn new(conn: &Conn) -> Self {
        CallbackAnswers { conn }
    }

    fn conn(&self) -> &Conn {
        // SAFETY: as for `Hooks::conn`.
        unsafe { &*self.conn }
    }
}

impl Answers for CallbackAnswers {
    fn answer(&self, prompt: &Prompt) -> Answer {
        let conn = self.conn();
        if prompt.kind == PromptKind::Pass
            && let Some(password) = conn.password.borrow().clone()
        {
            return Answer::Value(password);
        }
        let id = callback_id(prompt.kind);
        let callback = match conn.find(id) {
            Some((Some(proc), context)) => Ask { proc, context },
            Some((None, _)) => return Answer::AskUser,
            None => return Answer::Unsupported,
        };
        let answer = match prompt.kind {
            PromptKind::Pass => calls::pass(callback, conn),
            PromptKind::Realm => calls::realm(callback, &prompt.realms),
            PromptKind::EchoPrompt | PromptKind::NoEchoPrompt => calls::challenge(callback, id, prompt),
            _ => calls::simple(callback, id),
        };
        match answer {
            Ok(Some(value)) => Answer::Value(value),
            Ok(None) if prompt.kind == PromptKind::User => Answer::Value(Secret::default()),
            Ok(None) => Answer::Failed(Error::param("a callback answered with nothing")),
            Err(error) => Answer::Failed(error),
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        let conn = self.conn();
        kind == PromptKind::Pass && conn.password.borrow().is_some() || conn.find(callback_id(kind)).is_some()
    }
}
