//! A connection (`sasl_conn_t`): a session of the engine, what the application was told about it, and its callbacks.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::mem::transmute;
use std::ptr::null;

use oxisasl::chanbind::ChannelBinding;
use oxisasl::config::Options;
use oxisasl::hooks::{Authorize, ClientHooks, PasswordChange, ServerHooks};
use oxisasl::identity::{CanonCx, MAX_NAME, default_proxy_policy};
use oxisasl::log::{Level, Log};
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::props::Props;
use oxisasl::{ClientSession, Code, Error, Result, Secret, ServerSession};
use oxisasl_capi_common::callbacks::{Found, List};
use oxisasl_capi_common::calls as common;
use oxisasl_capi_common::slots::Slots;

use crate::abi::{self, Callback, OK, RawSecurityProps, cb};
use crate::calls::{self, Ask, CallbackLog, CallbackOptions, Proc, c_string, login_name, terminated};
use crate::host::params::Host;
use crate::propctx::PropCtx;

/// What the application was given pointers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The output of the last start or step.
    Step,
    /// The mechanism that a client chose.
    Mechanism,
    /// The output of `sasl_encode` and `sasl_encodev`.
    Encoded,
    /// The output of `sasl_decode`.
    Decoded,
    /// The mechanism list.
    List,
    /// The error detail.
    Detail,
    /// The name given to the last canonicalisation callback, and that before: slapd compares the two.
    Canon(bool),
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

/// `sasl_conn_t`.
pub struct Conn {
    session: OnceCell<Session>,
    own: List,
    global: List,
    callbacks: *const Callback,
    log: Option<CallbackLog>,
    pub slots: Slots<Slot>,
    pub props: OnceCell<Box<PropCtx>>,
    pub ssf: Cell<c_uint>,
    pub max_input: Cell<c_uint>,
    pub external_ssf: Cell<c_uint>,
    pub security: Cell<RawSecurityProps>,
    pub gss_creds: Cell<*const c_void>,
    /// The credentials that the client delegated.
    pub delegated: Cell<*const c_void>,
    pub http_request: Cell<*const c_void>,
    canon_turn: Cell<bool>,
    /// Where the application wants the questions of the client's step under way.
    pub prompt_place: Cell<*mut *mut abi::Interact>,
    /// What plugins are shown; none before the first is called for this connection.
    pub host: OnceCell<Box<Host>>,
}

impl Conn {
    /// A connection without a session yet: the hooks of the session need to know where the connection is.
    pub fn new(callbacks: *const Callback, own: List, global: List) -> Box<Self> {
        Box::new(Conn {
            session: OnceCell::new(),
            own,
            global,
            callbacks,
            log: CallbackLog::find(own, global),
            slots: Slots::default(),
            props: OnceCell::new(),
            ssf: Cell::new(0),
            max_input: Cell::new(0),
            external_ssf: Cell::new(0),
            security: Cell::new(RawSecurityProps::default()),
            gss_creds: Cell::new(null()),
            delegated: Cell::new(null()),
            http_request: Cell::new(null()),
            canon_turn: Cell::new(false),
            prompt_place: Cell::new(std::ptr::null_mut()),
            host: OnceCell::new(),
        })
    }

    /// Gives the connection its session.
    pub fn set_session(&self, session: Session) {
        // A connection gets its session once, where it is made.
        let _ = self.session.set(session);
    }

    /// The session; none while it is being made, when the application is already asked for options.
    pub fn session(&self) -> Option<&Session> {
        self.session.get()
    }

    /// The server session.
    ///
    /// # Errors
    /// [`Code::BadParam`] on a client's connection.
    pub fn server(&self) -> Result<&ServerSession> {
        match self.session() {
            Some(Session::Server(session)) => Ok(session),
            _ => Err(Error::param("not a server's connection")),
        }
    }

    /// The client session.
    ///
    /// # Errors
    /// [`Code::BadParam`] on a server's connection.
    pub fn client(&self) -> Result<&ClientSession> {
        match self.session() {
            Some(Session::Client(session)) => Ok(session),
            _ => Err(Error::param("not a client's connection")),
        }
    }

    /// The property context of a server's connection, for callbacks and plugins.
    pub fn propctx(&self) -> *mut PropCtx {
        match self.session() {
            Some(Session::Server(_)) => {
                let ctx = self.props.get_or_init(|| Box::new(PropCtx::of_connection(self)));
                ctx.update();
                std::ptr::from_ref(ctx.as_ref()).cast_mut()
            }
            _ => std::ptr::null_mut(),
        }
    }

    /// The callbacks that the connection was made with.
    pub fn callbacks(&self) -> *const Callback {
        self.callbacks
    }

