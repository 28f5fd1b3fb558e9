//! What a connection can be asked and told: `sasl_getprop`, `sasl_setprop`, `sasl_idle`.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr::{from_ref, null};
use std::slice;

use oxisasl::chanbind::ChannelBinding;
use oxisasl::ctx::World as _;
use oxisasl::gss::{Cred, ForeignCred, Name};
use oxisasl::identity::CanonicalName;
use oxisasl::log::Level;
use oxisasl::policy::{SecurityFlags, SecurityProps};
use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::{OK, RawChannelBinding, RawSecurityProps, prop};
use crate::conn::{Conn, Session, Slot};
use crate::global;
use crate::host::plug::OutParams;
use crate::server::connection;

export! {
    /// Asks a property of a connection.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `pvalue` is NULL or writable. What it gets stays until the property is asked again or the
    /// connection ends; it is not to be freed.
    pub fn sasl_getprop(conn: *mut Conn, propnum: c_int, pvalue: *mut *const c_void) -> c_int {
        let value = (|| {
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            if pvalue.is_null() {
                return Err(Error::param("no place for the value"));
            }
            let value = get(conn, propnum);
            if let Err(error) = &value {
                conn.note(error);
            }
            value
        })();
        match value {
            Ok(value) => {
                // SAFETY: by this function's contract.
                unsafe { arg::put(pvalue, value) };
                OK
            }
            Err(error) => {
                if matches!(propnum, prop::IPLOCALPORT | prop::IPREMOTEPORT) {
                    // SAFETY: by this function's contract.
                    unsafe { arg::put(pvalue, null()) };
                }
                error.code().number()
            }
        }
    }

    /// Sets a property of a connection.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `value` is NULL or what the property wants: `include/sasl/sasl.h` says what that is. It is
    /// copied, but for `SASL_GSS_CREDS` and `SASL_HTTP_REQUEST`.
    pub fn sasl_setprop(conn: *mut Conn, propnum: c_int, value: *const c_void) -> c_int {
        let set = (|| {
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            // SAFETY: by this function's contract.
            let result = unsafe { set(conn, propnum, value) };
            if let Err(error) = &result {
                conn.note(error);
                conn.write_log(Level::Fail, error.detail());
            }
            if let Ok(session) = conn.server() {
                session.forget_listing();
            }
            conn.refresh_host();
            result
        })();
        boundary::code(set, OK)
    }

    /// Lets mechanisms use idle time: the one in use, if it is a plugin's. Without a connection: whether the server side is
    /// initialised.
    ///
    /// # Safety
    /// `conn` is NULL or a connection.
    pub fn sasl_idle(conn: *mut Conn) -> c_int {
        // SAFETY: by this function's contract.
        let Some(conn) = (unsafe { conn.as_ref() }) else {
            return c_int::from(global::need_server().is_ok());
        };
        c_int::from(conn.host.get().and_then(|host| host.current()).is_some_and(|context| context.idle(conn)))
    }
}

const NOT_YET: &str = "Information that was requested is not yet available.";

/// A method that both kinds of session have.
macro_rules! either {
    ($conn:expr, $session:ident => $body:expr) => {
        match $conn.session() {
            Some(Session::Server($session)) => $body,
            Some(Session::Client($session)) => $body,
            None => return Err(Error::param("no session")),
        }
    };
}

