//! What plugins call the library through (`sasl_utils_t` of version 4).

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::mem::offset_of;
use std::ptr::{from_ref, null, null_mut};
use std::sync::{Mutex, PoisonError};

use oxisasl::config::{self, Options as _};
use oxisasl::identity::default_proxy_policy;
use oxisasl::log::Level;
use oxisasl::{Code, Error, syslog};
use oxisasl_capi_common::callbacks::List;
use oxisasl_capi_common::{arg, boundary, hooks};

use crate::abi::{OK, cb};
use crate::calls::{self, Proc, c_string};
use crate::conn::Conn;
use crate::host::find::SearchPath;
use crate::util::Rand;
use crate::{global, md5, props, server, util};

/// A function whose type is its own affair: the table is only handed to C.
type Function = *const c_void;

macro_rules! table {
    ($($entry:ident = $function:expr,)*) => {
        /// `sasl_utils_t`.
        #[repr(C)]
        pub struct Utils {
            version: c_int,
            conn: *mut Conn,
            rpool: *mut Rand,
            getopt_context: *mut c_void,
            $($entry: Function,)*
        }

        impl Utils {
            /// The table for a connection, or for a side as a whole.
            const fn with(conn: *mut Conn, rpool: *mut Rand, getopt_context: *mut c_void) -> Self {
                Utils { version: 4, conn, rpool, getopt_context, $($entry: $function as Function,)* }
            }
        }
    };
}

// No function that a plugin may call is NULL, since plugins do not look; the spares are, as they always were.
table! {
    getopt = getopt,
    malloc = malloc,
    calloc = calloc,
    realloc = realloc,
    free = free,
    mutex_alloc = mutex_alloc,
    mutex_lock = mutex_lock,
    mutex_unlock = mutex_unlock,
    mutex_free = mutex_free,
    md5_init = md5::_sasl_MD5Init,
    md5_update = md5::_sasl_MD5Update,
    md5_final = md5::_sasl_MD5Final,
    hmac_md5 = md5::hmac_md5,
    hmac_md5_init = md5::hmac_md5_init,
    hmac_md5_final = md5::hmac_md5_final,
    hmac_md5_precalc = md5::hmac_md5_precalc,
    hmac_md5_import = md5::hmac_md5_import,
    mkchal = util::sasl_mkchal,
    utf8verify = util::sasl_utf8verify,
    rand = util::sasl_rand,
    churn = util::sasl_churn,
    checkpass = checkpass,
    decode64 = util::sasl_decode64,
    encode64 = util::sasl_encode64,
    erasebuffer = util::sasl_erasebuffer,
    getprop = props::sasl_getprop,
    setprop = props::sasl_setprop,
    getcallback = getcallback,
    log = oxisasl_utils_log,
    seterror = sasl_seterror,
    spare_fptr = null::<c_void>(),
    prop_new = crate::propctx::prop_new,
    prop_dup = crate::propctx::prop_dup,
    prop_request = crate::propctx::prop_request,
    prop_get = crate::propctx::prop_get,
    prop_getnames = crate::propctx::prop_getnames,
    prop_clear = crate::propctx::prop_clear,
    prop_dispose = crate::propctx::prop_dispose,
    prop_format = crate::propctx::prop_format,
    prop_set = crate::propctx::prop_set,
    prop_setvals = crate::propctx::prop_setvals,
    prop_erase = crate::propctx::prop_erase,
    auxprop_store = crate::auxprop::sasl_auxprop_store,
    spare_fptr1 = null::<c_void>(),
    spare_fptr2 = null::<c_void>(),
}

const _: () = {
    assert!(size_of::<Utils>() == 392);
    assert!(offset_of!(Utils, getopt) == 32);
    assert!(offset_of!(Utils, md5_init) == 104);
    assert!(offset_of!(Utils, mkchal) == 168);
    assert!(offset_of!(Utils, checkpass) == 200);
    assert!(offset_of!(Utils, decode64) == 208);
    assert!(offset_of!(Utils, getprop) == 232);
    assert!(offset_of!(Utils, log) == 256);
    assert!(offset_of!(Utils, prop_new) == 280);
    assert!(offset_of!(Utils, prop_erase) == 360);
    assert!(offset_of!(Utils, auxprop_store) == 368);
};

