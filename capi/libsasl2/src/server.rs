//! The server's side: `sasl_server_*`, `sasl_listmech`, and what is done with passwords (`sasl.h`, "Server").

use std::ffi::{c_char, c_int, c_uint};
use std::ptr::null;

use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::policy::SessionFlags;
use oxisasl::{Code, Error, Progress, Result, Secret, ServerParams};
use oxisasl_capi_common::callbacks::{Callback, List};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::{CONTINUE, OK};
use crate::conn::{Conn, Hooks, Session, Slot};
use crate::global;

export! {
    /// Makes a connection of a server with one client.
    ///
    /// # Safety
    /// Strings are NULL or NUL-terminated; `callbacks` is NULL or a list that stays as it is while the connection lives.
    /// `pconn` is NULL or writable; it gets the connection, which is to be freed with `sasl_dispose`, or NULL.
    pub fn sasl_server_new(
        service: *const c_char,
        server_fqdn: *const c_char,
        user_realm: *const c_char,
        iplocalport: *const c_char,
        ipremoteport: *const c_char,
        callbacks: *const Callback,
        flags: c_uint,
        pconn: *mut *mut Conn,
    ) -> c_int {
        let made = (|| {
            let (engine, global_list) = global::server()?;
            if pconn.is_null() || service.is_null() {
                return Err(Error::fail("no service or place for the connection"));
            }
            // SAFETY: by this function's contract.
            let (service, fqdn, realm, local, remote, own) = unsafe {
                (
                    arg::optional_str(service),
                    arg::optional_str(server_fqdn),
                    arg::optional_str(user_realm),
                    arg::optional_str(iplocalport),
                    arg::optional_str(ipremoteport),
                    List::new(callbacks),
                )
            };
            let conn = Conn::new(callbacks, own, global_list);
            let mut params = ServerParams::new(service.unwrap_or_default())
                .flags(SessionFlags::from_bits(flags))
                .hooks(Hooks::new(&conn));
            if let Some(fqdn) = fqdn {
                params = params.fqdn(fqdn);
            }
            if let Some(realm) = realm {
                params = params.realm(realm);
            }
            let session = engine.session(params)?;
            session.set_local(local.as_deref())?;
            session.set_remote(remote.as_deref())?;
            conn.set_session(Session::Server(session));
            Ok(conn)
        })();
        give_connection(made, pconn)
    }

    /// Begins an authentication with a mechanism that the client named.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; `mech` is NULL or a string; `clientin` is NULL for no initial response or has
    /// `clientinlen` bytes. `serverout` and `serveroutlen` are NULL or writable; the output stays until the next start or step.
    pub fn sasl_server_start(
        conn: *mut Conn,
        mech: *const c_char,
        clientin: *const c_char,
        clientinlen: c_uint,
        serverout: *mut *const c_char,
        serveroutlen: *mut c_uint,
    ) -> c_int {
        let begun: Result<_> = (|| {
            global::need_server()?;
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            // SAFETY: by this function's contract.
            let (mech, input) =
                unsafe { (arg::text(mech, "mech"), arg::bytes(clientin, clientinlen, "clientin")) };
            Ok((conn, String::from_utf8_lossy(mech?), input?))
        })();
        match begun {
            // SAFETY: by this function's contract.
            Err(error) => unsafe { refused(conn, &error) },
            Ok((conn, mech, input)) => {
                let progress = conn.server().and_then(|session| session.start(&mech, input));
                // SAFETY: by this function's contract.
                unsafe { give_progress(conn, progress, serverout, serveroutlen) }
            }
        }
    }

    /// Goes on with what the client answered.
    ///
    /// # Safety
    /// As for `sasl_server_start`.
    pub fn sasl_server_step(
        conn: *mut Conn,
        clientin: *const c_char,
        clientinlen: c_uint,
        serverout: *mut *const c_char,
        serveroutlen: *mut c_uint,
    ) -> c_int {
        let begun: Result<_> = (|| {
            global::need_server()?;
            // SAFETY: by this function's contract.
            let (conn, input) = unsafe { (connection(conn)?, arg::bytes(clientin, clientinlen, "clientin")) };
            Ok((conn, input?))
        })();
        match begun {
            // SAFETY: by this function's contract.
            Err(error) => unsafe { refused(conn, &error) },
            Ok((conn, input)) => {
                let progress = conn.server().and_then(|session| session.step(input.unwrap_or_default()));
                // SAFETY: by this function's contract.
                unsafe { give_progress(conn, progress, serverout, serveroutlen) }
            }
        }
    }

    /// Lists the mechanisms of a connection.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; strings are NULL or NUL-terminated (a NULL separator is a space). `result` is writable,
    /// `plen` and `pcount` are NULL or writable. The list stays until the next one or the connection's end.
    pub fn sasl_listmech(
        conn: *mut Conn,
        _user: *const c_char,
        prefix: *const c_char,
        sep: *const c_char,
        suffix: *const c_char,
        result: *mut *const c_char,
        plen: *mut c_uint,
        pcount: *mut c_int,
    ) -> c_int {
        let listed = (|| {
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            if result.is_null() {
                return Err(Error::param("no place for the list"));
            }
            let names = match conn.session() {
                Some(Session::Server(session)) => {
                    global::need_server()?;
                    session.mechanisms()?
                }
                Some(Session::Client(session)) => {
                    global::need_client()?;
                    session.mechanisms().into()
                }
                None => return Err(Error::from(Code::NotInit)),
            };
            Ok((conn, names))
        })();
        match listed {
            Err(error) => {
                if error.code() == Code::NoMech {
                    // SAFETY: by this function's contract.
                    unsafe {
                        arg::put(plen, 0);
                        arg::put(pcount, 0);
                    }
                }
                error.code().number()
            }
            Ok((conn, names)) => {
                // SAFETY: by this function's contract.
                let part = |text| unsafe { arg::optional_text(text) };
                let (prefix, separator) = (part(prefix).unwrap_or_default(), part(sep).unwrap_or(b" "));
                let mut list = Vec::with_capacity(names.iter().map(|name| name.len() + separator.len()).sum());
                list.extend_from_slice(prefix);
                for (index, name) in names.iter().enumerate() {
                    if index > 0 {
                        list.extend_from_slice(separator);
                    }
                    list.extend_from_slice(name.as_bytes());
                }
                list.extend_from_slice(part(suffix).unwrap_or_default());
                // SAFETY: by this function's contract.
                unsafe {
                    arg::put(plen, list.len() as c_uint);
                    arg::put(pcount, names.len() as c_int);
                    arg::put(result, conn.slots.keep(Slot::List, list));
                }
                OK
            }
        }
    }

    /// Checks a plaintext password. With a NULL user: whether plaintext passwords can be checked at all.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; `user` and `pass` are NULL or have their lengths, or end with a NUL where the length
    /// is 0.
    pub fn sasl_checkpass(
        conn: *mut Conn,
        user: *const c_char,
        userlen: c_uint,
        pass: *const c_char,
        passlen: c_uint,
    ) -> c_int {
        if user.is_null() {
            return boundary::code(global::need_server(), OK);
        }
        let checked = (|| {
            global::need_server()?;
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            // SAFETY: by this function's contract.
            let (user, pass) = unsafe { (counted(user, userlen), counted(pass, passlen)) };
            conn.server()?.check_password(user?, &Secret::from(pass?))
        })();
        // SAFETY: by this function's contract.
        unsafe { answer(conn, checked) }
    }

    /// Whether a user exists.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; strings are NULL or NUL-terminated.
    pub fn sasl_user_exists(
        conn: *mut Conn,
        service: *const c_char,
        user_realm: *const c_char,
        user: *const c_char,
    ) -> c_int {
        let known = (|| {
            global::need_server()?;
            // SAFETY: by this function's contract.
            let (conn, service, realm, user) = unsafe {
                (connection(conn)?, arg::optional_str(service), arg::optional_str(user_realm), arg::text(user, "user")?)
            };
            conn.server()?.user_exists(user, service.as_deref(), realm.as_deref())
        })();
        // SAFETY: by this function's contract.
        unsafe { answer(conn, known) }
    }

    /// Checks the response to an APOP challenge (RFC 1939 section 7). With a NULL challenge: whether APOP is available.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; the strings are NULL or NUL-terminated, whatever the lengths say.
    pub fn sasl_checkapop(
        conn: *mut Conn,
        challenge: *const c_char,
        _challen: c_uint,
        response: *const c_char,
        _resplen: c_uint,
    ) -> c_int {
        if challenge.is_null() {
            return boundary::code(global::need_server(), OK);
        }
        let checked = (|| {
            global::need_server()?;
            // SAFETY: by this function's contract.
            let (conn, challenge, response) =
                unsafe { (connection(conn)?, arg::text(challenge, "challenge")?, arg::text(response, "response")?) };
            conn.server()?.check_apop(challenge, response)
        })();
        // SAFETY: by this function's contract.
        unsafe { answer(conn, checked) }
    }

    /// Sets or, with `SASL_SET_DISABLE`, removes a user's password.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; `user` is NULL or a string; the passwords are NULL or have their lengths.
    pub fn sasl_setpass(
        conn: *mut Conn,
        user: *const c_char,
        pass: *const c_char,
        passlen: c_uint,
        oldpass: *const c_char,
        oldpasslen: c_uint,
        flags: c_uint,
    ) -> c_int {
        let set = (|| {
            global::need_server()?;
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            let flags = PasswordFlags(flags);
            // Who is disabled gets no password, so that it does not matter what was given for one.
            let passlen = if flags.has(PasswordFlags::DISABLE) { 0 } else { passlen };
            // SAFETY: by this function's contract.
            let (user, pass, old) = unsafe {
                (
                    arg::text(user, "user"),
                    arg::bytes(pass, passlen, "pass"),
                    arg::bytes(oldpass, oldpasslen, "oldpass"),
                )
            };
            let (user, pass, old) = (user?, pass?.map(Secret::from), old?.map(Secret::from));
            let password = pass.as_ref().filter(|_| !flags.has(PasswordFlags::DISABLE));
            conn.server()?.set_password(user, &PasswordChange { password, old: old.as_ref(), flags })
        })();
        // SAFETY: by this function's contract.
        unsafe { answer(conn, set) }
    }
}

