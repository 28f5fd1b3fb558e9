//! The security layers of `auth-int` and `auth-conf` (RFC 2831 sections 2.3 and 2.4).

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::Zeroizing;

use super::Protection;
use super::hash::Key;
use crate::crypto::{
    BlockCipher, CbcDecryptor, CbcEncryptor, DES_BLOCK, HmacMd5State, MD5_LEN, Rc4, md5, md5_compress,
};
use crate::error::{Error, Result};
use crate::layer::{Framer, SecurityLayer, frame};
use crate::mech::Side;

/// The length of a packet's MAC, in bytes.
const MAC: usize = 10;
/// What follows the MAC: the version and the sequence number.
const TRAILER: usize = 6;
const VERSION: [u8; 2] = [0, 1];
/// The shortest packet: one that carries nothing.
const SHORTEST: usize = MAC + TRAILER;
/// What a packet has more than it carries, at the most: without a cipher, and with one.
const OVERHEAD: u32 = 16;
const CIPHER_OVERHEAD: u32 = 25;
/// The length of what precedes a packet. A server counts it in, a client does not.
const HEADER: u32 = 4;

/// A cipher of `auth-conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    Rc4With40Bits,
    Rc4With56Bits,
    Rc4,
    Des,
    TripleDes,
}

impl Cipher {
    /// In the order in which they are announced.
    pub const ALL: [Cipher; 5] =
        [Cipher::Rc4With40Bits, Cipher::Rc4With56Bits, Cipher::Rc4, Cipher::Des, Cipher::TripleDes];

    pub fn name(self) -> &'static str {
        match self {
            Cipher::Rc4With40Bits => "rc4-40",
            Cipher::Rc4With56Bits => "rc4-56",
            Cipher::Rc4 => "rc4",
            Cipher::Des => "des",
            Cipher::TripleDes => "3des",
        }
    }

    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// `des` has 56 bits like `rc4-56`, but is the lesser choice of the two: 55, as Cyrus SASL has it.
    pub fn ssf(self) -> u32 {
        match self {
            Cipher::Rc4With40Bits => 40,
            Cipher::Rc4With56Bits => 56,
            Cipher::Rc4 => 128,
            Cipher::Des => 55,
            Cipher::TripleDes => 112,
        }
    }

    /// Whether its key can be found by trying them all.
    pub fn is_weak(self) -> bool {
        self.ssf() < 112
    }

    /// How many bytes of the session key its own is made from.
    fn key_bytes(self) -> usize {
        match self {
            Cipher::Rc4With40Bits => 5,
            Cipher::Rc4With56Bits => 7,
            Cipher::Rc4 | Cipher::Des | Cipher::TripleDes => MD5_LEN,
        }
    }

    fn block_cipher(self) -> Option<BlockCipher> {
        match self {
            Cipher::Des => Some(BlockCipher::Des),
            Cipher::TripleDes => Some(BlockCipher::TripleDes),
            _ => None,
        }
    }
}

enum Sealing {
    None,
    Stream(Box<Rc4>),
    Blocks(Box<CbcEncryptor>),
}

enum Opening {
    None,
    Stream(Box<Rc4>),
    Blocks(Box<CbcDecryptor>),
}

/// The number of the next packet. There is none after the last: numbers must not repeat under one key.
struct Sequence(Option<u32>);

impl Sequence {
    fn current(&self) -> Result<u32> {
        self.0.ok_or_else(|| Error::fail("the security layer has no sequence number left; reconnect"))
    }

    fn advance(&mut self, from: u32) {
        self.0 = from.checked_add(1);
    }
}

/// A layer in force.
pub struct Layer {
    ssf: u32,
    max_input: u32,
    sealing: Sealing,
    sign: HmacMd5State,
    sent: Sequence,
    receiver: Receiver,
    framer: Framer,
}

struct Receiver {
    opening: Opening,
    verify: HmacMd5State,
    received: Sequence,
}

