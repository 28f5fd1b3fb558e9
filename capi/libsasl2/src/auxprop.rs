//! The properties of a connection's users, and storing them (`sasl.h`, "auxprop").

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use oxisasl::store::Change;
use oxisasl::{Code, Error, Result, Secret};
use oxisasl_capi_common::{arg, boundary, export};

use crate::abi::OK;
use crate::conn::Conn;
use crate::global;
use crate::propctx::{self, PropCtx};
use crate::server::connection;

export! {
    /// Requests properties of a connection's users in addition to those requested before. Without a list all requests are dropped.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `propnames` is NULL or a list of strings that ends with NULL. They are copied.
    pub fn sasl_auxprop_request(conn: *mut Conn, propnames: *const *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        let requested = unsafe { connection(conn) }.and_then(|conn| {
            // SAFETY: by this function's contract.
            let result = unsafe { request(conn, propnames) };
            result.inspect_err(|error| conn.note(error))
        });
        boundary::code(requested, OK)
    }

    /// The property context of a server's connection, which lives as long as the connection; NULL for a client's.
    ///
    /// # Safety
    /// `conn` is NULL or a connection.
    pub fn sasl_auxprop_getctx(conn: *mut Conn) -> *mut PropCtx {
        // SAFETY: by this function's contract.
        unsafe { conn.as_ref() }.map_or(null_mut(), Conn::propctx)
    }

    /// Stores what is in a context as properties of a user; a property without a value is removed. Without a context: whether
    /// anything can be stored, which can also be asked without a connection.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `ctx` is NULL or a context; `user` is NULL or a string.
    pub fn sasl_auxprop_store(conn: *mut Conn, ctx: *mut PropCtx, user: *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        let (conn, ctx) = unsafe { (conn.as_ref(), ctx.as_ref()) };
        let stored = match ctx {
            None => can_store(conn),
            Some(ctx) => conn.ok_or_else(|| Error::param("no connection")).and_then(|conn| {
                // SAFETY: by this function's contract.
                store(conn, ctx, unsafe { arg::text(user, "user")? })
            }),
        };
        boundary::code(stored, OK)
    }
}

/// # Safety
/// `names` is NULL or a list of strings that ends with NULL.
unsafe fn request(conn: &Conn, names: *const *const c_char) -> Result<()> {
    conn.server()?;
    // SAFETY: a server's connection has a context, which lives as long as it.
    let ctx = unsafe { conn.propctx().as_ref() }.ok_or_else(|| Error::fail("the connection has no properties"))?;
    if names.is_null() {
        ctx.clear(true);
        return Ok(());
    }
    // SAFETY: by this function's contract.
    unsafe { propctx::request(ctx, names) }
}

fn store(conn: &Conn, ctx: &PropCtx, user: &[u8]) -> Result<()> {
    // Copied, since a store may look at the context it is given, and change it. Values are strings here, and end at their
    // NUL: plugins hand over whole buffers.
    let text = |value: &Secret| Secret::from(value.expose().split(|byte| *byte == 0).next().unwrap_or_default());
    let rows: Vec<(String, Vec<Secret>)> = ctx.props().read(|rows| {
        let values = |values: &Option<Vec<Secret>>| values.iter().flatten().map(text).collect();
        rows.iter().map(|row| (row.name.to_string(), values(&row.values))).collect()
    });
    let changes: Vec<Change<'_>> = rows.iter().map(|(name, values)| Change { name, values }).collect();
    conn.server()?.store_properties(user, &changes)
}

/// Whether the stores can be written to: those of a server's connection, or else of the server side as a whole, by the
/// options of the callbacks that it was initialised with.
fn can_store(conn: Option<&Conn>) -> Result<()> {
    let able = match conn.map(Conn::server) {
        Some(Ok(session)) => session.can_store(),
        _ => global::server().map_err(|error| error.with_code(Code::Fail)).and_then(|(server, _)| server.can_store()),
    };
    // C knows no code for a store that is read only.
    able.map_err(|error| if error.code() == Code::NoChange { error.with_code(Code::Fail) } else { error })
}
