//! What plugins there are: `sasl_server_plugin_info`, `sasl_client_plugin_info`, `auxprop_plugin_info` (`saslplug.h`). What is
//! built in is described like a plugin, but its functions are not to be called.

use std::any::Any;
use std::ffi::{CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::fmt::Write as _;
use std::ptr::{null, null_mut};
use std::sync::Arc;

use oxisasl::mech::{MechInfo, NAME_AND_PASSWORD};
use oxisasl::policy::{Features, SecurityFlags};
use oxisasl::registry::MechanismRef;
use oxisasl::store::AuxProp;
use oxisasl::{Code, Result};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::{Interact, OK};
use crate::calls::c_string;
use crate::conn::callback_id;
use crate::global;
use crate::host::auxprop::PluginStore;
use crate::host::client::PluginClient;
use crate::host::plug::{
    AUXPROP_VERSION, AuxpropPlug, ClientParams, ClientPlug, Data, MECHANISM_VERSION, OutParams, ServerParams,
    ServerPlug,
};
use crate::host::server::PluginServer;
use crate::propctx::PropCtx;

/// One mechanism of a server (`server_sasl_mechanism_t`).
#[repr(C)]
pub struct ServerMechanism {
    version: c_int,
    condition: c_int,
    plugname: *mut c_char,
    plug: *const ServerPlug,
    file: *mut c_char,
}

/// One mechanism of a client (`client_sasl_mechanism_t`).
#[repr(C)]
pub struct ClientMechanism {
    version: c_int,
    plugname: *mut c_char,
    plug: *const ClientPlug,
}

/// What is called once before the list, once for each entry, and once after it.
type Tell<T> = unsafe extern "C" fn(*mut T, c_int, *mut c_void);

const START: c_int = 0;
const ENTRY: c_int = 1;
const END: c_int = 2;

const _: () = {
    assert!(size_of::<ServerMechanism>() == 32);
    assert!(size_of::<ClientMechanism>() == 24);
};

export! {
    /// Tells about the mechanisms of the server side: those named in a list, in its order, or all of them.
    ///
    /// # Safety
    /// `mech_list` is NULL or a string. `info_cb` is NULL for a description on the standard output; what it is given is only good
    /// during the call.
    pub fn sasl_server_plugin_info(
        mech_list: *const c_char,
        info_cb: Option<Tell<ServerMechanism>>,
        rock: *mut c_void,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let list = unsafe { arg::optional_str(mech_list) };
        boundary::code(server_info(list.as_deref(), info_cb, rock), OK)
    }

    /// Tells about the mechanisms of the client side.
    ///
    /// # Safety
    /// As for `sasl_server_plugin_info`.
    pub fn sasl_client_plugin_info(
        mech_list: *const c_char,
        info_cb: Option<Tell<ClientMechanism>>,
        rock: *mut c_void,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let list = unsafe { arg::optional_str(mech_list) };
        boundary::code(client_info(list.as_deref(), info_cb, rock), OK)
    }

    /// Tells about the stores of properties.
    ///
    /// # Safety
    /// As for `sasl_server_plugin_info`.
    pub fn auxprop_plugin_info(
        auxprop_list: *const c_char,
        info_cb: Option<Tell<AuxpropPlug>>,
        rock: *mut c_void,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let list = unsafe { arg::optional_str(auxprop_list) };
        boundary::code(auxprop_info(list.as_deref(), info_cb, rock), OK)
    }
}

fn server_info(list: Option<&str>, tell: Option<Tell<ServerMechanism>>, rock: *mut c_void) -> Result<()> {
    let (engine, _) = global::server()?;
    let all: Vec<&MechanismRef> = engine.registry().iter().filter(|mech| mech.info().server.is_some()).collect();
    let chosen = chosen(&all, list, |mech| &mech.info().name);
    if tell.is_none() {
        print("List of server plugins follows\n");
    }
    told(tell, START, rock);
    for mech in chosen {
        let (info, plugin) = (mech.info(), (&***mech as &dyn Any).downcast_ref::<PluginServer>());
        let condition = plugin.map_or(OK, |plugin| plugin.0.condition);
        let sets_passwords = mech.sets_passwords();
        let Some(tell) = tell else {
            let setpass = if sets_passwords { "yes" } else { "no" };
            print(&description(info, condition, &format!(", supports setpass: {setpass}"), info.server));
            continue;
        };
        let (name, file) = (c_string(info.name.as_bytes()), c_string(info.plugin.as_bytes()));
        let described;
        let plug = match plugin {
            Some(plugin) => plugin.0.plug(),
            None => {
                described = described_server(&name, info, sets_passwords);
                &described
            }
        };
        let mut entry = ServerMechanism {
            version: MECHANISM_VERSION,
            condition,
            plugname: file.as_ptr().cast_mut(),
            plug,
            file: null_mut(),
        };
        // SAFETY: the entry and all that it points to live during the call.
        unsafe { tell(&mut entry, ENTRY, rock) };
    }
    told(tell, END, rock);
    Ok(())
}

fn client_info(list: Option<&str>, tell: Option<Tell<ClientMechanism>>, rock: *mut c_void) -> Result<()> {
    let (engine, _) = global::client()?;
    let all: Vec<&MechanismRef> = engine.registry().iter().filter(|mech| mech.info().client.is_some()).collect();
    let chosen = chosen(&all, list, |mech| &mech.info().name);
    if tell.is_none() {
        print("List of client plugins follows\n");
    }
    told(tell, START, rock);
    for mech in chosen {
        let (info, plugin) = (mech.info(), (&***mech as &dyn Any).downcast_ref::<PluginClient>());
        let Some(tell) = tell else {
            print(&description(info, OK, "", info.client));
            continue;
        };
        let (name, file) = (c_string(info.name.as_bytes()), c_string(info.plugin.as_bytes()));
        let mut prompts: Vec<c_ulong> = info.prompts.iter().map(|kind| callback_id(*kind)).collect();
        prompts.push(0);
        let described;
        let plug = match plugin {
            Some(plugin) => plugin.0.plug(),
            None => {
                let prompts = if info.prompts == NAME_AND_PASSWORD { null() } else { prompts.as_ptr() };
                described = described_client(&name, info, prompts);
                &described
            }
        };
        let mut entry = ClientMechanism { version: MECHANISM_VERSION, plugname: file.as_ptr().cast_mut(), plug };
        // SAFETY: the entry and all that it points to live during the call.
        unsafe { tell(&mut entry, ENTRY, rock) };
    }
    told(tell, END, rock);
    Ok(())
}

fn auxprop_info(list: Option<&str>, tell: Option<Tell<AuxpropPlug>>, rock: *mut c_void) -> Result<()> {
    let (engine, _) = global::server()?;
    let all: Vec<&Arc<dyn AuxProp>> = engine.configured_stores().collect();
    if tell.is_none() {
        print("List of auxprop plugins follows\n");
    }
    told(tell, START, rock);
    for store in chosen(&all, list, |store| store.name()) {
        let plugin = (&***store as &dyn Any).downcast_ref::<PluginStore>().map(PluginStore::plug);
        let Some(tell) = tell else {
            let stores = if plugin.is_none_or(|plug| plug.auxprop_store.is_some()) { "yes" } else { "no" };
            print(&format!(
                "Plugin \"{}\" , \tAPI version: {AUXPROP_VERSION}\n\tsupports store: {stores}\n\n",
                store.name()
            ));
            continue;
        };
        let name = c_string(store.name().as_bytes());
        // What C is given it may change; the plugin's own structure stays as it is.
        let mut entry = AuxpropPlug {
            features: plugin.map_or(0, |plug| plug.features),
            spare_int1: 0,
            glob_context: plugin.map_or(null_mut(), |plug| plug.glob_context),
            auxprop_free: plugin.and_then(|plug| plug.auxprop_free),
            auxprop_lookup: plugin.map_or(Some(no_lookup), |plug| plug.auxprop_lookup),
            name: name.as_ptr(),
            auxprop_store: plugin.map_or(Some(no_store), |plug| plug.auxprop_store),
        };
        // SAFETY: the entry and all that it points to live during the call.
        unsafe { tell(&mut entry, ENTRY, rock) };
    }
    told(tell, END, rock);
    Ok(())
}

/// Those that a list names, in its order; all of them without one.
fn chosen<'a, T>(all: &'a [&'a T], list: Option<&str>, name: impl Fn(&'a T) -> &'a str) -> Vec<&'a &'a T> {
    let Some(list) = list else { return all.iter().collect() };
    let named = |wanted: &str| all.iter().filter(|entry| name(entry).eq_ignore_ascii_case(wanted)).collect::<Vec<_>>();
    list.split_ascii_whitespace().flat_map(named).collect()
}