unsafe extern "C" {
    /// `variadic.c`; C calls them, and here only their addresses are needed.
    fn oxisasl_utils_log();
    fn sasl_seterror();
    static mut sasl_global_utils: *const c_void;
}

/// What is shared by all threads, and never written to.
struct Shared<T>(T);

// SAFETY: only those things are wrapped that nothing writes to: the tables, and a source of random bytes that no entry of
// the table can seed.
unsafe impl<T> Sync for Shared<T> {}

static RANDOM: Shared<Rand> = Shared(Rand::unseeded());
/// Tells `getopt` whose options are meant.
static CLIENT_OPTIONS: Shared<u8> = Shared(0);
static SERVER: Shared<Utils> = Shared(Utils::with(null_mut(), from_ref(&RANDOM.0).cast_mut(), null_mut()));
static CLIENT: Shared<Utils> =
    Shared(Utils::with(null_mut(), from_ref(&RANDOM.0).cast_mut(), from_ref(&CLIENT_OPTIONS.0).cast_mut().cast()));

/// The table for plugins of servers, stores and canonicalisers that are not called for a connection.
pub fn for_server() -> *const Utils {
    &SERVER.0
}

/// The table for plugins of clients that are not called for a connection.
pub fn for_client() -> *const Utils {
    &CLIENT.0
}

impl Utils {
    /// The table for a connection, which must outlive it.
    pub fn of_connection(conn: &Conn, random: &Rand) -> Self {
        Utils::with(conn.raw(), from_ref(random).cast_mut(), conn.raw().cast())
    }
}

/// Makes `sasl_global_utils` point to the table.
pub fn publish() {
    point(for_server().cast());
}

/// Makes `sasl_global_utils` NULL again.
pub fn withdraw() {
    point(null());
}

fn point(to: *const c_void) {
    // SAFETY: the variable is written while the turn to init or finish is held; who reads it meanwhile uses the library
    // while it is not initialised.
    unsafe { (&raw mut sasl_global_utils).write(to) };
}

/// Keeps a text for good, once. Plugins keep pointers to the values of options; those of a file are few.
fn keep(text: &str) -> *const c_char {
    static KEPT: Mutex<Option<BTreeSet<CString>>> = Mutex::new(None);
    let text = c_string(text.as_bytes());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some(known) = kept.get(&text) {
        return known.as_ptr();
    }
    let place = text.as_ptr();
    kept.insert(text);
    place
}

/// The value of an option: of the connection's callbacks, those of its side, the configuration file.
///
/// # Safety
/// `context` is that of a table, the connection of which is alive; `plugin` is NULL or a string, `option` a string; `result` and
/// `len` are NULL or writable. The value stays as long as who gave it says: that of the file for good.
unsafe extern "C" fn getopt(
    context: *mut c_void,
    plugin: *const c_char,
    option: *const c_char,
    result: *mut *const c_char,
    len: *mut c_uint,
) -> c_int {
    boundary::guard("getopt", || {
        if option.is_null() || result.is_null() {
            return Code::BadParam.number();
        }
        // Plugins look at the value, not at the status.
        // SAFETY: by this function's contract.
        unsafe { result.write(null()) };
        let lists = if context.is_null() {
            [List::NONE, global::read(|global| global.server.as_ref().map_or(List::NONE, |side| side.callbacks))]
        } else if context == from_ref(&CLIENT_OPTIONS.0).cast_mut().cast() {
            [List::NONE, global::read(|global| global.client.as_ref().map_or(List::NONE, |side| side.callbacks))]
        } else {
            // SAFETY: by this function's contract the context is that of a connection's table.
            unsafe { &*context.cast_const().cast::<Conn>() }.lists()
        };
        // SAFETY: by this function's contract.
        if let Some(value) = lists.into_iter().find_map(|list| unsafe { calls::option(list, plugin, option, len) }) {
            // SAFETY: by this function's contract.
            unsafe { result.write(value) };
            return OK;
        }
        let config = global::read(|global| global.config.clone());
        // SAFETY: by this function's contract.
        let (plugin, option) = unsafe { (arg::optional_str(plugin), arg::optional_str(option)) };
        let value = config.as_ref().and_then(|config| config.get(plugin.as_deref(), &option.unwrap_or_default()));
        let Some(value) = value else { return Code::Fail.number() };
        let value = keep(&value);
        // SAFETY: by this function's contract; the text was kept as a string.
        unsafe {
            arg::put(len, CStr::from_ptr(value).count_bytes() as c_uint);
            result.write(value);
        }
        OK
    })
}

