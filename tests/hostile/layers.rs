//! The packets of the security layers. Whatever somebody on the way does to the stream: what comes out is the beginning of what
//! was sent, up to the place that was touched and no further; and a layer that has failed once stays as it is.

use oxisasl::policy::SecurityProps;

use super::change::{self, thorough};
use super::counting;
use super::ends::{Ends, Setup};

/// The buffer that both sides say they have.
pub const BUFFER: u32 = 8192;

/// What a layer may hold beyond the packet that is on its way.
const HELD: usize = 64 * 1024;

/// What is sent, in so many packets.
const TEXTS: [&[u8]; 3] = [b"the first", b"second: a longer one, so that it fills more than a block or two", b"3"];

/// A connection, and the packets of one side of it.
struct Sent {
    ends: Ends,
    by_server: bool,
    packets: Vec<Vec<u8>>,
}

impl Sent {
    fn new(setup: &Setup, by_server: bool) -> Self {
        let (ends, _) = setup.good();
        assert!(ends.server.ssf() > 0 && ends.server.ssf() == ends.client.ssf());
        let mut sent = Sent { ends, by_server, packets: Vec::new() };
        sent.packets = TEXTS.map(|text| sent.encode(text)).to_vec();
        sent
    }

    fn encode(&self, text: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        let encoded = if self.by_server {
            self.ends.server.encode(&[text], &mut packet)
        } else {
            self.ends.client.encode(&[text], &mut packet)
        };
        encoded.unwrap();
        packet
    }

    /// Gives the receiver a piece of the stream. None when it is refused, and nothing comes out then.
    fn receive(&self, piece: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let (decoded, held) = counting::most_held(|| {
            if self.by_server {
                self.ends.client.decode(piece, &mut out)
            } else {
                self.ends.server.decode(piece, &mut out)
            }
        });
        assert!(held <= HELD + 4 * piece.len(), "{held} bytes were held for {}", piece.len());
        match decoded {
            Ok(()) => Some(out),
            Err(error) => {
                assert!(out.is_empty(), "{} bytes came out of a call that failed", out.len());
                assert!(!error.detail().is_empty(), "no reason");
                None
            }
        }
    }

    /// Gives the receiver a stream in pieces: what comes out before it is refused, and whether it was.
    fn stream<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        for piece in pieces {
            match self.receive(piece) {
                Some(clear) => out.extend(clear),
                None => return (out, true),
            }
        }
        (out, false)
    }

    /// After an error nothing is taken, be it good, and nothing comes out.
    fn stays_dead(&self, what: &str) {
        for packet in self.packets.iter().map(Vec::as_slice).chain([&[][..], &[0; 4], &self.encode(b"more")]) {
            assert_eq!(self.receive(packet), None, "{what}: picked up again");
        }
    }

    /// A stream in which something is wrong after the packets that have this clear text.
    fn expect_refused(&self, stream: &[u8], before: &[u8], what: &str) {
        let (mut out, mut refused) = self.stream([stream]);
        if !refused {
            // It waits for the rest of a packet; whatever follows completes it.
            let rest = vec![0; BUFFER as usize + 4];
            let (more, ended) = self.stream([&rest[..]]);
            out.extend(more);
            refused = ended;
        }
        assert!(refused, "{what}: taken");
        assert!(before.starts_with(&out), "{what}: {:?} came out", out.escape_ascii().to_string());
        self.stays_dead(what);
    }
}

