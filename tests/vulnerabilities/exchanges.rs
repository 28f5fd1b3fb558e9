//! Holes in exchanges: what other implementations have let in, and what a connection must forget.

use std::collections::HashSet;
use std::sync::Arc;

use oxisasl::chanbind::ChannelBinding;
use oxisasl::crypto::{HmacMd5State, hmac_md5, md5, to_hex};
use oxisasl::mech::BUILTIN;
use oxisasl::policy::SecurityProps;
use oxisasl::store::memory::Memory;
use oxisasl::{Code, Progress, Server, ServerParams, ServerSession, b64, rng};

use crate::common::{ALICE, Pair, Setup, converse, exchange, pair};

fn server() -> Arc<Server> {
    Arc::new(Server::new("test").store(Memory::new().user(ALICE, "secret")))
}

fn session(server: &Arc<Server>) -> ServerSession {
    server.session(ServerParams::new("test").fqdn("host.example.com")).unwrap()
}

/// Mechanisms that need nothing from outside, with a password.
const WITH_PASSWORD: [&str; 6] = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"];

/// After a failure nothing of the exchange is left: a step is an error, and a start begins anew with any mechanism.
#[test]
fn a_connection_can_be_used_again_after_a_failure() {
    for first in WITH_PASSWORD {
        for second in WITH_PASSWORD {
            let server = pair(&Setup::default()).server;
            let start = server.start(first, Some(b"\xff\0\0"));
            let failed = match start {
                Err(_) => true,
                Ok(_) => server.step(b"\xff\0\0").is_err() || server.step(b"\xff").is_err(),
            };
            assert!(failed, "{first}");
            for message in [&b""[..], b"x", b"\0alice\0secret"] {
                assert!(server.step(message).is_err(), "{first}: a step after the failure");
            }
            let again = Pair { client: pair(&Setup::default()).client, server, messages: Vec::new() };
            let again = converse(again, second, None).unwrap_or_else(|error| panic!("{first} {second}: {error}"));
            assert_eq!(again.server.user().as_deref(), Some(ALICE.as_bytes()), "{first} {second}");
        }
    }
}

/// The strength of a layer, its user and properties are those of one exchange.
#[test]
fn the_strength_of_an_earlier_exchange_does_not_count() {
    let security = SecurityProps { min_ssf: 0, max_ssf: 128, max_buf: 65536, ..SecurityProps::default() };
    let setup = Setup { security, ..Setup::default() };
    let first = exchange(&setup, "DIGEST-MD5").unwrap();
    let server = first.server;
    assert!(server.ssf() > 1, "no layer was agreed on");
    server.props().request(["*mail"]);
    // A new exchange that fails, one that has only begun, and one without a layer.
    assert!(server.start("PLAIN", Some(b"\0alice\0wrong")).is_err());
    assert_eq!(server.ssf(), 0);
    server.start("CRAM-MD5", None).unwrap();
    assert_eq!((server.ssf(), server.user()), (0, None));
    server.start("PLAIN", Some(b"\0alice\0secret")).unwrap();
    assert_eq!(server.ssf(), 0);
}

/// A million nonces, and a thousand challenges of each mechanism that makes some, are all different.
#[test]
fn no_nonce_comes_twice() {
    let mut seen = HashSet::new();
    for _ in 0..1_000_000 {
        assert!(seen.insert(rng::nonce(18).unwrap()), "a nonce came twice");
    }
    let server = server();
    for (mechanism, first) in
        [("CRAM-MD5", None), ("DIGEST-MD5", None), ("SCRAM-SHA-256", Some(&b"n,,n=alice,r=0123456789abcdef"[..]))]
    {
        let mut seen = HashSet::new();
        for _ in 0..300 {
            let progress = session(&server).start(mechanism, first).unwrap();
            assert!(seen.insert(progress.data().unwrap().to_vec()), "{mechanism}: a challenge came twice");
        }
    }
}

/// What one client has sent lets nobody in on another connection, whatever the mechanism.
#[test]
fn a_recorded_exchange_cannot_be_replayed() {
    for mechanism in ["CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let recorded = exchange(&Setup::default(), mechanism).unwrap();
        let sent: Vec<Vec<u8>> = recorded.messages.iter().step_by(2).cloned().collect();
        // On another connection, and on the same one.
        for server in [session(&server()), recorded.server] {
            let initial = Some(&sent[0][..]).filter(|first| !first.is_empty());
            let mut answer = server.start(mechanism, initial);
            for message in &sent[1..] {
                if let Ok(Progress::Continue(_)) = answer {
                    answer = server.step(message);
                }
            }
            let code = answer.map(|_| ()).map_err(|error| error.code());
            assert!(
                matches!(code, Err(Code::BadAuth | Code::BadProt | Code::BadParam | Code::Fail)),
                "{mechanism}: {code:?}"
            );
        }
    }
}