fn get(conn: &Conn, propnum: c_int) -> Result<*const c_void> {
    let keep = |bytes: Vec<u8>| conn.slots.keep(Slot::Property(propnum), bytes).cast::<c_void>();
    let text = |text: Option<String>| text.map_or(null(), |text| keep(text.into_bytes()));
    let known = |value: Option<Vec<u8>>| value.map(&keep).ok_or_else(|| Error::new(Code::NotDone, NOT_YET));
    let name = |name: Option<CanonicalName>| {
        let name = name.ok_or_else(|| Error::new(Code::NotDone, NOT_YET))?;
        Ok::<_, Error>(conn.slots.keep_copy(Slot::Property(propnum), &name).cast::<c_void>())
    };
    let server_only = || conn.server().map_err(|error| error.with_code(Code::BadProt));
    Ok(match propnum {
        prop::USERNAME => name(either!(conn, session => session.identity()).user)?,
        prop::AUTHUSER => name(either!(conn, session => session.identity()).authid)?,
        prop::SSF => {
            conn.ssf.set(either!(conn, session => session.ssf()));
            conn.ssf.as_ptr().cast_const().cast()
        }
        prop::MAXOUTBUF => {
            let session = either!(conn, session => (session.ssf(), session.max_input()));
            // Without a layer it is whatever a plugin has said.
            let said = plugin_says(conn, |out| out.maxoutbuf).filter(|len| session.0 == 0 && *len > 0);
            conn.max_input.set(said.unwrap_or(session.1));
            conn.max_input.as_ptr().cast_const().cast()
        }
        prop::DEFUSERREALM => text(server_only()?.realm()),
        prop::GETOPTCTX => from_ref(conn).cast(),
        prop::CALLBACK => conn.callbacks().cast(),
        prop::IPLOCALPORT => known(either!(conn, session => session.local()).map(String::into_bytes))?,
        prop::IPREMOTEPORT => known(either!(conn, session => session.remote()).map(String::into_bytes))?,
        prop::PLUGERR => keep(either!(conn, session => session.raw_error_detail()).into_bytes()),
        prop::SERVICE => keep(either!(conn, session => session.service()).as_bytes().to_vec()),
        prop::SERVERFQDN => match conn.session() {
            Some(Session::Client(session)) => text(session.fqdn().map(str::to_owned)),
            _ => text(Some(conn.server()?.fqdn().to_owned())),
        },
        prop::AUTHSOURCE => {
            let mechanism = either!(conn, session => session.mechanism());
            known(mechanism.map(|mechanism| mechanism.info().plugin.as_bytes().to_vec()))?
        }
        prop::MECHNAME => {
            let mechanism = either!(conn, session => session.mechanism());
            known(mechanism.map(|mechanism| mechanism.info().name.as_bytes().to_vec()))?
        }
        prop::APPNAME => {
            let session = server_only()?;
            text(Some(session.app_name().into_owned()).filter(|name| !name.is_empty()))
        }
        prop::DELEGATEDCREDS => {
            // Plugins give the place of the handle, and so does this.
            let ours = either!(conn, session => session.gss_parties().delegated.as_ref().map(Cred::as_ptr));
            conn.delegated.set(ours.unwrap_or(null()));
            let place = ours.map(|_| conn.delegated.as_ptr().cast_const().cast());
            given(plugin_says(conn, |out| out.client_creds.cast_const()).or(place))?
        }
        prop::GSS_PEER_NAME => {
            let ours = either!(conn, session => session.gss_parties().peer.as_ref().map(Name::as_ptr));
            given(plugin_says(conn, |out| out.gss_peer_name).or(ours))?
        }
        prop::GSS_LOCAL_NAME => {
            let ours = either!(conn, session => session.gss_parties().local.as_ref().map(Name::as_ptr));
            given(plugin_says(conn, |out| out.gss_local_name).or(ours))?
        }
        prop::GSS_CREDS => conn.gss_creds.get(),
        prop::HTTP_REQUEST => conn.http_request.get(),
        prop::SSF_EXTERNAL => {
            conn.external_ssf.set(either!(conn, session => session.external_ssf()));
            conn.external_ssf.as_ptr().cast_const().cast()
        }
        prop::SEC_PROPS => {
            let props = either!(conn, session => session.security());
            conn.security.set(RawSecurityProps {
                min_ssf: props.min_ssf,
                max_ssf: props.max_ssf,
                maxbufsize: props.max_buf,
                security_flags: props.flags.bits(),
                ..conn.security.get()
            });
            conn.security.as_ptr().cast_const().cast()
        }
        prop::AUTH_EXTERNAL => either!(conn, session => session.external_identity()).map_or(null(), keep),
        _ => return Err(Error::param("Unknown parameter type")),
    })
}