impl Layer {
    /// The layer of one side after an exchange with this session key. `own` and `peer` are the buffer sizes that the
    /// two sides announced. `None` when there is no layer.
    ///
    /// # Errors
    /// When the peer's buffer cannot hold any packet that carries something.
    pub fn new(side: Side, protection: Protection, session_key: &Key, own: u32, peer: u32) -> Result<Option<Self>> {
        let (ssf, cipher) = match protection {
            Protection::None => return Ok(None),
            Protection::Integrity => (1, None),
            Protection::Privacy(cipher) => (cipher.ssf(), Some(cipher)),
        };
        let max_input =
            max_input(side, protection, peer).ok_or_else(|| Error::bad_auth("maxbuf parameter too small"))?;
        let sign = |magic: &[u8]| HmacMd5State::new(&Zeroizing::new(md5(&[&session_key[..], magic]))[..]);
        let client_signs = sign(b"Digest session key to client-to-server signing key magic constant");
        let server_signs = sign(b"Digest session key to server-to-client signing key magic constant");
        let seal = |magic: &[u8]| {
            let bytes = cipher.map_or(MD5_LEN, Cipher::key_bytes);
            Zeroizing::new(md5(&[session_key.get(..bytes).unwrap_or_default(), magic]))
        };
        let client_seals = seal(b"Digest H(A1) to client-to-server sealing key magic constant");
        let server_seals = seal(b"Digest H(A1) to server-to-client sealing key magic constant");
        let (sign, verify, seal_key, open_key) = match side {
            Side::Client => (client_signs, server_signs, client_seals, server_seals),
            Side::Server => (server_signs, client_signs, server_seals, client_seals),
        };
        let (sealing, opening) = match (cipher, cipher.and_then(Cipher::block_cipher)) {
            (None, _) => (Sealing::None, Opening::None),
            (Some(_), None) => {
                let stream = |key: &Key| Box::new(Rc4::new(&key[..]));
                (Sealing::Stream(stream(&seal_key)), Opening::Stream(stream(&open_key)))
            }
            (Some(_), Some(blocks)) => (
                Sealing::Blocks(Box::new(CbcEncryptor::new(blocks, &seal_key))),
                Opening::Blocks(Box::new(CbcDecryptor::new(blocks, &open_key))),
            ),
        };
        let receiver = Receiver { opening, verify, received: Sequence(Some(0)) };
        let (sent, framer) = (Sequence(Some(0)), Framer::new(own));
        Ok(Some(Layer { ssf, max_input, sealing, sign, sent, receiver, framer }))
    }
}

/// The most that a packet may carry so that it fits into the peer's buffer. `None` when nothing fits.
pub fn max_input(side: Side, protection: Protection, peer: u32) -> Option<u32> {
    let overhead = match protection {
        Protection::None => 0,
        Protection::Integrity => OVERHEAD,
        Protection::Privacy(_) => CIPHER_OVERHEAD,
    };
    let header = if side == Side::Server { HEADER } else { 0 };
    peer.checked_sub(overhead + header).filter(|most| *most > 0)
}

impl SecurityLayer for Layer {
    fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let number = self.sent.current()?;
        let mac = self.sign.finish(&[&number.to_be_bytes(), input]);
        let mac = mac.first_chunk::<MAC>().copied().unwrap_or_default();
        frame(out, |out| {
            let start = out.len();
            out.extend_from_slice(input);
            if matches!(self.sealing, Sealing::Blocks(_)) {
                let padding = DES_BLOCK - (input.len() + MAC) % DES_BLOCK;
                out.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or_default(), padding));
            }
            out.extend(mac);
            let packet = out.get_mut(start..).unwrap_or_default();
            match &mut self.sealing {
                Sealing::None => {}
                Sealing::Stream(cipher) => cipher.apply(packet),
                Sealing::Blocks(cipher) => cipher.encrypt(packet)?,
            }
            out.extend(VERSION);
            out.extend(number.to_be_bytes());
            Ok(())
        })?;
        self.sent.advance(number);
        Ok(())
    }

    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let receiver = &mut self.receiver;
        self.framer.decode(input, out, |packet, out| receiver.open(packet, out))
    }

    fn ssf(&self) -> u32 {
        self.ssf
    }

    fn max_input(&self) -> u32 {
        self.max_input
    }
}

