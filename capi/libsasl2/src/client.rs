//! The client's side: `sasl_client_*` (`sasl.h`, "Client").

use std::borrow::Cow;
use std::ffi::{c_char, c_int, c_uint};
use std::ptr::null_mut;

use oxisasl::policy::SessionFlags;
use oxisasl::{ClientParams, ClientSession, Error, Progress, Result};
use oxisasl_capi_common::callbacks::{Callback, List};
use oxisasl_capi_common::{arg, export};

use crate::abi::Interact;
use crate::conn::{CallbackAnswers, Conn, Hooks, Session, Slot};
use crate::server::{connection, give_connection, give_progress, refused};
use crate::{global, init, interact};

export! {
    /// Makes a connection of a client with one server.
    ///
    /// # Safety
    /// As for `sasl_server_new`; `prompt_supp` is the list of callbacks.
    pub fn sasl_client_new(
        service: *const c_char,
        server_fqdn: *const c_char,
        iplocalport: *const c_char,
        ipremoteport: *const c_char,
        prompt_supp: *const Callback,
        flags: c_uint,
        pconn: *mut *mut Conn,
    ) -> c_int {
        init::settle_client();
        let made = (|| {
            let (engine, global_list) = global::client()?;
            if pconn.is_null() || service.is_null() {
                return Err(Error::param("no service or place for the connection"));
            }
            // SAFETY: by this function's contract.
            let (service, fqdn, local, remote, own) = unsafe {
                (
                    arg::optional_str(service),
                    arg::optional_str(server_fqdn),
                    arg::optional_str(iplocalport),
                    arg::optional_str(ipremoteport),
                    List::new(prompt_supp),
                )
            };
            let conn = Conn::new(prompt_supp, own, global_list);
            let mut params = ClientParams::new(service.unwrap_or_default(), CallbackAnswers::new(&conn))
                .flags(SessionFlags::from_bits(flags))
                .hooks(Hooks::new(&conn));
            if let Some(fqdn) = fqdn {
                params = params.fqdn(fqdn);
            }
            let session = engine.session(params)?;
            session.set_local(local.as_deref())?;
            session.set_remote(remote.as_deref())?;
            conn.set_session(Session::Client(session));
            Ok(conn)
        })();
        give_connection(made, pconn)
    }

    /// Chooses a mechanism out of the server's list, and begins.
    ///
    /// # Safety
    /// `conn` is NULL or a client's connection; `mechlist` is NULL or a string. `prompt_need` is NULL or writable: it gets what the
    /// user must be asked, and is given back with the answers. `clientout` is NULL when no initial response can be sent; else it
    /// and `clientoutlen` are writable, and the output stays until the next start or step. `mech` is NULL or writable.
    pub fn sasl_client_start(
        conn: *mut Conn,
        mechlist: *const c_char,
        prompt_need: *mut *mut Interact,
        clientout: *mut *const c_char,
        clientoutlen: *mut c_uint,
        mech: *mut *const c_char,
    ) -> c_int {
        let begun = (|| {
            global::need_client()?;
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            let session = conn.client()?;
            // SAFETY: by this function's contract.
            let answered = unsafe { answers(conn, session, prompt_need)? };
            // SAFETY: by this function's contract.
            let list = unsafe { arg::optional_lossy(mechlist) };
            let list = match (list, answered) {
                (Some(list), _) => list,
                (None, true) => Cow::Borrowed(""),
                (None, false) => return Err(Error::param("no list of mechanisms")),
            };
            Ok((conn, session, list))
        })();
        let (conn, session, list) = match begun {
            Ok(begun) => begun,
            // SAFETY: by this function's contract.
            Err(error) => return unsafe { refused(conn, &error) },
        };
        let started = if clientout.is_null() {
            if let Some(host) = conn.host.get() {
                host.asking.set(false);
            }
            session.choose_only(&list)
        } else {
            session.start(&list)
        };
        if session.mechanism().is_some() {
            let name = session.chosen_name();
            // SAFETY: by this function's contract.
            unsafe { arg::put(mech, conn.slots.keep_copy(Slot::Mechanism, name.as_bytes())) };
        }
        // SAFETY: by this function's contract.
        unsafe { finish(conn, started.map(|start| start.progress), prompt_need, clientout, clientoutlen) }
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
        clientout: *mut *const c_char,
        clientoutlen: *mut c_uint,
    ) -> c_int {
        let begun: Result<_> = (|| {
            global::need_client()?;
            // SAFETY: by this function's contract.
            let (conn, input) = unsafe { (connection(conn)?, arg::bytes(serverin, serverinlen, "serverin")?) };
            let session = conn.client()?;
            // SAFETY: by this function's contract.
            unsafe { answers(conn, session, prompt_need)? };
            Ok((conn, session.step(input)))
        })();
        match begun {
            // SAFETY: by this function's contract.
            Err(error) => unsafe { refused(conn, &error) },
            // SAFETY: by this function's contract.
            Ok((conn, progress)) => unsafe { finish(conn, progress, prompt_need, clientout, clientoutlen) },
        }
    }
}

/// Takes the answers to the questions of the step before. Those of a plugin are its own: it is given the place.
///
/// # Safety
/// As for [`interact::take_answers`], or the array is a plugin's.
unsafe fn answers(conn: &Conn, session: &ClientSession, prompt_need: *mut *mut Interact) -> Result<bool> {
    conn.prompt_place.set(prompt_need);
    // SAFETY: by this function's contract.
    let given = unsafe { prompt_need.as_ref() }.is_some_and(|array| !array.is_null());
    if given && conn.host.get().is_some_and(|host| host.asking.get()) {
        return Ok(true);
    }
    // SAFETY: by this function's contract.
    unsafe { interact::take_answers(session, prompt_need) }
}

/// Hands the outcome to C. Where the mechanism has nothing more to say but the protocol makes the client answer the
/// server's last message, that answer is empty.
///
/// # Safety
/// The pointers are NULL or writable.
unsafe fn finish(
    conn: &Conn,
    progress: Result<Progress>,
    prompt_need: *mut *mut Interact,
    clientout: *mut *const c_char,
    clientoutlen: *mut c_uint,
) -> c_int {
    conn.prompt_place.set(null_mut());
    let success_data = conn.client().is_ok_and(|session| session.flags().contains(SessionFlags::SUCCESS_DATA));
    let progress = match progress {
        Ok(Progress::Done(None)) if !success_data => Ok(Progress::Done(Some(Vec::new()))),
        Err(error) if !error.prompts().is_empty() => {
            // SAFETY: by this function's contract.
            let given = unsafe { interact::give_prompts(conn, error.prompts(), prompt_need) };
            if let (Err(error), Ok(session)) = (&given, conn.client()) {
                session.note_error(error);
            }
            given.and(Err(error))
        }
        other => other,
    };
    // SAFETY: by this function's contract.
    unsafe { give_progress(conn, progress, clientout, clientoutlen) }
}
