//! Calls of the application's callbacks that are particular to this interface; those of both are in `capi/common`.

use std::ffi::{CStr, CString, c_char, c_int, c_ulong};
use std::mem::transmute;
use std::ptr::{null, null_mut};

use oxisasl::{Error, Result, Secret};
use oxisasl_capi_common::callbacks::Found;
use oxisasl_capi_common::calls as common;
pub use oxisasl_capi_common::calls::{
    Ask, CallbackLog, CallbackOptions, Proc, c_string, challenge, find, simple, verify_file,
};

use crate::abi::{self, OK, RawSecret, cb};
use crate::conn::Conn;
use crate::errors;
use crate::memory::{self, Adopted};

/// What a `SASL_CB_GETPATH` callback answers; the string is freed here.
pub fn path(found: Found) -> Result<Option<String>> {
    // SAFETY: the interface gives the string to the library.
    common::path(found, |path| unsafe { memory::free(path.cast_mut().cast()) })
}

/// What a callback for a password answers; the secret is wiped and freed here.
pub fn pass(callback: Ask, conn: &Conn) -> Result<Option<Secret>> {
    // SAFETY: the interface gives the secret to the library.
    common::pass(callback, conn, |secret| unsafe { memory::free_secret(secret) })
}

/// What a callback for a realm answers.
pub fn realm(callback: Ask, offered: &[String]) -> Result<Option<Secret>> {
    common::realm(callback, cb::GETREALM, offered)
}

/// What a `SASL_CB_PROXY_POLICY` callback says of a user who wants to act as another: the name to act under, if the callback
/// gave one.
pub fn proxy_policy(callback: Ask, authid: &[u8], user: &[u8]) -> Result<Option<Adopted>> {
    let (authid, user) = (c_string(authid), c_string(user));
    let (mut chosen, mut text): (*const c_char, *const c_char) = (null(), null());
    // SAFETY: the interface gives the callback with this id this type.
    let policy = unsafe { transmute::<Proc, abi::ProxyPolicy>(callback.proc) };
    // SAFETY: the strings and the places for the results live during the call.
    let status = unsafe { policy(callback.context, authid.as_ptr(), user.as_ptr(), &mut chosen, &mut text) };
    if status != OK {
        // SAFETY: what the callback wrote there is a string of its own, or NULL.
        let said = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        return Err(Error::new(errors::code_of(status), said.unwrap_or_default()));
    }
    // A callback that points to what it was given has allocated nothing.
    if [authid.as_ptr(), user.as_ptr()].contains(&chosen) {
        // SAFETY: both strings are alive.
        let copy = memory::copy(unsafe { CStr::from_ptr(chosen) }.to_bytes())?;
        // SAFETY: the copy is of that allocator.
        return Ok(unsafe { Adopted::new(copy) });
    }
    // SAFETY: the interface gives the string to the library.
    Ok(unsafe { Adopted::new(chosen) })
}

/// What names a secret in the application's own store.
pub struct SecretName {
    mechanism: CString,
    user: CString,
    realm: CString,
}

impl SecretName {
    /// The secret of a mechanism for a user of a realm.
    pub fn new(mechanism: &str, user: &[u8], realm: &[u8]) -> Self {
        SecretName { mechanism: c_string(mechanism.as_bytes()), user: c_string(user), realm: c_string(realm) }
    }
}

/// The secret that a `SASL_CB_SERVER_GETSECRET` callback has, which is wiped and freed here; `None` for NULL.
pub fn get_secret(callback: Ask, name: &SecretName) -> Result<Option<Secret>> {
    let mut secret: *mut RawSecret = null_mut();
    // SAFETY: the interface gives the callback with this id this type.
    let get = unsafe { transmute::<Proc, abi::GetSecret>(callback.proc) };
    let SecretName { mechanism, user, realm } = name;
    // SAFETY: the strings and the place for the result live during the call.
    let status = unsafe { get(callback.context, mechanism.as_ptr(), user.as_ptr(), realm.as_ptr(), &mut secret) };
    if status != OK {
        return Err(Error::from(errors::code_of(status)));
    }
    if secret.is_null() {
        return Ok(None);
    }
    // SAFETY: the callback answered OK with a secret, which it gives to the library.
    unsafe {
        let copy = RawSecret::copy(secret);
        memory::free_secret(secret);
        Ok(Some(copy))
    }
}

/// Gives a `SASL_CB_SERVER_PUTSECRET` callback a secret to keep; without one the secret is to be removed.
pub fn put_secret(callback: Ask, name: &SecretName, secret: Option<&Secret>) -> Result<()> {
    let raw = secret.map(lay_out);
    let place = raw.as_ref().map_or(null(), |words| words.as_ptr().cast::<RawSecret>());
    // SAFETY: the interface gives the callback with this id this type.
    let put = unsafe { transmute::<Proc, abi::PutSecret>(callback.proc) };
    let SecretName { mechanism, user, realm } = name;
    // SAFETY: the strings and the secret live during the call.
    let status = unsafe { put(callback.context, mechanism.as_ptr(), user.as_ptr(), realm.as_ptr(), place) };
    if status == OK { Ok(()) } else { Err(Error::from(errors::code_of(status))) }
}

/// A secret as `sasl_secret_t`: its length, then its bytes, and a NUL. Whole words, for the alignment.
fn lay_out(secret: &Secret) -> zeroize::Zeroizing<Vec<c_ulong>> {
    let bytes = secret.expose();
    let word = size_of::<c_ulong>();
    let mut words = zeroize::Zeroizing::new(vec![0; 2 + bytes.len() / word]);
    if let Some(len) = words.first_mut() {
        *len = bytes.len() as c_ulong;
    }
    for (to, from) in words.iter_mut().skip(1).zip(bytes.chunks(word)) {
        let mut padded = [0; size_of::<c_ulong>()];
        padded.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        *to = c_ulong::from_ne_bytes(padded);
    }
    words
}

/// The callback with an id, of the connection's list, else of that of its side; none without a function.
pub fn ask(found: Option<Found>) -> Option<Ask> {
    let (proc, context) = found?;
    Some(Ask { proc: proc?, context })
}

/// What the application says of a file: its code.
pub fn verify(found: Option<Found>, file: &str, kind: c_int) -> c_int {
    found.map_or(OK, |found| verify_file(found, file, kind))
}
