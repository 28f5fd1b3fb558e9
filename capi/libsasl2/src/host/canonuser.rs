//! A canonicaliser of a plugin.

use std::ffi::{c_uint, c_void};
use std::sync::Arc;

use oxisasl::identity::{CanonCx, CanonUser, MAX_NAME};
use oxisasl::{Code, Error, Result};

use super::lie;
use super::object::Object;
use super::plug::{CanonPlug, CanonPlugFn};
use crate::abi::OK;
use crate::conn::{Conn, hooks_of};
use crate::utils;

/// A canonicaliser, from its registration until neither side uses it any more.
pub struct Registered {
    plug: *const CanonPlug,
    /// The name under which it was added.
    file: String,
    /// The name that it gives itself.
    name: Option<String>,
    /// The plugin's code, for after the last call of it.
    _object: Option<Arc<Object>>,
}

// SAFETY: the structure is the plugin's, which keeps it as it is while it is registered; its functions may be called by any
// thread.
unsafe impl Send for Registered {}
// SAFETY: as for `Send`.
unsafe impl Sync for Registered {}

impl Registered {
    /// The canonicaliser that a plugin describes.
    ///
    /// # Safety
    /// `plug` points to a structure that stays as it is while the object is open; without one for good.
    pub unsafe fn new(
        plug: *const CanonPlug,
        file: String,
        name: Option<String>,
        object: Option<Arc<Object>>,
    ) -> Arc<Self> {
        Arc::new(Registered { plug, file, name, _object: object })
    }

    fn plug(&self) -> &CanonPlug {
        // SAFETY: by the contract of `new`.
        unsafe { &*self.plug }
    }

    fn ask<P>(
        &self,
        side: &str,
        function: Option<CanonPlugFn<P>>,
        params: impl FnOnce(&Conn) -> Result<*mut P>,
        name: &[u8],
        cx: &CanonCx<'_>,
    ) -> Result<Vec<u8>> {
        let function = function.ok_or_else(|| {
            Error::new(Code::NoMech, format!("the canon_user plugin {} has nothing for a {side}", self.file))
        })?;
        let conn = hooks_of(cx.host).ok_or_else(|| lie(&self.file, "can only be asked for a connection"))?;
        let params = params(conn)?;
        let len = c_uint::try_from(name.len()).map_err(|_| Error::param("the name is too long"))?;
        let mut text = name.to_vec();
        text.push(0);
        let mut out = vec![0u8; MAX_NAME + 1];
        let mut out_len: c_uint = 0;
        let glob: *mut c_void = self.plug().glob_context;
        // SAFETY: the buffers live during the call and are as long as they are said to be; the parameters live longer.
        let status = unsafe {
            let (text, out) = (text.as_ptr().cast(), out.as_mut_ptr().cast());
            function(glob, params, text, len, cx.flags.bits(), out, MAX_NAME as c_uint, &mut out_len)
        };
        if status != OK {
            return Err(conn.callback_error(status));
        }
        if out_len as usize > MAX_NAME {
            return Err(Error::new(
                Code::BufOver,
                format!("the canon_user plugin {} wrote past its buffer", self.file),
            ));
        }
        out.truncate(out_len as usize);
        Ok(out)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let plug = self.plug();
        if let Some(free) = plug.canon_user_free {
            // SAFETY: the canonicaliser is not in use any more, and this happens once.
            unsafe { free(plug.glob_context, utils::for_server()) };
        }
    }
}

/// It, as the engine has it.
#[derive(Clone)]
pub struct PluginCanon(pub Arc<Registered>);

impl PluginCanon {
    /// Whether it came from a plugin of this name.
    pub fn is_of(&self, plugin: &str) -> bool {
        self.0.file == plugin
    }
}

impl CanonUser for PluginCanon {
    fn name(&self) -> &str {
        &self.0.file
    }

    fn is_named(&self, name: &str) -> bool {
        self.0.file == name || self.0.name.as_deref() == Some(name)
    }

    fn server(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>> {
        self.0.ask("server", self.0.plug().canon_user_server, |conn| conn.host().server_params(conn), name, cx)
    }

    fn client(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>> {
        self.0.ask("client", self.0.plug().canon_user_client, |conn| conn.host().client_params(conn), name, cx)
    }
}
