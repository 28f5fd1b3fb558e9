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
    Stream(Rc4),
    Blocks(CbcEncryptor),
}

enum Opening {
    None,
    Stream(Rc4),
    Blocks(CbcDecryptor),
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
            (Some(_), None) => (Sealing::Stream(Rc4::new(&seal_key[..])), Opening::Stream(Rc4::new(&open_key[..]))),
            (Some(_), Some(blocks)) => (
                Sealing::Blocks(CbcEncryptor::new(blocks, &seal_key)),
                Opening::Blocks(CbcDecryptor::new(blocks, &open_key)),
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
