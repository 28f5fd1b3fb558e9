//! A connection to a directory through `libldap`, which is opened at the first one. Nothing waits beyond a deadline but the
//! look-up of host names.
//!
//! The declarations are those of OpenLDAP's manual pages, ldap(3) and those that it names. Of the process's settings nothing is
//! changed: every option is one of a connection.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_ulong, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::sigpipe::Quiet;
use super::sql::Descriptor;
use crate::secret::Secret;

mod answer;
mod layer;
mod library;
mod sockbuf;
mod watch;

use answer::Answer;
pub use answer::{Bound, Failure, Found};
pub use layer::Codec;
pub use library::is_opening;
use watch::Deadline;

/// `LDAP *` and `LDAPMessage *`.
type Raw = *mut c_void;

const SUCCESS: c_int = 0;
const BIND_IN_PROGRESS: c_int = 14;
/// Errors of the library itself.
const SERVER_DOWN: c_int = -1;
const TIMEOUT: c_int = -5;
const CONNECT_ERROR: c_int = -11;

/// Options of a connection.
const OPT_DESCRIPTOR: c_int = 0x01;
const OPT_REFERRALS: c_int = 0x08;
const OPT_RESTART: c_int = 0x09;
const OPT_PROTOCOL_VERSION: c_int = 0x11;
const OPT_RESULT_CODE: c_int = 0x31;
const OPT_DIAGNOSTIC: c_int = 0x32;
const OPT_TIMEOUT: c_int = 0x5002;
const OPT_NETWORK_TIMEOUT: c_int = 0x5005;
const OPT_SOCKBUF: c_int = 0x5008;
const OPT_TLS_NEW_CONTEXT: c_int = 0x600f;
const OPT_SSF_MIN: c_int = 0x6107;
const OPT_SSF_MAX: c_int = 0x6108;
const OPT_MAX_BUFFER: c_int = 0x6109;

/// How long a server may take to be told that this is the end.
const FAREWELL: Duration = Duration::from_secs(1);

const MESSAGE_ALL: c_int = 1;
const MOD_REPLACE_BYTES: c_int = 0x82;

/// A string of bytes, `struct berval`.
#[repr(C)]
struct Bytes {
    length: c_ulong,
    start: *mut c_char,
}

impl Bytes {
    /// These bytes. The library only reads them.
    fn of(bytes: &[u8]) -> Self {
        Bytes { length: bytes.len() as c_ulong, start: bytes.as_ptr().cast_mut().cast() }
    }
}

/// `LDAPControl`.
#[repr(C)]
struct RawControl {
    oid: *mut c_char,
    value: Bytes,
    critical: c_char,
}

/// `LDAPMod`.
#[repr(C)]
struct RawChange {
    operation: c_int,
    attribute: *mut c_char,
    values: *mut *mut Bytes,
}

type Controls = *mut *mut RawControl;

macro_rules! functions {
    ($($name:ident: $kind:ty = $symbol:literal;)+) => {
        struct Functions { $($name: $kind,)+ }

        impl Functions {
            fn load() -> Result<Self, String> {
                let library = library::open()?;
                // SAFETY: the types are those which the manual gives the functions.
                unsafe { Ok(Functions { $($name: library.function($symbol)?,)+ }) }
            }
        }
    };
}

