//! The grammar and the security layer of DIGEST-MD5 on any bytes.

use super::grammar::{Challenge, Response, directives, rspauth};
use super::hash::Key;
use super::layer::{Cipher, Layer};
use super::{MAX_CHALLENGE, Offer, Protection};
use crate::layer::SecurityLayer as _;
use crate::mech::Side;

/// The bytes are read as each of the messages, and are a realm of which a challenge is made.
pub fn grammar(data: &[u8]) {
    let _ = directives(data);
    let _ = rspauth(data);
    let _ = Challenge::parse(data);
    if let Ok(response) = Response::parse(data) {
        // Tokens are written as they were read. Only a quoted one that is none cannot be: no client writes it.
        let token = |value: &[u8]| value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let tokens = [response.qop.as_deref(), response.cipher.as_deref(), Some(&*response.digest)];
        let written = response.write();
        if tokens.into_iter().flatten().all(token) && written.len() <= super::MAX_RESPONSE && !written.contains(&0) {
            assert_eq!(Response::parse(&written).expect("what is written can be read"), response);
        }
        for offer in [Offer { min: 0, max: 0, weak: true }, Offer { min: 0, max: 128, weak: false }] {
            if let Ok(protection) = response.protection(&offer) {
                assert!(offer.takes(protection), "only what was offered is chosen");
            }
        }
    }
    let offer = Offer { min: 0, max: 128, weak: true };
    if !data.contains(&0) {
        let written = Challenge::write(&offer, "nonce", data, false, 4096);
        match Challenge::parse(&written) {
            Ok(read) => {
                assert!(data.is_empty() || read.realms == [data], "the realm is what it was");
                assert_eq!((read.nonce.as_slice(), read.maxbuf, read.ciphers.len()), (&b"nonce"[..], Some(4096), 5));
            }
            Err(error) => assert!(written.len() > MAX_CHALLENGE, "{error}"),
        }
    }
}

/// One side seals packets, which arrive cut, changed and repeated as the bytes say: what comes out is the beginning of what
/// went in, and nothing comes out after a change.
pub fn layer(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let protection = match usize::from(choice % 6) {
        0 => Protection::Integrity,
        other => Protection::Privacy(Cipher::ALL[other - 1]),
    };
    let key = Key::new(*b"0123456789abcdef");
    let side = |side| Layer::new(side, protection, &key, 300, 300).expect("room enough").expect("a layer");
    let (mut sender, mut receiver) = (side(Side::Client), side(Side::Server));
    let (mut sent, mut received, mut wire, mut earlier) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut honest = true;
    while let [op, amount, later @ ..] = rest {
        let amount = usize::from(*amount);
        rest = later;
        match op % 8 {
            // A packet of the sender's.
            0..=2 => {
                let text = vec![*op; amount];
                let before = wire.len();
                sender.encode(&text, &mut wire).expect("within the limit");
                sent.extend(text);
                earlier = wire.get(before..).unwrap_or_default().to_vec();
            }
            // Some of what is on the way arrives.
            3 | 4 => {
                let arriving: Vec<u8> = wire.drain(..amount.min(wire.len())).collect();
                let before = received.len();
                let result = receiver.decode(&arriving, &mut received);
                assert!(!(honest && result.is_err()), "what nobody changed is taken");
                assert!(result.is_ok() || received.len() == before, "an error gives nothing out");
            }
            // A byte is changed on the way.
            5 => {
                if let Some(byte) = wire.get_mut(amount) {
                    *byte ^= op | 1;
                    honest = false;
                }
            }
            // The last packet is sent once more.
            6 => {
                honest &= earlier.is_empty();
                wire.extend_from_slice(&earlier);
            }
            // Bytes of the attacker's own.
            _ => {
                let (own, later) = rest.split_at(amount.min(rest.len()));
                honest &= own.is_empty();
                wire.extend_from_slice(own);
                rest = later;
            }
        }
    }
    let last = receiver.decode(&wire, &mut received);
    assert!(sent.starts_with(&received), "nothing comes out that did not go in");
    assert!(!honest || (last.is_ok() && sent == received), "what nobody changed arrives");
}
