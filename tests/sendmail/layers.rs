//! The security layers of DIGEST-MD5 (RFC 2831, sections 2.3 and 2.4) under a whole SMTP session.

use crate::rig::base::Library;
use crate::rig::client::{DigestMd5, Plain, Protection};
use crate::rig::sendmail::{Config, Server};
use crate::rig::smtp::Smtp;

/// Each layer with the strength that the library must report for it: RFC 2831 gives DES no number, the field says 55.
const LAYERS: &[(Protection, u32)] = &[
    (Protection::Integrity, 1),
    (Protection::Privacy("rc4-40"), 40),
    (Protection::Privacy("rc4-56"), 56),
    (Protection::Privacy("rc4"), 128),
    (Protection::Privacy("des"), 55),
    (Protection::Privacy("3des"), 112),
];

/// The layers that the library can serve: the stock library offers 3DES, then cannot start it on OpenSSL 3 and refuses
/// the client ("couldn't init cipher '3des'").
fn layers() -> impl Iterator<Item = (Protection, u32)> {
    let stock = Library::under_test().is_stock();
    LAYERS.iter().copied().filter(move |(p, _)| !(stock && *p == Protection::Privacy("3des")))
}

fn server() -> Server {
    Server::start(&Library::under_test(), &Config::default())
}

/// Authenticates as tim with this layer.
fn protected(server: &Server, protection: Protection) -> Smtp {
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    let reply = smtp.auth(&mut DigestMd5::new("tim", "tanstaaftanstaaf", protection), true);
    assert_eq!(reply.code, 235, "{protection:?}: {reply:?}");
    smtp
}

/// About 100 kB of text in lines.
fn long_text() -> String {
    (0..1500).map(|n| format!("{n:06} the quick brown fox jumps over the lazy dog and comes back again\r\n")).collect()
}

fn relay(server: &Server, smtp: &mut Smtp, body: &str) {
    let reply = smtp.relay(body);
    assert_eq!(reply.code, 250, "{reply:?}");
    assert!(server.queued().contains(&body.replace("\r\n", "\n")), "the message has changed on its way");
}

#[test]
fn every_layer_carries_a_session() {
    let server = server();
    for (protection, bits) in layers() {
        let mark = server.sandbox.log.mark();
        let mut smtp = protected(&server, protection);
        let line = server.sandbox.log.after(mark, "AUTH=server").text;
        assert!(line.ends_with(&format!("authid=tim, mech=DIGEST-MD5, bits={bits}")), "{protection:?}: {line}");
        // The layer is in force from the next byte on; EHLO starts the session again, RFC 4954, section 4.
        smtp.expect("EHLO client.example.test", 250);
        relay(&server, &mut smtp, &format!("short, {protection:?}\r\n"));
        relay(&server, &mut smtp, &format!("{protection:?}\r\n{}", long_text()));
        smtp.expect("QUIT", 221);
    }
}

