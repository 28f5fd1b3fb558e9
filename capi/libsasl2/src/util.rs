//! Tools for applications (`saslutil.h`), and the list of all mechanisms.

use std::ffi::{CString, c_char, c_int, c_uint};
use std::ptr::{null, null_mut};
use std::slice;
use std::sync::{Mutex, PoisonError};

use oxisasl::{b64, text};
pub use oxisasl_capi_common::tools::Rand;
use oxisasl_capi_common::{arg, export, tools};
use zeroize::Zeroize as _;

use crate::abi::{CONTINUE, OK};
use crate::calls::c_string;
use crate::conn::{Conn, Session};
use crate::global;

/// The list that `sasl_global_listmech` gives: strings, and an array of pointers to them that ends with NULL.
struct MechList {
    _names: Vec<CString>,
    array: Vec<*const c_char>,
}

// SAFETY: the pointers lead into the strings beside them, which are not changed.
unsafe impl Send for MechList {}

static LIST: Mutex<Option<MechList>> = Mutex::new(None);

export! {
    /// Every mechanism of both sides, in an array that ends with NULL; NULL before any init. It stays until the next call or
    /// the last done.
    pub fn sasl_global_listmech() -> *mut *const c_char {
        let names = global::read(|global| {
            let client = global.client.iter().flat_map(|side| {
                let mechs = side.engine.registry().iter().rev();
                mechs.filter(|mech| mech.info().client.is_some()).map(|mech| mech.info().name.to_string()).collect::<Vec<_>>()
            });
            let server = global.server.iter().flat_map(|side| {
                let mechs = side.engine.registry().iter().rev();
                mechs.filter(|mech| mech.info().server.is_some()).map(|mech| mech.info().name.to_string()).collect::<Vec<_>>()
            });
            let mut all: Vec<String> = Vec::new();
            for name in client.chain(server) {
                if !all.contains(&name) {
                    all.push(name);
                }
            }
            (global.client.is_some() || global.server.is_some()).then_some(all)
        });
        let Some(names) = names else { return null_mut() };
        let names: Vec<CString> = names.iter().map(|name| c_string(name.as_bytes())).collect();
        let mut array: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        array.push(null());
        let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        list.insert(MechList { _names: names, array }).array.as_mut_ptr()
    }

    /// Encodes as base64 (RFC 4648 section 4), with a NUL behind.
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
        let (Ok(input), false) = (unsafe { arg::bytes(input, inlen, "input") }, out.is_null() && outmax > 0) else {
            return oxisasl::Code::BadParam.number();
        };
        let room = match out.is_null() {
            true => &mut [],
            // SAFETY: by this function's contract.
            false => unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), outmax as usize) },
        };
        let (result, len) = b64::encode_c(input.unwrap_or_default(), room);
        // SAFETY: by this function's contract.
        unsafe { arg::put(outlen, len as c_uint) };
        result.map_or_else(|code| code.number(), |()| OK)
    }

    /// Decodes base64, and puts a NUL behind.
    ///
    /// # Safety
    /// As for `sasl_encode64`.
    pub fn sasl_decode64(
        input: *const c_char,
        inlen: c_uint,
        out: *mut c_char,
        outmax: c_uint,
        outlen: *mut c_uint,
    ) -> c_int {
        // SAFETY: by this function's contract.
        let input = unsafe { arg::bytes(input, inlen, "input") };
        let (Ok(input), false) = (input, out.is_null()) else { return oxisasl::Code::Fail.number() };
        // SAFETY: by this function's contract.
        let room = unsafe { slice::from_raw_parts_mut(out.cast::<u8>(), outmax as usize) };
        let decoded = b64::decode_c(input.unwrap_or_default(), room);
        if let Some(len) = decoded.len {
            // SAFETY: by this function's contract.
            unsafe { arg::put(outlen, len as c_uint) };
        }
        match decoded.result {
            Ok(true) => OK,
            Ok(false) => CONTINUE,
            Err(code) => code.number(),
        }
    }

    /// Makes a challenge for APOP (RFC 1939 section 7), and says how long it is; 0 when there is no room for it.
    ///
    /// # Safety
    /// `conn` is NULL or a connection; `buf` is NULL or has room for `maxlen` bytes.
    pub fn sasl_mkchal(conn: *mut Conn, buf: *mut c_char, maxlen: c_uint, hostflag: c_uint) -> c_int {
        // SAFETY: by this function's contract.
        let conn = unsafe { conn.as_ref() };
        let host = match (hostflag, conn.and_then(Conn::session)) {
            (0, _) | (_, None) => None,
            (_, Some(Session::Server(session))) => Some(session.fqdn()),
            (_, Some(Session::Client(session))) => session.fqdn(),
        };
        // SAFETY: by this function's contract.
        unsafe { tools::challenge(host, buf, maxlen) }
    }

    /// Whether bytes are UTF-8, as mechanisms see it.
    ///
    /// # Safety
    /// `bytes` is NULL or has `len` bytes.
    pub fn sasl_utf8verify(bytes: *const c_char, len: c_uint) -> c_int {
        // SAFETY: by this function's contract.
        match unsafe { arg::bytes(bytes, len, "bytes") } {
            Ok(bytes) if text::utf8verify(bytes.unwrap_or_default()) => OK,
            _ => oxisasl::Code::BadProt.number(),
        }
    }

    /// Makes a source of random bytes.
    ///
    /// # Safety
    /// `pool` is NULL or writable; it gets the source, which is to be freed with `sasl_randfree`.
    pub fn sasl_randcreate(pool: *mut *mut Rand) -> c_int {
        // SAFETY: by this function's contract.
        if unsafe { tools::rand_create(pool) } { OK } else { oxisasl::Code::BadParam.number() }
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

    /// Wipes a buffer.
    ///
    /// # Safety
    /// `buffer` is NULL or has `len` bytes.
    pub fn sasl_erasebuffer(buffer: *mut c_char, len: c_uint) -> () {
        if !buffer.is_null() {
            // SAFETY: by this function's contract.
            unsafe { slice::from_raw_parts_mut(buffer.cast::<u8>(), len as usize) }.zeroize();
        }
    }

    /// Puts ASCII letters into lower case, in place, and gives back the string.
    ///
    /// # Safety
    /// `string` is NULL or a string.
    pub fn sasl_strlower(string: *mut c_char) -> *mut c_char {
        // SAFETY: by this function's contract.
        if let Some(text) = unsafe { arg::optional_text(string) } {
            let len = text.len();
            // SAFETY: by this function's contract there are so many bytes, and C's string may be changed.
            unsafe { slice::from_raw_parts_mut(string.cast::<u8>(), len) }.make_ascii_lowercase();
        }
        string
    }
}

/// Forgets the list of all mechanisms, at the last done.
pub fn forget_list() {
    *LIST.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
