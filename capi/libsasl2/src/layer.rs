//! Security layers and the end of a connection: `sasl_encode`, `sasl_encodev`, `sasl_decode`, `sasl_dispose`.

use std::ffi::{c_char, c_int, c_uint};
use std::ptr::{null, null_mut};
use std::slice;

use oxisasl::log::Level;
use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::{arg, export};

use crate::abi::IoVec;
use crate::conn::{Conn, Session, Slot};
use crate::server::{answer, connection};

export! {
    /// Protects what is to be sent.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `input` is NULL or has `inputlen` bytes; `output` and `outputlen` are NULL or writable. The
    /// output stays until the next encoding.
    pub fn sasl_encode(
        conn: *mut Conn,
        input: *const c_char,
        inputlen: c_uint,
        output: *mut *const c_char,
        outputlen: *mut c_uint,
    ) -> c_int {
        let encoded = (|| {
            // SAFETY: by this function's contract.
            let (conn, input) = unsafe { (connection(conn)?, arg::bytes(input, inputlen, "input")?) };
            match input {
                // Unlike pieces with nothing in them, a buffer with nothing in it is a mistake of the caller.
                None | Some([]) => Err(Error::param("nothing to encode")),
                Some(input) => encode(conn, &[input], output, outputlen),
            }
        })();
        // SAFETY: by this function's contract.
        unsafe { answer(conn, encoded) }
    }

    /// Protects what is to be sent, which is in several pieces.
    ///
    /// # Safety
    /// As for `sasl_encode`; `invec` is NULL or has `numiov` pieces.
    pub fn sasl_encodev(
        conn: *mut Conn,
        invec: *const IoVec,
        numiov: c_uint,
        output: *mut *const c_char,
        outputlen: *mut c_uint,
    ) -> c_int {
        let encoded = (|| {
            // SAFETY: by this function's contract.
            let conn = unsafe { connection(conn)? };
            if invec.is_null() || numiov == 0 {
                return Err(Error::param("nothing to encode"));
            }
            // SAFETY: by this function's contract.
            let pieces = unsafe { slice::from_raw_parts(invec, numiov as usize) };
            let chunks: Vec<&[u8]> = pieces
                .iter()
                .filter(|piece| !piece.base.is_null())
                // SAFETY: by this function's contract.
                .map(|piece| unsafe { slice::from_raw_parts(piece.base.cast(), piece.len) })
                .collect();
            encode(conn, &chunks, output, outputlen)
        })();
        // SAFETY: by this function's contract.
        unsafe { answer(conn, encoded) }
    }

    /// Takes what was received, in pieces of any size, and gives what it means; NULL while no packet is complete.
    ///
    /// # Safety
    /// As for `sasl_encode`; the output stays until the next decoding.
    pub fn sasl_decode(
        conn: *mut Conn,
        input: *const c_char,
        inputlen: c_uint,
        output: *mut *const c_char,
        outputlen: *mut c_uint,
    ) -> c_int {
        let decoded = (|| {
            // SAFETY: by this function's contract.
            let (conn, input) = unsafe { (connection(conn)?, arg::bytes(input, inputlen, "input")?) };
            let input = input.ok_or_else(|| Error::param("no input"))?;
            if output.is_null() || outputlen.is_null() {
                return Err(Error::param("no place for the output"));
            }
            let mut clear = Vec::with_capacity(input.len() + 1);
            let decoded = match conn.session() {
                Some(Session::Server(session)) => session.decode(input, &mut clear),
                Some(Session::Client(session)) => session.decode(input, &mut clear),
                None => Err(Error::param("no session")),
            };
            // Where nothing was decoded at all the caller's variables stay as they are.
            let refused = tell_of_misuse(conn, &decoded);
            if !refused {
                let shown = decoded.is_ok() && (!clear.is_empty() || !conn.has_layer());
                let len = if shown { clear.len() as c_uint } else { 0 };
                let place = if shown { conn.slots.keep(Slot::Decoded, clear) } else { null() };
                // SAFETY: by this function's contract.
                unsafe {
                    arg::put(output, place);
                    arg::put(outputlen, len);
                }
            }
            decoded
        })();
        // SAFETY: by this function's contract.
        unsafe { answer(conn, decoded) }
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

fn encode(conn: &Conn, chunks: &[&[u8]], output: *mut *const c_char, outputlen: *mut c_uint) -> Result<()> {
    let total: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    if output.is_null() || outputlen.is_null() {
        return Err(Error::param("no place for the output"));
    }
    let mut packets = Vec::with_capacity(total + 64);
    let encoded = match conn.session() {
        Some(Session::Server(session)) => session.encode(chunks, &mut packets),
        Some(Session::Client(session)) => session.encode(chunks, &mut packets),
        None => Err(Error::param("no session")),
    };
    tell_of_misuse(conn, &encoded);
    encoded?;
    // SAFETY: by the contract of the functions that encode.
    unsafe {
        arg::put(outputlen, packets.len() as c_uint);
        arg::put(output, conn.slots.keep(Slot::Encoded, packets));
    }
    Ok(())
}

/// Whether the application may not use a layer as it does; the log then has a line.
fn tell_of_misuse(conn: &Conn, result: &Result<()>) -> bool {
    match result {
        Err(error) if matches!(error.code(), Code::TooWeak | Code::BufOver) => {
            conn.write_log(Level::Fail, error.detail());
            true
        }
        _ => false,
    }
}
