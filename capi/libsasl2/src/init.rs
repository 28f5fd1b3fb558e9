//! Initialising, finishing, and what is said about the library as a whole (`sasl.h`, "Initialisation").

use std::ffi::{c_char, c_int};
use std::path::Path;
use std::sync::Arc;

use oxisasl::config::{ConfigFile, Layered, Options as _, Verdict, search_path};
use oxisasl::log::Level;
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::ldapdb;
use oxisasl::syslog::Syslog;
use oxisasl::{Client, Code, Error, Result, Server, syslog};
use oxisasl_capi_common::callbacks::{Callback, List};
use oxisasl_capi_common::hooks::{self, Allocator, Calloc, Free, Malloc, Mutexes, Realloc};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::{OK, cb};
use crate::calls::{self, CallbackOptions};
use crate::global::{self, STILL_IN_USE, Side, SideOptions};
use crate::host::find::SearchPath;
use crate::host::journal::Journal;
use crate::host::known::Preferred;
use crate::host::load::Loader;
use crate::host::{list, load};
use crate::{config, util, utils};

/// The longest application name, as long as a path may be.
const NAME_MAX: usize = 4096;

/// What kind of file the verification callback is asked about.
const VERIFY_CONF: c_int = 1;

/// The version that the interface is that of.
const VERSION: (c_int, c_int, c_int) = (2, 1, 28);

export! {
    /// Initialises the server side. A second call only counts.
    ///
    /// # Safety
    /// `callbacks` is NULL or a list that ends with `SASL_CB_LIST_END` and stays as it is until the last done. `appname` is NULL
    /// or a string.
    pub fn sasl_server_init(callbacks: *const Callback, appname: *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        let (list, name) = unsafe { (List::new(callbacks), arg::optional_str(appname)) };
        boundary::code(server_init(list, name), OK)
    }

    /// Initialises the client side. A second call only counts.
    ///
    /// # Safety
    /// As for `sasl_server_init`.
    pub fn sasl_client_init(callbacks: *const Callback) -> c_int {
        // SAFETY: by this function's contract.
        let list = unsafe { List::new(callbacks) };
        if ldapdb::is_opening_libldap() {
            // It is begun when libldap makes a connection of it: the application may have callbacks for it until then.
            global::write(|global| global.client_owed = true);
            return OK;
        }
        client_init(list)
    }

    /// Undoes one `sasl_server_init`. The connections of the server must have been disposed of.
    pub fn sasl_server_done() -> c_int {
        let _turn = global::turn();
        server_done()
    }

    /// Undoes one `sasl_client_init`. The connections of the client must have been disposed of.
    pub fn sasl_client_done() -> c_int {
        let _turn = global::turn();
        client_done()
    }

    /// Undoes one init of each side.
    pub fn sasl_done() -> () {
        let _turn = global::turn();
        server_done();
        client_done();
    }

    /// What `sasl_done` leaves to do: nothing, since the last done of a side frees what both share.
    pub fn sasl_common_done() -> () {}

    /// The maker and version of the library: `Cyrus SASL`, since programs compare it with what they were built for.
    ///
    /// # Safety
    /// Each pointer is NULL or writable. The string is static.
    pub fn sasl_version(implementation: *mut *const c_char, version: *mut c_int) -> () {
        let (major, minor, step) = VERSION;
        // SAFETY: by this function's contract.
        unsafe {
            arg::put(implementation, c"Cyrus SASL".as_ptr());
            arg::put(version, (major << 24) | (minor << 16) | step);
        }
    }

    /// The maker and version of the library, in parts.
    ///
    /// # Safety
    /// Each pointer is NULL or writable. The strings are static.
    pub fn sasl_version_info(
        implementation: *mut *const c_char,
        version: *mut *const c_char,
        major: *mut c_int,
        minor: *mut c_int,
        step: *mut c_int,
        patch: *mut c_int,
    ) -> () {
        // SAFETY: by this function's contract.
        unsafe {
            arg::put(implementation, c"Cyrus SASL".as_ptr());
            arg::put(version, c"2.1.28".as_ptr());
            arg::put(major, VERSION.0);
            arg::put(minor, VERSION.1);
            arg::put(step, VERSION.2);
            arg::put(patch, 0);
        }
    }

    /// Sets the allocator for memory that C may free. Only the first call counts, and only before any init.
    pub fn sasl_set_alloc(
        malloc: Option<Malloc>,
        calloc: Option<Calloc>,
        realloc: Option<Realloc>,
        free: Option<Free>,
    ) -> () {
        if let (Some(malloc), Some(calloc), Some(realloc), Some(free)) = (malloc, calloc, realloc, free) {
            hooks::set_allocator(Allocator { malloc, calloc, realloc, free });
        }
    }

    /// Sets the mutexes that plugins are given. The library's own locks need none.
    pub fn sasl_set_mutex(
        alloc: Option<unsafe extern "C" fn() -> *mut std::ffi::c_void>,
        lock: Option<unsafe extern "C" fn(*mut std::ffi::c_void) -> c_int>,
        unlock: Option<unsafe extern "C" fn(*mut std::ffi::c_void) -> c_int>,
        free: Option<unsafe extern "C" fn(*mut std::ffi::c_void)>,
    ) -> () {
        if ldapdb::is_opening_libldap() {
            return;
        }
        if let (Some(alloc), Some(lock), Some(unlock), Some(free)) = (alloc, lock, unlock, free) {
            hooks::set_mutexes(Mutexes { alloc, lock, unlock, free });
        }
    }

    /// Sets the search path for plugins (0) or configuration files (1).
    ///
    /// # Safety
    /// `path` is NULL or a string.
    pub fn sasl_set_path(path_type: c_int, path: *mut c_char) -> c_int {
        // SAFETY: by this function's contract.
        let Some(path) = (unsafe { arg::optional_str(path) }) else { return Code::Fail.number() };
        global::write(|global| {
            let place = match path_type {
                0 => &mut global.plugin_path,
                1 => &mut global.config_path,
                _ => return Code::Fail.number(),
            };
            *place = Some(path);
            OK
        })
    }
}

