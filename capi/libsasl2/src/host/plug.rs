//! The structures that plugins and the library hand each other (`saslplug.h`, version 4 of mechanisms, 8 of property
//! stores, 5 of canonicalisers).

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::mem::offset_of;

use crate::abi::{Callback, Interact, IoVec, RawChannelBinding, RawSecurityProps};
use crate::conn::Conn;
use crate::propctx::PropCtx;
use crate::utils::Utils;

/// The version of server and client plugins.
pub const MECHANISM_VERSION: c_int = 4;
/// The version of property stores.
pub const AUXPROP_VERSION: c_int = 8;
/// The version of canonicalisers.
pub const CANON_VERSION: c_int = 5;

/// A mechanism's or a store's own data.
pub type Data = *mut c_void;

pub type Encode = unsafe extern "C" fn(Data, *const IoVec, c_uint, *mut *const c_char, *mut c_uint) -> c_int;
pub type Decode = unsafe extern "C" fn(Data, *const c_char, c_uint, *mut *const c_char, *mut c_uint) -> c_int;
pub type CanonFn = unsafe extern "C" fn(*mut Conn, *const c_char, c_uint, c_uint, *mut OutParams) -> c_int;
pub type Transition = unsafe extern "C" fn(*mut Conn, *const c_char, c_uint) -> c_int;
/// Frees what a plugin has for one exchange, or for good.
pub type Dispose = unsafe extern "C" fn(Data, *const Utils);
pub type Spare = Option<unsafe extern "C" fn() -> c_int>;

/// What a mechanism has found out (`sasl_out_params_t`).
#[repr(C)]
pub struct OutParams {
    pub doneflag: c_uint,
    pub user: *const c_char,
    pub authid: *const c_char,
    pub ulen: c_uint,
    pub alen: c_uint,
    pub maxoutbuf: c_uint,
    pub mech_ssf: c_uint,
    pub encode_context: Data,
    pub encode: Option<Encode>,
    pub decode_context: Data,
    pub decode: Option<Decode>,
    pub client_creds: *mut c_void,
    pub gss_peer_name: *const c_void,
    pub gss_local_name: *const c_void,
    pub cbindingname: *const c_char,
    pub spare_fptr1: Spare,
    pub spare_fptr2: Spare,
    pub cbindingdisp: c_uint,
    pub spare_int2: c_int,
    pub spare_int3: c_int,
    pub spare_int4: c_int,
    pub param_version: c_int,
}

/// What a server's plugin is told of its connection (`sasl_server_params_t`).
#[repr(C)]
pub struct ServerParams {
    pub service: *const c_char,
    pub appname: *const c_char,
    pub server_fqdn: *const c_char,
    pub user_realm: *const c_char,
    pub iplocalport: *const c_char,
    pub ipremoteport: *const c_char,
    pub servicelen: c_uint,
    pub applen: c_uint,
    pub slen: c_uint,
    pub urlen: c_uint,
    pub iploclen: c_uint,
    pub ipremlen: c_uint,
    pub log_level: c_int,
    pub utils: *const Utils,
    pub callbacks: *const Callback,
    pub props: RawSecurityProps,
    pub external_ssf: c_uint,
    pub transition: Option<Transition>,
    pub canon_user: Option<CanonFn>,
    pub propctx: *mut PropCtx,
    pub gss_creds: *const c_void,
    pub cbinding: *const RawChannelBinding,
    pub http_request: *const c_void,
    pub spare_ptr4: *mut c_void,
    pub spare_fptr1: Spare,
    pub spare_fptr2: Spare,
    pub spare_int1: c_int,
    pub spare_int2: c_int,
    pub spare_int3: c_int,
    pub flags: c_uint,
    pub param_version: c_int,
}

/// What a client's plugin is told of its connection (`sasl_client_params_t`).
#[repr(C)]
pub struct ClientParams {
    pub service: *const c_char,
    pub server_fqdn: *const c_char,
    pub client_fqdn: *const c_char,
    pub utils: *const Utils,
    pub prompt_supp: *const Callback,
    pub iplocalport: *const c_char,
    pub ipremoteport: *const c_char,
    pub servicelen: c_uint,
    pub slen: c_uint,
    pub clen: c_uint,
    pub iploclen: c_uint,
    pub ipremlen: c_uint,
    pub props: RawSecurityProps,
    pub external_ssf: c_uint,
    pub gss_creds: *const c_void,
    pub cbinding: *const RawChannelBinding,
    pub http_request: *const c_void,
    pub spare_ptr4: *mut c_void,
    pub canon_user: Option<CanonFn>,
    pub spare_fptr1: Spare,
    pub cbindingdisp: c_uint,
    pub log_level: c_int,
    pub spare_int3: c_int,
    pub flags: c_uint,
    pub param_version: c_int,
}

/// A server's mechanism (`sasl_server_plug_t`).
#[repr(C)]
pub struct ServerPlug {
    pub mech_name: *const c_char,
    pub max_ssf: c_uint,
    pub security_flags: c_uint,
    pub features: c_uint,
    pub glob_context: Data,
    pub mech_new: Option<unsafe extern "C" fn(Data, *mut ServerParams, *const c_char, c_uint, *mut Data) -> c_int>,
    pub mech_step: Option<
        unsafe extern "C" fn(
            Data,
            *mut ServerParams,
            *const c_char,
            c_uint,
            *mut *const c_char,
            *mut c_uint,
            *mut OutParams,
        ) -> c_int,
    >,
    pub mech_dispose: Option<Dispose>,
    pub mech_free: Option<Dispose>,
    pub setpass: Option<
        unsafe extern "C" fn(
            Data,
            *mut ServerParams,
            *const c_char,
            *const c_char,
            c_uint,
            *const c_char,
            c_uint,
            c_uint,
        ) -> c_int,
    >,
    pub user_query: Spare,
    pub idle: Option<unsafe extern "C" fn(Data, Data, *mut ServerParams) -> c_int>,
    pub mech_avail: Option<unsafe extern "C" fn(Data, *mut ServerParams, *mut Data) -> c_int>,
    pub spare_fptr2: Spare,
}

