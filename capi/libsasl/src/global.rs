//! What all connections share, from init to done.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use oxisasl::config::{ConfigFile, Options};
use oxisasl::{Client, Code, Error, Result, Server};
use oxisasl_capi_common::callbacks::List;

use crate::calls::CallbackOptions;

/// One initialised side.
pub struct Side<T> {
    /// The callbacks that it was initialised with.
    pub callbacks: List,
    /// The engine's side of it.
    pub engine: Arc<T>,
}

/// Both sides.
pub struct Global {
    pub server: Option<Side<Server>>,
    pub client: Option<Side<Client>>,
}

static GLOBAL: RwLock<Global> = RwLock::new(Global { server: None, client: None });

/// Held through an init or done, so that each happens as a whole. Callbacks run meanwhile, so it is not [`GLOBAL`].
static TURN: Mutex<()> = Mutex::new(());

/// Waits for the turn to init or finish.
pub fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at the state. `look` must not call foreign code.
fn read<T>(look: impl FnOnce(&Global) -> T) -> T {
    look(&GLOBAL.read().unwrap_or_else(PoisonError::into_inner))
}

/// Changes the state. `change` must not call foreign code.
pub fn write<T>(change: impl FnOnce(&mut Global) -> T) -> T {
    change(&mut GLOBAL.write().unwrap_or_else(PoisonError::into_inner))
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

/// The options of a side: its callbacks before the configuration file.
pub struct SideOptions {
    pub callbacks: CallbackOptions,
    pub config: Option<ConfigFile>,
}

impl Options for SideOptions {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        if let Some(value) = self.callbacks.get(plugin, name) {
            return Some(value);
        }
        self.config.get(plugin, name)
    }
}