/// The same user twice, two users, and users of any length: salts of one length, always the same for one name.
#[test]
fn salts_of_unknown_users_are_stable() {
    let server = Server::new("test").store(Memory::new().user(ALICE, "secret"));
    let server = Arc::new(server.options([("password_storage", "plaintext")]));
    let salt = |user: &str| {
        let message = format!("n,,n={user},r=0123456789abcdef");
        let progress = session(&server).start("SCRAM-SHA-256", Some(message.as_bytes())).unwrap();
        let text = String::from_utf8(progress.data().unwrap().to_vec()).unwrap();
        text.split_once(',').unwrap().1.to_owned()
    };
    let known = salt("alice");
    let mut seen = HashSet::from([known.clone()]);
    for n in 0..200 {
        let name = format!("{}{n}", "x".repeat(n));
        let first = salt(&name);
        assert_eq!(first, salt(&name), "{name}");
        assert_eq!(first.len(), known.len(), "{name}");
        assert!(seen.insert(first), "two names have one salt: {name}");
    }
}

/// CVE-2026-43859: keys of more than 64 bytes are hashed first, and the digest may have NULs anywhere.
#[test]
fn a_nul_in_the_digest_of_a_long_key_ends_nothing() {
    for at in [0, 1, 7, 15] {
        // Passwords whose digests are equal up to a NUL, and differ behind it, are different passwords.
        let found = (0..100_000_u32).map(|n| format!("{n:070}")).find(|key| md5(&[key.as_bytes()])[at] == 0);
        let password = found.expect("one in 256 has a NUL there");
        let cut = md5(&[password.as_bytes()])[..at].to_vec();
        let server = Arc::new(Server::new("test").store(Memory::new().user(ALICE, &password)));
        for (key, right) in [(password.as_bytes().to_vec(), true), (cut, at == 15)] {
            let session = session(&server);
            let challenge = session.start("CRAM-MD5", None).unwrap();
            let digest = to_hex(&hmac_md5(&key, &[challenge.data().unwrap()]));
            let result = session.step(format!("{ALICE} {digest}").as_bytes());
            // A NUL at the very end is what a shorter key is filled up with (RFC 2104 section 2).
            assert_eq!(result.is_ok(), right, "a NUL at {at}, {} bytes of key", key.len());
        }
        let state = HmacMd5State::new(password.as_bytes());
        assert_eq!(to_hex(&state.finish(&[b"x"])), to_hex(&hmac_md5(password.as_bytes(), &[b"x"])));
    }
}

fn binding(name: &str) -> ChannelBinding {
    ChannelBinding { name: name.into(), data: b"0123456789abcdef".to_vec(), critical: false }
}

/// Cyrus SASL #641 and #654, and the downgrades of others: each flag of a client, with each form of the mechanism, at a server
/// with no, one or two bindings. What is not a use of a binding that is there is refused, or binds nothing.
#[test]
fn each_flag_meets_each_state_of_the_bindings() {
    for plus in [false, true] {
        for flag in ["n", "y", "p=tls-exporter", "p=tls-unique", "p=", "p", "p=tls exporter", "q", ""] {
            for (count, bindings) in [&[][..], &["tls-exporter"], &["tls-unique", "tls-exporter"]].iter().enumerate() {
                let session = session(&server());
                bindings.iter().for_each(|name| session.add_binding(binding(name)));
                let mechanism = if plus { "SCRAM-SHA-256-PLUS" } else { "SCRAM-SHA-256" };
                let message = format!("{flag},,n={ALICE},r=0123456789abcdef");
                let result = session.start(mechanism, Some(message.as_bytes()));
                let has = flag.strip_prefix("p=").is_some_and(|name| bindings.contains(&name));
                let expected = match flag {
                    _ if plus && count == 0 => false,
                    "n" => !plus,
                    "y" => !plus && count == 0,
                    _ => has,
                };
                let what = format!("{mechanism} {flag:?} {bindings:?}: {:?}", result.as_ref().err());
                assert_eq!(result.is_ok(), expected, "{what}");
                assert!(result.map_or(true, |progress| !progress.is_done()), "{what}");
            }
        }
    }
}

/// A binding that the application knows of but has no data for (Ed25519 certificates have no `tls-server-end-point`) is an error
/// and never an empty one.
#[test]
fn a_binding_without_data_is_never_used() {
    let empty = ChannelBinding { data: Vec::new(), ..binding("tls-server-end-point") };
    let setup = Setup { binding: Some(empty), ..Setup::default() };
    for offered in ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS SCRAM-SHA-256"] {
        if let Ok(pair) = exchange(&setup, offered) {
            assert!(!pair.messages[0].starts_with(b"p="), "an empty binding was used");
        }
    }
    assert!(exchange(&setup, "SCRAM-SHA-256-PLUS").is_err());
}

