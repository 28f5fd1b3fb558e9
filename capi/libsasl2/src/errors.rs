//! What went wrong, in words (`sasl.h`, "Errors").

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::ptr::null;
use std::sync::OnceLock;

use oxisasl::log::Level;
use oxisasl::{Code, syslog};
use oxisasl_capi_common::fmt::{Dialect, format};
use oxisasl_capi_common::{arg, boundary, export};

use crate::calls::c_string;
use crate::conn::{Conn, Session, Slot};
use crate::variadic::{Arguments, FromC};

/// The flag of `sasl_seterror` that keeps the text out of the log.
const NOLOG: c_uint = 1;

export! {
    /// The text for a code, which is static. There is one language.
    ///
    /// # Safety
    /// `outlang` is NULL or writable.
    pub fn sasl_errstring(code: c_int, _langlist: *const c_char, outlang: *mut *const c_char) -> *const c_char {
        // SAFETY: by this function's contract.
        unsafe { arg::put(outlang, c"en-us".as_ptr()) };
        error_text(code).as_ptr()
    }

    /// The last error of a connection in one line. It stays until the next call or the connection's end.
    ///
    /// # Safety
    /// `conn` is NULL or a connection.
    pub fn sasl_errdetail(conn: *mut Conn) -> *const c_char {
        // SAFETY: by this function's contract.
        let Some(conn) = (unsafe { conn.as_ref() }) else { return null() };
        let text = match conn.session() {
            Some(Session::Server(session)) => session.error_detail(),
            Some(Session::Client(session)) => session.error_detail(),
            None => return null(),
        };
        conn.slots.keep(Slot::Detail, text.into_bytes())
    }
}

/// The text for a code, which stays for ever.
fn error_text(code: c_int) -> &'static CStr {
    static TEXTS: OnceLock<BTreeMap<c_int, CString>> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| {
        let known = Code::all().map(|code| (code.number(), code.text()));
        [(1, "another step is needed in authentication"), (0, "successful result")]
            .into_iter()
            .chain(known)
            .map(|(number, text)| (number, c_string(text.as_bytes())))
            .collect()
    });
    texts.get(&code).map_or(c"undefined error!", CString::as_c_str)
}

/// What `sasl_seterror` does, once C has collected its arguments.
///
/// # Safety
/// `conn` is NULL or a connection, `text` is NULL or a format, and `arguments` holds what it asks for.
unsafe extern "C" fn oxisasl_seterror(conn: *mut Conn, flags: c_uint, text: *const c_char, arguments: *mut Arguments) {
    boundary::guard("sasl_seterror", || {
        // SAFETY: by this function's contract.
        let (conn, text) = unsafe { (conn.as_ref(), arg::optional_text(text)) };
        let Some(conn) = conn else {
            if flags & NOLOG == 0 {
                syslog::write(Level::Fail, "No sasl_conn_t passed to sasl_seterror");
            }
            return;
        };
        let Some(text) = text else { return };
        // SAFETY: by this function's contract.
        let line = format(text, &mut unsafe { FromC::new(arguments) }, Dialect::SetError);
        if flags & NOLOG == 0 {
            conn.write_log(Level::Fail, &line);
        }
        match conn.session() {
            Some(Session::Server(session)) => session.set_error_detail(line),
            Some(Session::Client(session)) => session.set_error_detail(line),
            None => {}
        }
    });
}

/// What the entry `log` of `sasl_utils_t` does, once C has collected its arguments.
///
/// # Safety
/// As for [`oxisasl_seterror`].
unsafe extern "C" fn oxisasl_log(conn: *mut Conn, level: c_int, text: *const c_char, arguments: *mut Arguments) {
    boundary::guard("log", || {
        // SAFETY: by this function's contract.
        let (conn, text) = unsafe { (conn.as_ref(), arg::optional_text(text)) };
        let Some(text) = text else { return };
        // SAFETY: by this function's contract.
        let line = format(text, &mut unsafe { FromC::new(arguments) }, Dialect::Log);
        match (conn.and_then(Conn::callback_log), conn, Level::from_number(level)) {
            (Some(log), ..) => log.write(level, &line),
            (None, Some(conn), Some(level)) => conn.write_log(level, &line),
            (None, None, Some(level)) => syslog::write(level, &line),
            (_, _, None) => {}
        }
    });
}

// C finds them by name; rustc's own list of exports must not mention them.
oxisasl_capi_common::jump!(oxisasl_seterror);
oxisasl_capi_common::jump!(oxisasl_log);