/// What the mechanism in use has filled in, if it is a plugin's.
fn plugin_says<T>(conn: &Conn, take: impl FnOnce(&OutParams) -> T) -> Option<T> {
    let host = conn.host.get().filter(|host| host.current().is_some())?;
    // SAFETY: the place is the connection's, and no plugin writes to it while this runs.
    Some(take(unsafe { &*host.out() }))
}

/// A pointer of a plugin, once it is there.
fn given(value: Option<*const c_void>) -> Result<*const c_void> {
    value.filter(|value| !value.is_null()).ok_or_else(|| Error::new(Code::NotDone, NOT_YET))
}

/// # Safety
/// `value` is NULL or what the property wants.
unsafe fn set(conn: &Conn, propnum: c_int, value: *const c_void) -> Result<()> {
    // SAFETY: by this function's contract.
    let text = || unsafe { arg::optional_str(value.cast()) };
    match propnum {
        prop::SSF_EXTERNAL => {
            // SAFETY: by this function's contract.
            let ssf = unsafe { value.cast::<c_uint>().as_ref() }.ok_or_else(|| Error::param("no value"))?;
            either!(conn, session => session.set_external_ssf(*ssf));
        }
        prop::AUTH_EXTERNAL => {
            // SAFETY: by this function's contract.
            let id = unsafe { arg::optional_text(value.cast::<c_char>()) };
            either!(conn, session => session.set_external_id(id));
        }
        prop::DEFUSERREALM => {
            let session = conn.server().map_err(|_| Error::protocol("Tried to set realm on non-server connection"))?;
            session.set_realm(&text().unwrap_or_default())?;
        }
        prop::APPNAME => {
            let session =
                conn.server().map_err(|_| Error::protocol("Tried to set application name on non-server connection"))?;
            session.set_app_name(text().unwrap_or_default());
        }
        prop::SEC_PROPS => {
            // SAFETY: by this function's contract.
            let raw = unsafe { value.cast::<RawSecurityProps>().as_ref() }.ok_or_else(|| Error::param("no value"))?;
            let props = SecurityProps {
                min_ssf: raw.min_ssf,
                max_ssf: raw.max_ssf,
                max_buf: raw.maxbufsize,
                flags: SecurityFlags::from_bits(raw.security_flags),
            };
            either!(conn, session => session.set_security(props))?;
            conn.security.set(*raw);
        }
        prop::IPLOCALPORT => either!(conn, session => session.set_local(text().as_deref()))?,
        prop::IPREMOTEPORT => either!(conn, session => session.set_remote(text().as_deref()))?,
        prop::GSS_CREDS => {
            conn.gss_creds.set(value);
            // SAFETY: by this function's contract it is NULL or credentials, which the application keeps.
            let credentials = unsafe { ForeignCred::from_raw(value) };
            either!(conn, session => session.set_gss_credentials(credentials));
        }
        prop::HTTP_REQUEST => conn.http_request.set(value),
        prop::CHANNEL_BINDING => {
            // SAFETY: by this function's contract.
            let Some(raw) = (unsafe { value.cast::<RawChannelBinding>().as_ref() }) else {
                either!(conn, session => session.clear_bindings());
                return Ok(());
            };
            // SAFETY: by this function's contract.
            let name = unsafe { arg::optional_str(raw.name) }.ok_or_else(|| Error::param("no name"))?;
            let data = match raw.data.is_null() {
                true => Vec::new(),
                // SAFETY: by this function's contract the binding has so many bytes.
                false => unsafe { slice::from_raw_parts(raw.data, raw.len as usize) }.to_vec(),
            };
            either!(conn, session => session.add_binding(ChannelBinding { name, data, critical: raw.critical != 0 }));
        }
        _ => return Err(Error::param("Unknown parameter type")),
    }
    Ok(())
}
