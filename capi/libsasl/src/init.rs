//! Initialising and finishing (`sasl.h`, "Functions of both sides").

use std::ffi::{c_char, c_int, c_void};
use std::path::Path;
use std::sync::Arc;

use oxisasl::config::{ConfigFile, Verdict, environment};
use oxisasl::log::{Level, Log as _};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::{Client, Error, Result, Server};
use oxisasl_capi_common::callbacks::{Callback, List};
use oxisasl_capi_common::hooks::{self, Allocator, Calloc, Free, Malloc, Mutexes, Realloc};
use oxisasl_capi_common::{arg, export_unversioned};

use crate::abi::{CONTINUE, OK, cb, vrfy};
use crate::calls::{self, CallbackOptions};
use crate::errors;
use crate::global::{self, Side, SideOptions};
use crate::log::ClassicLog;
use crate::store::{HIDDEN, Secrets};

/// Where the configuration file is unless the application or the environment says otherwise.
const DEFAULT_PATH: &str = "/usr/lib/sasl";

/// The longest path of a configuration file.
const PATH_MAX: usize = 4096;

export_unversioned! {
    /// Initialises the server side. A second call does it anew, for the connections made from then on.
    ///
    /// # Safety
    /// `callbacks` is NULL or a list that ends with `SASL_CB_LIST_END` and stays as it is until `sasl_done`. `appname` is NULL or
    /// a string.
    pub fn sasl_server_init(callbacks: *const Callback, appname: *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        let (list, name) = unsafe { (List::new(callbacks), arg::optional_str(appname)) };
        errors::status(server_init(list, name))
    }

    /// Initialises the client side. A second call does it anew, for the connections made from then on.
    ///
    /// # Safety
    /// As for `sasl_server_init`.
    pub fn sasl_client_init(callbacks: *const Callback) -> c_int {
        // SAFETY: by this function's contract.
        let list = unsafe { List::new(callbacks) };
        let _turn = global::turn();
        let options = SideOptions { callbacks: CallbackOptions(list), config: None };
        let log = ClassicLog::of(list, List::NONE);
        let engine = Arc::new(Client::classic().options(options).log(log));
        let old = global::write(|global| global.client.replace(Side { callbacks: list, engine }));
        drop(old);
        OK
    }

    /// Ends both sides. The connections must have been disposed of.
    pub fn sasl_done() -> () {
        let _turn = global::turn();
        // What goes may call back: not while the state is locked.
        let gone = global::write(|global| (global.server.take(), global.client.take()));
        drop(gone);
    }

    /// Sets the allocator for memory that passes between library and application. Memory goes back to where it came from only
    /// if this is called before anything else.
    pub fn sasl_set_alloc(
        malloc: Option<Malloc>,
        calloc: Option<Calloc>,
        realloc: Option<Realloc>,
        free: Option<Free>,
    ) -> () {
        if let (Some(malloc), Some(calloc), Some(realloc), Some(free)) = (malloc, calloc, realloc, free) {
            hooks::replace_allocator(Allocator { malloc, calloc, realloc, free });
        }
    }

    /// Sets the mutexes for plugins, of which there are none. The library's own locks need none.
    pub fn sasl_set_mutex(
        alloc: Option<unsafe extern "C" fn() -> *mut c_void>,
        lock: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
        unlock: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
        free: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> () {
        if let (Some(alloc), Some(lock), Some(unlock), Some(free)) = (alloc, lock, unlock, free) {
            hooks::set_mutexes(Mutexes { alloc, lock, unlock, free });
        }
    }
}

fn server_init(list: List, name: Option<String>) -> Result<()> {
    let _turn = global::turn();
    let name = name.ok_or_else(|| Error::param("no name of the application"))?;
    if list.iter().any(|entry| entry.proc.is_none()) {
        return Err(Error::fail("a callback has no procedure"));
    }
    let log = ClassicLog::of(list, List::NONE);
    let config = load_config(list, &name).inspect_err(|error| log.log(Level::Err, error.detail()))?;
    let options = SideOptions { callbacks: CallbackOptions(list), config };
    log.heed(&options);
    // Whoever lowers the level below that of warnings is spared these too.
    if let Some(file) = &options.config {
        file.lint().iter().for_each(|warning| log.log(Level::Warn, &warning.to_string()));
    }
    let database = Sasldb::classic();
    let path = database.path(&options).to_string_lossy().into_owned();
    let refused = (calls::verify(list.find(cb::VERIFYFILE), &path, vrfy::PASSWD) != OK)
        .then(|| format!("the application refuses the password database {path}"));
    let database = Secrets::new(database, refused);
    let engine = Server::classic(name).options(options).log(log.clone()).store(database).databases();
    // Of an application's own secrets only its connections know.
    if list.find(cb::SERVER_GETSECRET).is_none() {
        for mechanism in HIDDEN {
            if let Err(error) = engine.serves(mechanism) {
                log.log(Level::Note, &format!("{mechanism} is not offered: {}", error.detail()));
            }
        }
    }
    engine.prepare();
    let side = Side { callbacks: list, engine: Arc::new(engine) };
    let old = global::write(|global| global.server.replace(side));
    drop(old);
    Ok(())
}

/// Reads `<name>.conf` from the first directory of the path for plugins.
fn load_config(list: List, name: &str) -> Result<Option<ConfigFile>> {
    let answered = match list.find(cb::GETPATH) {
        Some(found) => calls::path(found)?,
        None => None,
    };
    let path = answered.or_else(|| environment("SASL_PATH")).unwrap_or_else(|| DEFAULT_PATH.to_owned());
    let first = path.split(':').next().unwrap_or_default();
    if first.len() + name.len() + "/.conf".len() >= PATH_MAX {
        return Err(Error::fail("the path of the configuration file is too long"));
    }
    ConfigFile::find(first, name, |candidate: &Path| {
        match calls::verify(list.find(cb::VERIFYFILE), &candidate.to_string_lossy(), vrfy::CONF) {
            OK => Verdict::Use,
            CONTINUE => Verdict::Skip,
            other => Verdict::Refuse(errors::code_of(other)),
        }
    })
}
