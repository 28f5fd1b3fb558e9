//! A client's mechanism of a plugin.

use std::borrow::Cow;
use std::ffi::{c_uint, c_ulong};
use std::ptr::{null, null_mut};
use std::sync::Arc;

use oxisasl::ctx::ClientCx;
use oxisasl::mech::{ClientMech, ClientStep, Facts, MechInfo, Mechanism, NAME_AND_PASSWORD};
use oxisasl::policy::{Features, Refusal, SecurityFlags};
use oxisasl::prompt::PromptKind;
use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::hooks;

use super::context::{Context, Owner};
use super::object::Object;
use super::plug::{ClientPlug, Data};
use super::server::strong_enough;
use super::{hash_bits, layer, lie, mechanism_name, taken};
use crate::abi::{CONTINUE, Interact, OK};
use crate::conn::{Conn, hooks_of, prompt_kind};
use crate::utils;

/// A mechanism of a plugin, from its registration until the last connection that may use it has gone.
pub struct Registered {
    plug: *const ClientPlug,
    pub info: MechInfo,
    /// Callbacks that it needs and the engine knows nothing of.
    needs: Vec<c_ulong>,
    /// The plugin's code, for after the last call of it.
    _object: Option<Arc<Object>>,
}

// SAFETY: as for a server's.
unsafe impl Send for Registered {}
// SAFETY: as for `Send`.
unsafe impl Sync for Registered {}

impl Registered {
    /// The mechanism that a plugin describes.
    ///
    /// # Safety
    /// `plug` points to a structure that stays as it is while the object is open, without one for good; its list of callbacks ends with 0.
    ///
    /// # Errors
    /// When the structure is not complete.
    pub unsafe fn new(plug: *const ClientPlug, file: &str, object: Option<Arc<Object>>) -> Result<Arc<Self>> {
        // SAFETY: by this function's contract.
        let (raw, name) = unsafe { (&*plug, mechanism_name((*plug).mech_name)) };
        let name = name.ok_or_else(|| lie(file, "has a mechanism without a proper name"))?;
        if raw.mech_step.is_none() {
            return Err(lie(file, &format!("has no mech_step for {name}")));
        }
        // SAFETY: by this function's contract.
        let (prompts, needs) = unsafe { required(raw.required_prompts) };
        let info = MechInfo {
            name: name.into(),
            plugin: file.to_owned().into(),
            max_ssf: raw.max_ssf,
            security: SecurityFlags::from_bits(raw.security_flags & 0xffff),
            hash_bits: hash_bits(raw.security_flags),
            server: None,
            client: Some(Features::from_bits(raw.features)),
            prompts,
        };
        Ok(Arc::new(Registered { plug, info, needs, _object: object }))
    }

    /// The plugin's own structure.
    pub fn plug(&self) -> &ClientPlug {
        // SAFETY: by the contract of `new`.
        unsafe { &*self.plug }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let plug = self.plug();
        if let Some(free) = plug.mech_free {
            // SAFETY: nothing of the mechanism is in use any more, and this happens once.
            unsafe { free(plug.glob_context, utils::for_client()) };
        }
    }
}

/// The questions and the other callbacks that a mechanism cannot do without.
///
/// # Safety
/// `list` is NULL, or its last number is 0.
unsafe fn required(list: *const c_ulong) -> (Cow<'static, [PromptKind]>, Vec<c_ulong>) {
    if list.is_null() {
        return (NAME_AND_PASSWORD, Vec::new());
    }
    let (mut prompts, mut others) = (Vec::new(), Vec::new());
    let mut next = list;
    loop {
        // SAFETY: by this function's contract, since none before was 0.
        let id = unsafe { *next };
        if id == 0 {
            return (prompts.into(), others);
        }
        match prompt_kind(id) {
            Some(kind) => prompts.push(kind),
            None => others.push(id),
        }
        // SAFETY: a number that is not 0 is followed by one more.
        next = unsafe { next.add(1) };
    }
}

/// It, as the engine has it.
pub struct PluginClient(pub Arc<Registered>);

