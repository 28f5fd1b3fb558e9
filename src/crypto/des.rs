//! DES and two-key triple DES in CBC mode, for the confidentiality layers of DIGEST-MD5 (RFC 2831 section 2.4). Both
//! are weak; nothing else may use them.

use super::des_kernel::{Des, Halves};
use crate::error::{Error, Result};

/// The length of a block of either cipher, in bytes: messages are padded to a multiple of it by the caller.
pub const DES_BLOCK: usize = 8;

/// The two block ciphers of DIGEST-MD5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockCipher {
    /// `des`: the key's first 7 bytes.
    Des,
    /// `3des`: encrypt, decrypt, encrypt with the key's first 7 bytes, the next 7 and the first again.
    TripleDes,
}

/// Enciphers messages, each chained to the one before.
pub struct CbcEncryptor(Cbc);

/// Deciphers messages, each chained to the one before.
pub struct CbcDecryptor(Cbc);

struct Cbc {
    first: Des,
    /// Only with triple DES.
    second: Option<Des>,
    /// The block of ciphertext that the next one is chained to.
    previous: u64,
}

impl Cbc {
    fn new(cipher: BlockCipher, key: &[u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *key;
        let second = || Des::new(expand([h, i, j, k, l, m, n]));
        Cbc {
            first: Des::new(expand([a, b, c, d, e, f, g])),
            second: (cipher == BlockCipher::TripleDes).then(second),
            previous: u64::from_be_bytes([i, j, k, l, m, n, o, p]),
        }
    }
}

impl CbcEncryptor {
    /// From Kcc or Kcs (RFC 2831 section 2.4), whose last 8 bytes are the first initialisation vector.
    #[must_use]
    pub fn new(cipher: BlockCipher, key: &[u8; 16]) -> Self {
        CbcEncryptor(Cbc::new(cipher, key))
    }

    /// Enciphers a message in place.
    ///
    /// # Errors
    /// When its length is not a multiple of [`DES_BLOCK`]; then nothing was done.
    pub fn encrypt(&mut self, data: &mut [u8]) -> Result<()> {
        let Cbc { first, second, previous } = &mut self.0;
        for block in blocks(data)? {
            let mut halves = first.encrypt(Halves::of(u64::from_be_bytes(*block) ^ *previous));
            if let Some(second) = second {
                halves = first.encrypt(second.decrypt(halves));
            }
            *previous = halves.block();
            *block = previous.to_be_bytes();
        }
        Ok(())
    }
}

impl CbcDecryptor {
    /// From Kcc or Kcs (RFC 2831 section 2.4), whose last 8 bytes are the first initialisation vector.
    #[must_use]
    pub fn new(cipher: BlockCipher, key: &[u8; 16]) -> Self {
        CbcDecryptor(Cbc::new(cipher, key))
    }

    /// Deciphers a message in place.
    ///
    /// # Errors
    /// When its length is not a multiple of [`DES_BLOCK`]; then nothing was done.
    pub fn decrypt(&mut self, data: &mut [u8]) -> Result<()> {
        let Cbc { first, second, previous } = &mut self.0;
        for block in blocks(data)? {
            let ciphertext = u64::from_be_bytes(*block);
            let mut halves = first.decrypt(Halves::of(ciphertext));
            if let Some(second) = second {
                halves = first.decrypt(second.encrypt(halves));
            }
            *block = (halves.block() ^ *previous).to_be_bytes();
            *previous = ciphertext;
        }
        Ok(())
    }
}

fn blocks(data: &mut [u8]) -> Result<&mut [[u8; DES_BLOCK]]> {
    match data.as_chunks_mut::<DES_BLOCK>() {
        (blocks, []) => Ok(blocks),
        _ => Err(Error::fail("the length of an enciphered message is not a multiple of 8")),
    }
}

/// Spreads 56 bits over 8 bytes, seven in each, with a last bit that makes the number of ones odd.
fn expand(key: [u8; 7]) -> [u8; 8] {
    let bits = key.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    std::array::from_fn(|index| {
        let seven = (bits >> (49 - 7 * index) & 0x7f) as u8;
        seven << 1 | u8::from(seven.count_ones().is_multiple_of(2))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::to_hex;

    #[test]
    fn keys_are_spread_with_odd_parity() {
        assert_eq!(to_hex(&expand([0; 7])), "0101010101010101");
        assert_eq!(to_hex(&expand([0xff; 7])), "fefefefefefefefe");
        // The key of FIPS 81's examples, with and without its parity bits.
        assert_eq!(to_hex(&expand([0x00, 0x45, 0x13, 0x38, 0x95, 0x73, 0x77])), "0123456789abcdef");
    }

    const TEXT: &[u8; 24] = b"Now is the time for all ";

    fn check(cipher: BlockCipher, key: [u8; 16], expected: &str) {
        // In one message, and in three that are chained.
        for size in [24, 8] {
            let mut data = *TEXT;
            let (mut sender, mut receiver) = (CbcEncryptor::new(cipher, &key), CbcDecryptor::new(cipher, &key));
            data.chunks_mut(size).for_each(|message| sender.encrypt(message).unwrap());
            assert_eq!(to_hex(&data), expected, "{cipher:?}");
            data.chunks_mut(size).for_each(|message| receiver.decrypt(message).unwrap());
            assert_eq!(&data, TEXT);
        }
    }

    /// FIPS 81 appendix C's example of CBC.
    #[test]
    fn des_of_fips_81() {
        let key = [0, 0x45, 0x13, 0x38, 0x95, 0x73, 0x77, 0, 0x12, 0x34, 0x56, 0x78, 0x90, 0xab, 0xcd, 0xef];
        check(BlockCipher::Des, key, "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
    }

    /// What OpenSSL's `des-cbc` and `des-ede-cbc` make of the spread keys.
    #[test]
    fn both_ciphers_as_openssl() {
        let key = std::array::from_fn(|index| 0x11 * index as u8);
        check(BlockCipher::Des, key, "4b40cf0f5bb03ff392194b098ff7c60d31d47f3627a7d590");
        check(BlockCipher::TripleDes, key, "e81db622e7b9936ef8aefd377618dd00fcfa44d4d614ff92");
    }

    #[test]
    fn pieces_of_blocks_are_refused() {
        for length in [1, 7, 9] {
            let mut data = vec![0; length];
            assert!(CbcEncryptor::new(BlockCipher::Des, &[0; 16]).encrypt(&mut data).is_err());
            assert!(CbcDecryptor::new(BlockCipher::TripleDes, &[0; 16]).decrypt(&mut data).is_err());
            assert!(data.iter().all(|byte| *byte == 0));
        }
    }
}
