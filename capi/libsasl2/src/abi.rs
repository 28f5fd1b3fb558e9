//! The numbers and layouts of the 2.1 interface (`include/sasl/*.h`).

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

pub use oxisasl_capi_common::callbacks::Callback;
pub use oxisasl_capi_common::propview::PropVal;

use crate::conn::Conn;
use crate::propctx::PropCtx;

pub const OK: c_int = 0;
pub const CONTINUE: c_int = 1;
pub const NOUSER: c_int = -20;

/// Ids of callbacks.
pub mod cb {
    use std::ffi::c_ulong;

    pub use oxisasl_capi_common::calls::cb::*;

    pub const GETCONFPATH: c_ulong = 5;
    pub const GETREALM: c_ulong = 0x4008;
    pub const SERVER_USERDB_CHECKPASS: c_ulong = 0x8005;
    pub const SERVER_USERDB_SETPASS: c_ulong = 0x8006;
    pub const CANON_USER: c_ulong = 0x8007;
    pub const SERVER_CHANNEL_BINDING: c_ulong = 0x8008;
}

/// Ids of properties.
pub mod prop {
    use std::ffi::c_int;

    pub const USERNAME: c_int = 0;
    pub const SSF: c_int = 1;
    pub const MAXOUTBUF: c_int = 2;
    pub const DEFUSERREALM: c_int = 3;
    pub const GETOPTCTX: c_int = 4;
    pub const CALLBACK: c_int = 7;
    pub const IPLOCALPORT: c_int = 8;
    pub const IPREMOTEPORT: c_int = 9;
    pub const PLUGERR: c_int = 10;
    pub const DELEGATEDCREDS: c_int = 11;
    pub const SERVICE: c_int = 12;
    pub const SERVERFQDN: c_int = 13;
    pub const AUTHSOURCE: c_int = 14;
    pub const MECHNAME: c_int = 15;
    pub const AUTHUSER: c_int = 16;
    pub const APPNAME: c_int = 17;
    pub const GSS_CREDS: c_int = 18;
    pub const GSS_PEER_NAME: c_int = 19;
    pub const GSS_LOCAL_NAME: c_int = 20;
    pub const CHANNEL_BINDING: c_int = 21;
    pub const HTTP_REQUEST: c_int = 22;
    pub const SSF_EXTERNAL: c_int = 100;
    pub const SEC_PROPS: c_int = 101;
    pub const AUTH_EXTERNAL: c_int = 102;
}

/// `sasl_interact_t`.
#[repr(C)]
pub struct Interact {
    pub id: c_ulong,
    pub challenge: *const c_char,
    pub prompt: *const c_char,
    pub defresult: *const c_char,
    pub result: *const c_void,
    pub len: c_uint,
}

/// `sasl_security_properties_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RawSecurityProps {
    pub min_ssf: c_uint,
    pub max_ssf: c_uint,
    pub maxbufsize: c_uint,
    pub security_flags: c_uint,
    pub property_names: *mut *const c_char,
    pub property_values: *mut *const c_char,
}

impl Default for RawSecurityProps {
    fn default() -> Self {
        RawSecurityProps {
            min_ssf: 0,
            max_ssf: 0,
            maxbufsize: 0,
            security_flags: 0,
            property_names: std::ptr::null_mut(),
            property_values: std::ptr::null_mut(),
        }
    }
}

/// `sasl_channel_binding_t`.
#[repr(C)]
pub struct RawChannelBinding {
    pub name: *const c_char,
    pub critical: c_int,
    pub len: c_ulong,
    pub data: *const u8,
}

/// `struct iovec`.
#[repr(C)]
pub struct IoVec {
    pub base: *mut c_void,
    pub len: usize,
}

pub type ProxyPolicy = unsafe extern "C" fn(
    *mut Conn,
    *mut c_void,
    *const c_char,
    c_uint,
    *const c_char,
    c_uint,
    *const c_char,
    c_uint,
    *mut PropCtx,
) -> c_int;
pub type CheckPass =
    unsafe extern "C" fn(*mut Conn, *mut c_void, *const c_char, *const c_char, c_uint, *mut PropCtx) -> c_int;
pub type SetPass =
    unsafe extern "C" fn(*mut Conn, *mut c_void, *const c_char, *const c_char, c_uint, *mut PropCtx, c_uint) -> c_int;
pub type CanonUserFn = unsafe extern "C" fn(
    *mut Conn,
    *mut c_void,
    *const c_char,
    c_uint,
    c_uint,
    *const c_char,
    *mut c_char,
    c_uint,
    *mut c_uint,
) -> c_int;
pub type ServerBindingFn = unsafe extern "C" fn(*mut Conn, *mut c_void, *const c_char, *const c_char) -> c_int;

const _: () = {
    assert!(size_of::<Callback>() == 24);
    assert!(size_of::<Interact>() == 48);
    assert!(size_of::<RawSecurityProps>() == 32);
    assert!(size_of::<RawChannelBinding>() == 32);
    assert!(size_of::<PropVal>() == 24);
};
