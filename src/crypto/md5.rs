//! MD5 (RFC 1321) and HMAC-MD5 (RFC 2104), for CRAM-MD5, DIGEST-MD5, APOP and the C interface.

use md5::block_api;
use zeroize::{Zeroize, Zeroizing};

use super::md5_kernel::compress_blocks;

/// The length of an MD5 digest, in bytes.
pub const MD5_LEN: usize = 16;
const BLOCK: usize = 64;
/// Where the length stands in the last block.
const LENGTH_AT: usize = 56;
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The compression function: hashes one block into a state.
pub fn compress(state: &mut [u32; 4], block: &[u8; BLOCK]) {
    block_api::compress(state, std::slice::from_ref(block));
}

/// The MD5 of the parts, one after the other.
#[must_use]
pub fn md5(parts: &[&[u8]]) -> [u8; MD5_LEN] {
    let mut hasher = Md5::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finish()
}

/// The HMAC-MD5 of the parts, one after the other, under a key of any length.
#[must_use]
pub fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; MD5_LEN] {
    HmacMd5State::new(key).finish(parts)
}

/// MD5 in pieces. Wiped when dropped.
///
/// Its three parts are public so that the C interface can keep one in an `MD5_CTX` of its caller between calls.
#[derive(Clone)]
pub struct Md5 {
    /// The state after the blocks that were whole.
    pub state: [u32; 4],
    /// How many bytes were taken, modulo 2^61; the last `length % 64` of them wait in `buffer`.
    pub length: u64,
    /// The beginning of the next block.
    pub buffer: [u8; BLOCK],
}

impl Default for Md5 {
    fn default() -> Self {
        Md5 { state: START, length: 0, buffer: [0; BLOCK] }
    }
}

impl Drop for Md5 {
    fn drop(&mut self) {
        self.state.zeroize();
        self.buffer.zeroize();
    }
}

impl Md5 {
    /// The MD5 of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more bytes.
    pub fn update(&mut self, mut data: &[u8]) {
        let waiting = self.waiting();
        self.length = self.length.wrapping_add(data.len() as u64);
        if waiting > 0 {
            let (now, later) = data.split_at(data.len().min(BLOCK - waiting));
            self.put(waiting, now);
            if waiting + now.len() < BLOCK {
                return;
            }
            compress(&mut self.state, &self.buffer);
            data = later;
        }
        let (blocks, rest) = data.as_chunks::<BLOCK>();
        compress_blocks(&mut self.state, blocks);
        self.put(0, rest);
    }

    /// The digest of all that was taken. A use afterwards goes on from there, which is of no use to anyone.
    pub fn finish(&mut self) -> [u8; MD5_LEN] {
        let waiting = self.waiting();
        let bits = self.length.wrapping_mul(8);
        self.put(waiting, &[0x80]);
        self.buffer.get_mut(waiting + 1..).unwrap_or_default().fill(0);
        if waiting >= LENGTH_AT {
            compress(&mut self.state, &self.buffer);
            self.buffer = [0; BLOCK];
        }
        self.put(LENGTH_AT, &bits.to_le_bytes());
        compress(&mut self.state, &self.buffer);
        let mut digest = [0; MD5_LEN];
        digest.as_chunks_mut::<4>().0.iter_mut().zip(self.state).for_each(|(to, from)| *to = from.to_le_bytes());
        digest
    }

    /// How many bytes are missing to the end of a block.
    pub(super) fn to_block_end(&self) -> usize {
        (BLOCK - self.waiting()) % BLOCK
    }

    /// Takes a whole block, when none waits for more, through something else that hashes it into the state.
    pub(super) fn update_block(&mut self, compress: impl FnOnce(&mut [u32; 4])) {
        debug_assert_eq!(self.waiting(), 0);
        self.length = self.length.wrapping_add(BLOCK as u64);
        compress(&mut self.state);
    }

    fn waiting(&self) -> usize {
        // The remainder is below 64.
        (self.length % BLOCK as u64) as usize
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            place.copy_from_slice(bytes);
        }
    }
}

/// HMAC-MD5's key, already hashed: the MD5 states after the inner and the outer key block. Who has it can answer for
/// the key's owner, but not find the key. Databases hold it for CRAM-MD5 (RFC 2195 section 2).
#[derive(Clone)]
pub struct HmacMd5State {
    inner: [u32; 4],
    outer: [u32; 4],
}

