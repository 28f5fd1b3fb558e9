//! A server's mechanism of a plugin.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::ptr::{null, null_mut};
use std::sync::Arc;

use oxisasl::chanbind::BindingFlag;
use oxisasl::ctx::ServerCx;
use oxisasl::hooks::PasswordChange;
use oxisasl::layer::SecurityLayer;
use oxisasl::mech::{Facts, MechInfo, Mechanism, Outcome, ServerMech, Step};
use oxisasl::policy::{Features, Refusal, SecurityFlags};
use oxisasl::{Code, Error, Result, Secret};

use super::context::{Context, Owner};
use super::object::Object;
use super::plug::{Data, OutParams, ServerPlug};
use super::{hash_bits, layer, lie, mechanism_name, not_ok, taken};
use crate::abi::{CONTINUE, OK};
use crate::calls::c_string;
use crate::conn::{Conn, hooks_of};
use crate::utils;

/// A mechanism of a plugin, from its registration until the last connection that may use it has gone.
pub struct Registered {
    plug: *const ServerPlug,
    pub info: MechInfo,
    /// What the plugin's first function answered: `SASL_NOUSER` when there is nobody who could use the mechanism.
    pub condition: c_int,
    /// The plugin's code, for after the last call of it.
    _object: Option<Arc<Object>>,
}

// SAFETY: the structure is the plugin's, which keeps it as it is while it is registered; its functions may be called by any
// thread.
unsafe impl Send for Registered {}
// SAFETY: as for `Send`.
unsafe impl Sync for Registered {}

impl Registered {
    /// The mechanism that a plugin describes.
    ///
    /// # Safety
    /// `plug` points to a structure that stays as it is while the object is open; without one for good.
    ///
    /// # Errors
    /// When the structure is not complete.
    pub unsafe fn new(
        plug: *const ServerPlug,
        file: &str,
        condition: c_int,
        object: Option<Arc<Object>>,
    ) -> Result<Arc<Self>> {
        // SAFETY: by this function's contract.
        let (raw, name) = unsafe { (&*plug, mechanism_name((*plug).mech_name)) };
        let name = name.ok_or_else(|| lie(file, "has a mechanism without a proper name"))?;
        if raw.mech_step.is_none() {
            return Err(lie(file, &format!("has no mech_step for {name}")));
        }
        let info = MechInfo {
            name: name.into(),
            plugin: file.to_owned().into(),
            max_ssf: raw.max_ssf,
            security: SecurityFlags::from_bits(raw.security_flags & 0xffff),
            hash_bits: hash_bits(raw.security_flags),
            server: Some(Features::from_bits(raw.features)),
            client: None,
            prompts: Cow::Borrowed(&[]),
        };
        Ok(Arc::new(Registered { plug, info, condition, _object: object }))
    }

    /// The plugin's own structure.
    pub fn plug(&self) -> &ServerPlug {
        // SAFETY: by the contract of `new`.
        unsafe { &*self.plug }
    }

    fn key(&self) -> usize {
        self.plug.addr()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let plug = self.plug();
        if let Some(free) = plug.mech_free {
            // SAFETY: nothing of the mechanism is in use any more, and this happens once.
            unsafe { free(plug.glob_context, utils::for_server()) };
        }
    }
}

/// It, as the engine has it.
pub struct PluginServer(pub Arc<Registered>);

impl Mechanism for PluginServer {
    fn info(&self) -> &MechInfo {
        &self.0.info
    }

    fn available(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        let Some(conn) = hooks_of(facts.host) else {
            return Err(Refusal::Unavailable("a plugin needs a connection of the C interface".into()));
        };
        let host = conn.host();
        if host.is_banned(self.0.key()) {
            return Err(Refusal::Unavailable("its plugin cannot work on this connection".into()));
        }
        let plug = self.0.plug();
        if let Some(available) = plug.mech_avail {
            let params = host.server_params(conn).map_err(|error| Refusal::Unavailable(error.to_string()))?;
            let mut early: Data = null_mut();
            // SAFETY: the parameters live with the connection, and the place during the call.
            let status = unsafe { available(plug.glob_context, params, &mut early) };
            if let (false, Some(dispose)) = (early.is_null(), plug.mech_dispose) {
                // Data that are made before the mechanism is chosen are not kept: `mech_new` makes them again.
                // SAFETY: the data are the plugin's, and go once.
                unsafe { dispose(early, host.utils()) };
            }
            if status == Code::NoMech.number() {
                host.ban(self.0.key());
            }
            if status != OK {
                let text = format!("its plugin says: {}", Code::from_number(not_ok(status)).text());
                return Err(Refusal::Unavailable(text));
            }
        }
        if self.0.condition == Code::NoUser.number() {
            return Err(Refusal::Unavailable("no users in secrets db".into()));
        }
        Ok(())
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Exchange { plugin: Arc::clone(&self.0), context: None, stepped: false }))
    }

    fn set_password(&self, cx: &ServerCx<'_>, user: &[u8], change: &PasswordChange<'_>) -> Result<()> {
        let plug = self.0.plug();
        let (Some(set), Some(conn)) = (plug.setpass, hooks_of(cx.host())) else {
            return Err(Error::from(Code::NoChange));
        };
        let params = conn.host().server_params(conn)?;
        let user = c_string(user);
        let (new, old) = (change.password.map(terminated), change.old.map(terminated));
        let raw = |text: &Option<Secret>| {
            text.as_ref().map_or((null(), 0), |text| {
                (text.expose().as_ptr().cast::<c_char>(), text.expose().len().saturating_sub(1) as c_uint)
            })
        };
        let ((new, new_len), (old, old_len)) = (raw(&new), raw(&old));
        // SAFETY: the strings live during the call, and the parameters with the connection.
        let status =
            unsafe { set(plug.glob_context, params, user.as_ptr(), new, new_len, old, old_len, change.flags.0) };
        if status == OK { Ok(()) } else { Err(conn.callback_error(status)) }
    }

    fn sets_passwords(&self) -> bool {
        self.0.plug().setpass.is_some()
    }
}

