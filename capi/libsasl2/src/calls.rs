//! Calls of the application's callbacks that are particular to this interface; those of both are in `capi/common`.

use oxisasl::{Result, Secret};
use oxisasl_capi_common::callbacks::Found;
use oxisasl_capi_common::calls as common;
pub use oxisasl_capi_common::calls::{
    Ask, CallbackLog, CallbackOptions, Proc, before_nul, c_string, challenge, find, login_name, option, simple,
    terminated, verify_file, with_nul,
};

use crate::abi::cb;
use crate::conn::Conn;

/// What a `SASL_CB_GETPATH` or `SASL_CB_GETCONFPATH` callback answers; the string stays the application's.
pub fn path(found: Found) -> Result<Option<String>> {
    common::path(found, |_| ())
}

/// What a callback for a password answers; the secret stays the application's.
pub fn pass(callback: Ask, conn: &Conn) -> Result<Option<Secret>> {
    common::pass(callback, conn, |_| ())
}

/// What a callback for a realm answers.
pub fn realm(callback: Ask, offered: &[String]) -> Result<Option<Secret>> {
    common::realm(callback, cb::GETREALM, offered)
}