impl Receiver {
    /// Takes a packet and appends what it carries.
    fn open(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if packet.len() < SHORTEST {
            return Err(Error::fail("DIGEST-MD5 SASL packets must be at least 16 bytes long"));
        }
        let expected = self.received.current()?;
        let Some((body, &[v0, v1, s0, s1, s2, s3])) = packet.split_last_chunk::<TRAILER>() else {
            return Err(Error::fail("Wrong Version"));
        };
        if [v0, v1] != VERSION {
            return Err(Error::fail("Wrong Version"));
        }
        let number = u32::from_be_bytes([s0, s1, s2, s3]);
        if number != expected {
            return Err(Error::fail(format!("Incorrect Sequence Number: received {number}, expected {expected}")));
        }
        let start = out.len();
        out.extend_from_slice(body);
        let clear = out.get_mut(start..).unwrap_or_default();
        let padded = match &mut self.opening {
            Opening::None => false,
            Opening::Stream(cipher) => {
                cipher.apply(clear);
                false
            }
            Opening::Blocks(cipher) => {
                // A shorter one would not hold a MAC and a byte of padding.
                if clear.len() < 2 * DES_BLOCK {
                    return Err(mismatch());
                }
                cipher.decrypt(clear).map_err(|_| mismatch())?;
                true
            }
        };
        let Some((text, mac)) = clear.split_last_chunk::<MAC>() else { return Err(mismatch()) };
        let (length, padding_fits) = if padded { unpadded(text) } else { (text.len(), Choice::from(1)) };
        let digest = self.verify.finish(&[&number.to_be_bytes(), text.get(..length).unwrap_or_default()]);
        even_out(length, text.len());
        let mac_fits = digest.first_chunk::<MAC>().copied().unwrap_or_default().ct_eq(mac);
        // One answer to both questions: who could tell them apart could read the text (a padding oracle).
        if !bool::from(padding_fits & mac_fits) {
            return Err(mismatch());
        }
        out.truncate(start + length);
        self.received.advance(number);
        Ok(())
    }
}

fn mismatch() -> Error {
    Error::fail("CMAC doesn't match: the packet was not made by the peer, or changed on the way")
}

/// The length of a text of at least 6 bytes without its padding, and whether that is 1 to 8 bytes that all tell their
/// number. Takes the same time for any of it.
fn unpadded(text: &[u8]) -> (usize, Choice) {
    let last = text.last().copied().unwrap_or_default();
    let available = u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut good = !last.ct_eq(&0) & last.ct_lt(&9) & !available.ct_lt(&last);
    let padding = u8::conditional_select(&1, &last, good);
    for (index, byte) in (0..8u8).zip(text.iter().rev()) {
        good &= byte.ct_eq(&last) | !index.ct_lt(&padding);
    }
    (text.len() - usize::from(padding), good)
}

