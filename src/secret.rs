//! Bytes that must not be seen: wiped when dropped, redacted when printed, compared in constant time.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::optimization_barrier;

/// A password, key or verifier.
#[derive(Clone, Default)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes over bytes; the buffer they came in is this one, so nothing is left behind.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Secret(bytes)
    }

    /// The bytes. Do not copy them into anything that is not wiped.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether this equals `other`, in time that depends on the lengths only.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> Choice {
        self.0.ct_eq(other)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // All the room that there is: a longer secret may have been in it.
        self.0.resize(self.0.capacity(), 0);
        wipe(&mut self.0);
    }
}

/// Overwrites bytes, whether or not anybody looks at them again. Piece by piece: the instruction that fills much memory at once
/// takes long to begin.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.chunks_mut(1024).for_each(|piece| piece.fill(0));
    optimization_barrier(bytes);
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        Secret::new(bytes.to_vec())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret::from(text.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(redacted)");
    }

    #[test]
    fn equality_is_of_the_whole() {
        let secret = Secret::from("pencil");
        assert!(bool::from(secret.matches(b"pencil")));
        for wrong in ["", "pencil\0", "pencils", "penci", "Pencil"] {
            assert!(!bool::from(secret.matches(wrong.as_bytes())), "{wrong:?}");
        }
    }
}
