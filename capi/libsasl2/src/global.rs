//! What all connections share, from the first init to the last done.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use oxisasl::config::{ConfigFile, Options};
use oxisasl::{Client, Code, Error, Result, Server};
use oxisasl_capi_common::callbacks::List;

use crate::host::auxprop::PluginStore;
use crate::host::canonuser::PluginCanon;

/// One initialised side.
pub struct Side<T> {
    /// How often it was initialised.
    pub count: u32,
    /// The callbacks that it was initialised with.
    pub callbacks: List,
    /// The engine's side of it.
    pub engine: Arc<T>,
}

/// Both sides.
pub struct Global {
    pub server: Option<Side<Server>>,
    pub client: Option<Side<Client>>,
    /// Whether libldap takes the client side for initialised, which it then has to be when it makes a connection.
    pub client_owed: bool,
    /// Whether anything was ever initialised.
    pub touched: bool,
    /// The options of the configuration file: a server loads them, clients see them too.
    pub config: Option<Arc<ConfigFile>>,
    /// What `sasl_set_path` said.
    pub plugin_path: Option<String>,
    pub config_path: Option<String>,
    /// The stores of plugins that were added before the server side is initialised, as slapd does.
    pub early_stores: Vec<PluginStore>,
    /// The canonicalisers of plugins, which a side that is initialised later gets as well.
    pub canon_users: Vec<PluginCanon>,
}

static GLOBAL: RwLock<Global> = RwLock::new(Global {
    server: None,
    client: None,
    client_owed: false,
    touched: false,
    config: None,
    plugin_path: None,
    config_path: None,
    early_stores: Vec::new(),
    canon_users: Vec::new(),
});

/// What there is in [`GLOBAL`]. Most calls need to know no more, and threads that do not take a lock do not wait for it.
static PRESENT: AtomicU8 = AtomicU8::new(0);

const SERVER: u8 = 1;
const CLIENT: u8 = 2;
const CONFIG: u8 = 4;

fn is_present(what: u8) -> bool {
    PRESENT.load(Ordering::Acquire) & what != 0
}

/// Held through an init or done, so that each happens as a whole. Callbacks run meanwhile, so it is not [`GLOBAL`].
static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    static MINE: Cell<bool> = const { Cell::new(false) };
}

/// The turn to init or finish.
pub struct Turn {
    _guard: Option<MutexGuard<'static, ()>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self._guard.is_some() {
            MINE.set(false);
        }
    }
}

/// Waits for the turn to init or finish. A callback or plugin of an init that calls another has it already.
pub fn turn() -> Turn {
    if MINE.replace(true) {
        return Turn { _guard: None };
    }
    Turn { _guard: Some(TURN.lock().unwrap_or_else(PoisonError::into_inner)) }
}

/// Looks at the state. `look` must not call foreign code.
pub fn read<T>(look: impl FnOnce(&Global) -> T) -> T {
    look(&GLOBAL.read().unwrap_or_else(PoisonError::into_inner))
}

/// Changes the state. `change` must not call foreign code.
pub fn write<T>(change: impl FnOnce(&mut Global) -> T) -> T {
    let mut global = GLOBAL.write().unwrap_or_else(PoisonError::into_inner);
    let result = change(&mut global);
    let bit = |there: bool, bit: u8| if there { bit } else { 0 };
    let present = bit(global.server.is_some(), SERVER) | bit(global.client.is_some(), CLIENT);
    PRESENT.store(present | bit(global.config.is_some(), CONFIG), Ordering::Release);
    result
}

/// Whether the server side is there.
///
/// # Errors
/// [`Code::NotInit`] before its init.
pub fn need_server() -> Result<()> {
    if is_present(SERVER) { Ok(()) } else { Err(Error::from(Code::NotInit)) }
}

/// Whether the client side is there.
///
/// # Errors
/// As [`need_server`].
pub fn need_client() -> Result<()> {
    if is_present(CLIENT) { Ok(()) } else { Err(Error::from(Code::NotInit)) }
}

/// The server side.
///
/// # Errors
/// [`Code::NotInit`] before its init.
pub fn server() -> Result<(Arc<Server>, List)> {
    read(|global| global.server.as_ref().map(|side| (Arc::clone(&side.engine), side.callbacks)))
        .ok_or_else(|| Error::from(Code::NotInit))
}

/// The client side.
///
/// # Errors
/// As [`server`].
pub fn client() -> Result<(Arc<Client>, List)> {
    read(|global| global.client.as_ref().map(|side| (Arc::clone(&side.engine), side.callbacks)))
        .ok_or_else(|| Error::from(Code::NotInit))
}

/// Changes the server side, for the connections made from now on.
///
/// # Errors
/// As [`server`].
pub fn change_server(change: impl FnOnce(Server) -> Server) -> Result<()> {
    let old = write(|global| {
        let side = global.server.as_mut().ok_or_else(|| Error::from(Code::NotInit))?;
        let changed = Arc::new(change(Server::clone(&side.engine)));
        Ok::<_, Error>(std::mem::replace(&mut side.engine, changed))
    })?;
    // Plugins may go with it, so it does not go while the state is locked.
    drop(old);
    Ok(())
}

/// Changes the client side, for the connections made from now on.
///
/// # Errors
/// As [`client`].
pub fn change_client(change: impl FnOnce(Client) -> Client) -> Result<()> {
    let old = write(|global| {
        let side = global.client.as_mut().ok_or_else(|| Error::from(Code::NotInit))?;
        let changed = Arc::new(change(Client::clone(&side.engine)));
        Ok::<_, Error>(std::mem::replace(&mut side.engine, changed))
    })?;
    drop(old);
    Ok(())
}

/// Adds a store to the server side: for the connections made from now on, or once it is initialised.
///
/// # Errors
/// When the side goes meanwhile.
pub fn add_store(store: PluginStore) -> Result<()> {
    if read(|global| global.server.is_some()) {
        return change_server(|server| server.store(store));
    }
    write(|global| global.early_stores.push(store));
    Ok(())
}

/// Adds a canonicaliser to both sides, for the connections made from now on.
pub fn add_canonicalizer(added: &PluginCanon) {
    write(|global| global.canon_users.push(added.clone()));
    // A side that is not initialised gets it when it is.
    let _ = change_server(|server| server.canonicalizer(added.clone()));
    let _ = change_client(|client| client.canonicalizer(added.clone()));
}

/// The options of a side: its global callbacks before the configuration file.
pub struct SideOptions {
    pub callbacks: crate::calls::CallbackOptions,
}

impl Options for SideOptions {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        if let Some(value) = self.callbacks.get(plugin, name) {
            return Some(value);
        }
        if !is_present(CONFIG) {
            return None;
        }
        read(|global| {
            let value = global.config.as_ref()?.get(plugin, name)?;
            Some(std::borrow::Cow::Owned(value.into_owned()))
        })
    }
}

/// The code of a `done` when the side is still in use.
pub const STILL_IN_USE: c_int = crate::abi::CONTINUE;