functions! {
    initialize: unsafe extern "C" fn(*mut Raw, *const c_char) -> c_int = c"ldap_initialize";
    set_option: unsafe extern "C" fn(Raw, c_int, *const c_void) -> c_int = c"ldap_set_option";
    get_option: unsafe extern "C" fn(Raw, c_int, *mut c_void) -> c_int = c"ldap_get_option";
    unbind: unsafe extern "C" fn(Raw, Controls, Controls) -> c_int = c"ldap_unbind_ext";
    start_tls: unsafe extern "C" fn(Raw, Controls, Controls, *mut c_int) -> c_int = c"ldap_start_tls";
    install_tls: unsafe extern "C" fn(Raw) -> c_int = c"ldap_install_tls";
    bind: unsafe extern "C" fn(
        Raw, *const c_char, *const c_char, *const Bytes, Controls, Controls, *mut c_int
    ) -> c_int = c"ldap_sasl_bind";
    parse_bind: unsafe extern "C" fn(Raw, Raw, *mut *mut Bytes, c_int) -> c_int = c"ldap_parse_sasl_bind_result";
    extended: unsafe extern "C" fn(Raw, *const c_char, *const Bytes, Controls, Controls, *mut c_int) -> c_int
        = c"ldap_extended_operation";
    parse_extended: unsafe extern "C" fn(Raw, Raw, *mut *mut c_char, *mut *mut Bytes, c_int) -> c_int
        = c"ldap_parse_extended_result";
    search: unsafe extern "C" fn(
        Raw, *const c_char, c_int, *const c_char, *mut *mut c_char, c_int, Controls, Controls, *mut libc::timeval, c_int,
        *mut c_int
    ) -> c_int = c"ldap_search_ext";
    modify: unsafe extern "C" fn(Raw, *const c_char, *mut *mut RawChange, Controls, Controls, *mut c_int) -> c_int
        = c"ldap_modify_ext";
    abandon: unsafe extern "C" fn(Raw, c_int, Controls, Controls) -> c_int = c"ldap_abandon_ext";
    result: unsafe extern "C" fn(Raw, c_int, c_int, *mut libc::timeval, *mut Raw) -> c_int = c"ldap_result";
    parse_result: unsafe extern "C" fn(
        Raw, Raw, *mut c_int, *mut *mut c_char, *mut *mut c_char, *mut *mut *mut c_char, *mut Controls, c_int
    ) -> c_int = c"ldap_parse_result";
    first_entry: unsafe extern "C" fn(Raw, Raw) -> Raw = c"ldap_first_entry";
    next_entry: unsafe extern "C" fn(Raw, Raw) -> Raw = c"ldap_next_entry";
    entry_name: unsafe extern "C" fn(Raw, Raw) -> *mut c_char = c"ldap_get_dn";
    values: unsafe extern "C" fn(Raw, Raw, *const c_char) -> *mut *mut Bytes = c"ldap_get_values_len";
    free_values: unsafe extern "C" fn(*mut *mut Bytes) = c"ldap_value_free_len";
    free_message: unsafe extern "C" fn(Raw) -> c_int = c"ldap_msgfree";
    free: unsafe extern "C" fn(*mut c_void) = c"ldap_memfree";
    free_bytes: unsafe extern "C" fn(*mut Bytes) = c"ber_bvfree";
    text: unsafe extern "C" fn(c_int) -> *const c_char = c"ldap_err2string";
    add_io: unsafe extern "C" fn(*mut c_void, *const c_void, c_int, *mut c_void) -> c_int = c"ber_sockbuf_add_io";
    sockbuf_ctrl: unsafe extern "C" fn(*mut c_void, c_int, *mut c_void) -> c_int = c"ber_sockbuf_ctrl";
}

/// Opens the library, if it is not open yet, and has it read the system's configuration.
///
/// # Errors
/// [`Failure::Missing`].
pub fn load() -> Result<(), Failure> {
    functions().map(drop)
}

fn functions() -> Result<&'static Functions, Failure> {
    static FUNCTIONS: OnceLock<Result<Functions, String>> = OnceLock::new();
    // Kept also when it fails: what has been loaded so far stays as it is.
    let loaded = FUNCTIONS.get_or_init(|| {
        library::opening(|| {
            let functions = Functions::load()?;
            functions.begin();
            Ok(functions)
        })
    });
    loaded.as_ref().map_err(|why| Failure::Missing(why.clone()))
}

impl Functions {
    /// Has the library begin: it does so with the first connection, be it never made.
    fn begin(&self) {
        let mut raw = null_mut();
        // SAFETY: the URI is a C string, and the pointer is written to; what it then has is let go of.
        unsafe {
            if (self.initialize)(&raw mut raw, c"ldap://localhost".as_ptr()) == SUCCESS {
                (self.unbind)(raw, null_mut(), null_mut());
            }
        }
    }
}

/// A setting of a connection, by the library's number for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Text(c_int, CString),
    Number(c_int, c_int),
}

/// Where a search begins and how deep it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Base = 0,
    One = 1,
    Subtree = 2,
}

/// What is searched for.
pub struct Search<'a> {
    pub base: &'a CStr,
    pub scope: Scope,
    /// RFC 4515.
    pub filter: &'a CStr,
    pub attributes: &'a [CString],
    /// The most entries wanted.
    pub most: c_int,
}

/// A change that gives an attribute other values, or none.
pub struct Replace<'a> {
    pub attribute: CString,
    pub values: &'a [Secret],
}

/// A connection. It may go from thread to thread, and is used by one at a time.
pub struct Connection {
    ldap: &'static Functions,
    raw: NonNull<c_void>,
    timeout: Duration,
    deadline: Deadline,
    /// What its descriptor stands for.
    descriptor: Option<Descriptor>,
}

// SAFETY: libldap's connections belong to no thread; every method but `is_intact`, which reads numbers, takes `&mut self`.
unsafe impl Send for Connection {}

