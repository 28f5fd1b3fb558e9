//! The numbers and layouts of the 1.5 interface (`include/sasl1/*.h`).

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

pub use oxisasl_capi_common::callbacks::Callback;
pub use oxisasl_capi_common::calls::RawSecret;

pub const OK: c_int = 0;
pub const CONTINUE: c_int = 1;
pub const FAIL: c_int = -1;

/// The flag with which a connection is said to be able to use a security layer.
pub const SECURITY_LAYER: c_int = 1;

/// Ids of callbacks.
pub mod cb {
    use std::ffi::c_ulong;

    pub use oxisasl_capi_common::calls::cb::*;

    pub const GETREALM: c_ulong = 0x4007;
    pub const SERVER_GETSECRET: c_ulong = 0x8002;
    pub const SERVER_PUTSECRET: c_ulong = 0x8003;
}

/// Ids of properties.
pub mod prop {
    use std::ffi::c_int;

    pub const USERNAME: c_int = 0;
    pub const SSF: c_int = 1;
    pub const MAXOUTBUF: c_int = 2;
    pub const REALM: c_int = 3;
    pub const GETOPTCTX: c_int = 4;
    pub const IP_LOCAL: c_int = 5;
    pub const IP_REMOTE: c_int = 6;
    pub const SSF_EXTERNAL: c_int = 100;
    pub const SEC_PROPS: c_int = 101;
}

/// What kind of file the verification callback is asked about.
pub mod vrfy {
    use std::ffi::c_int;

    pub const CONF: c_int = 2;
    pub const PASSWD: c_int = 3;
}

/// Numbers of log levels.
pub mod priority {
    use std::ffi::c_int;

    pub const ERR: c_int = 1;
    pub const WARNING: c_int = 2;
    pub const INFO: c_int = 3;
}

/// `sasl_interact_t`.
#[repr(C)]
pub struct Interact {
    pub id: c_ulong,
    pub challenge: *const c_char,
    pub prompt: *const c_char,
    pub defresult: *const c_char,
    pub result: *mut c_void,
    pub len: c_uint,
}

/// `sasl_security_properties_t`.
#[repr(C)]
pub struct RawSecurityProps {
    pub min_ssf: c_uint,
    pub max_ssf: c_uint,
    pub maxbufsize: c_uint,
    pub security_flags: c_int,
    pub property_names: *mut *const c_char,
    pub property_values: *mut *const c_char,
}

/// `sasl_external_properties_t`.
#[repr(C)]
pub struct RawExternal {
    pub ssf: c_uint,
    pub auth_id: *const c_char,
}

pub type ProxyPolicy =
    unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, *mut *const c_char, *mut *const c_char) -> c_int;
pub type GetSecret =
    unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char, *mut *mut RawSecret) -> c_int;
pub type PutSecret =
    unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char, *const RawSecret) -> c_int;

const _: () = {
    assert!(size_of::<Callback>() == 24);
    assert!(size_of::<RawSecret>() == 16);
    assert!(size_of::<Interact>() == 48);
    assert!(size_of::<RawSecurityProps>() == 32);
    assert!(size_of::<RawExternal>() == 16);
};
