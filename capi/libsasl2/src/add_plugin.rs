//! Plugins that the program hands over itself (`saslplug.h`: `sasl_*_add_plugin`). Each is handed over as its first function,
//! which describes the rest.

use std::ffi::{c_char, c_int};

use oxisasl::config::Options;
use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::callbacks::List;
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::OK;
use crate::calls::CallbackOptions;
use crate::global::{self, SideOptions};
use crate::host::add::Plugin;
use crate::host::journal::Journal;
use crate::host::known::Preferred;
use crate::host::plug::{AuxpropPlug, CanonPlug, ClientPlug, MechanismInit, NamedInit, ServerPlug};
use crate::utils;

export! {
    /// Adds the mechanisms of a plugin to the server side, for the connections made from now on.
    ///
    /// # Safety
    /// `plugname` is NULL or a string; `init` is NULL or a plugin's first function, and what it describes stays as it is until the
    /// last done and the end of every connection.
    pub fn sasl_server_add_plugin(plugname: *const c_char, init: Option<MechanismInit<ServerPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add(plugname, init, &server_options(), |plugin, init| plugin.server(init)) }, OK)
    }

    /// Adds the mechanisms of a plugin to the client side.
    ///
    /// # Safety
    /// As for `sasl_server_add_plugin`.
    pub fn sasl_client_add_plugin(plugname: *const c_char, init: Option<MechanismInit<ClientPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add(plugname, init, &client_options(), |plugin, init| plugin.client(init)) }, OK)
    }

    /// Adds a store of properties to the server side, which need not be initialised yet. It is asked before those that are there.
    ///
    /// # Safety
    /// As for `sasl_server_add_plugin`.
    pub fn sasl_auxprop_add_plugin(plugname: *const c_char, init: Option<NamedInit<AuxpropPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add(plugname, init, &server_options(), |plugin, init| plugin.auxprop(init)) }, OK)
    }

    /// Adds a canonicaliser to both sides, which need not be initialised yet.
    ///
    /// # Safety
    /// As for `sasl_server_add_plugin`.
    pub fn sasl_canonuser_add_plugin(plugname: *const c_char, init: Option<NamedInit<CanonPlug>>) -> c_int {
        // SAFETY: by this function's contract.
        let utils = utils::for_server();
        // SAFETY: by this function's contract.
        boundary::code(unsafe { add(plugname, init, &server_options(), |plugin, init| plugin.canon_user(init, utils)) }, OK)
    }
}

/// # Safety
/// `name` is NULL or a string; `init` is NULL or a plugin's first function, and `add` takes it.
unsafe fn add<I>(
    name: *const c_char,
    init: Option<I>,
    options: &dyn Options,
    add: impl FnOnce(&Plugin<'_>, I) -> Result<()>,
) -> Result<()> {
    // SAFETY: by this function's contract.
    let (Some(name), Some(init)) = (unsafe { arg::optional_str(name) }, init) else {
        return Err(Error::param("a plugin without a name or a first function"));
    };
    let (preferred, journal) = (Preferred::of(options), Journal::system());
    let plugin = Plugin { name, file: None, object: None, preferred: &preferred, journal: &journal };
    add(&plugin, init).inspect_err(|error| match error.code() {
        Code::NotInit => {}
        _ => plugin.complain(error),
    })
}

/// The options of the server side, if it is initialised.
fn server_options() -> SideOptions {
    SideOptions { callbacks: CallbackOptions(global::server().map_or(List::NONE, |(_, list)| list)) }
}

/// Those of the client side.
fn client_options() -> SideOptions {
    SideOptions { callbacks: CallbackOptions(global::client().map_or(List::NONE, |(_, list)| list)) }
}