/// A connection that must be there.
///
/// # Safety
/// `conn` is NULL or a connection that lives for `'a`.
pub unsafe fn connection<'a>(conn: *mut Conn) -> Result<&'a Conn> {
    // SAFETY: by this function's contract.
    unsafe { conn.as_ref() }.ok_or_else(|| Error::param("no connection"))
}

/// The code of a call that is refused before it reaches the session, which keeps the reason.
///
/// # Safety
/// `conn` is NULL or a connection.
pub unsafe fn refused(conn: *mut Conn, error: &Error) -> c_int {
    // SAFETY: by this function's contract.
    if let Some(conn) = unsafe { conn.as_ref() } {
        conn.note(error);
    }
    error.code().number()
}

/// What C gets for a call that answers nothing but its outcome. A parameter that is refused here is the connection's last
/// error, since the session has not seen it.
///
/// # Safety
/// `conn` is NULL or a connection.
pub unsafe fn answer<T>(conn: *mut Conn, result: Result<T>) -> c_int {
    match result {
        // SAFETY: by this function's contract.
        Err(error) if error.code() == Code::BadParam => unsafe { refused(conn, &error) },
        other => boundary::code(other, OK),
    }
}

/// Bytes with a length, where 0 stands for a string's own.
///
/// # Safety
/// `data` is NULL or has `len` bytes, or a NUL at its end where `len` is 0.
unsafe fn counted<'a>(data: *const c_char, len: c_uint) -> Result<&'a [u8]> {
    // SAFETY: by this function's contract.
    unsafe {
        match len {
            0 => arg::text(data, "a string"),
            _ => Ok(arg::bytes(data, len, "a string")?.unwrap_or_default()),
        }
    }
}