    /// Whether a security layer is in force.
    pub fn has_layer(&self) -> bool {
        match self.session() {
            Some(Session::Server(session)) => session.ssf() > 0,
            Some(Session::Client(session)) => session.ssf() > 0,
            None => false,
        }
    }

    /// Keeps an error as the connection's last.
    pub fn note(&self, error: &Error) {
        match self.session() {
            Some(Session::Server(session)) => session.note_error(error),
            Some(Session::Client(session)) => session.note_error(error),
            None => {}
        }
    }

    /// Brings what C was shown of the properties up to date, after a step that may have changed them.
    pub fn refresh_props(&self) {
        if let Some(ctx) = self.props.get() {
            ctx.refresh();
        }
    }

    /// A callback of this connection.
    pub fn find(&self, id: c_ulong) -> Option<Found> {
        calls::find(self.own, self.global, id)
    }

    /// The callbacks of this connection's own list and that of its side.
    pub fn lists(&self) -> [List; 2] {
        [self.own, self.global]
    }

    /// The application's log, if it has one.
    pub fn callback_log(&self) -> Option<&CallbackLog> {
        self.log.as_ref()
    }

    /// The options that the callbacks of the connection's own list give.
    pub fn callback_options(&self) -> CallbackOptions {
        CallbackOptions(self.own)
    }

    /// Writes a line to the connection's log.
    pub fn write_log(&self, level: Level, line: &str) {
        match self.session() {
            Some(Session::Server(session)) => session.write_log(level, line),
            Some(Session::Client(session)) => session.write_log(level, line),
            None => {}
        }
    }

    /// The error of a callback or plugin: its code, and what it said through `sasl_seterror`, which has logged it.
    pub fn callback_error(&self, status: c_int) -> Error {
        let said = match self.session() {
            Some(Session::Server(session)) => session.raw_error_detail(),
            Some(Session::Client(session)) => session.raw_error_detail(),
            None => String::new(),
        };
        Error::told(Code::from_number(status), said)
    }

    /// Asks the application's canonicalisation callback.
    fn canon_user(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Option<Vec<u8>>> {
        let Some((Some(proc), context)) = self.find(cb::CANON_USER) else { return Ok(None) };
        let turn = self.canon_turn.replace(!self.canon_turn.get());
        let input = self.slots.keep(Slot::Canon(turn), name.to_vec());
        let realm = cx.realm.map(|realm| c_string(realm.as_bytes()));
        let realm = realm.as_ref().map_or(null(), |realm| realm.as_ptr());
        let mut out = vec![0u8; MAX_NAME + 1];
        let mut len: c_uint = 0;
        // SAFETY: the interface gives the callback with this id this type.
        let canon = unsafe { transmute::<Proc, abi::CanonUserFn>(proc) };
        // SAFETY: the buffers live during the call and are as long as they are said to be.
        let status = unsafe {
            canon(
                self.raw(),
                context,
                input,
                name.len() as c_uint,
                cx.flags.bits(),
                realm,
                out.as_mut_ptr().cast(),
                MAX_NAME as c_uint,
                &mut len,
            )
        };
        if status != OK {
            return Err(self.callback_error(status));
        }
        if len as usize > MAX_NAME {
            return Err(Error::new(Code::BufOver, "the canonicalisation callback wrote past its buffer"));
        }
        out.truncate(len as usize);
        Ok(Some(out))
    }

    /// This connection as C knows it.
    pub fn raw(&self) -> *mut Conn {
        std::ptr::from_ref(self).cast_mut()
    }
}

impl Drop for Conn {
    /// Plugins are told while everything that they may ask for is still there.
    fn drop(&mut self) {
        match self.session() {
            Some(Session::Server(session)) => session.end(),
            Some(Session::Client(session)) => session.end(),
            None => {}
        }
        if let Some(host) = self.host.get() {
            host.end();
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
        Hooks { conn, options: conn.callback_options() }
    }

    /// The connection.
    pub fn conn(&self) -> &Conn {
        // SAFETY: the connection owns the session, and with it these hooks; it is boxed, so it has not moved.
        unsafe { &*self.conn }
    }
}

impl ServerHooks for Hooks {
    fn options(&self) -> Option<&dyn Options> {
        Some(&self.options)
    }

    fn log(&self) -> Option<&dyn Log> {
        self.conn().callback_log().map(|log| log as &dyn Log)
    }