/// A callback: the application's, or what takes its place where it has none.
///
/// # Safety
/// `conn` is NULL or a connection; `pproc` and `pcontext` are NULL or writable.
unsafe extern "C" fn getcallback(
    conn: *mut Conn,
    id: c_ulong,
    pproc: *mut Option<Proc>,
    pcontext: *mut *mut c_void,
) -> c_int {
    boundary::guard("getcallback", || {
        if pproc.is_null() || pcontext.is_null() {
            return Code::BadParam.number();
        }
        // SAFETY: by this function's contract.
        let found = unsafe { conn.as_ref() }.and_then(|conn| conn.find(id));
        let (proc, context, status) = match (id, found) {
            (cb::GETOPT, _) => (erased(getopt as *const ()), conn.cast(), OK),
            (_, Some((Some(proc), context))) => (Some(proc), context, OK),
            (_, Some((None, context))) => (None, context, Code::Interact.number()),
            (cb::LOG, None) => (erased(default_log as *const ()), conn.cast(), OK),
            (cb::GETPATH, None) => (erased(default_path as *const ()), null_mut(), OK),
            (cb::GETCONFPATH, None) => (erased(default_config_path as *const ()), null_mut(), OK),
            (cb::AUTHNAME, None) => (erased(default_name as *const ()), null_mut(), OK),
            (cb::VERIFYFILE, None) => (erased(default_verify as *const ()), null_mut(), OK),
            (cb::PROXY_POLICY, None) => (erased(default_policy as *const ()), null_mut(), OK),
            (_, None) => (None, null_mut(), Code::Fail.number()),
        };
        // SAFETY: by this function's contract.
        unsafe {
            pproc.write(proc);
            pcontext.write(context);
            if let (Some(conn), true) = (conn.as_ref(), status == Code::Fail.number()) {
                conn.note(&Error::fail(format!("Unable to find a callback: {id}")));
            }
        }
        status
    })
}

/// A function as a callback without its type.
fn erased(function: *const ()) -> Option<Proc> {
    // SAFETY: the pointer is that of a function; who calls it puts the type of the callback's id back on it.
    Some(unsafe { std::mem::transmute::<*const (), Proc>(function) })
}

unsafe extern "C" fn default_log(conn: *mut c_void, level: c_int, line: *const c_char) -> c_int {
    boundary::guard("log", || {
        // SAFETY: the context is the connection that the callback was asked of, and the line is a string.
        let (conn, line) = unsafe { (conn.cast::<Conn>().as_ref(), arg::optional_str(line).unwrap_or_default()) };
        match (conn, Level::from_number(level)) {
            (Some(conn), Some(level)) => conn.write_log(level, &line),
            (None, Some(level)) => syslog::write(level, &line),
            (_, None) => {}
        }
        OK
    })
}

