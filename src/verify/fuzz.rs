//! Stored passwords of any form.

use super::stored::is_password;
use crate::crypto::StoredPassword;
use crate::secret::Secret;

/// The bytes are what is stored: whatever they are, a password that is not in them in some form lets nobody in.
pub fn stored_password(data: &[u8]) {
    let costly = match StoredPassword::parse(data) {
        StoredPassword::Plain(_) | StoredPassword::Digest { .. } | StoredPassword::Unusable(_) => false,
        StoredPassword::Scram(_, verifier) => verifier.iterations > 1000,
        // What these cost the one who stored them has said; the crates and the C library that compute them are not ours.
        StoredPassword::Crypt(_) | StoredPassword::Argon2(_) => true,
    };
    if costly {
        return;
    }
    let stored = Secret::from(data);
    let accepts = |password: &[u8]| is_password(&stored, &Secret::from(password)).is_ok_and(bool::from);
    assert!(!accepts(b""), "no password is none");
    let guess = b"a password that no input has in any form";
    assert!(!accepts(guess) || data.ends_with(guess), "nobody comes in");
    if let Some(plain) = StoredPassword::parse(data).plain() {
        assert!(plain.is_empty() || accepts(plain), "a password is itself");
    }
}
