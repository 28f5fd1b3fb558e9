//! Taking in what a plugin's first function describes, wherever the plugin came from.

use std::any::Any;
use std::ffi::c_int;
use std::path::PathBuf;
use std::ptr::null;
use std::slice;
use std::sync::Arc;

use oxisasl::log::Level;
use oxisasl::registry::{MechanismRef, Registry};
use oxisasl::store::AuxProp;
use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::arg;

use super::journal::Journal;
use super::known::Preferred;
use super::object::Object;
use super::plug::{
    AUXPROP_VERSION, AuxpropPlug, CANON_VERSION, CanonPlug, ClientPlug, MECHANISM_VERSION, MechanismInit, NamedInit,
    ServerPlug,
};
use super::{auxprop, canonuser, client, lie, list, server};
use crate::abi::{CONTINUE, NOUSER, OK};
use crate::calls::c_string;
use crate::global;
use crate::utils::{self, Utils};

/// What the first function of a server's plugin may answer: that its mechanisms are there, or are but for users, or later.
const ACCEPTED: [c_int; 3] = [OK, CONTINUE, NOUSER];

const BUILT_IN: &str = "it is built in";
const TAKEN: &str = "another plugin has it already";

/// More mechanisms than this no plugin has.
const MOST_MECHANISMS: usize = 256;

/// A plugin that is being added.
pub struct Plugin<'a> {
    /// Its name, which the application gave it, or its file.
    pub name: String,
    /// The file that it came from, if it did.
    pub file: Option<PathBuf>,
    /// Its code, where that was loaded for it. It stays while anything of the plugin is in use.
    pub object: Option<Arc<Object>>,
    pub preferred: &'a Preferred<'a>,
    pub journal: &'a Journal<'a>,
}

