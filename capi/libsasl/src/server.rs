//! The server's side: `sasl_server_*`, `sasl_listmech`, and what is done with passwords (`sasl.h`, "Server").

use std::ffi::{c_char, c_int, c_uint};
use std::ptr::{null, null_mut};
use std::sync::Arc;

use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::{Code, Error, Progress, Result, Secret, ServerParams, ServerSession};
use oxisasl_capi_common::callbacks::{Callback, List};
use oxisasl_capi_common::{arg, export_unversioned};

use crate::abi::{CONTINUE, FAIL, OK};
use crate::conn::{Conn, Hooks, Session};
use crate::memory::Output;
use crate::{errors, global};

export_unversioned! {
    /// Makes a connection of a server with one client.
    ///
    /// # Safety
    /// Strings are NULL or NUL-terminated; `callbacks` is NULL or a list that stays as it is while the connection lives.
    /// `pconn` is NULL or writable; it gets the connection, which is to be freed with `sasl_dispose`, or NULL.
    pub fn sasl_server_new(
        service: *const c_char,
        server_fqdn: *const c_char,
        user_realm: *const c_char,
        callbacks: *const Callback,
        secflags: c_int,
        pconn: *mut *mut Conn,
    ) -> c_int {
        let made = (|| {
            let (engine, global_list) = global::server()?;
            if pconn.is_null() || service.is_null() {
                return Err(errors::refused("no service or place for the connection"));
            }
            // SAFETY: by this function's contract.
            let (service, fqdn, realm, own) = unsafe {
                (
                    arg::optional_str(service),
                    arg::optional_str(server_fqdn),
                    arg::optional_str(user_realm),
                    List::new(callbacks),
                )
            };
            let conn = Conn::new(own, global_list);
            let fqdn = match fqdn {
                Some(fqdn) => fqdn,
                None => host_name()?,
            };
            let mut params = ServerParams::new(service.unwrap_or_default()).fqdn(fqdn).hooks(Hooks::new(&conn));
            if let Some(realm) = realm {
                params = params.realm(realm);
            }
            let session = engine.session(params)?;
            conn.begin(Session::Server(session), secflags)?;
            Ok(conn)
        })();
        give_connection(made, pconn)
    }

    /// Begins an authentication with a mechanism that the client named.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; `mech` is NULL or a string; `clientin` is NULL for no initial response or has
    /// `clientinlen` bytes. `serverout`, `serveroutlen` and `errstr` are NULL or writable; the caller frees the output, and the
    /// text stays until the next call that gives one, or the connection's end.
    pub fn sasl_server_start(
        conn: *mut Conn,
        mech: *const c_char,
        clientin: *const c_char,
        clientinlen: c_uint,
        serverout: *mut *mut c_char,
        serveroutlen: *mut c_uint,
        errstr: *mut *const c_char,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let (output, told) = unsafe { (Output::new(serverout, serveroutlen), Told::new(conn, errstr)) };
        told.outcome((|| {
            global::server()?;
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            // SAFETY: by this function's contract.
            let (mech, input) = unsafe { (arg::text(mech, "mech")?, arg::bytes(clientin, clientinlen, "clientin")?) };
            let session = conn.server()?;
            conn.forget();
            let progress = session.start(&String::from_utf8_lossy(mech), input);
            let progress = progress.map_err(|error| start_error(session, input.is_some(), error));
            advance(conn, progress, output)
        })())
    }

    /// Goes on with what the client answered.
    ///
    /// # Safety
    /// As for `sasl_server_start`.
    pub fn sasl_server_step(
        conn: *mut Conn,
        clientin: *const c_char,
        clientinlen: c_uint,
        serverout: *mut *mut c_char,
        serveroutlen: *mut c_uint,
        errstr: *mut *const c_char,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let (output, told) = unsafe { (Output::new(serverout, serveroutlen), Told::new(conn, errstr)) };
        told.outcome((|| {
            global::server()?;
            // SAFETY: by this function's contract.
            let (conn, input) = unsafe { (connection(conn)?, arg::bytes(clientin, clientinlen, "clientin")?) };
            let progress = conn.server()?.step(input.unwrap_or_default());
            advance(conn, progress, output)
        })())
    }

    /// Lists the mechanisms of a connection.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; strings are NULL or NUL-terminated (a NULL separator is a space). `result` is NULL or
    /// writable; the caller frees what it gets. `plen` and `pcount` are NULL or writable.
    pub fn sasl_listmech(
        conn: *mut Conn,
        _user: *const c_char,
        prefix: *const c_char,
        sep: *const c_char,
        suffix: *const c_char,
        result: *mut *mut c_char,
        plen: *mut c_uint,
        pcount: *mut c_uint,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let output = unsafe { Output::new(result, plen) };
        // SAFETY: by this function's contract.
        unsafe { arg::put(pcount, 0) };
        errors::status((|| {
            global::server()?;
            // SAFETY: by this function's contract.
            let session = unsafe { connection(conn)? }.server()?;
            if result.is_null() {
                return Err(errors::refused("no place for the list"));
            }
            let names = match session.mechanisms() {
                Err(error) if error.code() == Code::NoMech => Arc::default(),
                names => names?,
            };
            // SAFETY: by this function's contract.
            let part = |text| unsafe { arg::optional_text(text) };
            let names_only: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
            let list = names_only.join(part(sep).unwrap_or(b" "));
            let list = [part(prefix).unwrap_or_default(), &list, part(suffix).unwrap_or_default()].concat();
            output.give(Some(list))?;
            // SAFETY: by this function's contract.
            unsafe { arg::put(pcount, names.len() as c_uint) };
            Ok(())
        })())
    }

    /// Checks a plaintext password.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; `user` is NULL or a string; `pass` is NULL or has `passlen` bytes; `errstr` is as
    /// for `sasl_server_start`.
    pub fn sasl_checkpass(
        conn: *mut Conn,
        user: *const c_char,
        _userlen: c_uint,
        pass: *const c_char,
        passlen: c_uint,
        errstr: *mut *const c_char,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let told = unsafe { Told::new(conn, errstr) };
        told.outcome((|| {
            global::server()?;
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            // SAFETY: by this function's contract.
            let (user, pass) = unsafe { (arg::text(user, "user")?, arg::bytes(pass, passlen, "pass")?) };
            let pass = Secret::from(pass.ok_or_else(|| Error::param("pass is NULL"))?);
            let session = conn.server()?;
            conn.forget();
            session.check_password(user, &pass)?;
            conn.done.set(true);
            Ok(OK)
        })())
    }

    /// Sets or, with `SASL_SET_DISABLE`, removes a user's password.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; `user` is NULL or a string; `pass` is NULL or has `passlen` bytes; `errstr` is as
    /// for `sasl_server_start`.
    pub fn sasl_setpass(
        conn: *mut Conn,
        user: *const c_char,
        pass: *const c_char,
        passlen: c_uint,
        flags: c_int,
        errstr: *mut *const c_char,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let told = unsafe { Told::new(conn, errstr) };
        told.outcome((|| {
            global::server()?;
            // SAFETY: by this function's contract.
            let session = unsafe { connection(conn)? }.server()?;
            // SAFETY: by this function's contract.
            let user = unsafe { arg::text(user, "user")? };
            let flags = PasswordFlags(flags.cast_unsigned());
            // Who is disabled gets no password, so that it does not matter what was given for one. Otherwise a missing one is as
            // bad as an empty one.
            let password = if flags.has(PasswordFlags::DISABLE) {
                None
            } else {
                // SAFETY: by this function's contract.
                let bytes = unsafe { arg::bytes(pass, passlen, "pass")? };
                Some(Secret::from(bytes.unwrap_or_default()))
            };
            session.set_password(user, &PasswordChange { password: password.as_ref(), old: None, flags })?;
            Ok(OK)
        })())
    }

    /// Whether a user exists would take a connection, which this function is not given.
    pub fn sasl_user_exists(_service: *const c_char, _realm: *const c_char, _user: *const c_char) -> c_int {
        FAIL
    }

    /// No mechanism takes credentials of the client.
    pub fn sasl_cred_install(_conn: *mut Conn) -> c_int {
        FAIL
    }

    /// As `sasl_cred_install`.
    pub fn sasl_cred_uninstall(_conn: *mut Conn) -> c_int {
        FAIL
    }
}