fn client_init(list: List) -> c_int {
    let _turn = global::turn();
    hooks::lock_allocator();
    if matches!(list.find(cb::GETPATH), Some((None, _))) {
        return Code::BadParam.number();
    }
    let again = global::write(|global| global.client.as_mut().map(|side| side.count += 1).is_some());
    if !again {
        let path = match plugin_path(list) {
            Ok(path) => path,
            Err(error) => return error.code().number(),
        };
        let options = SideOptions { callbacks: CallbackOptions(list) };
        let mut engine = Client::new().options(options).log(Syslog).canonicalizer(Client::new().ldapdb());
        for canon in global::read(|global| global.canon_users.clone()) {
            engine = engine.canonicalizer(canon);
        }
        let engine = Arc::new(engine);
        utils::publish();
        global::write(|global| {
            global.touched = true;
            global.client = Some(Side { count: 1, callbacks: list, engine });
        });
        load_plugins(list, |loader| loader.client(&path));
    }
    OK
}

/// Begins the client side where libldap has asked for it in vain.
pub fn settle_client() {
    if global::read(|global| global.client_owed && global.client.is_none()) {
        client_init(List::NONE);
    }
}

fn server_init(list: List, name: Option<String>) -> Result<()> {
    let _turn = global::turn();
    hooks::lock_allocator();
    if global::write(|global| global.server.as_mut().map(|side| side.count += 1).is_some()) {
        return Ok(());
    }
    if name.as_ref().is_some_and(|name| name.len() >= NAME_MAX) {
        return Err(Error::param("the application's name is too long"));
    }
    if list.iter().any(|entry| entry.proc.is_none()) {
        return Err(Error::fail("a callback has no procedure"));
    }
    let config = match &name {
        Some(name) => load_config(list, name).inspect_err(|error| {
            tell(list, Level::Err, &error.to_string());
        })?,
        None => None,
    };
    let (path, listed) = plugins(list, config.as_ref())?;
    let named = name.is_some();
    let options = SideOptions { callbacks: CallbackOptions(list) };
    let mut engine = Server::new(name.unwrap_or_default()).options(options).log(Syslog);
    for store in global::write(|global| std::mem::take(&mut global.early_stores)) {
        engine = engine.store(store);
    }
    engine = engine.store(Sasldb::new()).databases();
    for canon in global::read(|global| global.canon_users.clone()) {
        engine = engine.canonicalizer(canon);
    }
    let engine = Arc::new(engine);
    utils::publish();
    global::write(|global| {
        global.touched = true;
        if named {
            global.config = config.map(Arc::new);
        }
        global.server = Some(Side { count: 1, callbacks: list, engine: Arc::clone(&engine) });
    });
    // Only now are the options those of the file.
    engine.prepare();
    load_plugins(list, |loader| match (&path, &listed) {
        (_, Some(entries)) => list::load(entries, loader).unwrap_or_default(),
        (Some(path), None) => loader.server(path),
        (None, None) => {}
    });
    Ok(())
}

/// Where plugins are: as the application's callback says, else `sasl_set_path`, else the environment.
fn plugin_path(list: List) -> Result<SearchPath> {
    let given = match list.find(cb::GETPATH) {
        Some(found) => calls::path(found)?,
        None => global::read(|global| global.plugin_path.clone()),
    };
    SearchPath::choose(given)
}

