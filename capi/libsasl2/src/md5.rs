//! MD5 (RFC 1321) and HMAC-MD5 (RFC 2104) over contexts that are the caller's memory: three exports, which are in no header,
//! and the entries of `sasl_utils_t`.
//!
//! Text and key are taken as empty where they are NULL or their length is negative; nothing happens where a context or the
//! place for a result is NULL.

use std::ffi::{c_char, c_int, c_uint};
use std::slice;

use oxisasl::crypto::{self, HmacMd5State, MD5_LEN, Md5};
use oxisasl_capi_common::boundary::guard;
use oxisasl_capi_common::{arg, export};
use zeroize::Zeroize as _;

/// A digest, in the caller's memory.
type Digest = [u8; MD5_LEN];

/// `MD5_CTX`.
#[repr(C)]
pub struct RawMd5 {
    state: [u32; 4],
    /// How many bits were taken: the lower half first.
    count: [u32; 2],
    buffer: [u8; 64],
}

/// `HMAC_MD5_CTX`.
#[repr(C)]
pub struct RawHmac {
    inner: RawMd5,
    outer: RawMd5,
}

/// `HMAC_MD5_STATE`: the states after the inner and the outer key block, each word with its most significant byte first.
#[repr(C, align(4))]
pub struct RawHmacState {
    bytes: [u8; HmacMd5State::LEN],
}

const _: () = {
    assert!(size_of::<RawMd5>() == 88);
    assert!(size_of::<RawHmac>() == 176);
    assert!(size_of::<RawHmacState>() == 32);
};

impl RawMd5 {
    fn load(&self) -> Md5 {
        let [low, high] = self.count.map(u64::from);
        let mut hash = Md5::new();
        hash.state = self.state;
        hash.length = (low | high << 32) / 8;
        hash.buffer = self.buffer;
        hash
    }

    fn of(hash: &Md5) -> Self {
        let bits = hash.length.wrapping_mul(8);
        RawMd5 { state: hash.state, count: [bits as u32, (bits >> 32) as u32], buffer: hash.buffer }
    }

    fn update(&mut self, data: &[u8]) {
        let mut hash = self.load();
        hash.update(data);
        *self = RawMd5::of(&hash);
    }

    /// The digest. The context is wiped.
    fn finish(&mut self) -> Digest {
        let digest = self.load().finish();
        self.wipe();
        digest
    }

    fn wipe(&mut self) {
        self.state.zeroize();
        self.count.zeroize();
        self.buffer.zeroize();
    }
}

impl RawHmac {
    fn of(key: &HmacMd5State) -> Self {
        RawHmac { inner: RawMd5::of(&key.begin()), outer: RawMd5::of(&key.begin_outer()) }
    }
}

export! {
    /// Begins an MD5.
    ///
    /// # Safety
    /// `context` is NULL or has room for an `MD5_CTX`.
    #[allow(non_snake_case)]
    pub fn _sasl_MD5Init(context: *mut RawMd5) -> () {
        if !context.is_null() {
            // SAFETY: by this function's contract.
            unsafe { context.write(RawMd5::of(&Md5::new())) };
        }
    }

    /// Takes more bytes.
    ///
    /// # Safety
    /// `context` is NULL or was begun; `data` is NULL or has `len` bytes.
    #[allow(non_snake_case)]
    pub fn _sasl_MD5Update(context: *mut RawMd5, data: *const c_char, len: c_uint) -> () {
        // SAFETY: by this function's contract.
        if let (Some(context), false) = (unsafe { context.as_mut() }, data.is_null()) {
            // SAFETY: by this function's contract.
            context.update(unsafe { slice::from_raw_parts(data.cast(), len as usize) });
        }
    }

    /// Gives the digest, and wipes the context.
    ///
    /// # Safety
    /// `digest` is NULL or has room for 16 bytes; `context` is NULL or was begun.
    #[allow(non_snake_case)]
    pub fn _sasl_MD5Final(digest: *mut Digest, context: *mut RawMd5) -> () {
        // SAFETY: by this function's contract.
        if let Some(context) = unsafe { context.as_mut() } {
            // SAFETY: by this function's contract.
            unsafe { arg::put(digest, context.finish()) };
        }
    }
}

/// The HMAC-MD5 of a text under a key.
///
/// # Safety
/// `text` and `key` are NULL or have their lengths; `digest` is NULL or has room for 16 bytes.
pub unsafe extern "C" fn hmac_md5(
    text: *const u8,
    text_len: c_int,
    key: *const u8,
    key_len: c_int,
    digest: *mut Digest,
) {
    guard("hmac_md5", || {
        // SAFETY: by this function's contract.
        unsafe { arg::put(digest, crypto::hmac_md5(bytes(key, key_len), &[bytes(text, text_len)])) };
    });
}

/// Begins an HMAC-MD5. Its text goes into the first `MD5_CTX` of the context.
///
/// # Safety
/// `context` is NULL or has room for an `HMAC_MD5_CTX`; `key` is NULL or has its length.
pub unsafe extern "C" fn hmac_md5_init(context: *mut RawHmac, key: *const u8, key_len: c_int) {
    guard("hmac_md5_init", || {
        // SAFETY: by this function's contract.
        unsafe { arg::put(context, RawHmac::of(&HmacMd5State::new(bytes(key, key_len)))) };
    });
}

/// Gives the HMAC-MD5, and wipes the context.
///
/// # Safety
/// `digest` is NULL or has room for 16 bytes; `context` is NULL or was begun.
pub unsafe extern "C" fn hmac_md5_final(digest: *mut Digest, context: *mut RawHmac) {
    guard("hmac_md5_final", || {
        // SAFETY: by this function's contract.
        if let Some(context) = unsafe { context.as_mut() } {
            let inner = context.inner.finish();
            context.outer.update(&inner);
            // SAFETY: by this function's contract.
            unsafe { arg::put(digest, context.outer.finish()) };
        }
    });
}

/// Hashes a key for `hmac_md5_import`, so that it can be stored without being readable.
///
/// # Safety
/// `state` is NULL or has room for an `HMAC_MD5_STATE`; `key` is NULL or has its length.
pub unsafe extern "C" fn hmac_md5_precalc(state: *mut RawHmacState, key: *const u8, key_len: c_int) {
    guard("hmac_md5_precalc", || {
        // SAFETY: by this function's contract.
        unsafe { arg::put(state, RawHmacState { bytes: *HmacMd5State::new(bytes(key, key_len)).to_bytes() }) };
    });
}

/// Begins an HMAC-MD5 with a key that was hashed before.
///
/// # Safety
/// `context` is NULL or has room for an `HMAC_MD5_CTX`; `state` is NULL or what `hmac_md5_precalc` made.
pub unsafe extern "C" fn hmac_md5_import(context: *mut RawHmac, state: *const RawHmacState) {
    guard("hmac_md5_import", || {
        // SAFETY: by this function's contract.
        if let Some(state) = unsafe { state.as_ref() } {
            // SAFETY: by this function's contract.
            unsafe { arg::put(context, RawHmac::of(&HmacMd5State::from_bytes(&state.bytes))) };
        }
    });
}

/// Bytes with a length; none for NULL and for a length below 0.
///
/// # Safety
/// `data` is NULL or has `len` bytes, and lives for `'a`.
unsafe fn bytes<'a>(data: *const u8, len: c_int) -> &'a [u8] {
    match usize::try_from(len) {
        // SAFETY: by this function's contract.
        Ok(len) if !data.is_null() => unsafe { slice::from_raw_parts(data, len) },
        _ => &[],
    }
}