/// Where the caller wants to be told what was wrong.
struct Told {
    conn: *mut Conn,
    place: *mut *const c_char,
}

impl Told {
    /// Says that nothing is wrong until [`outcome`](Self::outcome).
    ///
    /// # Safety
    /// `conn` is NULL or a connection, `place` is NULL or writable, both for as long as this is used.
    unsafe fn new(conn: *mut Conn, place: *mut *const c_char) -> Self {
        // SAFETY: by this function's contract.
        unsafe { arg::put(place, null()) };
        Told { conn, place }
    }

    /// The code for the outcome of a call.
    fn outcome(&self, result: Result<c_int>) -> c_int {
        result.unwrap_or_else(|error| {
            // SAFETY: by the contract of `new`.
            if let Some(conn) = unsafe { self.conn.as_ref() } {
                // SAFETY: by the contract of `new`.
                unsafe { arg::put(self.place, conn.error_text(&error)) };
            }
            errors::number(error.code())
        })
    }
}

/// Hands the outcome of a start or step to C.
fn advance(conn: &Conn, progress: Result<Progress>, output: Output) -> Result<c_int> {
    match progress? {
        Progress::Continue(data) => output.give(data).map(|()| CONTINUE),
        Progress::Done(data) => {
            output.give(data)?;
            conn.done.set(true);
            Ok(OK)
        }
    }
}

/// The error of a start as 1.5 gives it.
fn start_error(session: &ServerSession, initial: bool, error: Error) -> Error {
    match session.mechanism() {
        // Whatever keeps a mechanism from being used at all, it is not available.
        None if errors::number(error.code()) != FAIL => error.with_code(Code::NoMech),
        Some(used) if initial && used.info().name == "CRAM-MD5" && error.code() == Code::BadProt => {
            errors::refused("CRAM-MD5 does not accpet inital data")
        }
        _ => error,
    }
}

/// A connection that must be there.
///
/// # Safety
/// `conn` is NULL or a connection that lives for `'a`.
pub unsafe fn connection<'a>(conn: *mut Conn) -> Result<&'a Conn> {
    // SAFETY: by this function's contract.
    unsafe { conn.as_ref() }.ok_or_else(|| errors::refused("no connection"))
}

/// Hands a new connection to C, or tells why there is none.
pub fn give_connection(made: Result<Box<Conn>>, pconn: *mut *mut Conn) -> c_int {
    let (conn, status) = match made {
        Ok(conn) => (Box::into_raw(conn), OK),
        Err(error) => (null_mut(), errors::number(error.code())),
    };
    // SAFETY: by the contract of the functions that make connections.
    unsafe { arg::put(pconn, conn) };
    status
}

/// The name of this machine, as it knows it itself.
fn host_name() -> Result<String> {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer has this length; the last byte stays 0.
    let status = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let text = name.split(|byte| *byte == 0).next().unwrap_or_default();
    if status != 0 || text.is_empty() {
        return Err(errors::refused("the system does not tell the name of this machine"));
    }
    Ok(String::from_utf8_lossy(text).into_owned())
}
