//! Plugins that the program hands over itself (`saslplug.h`: `sasl_*_add_plugin`). Each is handed over as its first function,
//! which describes the rest.

use std::ffi::{c_char, c_int};
use std::ptr::null;
use std::slice;

use oxisasl::log::Level;
use oxisasl::{Code, Error, Result, syslog};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::{CONTINUE, OK};
use crate::calls::c_string;
use crate::global;
use crate::host::plug::{
    AUXPROP_VERSION, AuxpropPlug, CANON_VERSION, CanonPlug, ClientPlug, MECHANISM_VERSION, MechanismInit, NamedInit,
    ServerPlug,
};
use crate::host::{auxprop, canonuser, client, lie, server};
use crate::utils::{self, Utils};

/// More mechanisms than this no plugin has.
const MOST_MECHANISMS: usize = 256;

export! {
    /// Adds the mechanisms of a plugin to the server side, for the connections made from now on.
    ///
    /// # Safety
    /// `plugname` is NULL or a string; `init` is NULL or a plugin's first function, and what it describes stays as it is until the
    /// last done and the end of every connection.
    pub fn sasl_server_add_plugin(plugname: *const c_char, init: Option<MechanismInit<ServerPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add_server(plugname, init) }, OK)
    }

    /// Adds the mechanisms of a plugin to the client side.
    ///
    /// # Safety
    /// As for `sasl_server_add_plugin`.
    pub fn sasl_client_add_plugin(plugname: *const c_char, init: Option<MechanismInit<ClientPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add_client(plugname, init) }, OK)
    }

    /// Adds a store of properties to the server side, which need not be initialised yet. It is asked before those that are there.
    ///
    /// # Safety
    /// As for `sasl_server_add_plugin`.
    pub fn sasl_auxprop_add_plugin(plugname: *const c_char, init: Option<NamedInit<AuxpropPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add_auxprop(plugname, init) }, OK)
    }

    /// Adds a canonicaliser to both sides, which need not be initialised yet.
    ///
    /// # Safety
    /// As for `sasl_server_add_plugin`.
    pub fn sasl_canonuser_add_plugin(plugname: *const c_char, init: Option<NamedInit<CanonPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add_canon_user(plugname, init) }, OK)
    }
}

/// # Safety
/// As for `sasl_server_add_plugin`.
pub unsafe fn add_server(name: *const c_char, init: Option<MechanismInit<ServerPlug>>) -> Result<()> {
    // SAFETY: by this function's contract.
    let (name, init) = unsafe { given(name, init)? };
    global::server()?;
    // SAFETY: by this function's contract.
    let (plugs, condition) = unsafe { mechanisms(&name, init, utils::for_server())? };
    for plug in plugs {
        // SAFETY: the plugin has described it, and keeps it as it is.
        match unsafe { server::Registered::new(plug, &name, condition) } {
            Ok(added) => global::change_server(|server| server.mechanism(server::PluginServer(added)))?,
            Err(error) => complain(&error),
        }
    }
    Ok(())
}

/// # Safety
/// As for `sasl_server_add_plugin`.
pub unsafe fn add_client(name: *const c_char, init: Option<MechanismInit<ClientPlug>>) -> Result<()> {
    // SAFETY: by this function's contract.
    let (name, init) = unsafe { given(name, init)? };
    global::client()?;
    // SAFETY: by this function's contract.
    let (plugs, _) = unsafe { mechanisms(&name, init, utils::for_client())? };
    for plug in plugs {
        // SAFETY: as for a server's.
        match unsafe { client::Registered::new(plug, &name) } {
            Ok(added) => global::change_client(|client| client.mechanism(client::PluginClient(added)))?,
            Err(error) => complain(&error),
        }
    }
    Ok(())
}

/// # Safety
/// As for `sasl_server_add_plugin`.
pub unsafe fn add_auxprop(name: *const c_char, init: Option<NamedInit<AuxpropPlug>>) -> Result<()> {
    // SAFETY: by this function's contract.
    let (name, init) = unsafe { given(name, init)? };
    // SAFETY: by this function's contract.
    let (plug, version) = unsafe { described(&name, init, AUXPROP_VERSION)? };
    if version < AUXPROP_VERSION {
        return Err(wrong_version(&name, version));
    }
    // SAFETY: the plugin has described it, and keeps it as it is; its name is NULL or a string.
    let (own_name, has_lookup) = unsafe { (arg::optional_str((*plug).name), (*plug).auxprop_lookup.is_some()) };
    if !has_lookup {
        return Err(Error::protocol(format!("the plugin {name} has no auxprop_lookup")));
    }
    // SAFETY: as above.
    let store = unsafe { auxprop::PluginStore::new(plug, own_name.unwrap_or(name)) };
    global::add_store(store)
}