/// One exchange.
struct Exchange {
    plugin: Arc<Registered>,
    context: Option<Arc<Context>>,
    stepped: bool,
}

impl ServerMech for Exchange {
    fn begin(&mut self, cx: &ServerCx<'_>) -> Result<()> {
        let conn = connection(cx)?;
        let host = conn.host();
        host.begin(conn);
        let plug = self.plugin.plug();
        let mut data: Data = null_mut();
        if let Some(new) = plug.mech_new {
            let params = host.server_params(conn)?;
            // SAFETY: the parameters live with the connection, and the place for the data during the call.
            let status = unsafe { new(plug.glob_context, params, null(), 0, &mut data) };
            if status != OK {
                return Err(conn.callback_error(status));
            }
        }
        let context = Context::new(Owner::Server(Arc::clone(&self.plugin)), data, conn);
        host.set_current(&context);
        self.context = Some(context);
        Ok(())
    }

    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        let conn = connection(cx)?;
        let plug = self.plugin.plug();
        let (Some(context), Some(step)) = (&self.context, plug.mech_step) else {
            return Err(Error::fail("a plugin's mechanism was not begun"));
        };
        let len = c_uint::try_from(input.len()).map_err(|_| Error::param("the input is too long"))?;
        let client_first = self.plugin.info.server.is_some_and(|has| has.contains(Features::CLIENT_FIRST));
        // A mechanism may tell no message from an empty one.
        let input = match (input.is_empty(), self.stepped || client_first) {
            (true, false) => null(),
            (true, true) => c"".as_ptr(),
            (false, _) => input.as_ptr().cast(),
        };
        self.stepped = true;
        let params = conn.host().server_params(conn)?;
        let (mut bytes, mut bytes_len) = (null(), 0);
        let out = conn.host().out();
        // SAFETY: input and places live during the call, data and parameters longer.
        let status = unsafe { step(context.data(), params, input, len, &mut bytes, &mut bytes_len, out) };
        if status != OK && status != CONTINUE {
            return Err(conn.callback_error(status));
        }
        // SAFETY: the plugin answered with an output of this length, which stays until its next step.
        let data = unsafe { taken(&self.plugin.info.name, bytes, bytes_len)? };
        if status == CONTINUE {
            return Ok(Step::Continue(data.unwrap_or_default()));
        }
        // SAFETY: the mechanism has filled in what it found out.
        let layer = unsafe {
            judge_binding(cx, out)?;
            layer::agreed(context, conn, out, cx.security().max_buf)?
        };
        strong_enough(context.name(), layer.as_deref(), cx.security().min_ssf.saturating_sub(cx.external_ssf()))?;
        Ok(Step::Done(Outcome { auth: cx.vouched_by_plugin(), data, layer }))
    }
}

/// Refuses a mechanism that ends with a weaker layer than the connection demands, whatever it promised.
pub fn strong_enough(name: &str, layer: Option<&dyn SecurityLayer>, need: u32) -> Result<()> {
    let has = layer.map_or(0, SecurityLayer::ssf);
    if has < need {
        return Err(Error::new(Code::TooWeak, format!("mech {name} is too weak: SSF {need} is needed, it gave {has}")));
    }
    Ok(())
}

/// What the mechanism says of channel binding, judged as for every other.
///
/// # Safety
/// `out` is what the mechanism has filled in.
unsafe fn judge_binding(cx: &ServerCx<'_>, out: *const OutParams) -> Result<()> {
    // SAFETY: by this function's contract; the name is a string or NULL.
    let (disposition, name) = unsafe {
        let name = (*out).cbindingname;
        ((*out).cbindingdisp, (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned()))
    };
    cx.check_binding(match disposition {
        0 => BindingFlag::Unsupported,
        1 => BindingFlag::ServerLacksIt,
        _ => BindingFlag::Used(name.as_deref().unwrap_or_default()),
    })?;
    Ok(())
}

fn connection<'a>(cx: &'a ServerCx<'_>) -> Result<&'a Conn> {
    hooks_of(cx.host()).ok_or_else(|| Error::fail("a plugin needs a connection of the C interface"))
}

/// A password with a NUL behind it.
fn terminated(password: &Secret) -> Secret {
    let mut text = Vec::with_capacity(password.expose().len() + 1);
    text.extend_from_slice(password.expose());
    text.push(0);
    Secret::new(text)
}