impl Mechanism for PluginClient {
    fn info(&self) -> &MechInfo {
        &self.0.info
    }

    fn available(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let Some(conn) = hooks_of(facts.host) else {
            return Err(Refusal::Unavailable("a plugin needs a connection of the C interface".into()));
        };
        match self.0.needs.iter().find(|id| conn.find(**id).is_none()) {
            Some(id) => Err(Refusal::Unavailable(format!("the application has no callback {id:#x}"))),
            None => Ok(()),
        }
    }

    fn client(&self) -> Option<Box<dyn oxisasl::mech::ClientMech>> {
        Some(Box::new(Exchange { plugin: Arc::clone(&self.0), context: None }))
    }
}

/// One exchange.
struct Exchange {
    plugin: Arc<Registered>,
    context: Option<Arc<Context>>,
}

impl ClientMech for Exchange {
    fn begin(&mut self, cx: &ClientCx<'_>) -> Result<()> {
        let conn = connection(cx)?;
        let host = conn.host();
        host.begin(conn);
        let plug = self.plugin.plug();
        let mut data: Data = null_mut();
        if let Some(new) = plug.mech_new {
            let params = host.client_params(conn)?;
            // SAFETY: the parameters live with the connection, and the place for the data during the call.
            let status = unsafe { new(plug.glob_context, params, &mut data) };
            if status != OK {
                return Err(conn.callback_error(status));
            }
        }
        let context = Context::new(Owner::Client(Arc::clone(&self.plugin)), data, conn);
        host.set_current(&context);
        self.context = Some(context);
        Ok(())
    }

    fn step(&mut self, cx: &ClientCx<'_>, input: Option<&[u8]>) -> Result<ClientStep> {
        let conn = connection(cx)?;
        let host = conn.host();
        let plug = self.plugin.plug();
        let (Some(context), Some(step)) = (&self.context, plug.mech_step) else {
            return Err(Error::fail("a plugin's mechanism was not begun"));
        };
        let len = c_uint::try_from(input.map_or(0, <[u8]>::len)).map_err(|_| Error::param("the input is too long"))?;
        let input = match input {
            None => null(),
            Some([]) => c"".as_ptr(),
            Some(input) => input.as_ptr().cast(),
        };
        let params = host.client_params(conn)?;
        let (mut bytes, mut bytes_len) = (null(), 0);
        let out = host.out();
        host.asking.set(false);
        // Plugins write their questions without looking whether there is a place for them.
        let mut nowhere: *mut Interact = null_mut();
        let asked = conn.prompt_place.get();
        let place = if asked.is_null() { &raw mut nowhere } else { asked };
        // SAFETY: input and places live during the call, data and parameters longer.
        let status = unsafe { step(context.data(), params, input, len, place, &mut bytes, &mut bytes_len, out) };
        if !nowhere.is_null() {
            // SAFETY: the plugin made the array with the application's allocator, and nobody else was given it.
            unsafe { (hooks::allocator().free)(nowhere.cast()) };
        }
        if status == Code::Interact.number() {
            host.asking.set(true);
            return Err(Error::from(Code::Interact));
        }
        if status != OK && status != CONTINUE {
            return Err(conn.callback_error(status));
        }
        // SAFETY: the plugin answered with an output of this length, which stays until its next step.
        let response = unsafe { taken(&self.plugin.info.name, bytes, bytes_len)? };
        if status == CONTINUE {
            return Ok(ClientStep::Continue(response));
        }
        // SAFETY: the mechanism has filled in what it found out.
        let layer = unsafe { layer::agreed(context, conn, out, cx.security().max_buf)? };
        strong_enough(context.name(), layer.as_deref(), cx.security().min_ssf.saturating_sub(cx.external_ssf()))?;
        Ok(ClientStep::Done { response, layer })
    }
}

fn connection<'a>(cx: &'a ClientCx<'_>) -> Result<&'a Conn> {
    hooks_of(cx.host()).ok_or_else(|| Error::fail("a plugin needs a connection of the C interface"))
}