/// Hands a new connection to C, or tells why there is none.
pub fn give_connection(made: Result<Box<Conn>>, pconn: *mut *mut Conn) -> c_int {
    let (conn, status) = match made {
        Ok(conn) => (Box::into_raw(conn), OK),
        Err(error) => (std::ptr::null_mut(), error.code().number()),
    };
    // SAFETY: by the contract of the functions that make connections.
    unsafe { arg::put(pconn, conn) };
    status
}

/// Hands the outcome of a start or step to C.
///
/// # Safety
/// `out` and `outlen` are NULL or writable.
pub unsafe fn give_progress(
    conn: &Conn,
    progress: Result<Progress>,
    out: *mut *const c_char,
    outlen: *mut c_uint,
) -> c_int {
    let (status, data) = match progress {
        Ok(Progress::Continue(data)) => (CONTINUE, data),
        Ok(Progress::Done(data)) => (OK, data),
        Err(error) => {
            // Whatever refused it, a plugin's data for the exchange go now.
            if let Some(host) = conn.host.get().filter(|_| error.code() != Code::Interact) {
                host.end();
            }
            (error.code().number(), None)
        }
    };
    let len = data.as_ref().map_or(0, |data| data.len() as c_uint);
    let place = data.map_or(null(), |data| conn.slots.keep(Slot::Step, data));
    // SAFETY: by this function's contract.
    unsafe {
        arg::put(out, place);
        arg::put(outlen, len);
    }
    conn.refresh_props();
    status
}
