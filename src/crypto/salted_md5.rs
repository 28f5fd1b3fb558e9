//! What Cyrus SASL 1.5 keeps for PLAIN in the place of a password: a salt of 16 bytes, a NUL, and MD5 of the salt, `sasldb` and the
//! password.

use subtle::{Choice, ConstantTimeEq as _};

use super::{MD5_LEN, md5};
use crate::error::Result;
use crate::rng;
use crate::secret::Secret;

const SALT: usize = 16;

/// Such a secret of a password, with a salt of its own.
///
/// # Errors
/// When the system has no random bytes.
pub fn salted_md5(password: &[u8]) -> Result<Secret> {
    let mut salt = [0; SALT];
    rng::fill(&mut salt)?;
    Ok(Secret::new([&salt[..], &[0], &md5(&[&salt, b"sasldb", password])].concat()))
}

/// Whether such a secret is that of a password; a secret of another form is nobody's.
#[must_use]
pub fn salted_md5_matches(stored: &[u8], password: &[u8]) -> Choice {
    match stored.split_at_checked(SALT) {
        Some((salt, [0, digest @ ..])) if digest.len() == MD5_LEN => {
            md5(&[salt, b"sasldb", password])[..].ct_eq(digest)
        }
        _ => Choice::from(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_that_of_its_password_only() {
        let secret = salted_md5(b"secret").unwrap();
        assert_eq!(secret.expose().len(), 33);
        assert_ne!(secret.expose(), salted_md5(b"secret").unwrap().expose());
        let matches = |stored: &[u8], password: &[u8]| bool::from(salted_md5_matches(stored, password));
        assert!(matches(secret.expose(), b"secret"));
        assert!(!matches(secret.expose(), b"secres") && !matches(secret.expose(), b""));
        assert!(!matches(&secret.expose()[..32], b"secret") && !matches(b"", b""));
    }
}
