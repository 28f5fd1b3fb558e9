//! Comparing a password with what is stored of it.

use argon2::{Argon2, PasswordHash, PasswordVerifier as _};
use subtle::{Choice, ConstantTimeEq as _};

use crate::crypto::{Hash, StoredPassword};
use crate::error::{Error, Result};
use crate::secret::Secret;
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
        StoredPassword::Crypt(_) => return Err(Error::bad_auth("crypt")),
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
