//! What plugins are shown of a connection: the tables and parameters, which stay where they are while it lives.

use std::cell::{Cell, OnceCell, RefCell, UnsafeCell};
use std::ffi::{CString, c_char, c_int, c_uint};
use std::ptr::{null, null_mut};
use std::sync::Arc;

use oxisasl::ctx::{BindingChoice, ClientWorld as _, ServerWorld as _, World as _};
use oxisasl::identity::{CanonFlags, MAX_NAME};
use oxisasl::{Code, Error, Result, Secret};
use oxisasl_capi_common::{arg, boundary};

use super::context::Context;
use super::plug::{ClientParams, OutParams, ServerParams};
use crate::abi::{OK, RawChannelBinding, RawSecurityProps};
use crate::calls::{before_nul, c_string};
use crate::conn::{Conn, Session};
use crate::util::Rand;
use crate::utils::Utils;

/// What one connection shows its plugins. It is made when the first plugin is called for the connection.
pub struct Host {
    /// The mechanism's data, from start to the next start or the end of the connection.
    current: RefCell<Option<Arc<Context>>>,
    /// The plugins that said that they cannot work on this connection.
    banned: RefCell<Vec<usize>>,
    /// Whether the last step of a client's plugin ended with its questions in the application's hands.
    pub asking: Cell<bool>,
    texts: RefCell<[Option<CString>; TEXTS]>,
    /// Texts that were replaced while a plugin may have looked at them.
    gone: RefCell<Vec<CString>>,
    _random: Box<Rand>,
    utils: Utils,
    params: Params,
    out: UnsafeCell<OutParams>,
    names: OnceCell<Box<Names>>,
    binding: OnceCell<Box<Binding>>,
}

/// A channel binding, where plugins are shown it.
struct Binding {
    raw: UnsafeCell<RawChannelBinding>,
    data: RefCell<Vec<u8>>,
}

/// The parameters of a plugin of the connection's side.
enum Params {
    Server(UnsafeCell<ServerParams>),
    Client(UnsafeCell<ClientParams>),
}

/// The canonical names, where plugins are shown them: the places stay, whatever is written there.
struct Names {
    user: UnsafeCell<[u8; MAX_NAME + 1]>,
    authid: UnsafeCell<[u8; MAX_NAME + 1]>,
}

const SERVICE: usize = 0;
const APP: usize = 1;
const FQDN: usize = 2;
const REALM: usize = 3;
const LOCAL: usize = 4;
const REMOTE: usize = 5;
const OWN_FQDN: usize = 6;
const BINDING: usize = 7;
const TEXTS: usize = 8;

impl Host {
    /// That of a connection, which must outlive it.
    pub fn new(conn: &Conn) -> Box<Self> {
        let random = Box::new(Rand::unseeded());
        // SAFETY: these structures hold pointers, functions that may be missing, and numbers: zeroes are all of them.
        let out = unsafe { std::mem::zeroed() };
        let params = match conn.session() {
            // SAFETY: as above.
            Some(Session::Client(_)) => Params::Client(unsafe { std::mem::zeroed() }),
            // SAFETY: as above.
            _ => Params::Server(unsafe { std::mem::zeroed() }),
        };
        Box::new(Host {
            current: RefCell::default(),
            banned: RefCell::default(),
            asking: Cell::new(false),
            texts: RefCell::default(),
            gone: RefCell::default(),
            utils: Utils::of_connection(conn, &random),
            _random: random,
            params,
            out: UnsafeCell::new(out),
            names: OnceCell::new(),
            binding: OnceCell::new(),
        })
    }

    /// The table of functions.
    pub fn utils(&self) -> *const Utils {
        &self.utils
    }