impl Connection {
    /// A connection to one server, which is made when it is first used. `timeout` is how long connecting may take, and then
    /// each question.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn new(uri: &CStr, settings: &[Setting], timeout: Duration) -> Result<Self, Failure> {
        let ldap = functions()?;
        let mut raw = null_mut();
        // SAFETY: the URI is a C string, and the pointer is written to.
        let code = unsafe { (ldap.initialize)(&raw mut raw, uri.as_ptr()) };
        let raw =
            NonNull::new(raw).filter(|_| code == SUCCESS).ok_or_else(|| Failure::Refused(code, ldap.name(code)))?;
        let connection = Connection { ldap, raw, timeout, deadline: Deadline::new(), descriptor: None };
        if !watch::install(ldap, connection.sockbuf(), connection.deadline.clone()) {
            return Err(Failure::Lost("the connection cannot be watched".into()));
        }
        connection.set_number(OPT_PROTOCOL_VERSION, 3)?;
        // NULL is "off", anything else "on". What another server says would be asked for as somebody else.
        connection.set(OPT_REFERRALS, null())?;
        connection.set(OPT_RESTART, (&raw const raw).cast())?;
        let time = time_of(timeout);
        connection.set(OPT_NETWORK_TIMEOUT, (&raw const time).cast())?;
        connection.set(OPT_TIMEOUT, (&raw const time).cast())?;
        for setting in settings {
            match setting {
                Setting::Text(option, text) => connection.set(*option, text.as_ptr().cast())?,
                Setting::Number(option, number) => connection.set_number(*option, *number)?,
            }
        }
        if !settings.is_empty() {
            // Settings of TLS count for a context that is made after them.
            connection.set_number(OPT_TLS_NEW_CONTEXT, 0)?;
        }
        Ok(connection)
    }

    fn set_number(&self, option: c_int, number: c_int) -> Result<(), Failure> {
        self.set(option, (&raw const number).cast())
    }

    fn set(&self, option: c_int, value: *const c_void) -> Result<(), Failure> {
        // SAFETY: the connection is open, as it is in every call below, and each value is of the type that its option has.
        match unsafe { (self.ldap.set_option)(self.raw.as_ptr(), option, value) } {
            SUCCESS => Ok(()),
            code => Err(Failure::Setting(option, self.ldap.name(code))),
        }
    }

    /// The least and the greatest strength that a security layer is to have, and its longest packet, as the configuration of
    /// the library says.
    pub fn layer_limits(&self) -> (u32, u32, u32) {
        let read = |option| {
            let mut number: c_ulong = 0;
            // SAFETY: as above; these options are unsigned long.
            unsafe { (self.ldap.get_option)(self.raw.as_ptr(), option, (&raw mut number).cast()) };
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        (read(OPT_SSF_MIN), read(OPT_SSF_MAX), read(OPT_MAX_BUFFER))
    }

    /// Begins TLS on the connection (RFC 4511 section 4.14).
    ///
    /// # Errors
    /// [`Failure`]: the server does not offer it, or its certificate is none to trust. The connection is of no more use then.
    pub fn start_tls(&mut self) -> Result<(), Failure> {
        let _quiet = self.begin();
        let mut id = 0;
        // SAFETY: as above.
        let sent = unsafe { (self.ldap.start_tls)(self.raw.as_ptr(), null_mut(), null_mut(), &raw mut id) };
        self.answer(sent, id)?.check()?;
        // SAFETY: as above; no other answer is awaited.
        match unsafe { (self.ldap.install_tls)(self.raw.as_ptr()) } {
            SUCCESS => Ok(()),
            code => Err(self.failure(code)),
        }
    }

    /// Binds with a name and a password (RFC 4513 section 5.1). Without a password nobody is bound.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn bind(&mut self, name: &CStr, password: &Secret) -> Result<(), Failure> {
        match self.bind_step(name, None, Some(password.expose()))? {
            Bound::Done(_) => Ok(()),
            Bound::Continue(_) => Err(Failure::Refused(BIND_IN_PROGRESS, "the server goes on".into())),
        }
    }

    /// One message of a mechanism to the server, and its answer (RFC 4513 section 5.2).
    ///
    /// # Errors
    /// [`Failure`].
    pub fn sasl_bind(&mut self, mechanism: &CStr, message: Option<&[u8]>) -> Result<Bound, Failure> {
        self.bind_step(c"", Some(mechanism), message)
    }

    fn bind_step(&mut self, name: &CStr, mechanism: Option<&CStr>, message: Option<&[u8]>) -> Result<Bound, Failure> {
        let _quiet = self.begin();
        let bytes = message.map(Bytes::of);
        let (mut id, none) = (0, null_mut());
        // SAFETY: as above; names are C strings, and the message lives across the call. NULL is the mechanism of passwords.
        let sent = unsafe {
            let mechanism = mechanism.map_or(null(), CStr::as_ptr);
            let message = bytes.as_ref().map_or(null(), |bytes| &raw const *bytes);
            (self.ldap.bind)(self.raw.as_ptr(), name.as_ptr(), mechanism, message, none, none, &raw mut id)
        };
        self.answer(sent, id)?.bound()
    }

    /// Puts a security layer on the connection, which lasts as long as that.
    ///
    /// # Errors
    /// [`Failure`]; the connection is of no more use then.
    pub fn protect(&mut self, codec: Box<dyn Codec>) -> Result<(), Failure> {
        if !layer::install(self.ldap, self.sockbuf(), codec) {
            return Err(Failure::Lost("the security layer cannot be put on the connection".into()));
        }
        Ok(())
    }

    /// What liblber keeps of the connection.
    fn sockbuf(&self) -> *mut c_void {
        let mut sockbuf = null_mut::<c_void>();
        // SAFETY: as above; this option is a pointer.
        unsafe { (self.ldap.get_option)(self.raw.as_ptr(), OPT_SOCKBUF, (&raw mut sockbuf).cast()) };
        sockbuf
    }

    /// From now on the time counts.
    fn begin(&self) -> Quiet {
        self.deadline.set(Instant::now() + self.timeout);
        Quiet::new()
    }

    /// Who the server takes this connection for, or with an identity in the place of that: an authorization identity, as
    /// `dn:uid=...` (RFC 4532). Empty for nobody.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn who_am_i(&mut self, act_as: &[u8]) -> Result<Vec<u8>, Failure> {
        let _quiet = self.begin();
        let mut id = 0;
        let sent = with_control(act_as, |controls| {
            let oid = c"1.3.6.1.4.1.4203.1.11.3".as_ptr();
            // SAFETY: as above; the control lives across the call, and the library copies it.
            unsafe { (self.ldap.extended)(self.raw.as_ptr(), oid, null(), controls, null_mut(), &raw mut id) }
        });
        self.answer(sent, id)?.extended()
    }

    /// The entries that a search finds, as this identity or the connection's own.
    ///
    /// # Errors
    /// [`Failure`]; also for a referral: what another server knows has not been asked for.
    pub fn search(&mut self, search: &Search<'_>, act_as: &[u8]) -> Result<Found, Failure> {
        let _quiet = self.begin();
        let mut id = 0;
        let mut names: Vec<_> = search.attributes.iter().map(|name| name.as_ptr().cast_mut()).collect();
        names.push(null_mut());
        let (base, filter) = (search.base.as_ptr(), search.filter.as_ptr());
        let sent = with_control(act_as, |controls| {
            // SAFETY: as above; the list of names ends with NULL.
            unsafe {
                let (raw, scope, names) = (self.raw.as_ptr(), search.scope as c_int, names.as_mut_ptr());
                let most = search.most;
                (self.ldap.search)(
                    raw,
                    base,
                    scope,
                    filter,
                    names,
                    0,
                    controls,
                    null_mut(),
                    null_mut(),
                    most,
                    &raw mut id,
                )
            }
        });
        self.answer(sent, id)?.entries(search.attributes)
    }

    /// Changes attributes of an entry, all or none of them, as this identity or the connection's own.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn modify(&mut self, name: &CStr, changes: &[Replace<'_>], act_as: &[u8]) -> Result<(), Failure> {
        let _quiet = self.begin();
        let values: Vec<Vec<Bytes>> = changes
            .iter()
            .map(|change| change.values.iter().map(|value| Bytes::of(value.expose())).collect())
            .collect();
        let ends = std::iter::once(null_mut());
        let mut lists: Vec<Vec<*mut Bytes>> = values
            .iter()
            .map(|values| values.iter().map(|value| (&raw const *value).cast_mut()).chain(ends.clone()).collect())
            .collect();
        let mut raw: Vec<RawChange> = changes
            .iter()
            .zip(&mut lists)
            .map(|(change, list)| RawChange {
                operation: MOD_REPLACE_BYTES,
                attribute: change.attribute.as_ptr().cast_mut(),
                values: if change.values.is_empty() { null_mut() } else { list.as_mut_ptr() },
            })
            .collect();
        let mut all: Vec<*mut RawChange> = raw.iter_mut().map(|one| &raw mut *one).collect();
        all.push(null_mut());
        let mut id = 0;
        let sent = with_control(act_as, |controls| {
            // SAFETY: as above; each list ends with NULL, and the library only reads them.
            unsafe {
                let (raw, all) = (self.raw.as_ptr(), all.as_mut_ptr());
                (self.ldap.modify)(raw, name.as_ptr(), all, controls, null_mut(), &raw mut id)
            }
        });
        self.answer(sent, id)?.check()
    }

    /// Whether its descriptor still stands for the connection, and the server has not closed that.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.descriptor.is_some_and(Descriptor::is_current) && !self.has_news()
    }

    /// Whether something has come that nobody asked for: the end, mostly.
    fn has_news(&self) -> bool {
        let mut one = libc::pollfd { fd: self.number(), events: libc::POLLIN, revents: 0 };
        // SAFETY: there is one entry, which lives across the call.
        unsafe { libc::poll(&raw mut one, 1, 0) != 0 }
    }

    /// The answer to a question that was sent with this result and number.
    fn answer(&mut self, sent: c_int, id: c_int) -> Result<Answer<'_>, Failure> {
        if sent != SUCCESS {
            return Err(self.failure(sent));
        }
        if self.descriptor.is_none() {
            self.descriptor = Descriptor::of(self.number());
        }
        let mut message = null_mut();
        let mut left = time_of(self.deadline.get().saturating_duration_since(Instant::now()));
        // SAFETY: the connection is open; the time and the pointer are written to.
        match unsafe { (self.ldap.result)(self.raw.as_ptr(), id, MESSAGE_ALL, &raw mut left, &raw mut message) } {
            0 => {
                // SAFETY: as above.
                unsafe { (self.ldap.abandon)(self.raw.as_ptr(), id, null_mut(), null_mut()) };
                Err(Failure::Timeout)
            }
            -1 => {
                let mut code = SERVER_DOWN;
                // SAFETY: as above; this option is an int.
                unsafe { (self.ldap.get_option)(self.raw.as_ptr(), OPT_RESULT_CODE, (&raw mut code).cast()) };
                Err(self.failure(code))
            }
            _ => NonNull::new(message)
                .map(|message| Answer { connection: self, message })
                .ok_or_else(|| Failure::Lost("an answer that is none".into())),
        }
    }

    /// What an error of the library means.
    fn failure(&self, code: c_int) -> Failure {
        let mut text = null_mut::<c_char>();
        // SAFETY: the connection is open; this option is a text, which the caller frees, or NULL.
        unsafe { (self.ldap.get_option)(self.raw.as_ptr(), OPT_DIAGNOSTIC, (&raw mut text).cast()) };
        let said = self.ldap.take_text(text);
        let text = if said.is_empty() { self.ldap.name(code) } else { format!("{}: {said}", self.ldap.name(code)) };
        match code {
            TIMEOUT => Failure::Timeout,
            // The library takes the end of the time for that of the connection.
            SERVER_DOWN | CONNECT_ERROR if self.deadline.get() <= Instant::now() => Failure::Timeout,
            SERVER_DOWN | CONNECT_ERROR => Failure::Lost(text),
            _ => Failure::Refused(code, text),
        }
    }

    fn number(&self) -> c_int {
        let mut number: c_int = -1;
        // SAFETY: the connection is open; this option is an int.
        unsafe { (self.ldap.get_option)(self.raw.as_ptr(), OPT_DESCRIPTOR, (&raw mut number).cast()) };
        number
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What another file has taken the place of would be written to, and closed.
        if self.descriptor.is_some_and(|descriptor| !descriptor.is_current()) {
            return;
        }
        let _quiet = Quiet::new();
        self.deadline.set(Instant::now() + self.timeout.min(FAREWELL));
        // SAFETY: the connection came from the library, and this is its last use.
        unsafe { (self.ldap.unbind)(self.raw.as_ptr(), null_mut(), null_mut()) };
    }
}

/// Does something with the control of proxied authorization (RFC 4370), or without one for nobody.
fn with_control<T>(act_as: &[u8], work: impl FnOnce(Controls) -> T) -> T {
    if act_as.is_empty() {
        return work(null_mut());
    }
    let oid = c"2.16.840.1.113730.3.4.18".as_ptr().cast_mut();
    let mut control = RawControl { oid, value: Bytes::of(act_as), critical: 1 };
    let mut list = [&raw mut control, null_mut()];
    work(list.as_mut_ptr())
}

fn time_of(duration: Duration) -> libc::timeval {
    libc::timeval {
        tv_sec: libc::time_t::try_from(duration.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: c_long::from(duration.subsec_micros() as c_int),
    }
}
