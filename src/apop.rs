//! APOP (RFC 1939 section 7): a password proved by a digest, outside SASL.

use crate::crypto::from_hex;
use crate::crypto::md5;
use crate::ctx::World as _;
use crate::error::{Code, Error, Result};
use crate::identity::CanonFlags;
use crate::session::ServerSession;

const PASSWORD: &str = "*userPassword";

impl ServerSession {
    /// Checks a response to an APOP challenge: the user's name, a space and MD5(challenge, password) in lower-case
    /// hexadecimal digits. The user is then authenticated.
    ///
    /// # Errors
    /// [`crate::Code::BadProt`] for a response of another form; else as [`check_password`](Self::check_password).
    pub fn check_apop(&self, challenge: &[u8], response: &[u8]) -> Result<()> {
        self.apop(challenge, response).or_else(|error| self.refuse(error))
    }

    fn apop(&self, challenge: &[u8], response: &[u8]) -> Result<()> {
        let bad = || Error::protocol("Bad Digest");
        let at = response.iter().rposition(|byte| *byte == b' ').ok_or_else(bad)?;
        let (user, digits) = response.split_at(at);
        let digits = digits.get(1..).filter(|digits| digits.len() == 32 && !digits.iter().any(u8::is_ascii_uppercase));
        let theirs = digits.and_then(from_hex).ok_or_else(bad)?;
        self.props().request([PASSWORD]);
        self.canonicalize(user, CanonFlags::AUTHID.and(CanonFlags::AUTHZID))
            .map_err(|error| if error.code() == Code::NoUser { wrong(Code::NoUser) } else { error })?;
        let stored = self.props().first(PASSWORD).filter(|stored| !stored.expose().is_empty());
        self.props().erase(PASSWORD);
        let stored = stored.ok_or_else(|| {
            self.forget_identity();
            Error::new(Code::NoUser, "could not find password")
        })?;
        let ours = md5(&[challenge, stored.expose()]);
        if bool::from(subtle::ConstantTimeEq::ct_eq(&ours[..], &theirs[..])) {
            self.authorize()
        } else {
            self.forget_identity();
            Err(wrong(Code::BadAuth))
        }
    }
}

/// What everyone may know of a failure. The log need not be told.
fn wrong(code: Code) -> Error {
    Error::told(code, "login incorrect")
}