    /// The parameters of a server's plugin, up to date.
    ///
    /// # Errors
    /// [`Code::BadParam`] on a client's connection.
    pub fn server_params(&self, conn: &Conn) -> Result<*mut ServerParams> {
        let (session, Params::Server(params)) = (conn.server()?, &self.params) else {
            return Err(Error::param("not a server's connection"));
        };
        let params = params.get();
        let binding = self.show_binding(session.binding(None));
        let (service, servicelen) = self.show(SERVICE, Some(session.service().as_bytes()));
        let (appname, applen) = self.show(APP, Some(session.app_name().as_bytes()).filter(|name| !name.is_empty()));
        let (server_fqdn, slen) = self.show(FQDN, Some(session.fqdn().as_bytes()));
        let (user_realm, urlen) = self.show(REALM, session.realm().as_deref().map(str::as_bytes));
        let (iplocalport, iploclen) = self.show(LOCAL, session.local().as_deref().map(str::as_bytes));
        let (ipremoteport, ipremlen) = self.show(REMOTE, session.remote().as_deref().map(str::as_bytes));
        // SAFETY: the parameters are this host's; no reference to them is held anywhere.
        unsafe {
            let transition = (*params).transition;
            params.write(ServerParams {
                service,
                appname,
                server_fqdn,
                user_realm,
                iplocalport,
                ipremoteport,
                servicelen,
                applen,
                slen,
                urlen,
                iploclen,
                ipremlen,
                log_level: session.log_level().map_or(0, |level| level as c_int),
                utils: self.utils(),
                callbacks: conn.callbacks(),
                props: security(conn, session.security()),
                external_ssf: session.external_ssf(),
                transition,
                canon_user: Some(canon_server),
                propctx: conn.propctx(),
                gss_creds: conn.gss_creds.get(),
                cbinding: binding,
                http_request: conn.http_request.get(),
                spare_ptr4: null_mut(),
                spare_fptr1: None,
                spare_fptr2: None,
                spare_int1: 0,
                spare_int2: 0,
                spare_int3: 0,
                flags: session.flags().bits(),
                param_version: 0,
            });
        }
        Ok(params)
    }

    /// The parameters of a client's plugin, up to date.
    ///
    /// # Errors
    /// [`Code::BadParam`] on a server's connection.
    pub fn client_params(&self, conn: &Conn) -> Result<*mut ClientParams> {
        let (session, Params::Client(params)) = (conn.client()?, &self.params) else {
            return Err(Error::param("not a client's connection"));
        };
        let params = params.get();
        let binding = self.show_binding(session.binding(None));
        let own = session.own_fqdn().ok();
        let (service, servicelen) = self.show(SERVICE, Some(session.service().as_bytes()));
        let (server_fqdn, slen) = self.show(FQDN, session.fqdn().map(str::as_bytes));
        let (client_fqdn, clen) = self.show(OWN_FQDN, own.as_deref().map(str::as_bytes));
        let (iplocalport, iploclen) = self.show(LOCAL, session.local().as_deref().map(str::as_bytes));
        let (ipremoteport, ipremlen) = self.show(REMOTE, session.remote().as_deref().map(str::as_bytes));
        // SAFETY: as for the server's.
        unsafe {
            params.write(ClientParams {
                service,
                server_fqdn,
                client_fqdn,
                utils: self.utils(),
                prompt_supp: conn.callbacks(),
                iplocalport,
                ipremoteport,
                servicelen,
                slen,
                clen,
                iploclen,
                ipremlen,
                props: security(conn, session.security()),
                external_ssf: session.external_ssf(),
                gss_creds: conn.gss_creds.get(),
                cbinding: binding,
                http_request: conn.http_request.get(),
                spare_ptr4: null_mut(),
                canon_user: Some(canon_client),
                spare_fptr1: None,
                cbindingdisp: match session.binding_choice() {
                    BindingChoice::None => 0,
                    BindingChoice::ServerLacksIt => 1,
                    BindingChoice::Use => 2,
                },
                log_level: session.log_level().map_or(0, |level| level as c_int),
                spare_int3: 0,
                flags: session.flags().bits(),
                param_version: 0,
            });
        }
        Ok(params)
    }

    /// Brings what a plugin was shown up to date, after the application or the plugin changed the connection.
    pub fn refresh(&self, conn: &Conn) {
        // A connection is of one side, so that one of the two has nothing to do.
        let _ = self.server_params(conn).map(|_| ()).or_else(|_| self.client_params(conn).map(|_| ()));
    }

