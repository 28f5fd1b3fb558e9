//! The host of plugins that are written against `saslplug.h`: mechanisms, property stores and canonicalisers of C, as the
//! engine's own traits see them.
//!
//! A plugin runs in this process, so what it does to memory cannot be guarded against. What it says is judged like a
//! peer's: an output without its bytes, a layer without its functions, a success without a user refuse the authentication
//! and leave one line in the log.

use std::ffi::{c_char, c_int, c_uint};
use std::slice;

use oxisasl::{Error, Result};
use oxisasl_capi_common::arg;

pub mod add;
pub mod auxprop;
pub mod canonuser;
pub mod client;
pub mod context;
pub mod find;
pub mod journal;
pub mod known;
pub mod layer;
pub mod list;
pub mod load;
pub mod object;
pub mod params;
pub mod plug;
pub mod server;

/// The most that one call of a plugin may put out: far above the longest packet of a layer.
const MOST: c_uint = 64 << 20;

/// The error of a plugin that says what cannot be.
pub fn lie(plugin: &str, what: &str) -> Error {
    Error::fail(format!("the plugin {plugin} {what}"))
}

/// Copies what a plugin put out; `None` for NULL.
///
/// # Safety
/// `out` is NULL or points to `len` bytes.
///
/// # Errors
/// When there is a length without bytes, or one that cannot be.
unsafe fn taken(plugin: &str, out: *const c_char, len: c_uint) -> Result<Option<Vec<u8>>> {
    match (out.is_null(), len) {
        (true, 0) => Ok(None),
        (true, _) => Err(lie(plugin, "gave a length without any bytes")),
        (false, MOST..) => Err(lie(plugin, &format!("gave {len} bytes at once"))),
        // SAFETY: by this function's contract.
        (false, _) => Ok(Some(unsafe { slice::from_raw_parts(out.cast::<u8>(), len as usize) }.to_vec())),
    }
}

/// Whether a string can be the name of a mechanism: letters, digits, `-` and `_` (RFC 4422 section 3.1, in any case).
///
/// # Safety
/// `name` is NULL or a string.
unsafe fn mechanism_name(name: *const c_char) -> Option<String> {
    // SAFETY: by this function's contract.
    let name = unsafe { arg::optional_str(name) }?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!name.is_empty() && name.len() < 256 && name.bytes().all(fits)).then_some(name)
}

/// The bits of a plugin's security flags above its guarantees: the length of its hash, in bytes.
fn hash_bits(security_flags: c_uint) -> u32 {
    (security_flags >> 16) * 8
}

/// A callback's or plugin's status as a number that is no success: a plugin's own 0 where it must not be one.
fn not_ok(status: c_int) -> c_int {
    if status == crate::abi::OK { oxisasl::Code::Fail.number() } else { status }
}
