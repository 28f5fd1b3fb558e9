//! Random bytes. Only the system's generator is used: one kept in the process would give parent and child the same
//! nonces after a fork, and mail servers fork after they have initialised the library.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::error::{Code, Error, Result};

/// Fills `buffer` with random bytes.
///
/// # Errors
/// [`Code::Fail`] when the system has none to give; nothing weaker is used in their place.
pub fn fill(buffer: &mut [u8]) -> Result<()> {
    SysRng
        .try_fill_bytes(buffer)
        .map_err(|error| Error::new(Code::Fail, format!("the system's random number generator failed: {error}")))
}

/// A nonce of `bytes` random bytes, as base64 text.
///
/// # Errors
/// As [`fill`].
pub fn nonce(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer)?;
    Ok(STANDARD.encode(buffer))
}

/// A random key that stays the same: in this process, and in those that it forks once the key has been made. For what must
/// look random to others but always come out the same. Never for nonces.
///
/// # Errors
/// As [`fill`]; the next call tries again.
pub fn process_key() -> Result<&'static [u8; 32]> {
    static KEY: OnceLock<[u8; 32]> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let mut key = [0; 32];
    fill(&mut key)?;
    Ok(KEY.get_or_init(|| key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ_and_have_their_length() {
        let (a, b) = (nonce(24).unwrap(), nonce(24).unwrap());
        assert_eq!(a.len(), 32);
        assert_ne!(a, b);
    }

    #[test]
    fn the_key_of_the_process_stays() {
        assert_eq!(process_key().unwrap(), process_key().unwrap());
        assert_ne!(process_key().unwrap(), &[0; 32]);
    }
}