    /// Before an exchange: what the one before left is gone, and a mechanism is told whether it may store secrets.
    pub fn begin(&self, conn: &Conn) {
        self.end();
        self.asking.set(false);
        self.gone.borrow_mut().clear();
        let transitions = conn.server().is_ok_and(|session| session.transitions());
        if let Params::Server(params) = &self.params {
            // SAFETY: as in `server_params`.
            unsafe { (*params.get()).transition = transitions.then_some(transition) };
        }
        // SAFETY: as in `server_params`; zeroes are what an exchange starts from.
        unsafe { self.out.get().write(std::mem::zeroed()) };
    }

    /// The end of an exchange, or of the connection: the mechanism's data go.
    pub fn end(&self) {
        // Not while it is borrowed: the plugin may call back.
        drop(self.current.take());
    }

    /// Keeps a mechanism's data for as long as the application may ask for them.
    pub fn set_current(&self, context: &Arc<Context>) {
        drop(self.current.replace(Some(Arc::clone(context))));
    }

    /// The mechanism in use, if it is a plugin's.
    pub fn current(&self) -> Option<Arc<Context>> {
        self.current.borrow().clone()
    }

    /// Whether a plugin said that it cannot work on this connection.
    pub fn is_banned(&self, plug: usize) -> bool {
        self.banned.borrow().contains(&plug)
    }

    /// A plugin cannot work on this connection.
    pub fn ban(&self, plug: usize) {
        self.banned.borrow_mut().push(plug);
    }

    /// What the mechanism says of the exchange.
    pub fn out(&self) -> *mut OutParams {
        self.out.get()
    }

    /// Shows the mechanism the names as the session has them.
    pub fn show_names(&self, user: Option<&[u8]>, authid: Option<&[u8]>) {
        let names = self.names.get_or_init(|| {
            Box::new(Names { user: UnsafeCell::new([0; MAX_NAME + 1]), authid: UnsafeCell::new([0; MAX_NAME + 1]) })
        });
        let write = |place: &UnsafeCell<[u8; MAX_NAME + 1]>, name: &[u8]| -> (*const c_char, c_uint) {
            let len = name.len().min(MAX_NAME);
            let place = place.get().cast::<u8>();
            // SAFETY: the place has room for the longest name and a NUL, and no reference to it is held.
            unsafe {
                place.copy_from(name.as_ptr(), len);
                place.add(len).write(0);
            }
            (place.cast_const().cast(), len as c_uint)
        };
        let out = self.out.get();
        // SAFETY: as in `server_params`.
        unsafe {
            if let Some(user) = user {
                ((*out).user, (*out).ulen) = write(&names.user, user);
            }
            if let Some(authid) = authid {
                ((*out).authid, (*out).alen) = write(&names.authid, authid);
            }
        }
    }

    /// A text where plugins may look at it, and its length; the place stays while the text does.
    fn show(&self, slot: usize, text: Option<&[u8]>) -> (*const c_char, c_uint) {
        let mut texts = self.texts.borrow_mut();
        let Some(place) = texts.get_mut(slot) else { return (null(), 0) };
        let shown = place.as_ref().map(|place| place.as_bytes());
        if shown != text.map(before_nul) {
            self.gone.borrow_mut().extend(std::mem::replace(place, text.map(c_string)));
        }
        place.as_ref().map_or((null(), 0), |text| (text.as_ptr(), text.as_bytes().len() as c_uint))
    }

    fn show_binding(&self, binding: Option<oxisasl::chanbind::ChannelBinding>) -> *const RawChannelBinding {
        let Some(binding) = binding else { return null() };
        let (name, _) = self.show(BINDING, Some(binding.name.as_bytes()));
        let place = self.binding.get_or_init(|| {
            // SAFETY: as in `new`.
            Box::new(Binding { raw: unsafe { std::mem::zeroed() }, data: RefCell::default() })
        });
        let mut kept = place.data.borrow_mut();
        if *kept != binding.data {
            *kept = binding.data;
        }
        let raw = RawChannelBinding {
            name,
            critical: c_int::from(binding.critical),
            len: kept.len() as _,
            data: kept.as_ptr(),
        };
        // SAFETY: as in `server_params`.
        unsafe { place.raw.get().write(raw) };
        place.raw.get()
    }
}

