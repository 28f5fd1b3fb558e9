//! What went wrong, in numbers and words (`sasl.h`, "Result codes").

use std::ffi::{CStr, c_char, c_int};

use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::{arg, export_unversioned};

use crate::abi::{FAIL, OK};

/// The codes of the engine that this interface does not have, and what takes their place. The number of `NotInit` has
/// another meaning here: `SASL_NEWSECRET`.
const REPLACED: &[(Code, Code)] = &[
    (Code::NotInit, Code::Fail),
    (Code::Unavail, Code::Fail),
    (Code::NoVerify, Code::NoUser),
    (Code::WeakPass, Code::Fail),
    (Code::NoUserPass, Code::Fail),
    (Code::NeedOldPasswd, Code::Fail),
    (Code::ConstraintViolat, Code::Fail),
    (Code::BadBinding, Code::BadAuth),
    (Code::ConfigErr, Code::Fail),
];

/// `SASL_NEWSECRET`, which the engine does not know.
const NEWSECRET: c_int = -12;

const TEXTS: &[(c_int, &CStr)] = &[
    (2, c"needs user interaction"),
    (1, c"another step is needed in authentication"),
    (0, c"successful result"),
    (-1, c"generic failure"),
    (-2, c"no memory available"),
    (-3, c"overflowed buffer"),
    (-4, c"no mechanism available"),
    (-5, c"bad protocol / cancel"),
    (-6, c"can't request info until later in exchange"),
    (-7, c"invalid parameter supplied"),
    (-8, c"transient failure (e.g., weak key)"),
    (-9, c"integrity check failed"),
    (-10, c"server failed mutual authentication step"),
    (-11, c"mechanism doesn't support requested feature"),
    (NEWSECRET, c"new secret needed"),
    (-13, c"authentication failure"),
    (-14, c"authorization failure"),
    (-15, c"mechanism too weak for this user"),
    (-16, c"encryption needed to use mechanism"),
    (-17, c"One time use of a plaintext password will enable requested mechanism for user"),
    (-18, c"passphrase expired, has to be reset"),
    (-19, c"account disabled"),
    (-20, c"user not found"),
    (-21, c"password locked"),
    (-22, c"requested change was not needed"),
    (-23, c"version mismatch with plug-in"),
    (-25, c"path not set"),
];

/// The engine's words where 1.5 has others, which administrators look for in logs. The code is that of the row's errors,
/// where only some of them are meant.
const WORDS: &[(&str, Option<Code>, &str)] = &[
    ("client response doesn't match what we generated", None, "Client 'response' doesn't match what we generated"),
    ("incorrect digest response", Some(Code::NoUser), "no secret in database"),
    ("unable to canonify user and get auxprops", Some(Code::NoUser), "no secret in database"),
];

export_unversioned! {
    /// The text for a code, which is static. There is one language.
    ///
    /// # Safety
    /// `outlang` is NULL or writable.
    pub fn sasl_errstring(code: c_int, _langlist: *const c_char, outlang: *mut *const c_char) -> *const c_char {
        // SAFETY: by this function's contract.
        unsafe { arg::put(outlang, c"en-us".as_ptr()) };
        TEXTS.iter().find(|row| row.0 == code).map_or(c"undefined error!", |row| row.1).as_ptr()
    }

    /// The code that a peer may be told: that a user does not exist is not for it to know.
    pub fn sasl_usererr(code: c_int) -> c_int {
        if code == Code::NoUser.number() { Code::BadAuth.number() } else { code }
    }
}

/// The number of a code in this interface.
pub fn number(code: Code) -> c_int {
    REPLACED.iter().find(|row| row.0 == code).map_or(code, |row| row.1).number()
}

/// What is said of an error beyond its code.
pub fn words(error: &Error) -> &str {
    let meant = |row: &&(&str, Option<Code>, &str)| row.0 == error.detail() && row.1.is_none_or(|c| c == error.code());
    WORDS.iter().find(meant).map_or(error.detail(), |row| row.2)
}

/// The engine's code for what a callback answered.
pub fn code_of(status: c_int) -> Code {
    if status == NEWSECRET { Code::Foreign(status) } else { Code::from_number(status) }
}

/// What C gets for a call that answers nothing but its outcome.
pub fn status<T>(result: Result<T>) -> c_int {
    result.map_or_else(|error| number(error.code()), |_| OK)
}

/// An error of a call that cannot be made at all: 1.5 answers it with `SASL_FAIL`.
pub fn refused(what: &'static str) -> Error {
    debug_assert_eq!(Code::Fail.number(), FAIL);
    Error::fail(what)
}