fn told<T>(tell: Option<Tell<T>>, stage: c_int, rock: *mut c_void) {
    if let Some(tell) = tell {
        // SAFETY: before and after the list there is no entry.
        unsafe { tell(null_mut(), stage, rock) };
    }
}

/// Through C's own buffer, so that it comes in turn with what the program itself prints.
fn print(text: &str) {
    let text = c_string(text.as_bytes());
    // SAFETY: both are strings.
    unsafe { libc::printf(c"%s".as_ptr(), text.as_ptr()) };
}

fn description(info: &MechInfo, condition: c_int, more: &str, features: Option<Features>) -> String {
    let state = match condition {
        OK => "loaded",
        crate::abi::CONTINUE => "delayed",
        code if code == Code::NoUser.number() => "no users",
        _ => "unknown",
    };
    let mut text = format!("Plugin \"{}\" [{state}], \tAPI version: {MECHANISM_VERSION}\n", info.plugin);
    let _ = writeln!(text, "\tSASL mechanism: {}, best SSF: {}{more}", info.name, info.max_ssf);
    let security = SECURITY.iter().filter(|(flag, _)| info.security.contains(*flag)).map(|(_, name)| *name);
    let features = features.unwrap_or_default();
    let behaviour = FEATURES.iter().filter(|(flag, _)| features.contains(*flag)).map(|(_, name)| *name);
    let _ = writeln!(text, "\tsecurity flags:{}", joined(security));
    let _ = writeln!(text, "\tfeatures:{}", joined(behaviour));
    text
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names = names.collect::<Vec<_>>().join("|");
    if names.is_empty() { names } else { format!(" {names}") }
}

