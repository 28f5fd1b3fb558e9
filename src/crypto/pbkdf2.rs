//! `Hi()` of SCRAM (RFC 5802 section 2.2), which is PBKDF2 (RFC 8018 section 5.2) with HMAC and one block of output.
//!
//! A login with a stored password costs thousands of iterations, and they follow each other: this loop is what a SCRAM
//! server spends its time in. HMAC's two key blocks are hashed once; an iteration is then two compressions over a block
//! that is already padded, with nothing copied or allocated between them.

use zeroize::Zeroizing;

use super::hash::{Digest, Hash};

/// `Hi(password, salt, iterations)`, the SaltedPassword of RFC 5802 section 3: as long as the hash's output.
///
/// The number of iterations is not judged here: what a peer may ask for is the mechanism's policy. Zero counts as one.
#[must_use]
pub fn salted_password(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Digest {
    let first = hash.hmac(password, &[salt, &1u32.to_be_bytes()]);
    let rest = iterations.saturating_sub(1);
    match hash {
        Hash::Sha1 => iterate_sha1(hash, &SHA1_START, password, &first, rest),
        Hash::Sha224 => iterate_sha256(hash, &SHA224_START, password, &first, rest),
        Hash::Sha256 => iterate_sha256(hash, &SHA256_START, password, &first, rest),
        Hash::Sha384 => iterate_sha512(hash, &SHA384_START, password, &first, rest),
        Hash::Sha512 => iterate_sha512(hash, &SHA512_START, password, &first, rest),
    }
}

// The hash functions' initial states (RFC 3174 section 6.1, RFC 6234 section 6.1 and 6.3).
const SHA1_START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
const SHA224_START: [u32; 8] =
    [0xc105_9ed8, 0x367c_d507, 0x3070_dd17, 0xf70e_5939, 0xffc0_0b31, 0x6858_1511, 0x64f9_8fa7, 0xbefa_4fa4];
const SHA256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const SHA384_START: [u64; 8] = [
    0xcbbb_9d5d_c105_9ed8,
    0x629a_292a_367c_d507,
    0x9159_015a_3070_dd17,
    0x152f_ecd8_f70e_5939,
    0x6733_2667_ffc0_0b31,
    0x8eb4_4a87_6858_1511,
    0xdb0c_2e0d_64f9_8fa7,
    0x47b5_481d_befa_4fa4,
];
const SHA512_START: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The iterations after the first, for a hash function whose state is `$count` words and whose block is `$block` bytes.
macro_rules! iterate {
    ($name:ident, $word:ty, $count:literal, $block:literal, $compress:path) => {
        fn $name(hash: Hash, start: &[$word; $count], password: &[u8], first: &Digest, iterations: u32) -> Digest {
            const WORD: usize = size_of::<$word>();
            let len = hash.len();
            let key_state = |pad: u8| {
                let mut block = Zeroizing::new([pad; $block]);
                let long = (password.len() > $block).then(|| hash.digest(&[password]));
                let key = long.as_ref().map_or(password, AsRef::as_ref);
                block.iter_mut().zip(key).for_each(|(to, from)| *to ^= *from);
                let mut state = Zeroizing::new(*start);
                $compress(&mut state, std::slice::from_ref(&*block));
                state
            };
            let (inner_key, outer_key) = (key_state(0x36), key_state(0x5c));

            // What both hashes of an iteration read is a digest after a key block: the end of the block never changes.
            let mut block = Zeroizing::new([0u8; $block]);
            block.iter_mut().zip(first.as_ref().iter().chain(&[0x80])).for_each(|(to, from)| *to = *from);
            let bits = ((($block + len) * 8) as u64).to_be_bytes();
            block.iter_mut().rev().zip(bits.iter().rev()).for_each(|(to, from)| *to = *from);

            let put = |state: &[$word; $count], block: &mut [u8; $block]| {
                let (chunks, _) = block.as_chunks_mut::<WORD>();
                chunks.iter_mut().zip(state).take(len / WORD).for_each(|(to, from)| *to = from.to_be_bytes());
            };
            let mut sum = Zeroizing::new([0 as $word; $count]);
            let (chunks, _) = block.as_chunks::<WORD>();
            sum.iter_mut().zip(chunks).for_each(|(to, from)| *to = <$word>::from_be_bytes(*from));

            let mut state = Zeroizing::new([0 as $word; $count]);
            for _ in 0..iterations {
                *state = *inner_key;
                $compress(&mut state, std::slice::from_ref(&*block));
                put(&state, &mut block);
                *state = *outer_key;
                $compress(&mut state, std::slice::from_ref(&*block));
                put(&state, &mut block);
                sum.iter_mut().zip(state.iter()).for_each(|(to, from)| *to ^= *from);
            }

            put(&sum, &mut block);
            Digest::from_bytes(block.get(..len).unwrap_or_default())
        }
    };
}

iterate!(iterate_sha1, u32, 5, 64, sha1::block_api::compress);
iterate!(iterate_sha256, u32, 8, 64, sha2::block_api::compress256);
iterate!(iterate_sha512, u64, 8, 128, sha2::block_api::compress512);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::to_hex;

    fn hex(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> String {
        to_hex(salted_password(hash, password, salt, iterations).as_ref())
    }

    /// RFC 6070 section 2; its last but one case asks for 25 bytes, of which this is the first block.
    #[test]
    fn sha1_of_rfc_6070() {
        let cases: [(&[u8], &[u8], u32, &str); 5] = [
            (b"password", b"salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (b"password", b"salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
            (b"password", b"salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
            (
                b"passwordPASSWORDpassword",
                b"saltSALTsaltSALTsaltSALTsaltSALTsalt",
                4096,
                "3d2eec4fe41c849b80c8d83662c0e44a8b291a96",
            ),
            (b"pass\0word", b"sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
        ];
        for (password, salt, iterations, expected) in cases {
            assert!(hex(Hash::Sha1, password, salt, iterations).starts_with(expected), "{iterations}");
        }
    }

    /// RFC 7914 section 11, of whose 64 bytes this is the first block.
    #[test]
    fn sha256_of_rfc_7914() {
        let expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc";
        assert_eq!(hex(Hash::Sha256, b"passwd", b"salt", 1), expected);
    }

    /// An implementation of its own stands against this one, for every hash, password and number around an edge.
    #[test]
    fn agrees_with_the_pbkdf2_crate() {
        for length in [0, 1, 63, 64, 65, 127, 128, 129, 200] {
            let password = vec![b'p'; length];
            for iterations in [1, 2, 3, 50] {
                let mut expected = [0; 64];
                let mut check = |hash: Hash, derive: fn(&[u8], &[u8], u32, &mut [u8])| {
                    derive(&password, b"saltSALT", iterations, &mut expected[..hash.len()]);
                    let expected = to_hex(&expected[..hash.len()]);
                    assert_eq!(
                        hex(hash, &password, b"saltSALT", iterations),
                        expected,
                        "{hash:?} {length} {iterations}"
                    );
                };
                check(Hash::Sha1, pbkdf2::pbkdf2_hmac::<sha1::Sha1>);
                check(Hash::Sha224, pbkdf2::pbkdf2_hmac::<sha2::Sha224>);
                check(Hash::Sha256, pbkdf2::pbkdf2_hmac::<sha2::Sha256>);
                check(Hash::Sha384, pbkdf2::pbkdf2_hmac::<sha2::Sha384>);
                check(Hash::Sha512, pbkdf2::pbkdf2_hmac::<sha2::Sha512>);
            }
        }
        assert_eq!(hex(Hash::Sha1, b"x", b"y", 0), hex(Hash::Sha1, b"x", b"y", 1));
    }
}
