//! Errors: a result code of the SASL interface and a public sentence about it.
//!
//! This is the only place of the crate where the numbers of the C interface appear.

use std::borrow::Cow;

use crate::prompt::Prompt;

/// What went wrong, as the SASL C interface numbers it.
///
/// `Foreign` carries a code of a plugin or callback that is none of the others; it is passed through unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The client must ask its user something: see [`Error::prompts`].
    Interact,
    /// A failure that no other code describes.
    Fail,
    /// Out of memory.
    NoMem,
    /// A value is longer than the place for it.
    BufOver,
    /// No mechanism fits.
    NoMech,
    /// The peer broke the protocol, or cancelled.
    BadProt,
    /// What was asked for is not known yet.
    NotDone,
    /// A parameter is missing or wrong.
    BadParam,
    /// A failure that may pass.
    TryAgain,
    /// A message failed its integrity check.
    BadMac,
    /// The server did not prove that it knows the secret.
    BadServ,
    /// The mechanism cannot do what was asked.
    WrongMech,
    /// The library is not initialised.
    NotInit,
    /// The credentials are wrong.
    BadAuth,
    /// The credentials are right, the authorization identity is refused.
    NoAuthz,
    /// The mechanism is weaker than the policy asks.
    TooWeak,
    /// The mechanism needs encryption underneath.
    Encrypt,
    /// One login with a plaintext mechanism would make this mechanism usable.
    Trans,
    /// The password has expired.
    Expired,
    /// The account is disabled.
    Disabled,
    /// There is no such user.
    NoUser,
    /// The account is locked.
    PwLock,
    /// Nothing had to be changed.
    NoChange,
    /// A plugin has the wrong interface version.
    BadVers,
    /// A remote service is unavailable.
    Unavail,
    /// The user exists, but nothing that could verify the user.
    NoVerify,
    /// The new password is too weak.
    WeakPass,
    /// Passwords chosen by users are not permitted.
    NoUserPass,
    /// The old password is needed.
    NeedOldPasswd,
    /// A property cannot be stored.
    ConstraintViolat,
    /// The channel bindings do not match.
    BadBinding,
    /// The configuration cannot be read.
    ConfigErr,
    /// A code of a plugin or callback, passed through.
    Foreign(i32),
}

/// Every code with its number and the text that the C interface gives for it.
const TABLE: &[(Code, i32, &str)] = &[
    (Code::Interact, 2, "needs user interaction"),
    (Code::Fail, -1, "generic failure"),
    (Code::NoMem, -2, "no memory available"),
    (Code::BufOver, -3, "overflowed buffer"),
    (Code::NoMech, -4, "no mechanism available"),
    (Code::BadProt, -5, "bad protocol / cancel"),
    (Code::NotDone, -6, "can't request information until later in exchange"),
    (Code::BadParam, -7, "invalid parameter supplied"),
    (Code::TryAgain, -8, "transient failure (e.g., weak key)"),
    (Code::BadMac, -9, "integrity check failed"),
    (Code::BadServ, -10, "server failed mutual authentication step"),
    (Code::WrongMech, -11, "mechanism doesn't support requested feature"),
    (Code::NotInit, -12, "SASL library is not initialized"),
    (Code::BadAuth, -13, "authentication failure"),
    (Code::NoAuthz, -14, "authorization failure"),
    (Code::TooWeak, -15, "mechanism too weak for this user"),
    (Code::Encrypt, -16, "encryption needed to use mechanism"),
    (Code::Trans, -17, "One time use of a plaintext password will enable requested mechanism for user"),
    (Code::Expired, -18, "passphrase expired, has to be reset"),
    (Code::Disabled, -19, "account disabled"),
    (Code::NoUser, -20, "user not found"),
    (Code::PwLock, -21, "passphrase locked"),
    (Code::NoChange, -22, "requested change was not needed"),
    (Code::BadVers, -23, "version mismatch with plug-in"),
    (Code::Unavail, -24, "remote authentication server unavailable"),
    (Code::NoVerify, -26, "user exists, but no verifier for user"),
    (Code::WeakPass, -27, "passphrase is too weak for security policy"),
    (Code::NoUserPass, -28, "user supplied passwords are not permitted"),
    (Code::NeedOldPasswd, -29, "sasl_setpass needs old password in order to perform password change"),
    (Code::ConstraintViolat, -30, "sasl_setpass can't store a property because of a constraint violation"),
    (Code::BadBinding, -32, "channel binding failure"),
    (Code::ConfigErr, -100, "error when parsing configuration file"),
];

