//! Properties of users for applications: `sasl_auxprop_request`, `sasl_auxprop_getctx`, `sasl_auxprop_store`.

use std::ffi::{CStr, c_char, c_int};

use oxisasl::store::Change;
use oxisasl::{Code, Error, Result, Secret};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::OK;
use crate::conn::{Conn, Session};
use crate::global;
use crate::propctx::PropCtx;
use crate::server::connection;

export! {
    /// Requests properties of the users of a connection; NULL forgets all requests.
    ///
    /// # Safety
    /// `conn` is NULL or a server's connection; `propnames` is NULL or an array of strings that ends with NULL.
    pub fn sasl_auxprop_request(conn: *mut Conn, propnames: *const *const c_char) -> c_int {
        let requested = (|| {
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            let session = conn.server()?;
            if propnames.is_null() {
                session.props().clear(true);
            } else {
                // SAFETY: by this function's contract.
                session.props().request(unsafe { names(propnames) });
            }
            conn.refresh_props();
            Ok(())
        })();
        boundary::code(requested, OK)
    }

    /// The property context of a server's connection, which lives as long; NULL for a client's.
    ///
    /// # Safety
    /// `conn` is NULL or a connection.
    pub fn sasl_auxprop_getctx(conn: *mut Conn) -> *mut PropCtx {
        // SAFETY: by this function's contract.
        match unsafe { conn.as_ref() } {
            Some(conn) => {
                conn.refresh_props();
                conn.propctx()
            }
            None => std::ptr::null_mut(),
        }
    }

    /// Stores the properties of a context for a user: a property without a value is removed. Without context and user: whether
    /// anything can be stored.
    ///
    /// # Safety
    /// `conn` is NULL or a connection, `ctx` is NULL or a context, `user` is NULL or a string.
    pub fn sasl_auxprop_store(conn: *mut Conn, ctx: *mut PropCtx, user: *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        let (conn, ctx, user) = unsafe { (conn.as_ref(), ctx.as_ref(), arg::optional_text(user)) };
        let stored = match (conn, ctx, user) {
            (conn, None, None) => can_store(conn),
            (Some(conn), Some(ctx), Some(user)) => store(conn, ctx, user),
            _ => Err(Error::param("connection, context and user belong together")),
        };
        boundary::code(stored, OK)
    }
}

/// # Safety
/// `next` is an array of strings that ends with NULL.
unsafe fn names(mut next: *const *const c_char) -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: by this function's contract.
    unsafe {
        while !(*next).is_null() {
            names.push(CStr::from_ptr(*next).to_string_lossy().into_owned());
            next = next.add(1);
        }
    }
    names
}

fn can_store(conn: Option<&Conn>) -> Result<()> {
    let able = match conn.and_then(Conn::session) {
        Some(Session::Server(session)) => session.can_store(),
        _ => {
            let (engine, _) = global::server().map_err(|error| error.with_code(Code::Fail))?;
            engine.can_store()
        }
    };
    able.map_err(|error| if error.code() == Code::NoChange { error.with_code(Code::Fail) } else { error })
}

fn store(conn: &Conn, ctx: &PropCtx, user: &[u8]) -> Result<()> {
    let rows: Vec<(String, Vec<Secret>)> = ctx
        .props()
        .read(|rows| rows.iter().map(|row| (row.name.clone(), row.values.clone().unwrap_or_default())).collect());
    let changes: Vec<Change<'_>> = rows.iter().map(|(name, values)| Change { name, values }).collect();
    conn.server()?.store_properties(user, &changes)
}