#[test]
fn packets_may_come_in_any_pieces() {
    let server = server();
    for (protection, _) in layers() {
        // One byte at a time.
        let mut smtp = protected(&server, protection);
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
fn a_forged_packet_ends_the_session() {
    let server = server();
    for (protection, _) in layers() {
        let length = protected(&server, protection).encode(b"NOOP\r\n").len();
        for position in 0..length {
            let mut smtp = protected(&server, protection);
            let mut packet = smtp.encode(b"NOOP\r\n");
            packet[position] ^= 1;
            let mark = server.sandbox.log.mark();
            smtp.write_raw(&packet);
            if position < 4 {
                // A changed length makes the server wait for more, or sees a packet that is too long.
                smtp.write_raw(&[0; 32]);
                smtp.end_of_input();
            }
            assert_eq!(smtp.try_reply(), None, "{protection:?}, byte {position}");
            if position >= 4 {
                server.sandbox.log.after(mark, "AUTH: sasl_decode error=-1");
            }
        }
    }
}

#[test]
fn a_packet_longer_than_agreed_is_refused_before_it_is_read() {
    let server = server();
    for (protection, _) in layers() {
        for length in [8193u32, 65536, 0xff_ffff, 0x7fff_ffff, u32::MAX] {
            let mut smtp = protected(&server, protection);
            let mark = server.sandbox.log.mark();
            smtp.write_raw(&length.to_be_bytes());
            assert_eq!(smtp.try_reply(), None, "{protection:?}, {length} bytes");
            let line = server.sandbox.log.after(mark, "encoded packet size too big").text;
            // The stock library prints the length with a sign.
            let shown = if server.library.is_stock() { i64::from(length as i32) } else { i64::from(length) };
            assert!(line.ends_with(&format!("({shown} > 8192)")), "{line}");
        }
        // Too short to hold a MAC.
        for length in 0..16u32 {
            let mut smtp = protected(&server, protection);
            smtp.write_raw(&[&length.to_be_bytes()[..], &[0; 15][..length as usize]].concat());
            smtp.end_of_input();
            assert_eq!(smtp.try_reply(), None, "{protection:?}, {length} bytes");
        }
    }
}

#[test]
fn replayed_and_reordered_packets_are_refused() {
    let server = server();
    for (protection, _) in layers() {
        let mut smtp = protected(&server, protection);
        let packet = smtp.encode(b"NOOP\r\n");
        smtp.write_raw(&packet);
        assert_eq!(smtp.reply().code, 250);
        smtp.write_raw(&packet);
        assert_eq!(smtp.try_reply(), None, "{protection:?}: replayed");

        let mut smtp = protected(&server, protection);
        let (first, second) = (smtp.encode(b"NOOP\r\n"), smtp.encode(b"NOOP\r\n"));
        smtp.write_raw(&[second, first].concat());
        assert_eq!(smtp.try_reply(), None, "{protection:?}: swapped");
    }
}

#[test]
fn the_offer_follows_auth_max_bits() {
    for (bits, qop, cipher) in [
        ("0", "auth", ""),
        ("1", "auth,auth-int", ""),
        ("40", "auth,auth-int,auth-conf", "rc4-40"),
        ("55", "auth,auth-int,auth-conf", "rc4-40,des"),
        ("56", "auth,auth-int,auth-conf", "rc4-40,rc4-56,des"),
        ("112", "auth,auth-int,auth-conf", "rc4-40,rc4-56,des,3des"),
        ("128", "auth,auth-int,auth-conf", "rc4-40,rc4-56,rc4,des,3des"),
    ] {
        let extra = format!("define(`confAUTH_MAX_BITS', `{bits}')dnl");
        let server = Server::start(&Library::under_test(), &Config { extra, ..Config::default() });
        let mut smtp = server.connect();
        smtp.ehlo().expect("an AUTH line");
        let mut client = DigestMd5::new("tim", "tanstaaftanstaaf", Protection::None);
        assert_eq!(smtp.auth(&mut client, true).code, 235);
        assert_eq!(client.directive("qop"), Some(qop), "at most {bits} bits");
        assert_eq!(client.directive("cipher").unwrap_or_default(), cipher, "at most {bits} bits");
        assert_eq!(client.directive("realm"), Some("mail.example.test"));
    }
}

/// After a failure Sendmail makes a new server connection without setting its security properties again.
#[test]
fn after_a_failure_no_layer_is_offered() {
    let server = server();
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    assert_eq!(smtp.auth(&mut Plain::new("", "tim", "wrong"), true).code, 535);
    let mut client = DigestMd5::new("tim", "tanstaaftanstaaf", Protection::None);
    assert_eq!(smtp.auth(&mut client, true).code, 235);
    assert_eq!((client.directive("qop"), client.directive("cipher")), (Some("auth"), None));
    relay(&server, &mut smtp, "in the clear\r\n");
}