/// The demands as C sees them, with the property lists that the application set.
fn security(conn: &Conn, props: oxisasl::policy::SecurityProps) -> RawSecurityProps {
    RawSecurityProps {
        min_ssf: props.min_ssf,
        max_ssf: props.max_ssf,
        maxbufsize: props.max_buf,
        security_flags: props.flags.bits(),
        ..conn.security.get()
    }
}

/// The entry `canon_user` of a server's parameters.
unsafe extern "C" fn canon_server(
    conn: *mut Conn,
    name: *const c_char,
    len: c_uint,
    flags: c_uint,
    out: *mut OutParams,
) -> c_int {
    // SAFETY: as for `canonicalize`.
    unsafe {
        canonicalize(conn, name, len, out, |conn, name| conn.server()?.canonicalize(name, CanonFlags::from_bits(flags)))
    }
}

/// The entry `canon_user` of a client's parameters.
unsafe extern "C" fn canon_client(
    conn: *mut Conn,
    name: *const c_char,
    len: c_uint,
    flags: c_uint,
    out: *mut OutParams,
) -> c_int {
    // SAFETY: as for `canonicalize`.
    unsafe {
        canonicalize(conn, name, len, out, |conn, name| conn.client()?.canonicalize(name, CanonFlags::from_bits(flags)))
    }
}

/// Makes a name canonical and shows it to the mechanism.
///
/// # Safety
/// `conn` is NULL or a connection; `name` is NULL, or has `len` bytes, or a NUL at its end where that is 0. `out` is NULL or that of
/// the connection.
unsafe fn canonicalize(
    conn: *mut Conn,
    name: *const c_char,
    len: c_uint,
    out: *mut OutParams,
    make: impl FnOnce(&Conn, &[u8]) -> Result<()>,
) -> c_int {
    boundary::guard("canon_user", || {
        // SAFETY: by this function's contract.
        let (Some(conn), false, false) = (unsafe { conn.as_ref() }, name.is_null(), out.is_null()) else {
            return Code::BadParam.number();
        };
        // SAFETY: by this function's contract.
        let name = match unsafe {
            if len == 0 {
                arg::text(name, "name")
            } else {
                arg::bytes(name, len, "name").map(Option::unwrap_or_default)
            }
        } {
            Ok(name) => name.to_vec(),
            Err(error) => return error.code().number(),
        };
        let made = make(conn, &name);
        if let Err(error) = &made {
            conn.note(error);
        }
        conn.show_names();
        boundary::code(made, OK)
    })
}

/// The entry `transition` of a server's parameters.
unsafe extern "C" fn transition(conn: *mut Conn, password: *const c_char, len: c_uint) -> c_int {
    boundary::guard("transition", || {
        let kept = (|| {
            // SAFETY: the plugin hands over its connection, and a password of that length.
            let (conn, password) = unsafe { (conn.as_ref(), arg::bytes(password, len, "password")?) };
            let conn = conn.ok_or_else(|| Error::param("no connection"))?;
            conn.server()?.keep_password(&Secret::from(password.unwrap_or_default()))
        })();
        boundary::code(kept, OK)
    })
}

impl Conn {
    /// What plugins are shown of this connection.
    pub fn host(&self) -> &Host {
        self.host.get_or_init(|| Host::new(self))
    }

    /// Shows plugins what changed, if there are any.
    pub fn refresh_host(&self) {
        if let Some(host) = self.host.get() {
            host.refresh(self);
        }
    }

    /// Shows the mechanism the names as they are now, if it is a plugin's.
    pub fn show_names(&self) {
        let Some(host) = self.host.get() else { return };
        let names = match self.session() {
            Some(Session::Server(session)) => session.identity(),
            Some(Session::Client(session)) => session.identity(),
            None => return,
        };
        host.show_names(names.user.as_deref(), names.authid.as_deref());
    }
}
