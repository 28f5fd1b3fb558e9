//! Security layers and the end of a connection: `sasl_encode`, `sasl_decode`, `sasl_dispose`.

use std::ffi::{c_char, c_int, c_uint};
use std::ptr::null_mut;

use oxisasl::Result;
use oxisasl_capi_common::{arg, export_unversioned};

use crate::conn::{Conn, either};
use crate::errors;
use crate::memory::Output;
use crate::server::connection;

export_unversioned! {
    /// Protects what is to be sent.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `input` is NULL or has `inputlen` bytes; `output` and `outputlen` are NULL or writable. The
    /// caller frees the output.
    pub fn sasl_encode(
        conn: *mut Conn,
        input: *const c_char,
        inputlen: c_uint,
        output: *mut *mut c_char,
        outputlen: *mut c_uint,
    ) -> c_int {
        // SAFETY: by this function's contract.
        errors::status(unsafe { convert(conn, (input, inputlen), Output::new(output, outputlen), encode) })
    }

    /// Takes what was received, in pieces of any size, and gives what it means; NULL while no packet is complete.
    ///
    /// # Safety
    /// As for `sasl_encode`.
    pub fn sasl_decode(
        conn: *mut Conn,
        input: *const c_char,
        inputlen: c_uint,
        output: *mut *mut c_char,
        outputlen: *mut c_uint,
    ) -> c_int {
        // SAFETY: by this function's contract.
        errors::status(unsafe { convert(conn, (input, inputlen), Output::new(output, outputlen), decode) })
    }

    /// Ends a connection and sets the pointer to it to NULL.
    ///
    /// # Safety
    /// `pconn` is NULL, or points to NULL or a connection that nothing else uses.
    pub fn sasl_dispose(pconn: *mut *mut Conn) -> () {
        if pconn.is_null() {
            return;
        }
        // SAFETY: by this function's contract. The pointer is gone before anything of the connection is.
        let conn = unsafe { pconn.replace(null_mut()) };
        if !conn.is_null() {
            // SAFETY: the connection came from `Box::into_raw`, and by contract nothing else uses it.
            drop(unsafe { Box::from_raw(conn) });
        }
    }
}

/// What is done with the bytes of a connection that has a layer; nothing may come of them yet.
type How = fn(&Conn, &[u8]) -> Result<Option<Vec<u8>>>;

/// # Safety
/// `conn` is NULL or a connection, the input is NULL or has its length.
unsafe fn convert(conn: *mut Conn, (input, len): (*const c_char, c_uint), output: Output, how: How) -> Result<()> {
    // SAFETY: by this function's contract.
    let (conn, input) = unsafe { (connection(conn)?, arg::bytes(input, len, "input")) };
    let input = input.ok().flatten().ok_or_else(|| errors::refused("no input"))?;
    if !output.is_wanted() {
        return Err(errors::refused("no place for the output"));
    }
    // Without a layer there is nothing to ask the session, which would want to know how much can be received.
    let converted = if either!(conn, session => session.ssf()) == 0 { Some(input.to_vec()) } else { how(conn, input)? };
    output.give(converted)
}

fn encode(conn: &Conn, input: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut packets = Vec::with_capacity(input.len() + 64);
    either!(conn, session => session.encode(&[input], &mut packets))?;
    Ok(Some(packets))
}

fn decode(conn: &Conn, input: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut clear = Vec::with_capacity(input.len() + 1);
    let decoded = either!(conn, session => session.decode(input, &mut clear));
    if decoded.is_err() {
        zeroize::Zeroize::zeroize(&mut clear);
    }
    decoded?;
    Ok(Some(clear).filter(|clear| !clear.is_empty()))
}