impl Drop for HmacMd5State {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl HmacMd5State {
    /// The length of the stored form, in bytes.
    pub const LEN: usize = 32;

    /// The states of a key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let hashed = (key.len() > BLOCK).then(|| Zeroizing::new(md5(&[key])));
        let key = hashed.as_ref().map_or(key, |hashed| hashed.as_slice());
        let state = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(to, from)| *to ^= *from);
            let mut state = START;
            compress(&mut state, &block);
            state
        };
        HmacMd5State { inner: state(0x36), outer: state(0x5c) }
    }

    /// The states as databases and the C interface hold them: the words of the inner and then of the outer one, each
    /// with its most significant byte first.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        let words = self.inner.iter().chain(&self.outer);
        bytes.as_chunks_mut::<4>().0.iter_mut().zip(words).for_each(|(to, from)| *to = from.to_be_bytes());
        bytes
    }

    /// The states that [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        let mut result = HmacMd5State { inner: [0; 4], outer: [0; 4] };
        let words = result.inner.iter_mut().chain(&mut result.outer);
        words.zip(bytes.as_chunks::<4>().0).for_each(|(to, from)| *to = u32::from_be_bytes(*from));
        result
    }

    /// The HMAC of the parts, one after the other.
    #[must_use]
    pub fn finish(&self, parts: &[&[u8]]) -> [u8; MD5_LEN] {
        let mut inner = self.begin();
        parts.iter().for_each(|part| inner.update(part));
        self.end(inner)
    }

    /// The inner hash with the key already in it, to be updated and handed to [`Self::end`].
    #[must_use]
    pub fn begin(&self) -> Md5 {
        Md5 { state: self.inner, length: BLOCK as u64, buffer: [0; BLOCK] }
    }

    /// The outer hash with the key already in it, which takes the digest of the inner one.
    #[must_use]
    pub fn begin_outer(&self) -> Md5 {
        Md5 { state: self.outer, length: BLOCK as u64, buffer: [0; BLOCK] }
    }

    /// The HMAC of what was put into the hash that [`Self::begin`] gave.
    #[must_use]
    pub fn end(&self, mut inner: Md5) -> [u8; MD5_LEN] {
        let mut outer = self.begin_outer();
        outer.update(&inner.finish());
        outer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::to_hex;

    /// RFC 1321 appendix A.5.
    #[test]
    fn suite_of_rfc_1321() {
        let digits = "1234567890".repeat(8);
        let cases = [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("a", "0cc175b9c0f1b6a831c399e269772661"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"),
            (&digits, "57edf4a22be3c955ac49da2e2107b67a"),
        ];
        for (text, expected) in cases {
            assert_eq!(to_hex(&md5(&[text.as_bytes()])), expected, "{text:?}");
        }
    }

    /// Every length around the block, in pieces of every size, against another implementation.
    #[test]
    fn pieces_do_not_matter() {
        let data: Vec<u8> = (0..=255).cycle().take(300).collect();
        for length in 0..data.len() {
            let expected: [u8; 16] = <md5::Md5 as md5::Digest>::digest(&data[..length]).into();
            assert_eq!(md5(&[&data[..length]]), expected, "{length}");
            for piece in [1, 7, 55, 63, 64, 65] {
                let mut hasher = Md5::new();
                data[..length].chunks(piece).for_each(|piece| hasher.update(piece));
                assert_eq!(hasher.finish(), expected, "{length} in pieces of {piece}");
            }
        }
    }

    /// RFC 2202 section 2, cases 1, 2, 4 and 6.
    #[test]
    fn hmac_of_rfc_2202() {
        let cases: [(Vec<u8>, &[u8], &str); 4] = [
            (vec![0x0b; 16], b"Hi There", "9294727a3638bb1c13f48ef8158bfc9d"),
            (b"Jefe".to_vec(), b"what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738"),
            ((1..=25).collect(), &[0xcd; 50], "697eaf0aca3a3aea3a75164746ffaa79"),
            (
                vec![0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(to_hex(&hmac_md5(&key, &[data])), expected);
            let stored = HmacMd5State::from_bytes(&HmacMd5State::new(&key).to_bytes());
            assert_eq!(to_hex(&stored.finish(&[&data[..3], &data[3..]])), expected);
        }
    }

    /// RFC 2195 section 2.
    #[test]
    fn cram_md5_of_rfc_2195() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(to_hex(&hmac_md5(b"tanstaaftanstaaf", &[challenge])), "b913a602c7eda7a495b4e6e7334d3890");
    }
}