/// Everything, for the layer of a setup.
pub fn try_all(setup: &Setup, step: usize) {
    for by_server in [false, true] {
        let sent = || Sent::new(setup, by_server);
        let name = format!("{} {:?} by_server {by_server}", setup.mechanism, setup.security);
        pieces(setup, by_server, step);
        lengths(setup, by_server);
        // Each packet changed, between good ones.
        let length = sent().packets.iter().map(Vec::len).max().unwrap();
        let changes = change::all(length, &[b"\0\0\0\0".to_vec(), b"\0\0\0\x01x".to_vec()]);
        let mut tried = 0;
        for at in 0..TEXTS.len() {
            for change in changes.iter().skip(at).step_by(step) {
                let sent = sent();
                let Some(changed) = change.apply(&sent.packets[at]) else { continue };
                // What only follows a packet does not touch it.
                let whole = at + usize::from(changed.starts_with(&sent.packets[at]));
                let mut stream = sent.packets.clone();
                stream[at] = changed;
                sent.expect_refused(
                    &stream.concat(),
                    &TEXTS[..whole].concat(),
                    &format!("{name} packet {at} {change:?}"),
                );
                tried += 1;
            }
        }
        println!("{name}: {tried} changes");
        assert!(tried > 100, "{tried}");
        for (what, order, before) in [
            ("the first twice", &[0, 0][..], 1),
            ("the second first", &[1, 0], 0),
            ("the second is missing", &[0, 2], 1),
            ("only the last", &[2], 0),
            ("all, and the first again", &[0, 1, 2, 0], 3),
            ("all, and the last again", &[0, 1, 2, 2], 3),
        ] {
            let sent = sent();
            let stream: Vec<u8> = order.iter().flat_map(|number| sent.packets[*number].clone()).collect();
            sent.expect_refused(&stream, &TEXTS[..before].concat(), &format!("{name} {what}"));
        }
        // Back to who sent it, and on another connection.
        let here = sent();
        let own = Sent { by_server: !by_server, packets: here.packets.clone(), ends: here.ends };
        own.expect_refused(&own.packets[0].clone(), b"", &format!("{name}: sent back"));
        let (here, there) = (sent(), sent());
        here.expect_refused(&there.packets[0], b"", &format!("{name}: from another connection"));
    }
}

/// However the stream is cut in two, and byte by byte, and all at once, the same comes out.
fn pieces(setup: &Setup, by_server: bool, step: usize) {
    let clear = TEXTS.concat();
    let length = Sent::new(setup, by_server).packets.concat().len();
    for cut in (0..=length).step_by(step) {
        let sent = Sent::new(setup, by_server);
        let stream = sent.packets.concat();
        let (first, second) = stream.split_at(cut.min(stream.len()));
        assert_eq!(sent.stream([first, second]), (clear.clone(), false), "cut at {cut}");
    }
    let sent = Sent::new(setup, by_server);
    let stream = sent.packets.concat();
    assert_eq!(sent.stream(stream.chunks(1)), (clear, false));
}

/// Lengths that do not fit what follows, or the receiver.
fn lengths(setup: &Setup, by_server: bool) {
    // Nobody has told the other side its buffer in SPNEGO: both are taken to be alike, not counting what a packet needs itself.
    let most = if setup.mechanism == "GSS-SPNEGO" { BUFFER + 128 } else { BUFFER };
    let real = Sent::new(setup, by_server).packets[0].len() as u32 - 4;
    for length in
        [0, 1, 2, real - 1, real + 1, BUFFER - 1, BUFFER, most + 1, 0x00ff_ffff, 0x7fff_ffff, 0x8000_0000, u32::MAX]
    {
        let sent = Sent::new(setup, by_server);
        let mut stream = sent.packets.concat();
        stream[..4].copy_from_slice(&length.to_be_bytes());
        sent.expect_refused(&stream, b"", &format!("{} length {length}", setup.mechanism));
        // A length over the limit is refused when it has come, before anything is kept for it.
        let sent = Sent::new(setup, by_server);
        assert_eq!(sent.receive(&length.to_be_bytes()).is_none(), length > most || length == 0, "{length}");
    }
}

/// A layer of exactly this strength.
pub fn setup(mechanism: &'static str, ssf: u32) -> Setup {
    let security = SecurityProps { min_ssf: ssf, max_ssf: ssf, max_buf: BUFFER, ..SecurityProps::default() };
    Setup { security, ..Setup::new(mechanism) }
}

#[test]
fn digest_md5() {
    let step = if thorough() { 1 } else { 3 };
    for ssf in [1, 40, 55, 56, 112, 128] {
        try_all(&setup("DIGEST-MD5", ssf), step);
    }
}

/// One byte of a long stream of full packets.
#[test]
fn long_streams() {
    let text: Vec<u8> = (0..150_000_u32).map(|n| (n % 251) as u8).collect();
    for ssf in [1, 40, 55, 56, 112, 128] {
        for touched in [0, 40_001, 123_456] {
            let sent = Sent { ends: setup("DIGEST-MD5", ssf).good().0, by_server: false, packets: Vec::new() };
            let mut stream = sent.encode(&text);
            stream[touched] ^= 4;
            let (out, refused) = sent.stream(stream.chunks(4096));
            assert!(
                refused && out.len() <= touched && text.starts_with(&out),
                "{ssf} {touched}: {} came out",
                out.len()
            );
            assert!(touched - out.len() < 4 * BUFFER as usize, "{ssf} {touched}: {} came out", out.len());
            sent.stays_dead("a long stream");
        }
    }
}
