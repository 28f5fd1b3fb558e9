//! The security layers of DIGEST-MD5 as RFC 2831 has them, sections 2.3 and 2.4: those of Cyrus SASL 1.5.24 were not.

use crate::rig::classic;
use crate::rig::client::{Plain, Protection};
use crate::rig::sendmail::{Config, HOST, Server};
use crate::rig::smtp::Smtp;

use super::site::{TIM, authenticated, digest, greeted, long_text, server, start};

/// Each layer with the strength that is logged for it.
const LAYERS: &[(Protection, u32)] = &[
    (Protection::None, 0),
    (Protection::Integrity, 1),
    (Protection::Privacy("rc4-40"), 40),
    (Protection::Privacy("rc4-56"), 56),
    (Protection::Privacy("rc4"), 128),
    (Protection::Privacy("des"), 55),
    (Protection::Privacy("3des"), 112),
];

/// Authenticates as tim with this layer. The server offers no realm: the client names it.
fn protected(server: &Server, protection: Protection) -> Smtp {
    let mut smtp = greeted(server);
    let reply = smtp.auth(&mut digest(TIM.0, HOST, TIM.1, protection), true);
    assert_eq!(reply.code, 235, "{protection:?}: {reply:?}");
    smtp
}

fn relay(server: &Server, smtp: &mut Smtp, body: &str) {
    let reply = smtp.relay(body);
    assert_eq!(reply.code, 250, "{reply:?}");
    assert!(server.queued().contains(&body.replace("\r\n", "\n")), "the message has changed on its way");
}

#[test]
fn every_layer_carries_a_session() {
    let server = server();
    for (protection, bits) in LAYERS {
        let mark = server.sandbox.log.mark();
        let mut smtp = protected(&server, *protection);
        let line = authenticated(&server, mark);
        assert!(line.ends_with(&format!("authid=tim, mech=DIGEST-MD5, bits={bits}")), "{protection:?}: {line}");
        // The layer is in force from the next byte on; EHLO starts the session again.
        smtp.expect("EHLO client.example.test", 250);
        relay(&server, &mut smtp, &format!("short, {protection:?}\r\n"));
        relay(&server, &mut smtp, &format!("{protection:?}\r\n{}", long_text("\r\n")));
        smtp.expect("QUIT", 221);
    }
}

/// The server's side has little to say by itself: each recipient is repeated in its reply.
#[test]
fn every_layer_carries_as_much_the_other_way() {
    let server = server();
    for (protection, _) in LAYERS {
        let mut smtp = protected(&server, *protection);
        smtp.expect("MAIL FROM:<sender@example.test>", 250);
        let name = |n: usize| format!("{n:04}{}@{}.example", "a".repeat(60), "b".repeat(60));
        let all: String = (0..700).map(|n| format!("RCPT TO:<{}>\r\n", name(n))).collect();
        smtp.write(all.as_bytes());
        let mut said = 0;
        for n in 0..700 {
            let reply = smtp.reply();
            assert_eq!(reply.code, 250, "{protection:?}: {reply:?}");
            assert!(reply.text().contains(&name(n)), "{protection:?}: {reply:?}");
            said += reply.text().len() + 6;
        }
        assert!(said > 100_000, "{said} bytes");
        smtp.expect("RSET", 250);
    }
}

#[test]
fn packets_may_come_in_any_pieces() {
    let server = server();
    for (protection, _) in &LAYERS[1..] {
        // One byte at a time.
        let mut smtp = protected(&server, *protection);
        for byte in smtp.encode(b"NOOP\r\n") {
            smtp.write_raw(&[byte]);
        }
        assert_eq!(smtp.reply().code, 250, "{protection:?}");
        // Each byte in its own packet, all at once.
        let packets: Vec<u8> = b"NOOP\r\n".iter().flat_map(|b| smtp.encode(&[*b])).collect();
        smtp.write_raw(&packets);
        assert_eq!(smtp.reply().code, 250, "{protection:?}");
        // A packet and a half, then the rest.
        let packets = [smtp.encode(b"NOOP\r\n"), smtp.encode(b"NOOP\r\n")].concat();
        let (first, second) = packets.split_at(packets.len() * 3 / 4);
        smtp.write_raw(first);
        assert_eq!(smtp.reply().code, 250, "{protection:?}");
        smtp.write_raw(second);
        assert_eq!(smtp.reply().code, 250, "{protection:?}");
    }
}

#[test]
fn forged_replayed_and_overlong_packets_end_the_session() {
    let server = server();
    for (protection, _) in &LAYERS[1..] {
        let length = protected(&server, *protection).encode(b"NOOP\r\n").len();
        // Each part of a packet: text, MAC, version, sequence number.
        for position in [4, length - 16, length - 6, length - 1] {
            let mut smtp = protected(&server, *protection);
            let mut packet = smtp.encode(b"NOOP\r\n");
            packet[position] ^= 1;
            smtp.write_raw(&packet);
            assert_eq!(smtp.try_reply(), None, "{protection:?}, byte {position}");
        }
        let mut smtp = protected(&server, *protection);
        let packet = smtp.encode(b"NOOP\r\n");
        smtp.write_raw(&packet);
        assert_eq!(smtp.reply().code, 250);
        smtp.write_raw(&packet);
        assert_eq!(smtp.try_reply(), None, "{protection:?}: replayed");

        for length in [8193u32, u32::MAX] {
            let mut smtp = protected(&server, *protection);
            smtp.write_raw(&length.to_be_bytes());
            assert_eq!(smtp.try_reply(), None, "{protection:?}, {length} bytes");
        }
    }
}

#[test]
fn the_offer_follows_auth_max_bits() {
    for (bits, qop, ciphers) in [
        ("0", "auth", &[][..]),
        ("1", "auth,auth-int", &[]),
        ("40", "auth,auth-int,auth-conf", &["rc4-40"]),
        ("56", "auth,auth-int,auth-conf", &["rc4-40", "rc4-56", "des"]),
        ("128", "auth,auth-int,auth-conf", &["rc4-40", "rc4-56", "rc4", "des", "3des"]),
    ] {
        let extra = format!("define(`confAUTH_MAX_BITS', `{bits}')dnl");
        let server = start(&Config { extra, ..classic::config() });
        let mut client = digest(TIM.0, HOST, TIM.1, Protection::None);
        assert_eq!(greeted(&server).auth(&mut client, true).code, 235);
        assert_eq!(client.directive("qop"), Some(qop), "at most {bits} bits");
        let mut offered: Vec<&str> = client.directive("cipher").map(|c| c.split(',').collect()).unwrap_or_default();
        let mut expected = ciphers.to_vec();
        offered.sort_unstable();
        expected.sort_unstable();
        assert_eq!(offered, expected, "at most {bits} bits");
    }
}

/// After a failure Sendmail makes a new server connection without setting its security properties again.
#[test]
fn after_a_failure_no_layer_is_offered() {
    let server = server();
    let mut smtp = greeted(&server);
    assert_eq!(smtp.auth(&mut Plain::new("", "tim", "wrong"), true).code, 535);
    let mut client = digest(TIM.0, HOST, TIM.1, Protection::None);
    assert_eq!(smtp.auth(&mut client, true).code, 235);
    assert_eq!((client.directive("qop"), client.directive("cipher")), (Some("auth"), None));
    relay(&server, &mut smtp, "in the clear\r\n");
}