impl Plugin<'_> {
    /// Adds the mechanisms of a server.
    ///
    /// # Safety
    /// `init` is a plugin's first function, and what it describes stays as it is while the object is open; without an object for
    /// good.
    ///
    /// # Errors
    /// Why there is none.
    pub unsafe fn server(&self, init: MechanismInit<ServerPlug>) -> Result<()> {
        global::server()?;
        // SAFETY: by this function's contract.
        let (plugs, condition) = unsafe { self.mechanisms(init, utils::for_server(), &ACCEPTED)? };
        for plug in plugs {
            // SAFETY: the plugin has described it, and keeps it as it is.
            match unsafe { server::Registered::new(plug, &self.name, condition, self.object.clone()) } {
                Ok(added) => self.place_server(added)?,
                Err(error) => self.complain(&error),
            }
        }
        Ok(())
    }

    /// Adds the one mechanism of a server that `plugin_list` names.
    ///
    /// # Safety
    /// As for [`server`](Self::server).
    ///
    /// # Errors
    /// Why not.
    pub unsafe fn listed(&self, init: MechanismInit<ServerPlug>, entry: &list::Entry) -> Result<()> {
        // SAFETY: by this function's contract.
        let (plugs, condition) = unsafe { self.mechanisms(init, utils::for_server(), &ACCEPTED)? };
        // SAFETY: the plugin has described them, and a name is NULL or a string.
        let is_meant = |plug: &&*const ServerPlug| unsafe {
            arg::optional_str((*(**plug)).mech_name).is_some_and(|name| name.eq_ignore_ascii_case(&entry.mechanism))
        };
        let plug = *plugs.iter().find(is_meant).ok_or_else(|| lie(&self.name, "has no such mechanism"))?;
        // SAFETY: as above.
        let added = unsafe {
            entry.check((*plug).max_ssf, (*plug).security_flags)?;
            server::Registered::new(plug, &self.name, condition, self.object.clone())?
        };
        self.place_server(added)
    }

    /// Adds the mechanisms of a client.
    ///
    /// # Safety
    /// As for [`server`](Self::server).
    ///
    /// # Errors
    /// Why there is none.
    pub unsafe fn client(&self, init: MechanismInit<ClientPlug>) -> Result<()> {
        global::client()?;
        // SAFETY: by this function's contract.
        let (plugs, _) = unsafe { self.mechanisms(init, utils::for_client(), &[OK])? };
        for plug in plugs {
            // SAFETY: as for a server's.
            match unsafe { client::Registered::new(plug, &self.name, self.object.clone()) } {
                Ok(added) => self.place_client(added)?,
                Err(error) => self.complain(&error),
            }
        }
        Ok(())
    }

    /// Adds a store.
    ///
    /// # Safety
    /// As for [`server`](Self::server).
    ///
    /// # Errors
    /// Why there is none.
    pub unsafe fn auxprop(&self, init: NamedInit<AuxpropPlug>) -> Result<()> {
        // SAFETY: by this function's contract.
        let (plug, version) = unsafe { self.described(init, AUXPROP_VERSION, utils::for_server())? };
        if version < AUXPROP_VERSION {
            return Err(self.wrong_version(version, AUXPROP_VERSION));
        }
        // SAFETY: the plugin has described it, and keeps it as it is; its name is NULL or a string.
        let (own_name, has_lookup) = unsafe { (arg::optional_str((*plug).name), (*plug).auxprop_lookup.is_some()) };
        if !has_lookup {
            return Err(lie(&self.name, "has no auxprop_lookup").with_code(Code::BadProt));
        }
        let name = own_name.unwrap_or_else(|| self.name.clone());
        // SAFETY: as above.
        let store = unsafe { auxprop::PluginStore::new(plug, name, self.object.clone()) };
        if self.object.is_none() {
            return global::add_store(store);
        }
        self.place_store(store)
    }

    /// Adds a canonicaliser, unless it is there already: both sides load it.
    ///
    /// # Safety
    /// As for [`server`](Self::server); `utils` is the table of the side.
    ///
    /// # Errors
    /// Why there is none.
    pub unsafe fn canon_user(&self, init: NamedInit<CanonPlug>, utils: *const Utils) -> Result<()> {
        let is_there = |known: &canonuser::PluginCanon| known.is_of(&self.name);
        if self.object.is_some() && global::read(|global| global.canon_users.iter().any(is_there)) {
            return Ok(());
        }
        // SAFETY: by this function's contract.
        let (plug, _) = unsafe { self.described(init, CANON_VERSION, utils)? };
        // SAFETY: as for a store.
        let (own_name, empty) = unsafe {
            let empty = (*plug).canon_user_server.is_none() && (*plug).canon_user_client.is_none();
            (arg::optional_str((*plug).name), empty)
        };
        if empty {
            return Err(lie(&self.name, "has neither function of a canonicaliser").with_code(Code::BadProt));
        }
        // SAFETY: as for a store.
        let added = unsafe { canonuser::Registered::new(plug, self.name.clone(), own_name, self.object.clone()) };
        global::add_canonicalizer(&canonuser::PluginCanon(added));
        Ok(())
    }

    /// Says what is wrong with the plugin, for which there is no connection's log.
    pub fn complain(&self, error: &Error) {
        let line = match &self.file {
            Some(file) => format!("{}: {}", file.display(), error.detail()),
            None => error.detail().to_owned(),
        };
        self.journal.write(Level::Err, &line);
    }

    fn place_server(&self, added: Arc<server::Registered>) -> Result<()> {
        if self.has_room(global::server()?.0.registry(), &added.info.name) {
            let mechanism = Arc::new(server::PluginServer(added));
            global::change_server(|side| {
                let registry = side.registry().replacing(mechanism.clone());
                side.mechanisms(registry)
            })?;
        }
        Ok(())
    }

    fn place_client(&self, added: Arc<client::Registered>) -> Result<()> {
        if self.has_room(global::client()?.0.registry(), &added.info.name) {
            let mechanism = Arc::new(client::PluginClient(added));
            global::change_client(|side| {
                let registry = side.registry().replacing(mechanism.clone());
                side.mechanisms(registry)
            })?;
        }
        Ok(())
    }

    /// Whether a mechanism of this name can be added: what is there already stays, but for a built-in one in whose place
    /// a plugin is preferred.
    fn has_room(&self, registry: &Registry, name: &str) -> bool {
        match registry.get(name) {
            None => true,
            Some(MechanismRef::Builtin(_)) => self.preferred.has(name) || self.leave_out(name, BUILT_IN),
            Some(MechanismRef::Added(_)) => self.leave_out(name, TAKEN),
        }
    }

    /// Says why something of the plugin is not used; it never is.
    fn leave_out(&self, name: &str, why: &str) -> bool {
        let whose = self.file.as_ref().map_or_else(|| self.name.clone(), |file| file.display().to_string());
        self.journal.write(Level::Debug, &format!("{name} of the plugin {whose} is not used: {why}"));
        false
    }

    /// Adds the store of a file. What is there already stays, but for a built-in one in whose place a plugin is preferred.
    fn place_store(&self, store: auxprop::PluginStore) -> Result<()> {
        let name = store.name().to_owned();
        let same = |known: &dyn AuxProp| known.name().eq_ignore_ascii_case(&name);
        let there = global::server()?.0.stores().iter().find(|known| same(known.as_ref())).cloned();
        let has_room = there.is_none_or(|known| match (&*known as &dyn Any).is::<auxprop::PluginStore>() {
            true => self.leave_out(&name, TAKEN),
            false => self.preferred.has(&name) || self.leave_out(&name, BUILT_IN),
        });
        if has_room {
            global::change_server(|side| side.stores_where(|known| !same(known)).store(store))?;
        }
        Ok(())
    }

    /// Asks a plugin for its mechanisms, and what it says of them.
    ///
    /// # Safety
    /// `init` is a plugin's first function.
    unsafe fn mechanisms<P>(
        &self,
        init: MechanismInit<P>,
        utils: *const Utils,
        accepted: &[c_int],
    ) -> Result<(Vec<*const P>, c_int)> {
        let (mut version, mut list, mut count) = (0, null(), 0);
        // SAFETY: by this function's contract; the places live during the call, and the table for good.
        let condition = unsafe { init(utils, MECHANISM_VERSION, &mut version, &mut list, &mut count) };
        if !accepted.contains(&condition) {
            return Err(self.declined(condition));
        }
        if version != MECHANISM_VERSION {
            return Err(self.wrong_version(version, MECHANISM_VERSION));
        }
        let count = usize::try_from(count).ok().filter(|count| *count <= MOST_MECHANISMS);
        match (list.is_null(), count) {
            (_, Some(0)) => Ok((Vec::new(), condition)),
            (false, Some(count)) => {
                // SAFETY: the plugin says that there is an array of so many.
                let plugs = unsafe { slice::from_raw_parts(list, count) };
                Ok((plugs.iter().map(std::ptr::from_ref).collect(), condition))
            }
            _ => Err(lie(&self.name, "describes an array of mechanisms that cannot be")),
        }
    }

    /// Asks a plugin for the one thing that it adds, and its version.
    ///
    /// # Safety
    /// `init` is a plugin's first function.
    unsafe fn described<P>(&self, init: NamedInit<P>, most: c_int, utils: *const Utils) -> Result<(*const P, c_int)> {
        let (mut version, mut plug) = (0, null());
        let c_name = c_string(self.name.as_bytes());
        // SAFETY: by this function's contract; the places live during the call, and the table for good.
        let status = unsafe { init(utils, most, &mut version, &mut plug, c_name.as_ptr()) };
        if status != OK {
            return Err(self.declined(status));
        }
        if plug.is_null() {
            return Err(lie(&self.name, "describes nothing").with_code(Code::BadProt));
        }
        Ok((plug, version))
    }

    fn declined(&self, status: c_int) -> Error {
        let code = Code::from_number(status);
        let why = match code {
            Code::Foreign(number) => format!("its first function answers {number}"),
            code => code.text().to_owned(),
        };
        Error::new(code, format!("the plugin {} does not start: {why}", self.name))
    }

    fn wrong_version(&self, version: c_int, wanted: c_int) -> Error {
        Error::new(Code::BadVers, format!("the plugin {} has version {version}, and {wanted} is wanted", self.name))
    }
}
