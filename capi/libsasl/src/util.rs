//! Tools for applications (`saslutil.h`).

use std::ffi::{c_char, c_int, c_uint};

use oxisasl::{Code, b64};
use oxisasl_capi_common::tools::{self, Rand};
use oxisasl_capi_common::{arg, export_unversioned};
use zeroize::Zeroizing;

use crate::abi::{FAIL, OK};
use crate::conn::Conn;

export_unversioned! {
    /// Encodes as base64 (RFC 4648 section 4), with a NUL behind where there is room for it.
    ///
    /// # Safety
    /// `input` is NULL or has `inlen` bytes; `out` is NULL or has room for `outmax`; `outlen` is NULL or writable.
    pub fn sasl_encode64(
        input: *const c_char,
        inlen: c_uint,
        out: *mut c_char,
        outmax: c_uint,
        outlen: *mut c_uint,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let (Ok(input), false) = (unsafe { arg::bytes(input, inlen, "input") }, out.is_null()) else { return FAIL };
        let text = Zeroizing::new(b64::encode(input.unwrap_or_default()).into_bytes());
        // SAFETY: by this function's contract.
        unsafe { arg::put(outlen, text.len() as c_uint) };
        if text.len() > outmax as usize {
            return Code::BufOver.number();
        }
        // SAFETY: there is room for the text, and behind it for the NUL where it is written.
        unsafe {
            out.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
            if text.len() < outmax as usize {
                out.add(text.len()).write(0);
            }
        }
        OK
    }

    /// Decodes base64, and puts a NUL behind. What is left over of the last four characters does not count.
    ///
    /// # Safety
    /// `input` is NULL or has `inlen` bytes; `out` is NULL or has room for what they stand for and a NUL, that is for three bytes
    /// for every four characters, less those that are padding, and one; `outlen` is NULL or writable.
    pub fn sasl_decode64(input: *const c_char, inlen: c_uint, out: *mut c_char, outlen: *mut c_uint) -> c_int {
        // SAFETY: by this function's contract.
        unsafe { arg::put(outlen, 0) };
        // SAFETY: by this function's contract.
        let input = unsafe { arg::bytes(input, inlen, "input") }.ok().flatten();
        let (Some(input), false) = (input, out.is_null()) else { return FAIL };
        let Some(bytes) = decode(input) else { return FAIL };
        // SAFETY: by this function's contract there is room.
        unsafe {
            out.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            out.add(bytes.len()).write(0);
            arg::put(outlen, bytes.len() as c_uint);
        }
        OK
    }

    /// Makes a challenge for APOP (RFC 1939 section 7), and says how long it is; 0 when there is no room for it.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `buf` is NULL or has room for `maxlen` bytes.
    pub fn sasl_mkchal(conn: *mut Conn, buf: *mut c_char, maxlen: c_uint, hostflag: c_int) -> c_int {
        // SAFETY: by this function's contract.
        let session = unsafe { conn.as_ref() }.and_then(|conn| conn.server().ok());
        let host = session.filter(|_| hostflag != 0).map(|session| session.fqdn());
        // SAFETY: by this function's contract.
        unsafe { tools::challenge(host, buf, maxlen) }
    }

    /// Whether bytes are UTF-8 (RFC 3629).
    ///
    /// # Safety
    /// `bytes` is NULL or has `len` bytes.
    pub fn sasl_utf8verify(bytes: *const c_char, len: c_uint) -> c_int {
        // SAFETY: by this function's contract.
        match unsafe { arg::bytes(bytes, len, "bytes") } {
            Ok(bytes) if str::from_utf8(bytes.unwrap_or_default()).is_ok() => OK,
            _ => Code::BadProt.number(),
        }
    }

    /// Makes a source of random bytes.
    ///
    /// # Safety
    /// `pool` is NULL or writable; it gets the source, which is to be freed with `sasl_randfree`.
    pub fn sasl_randcreate(pool: *mut *mut Rand) -> c_int {
        // SAFETY: by this function's contract.
        if unsafe { tools::rand_create(pool) } { OK } else { Code::BadParam.number() }
    }

    /// Frees a source of random bytes.
    ///
    /// # Safety
    /// `pool` is NULL, or points to NULL or a source that nothing else uses.
    pub fn sasl_randfree(pool: *mut *mut Rand) -> () {
        // SAFETY: by this function's contract.
        unsafe { tools::rand_free(pool) };
    }

    /// Makes the output follow from a seed. For tests: it is not random any more.
    ///
    /// # Safety
    /// `rand` is NULL or a source; `seed` is NULL or has `len` bytes.
    pub fn sasl_randseed(rand: *mut Rand, seed: *const c_char, len: c_uint) -> () {
        // SAFETY: by this function's contract.
        unsafe { tools::rand_seed(rand, seed, len) };
    }

    /// Fills a buffer with random bytes.
    ///
    /// # Safety
    /// `rand` is NULL or a source; `buffer` is NULL or has room for `len` bytes.
    pub fn sasl_rand(rand: *mut Rand, buffer: *mut c_char, len: c_uint) -> () {
        // SAFETY: by this function's contract.
        unsafe { tools::rand_fill(rand, buffer, len) };
    }

    /// Adds randomness to a source. The system's needs none, and one that was seeded is to stay as it was.
    pub fn sasl_churn(_rand: *mut Rand, _data: *const c_char, _len: c_uint) -> () {}
}

/// The bytes that a text stands for; `None` for one with a character that does not belong there.
fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if text.starts_with(b"\r") {
        return None;
    }
    let text = text.strip_prefix(b"+ ").unwrap_or(text);
    let (quanta, _) = text.as_chunks::<4>();
    let mut room = Zeroizing::new(vec![0; quanta.len() * 3 + 1]);
    let decoded = b64::decode_c(quanta.as_flattened(), &mut room);
    decoded.result.ok()?;
    room.truncate(decoded.len?);
    Some(room)
}
