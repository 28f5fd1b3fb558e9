//! Calls of the application's callbacks that are the same in both interfaces: here, and in the `calls.rs` of each, their
//! real types are put on them.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::mem::transmute;
use std::ptr::{from_ref, null, null_mut};
use std::slice;

use oxisasl::config::Options;
use oxisasl::log::{Level, Log};
use oxisasl::prompt::PromptKind;
use oxisasl::{Code, Error, Result, Secret};

use crate::callbacks::{Found, List};

/// A callback without its type.
pub type Proc = unsafe extern "C" fn() -> c_int;

/// A callback that the application has: the function and what it wants to be given with the call.
#[derive(Clone, Copy)]
pub struct Ask {
    /// The function.
    pub proc: Proc,
    /// Its context.
    pub context: *mut c_void,
}

/// Ids of callbacks that both interfaces have.
pub mod cb {
    use std::ffi::c_ulong;

    /// The value of an option.
    pub const GETOPT: c_ulong = 1;
    /// A line for the log.
    pub const LOG: c_ulong = 2;
    /// Where plugins are.
    pub const GETPATH: c_ulong = 3;
    /// Whether a file may be used.
    pub const VERIFYFILE: c_ulong = 4;
    /// The identity to act as.
    pub const USER: c_ulong = 0x4001;
    /// The identity that is authenticated.
    pub const AUTHNAME: c_ulong = 0x4002;
    /// The password.
    pub const PASS: c_ulong = 0x4004;
    /// A question whose answer may be shown.
    pub const ECHOPROMPT: c_ulong = 0x4005;
    /// A question whose answer is secret.
    pub const NOECHOPROMPT: c_ulong = 0x4006;
    /// Whether one user may act as another.
    pub const PROXY_POLICY: c_ulong = 0x8001;
}

/// The id of the callback that answers a question; that for a realm has another number in each interface.
#[must_use]
pub fn callback_id(kind: PromptKind, realm: c_ulong) -> c_ulong {
    match kind {
        PromptKind::User => cb::USER,
        PromptKind::AuthName => cb::AUTHNAME,
        PromptKind::Pass => cb::PASS,
        PromptKind::EchoPrompt => cb::ECHOPROMPT,
        PromptKind::Realm => realm,
        _ => cb::NOECHOPROMPT,
    }
}

/// The question that a callback of an id answers.
#[must_use]
pub fn prompt_kind(id: c_ulong, realm: c_ulong) -> Option<PromptKind> {
    Some(match id {
        cb::USER => PromptKind::User,
        cb::AUTHNAME => PromptKind::AuthName,
        cb::PASS => PromptKind::Pass,
        cb::ECHOPROMPT => PromptKind::EchoPrompt,
        cb::NOECHOPROMPT => PromptKind::NoEchoPrompt,
        id if id == realm => PromptKind::Realm,
        _ => return None,
    })
}

/// The code of success.
const OK: c_int = 0;

/// `sasl_secret_t`: a length and so many bytes.
#[repr(C)]
pub struct RawSecret {
    /// How many bytes there are.
    pub len: c_ulong,
    /// The first of them.
    pub data: [u8; 1],
}

const _: () = assert!(size_of::<RawSecret>() == 16);

impl RawSecret {
    /// A copy of its bytes.
    ///
    /// # Safety
    /// `raw` points to a secret of as many bytes as it says.
    #[must_use]
    pub unsafe fn copy(raw: *const RawSecret) -> Secret {
        // SAFETY: by this function's contract; the bytes are reached from the whole allocation, not from the array of one.
        unsafe {
            let data = (&raw const (*raw).data).cast::<u8>();
            Secret::from(slice::from_raw_parts(data, (*raw).len as usize))
        }
    }
}

type GetOpt = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, *mut *const c_char, *mut c_uint) -> c_int;
type LogFn = unsafe extern "C" fn(*mut c_void, c_int, *const c_char) -> c_int;
type GetPath = unsafe extern "C" fn(*mut c_void, *mut *const c_char) -> c_int;
type VerifyFile = unsafe extern "C" fn(*mut c_void, *const c_char, c_int) -> c_int;
type Simple = unsafe extern "C" fn(*mut c_void, c_int, *mut *const c_char, *mut c_uint) -> c_int;
type Pass = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, *mut *mut RawSecret) -> c_int;
type ChalPrompt = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    *const c_char,
    *const c_char,
    *const c_char,
    *mut *const c_char,
    *mut c_uint,
) -> c_int;
type GetRealm = unsafe extern "C" fn(*mut c_void, c_int, *const *const c_char, *mut *const c_char) -> c_int;

/// A C string of bytes; what follows a NUL is cut off, as C would.
#[must_use]
pub fn c_string(bytes: &[u8]) -> CString {
    CString::new(before_nul(bytes)).unwrap_or_default()
}

/// What C sees of bytes as a string.
#[must_use]
pub fn before_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Room for the names of options and users, and for most lines of a log.
const SHORT: usize = 128;