    fn canonicalize(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Option<Vec<u8>>> {
        self.conn().canon_user(name, cx)
    }

    fn authorize(&self, request: &Authorize<'_>) -> Result<()> {
        let conn = self.conn();
        let Some((Some(proc), context)) = conn.find(cb::PROXY_POLICY) else {
            return default_proxy_policy(request.user, request.authid);
        };
        let (user, authid) = (c_string(request.user), c_string(request.authid));
        let realm = request.realm.map(|realm| c_string(realm.as_bytes()));
        let (realm, realm_len) =
            realm.as_ref().map_or((null(), 0), |realm| (realm.as_ptr(), realm.as_bytes().len() as c_uint));
        // SAFETY: the interface gives the callback with this id this type.
        let policy = unsafe { transmute::<Proc, abi::ProxyPolicy>(proc) };
        // SAFETY: the strings live during the call and are as long as they are said to be.
        let status = unsafe {
            policy(
                conn.raw(),
                context,
                user.as_ptr(),
                user.as_bytes().len() as c_uint,
                authid.as_ptr(),
                authid.as_bytes().len() as c_uint,
                realm,
                realm_len,
                conn.propctx(),
            )
        };
        if status == OK { Ok(()) } else { Err(conn.callback_error(status)) }
    }

    fn check_password(&self, user: &[u8], password: &Secret, _: &Props) -> Option<Result<()>> {
        let conn = self.conn();
        let (Some(proc), context) = conn.find(cb::SERVER_USERDB_CHECKPASS)? else { return None };
        // SAFETY: the interface gives the callback with this id this type.
        let check = unsafe { transmute::<Proc, abi::CheckPass>(proc) };
        let user = c_string(user);
        let (password, len) = terminated(password);
        // SAFETY: the strings live during the call.
        let status = unsafe {
            check(conn.raw(), context, user.as_ptr(), password.expose().as_ptr().cast(), len, conn.propctx())
        };
        Some(if status == OK { Ok(()) } else { Err(conn.callback_error(status)) })
    }

    fn set_password(&self, user: &[u8], change: &PasswordChange<'_>, _: &Props) -> Option<Result<()>> {
        let conn = self.conn();
        let (Some(proc), context) = conn.find(cb::SERVER_USERDB_SETPASS)? else { return None };
        // SAFETY: the interface gives the callback with this id this type.
        let set = unsafe { transmute::<Proc, abi::SetPass>(proc) };
        let user = c_string(user);
        let password = change.password.map(terminated);
        let (text, len) =
            password.as_ref().map_or((null(), 0), |(text, len)| (text.expose().as_ptr().cast::<c_char>(), *len));
        // SAFETY: the strings live during the call.
        let status = unsafe { set(conn.raw(), context, user.as_ptr(), text, len, conn.propctx(), change.flags.0) };
        Some(if status == OK { Ok(()) } else { Err(conn.callback_error(status)) })
    }

    fn channel_binding(&self, mechanism: &str, name: &str) -> Option<ChannelBinding> {
        let conn = self.conn();
        let (Some(proc), context) = conn.find(cb::SERVER_CHANNEL_BINDING)? else { return None };
        // SAFETY: the interface gives the callback with this id this type.
        let ask = unsafe { transmute::<Proc, abi::ServerBindingFn>(proc) };
        let (mechanism, wanted) = (c_string(mechanism.as_bytes()), c_string(name.as_bytes()));
        // SAFETY: the strings live during the call. The callback answers by setting the property of the connection.
        let status = unsafe { ask(conn.raw(), context, mechanism.as_ptr(), wanted.as_ptr()) };
        if status != OK {
            return None;
        }
        conn.server().ok()?.binding_of(name)
    }
}

impl ClientHooks for Hooks {
    fn options(&self) -> Option<&dyn Options> {
        Some(&self.options)
    }

    fn log(&self) -> Option<&dyn Log> {
        self.conn().callback_log().map(|log| log as &dyn Log)
    }

    fn canonicalize(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Option<Vec<u8>>> {
        self.conn().canon_user(name, cx)
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

/// A client's credentials, out of the application's callbacks.
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
        let id = callback_id(prompt.kind);
        let callback = match conn.find(id) {
            Some((Some(proc), context)) => Ask { proc, context },
            Some((None, _)) => return Answer::AskUser,
            None if prompt.kind == PromptKind::AuthName => {
                let unknown = "the user name is not known: there is no callback for it, and no USER";
                return login_name().map_or_else(
                    || Answer::Failed(Error::fail(unknown)),
                    |name| Answer::Value(Secret::from(name.as_str())),
                );
            }
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
            Err(error) if error.code() == Code::Interact => Answer::AskUser,
            Err(error) => Answer::Failed(error),
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        kind == PromptKind::AuthName || self.conn().find(callback_id(kind)).is_some()
    }
}