/// Hashes as much as makes up for the padding, so that the time which a packet takes does not tell its padding: a MAC
/// over fewer bytes may be one block shorter.
fn even_out(length: usize, longest: usize) {
    // The sequence number goes before the text; a bit and the length, nine bytes, after it.
    let blocks = |length: usize| (4 + length + 9).div_ceil(64);
    let mut state = [0; 4];
    for _ in blocks(length)..blocks(longest) {
        md5_compress(&mut state, &[0; 64]);
        std::hint::black_box(state);
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::{session_key, user_key};
    use super::*;
    use crate::crypto::{from_hex, to_hex};
    use crate::error::Code;

    fn protections() -> impl Iterator<Item = Protection> {
        [Protection::Integrity].into_iter().chain(Cipher::ALL.map(Protection::Privacy))
    }

    fn pair(protection: Protection) -> (Layer, Layer) {
        let key = Key::new(*b"0123456789abcdef");
        let side = |side| Layer::new(side, protection, &key, 65536, 65536).unwrap().unwrap();
        (side(Side::Client), side(Side::Server))
    }

    fn seal(layer: &mut Layer, text: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        layer.encode(text, &mut packet).unwrap();
        packet
    }

    /// Packets that the stock library sent (`3des`, which it cannot complete: made with OpenSSL), and ours are the same
    /// to the byte: two of the client's, one of the server's, after alice had logged in with the password `secret`.
    #[test]
    fn packets_are_those_of_the_stock_library() {
        #[rustfmt::skip]
        let transcripts = [
            ("auth-int", "zr66rza72kR03dUM2RA5vE2rgW4UFXrnyaMGkZsZZTM=", "G4pCQDf+T7jpXVrTsxY3WyMdSErnCXZzY2qciOyXoS4=", [
                "0000001568656c6c6fa609f6adc9e0605fe461000100000000",
                "0000001f61207365636f6e64207061636b657492822abd2acab838b5f3000100000001",
                "0000001777656c636f6d65f48bb9dc1163a2f4ab47000100000000",
            ]),
            ("rc4-40", "EekgkXZkkmnMj4fkDh1Q842hDmVlS76vuU6ythtthlA=", "cBjqyrviFXcwa6d2S7DUOIyilmIYx3JYTXLO9isUTAo=", [
                "00000015e72e02063b1ef35c2deeffe5f5a6eb000100000000",
                "0000001ff1632211c639db15a4bb74995349b6e60c57dbf6cca4d927c3000100000001",
                "000000171ad21b65ea42148cf10ea862747099c0d3000100000000",
            ]),
            ("rc4-56", "yk/iDHtYrMW8YVDF/AmUZjy14pgVXwEyoYaCaOIXDVc=", "MFUFEA6jWmfHh9XAdfJiD85zy5azB8UVOy+KWuTDXrg=", [
                "00000015fab63a6c1360d849b43162ce5f4d7e000100000000",
                "0000001f6d7d9d4b4c0bd9bbc5218f065b259b6d293e6a2530da71b610000100000001",
                "00000017a9806b7276a3e4a0bb32f4cc5c8ec129f2000100000000",
            ]),
            ("rc4", "TX/ZVTG0USEmgFVde1q10H4uLbjsmpyxZr/t2yh/O5s=", "9DEwWlGEViRF0dYRM3BCoMWA6+bl6UsITItezI6O8Nc=", [
                "00000015c757c1a81af3f59fac7d5f63661290000100000000",
                "0000001f993e285a88a07fb4736b7db8e2f351b8db70f160d9c0d702a8000100000001",
                "00000017159ea2990bb8d94661e868a9156055c6f4000100000000",
            ]),
            ("des", "29z8Iz4WwFa7RVvEBHinT8cxW2sAOpkeW1wsPgeBhKU=", "Qzz6H3SlXR2+UNGrtKjMGSS+XNtZt2aJTDYEPegsL3c=", [
                "000000169a5ffa5f0200a0412960df7550ef61d6000100000000",
                "000000264df2783cca281dff550b922eba9d7951d87526f74331dfc7aefad7dccc99d128000100000001",
                "0000001e659260965c3660c4d3faaa58dba5e08494b6703ecdc51b3e000100000000",
            ]),
            ("3des", "nonce", "cnonce", [
                "000000162a652754aff9f0b7405b0c0544bdb1bd000100000000",
                "00000026e4ad8d34d4d3b11ff099ce489adeeef82d31fbaea2940303e09ca39b02665145000100000001",
                "0000001e751a7cd7b8a2f2f59f1f3571d3c80ff0deb6e70c2b5f475c000100000000",
            ]),
        ];
        for (name, nonce, cnonce, [first, second, answer]) in transcripts {
            let protection = Cipher::named(name.as_bytes()).map_or(Protection::Integrity, Protection::Privacy);
            let user = user_key(b"alice", b"host.example.com", b"secret");
            let key = session_key(&user, nonce.as_bytes(), cnonce.as_bytes(), None);
            let side = |side| Layer::new(side, protection, &key, 65536, 65536).unwrap().unwrap();
            let (mut client, mut server) = (side(Side::Client), side(Side::Server));
            assert_eq!(to_hex(&seal(&mut client, b"hello")), first, "{name}");
            assert_eq!(to_hex(&seal(&mut client, b"a second packet")), second, "{name}");
            assert_eq!(to_hex(&seal(&mut server, b"welcome")), answer, "{name}");
            let mut out = Vec::new();
            client.decode(&from_hex(answer.as_bytes()).unwrap(), &mut out).unwrap();
            server.decode(&from_hex(first.as_bytes()).unwrap(), &mut out).unwrap();
            server.decode(&from_hex(second.as_bytes()).unwrap(), &mut out).unwrap();
            assert_eq!(out, b"welcomehelloa second packet", "{name}");
        }
    }

    /// The numbers that `SASL_MAXOUTBUF` shows: a server's is 4 less.
    #[test]
    fn what_a_packet_may_carry() {
        let rc4 = Protection::Privacy(Cipher::Rc4);
        for (protection, client, server) in
            [(Protection::Integrity, 65520, 65516), (rc4, 65511, 65507), (Protection::None, 65536, 65532)]
        {
            assert_eq!(max_input(Side::Client, protection, 65536), Some(client));
            assert_eq!(max_input(Side::Server, protection, 65536), Some(server));
        }
        assert_eq!(max_input(Side::Client, Protection::Integrity, 16), None);
        assert_eq!(max_input(Side::Client, Protection::Integrity, 17), Some(1));
        assert_eq!(max_input(Side::Server, rc4, 29), None);
        assert_eq!(max_input(Side::Server, rc4, 30), Some(1));
        let key = Key::default();
        assert!(Layer::new(Side::Server, rc4, &key, 65536, 29).is_err_and(|error| error.code() == Code::BadAuth));
        assert!(Layer::new(Side::Server, Protection::None, &key, 0, 0).unwrap().is_none());
    }

    /// The longest packets fit into the peer's buffer, and one byte more is refused by it.
    #[test]
    fn the_longest_packets_fit() {
        for protection in protections() {
            for buffer in 30..100 {
                for (one, other) in [(Side::Client, Side::Server), (Side::Server, Side::Client)] {
                    let key = Key::default();
                    let mut sender = Layer::new(one, protection, &key, 65536, buffer).unwrap().unwrap();
                    let mut receiver = Layer::new(other, protection, &key, buffer, 65536).unwrap().unwrap();
                    let text = vec![7; sender.max_input() as usize];
                    let packet = seal(&mut sender, &text);
                    assert!(packet.len() <= 4 + buffer as usize);
                    let mut out = Vec::new();
                    receiver.decode(&packet, &mut out).unwrap();
                    assert_eq!(out, text);
                    let header = (buffer + 1).to_be_bytes();
                    assert_eq!(receiver.decode(&header, &mut out).unwrap_err().code(), Code::Fail);
                }
            }
        }
    }

    #[test]
    fn every_length_survives() {
        for protection in protections() {
            let (mut client, mut server) = pair(protection);
            for length in 0..200 {
                let text: Vec<u8> = (0..length).collect();
                let (sent, answered) = (seal(&mut client, &text), seal(&mut server, &text));
                let mut out = Vec::new();
                server.decode(&sent, &mut out).unwrap();
                client.decode(&answered, &mut out).unwrap();
                assert_eq!(out, [&text[..], &text].concat());
            }
        }
    }

    fn refused(receiver: &mut Layer, packet: &[u8]) -> String {
        let mut out = b"kept".to_vec();
        let error = receiver.decode(packet, &mut out).unwrap_err();
        assert_eq!((error.code(), &out[..]), (Code::Fail, &b"kept"[..]));
        // And the stream is over, whatever comes.
        assert!(receiver.decode(b"", &mut out).is_err());
        error.detail().to_owned()
    }

    #[test]
    fn no_bit_can_be_changed() {
        for protection in protections() {
            let packet = seal(&mut pair(protection).0, b"some text");
            for bit in 32..packet.len() * 8 {
                let mut changed = packet.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                let text = refused(&mut pair(protection).1, &changed);
                let trailer = changed.len() - TRAILER;
                let expected = match bit / 8 {
                    byte if byte < trailer => "CMAC doesn't match",
                    byte if byte < trailer + 2 => "Wrong Version",
                    _ => "Incorrect Sequence Number",
                };
                assert!(text.starts_with(expected), "{bit}: {text}");
            }
        }
    }

    #[test]
    fn packets_come_once_and_in_order() {
        for protection in protections() {
            let (mut client, mut server) = pair(protection);
            let packets: Vec<_> = [b"one", b"two"].iter().map(|text| seal(&mut client, *text)).collect();
            let text = refused(&mut pair(protection).1, &packets[1]);
            assert_eq!(text, "Incorrect Sequence Number: received 1, expected 0");
            server.decode(&packets[0], &mut Vec::new()).unwrap();
            assert_eq!(refused(&mut server, &packets[0]), "Incorrect Sequence Number: received 0, expected 1");
            // Nor can a packet be sent back to where it came from.
            let text = refused(&mut client, &packets[0]);
            assert!(text.starts_with("CMAC doesn't match"), "{text}");
        }
    }

    #[test]
    fn packets_of_any_other_length_are_refused() {
        for protection in protections() {
            let packet = seal(&mut pair(protection).0, b"0123456789abcdef");
            for length in 0..packet.len() - 4 {
                // The end of the packet is kept, so that version and number are right where they are all there.
                let end = &packet[packet.len() - length..];
                let text = refused(&mut pair(protection).1, &[&(length as u32).to_be_bytes()[..], end].concat());
                let expected = if length < 16 { "must be at least 16 bytes" } else { "CMAC doesn't match" };
                assert!(text.contains(expected), "{length}: {text}");
            }
        }
    }

    /// Wrong padding under a right MAC, and a wrong MAC after right padding, get the same answer.
    #[test]
    fn padding_tells_nothing() {
        for cipher in [Cipher::Des, Cipher::TripleDes] {
            let protection = Protection::Privacy(cipher);
            let forge = |text: &[u8], covered: usize| {
                let (client, mut server) = pair(protection);
                let Sealing::Blocks(mut blocks) = client.sealing else { panic!() };
                let mac = client.sign.finish(&[&[0; 4], &text[..covered]]);
                let mut packet = [text, &mac[..MAC]].concat();
                blocks.encrypt(&mut packet).unwrap();
                packet.extend([0, 1, 0, 0, 0, 0]);
                let framed = [&(packet.len() as u32).to_be_bytes()[..], &packet].concat();
                let mut out = Vec::new();
                server.decode(&framed, &mut out).map(|()| out).map_err(|error| error.detail().to_owned())
            };
            assert_eq!(forge(b"abcd\x02\x02", 4).unwrap(), b"abcd");
            assert_eq!(forge(&[8; 14], 6).unwrap(), [8; 6]);
            let same = mismatch().detail().to_owned();
            let wrong: [(&[u8], usize); 8] = [
                (b"abcd\x01\x02", 4),
                (b"abcd\x02\x02", 5),
                (b"abcde\0", 5),
                (b"abcde\0", 6),
                (&[9; 14], 5),
                (&[9; 14], 14),
                (&[7; 6], 0),
                (b"\xff\xff\xff\xff\xff\xff", 0),
            ];
            for (text, covered) in wrong {
                assert_eq!(forge(text, covered).unwrap_err(), same, "{text:?} {covered}");
            }
        }
    }

    #[test]
    fn padding_of_every_kind() {
        for length in 6..40usize {
            for last in 0..=255u8 {
                let text = vec![last; length];
                let right = (1..=8).contains(&last) && usize::from(last) <= length;
                let (rest, good) = unpadded(&text);
                assert_eq!(bool::from(good), right, "{length} {last}");
                assert_eq!(rest, length - if right { usize::from(last) } else { 1 });
                // Every byte of the padding counts, and none before it.
                for at in (1..=length).filter(|_| right) {
                    let mut changed = text.clone();
                    changed[length - at] ^= 0x80;
                    let outside = at > usize::from(last);
                    assert_eq!(bool::from(unpadded(&changed).1), outside, "{length} {last} {at}");
                }
            }
        }
    }

    #[test]
    fn numbers_do_not_begin_again() {
        let (mut client, mut server) = pair(Protection::Integrity);
        client.sent = Sequence(Some(u32::MAX));
        server.receiver.received = Sequence(Some(u32::MAX));
        let last = seal(&mut client, b"last");
        assert!(last.ends_with(&[0, 1, 0xff, 0xff, 0xff, 0xff]));
        let mut out = Vec::new();
        assert!(client.encode(b"more", &mut out).unwrap_err().detail().contains("no sequence number left"));
        server.decode(&last, &mut out).unwrap();
        assert_eq!(out, b"last");
        let first = seal(&mut pair(Protection::Integrity).0, b"one");
        assert!(refused(&mut server, &first).contains("no sequence number left"));
    }
}
