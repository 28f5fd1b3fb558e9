//! RC4, for the confidentiality layers of DIGEST-MD5 (RFC 2831 section 2.4). It is broken; nothing else may use it.

use zeroize::Zeroize;

/// A stream of RC4. It runs on from one message to the next.
pub struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// The stream of a key of 1 to 256 bytes. (The stream of an empty key is that of a zero byte.)
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let key = if key.is_empty() { &[0] } else { key };
        let mut state: [u8; 256] = std::array::from_fn(|index| u8::try_from(index).unwrap_or(0));
        let mut j = 0u8;
        for (i, byte) in (0..=255u8).zip(key.iter().cycle()) {
            j = j.wrapping_add(state[usize::from(i)]).wrapping_add(*byte);
            state.swap(usize::from(i), usize::from(j));
        }
        Rc4 { state, i: 0, j: 0 }
    }

    /// Enciphers or deciphers in place: the two are the same.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (mut i, mut j) = (self.i, self.j);
        for byte in data {
            i = i.wrapping_add(1);
            let x = self.state[usize::from(i)];
            j = j.wrapping_add(x);
            let y = self.state[usize::from(j)];
            self.state[usize::from(i)] = y;
            self.state[usize::from(j)] = x;
            *byte ^= self.state[usize::from(x.wrapping_add(y))];
        }
        (self.i, self.j) = (i, j);
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
}
