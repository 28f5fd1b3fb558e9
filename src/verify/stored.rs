//! Comparing a password with what is stored of it.

use argon2::{Argon2, PasswordHash, PasswordVerifier as _};
use subtle::{Choice, ConstantTimeEq as _};

use crate::crypto::{Hash, StoredPassword};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sys::crypt;
use crate::text::prepared_password;

/// Whether a password is the one that is stored in any of the forms of [`StoredPassword`].
///
/// # Errors
/// When that cannot be told, with the reason: the form is unknown or malformed, or cannot be computed here.
pub(super) fn is_password(stored: &Secret, password: &Secret) -> Result<Choice> {
    let given = password.expose();
    let right = match StoredPassword::parse(stored.expose()) {
        StoredPassword::Plain(plain) => plain.ct_eq(given),
        StoredPassword::Digest { hash, digest, salt } => hash.digest(&[given, &salt]).matches(&digest),
        StoredPassword::Scram(hash, verifier) => verifier.is_of(hash, password),
        StoredPassword::Argon2(text) => {
            let hash = PasswordHash::new(text).map_err(|_| Error::bad_auth("the stored Argon2 hash is malformed"))?;
            Choice::from(u8::from(Argon2::default().verify_password(given, &hash).is_ok()))
        }
        StoredPassword::Crypt(setting) => match crypt::crypt(password, &Secret::from(setting)) {
            Ok(hash) => hash.matches(setting),
            Err(crypt::Failure::Refused) => return Err(Error::bad_auth("this system's crypt does not know the hash")),
            Err(crypt::Failure::Missing(why)) => return Err(Error::fail(format!("cannot compute a hash: {why}"))),
        },
        StoredPassword::Unusable(why) => return Err(Error::bad_auth(why)),
    };
    // An empty password is none, whatever is stored.
    Ok(right & Choice::from(u8::from(!given.is_empty())))
}

/// Does for a user who has no password the work that is done for one who has a verifier of SCRAM.
pub(super) fn pretend(password: &Secret) {
    let prepared = prepared_password(password.expose());
    let _ = crate::crypto::salted_password(Hash::Sha256, prepared.expose(), b"0123456789abcdef", 15_000);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(stored: &str, password: &str) -> Result<bool> {
        is_password(&Secret::from(stored), &Secret::from(password)).map(bool::from)
    }

    /// The password is `secret`, the salt `saltsalt`: what `openssl passwd`, crypt(3), and the digests of any library give. The
    /// last is the example of RFC 5802 section 5.
    const SECRET: [&str; 15] = [
        "secret",
        "{CLEARTEXT}secret",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==",
        "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
        "{SSHA256}oBmrdHcA6OZEkkCLeXh71YAerbvhXz1qqwjrPsXmEtNzYWx0c2FsdA==",
        "{SHA512}vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==",
        "{ssha512}aCu7JRc+kLsuEmFs1zTY+AiP7DSGnjjG+dH28Dp+E5usqoAixeTPihKqZmkWal4mUfp63tqvCAkFV1LKTDFH6XNhbHRzYWx0",
        "{CRYPT}$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
        "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
        "{CRYPT}$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
        "$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2",
        "{BLF-CRYPT}$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
    ];

    #[test]
    fn each_form_is_compared() {
        for stored in SECRET {
            // The vectors of Argon2's own programs and of the RFC are of other passwords.
            let right = match stored.split(['$', '-']).find(|part| !part.is_empty()) {
                Some("argon2id") => "password",
                Some("SCRAM") => "pencil",
                _ => "secret",
            };
            assert_eq!(accepts(stored, right), Ok(true), "{stored}");
            for wrong in ["", "Secret", "secret ", "secre", stored] {
                let answer = accepts(stored, wrong);
                assert_eq!(answer, Ok(stored == "secret" && wrong == stored), "{stored} {wrong}");
            }
        }
    }

    #[test]
    fn what_cannot_be_compared_lets_nobody_in() {
        for stored in [
            "{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
            "{CRYPT}secret",
            "{CRYPT}$9$unknown$0123456789abcdef",
            "{ARGON2}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
            "{ARGON2}$argon2x$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA",
            "{SCRAM-SHA-1}x",
            "{SHA}",
        ] {
            for password in ["secret", "", stored] {
                assert!(!matches!(accepts(stored, password), Ok(true)), "{stored} {password}");
            }
        }
        assert_eq!(accepts("", ""), Ok(false));
        assert_eq!(accepts("{CLEARTEXT}", ""), Ok(false));
    }
}