/// A client's mechanism (`sasl_client_plug_t`).
#[repr(C)]
pub struct ClientPlug {
    pub mech_name: *const c_char,
    pub max_ssf: c_uint,
    pub security_flags: c_uint,
    pub features: c_uint,
    pub required_prompts: *const c_ulong,
    pub glob_context: Data,
    pub mech_new: Option<unsafe extern "C" fn(Data, *mut ClientParams, *mut Data) -> c_int>,
    pub mech_step: Option<
        unsafe extern "C" fn(
            Data,
            *mut ClientParams,
            *const c_char,
            c_uint,
            *mut *mut Interact,
            *mut *const c_char,
            *mut c_uint,
            *mut OutParams,
        ) -> c_int,
    >,
    pub mech_dispose: Option<Dispose>,
    pub mech_free: Option<Dispose>,
    pub idle: Option<unsafe extern "C" fn(Data, Data, *mut ClientParams) -> c_int>,
    pub spare_fptr1: Spare,
    pub spare_fptr2: Spare,
}

/// A store of properties (`sasl_auxprop_plug_t`).
#[repr(C)]
pub struct AuxpropPlug {
    pub features: c_int,
    pub spare_int1: c_int,
    pub glob_context: Data,
    pub auxprop_free: Option<Dispose>,
    pub auxprop_lookup: Option<unsafe extern "C" fn(Data, *mut ServerParams, c_uint, *const c_char, c_uint) -> c_int>,
    pub name: *const c_char,
    pub auxprop_store:
        Option<unsafe extern "C" fn(Data, *mut ServerParams, *mut PropCtx, *const c_char, c_uint) -> c_int>,
}

/// What makes a name canonical; `P` are the parameters of the side.
pub type CanonPlugFn<P> =
    unsafe extern "C" fn(Data, *mut P, *const c_char, c_uint, c_uint, *mut c_char, c_uint, *mut c_uint) -> c_int;

/// A canonicaliser (`sasl_canonuser_plug_t`).
#[repr(C)]
pub struct CanonPlug {
    pub features: c_int,
    pub spare_int1: c_int,
    pub glob_context: Data,
    pub name: *const c_char,
    pub canon_user_free: Option<Dispose>,
    pub canon_user_server: Option<CanonPlugFn<ServerParams>>,
    pub canon_user_client: Option<CanonPlugFn<ClientParams>>,
    pub spare_fptr1: Spare,
    pub spare_fptr2: Spare,
    pub spare_fptr3: Spare,
}

/// A plugin's first function. Those of mechanisms give an array, which stays where it is.
pub type MechanismInit<P> = unsafe extern "C" fn(*const Utils, c_int, *mut c_int, *mut *const P, *mut c_int) -> c_int;
/// That of stores and canonicalisers, which are told the name under which they are added.
pub type NamedInit<P> = unsafe extern "C" fn(*const Utils, c_int, *mut c_int, *mut *const P, *const c_char) -> c_int;

const _: () = {
    assert!(size_of::<OutParams>() == 144);
    assert!(offset_of!(OutParams, encode) == 48);
    assert!(offset_of!(OutParams, decode) == 64);
    assert!(offset_of!(OutParams, cbindingname) == 96);
    assert!(offset_of!(OutParams, cbindingdisp) == 120);
    assert!(offset_of!(OutParams, param_version) == 136);
    assert!(size_of::<ServerParams>() == 232);
    assert!(offset_of!(ServerParams, log_level) == 72);
    assert!(offset_of!(ServerParams, utils) == 80);
    assert!(offset_of!(ServerParams, external_ssf) == 128);
    assert!(offset_of!(ServerParams, canon_user) == 144);
    assert!(offset_of!(ServerParams, propctx) == 152);
    assert!(offset_of!(ServerParams, http_request) == 176);
    assert!(offset_of!(ServerParams, flags) == 220);
    assert!(size_of::<ClientParams>() == 192);
    assert!(offset_of!(ClientParams, props) == 80);
    assert!(offset_of!(ClientParams, canon_user) == 152);
    assert!(offset_of!(ClientParams, cbindingdisp) == 168);
    assert!(offset_of!(ClientParams, flags) == 180);
    assert!(size_of::<ServerPlug>() == 104);
    assert!(offset_of!(ServerPlug, setpass) == 64);
    assert!(offset_of!(ServerPlug, mech_avail) == 88);
    assert!(size_of::<ClientPlug>() == 96);
    assert!(offset_of!(ClientPlug, mech_new) == 40);
    assert!(offset_of!(ClientPlug, idle) == 72);
    assert!(size_of::<AuxpropPlug>() == 48);
    assert!(offset_of!(AuxpropPlug, auxprop_lookup) == 24);
    assert!(size_of::<CanonPlug>() == 72);
    assert!(offset_of!(CanonPlug, canon_user_server) == 32);
};