unsafe extern "C" fn default_path(_: *mut c_void, path: *mut *const c_char) -> c_int {
    boundary::guard("getpath", || {
        let set = global::read(|global| global.plugin_path.clone());
        // SAFETY: the place is NULL or writable.
        unsafe { arg::put(path, keep(&set.unwrap_or_else(SearchPath::default_text))) };
        OK
    })
}

unsafe extern "C" fn default_config_path(_: *mut c_void, path: *mut *const c_char) -> c_int {
    boundary::guard("getconfpath", || {
        let set = global::read(|global| global.config_path.clone());
        // SAFETY: the place is NULL or writable.
        unsafe { arg::put(path, keep(&set.unwrap_or_else(config::search_path))) };
        OK
    })
}

unsafe extern "C" fn default_name(_: *mut c_void, _: c_int, name: *mut *const c_char, len: *mut c_uint) -> c_int {
    boundary::guard("authname", || {
        let Some(user) = calls::login_name() else { return Code::Fail.number() };
        // SAFETY: the places are NULL or writable.
        unsafe {
            arg::put(name, keep(&user));
            arg::put(len, user.len() as c_uint);
        }
        OK
    })
}

extern "C" fn default_verify(_: *mut c_void, _: *const c_char, _: c_int) -> c_int {
    OK
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn default_policy(
    conn: *mut Conn,
    _context: *mut c_void,
    user: *const c_char,
    user_len: c_uint,
    authid: *const c_char,
    authid_len: c_uint,
    _realm: *const c_char,
    _realm_len: c_uint,
    _props: *mut c_void,
) -> c_int {
    boundary::guard("proxy_policy", || {
        // SAFETY: the names are NULL or as long as they are said to be.
        let (user, authid) = unsafe { (arg::bytes(user, user_len, "user"), arg::bytes(authid, authid_len, "authid")) };
        let (Ok(user), Ok(Some(authid))) = (user, authid) else { return Code::BadParam.number() };
        let judged = default_proxy_policy(user.unwrap_or_default(), authid);
        // SAFETY: NULL or a connection.
        if let (Err(error), Some(conn)) = (&judged, unsafe { conn.as_ref() }) {
            conn.note(error);
        }
        boundary::code(judged, OK)
    })
}

/// `sasl_checkpass`, after which the names that the mechanism was shown may be others.
unsafe extern "C" fn checkpass(
    conn: *mut Conn,
    user: *const c_char,
    user_len: c_uint,
    pass: *const c_char,
    pass_len: c_uint,
) -> c_int {
    let status = server::sasl_checkpass(conn, user, user_len, pass, pass_len);
    boundary::guard("checkpass", || {
        // SAFETY: NULL or a connection.
        if let Some(conn) = unsafe { conn.as_ref() } {
            conn.show_names();
        }
        status
    })
}

unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: the application's allocator takes any size.
    unsafe { (hooks::allocator().malloc)(size) }
}

unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: as for `malloc`.
    unsafe { (hooks::allocator().calloc)(count, size) }
}

unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the plugin hands over NULL or a block of this allocator.
    unsafe { (hooks::allocator().realloc)(block, size) }
}

unsafe extern "C" fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: as for `realloc`.
        unsafe { (hooks::allocator().free)(block) };
    }
}

unsafe extern "C" fn mutex_alloc() -> *mut c_void {
    // SAFETY: the function takes nothing.
    unsafe { (hooks::mutexes().alloc)() }
}

unsafe extern "C" fn mutex_lock(mutex: *mut c_void) -> c_int {
    // SAFETY: the plugin hands over what `mutex_alloc` gave.
    unsafe { (hooks::mutexes().lock)(mutex) }
}

unsafe extern "C" fn mutex_unlock(mutex: *mut c_void) -> c_int {
    // SAFETY: as for `mutex_lock`.
    unsafe { (hooks::mutexes().unlock)(mutex) }
}

unsafe extern "C" fn mutex_free(mutex: *mut c_void) {
    // SAFETY: as for `mutex_lock`.
    unsafe { (hooks::mutexes().free)(mutex) };
}