/// # Safety
/// As for `sasl_server_add_plugin`.
pub unsafe fn add_canon_user(name: *const c_char, init: Option<NamedInit<CanonPlug>>) -> Result<()> {
    // SAFETY: by this function's contract.
    let (name, init) = unsafe { given(name, init)? };
    // SAFETY: by this function's contract.
    let (plug, _) = unsafe { described(&name, init, CANON_VERSION)? };
    // SAFETY: as for a store.
    let (own_name, empty) = unsafe {
        let empty = (*plug).canon_user_server.is_none() && (*plug).canon_user_client.is_none();
        (arg::optional_str((*plug).name), empty)
    };
    if empty {
        return Err(Error::protocol(format!("the plugin {name} has neither function of a canonicaliser")));
    }
    // SAFETY: as for a store.
    let added = canonuser::PluginCanon(unsafe { canonuser::Registered::new(plug, name, own_name) });
    global::add_canonicalizer(&added);
    Ok(())
}

/// # Safety
/// `name` is NULL or a string.
unsafe fn given<I>(name: *const c_char, init: Option<I>) -> Result<(String, I)> {
    // SAFETY: by this function's contract.
    match (unsafe { arg::optional_str(name) }, init) {
        (Some(name), Some(init)) => Ok((name, init)),
        _ => Err(Error::param("a plugin without a name or a first function")),
    }
}

/// Asks a plugin for its mechanisms, and on what condition they are there.
///
/// # Safety
/// `init` is a plugin's first function.
unsafe fn mechanisms<P>(name: &str, init: MechanismInit<P>, utils: *const Utils) -> Result<(Vec<*const P>, c_int)> {
    let (mut version, mut list, mut count) = (0, null(), 0);
    // SAFETY: by this function's contract; the places live during the call, and the table for good.
    let condition = unsafe { init(utils, MECHANISM_VERSION, &mut version, &mut list, &mut count) };
    if !(condition == OK || condition == CONTINUE || condition == Code::NoUser.number()) {
        return Err(Error::from(Code::from_number(condition)));
    }
    if version != MECHANISM_VERSION {
        return Err(wrong_version(name, version));
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= MOST_MECHANISMS);
    match (list.is_null(), count) {
        (_, Some(0)) => Ok((Vec::new(), condition)),
        (false, Some(count)) => {
            // SAFETY: the plugin says that there is an array of so many.
            let plugs = unsafe { slice::from_raw_parts(list, count) };
            Ok((plugs.iter().map(std::ptr::from_ref).collect(), condition))
        }
        _ => Err(complained(lie(name, "describes an array of mechanisms that cannot be"))),
    }
}

/// Asks a plugin for the one thing that it adds, and its version.
///
/// # Safety
/// `init` is a plugin's first function.
unsafe fn described<P>(name: &str, init: NamedInit<P>, most: c_int) -> Result<(*const P, c_int)> {
    let (mut version, mut plug) = (0, null());
    let c_name = c_string(name.as_bytes());
    // SAFETY: by this function's contract; the places live during the call, and the table for good.
    let status = unsafe { init(utils::for_server(), most, &mut version, &mut plug, c_name.as_ptr()) };
    if status != OK {
        return Err(complained(Error::new(Code::from_number(status), format!("the plugin {name} does not start"))));
    }
    if plug.is_null() {
        return Err(complained(lie(name, "describes nothing").with_code(Code::BadProt)));
    }
    Ok((plug, version))
}

fn wrong_version(name: &str, version: c_int) -> Error {
    complained(Error::new(Code::BadVers, format!("the plugin {name} has version {version}")))
}

fn complained(error: Error) -> Error {
    complain(&error);
    error
}

/// There is no connection whose log it could go to.
fn complain(error: &Error) {
    syslog::write(Level::Err, &error.to_string());
}