/// The names of what mechanisms guarantee, in the order in which they are shown.
const SECURITY: &[(SecurityFlags, &str)] = &[
    (SecurityFlags::NO_ANONYMOUS, "NO_ANONYMOUS"),
    (SecurityFlags::NO_PLAINTEXT, "NO_PLAINTEXT"),
    (SecurityFlags::NO_ACTIVE, "NO_ACTIVE"),
    (SecurityFlags::NO_DICTIONARY, "NO_DICTIONARY"),
    (SecurityFlags::FORWARD_SECRECY, "FORWARD_SECRECY"),
    (SecurityFlags::PASS_CREDENTIALS, "PASS_CREDENTIALS"),
    (SecurityFlags::MUTUAL_AUTH, "MUTUAL_AUTH"),
];

/// The names of how they behave.
const FEATURES: &[(Features, &str)] = &[
    (Features::CLIENT_FIRST, "WANT_CLIENT_FIRST"),
    (Features::SERVER_FIRST, "SERVER_FIRST"),
    (Features::PROXY, "PROXY_AUTHENTICATION"),
    (Features::NO_USER_PASSWORD, "DONTUSE_USERPASSWD"),
    (Features::NEEDS_SERVER_FQDN, "NEED_SERVER_FQDN"),
    (Features::from_bits(0x0200), "SERVICE"),
    (Features::NEEDS_GETSECRET, "NEED_GETSECRET"),
    (Features::GSS_FRAMING, "GSS_FRAMING"),
    (Features::CHANNEL_BINDING, "CHANNEL_BINDING"),
    (Features::HTTP, "SUPPORTS_HTTP"),
];

/// The bits that C has for a mechanism's guarantees, with the length of its hash in bytes above them.
fn security_bits(info: &MechInfo) -> c_uint {
    info.security.bits() | (info.hash_bits / 8) << 16
}

fn described_server(name: &CString, info: &MechInfo, sets_passwords: bool) -> ServerPlug {
    ServerPlug {
        mech_name: name.as_ptr(),
        max_ssf: info.max_ssf,
        security_flags: security_bits(info),
        features: info.server.unwrap_or_default().bits(),
        glob_context: null_mut(),
        mech_new: Some(no_server),
        mech_step: Some(no_server_step),
        mech_dispose: None,
        mech_free: None,
        setpass: sets_passwords.then_some(no_setpass),
        user_query: None,
        idle: None,
        // EXTERNAL alone says so for each connection.
        mech_avail: (info.name == "EXTERNAL").then_some(no_server_avail),
        spare_fptr2: None,
    }
}

fn described_client(name: &CString, info: &MechInfo, prompts: *const c_ulong) -> ClientPlug {
    ClientPlug {
        mech_name: name.as_ptr(),
        max_ssf: info.max_ssf,
        security_flags: security_bits(info),
        features: info.client.unwrap_or_default().bits(),
        required_prompts: prompts,
        glob_context: null_mut(),
        mech_new: Some(no_client),
        mech_step: Some(no_client_step),
        mech_dispose: None,
        mech_free: None,
        idle: None,
        spare_fptr1: None,
        spare_fptr2: None,
    }
}

// What is built in has no functions for C. A program that calls them all the same gets an error.

fn not_for_c() -> c_int {
    Code::NoMech.number()
}

extern "C" fn no_server(_: Data, _: *mut ServerParams, _: *const c_char, _: c_uint, _: *mut Data) -> c_int {
    not_for_c()
}

extern "C" fn no_server_step(
    _: Data,
    _: *mut ServerParams,
    _: *const c_char,
    _: c_uint,
    _: *mut *const c_char,
    _: *mut c_uint,
    _: *mut OutParams,
) -> c_int {
    not_for_c()
}

extern "C" fn no_server_avail(_: Data, _: *mut ServerParams, _: *mut Data) -> c_int {
    not_for_c()
}

extern "C" fn no_setpass(
    _: Data,
    _: *mut ServerParams,
    _: *const c_char,
    _: *const c_char,
    _: c_uint,
    _: *const c_char,
    _: c_uint,
    _: c_uint,
) -> c_int {
    not_for_c()
}

extern "C" fn no_client(_: Data, _: *mut ClientParams, _: *mut Data) -> c_int {
    not_for_c()
}

extern "C" fn no_client_step(
    _: Data,
    _: *mut ClientParams,
    _: *const c_char,
    _: c_uint,
    _: *mut *mut Interact,
    _: *mut *const c_char,
    _: *mut c_uint,
    _: *mut OutParams,
) -> c_int {
    not_for_c()
}

extern "C" fn no_lookup(_: Data, _: *mut ServerParams, _: c_uint, _: *const c_char, _: c_uint) -> c_int {
    not_for_c()
}

extern "C" fn no_store(_: Data, _: *mut ServerParams, _: *mut PropCtx, _: *const c_char, _: c_uint) -> c_int {
    not_for_c()
}