/// Where a server's plugins are, or which ones its list names. Whatever is wrong with either ends the init, before anything
/// is changed.
fn plugins(callbacks: List, config: Option<&ConfigFile>) -> Result<(Option<SearchPath>, Option<Vec<list::Entry>>)> {
    let own = CallbackOptions(callbacks);
    let kept = global::read(|global| global.config.clone());
    let config = config.or(kept.as_deref());
    let options = Layered { first: Some(&own), then: &config };
    let Some(file) = options.get(None, "plugin_list") else { return Ok((Some(plugin_path(callbacks)?), None)) };
    let journal = Journal::new(callbacks, &options);
    let entries = list::read(&file, callbacks, &journal);
    entries.inspect_err(|error| journal.write(Level::Err, error.detail())).map(|entries| (None, Some(entries)))
}

/// Loads the plugins of a side that is initialised.
fn load_plugins(callbacks: List, load: impl FnOnce(&Loader<'_>)) {
    let options = SideOptions { callbacks: CallbackOptions(callbacks) };
    let (preferred, journal) = (Preferred::of(&options), Journal::new(callbacks, &options));
    load(&Loader { callbacks, preferred: &preferred, journal: &journal });
}

/// Finds and reads `<name>.conf`, and says what in it looks wrong.
fn load_config(list: List, name: &str) -> Result<Option<ConfigFile>> {
    let set = global::read(|global| global.config_path.clone());
    let path = match list.find(cb::GETCONFPATH) {
        Some(found) => calls::path(found)?,
        None => set,
    };
    let path = path.unwrap_or_else(search_path);
    if path.len() >= NAME_MAX || path.split(':').any(|dir| dir.len() + name.len() + "/.conf".len() >= NAME_MAX) {
        return Err(Error::fail("the search path for the configuration file is too long"));
    }
    let verify = list.find(cb::VERIFYFILE);
    let file = ConfigFile::find(&path, name, |candidate: &Path| {
        let Some(found) = verify else { return Verdict::Use };
        match calls::verify_file(found, &candidate.to_string_lossy(), VERIFY_CONF) {
            OK => Verdict::Use,
            crate::abi::CONTINUE => Verdict::Skip,
            other => Verdict::Refuse(Code::from_number(other)),
        }
    })?;
    // Whoever wants no log at all is spared the warnings too.
    if let Some(file) = file.as_ref().filter(|file| file.get(None, "log_level").is_none_or(|level| level != "0")) {
        file.lint().iter().for_each(|warning| tell(list, Level::Warn, &warning.to_string()));
    }
    Ok(file)
}

/// Writes a line to the log of an application that is being initialised, else to the system's.
fn tell(list: List, level: Level, line: &str) {
    match calls::CallbackLog::find(list, List::NONE) {
        Some(log) => log.write(level as c_int, line),
        None => syslog::write(level, line),
    }
}

fn server_done() -> c_int {
    let (status, gone) = global::write(|global| {
        let alive = global.client.is_some();
        finish(&mut global.server, global.touched, alive)
    });
    // Plugins go with it, which may ask for options: not while the state is locked.
    drop(gone);
    if status == OK {
        config::forget();
        forget_shared();
    }
    status
}

fn client_done() -> c_int {
    let (status, gone) = global::write(|global| {
        let alive = global.server.is_some();
        finish(&mut global.client, global.touched, alive)
    });
    drop(gone);
    if status == OK {
        forget_shared();
    }
    status
}

/// Counts one done; the side itself when it was the last.
fn finish<T>(side: &mut Option<Side<T>>, touched: bool, other_alive: bool) -> (c_int, Option<Side<T>>) {
    match side {
        None if touched && other_alive => (STILL_IN_USE, None),
        None => (Code::NotInit.number(), None),
        Some(initialised) => {
            initialised.count = initialised.count.saturating_sub(1);
            if initialised.count > 0 { (STILL_IN_USE, None) } else { (OK, side.take()) }
        }
    }
}

/// Forgets what both sides share, once neither is there.
fn forget_shared() {
    let (last, gone) = global::write(|global| {
        let last = global.server.is_none() && global.client.is_none();
        if !last {
            return (false, Vec::new());
        }
        global.plugin_path = None;
        global.config_path = None;
        global.touched = false;
        (true, std::mem::take(&mut global.canon_users))
    });
    // The newest first.
    gone.into_iter().rev().for_each(drop);
    if last {
        load::forget();
        utils::withdraw();
        util::forget_list();
    }
}