/// Calls with bytes that have a NUL behind them. Where there are few, they need no memory of their own.
pub fn with_nul<T>(bytes: &[u8], call: impl FnOnce(*const c_char) -> T) -> T {
    let mut room = [0_u8; SHORT];
    if bytes.len() < SHORT
        && let Some(place) = room.get_mut(..bytes.len())
    {
        place.copy_from_slice(bytes);
        return call(room.as_ptr().cast());
    }
    let mut copy = Vec::with_capacity(bytes.len() + 1);
    copy.extend_from_slice(bytes);
    copy.push(0_u8);
    call(copy.as_ptr().cast())
}

/// A password with a NUL behind it, and its length without.
#[must_use]
pub fn terminated(password: &Secret) -> (Secret, c_uint) {
    let bytes = password.expose();
    let mut text = Vec::with_capacity(bytes.len() + 1);
    text.extend_from_slice(bytes);
    text.push(0);
    (Secret::new(text), bytes.len() as c_uint)
}

/// The name of the user who runs the program, from the environment.
#[must_use]
pub fn login_name() -> Option<String> {
    ["USER", "USERNAME"].into_iter().find_map(oxisasl::config::environment)
}

/// The first entry with an id: of the connection's list, else of the list that the side was initialised with.
#[must_use]
pub fn find(own: List, global: List, id: c_ulong) -> Option<Found> {
    own.find(id).or_else(|| global.find(id))
}

/// The options that `SASL_CB_GETOPT` callbacks of a list give.
pub struct CallbackOptions(pub List);

impl Options for CallbackOptions {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        self.0.find(cb::GETOPT)?;
        let ask = |plugin, name| {
            // SAFETY: the strings live during the call, and a length is never wanted. The callback answered with a string,
            // which stays until the next question.
            unsafe {
                let value = option(self.0, plugin, name, null_mut())?;
                Some(Cow::Owned(CStr::from_ptr(value).to_string_lossy().into_owned()))
            }
        };
        with_nul(name.as_bytes(), |name| match plugin {
            None => ask(null(), name),
            Some(plugin) => with_nul(plugin.as_bytes(), |plugin| ask(plugin, name)),
        })
    }
}

/// What the `SASL_CB_GETOPT` callbacks of a list answer: the first that knows the option.
///
/// # Safety
/// `plugin` is NULL or a string, `name` a string; `len` is NULL or writable.
#[must_use]
pub unsafe fn option(
    list: List,
    plugin: *const c_char,
    name: *const c_char,
    len: *mut c_uint,
) -> Option<*const c_char> {
    list.iter().filter(|entry| entry.id == cb::GETOPT).find_map(|entry| {
        let mut result: *const c_char = null();
        // SAFETY: the interface gives the callback with this id this type.
        let getopt = unsafe { transmute::<Proc, GetOpt>(entry.proc?) };
        // SAFETY: by this function's contract, and the place for the result lives during the call.
        let status = unsafe { getopt(entry.context, plugin, name, &mut result, len) };
        (status == OK && !result.is_null()).then_some(result)
    })
}

/// A `SASL_CB_LOG` callback. Without a procedure nothing is logged.
#[derive(Clone, Copy)]
pub struct CallbackLog {
    proc: Option<Proc>,
    context: *mut c_void,
}

// SAFETY: the interface lets the library call the callback from any thread that uses the connection.
unsafe impl Send for CallbackLog {}
// SAFETY: as for `Send`.
unsafe impl Sync for CallbackLog {}

impl CallbackLog {
    /// The log of a connection, if the application has one.
    #[must_use]
    pub fn find(own: List, global: List) -> Option<Self> {
        find(own, global, cb::LOG).map(|(proc, context)| CallbackLog { proc, context })
    }

    /// Passes on a line with the number of its level.
    pub fn write(&self, level: c_int, line: &str) {
        let Some(proc) = self.proc else { return };
        // SAFETY: the interface gives the callback with this id this type.
        let log = unsafe { transmute::<Proc, LogFn>(proc) };
        // SAFETY: the line lives during the call.
        with_nul(line.as_bytes(), |line| unsafe { log(self.context, level, line) });
    }
}

impl Log for CallbackLog {
    /// The numbers are those of the 2.1 interface.
    fn log(&self, level: Level, line: &str) {
        self.write(level as c_int, line);
    }
}

/// What a `SASL_CB_GETPATH` or `SASL_CB_GETCONFPATH` callback answers. `release` is given the string once it is copied.
///
/// # Errors
/// The callback's own.
pub fn path(found: Found, release: impl FnOnce(*const c_char)) -> Result<Option<String>> {
    let (Some(proc), context) = found else { return Ok(None) };
    let mut path: *const c_char = null();
    // SAFETY: the interface gives both callbacks this type, but for the constness of the result.
    let getpath = unsafe { transmute::<Proc, GetPath>(proc) };
    // SAFETY: the place for the result lives during the call.
    let status = unsafe { getpath(context, &mut path) };
    if status != OK {
        return Err(Error::from(Code::from_number(status)));
    }
    if path.is_null() {
        return Ok(None);
    }
    // SAFETY: the callback answered OK with a string.
    let copy = unsafe { CStr::from_ptr(path) }.to_string_lossy().into_owned();
    release(path);
    Ok(Some(copy))
}