/// Base64 in a message: a NUL, a line end, a missing or superfluous pad anywhere, and bits that are left over, are refused.
#[test]
fn base64_is_what_it_should_be_or_nothing() {
    for length in 0..40 {
        let bytes: Vec<u8> = (0..length).collect();
        let text = b64::encode(&bytes).into_bytes();
        assert_eq!(b64::decode(&text).as_deref(), Some(&bytes[..]));
        for at in 0..=text.len() {
            for wrong in [&b"\0"[..], b"\r\n", b"\n", b"=", b" ", b"-", b"_", b"\xff", b"====", b"\0\0\0\0"] {
                let inserted = [&text[..at], wrong, &text[at..]].concat();
                assert_eq!(b64::decode(&inserted), None, "{}", inserted.escape_ascii());
            }
            if at < text.len() && at % 4 != 0 {
                assert_eq!(b64::decode(&text[..at]), None, "{}", text[..at].escape_ascii());
            }
        }
    }
    assert_eq!(b64::decode(b"QQ=="), Some(b"A".to_vec()));
    for same in [&b"QR=="[..], b"QQ=", b"QQ", b"Q", b"QQ===", b"=", b"====", b"QQ==QQ=="] {
        assert_eq!(b64::decode(same), None);
    }
}

/// Every message of an exchange, cut at every length, and nothing at all, gets nobody in; what is refused is refused for good.
#[test]
fn no_part_of_a_message_is_enough() {
    for mechanism in WITH_PASSWORD {
        let whole = exchange(&Setup::default(), mechanism).unwrap();
        let sent: Vec<Vec<u8>> = whole.messages.iter().step_by(2).cloned().collect();
        for (number, message) in sent.iter().enumerate() {
            for length in 0..message.len() {
                let server = session(&server());
                // What an allocation of just this size would show to be read beyond its end, Rust shows by a panic.
                let part: Box<[u8]> = message[..length].into();
                let initial = |first: &Vec<u8>| if first.is_empty() { None } else { Some(first.clone()) };
                let first = if number == 0 { Some(part.to_vec()) } else { initial(&sent[0]) };
                let mut answer = server.start(mechanism, first.as_deref());
                for (step, next) in sent.iter().enumerate().skip(1) {
                    if let Ok(Progress::Continue(_)) = answer {
                        answer = server.step(if step == number { &part } else { next });
                    }
                }
                let done = answer.is_ok_and(|progress| progress.is_done());
                assert!(!done, "{mechanism}: message {number} with {length} bytes");
            }
        }
    }
}

/// Whoever goes away at any step leaves nothing behind for whoever comes next, on the same connection or another.
#[test]
fn an_exchange_may_be_left_at_each_step() {
    for mechanism in WITH_PASSWORD {
        let whole = exchange(&Setup::default(), mechanism).unwrap();
        let sent: Vec<Vec<u8>> = whole.messages.iter().step_by(2).cloned().collect();
        for steps in 0..sent.len() {
            let one = session(&server());
            let first = Some(&sent[0][..]).filter(|first| !first.is_empty());
            let mut answer = one.start(mechanism, first);
            for message in sent.iter().take(steps).skip(1) {
                if let Ok(Progress::Continue(_)) = answer {
                    answer = one.step(message);
                }
            }
            one.end();
            assert!(
                one.start("PLAIN", Some(b"\0alice\0secret")).is_ok_and(|progress| progress.is_done()),
                "{mechanism} {steps}"
            );
        }
    }
}

/// Nothing, and no bytes, as the first message and as every other.
#[test]
fn nothing_is_no_proof() {
    for mechanism in BUILTIN {
        let name = mechanism.info().name.as_ref();
        if name == "ANONYMOUS" {
            continue;
        }
        for initial in [None, Some(&b""[..]), Some(b"\0"), Some(b"\0\0"), Some(b","), Some(b"=")] {
            let server = session(&server());
            let mut answer = server.start(name, initial);
            for _ in 0..6 {
                match answer {
                    Ok(Progress::Continue(_)) => answer = server.step(b""),
                    Ok(Progress::Done(_)) => panic!("{name} {initial:?} comes in"),
                    Err(_) => break,
                }
            }
        }
    }
}

/// One client that breaks the protocol costs the others of the process nothing.
#[test]
fn one_client_does_not_disturb_another() {
    let server = server();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..100 {
                    let session = session(server);
                    if number == 0 {
                        let _ = session.start(WITH_PASSWORD[round % 6], Some(&[0xff; 3000]));
                        let _ = session.step(b"!!not base64!!\0");
                        continue;
                    }
                    let password = if round % 2 == 0 { "secret" } else { "wrong" };
                    let message = format!("\0alice\0{password}");
                    let done = session.start("PLAIN", Some(message.as_bytes())).is_ok();
                    assert_eq!(done, password == "secret");
                }
            });
        }
    });
}
