//! Security layers (RFC 4422 section 3.7): what protects the bytes of a connection after an exchange has succeeded.

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The length of the number before each packet, in bytes (RFC 4422 section 3.7).
const HEADER: usize = 4;

/// A negotiated security layer, with the state of both directions.
pub trait SecurityLayer: Send {
    /// Protects one run of bytes, of at most [`Self::max_input`], and appends its packet, length included.
    ///
    /// # Errors
    /// When the bytes cannot be protected. Nothing was appended, and the connection is of no further use.
    fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Takes whatever has come from the peer, be it a piece of a packet or several, and appends the bytes that became
    /// clear by it. Nothing is appended when no packet is whole yet.
    ///
    /// # Errors
    /// When a packet is malformed, too long or not the peer's. Nothing was appended, and every later call fails too.
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// The security strength factor: 0 none, 1 integrity only, above that the effective key length in bits.
    fn ssf(&self) -> u32;

    /// The most bytes that one packet can carry so that the peer accepts it.
    fn max_input(&self) -> u32;
}

/// Protects any number of bytes in as many packets as that takes.
///
/// # Errors
/// As [`SecurityLayer::encode`]. Nothing was appended then.
pub fn encode_all(layer: &mut dyn SecurityLayer, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let before = out.len();
    let most = usize::try_from(layer.max_input()).unwrap_or(usize::MAX).max(1);
    let result = input.chunks(most).try_for_each(|piece| layer.encode(piece, out));
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// Appends a packet: its length in four bytes, most significant first, and then what `write` appends.
///
/// # Errors
/// That of `write`; also when it wrote 4 GiB or more. Nothing was appended then.
pub fn frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let before = out.len();
    out.extend([0; HEADER]);
    let start = out.len();
    let result = write(out).and_then(|()| {
        let len = u32::try_from(out.len() - start).map_err(|_| Error::fail("a packet of 4 GiB or more"))?;
        out.iter_mut().skip(before).zip(len.to_be_bytes()).for_each(|(to, from)| *to = from);
        Ok(())
    });
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// Cuts what comes from the peer into packets. Holds at most one packet that is not whole yet.
pub struct Framer {
    limit: usize,
    /// The beginning of a packet, header included. Wiped when the connection goes.
    partial: Zeroizing<Vec<u8>>,
    broken: bool,
}

impl Framer {
    /// Takes packets of up to `limit` bytes, not counting the four of the length: the buffer size that this side told
    /// its peer.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Framer { limit, partial: Zeroizing::default(), broken: false }
    }

    /// Takes whatever has come, and calls `unwrap` with each packet that is whole (without its length, and of any
    /// length down to none) and `out`, to which it appends the clear bytes.
    ///
    /// # Errors
    /// When a packet is longer than the limit, which is seen as soon as its length has come; and that of `unwrap`.
    /// `out` is then as it was, and every later call fails too: the stream cannot be picked up again.
    pub fn decode<U>(&mut self, input: &[u8], out: &mut Vec<u8>, unwrap: U) -> Result<()>
    where
        U: FnMut(&[u8], &mut Vec<u8>) -> Result<()>,
    {
        if self.broken {
            return Err(Error::fail("the security layer has failed before"));
        }
        let before = out.len();
        let result = self.take(input, out, unwrap);
        if result.is_err() {
            self.broken = true;
            self.partial = Zeroizing::default();
            out.truncate(before);
        }
        result
    }

    fn take<U>(&mut self, mut input: &[u8], out: &mut Vec<u8>, mut unwrap: U) -> Result<()>
    where
        U: FnMut(&[u8], &mut Vec<u8>) -> Result<()>,
    {
        // A packet of which a part came earlier is put together; those that are whole are unwrapped where they lie.
        while !self.partial.is_empty() {
            let missing = match self.packet_len(&self.partial)? {
                None => HEADER - self.partial.len(),
                Some(len) => HEADER + len - self.partial.len(),
            };
            if missing == 0 {
                unwrap(self.partial.get(HEADER..).unwrap_or_default(), out)?;
                self.partial.clear();
                break;
            }
            if input.is_empty() {
                return Ok(());
            }
            let (now, later) = input.split_at(missing.min(input.len()));
            self.partial.extend_from_slice(now);
            input = later;
        }
        while let Some(len) = self.packet_len(input)? {
            let Some((packet, later)) = input.split_at_checked(HEADER + len) else { break };
            unwrap(packet.get(HEADER..).unwrap_or_default(), out)?;
            input = later;
        }
        self.partial.extend_from_slice(input);
        Ok(())
    }

    /// The length of the packet that begins here, once all of the number has come.
    fn packet_len(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        match usize::try_from(u32::from_be_bytes(*header)) {
            Ok(len) if len <= self.limit => Ok(Some(len)),
            _ => Err(Error::fail(format!(
                "encoded packet size too big ({} > {})",
                u32::from_be_bytes(*header),
                self.limit
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    /// A layer that reverses what it is given and refuses a packet that begins with `!`.
    struct Reversing(Framer);

    impl SecurityLayer for Reversing {
        fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
            frame(out, |out| {
                out.extend(input.iter().rev());
                if input.ends_with(b"!") { Err(Error::fail("!")) } else { Ok(()) }
            })
        }

        fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
            self.0.decode(input, out, |packet, out| {
                out.extend(packet.iter().rev());
                if packet.starts_with(b"!") { Err(Error::from(Code::BadMac)) } else { Ok(()) }
            })
        }

        fn ssf(&self) -> u32 {
            1
        }

        fn max_input(&self) -> u32 {
            4
        }
    }

    fn layer() -> Reversing {
        Reversing(Framer::new(4))
    }

    const STREAM: &[u8] = b"\0\0\0\x04dcba\0\0\0\x01e\0\0\0\0\0\0\0\x02gf";

    /// The same bytes come out however the stream is cut in three.
    #[test]
    fn every_split_gives_the_same() {
        for first in 0..=STREAM.len() {
            for second in first..=STREAM.len() {
                let (mut layer, mut out) = (layer(), b"kept:".to_vec());
                for piece in [&STREAM[..first], &STREAM[first..second], &STREAM[second..]] {
                    layer.decode(piece, &mut out).unwrap();
                }
                assert_eq!(out, b"kept:abcdefg", "{first} {second}");
            }
        }
    }

    #[test]
    fn byte_by_byte_each_packet_comes_with_its_last_byte() {
        let (mut layer, mut out) = (layer(), Vec::new());
        let lengths: Vec<usize> = STREAM
            .chunks(1)
            .map(|byte| {
                layer.decode(byte, &mut out).unwrap();
                assert!(layer.0.partial.len() < HEADER + 4);
                out.len()
            })
            .collect();
        assert_eq!(lengths, [0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 7]);
    }

    #[test]
    fn many_bytes_make_many_packets() {
        let mut out = Vec::new();
        encode_all(&mut layer(), b"abcde", &mut out).unwrap();
        assert_eq!(out, b"\0\0\0\x04dcba\0\0\0\x01e");
        let mut kept = b"kept".to_vec();
        assert!(encode_all(&mut layer(), b"abcde!", &mut kept).is_err());
        assert_eq!(kept, b"kept");
    }

    /// A packet over the limit is refused with the last byte of its length, before any of it is kept.
    #[test]
    fn long_packets_are_refused() {
        for header in [*b"\0\0\0\x05", *b"\x80\0\0\0", *b"\xff\xff\xff\xff", *b"\0\x01\0\0"] {
            for cut in 0..=HEADER {
                let (mut layer, mut out) = (layer(), Vec::new());
                let start = [b"\0\0\0\x02ba", &header[..cut]].concat();
                let result = layer.decode(&start, &mut out).and_then(|()| layer.decode(&header[cut..], &mut out));
                let error = result.unwrap_err();
                assert_eq!(error.code(), Code::Fail);
                assert!(error.detail().contains("encoded packet size too big"), "{error}");
                assert!(layer.decode(STREAM, &mut out).is_err(), "picked up again");
            }
        }
    }

    #[test]
    fn nothing_comes_out_of_a_call_that_fails() {
        let (mut layer, mut out) = (layer(), b"kept".to_vec());
        let error = layer.decode(b"\0\0\0\x02ba\0\0\0\x02!x\0\0\0\x01c", &mut out).unwrap_err();
        assert_eq!(error.code(), Code::BadMac);
        assert_eq!(out, b"kept");
        assert!(layer.decode(b"", &mut out).is_err());
        assert!(layer.decode(STREAM, &mut out).is_err());
        assert_eq!(out, b"kept");
    }

    #[test]
    fn a_layer_that_takes_nothing_takes_empty_packets() {
        let mut framer = Framer::new(0);
        let mut packets = Vec::new();
        let unwrap = |packet: &[u8], _: &mut Vec<u8>| {
            packets.push(packet.len());
            Ok(())
        };
        framer.decode(&[0; 8], &mut Vec::new(), unwrap).unwrap();
        assert_eq!(packets, [0, 0]);
        assert!(framer.decode(b"\0\0\0\x01", &mut Vec::new(), |_, _| Ok(())).is_err());
    }
}
