//! The SHA family and HMAC (RFC 2104) over it.

use std::fmt;

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

/// A hash function that a mechanism can be built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1 (RFC 3174), 20 bytes.
    Sha1,
    /// SHA-224 (FIPS 180-4), 28 bytes.
    Sha224,
    /// SHA-256 (FIPS 180-4), 32 bytes.
    Sha256,
    /// SHA-384 (FIPS 180-4), 48 bytes.
    Sha384,
    /// SHA-512 (FIPS 180-4), 64 bytes.
    Sha512,
}

/// The longest output of any [`enum@Hash`], in bytes.
const MAX_LEN: usize = 64;

/// What a [`enum@Hash`] puts out: at most 64 bytes on the stack. Many digests are keys, so each is wiped when dropped,
/// redacted when printed and compared in constant time only.
#[derive(Clone)]
pub struct Digest {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Hash {
    /// The length of a digest, in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha224 => 28,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// The digest of the parts, one after the other.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        match self {
            Hash::Sha1 => digest_with::<sha1::Sha1>(parts),
            Hash::Sha224 => digest_with::<sha2::Sha224>(parts),
            Hash::Sha256 => digest_with::<sha2::Sha256>(parts),
            Hash::Sha384 => digest_with::<sha2::Sha384>(parts),
            Hash::Sha512 => digest_with::<sha2::Sha512>(parts),
        }
    }

    /// The HMAC (RFC 2104) of the parts, one after the other, under a key of any length.
    #[must_use]
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Digest {
        match self {
            Hash::Sha1 => hmac_with::<sha1::Sha1>(key, parts),
            Hash::Sha224 => hmac_with::<sha2::Sha224>(key, parts),
            Hash::Sha256 => hmac_with::<sha2::Sha256>(key, parts),
            Hash::Sha384 => hmac_with::<sha2::Sha384>(key, parts),
            Hash::Sha512 => hmac_with::<sha2::Sha512>(key, parts),
        }
    }
}

impl Digest {
    /// The digest whose bytes are these; at most 64 of them are taken.
    pub(super) fn from_bytes(source: &[u8]) -> Self {
        let mut bytes = [0; MAX_LEN];
        let len = source.len().min(MAX_LEN);
        bytes.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
        Digest { bytes, len }
    }

    /// Whether this equals `other`, in time that depends on the lengths only.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> Choice {
        self.as_ref().ct_eq(other)
    }

    /// Each byte XORed with that of `other`, which is of the same hash (SCRAM's ClientProof, RFC 5802 section 3).
    #[must_use]
    pub fn xor(&self, other: &[u8]) -> Digest {
        let mut result = self.clone();
        result.bytes.iter_mut().take(self.len).zip(other).for_each(|(to, from)| *to ^= *from);
        result
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Digest {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} bytes, redacted)", self.len)
    }
}

fn digest_with<D: sha1::Digest>(parts: &[&[u8]]) -> Digest {
    let mut hasher = D::new();
    parts.iter().for_each(|part| hasher.update(part));
    let mut output = hasher.finalize();
    let digest = Digest::from_bytes(&output);
    output.as_mut_slice().zeroize();
    digest
}

fn hmac_with<D: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Digest {
    // The type allows for MACs that refuse some keys; HMAC takes every length, so the other arm is never reached.
    let Ok(mut mac) = <Hmac<D> as KeyInit>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of every length")
    };
    parts.iter().for_each(|part| mac.update(part));
    let mut output = mac.finalize().into_bytes();
    let digest = Digest::from_bytes(&output);
    output.as_mut_slice().zeroize();
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{from_hex, to_hex};

    const ALL: [Hash; 5] = [Hash::Sha1, Hash::Sha224, Hash::Sha256, Hash::Sha384, Hash::Sha512];

    fn hex(digest: &Digest) -> String {
        to_hex(digest.as_ref())
    }

    /// FIPS 180-4's "abc".
    #[test]
    fn sha_of_abc() {
        let expected = [
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ];
        for (hash, expected) in ALL.into_iter().zip(expected) {
            assert_eq!(hex(&hash.digest(&[b"a", b"", b"bc"])), expected, "{hash:?}");
            assert_eq!(hash.len() * 2, expected.len());
        }
    }

    /// RFC 2202 section 3, cases 1, 2, 4 and 6.
    #[test]
    fn hmac_sha1_of_rfc_2202() {
        let cases: [(Vec<u8>, &[u8], &str); 4] = [
            (vec![0x0b; 20], b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe".to_vec(), b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            ((1..=25).collect(), &[0xcd; 50], "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
            (
                vec![0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(hex(&Hash::Sha1.hmac(&key, &[data])), expected);
        }
    }

    /// RFC 4231 section 4.3 (test case 2) and, for a key longer than a block, section 4.7 (test case 6).
    #[test]
    fn hmac_sha2_of_rfc_4231() {
        let jefe = [
            "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ];
        let long_key = [
            "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
             6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ];
        for ((hash, jefe), long_key) in ALL.into_iter().skip(1).zip(jefe).zip(long_key) {
            assert_eq!(hex(&hash.hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"])), jefe, "{hash:?}");
            let data = b"Test Using Larger Than Block-Size Key - Hash Key First";
            assert_eq!(hex(&hash.hmac(&[0xaa; 131], &[data])), long_key, "{hash:?}");
        }
    }

    #[test]
    fn digests_compare_as_a_whole_and_show_nothing() {
        let digest = Hash::Sha1.digest(&[b"abc"]);
        let bytes = from_hex(b"a9993e364706816aba3e25717850c26c9cd0d89d").unwrap();
        assert!(bool::from(digest.matches(&bytes)));
        assert!(!bool::from(digest.matches(&bytes[..19])));
        assert!(!bool::from(digest.matches(&[])));
        assert_eq!(format!("{digest:?}"), "Digest(20 bytes, redacted)");
    }

    #[test]
    fn xor_undoes_itself() {
        let (a, b) = (Hash::Sha256.digest(&[b"a"]), Hash::Sha256.digest(&[b"b"]));
        assert!(bool::from(a.xor(b.as_ref()).xor(b.as_ref()).matches(a.as_ref())));
        assert!(!bool::from(a.xor(b.as_ref()).matches(a.as_ref())));
    }
}
