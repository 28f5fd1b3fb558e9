//! Opening plugins' files when a side is initialised, and closing them after the last done.
//!
//! All are opened at once and not when first needed: programs give up their rights, or confine themselves to a directory
//! without plugins, between the init and the first connection.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_int};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oxisasl::log::Level;
use oxisasl::{Error, Result};
use oxisasl_capi_common::callbacks::List;

use super::add::Plugin;
use super::find::{Candidate, SearchPath};
use super::journal::Journal;
use super::known::Preferred;
use super::object::Object;
use super::plug::{AuxpropPlug, CanonPlug, ClientPlug, MechanismInit, NamedInit, ServerPlug};
use crate::abi::{OK, cb};
use crate::{calls, utils};

/// What kind of file the verification callback is asked about.
const VERIFY_PLUGIN: c_int = 0;

const SERVER_ENTRY: &CStr = c"sasl_server_plug_init";
const CLIENT_ENTRY: &CStr = c"sasl_client_plug_init";
const AUXPROP_ENTRY: &CStr = c"sasl_auxprop_plug_init";
const CANON_ENTRY: &CStr = c"sasl_canonuser_init";

/// What was done since the first init.
#[derive(Default)]
struct State {
    /// The files that were opened, by what they really are, or why they cannot be.
    opened: Vec<(PathBuf, Result<Arc<Object>, String>)>,
    /// What was complained about: what both sides find is said once.
    complaints: BTreeSet<String>,
}

static STATE: Mutex<State> = Mutex::new(State { opened: Vec::new(), complaints: BTreeSet::new() });

/// A side that is initialised, whose plugins are loaded.
pub struct Loader<'a> {
    pub callbacks: List,
    pub journal: &'a Journal<'a>,
    pub preferred: &'a Preferred<'a>,
}

impl<'a> Loader<'a> {
    /// Loads the plugins of a server: mechanisms, stores and canonicalisers.
    pub fn server(&self, path: &SearchPath) {
        self.each(path, |plugin, object| {
            // SAFETY: the names of the entry points say what they are.
            let (server, auxprop, canon) = unsafe {
                (
                    object.function::<MechanismInit<ServerPlug>>(SERVER_ENTRY),
                    object.function::<NamedInit<AuxpropPlug>>(AUXPROP_ENTRY),
                    object.function::<NamedInit<CanonPlug>>(CANON_ENTRY),
                )
            };
            // SAFETY: what a plugin describes is part of it, so it stays as it is while the object is open.
            unsafe {
                [
                    server.map(|init| plugin.server(init)),
                    auxprop.map(|init| plugin.auxprop(init)),
                    canon.map(|init| plugin.canon_user(init, utils::for_server())),
                ]
            }
        });
    }

    /// Loads the plugins of a client: mechanisms and canonicalisers.
    pub fn client(&self, path: &SearchPath) {
        self.each(path, |plugin, object| {
            // SAFETY: as for a server's.
            let (client, canon) = unsafe {
                (
                    object.function::<MechanismInit<ClientPlug>>(CLIENT_ENTRY),
                    object.function::<NamedInit<CanonPlug>>(CANON_ENTRY),
                )
            };
            // SAFETY: as for a server's.
            unsafe {
                [
                    client.map(|init| plugin.client(init)),
                    canon.map(|init| plugin.canon_user(init, utils::for_client())),
                    None,
                ]
            }
        });
    }

    /// Opens one file for its mechanisms of a server.
    ///
    /// # Errors
    /// Why there are none.
    pub fn server_file(
        &self,
        candidate: &Candidate,
        add: impl FnOnce(&Plugin<'_>, MechanismInit<ServerPlug>) -> Result<()>,
    ) -> Result<()> {
        self.verified(&candidate.path).map_err(Error::fail)?;
        let object = open(&candidate.path).map_err(Error::fail)?;
        // SAFETY: the name of the entry point says what it is.
        let init = unsafe { object.function::<MechanismInit<ServerPlug>>(SERVER_ENTRY) };
        let init = init.ok_or_else(|| Error::fail("it has no sasl_server_plug_init"))?;
        add(&self.plugin(candidate, &object), init)
    }

    fn plugin(&self, candidate: &Candidate, object: &Arc<Object>) -> Plugin<'a> {
        Plugin {
            name: candidate.name.clone(),
            file: Some(candidate.path.clone()),
            object: Some(Arc::clone(object)),
            preferred: self.preferred,
            journal: self.journal,
        }
    }

    /// Opens each file of a path that may be of use, and has it added.
    fn each(&self, path: &SearchPath, add: impl Fn(&Plugin<'_>, &Object) -> [Option<Result<()>>; 3]) {
        let mut seen = BTreeSet::new();
        for candidate in path.candidates(self.journal) {
            let file = candidate.path.display();
            let passed_over = |why: &str| self.journal.write(Level::Debug, &format!("{file} is not opened: {why}"));
            if let Some(why) = self.preferred.needless(&candidate.name) {
                passed_over(&why);
                continue;
            }
            if let Err(why) = self.verified(&candidate.path) {
                passed_over(&why);
                continue;
            }
            if !seen.insert(real(&candidate.path)) {
                passed_over("it is a file that was opened under another name");
                continue;
            }
            let complain = |why: &str| self.complain(format!("unable to load {file}: {why}"));
            let object = match open(&candidate.path) {
                Ok(object) => object,
                Err(why) => {
                    complain(&why);
                    continue;
                }
            };
            if [SERVER_ENTRY, CLIENT_ENTRY, AUXPROP_ENTRY, CANON_ENTRY].iter().all(|entry| !object.has(entry)) {
                complain("it has none of the functions that a plugin begins with");
                give_up(&candidate.path, object);
                continue;
            }
            let plugin = self.plugin(&candidate, &object);
            for error in add(&plugin, &object).into_iter().flatten().filter_map(Result::err) {
                complain(error.detail());
            }
        }
    }

    fn complain(&self, line: String) {
        if state().complaints.insert(line.clone()) {
            self.journal.write(Level::Err, &line);
        }
    }

    /// Asks the application whether a file may be opened; if not, why.
    fn verified(&self, path: &Path) -> Result<(), String> {
        let Some(found) = self.callbacks.find(cb::VERIFYFILE) else { return Ok(()) };
        match calls::verify_file(found, &path.to_string_lossy(), VERIFY_PLUGIN) {
            OK => Ok(()),
            status => Err(format!("the application's verdict is {status}")),
        }
    }
}

/// What a path leads to.
fn real(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Opens a file, once for both sides.
fn open(path: &Path) -> Result<Arc<Object>, String> {
    let key = real(path);
    if let Some((_, known)) = state().opened.iter().find(|(known, _)| *known == key) {
        return known.clone();
    }
    // The state is not locked: what is loaded may use the library.
    let object = Object::open(path).map(Arc::new);
    state().opened.push((key, object.clone()));
    object
}

/// Closes a file that is of no use.
fn give_up(path: &Path, object: Arc<Object>) {
    let key = real(path);
    state().opened.retain(|(known, _)| *known != key);
    drop(object);
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go of all files, after the last done. Those of which something is in use stay open until it is not.
pub fn forget() {
    let gone = std::mem::take(&mut *state());
    drop(gone);
}
