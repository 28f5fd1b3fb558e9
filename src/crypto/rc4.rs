//! RC4, for the confidentiality layers of DIGEST-MD5 (RFC 2831 section 2.4). It is broken; nothing else may use it.

use zeroize::{Zeroize, Zeroizing};

use super::md5::Md5;
use super::md5_kernel::compress_and_apply;

/// A stream of RC4. It runs on from one message to the next.
pub struct Rc4 {
    /// The permutation. Words are faster here than bytes, which processors merge into what they had stored before.
    state: [u32; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// The stream of a key of 1 to 256 bytes. (The stream of an empty key is that of a zero byte.)
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let key = if key.is_empty() { &[0] } else { key };
        let mut state: [u32; 256] = std::array::from_fn(|index| index as u32);
        let mut j = 0u32;
        for (i, byte) in (0..=255u8).zip(key.iter().cycle()) {
            j = (j + state[usize::from(i)] + u32::from(*byte)) & 255;
            state.swap(usize::from(i), j as usize);
        }
        Rc4 { state, i: 0, j: 0 }
    }

    /// Enciphers or deciphers in place: the two are the same.
    pub fn apply(&mut self, data: &mut [u8]) {
        let mut walk = self.walk();
        data.iter_mut().for_each(|byte| *byte ^= walk.next_byte());
    }

    /// Enciphers in place, and hashes what was there before: [`Md5::update`] and [`Self::apply`] in less time.
    pub fn encrypt_hashing(&mut self, data: &mut [u8], md5: &mut Md5) {
        let (head, rest) = data.split_at_mut(data.len().min(md5.to_block_end()));
        md5.update(head);
        self.apply(head);
        let (blocks, tail) = rest.as_chunks_mut();
        for block in blocks {
            let plain = Zeroizing::new(*block);
            md5.update_block(|state| compress_and_apply(state, &plain, self, block));
        }
        md5.update(tail);
        self.apply(tail);
    }

    /// Deciphers in place, and hashes what is there afterwards: [`Self::apply`] and [`Md5::update`] in less time.
    pub fn decrypt_hashing(&mut self, data: &mut [u8], md5: &mut Md5) {
        let (head, rest) = data.split_at_mut(data.len().min(md5.to_block_end()));
        self.apply(head);
        md5.update(head);
        let (blocks, tail) = rest.as_chunks_mut();
        if let Some((mut last, blocks)) = blocks.split_first_mut() {
            self.apply(last);
            for block in blocks {
                md5.update_block(|state| compress_and_apply(state, last, self, block));
                last = block;
            }
            md5.update(last);
        }
        self.apply(tail);
        md5.update(tail);
    }

    /// The stream from here on, kept in registers. [`Walk`]'s end puts it back.
    #[inline(always)]
    pub(super) fn walk(&mut self) -> Walk<'_> {
        let i = self.i.wrapping_add(1);
        Walk { i, j: u32::from(self.j), x: self.state[usize::from(i)], rc4: self }
    }
}

/// A use of the stream.
pub(super) struct Walk<'a> {
    rc4: &'a mut Rc4,
    i: u8,
    j: u32,
    /// The permutation's value at `i`.
    x: u32,
}

impl Walk<'_> {
    /// The stream's next byte.
    #[inline(always)]
    pub(super) fn next_byte(&mut self) -> u8 {
        let Walk { rc4: Rc4 { state, .. }, i, j, x } = self;
        *j = j.wrapping_add(*x) & 255;
        // The value that the next byte begins with is loaded before this byte's two are stored, so that it need not
        // wait for them; when one of them is that value, it is known.
        let following = i.wrapping_add(1);
        let ahead = state[usize::from(following)];
        let y = state[*j as usize & 255];
        state[*j as usize & 255] = *x;
        state[usize::from(*i)] = y;
        let byte = state[x.wrapping_add(y) as usize & 255] as u8;
        *x = if u32::from(following) == *j { *x } else { ahead };
        *i = following;
        byte
    }
}

impl Drop for Walk<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.rc4.i = self.i.wrapping_sub(1);
        self.rc4.j = self.j as u8;
    }
}

impl Drop for Rc4 {
    fn drop(&mut self) {
        self.state.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{from_hex, to_hex};

    /// RFC 6229 section 2: the streams of the 40, 56 and 128 bit keys 01 02 03 ...
    #[test]
    fn streams_of_rfc_6229() {
        let cases = [
            (5, "b2396305f03dc027ccc3524a0a1118a8"),
            (7, "293f02d47f37c9b633f2af5285feb46b"),
            (16, "9ac7cc9a609d1ef7b2932899cde41b97"),
        ];
        for (length, expected) in cases {
            let key: Vec<u8> = (1..=length).collect();
            let mut stream = [0; 16];
            Rc4::new(&key).apply(&mut stream);
            assert_eq!(to_hex(&stream), expected, "{length}");
        }
    }

    /// Another implementation, for every key length and further down the stream.
    #[test]
    fn agrees_with_the_rc4_crate() {
        use rc4::{KeyInit as _, StreamCipher as _};
        for length in 1..=255 {
            let key: Vec<u8> = (1..=length).collect();
            let (mut ours, mut theirs) = ([0; 4112], [0; 4112]);
            Rc4::new(&key).apply(&mut ours);
            rc4::Rc4::new_from_slice(&key).unwrap().apply_keystream(&mut theirs);
            assert_eq!(ours, theirs, "{length}");
        }
    }

    #[test]
    fn the_stream_runs_on() {
        let (mut whole, mut pieces) = ([7; 300], [7; 300]);
        Rc4::new(b"Key").apply(&mut whole);
        let mut stream = Rc4::new(b"Key");
        for piece in pieces.chunks_mut(7) {
            stream.apply(piece);
        }
        assert_eq!(whole, pieces);
        let mut text = *b"Plaintext";
        Rc4::new(b"Key").apply(&mut text);
        assert_eq!(Some(text.to_vec()), from_hex(b"bbf316e8d940af0ad3"));
    }

    /// For messages of every length, after every number of bytes that wait in the hash.
    #[test]
    fn hashing_on_the_way_changes_nothing() {
        let message: Vec<u8> = (0..=255).cycle().take(400).collect();
        for before in 0..65 {
            let mut stream = (Rc4::new(b"Key"), Rc4::new(b"Key"), Rc4::new(b"Key"));
            for length in [0, 1, 59, 60, 61, 64, 127, 128, 129, 192, 300, 400] {
                let message = &message[..length];
                let mut hashes = [Md5::new(), Md5::new(), Md5::new()];
                hashes.iter_mut().for_each(|md5| md5.update(&[1; 64][..before.min(64)]));
                let [plain, sent, received] = &mut hashes;
                let (mut expected, mut data) = (message.to_vec(), message.to_vec());
                plain.update(message);
                stream.0.apply(&mut expected);
                stream.1.encrypt_hashing(&mut data, sent);
                assert_eq!(data, expected, "{before} {length}");
                stream.2.decrypt_hashing(&mut data, received);
                assert_eq!(data, message, "{before} {length}");
                let expected = plain.finish();
                assert_eq!(sent.finish(), expected, "{before} {length}");
                assert_eq!(received.finish(), expected, "{before} {length}");
            }
        }
    }
}
