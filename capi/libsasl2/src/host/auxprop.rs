//! A property store of a plugin.

use std::ffi::c_uint;
use std::ptr::{null, null_mut};
use std::sync::Arc;

use oxisasl::props::Props;
use oxisasl::store::{AuxProp, Change, Form, LookupFlags, StoreCx};
use oxisasl::{Code, Error, Result};

use super::lie;
use super::object::Object;
use super::plug::AuxpropPlug;
use crate::abi::OK;
use crate::calls::with_nul;
use crate::conn::{Conn, hooks_of};
use crate::propctx::PropCtx;
use crate::utils;

/// A store, from its registration until the last connection that may use it has gone.
pub struct PluginStore {
    plug: *const AuxpropPlug,
    name: String,
    /// The plugin's code, for after the last call of it.
    _object: Option<Arc<Object>>,
}

// SAFETY: the structure is the plugin's, which keeps it as it is while it is registered; its functions may be called by any
// thread.
unsafe impl Send for PluginStore {}
// SAFETY: as for `Send`.
unsafe impl Sync for PluginStore {}

impl PluginStore {
    /// The store that a plugin describes.
    ///
    /// # Safety
    /// `plug` points to a structure that stays as it is while the object is open; without one for good.
    pub unsafe fn new(plug: *const AuxpropPlug, name: String, object: Option<Arc<Object>>) -> Self {
        PluginStore { plug, name, _object: object }
    }

    /// The plugin's own structure.
    pub fn plug(&self) -> &AuxpropPlug {
        // SAFETY: by the contract of `new`.
        unsafe { &*self.plug }
    }

    fn judged(&self, conn: &Conn, status: i32) -> Result<()> {
        if status == OK { Ok(()) } else { Err(conn.callback_error(status)) }
    }
}

impl Drop for PluginStore {
    fn drop(&mut self) {
        let plug = self.plug();
        if let Some(free) = plug.auxprop_free {
            // SAFETY: the store is not in use any more, and this happens once.
            unsafe { free(plug.glob_context, utils::for_server()) };
        }
    }
}

impl AuxProp for PluginStore {
    fn name(&self) -> &str {
        &self.name
    }

    /// The values go straight into the connection's properties, which the plugin is shown.
    /// Whoever else reads what a plugin keeps may know no other form.
    fn form(&self, _: &StoreCx<'_>) -> Form {
        Form::Plaintext
    }

    fn lookup(&self, cx: &StoreCx<'_>, user: &[u8], flags: LookupFlags, _: &Props) -> Result<()> {
        let conn = hooks_of(cx.host).ok_or_else(|| lie(&self.name, "can only be asked for a connection"))?;
        let plug = self.plug();
        let lookup = plug.auxprop_lookup.ok_or_else(|| lie(&self.name, "has no auxprop_lookup"))?;
        let params = conn.host().server_params(conn)?;
        let len = length(user)?;
        let status = with_nul(user, |user| {
            // SAFETY: the name lives during the call, and the parameters with the connection.
            unsafe { lookup(plug.glob_context, params, flags.bits(), user, len) }
        });
        self.judged(conn, status)
    }

    /// A store without a function for it takes part in nothing, which is no failure.
    fn can_store(&self, _: &StoreCx<'_>) -> Result<()> {
        let plug = self.plug();
        let Some(store) = plug.auxprop_store else { return Ok(()) };
        // SAFETY: NULL in the place of everything is how this is asked.
        match unsafe { store(plug.glob_context, null_mut(), null_mut(), null(), 0) } {
            OK => Ok(()),
            status => Err(Error::from(Code::from_number(status))),
        }
    }

    fn store(&self, cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let plug = self.plug();
        let Some(store) = plug.auxprop_store else { return Ok(()) };
        let conn = hooks_of(cx.host).ok_or_else(|| lie(&self.name, "can only be asked for a connection"))?;
        let params = conn.host().server_params(conn)?;
        let len = length(user)?;
        let ctx = PropCtx::new();
        ctx.request(&changes.iter().map(|change| change.name).collect::<Vec<_>>());
        for change in changes {
            // What is to be removed has an empty list: plugins look into it without looking whether it is there.
            ctx.props().add_none(change.name)?;
            for value in change.values {
                ctx.props().add(change.name, value.clone())?;
            }
        }
        ctx.update();
        let status = with_nul(user, |user| {
            // SAFETY: name and properties live during the call, and the parameters with the connection.
            unsafe { store(plug.glob_context, params, (&raw const ctx).cast_mut(), user, len) }
        });
        self.judged(conn, status)
    }
}

/// The length of a name, for C.
fn length(name: &[u8]) -> Result<c_uint> {
    c_uint::try_from(name.len()).map_err(|_| Error::param("the user's name is too long"))
}