/// What a `SASL_CB_VERIFYFILE` callback says of a file, as its code.
#[must_use]
pub fn verify_file(found: Found, file: &str, kind: c_int) -> c_int {
    let (Some(proc), context) = found else { return OK };
    let file = c_string(file.as_bytes());
    // SAFETY: the interface gives the callback with this id this type.
    let verify = unsafe { transmute::<Proc, VerifyFile>(proc) };
    // SAFETY: the name lives during the call.
    unsafe { verify(context, file.as_ptr(), kind) }
}

/// What a callback for a user name answers; `None` for NULL.
///
/// # Errors
/// The callback's own.
pub fn simple(callback: Ask, id: c_ulong) -> Result<Option<Secret>> {
    let mut result: *const c_char = null();
    // SAFETY: the interface gives the callbacks for names this type.
    let simple = unsafe { transmute::<Proc, Simple>(callback.proc) };
    // SAFETY: the place for the result lives during the call; callbacks accept that no length is wanted.
    let status = unsafe { simple(callback.context, id as c_int, &mut result, null_mut()) };
    // SAFETY: the callback answered OK with a string or NULL.
    answered(status, || (!result.is_null()).then(|| Secret::from(unsafe { CStr::from_ptr(result) }.to_bytes())))
}

/// What a callback for a password answers; `None` for NULL. `conn` is the connection that it is asked for; `release` is
/// given the secret once it is copied.
///
/// # Errors
/// The callback's own.
pub fn pass<C>(callback: Ask, conn: &C, release: impl FnOnce(*mut RawSecret)) -> Result<Option<Secret>> {
    let mut secret: *mut RawSecret = null_mut();
    // SAFETY: the interface gives the callback with this id this type.
    let pass = unsafe { transmute::<Proc, Pass>(callback.proc) };
    // SAFETY: the connection is alive, since this runs for it.
    let status = unsafe { pass(from_ref(conn).cast_mut().cast(), callback.context, cb::PASS as c_int, &mut secret) };
    answered(status, || {
        (!secret.is_null()).then(|| {
            // SAFETY: the callback answered OK with a secret.
            let copy = unsafe { RawSecret::copy(secret) };
            release(secret);
            copy
        })
    })
}

/// What a callback for a realm answers. The interfaces differ in its `id`.
///
/// # Errors
/// The callback's own.
pub fn realm(callback: Ask, id: c_ulong, offered: &[String]) -> Result<Option<Secret>> {
    let names: Vec<CString> = offered.iter().map(|name| c_string(name.as_bytes())).collect();
    let mut list: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    list.push(null());
    let mut result: *const c_char = null();
    // SAFETY: the interface gives the callback with this id this type.
    let getrealm = unsafe { transmute::<Proc, GetRealm>(callback.proc) };
    // SAFETY: list and strings live during the call.
    let status = unsafe { getrealm(callback.context, id as c_int, list.as_ptr(), &mut result) };
    // SAFETY: the callback answered OK with a string or NULL.
    answered(status, || (!result.is_null()).then(|| Secret::from(unsafe { CStr::from_ptr(result) }.to_bytes())))
}

/// What a callback for a challenge answers.
///
/// # Errors
/// The callback's own.
pub fn challenge(callback: Ask, id: c_ulong, prompt: &oxisasl::prompt::Prompt) -> Result<Option<Secret>> {
    let optional = |text: Option<&str>| text.map(|text| c_string(text.as_bytes()));
    let (label, default) = (optional(prompt.challenge.as_deref()), optional(prompt.default.as_deref()));
    let text = c_string(prompt.text.as_bytes());
    let raw = |text: &Option<CString>| text.as_ref().map_or(null(), |text| text.as_ptr());
    let (mut result, mut len): (*const c_char, c_uint) = (null(), 0);
    // SAFETY: the interface gives the callbacks with these ids this type.
    let ask = unsafe { transmute::<Proc, ChalPrompt>(callback.proc) };
    // SAFETY: the strings live during the call.
    let status =
        unsafe { ask(callback.context, id as c_int, raw(&label), text.as_ptr(), raw(&default), &mut result, &mut len) };
    answered(status, || {
        (!result.is_null()).then(|| {
            // SAFETY: the callback answered OK with so many bytes.
            Secret::from(unsafe { slice::from_raw_parts(result.cast::<u8>(), len as usize) })
        })
    })
}

fn answered(status: c_int, take: impl FnOnce() -> Option<Secret>) -> Result<Option<Secret>> {
    if status == OK { Ok(take()) } else { Err(Error::from(Code::from_number(status))) }
}
