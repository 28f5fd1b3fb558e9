//! What a connection can be asked and told: `sasl_getprop`, `sasl_setprop`, `sasl_idle`.

use std::ffi::{c_char, c_int, c_void};
use std::net::Ipv4Addr;

use oxisasl::policy::{SecurityFlags, SecurityProps};
use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::{arg, export_unversioned};

use crate::abi::{OK, RawExternal, RawSecurityProps, prop};
use crate::conn::{Address, Conn, Session, Slot, either};
use crate::errors;
use crate::server::connection;

export_unversioned! {
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
                return Err(errors::refused("no place for the value"));
            }
            get(conn, propnum)
        })();
        match value {
            Ok(value) => {
                // SAFETY: by this function's contract.
                unsafe { arg::put(pvalue, value) };
                OK
            }
            Err(error) => errors::number(error.code()),
        }
    }

    /// Sets a property of a connection.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `value` is NULL or what the property wants: `include/sasl1/sasl.h` says what that is. It
    /// is copied.
    pub fn sasl_setprop(conn: *mut Conn, propnum: c_int, value: *const c_void) -> c_int {
        errors::status((|| {
            // SAFETY: by this function's contract.
            unsafe { set(connection(conn)?, propnum, value) }
        })())
    }

    /// Nothing here has use for idle time.
    pub fn sasl_idle(_conn: *mut Conn) -> c_int {
        0
    }
}

fn get(conn: &Conn, propnum: c_int) -> Result<*const c_void> {
    let keep = |bytes: Vec<u8>| conn.slots.keep(Slot::Property(propnum), bytes).cast::<c_void>();
    let not_yet = || Error::from(Code::NotDone);
    // A name that nothing was proved about is nobody's.
    let proved = |value: Option<Vec<u8>>| value.filter(|_| conn.done.get()).ok_or_else(not_yet);
    Ok(match propnum {
        prop::USERNAME => {
            let user = proved(either!(conn, session => session.user()))?;
            conn.adopted().map_or_else(|| keep(user), |name| name.cast())
        }
        prop::REALM => match conn.session() {
            Some(Session::Server(session)) => keep(proved(session.user_realm())?),
            _ => return Err(not_yet()),
        },
        prop::SSF => {
            conn.ssf.set(either!(conn, session => session.ssf()));
            conn.ssf.as_ptr().cast_const().cast()
        }
        prop::MAXOUTBUF => {
            conn.max_input.set(either!(conn, session => session.max_input()));
            conn.max_input.as_ptr().cast_const().cast()
        }
        prop::GETOPTCTX => return Err(errors::refused("there is no context for options")),
        prop::IP_LOCAL => address(&conn.local)?,
        prop::IP_REMOTE => address(&conn.remote)?,
        _ => return Err(Error::param("Unknown parameter type")),
    })
}

fn address(address: &Address) -> Result<*const c_void> {
    let place = address.as_ptr();
    if place.is_null() { Err(Error::from(Code::NotDone)) } else { Ok(place.cast()) }
}

/// # Safety
/// `value` is NULL or what the property wants.
unsafe fn set(conn: &Conn, propnum: c_int, value: *const c_void) -> Result<()> {
    match propnum {
        prop::SSF_EXTERNAL => {
            // SAFETY: by this function's contract.
            let raw = unsafe { value.cast::<RawExternal>().as_ref() }.ok_or_else(|| Error::param("no value"))?;
            // SAFETY: by this function's contract.
            let id = unsafe { arg::optional_text(raw.auth_id.cast::<c_char>()) };
            either!(conn, session => {
                session.set_external_ssf(raw.ssf);
                session.set_external_id(id);
            });
            Ok(())
        }
        prop::SEC_PROPS => {
            // SAFETY: by this function's contract.
            let raw = unsafe { value.cast::<RawSecurityProps>().as_ref() }.ok_or_else(|| Error::param("no value"))?;
            let props = SecurityProps {
                min_ssf: raw.min_ssf,
                max_ssf: raw.max_ssf,
                max_buf: raw.maxbufsize,
                flags: security_flags(raw.security_flags.cast_unsigned()),
            };
            either!(conn, session => session.set_security(props))
        }
        // SAFETY: by this function's contract.
        prop::IP_LOCAL => unsafe {
            let (raw, text) = socket_address(value.cast());
            either!(conn, session => session.set_local(text.as_deref()))?;
            conn.local.set(raw);
            Ok(())
        },
        // SAFETY: by this function's contract.
        prop::IP_REMOTE => unsafe {
            let (raw, text) = socket_address(value.cast());
            either!(conn, session => session.set_remote(text.as_deref()))?;
            conn.remote.set(raw);
            Ok(())
        },
        _ => Err(Error::param("Unknown parameter type")),
    }
}

/// The engine's flags for those of this interface. The others, `SASL_SEC_PASS_CREDENTIALS` among them, are demands that no
/// mechanism of 1.5 here meets.
fn security_flags(bits: u32) -> SecurityFlags {
    const KNOWN: u32 = 0x1f;
    const UNMET: SecurityFlags = SecurityFlags::from_bits(1 << 31);
    let known = SecurityFlags::from_bits(bits & KNOWN);
    if bits & !KNOWN == 0 { known } else { known | UNMET }
}

/// A socket address as it is, and how the engine writes it, if it is an IPv4 one; neither for NULL. Another family is no error:
/// Sendmail that talks to no socket hands over memory in which nothing was written.
///
/// # Safety
/// `raw` is NULL or has as many bytes as a `sockaddr_in`.
unsafe fn socket_address(raw: *const libc::sockaddr_in) -> (Option<libc::sockaddr_in>, Option<String>) {
    if raw.is_null() {
        return (None, None);
    }
    // SAFETY: by this function's contract.
    let address = unsafe { raw.read_unaligned() };
    let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
    let known = c_int::from(address.sin_family) == libc::AF_INET;
    (Some(address), known.then(|| format!("{ip};{}", u16::from_be(address.sin_port))))
}
