//! The functions of the C interface that the targets call, as `include/sasl` declares them.

use std::env;
use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::sync::Once;

// What defines them.
use sasl2_rlib as _;

/// Keeps Kerberos, which is used where it is installed, from asking the DNS.
pub fn without_network() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread of a fuzzer or of the test reads the environment through C.
        unsafe { env::set_var("KRB5_CONFIG", concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/krb5.conf")) };
    });
}

pub const OK: c_int = 0;
pub const INTERACT: c_int = 2;
pub const BADPARAM: c_int = -7;

/// `struct propctx` and `sasl_conn_t`, of which only the address is known here.
pub type PropCtx = c_void;
pub type Conn = c_void;

/// `struct propval`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PropVal {
    pub name: *const c_char,
    pub values: *const *const c_char,
    pub nvalues: c_uint,
    pub valsize: c_uint,
}

/// `sasl_callback_t`.
#[repr(C)]
pub struct Callback {
    pub id: c_ulong,
    pub function: *const c_void,
    pub context: *mut c_void,
}

// SAFETY: it points to functions only.
unsafe impl Sync for Callback {}

/// `sasl_interact_t`.
#[repr(C)]
pub struct Interact {
    pub id: c_ulong,
    pub challenge: *const c_char,
    pub prompt: *const c_char,
    pub default: *const c_char,
    pub result: *const c_void,
    pub len: c_uint,
}

/// `sasl_security_properties_t`.
#[repr(C)]
pub struct SecurityProps {
    pub min_ssf: c_uint,
    pub max_ssf: c_uint,
    pub max_buf: c_uint,
    pub flags: c_uint,
    pub names: *const *const c_char,
    pub values: *const *const c_char,
}

unsafe extern "C" {
    pub fn prop_new(estimate: c_uint) -> *mut PropCtx;
    pub fn prop_dup(source: *mut PropCtx, to: *mut *mut PropCtx) -> c_int;
    pub fn prop_request(ctx: *mut PropCtx, names: *const *const c_char) -> c_int;
    pub fn prop_get(ctx: *mut PropCtx) -> *const PropVal;
    pub fn prop_getnames(ctx: *mut PropCtx, names: *const *const c_char, vals: *mut PropVal) -> c_int;
    pub fn prop_clear(ctx: *mut PropCtx, requests: c_int);
    pub fn prop_erase(ctx: *mut PropCtx, name: *const c_char);
    pub fn prop_dispose(ctx: *mut *mut PropCtx);
    pub fn prop_format(
        ctx: *mut PropCtx,
        separator: *const c_char,
        len: c_int,
        out: *mut c_char,
        room: c_uint,
        outlen: *mut c_uint,
    ) -> c_int;
    pub fn prop_set(ctx: *mut PropCtx, name: *const c_char, value: *const c_char, len: c_int) -> c_int;
    pub fn prop_setvals(ctx: *mut PropCtx, name: *const c_char, values: *const *const c_char) -> c_int;

    pub fn sasl_server_init(callbacks: *const Callback, name: *const c_char) -> c_int;
    pub fn sasl_client_init(callbacks: *const Callback) -> c_int;
    pub fn sasl_done();
    pub fn sasl_server_new(
        service: *const c_char,
        fqdn: *const c_char,
        realm: *const c_char,
        local: *const c_char,
        remote: *const c_char,
        callbacks: *const Callback,
        flags: c_uint,
        conn: *mut *mut Conn,
    ) -> c_int;
    pub fn sasl_client_new(
        service: *const c_char,
        fqdn: *const c_char,
        local: *const c_char,
        remote: *const c_char,
        callbacks: *const Callback,
        flags: c_uint,
        conn: *mut *mut Conn,
    ) -> c_int;
    pub fn sasl_dispose(conn: *mut *mut Conn);
    pub fn sasl_client_start(
        conn: *mut Conn,
        offered: *const c_char,
        prompts: *mut *mut Interact,
        out: *mut *const c_char,
        len: *mut c_uint,
        mechanism: *mut *const c_char,
    ) -> c_int;
    pub fn sasl_client_step(
        conn: *mut Conn,
        input: *const c_char,
        input_len: c_uint,
        prompts: *mut *mut Interact,
        out: *mut *const c_char,
        len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_server_start(
        conn: *mut Conn,
        mechanism: *const c_char,
        input: *const c_char,
        input_len: c_uint,
        out: *mut *const c_char,
        len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_server_step(
        conn: *mut Conn,
        input: *const c_char,
        input_len: c_uint,
        out: *mut *const c_char,
        len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_listmech(
        conn: *mut Conn,
        user: *const c_char,
        prefix: *const c_char,
        separator: *const c_char,
        suffix: *const c_char,
        result: *mut *const c_char,
        len: *mut c_uint,
        count: *mut c_int,
    ) -> c_int;
    pub fn sasl_checkpass(
        conn: *mut Conn,
        user: *const c_char,
        user_len: c_uint,
        pass: *const c_char,
        len: c_uint,
    ) -> c_int;
    pub fn sasl_user_exists(
        conn: *mut Conn,
        service: *const c_char,
        realm: *const c_char,
        user: *const c_char,
    ) -> c_int;
    pub fn sasl_setpass(
        conn: *mut Conn,
        user: *const c_char,
        pass: *const c_char,
        len: c_uint,
        old: *const c_char,
        old_len: c_uint,
        flags: c_uint,
    ) -> c_int;
    pub fn sasl_mkchal(conn: *mut Conn, out: *mut c_char, room: c_uint, host: c_uint) -> c_int;
    pub fn sasl_checkapop(
        conn: *mut Conn,
        challenge: *const c_char,
        challenge_len: c_uint,
        response: *const c_char,
        len: c_uint,
    ) -> c_int;
    pub fn sasl_encode(
        conn: *mut Conn,
        input: *const c_char,
        len: c_uint,
        out: *mut *const c_char,
        out_len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_decode(
        conn: *mut Conn,
        input: *const c_char,
        len: c_uint,
        out: *mut *const c_char,
        out_len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_getprop(conn: *mut Conn, number: c_int, value: *mut *const c_void) -> c_int;
    pub fn sasl_setprop(conn: *mut Conn, number: c_int, value: *const c_void) -> c_int;
    pub fn sasl_auxprop_request(conn: *mut Conn, names: *const *const c_char) -> c_int;
    pub fn sasl_auxprop_getctx(conn: *mut Conn) -> *mut PropCtx;
    pub fn sasl_errdetail(conn: *mut Conn) -> *const c_char;
    pub fn sasl_errstring(code: c_int, languages: *const c_char, language: *mut *const c_char) -> *const c_char;
    pub fn sasl_seterror(conn: *mut Conn, flags: c_uint, format: *const c_char, ...);
    pub fn sasl_idle(conn: *mut Conn) -> c_int;
}