impl Code {
    /// The number of this code in the C interface.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Code::Foreign(number) => number,
            known => TABLE.iter().find(|row| row.0 == known).map_or(-1, |row| row.1),
        }
    }

    /// The code with this number; a number without a name becomes [`Code::Foreign`].
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        TABLE.iter().find(|row| row.1 == number).map_or(Code::Foreign(number), |row| row.0)
    }

    /// Every code that has a name.
    pub fn all() -> impl Iterator<Item = Code> {
        TABLE.iter().map(|row| row.0)
    }

    /// The text of the C interface for this code (`sasl_errstring`), in English.
    #[must_use]
    pub fn text(self) -> &'static str {
        TABLE.iter().find(|row| row.0 == self).map_or("undefined error!", |row| row.2)
    }
}

/// An error: its [`Code`] and a sentence that may be shown to anyone. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{detail}", code.text(), if detail.is_empty() { "" } else { ": " })]
pub struct Error {
    code: Code,
    detail: Cow<'static, str>,
    prompts: Box<[Prompt]>,
    told: bool,
}

/// The result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a code and a sentence about it (which may be empty).
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Error { code, detail: detail.into(), prompts: Box::default(), told: false }
    }

    /// The client's user must be asked; the same call is then made again (RFC 4422 leaves the asking to the application).
    #[must_use]
    pub fn interact(prompts: Vec<Prompt>) -> Self {
        Error { code: Code::Interact, detail: Cow::Borrowed(""), prompts: prompts.into_boxed_slice(), told: false }
    }

    /// An error of foreign code, which has written to the log itself what it wanted there.
    pub fn told(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Error { told: true, ..Error::new(code, detail) }
    }

    /// The peer broke the protocol.
    pub fn protocol(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadProt, detail)
    }

    /// The credentials are wrong.
    pub fn bad_auth(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadAuth, detail)
    }

    /// A caller's parameter is missing or wrong.
    pub fn param(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadParam, detail)
    }

    /// A failure that no other code describes.
    pub fn fail(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Fail, detail)
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence about it; may be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the log has been told already.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// What the client's user must be asked; empty unless the code is [`Code::Interact`].
    #[must_use]
    pub fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }

    /// The same error, told as `what`. Its own detail is added unless it is about the credentials, where it would tell
    /// the other side whether the user exists.
    #[must_use]
    pub fn in_context(self, what: &'static str) -> Self {
        let keep_quiet = self.detail.is_empty() || matches!(self.code, Code::BadAuth | Code::NoUser | Code::Trans);
        let detail = if keep_quiet { Cow::Borrowed(what) } else { Cow::Owned(format!("{what}: {}", self.detail)) };
        Error { detail, told: false, ..self }
    }

    /// The same error, which the log has been told or need not be.
    #[must_use]
    pub fn without_log(mut self) -> Self {
        self.told = true;
        self
    }

    /// The same error under another code.
    #[must_use]
    pub fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Error::new(code, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_back_to_its_code() {
        for &(code, number, text) in TABLE {
            assert_eq!(Code::from_number(number), code);
            assert_eq!(code.number(), number);
            assert_eq!(code.text(), text);
        }
        assert_eq!(Code::from_number(-999), Code::Foreign(-999));
        assert_eq!(Code::Foreign(-999).text(), "undefined error!");
    }

    #[test]
    fn display_joins_text_and_detail() {
        assert_eq!(Error::from(Code::NoMech).to_string(), "no mechanism available");
        assert_eq!(Error::bad_auth("bad").to_string(), "authentication failure: bad");
    }
}
