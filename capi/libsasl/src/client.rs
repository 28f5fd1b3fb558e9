//! The client's side: `sasl_client_*` (`sasl.h`, "Client").

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr::null_mut;

use oxisasl::{ClientParams, Progress, Result};
use oxisasl_capi_common::callbacks::{Callback, List};
use oxisasl_capi_common::{arg, export_unversioned};

use crate::abi::{CONTINUE, FAIL, Interact, OK, RawSecret};
use crate::conn::{CallbackAnswers, Conn, Hooks, Session, Slot};
use crate::memory::{self, Output};
use crate::server::{connection, give_connection};
use crate::{errors, global, interact};

export_unversioned! {
    /// Makes a connection of a client with one server.
    ///
    /// # Safety
    /// As for `sasl_server_new`; `prompt_supp` is the list of callbacks.
    pub fn sasl_client_new(
        service: *const c_char,
        server_fqdn: *const c_char,
        prompt_supp: *const Callback,
        secflags: c_int,
        pconn: *mut *mut Conn,
    ) -> c_int {
        let made = (|| {
            let (engine, global_list) = global::client()?;
            if pconn.is_null() || service.is_null() {
                return Err(errors::refused("no service or place for the connection"));
            }
            // SAFETY: by this function's contract.
            let (service, fqdn, own) =
                unsafe { (arg::optional_str(service), arg::optional_str(server_fqdn), List::new(prompt_supp)) };
            let conn = Conn::new(own, global_list);
            let mut params =
                ClientParams::new(service.unwrap_or_default(), CallbackAnswers::new(&conn)).hooks(Hooks::new(&conn));
            if let Some(fqdn) = fqdn {
                params = params.fqdn(fqdn);
            }
            let session = engine.session(params)?;
            conn.begin(Session::Client(session), secflags)?;
            Ok(conn)
        })();
        give_connection(made, pconn)
    }

    /// Chooses a mechanism out of the server's list, and begins.
    ///
    /// # Safety
    /// `conn` is NULL or a client's connection; `mechlist` is NULL or a string; `secret` is NULL or a secret. `prompt_need` is NULL
    /// or writable: it gets what the user must be asked, and is given back with the answers. `clientout` is NULL when no initial
    /// response can be sent; else it and `clientoutlen` are writable, and the caller frees the output. `mech` is NULL or
    /// writable.
    pub fn sasl_client_start(
        conn: *mut Conn,
        mechlist: *const c_char,
        secret: *mut RawSecret,
        prompt_need: *mut *mut Interact,
        clientout: *mut *mut c_char,
        clientoutlen: *mut c_uint,
        mech: *mut *const c_char,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let output = unsafe { Output::new(clientout, clientoutlen) };
        let outcome = (|| {
            global::client()?;
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            let session = conn.client()?;
            // SAFETY: by this function's contract.
            let list = unsafe {
                interact::take_answers(session, prompt_need);
                arg::text(mechlist, "mechlist")?
            };
            conn.forget();
            // SAFETY: by this function's contract.
            conn.keep_password((!secret.is_null()).then(|| unsafe { RawSecret::copy(secret) }));
            let list = String::from_utf8_lossy(list);
            let started = if clientout.is_null() { session.choose_only(&list) } else { session.start(&list) };
            if session.mechanism().is_some() {
                // SAFETY: by this function's contract.
                unsafe { arg::put(mech, conn.slots.keep_copy(Slot::Mechanism, session.chosen_name().as_bytes())) };
            }
            // SAFETY: by this function's contract.
            unsafe { finish(conn, started.map(|start| start.progress), prompt_need, output) }
        })();
        outcome.unwrap_or_else(|error| errors::number(error.code()))
    }

    /// Goes on with what the server sent.
    ///
    /// # Safety
    /// As for `sasl_client_start`; `serverin` is NULL or has `serverinlen` bytes.
    pub fn sasl_client_step(
        conn: *mut Conn,
        serverin: *const c_char,
        serverinlen: c_uint,
        prompt_need: *mut *mut Interact,
        clientout: *mut *mut c_char,
        clientoutlen: *mut c_uint,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let output = unsafe { Output::new(clientout, clientoutlen) };
        let outcome = (|| {
            global::client()?;
            // SAFETY: by this function's contract.
            let (conn, input) = unsafe { (connection(conn)?, arg::bytes(serverin, serverinlen, "serverin")?) };
            let session = conn.client()?;
            // SAFETY: by this function's contract.
            unsafe { interact::take_answers(session, prompt_need) };
            // SAFETY: by this function's contract.
            unsafe { finish(conn, session.step(input), prompt_need, output) }
        })();
        outcome.unwrap_or_else(|error| errors::number(error.code()))
    }

    /// Would log in for several connections; 1.5 never could.
    ///
    /// # Safety
    /// `keep` is NULL or writable.
    pub fn sasl_client_auth(
        _conn: *mut Conn,
        _user: *const c_char,
        _pass: *const c_char,
        _passlen: c_uint,
        _prompts: *mut c_void,
        keep: *mut *mut RawSecret,
    ) -> c_int {
        // SAFETY: by this function's contract.
        unsafe { arg::put(keep, null_mut()) };
        FAIL
    }

    /// Wipes and frees a secret, and sets the pointer to it to NULL.
    ///
    /// # Safety
    /// `secret` is NULL, or points to NULL or a secret of the application's allocator.
    pub fn sasl_free_secret(secret: *mut *mut RawSecret) -> () {
        if !secret.is_null() {
            // SAFETY: by this function's contract.
            unsafe { memory::free_secret(secret.replace(null_mut())) };
        }
    }
}

/// Hands the outcome to C. Where the mechanism has nothing more to say but the protocol makes the client answer the
/// server's last message, that answer is empty.
///
/// # Safety
/// `prompt_need` is NULL or writable.
unsafe fn finish(
    conn: &Conn,
    progress: Result<Progress>,
    prompt_need: *mut *mut Interact,
    output: Output,
) -> Result<c_int> {
    match progress {
        Ok(Progress::Continue(data)) => output.give(data).map(|()| CONTINUE),
        Ok(Progress::Done(data)) => {
            output.give(Some(data.unwrap_or_default()))?;
            conn.keep_password(None);
            conn.done.set(true);
            Ok(OK)
        }
        Err(error) => {
            if error.prompts().is_empty() {
                conn.keep_password(None);
            } else {
                // SAFETY: by this function's contract.
                unsafe { interact::give_prompts(conn, error.prompts(), prompt_need) }?;
            }
            Err(error)
        }
    }
}
