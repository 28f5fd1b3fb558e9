//! Every mechanism, right and wrong, and what Sendmail makes of the answers.

use std::thread;

use crate::rig::classic;
use crate::rig::client::{Hash, Plain, hex};
use crate::rig::sandbox::Sandbox;
use crate::rig::sendmail::{Config, HOST, USERS, speak};

use super::site::{
    TIM, attempt, authenticated, encode, greeted, library, listed, mechanism, names, refused, server, start, try_named,
};

#[test]
fn every_mechanism_lets_the_right_password_in() {
    let server = server();
    for name in names() {
        for initial in [true, false] {
            for (user, password) in USERS {
                let mark = server.sandbox.log.mark();
                let code = greeted(&server).auth(&mut *mechanism(name, user, password), initial).code;
                assert_eq!(code, 235, "{name} {user} initial={initial}");
                let line = authenticated(&server, mark);
                let user = user.replace('é', "\\303\\251");
                let expected = format!("relay=client.example.test [127.0.0.2], authid={user}, mech={name}, bits=0");
                assert!(line.ends_with(&expected), "{line}");
            }
        }
    }
}

/// Users and passwords that must be refused, and whether the user exists.
const WRONG: &[(&str, &str, bool)] = &[
    ("tim", "tanstaaftanstaaF", true),
    ("tim", "tanstaaftanstaa", true),
    ("tim", "tanstaaftanstaaf ", true),
    ("tim", "", true),
    ("rené", "gruyere", true),
    ("tin", "tanstaaftanstaaf", false),
    ("TIM", "tanstaaftanstaaf", false),
    ("tim@elsewhere.example", "tanstaaftanstaaf", false),
];

#[test]
fn every_mechanism_refuses_any_other() {
    let server = server();
    for name in names() {
        for (user, password, known) in WRONG {
            let mark = server.sandbox.log.mark();
            assert_eq!(try_named(&server, name, (user, password)), 535, "{name} {user} {password:?}");
            let line = refused(&server, mark);
            let reason = if *known { "authentication failure (-13)" } else { "user not found (-20)" };
            assert!(line.contains(&format!("AUTH failure ({name}): {reason}")), "{line}");
            assert!(line.ends_with("relay=client.example.test [127.0.0.2]"), "{line}");
            assert!(password.is_empty() || !line.contains(password), "the password is in the log: {line}");
            assert!(!server.sandbox.log.text_after(mark).contains("AUTH=server"), "{name}");
        }
    }
}

#[test]
fn a_refusal_is_logged_with_its_code_and_reason() {
    let server = server();
    let wrong = "authentication failure (-13)";
    let nobody = "user not found (-20)";
    for (name, user, expected) in [
        ("CRAM-MD5", "tim", format!("{wrong} incorrect digest response, user=tim")),
        ("CRAM-MD5", "nobody", format!("{nobody} no secret in database, user=nobody")),
        ("DIGEST-MD5", "tim", format!("{wrong} Client 'response' doesn't match what we generated, user=")),
        ("DIGEST-MD5", "nobody", format!("{nobody} no secret in database, user=")),
    ] {
        let mark = server.sandbox.log.mark();
        assert_eq!(try_named(&server, name, (user, "wrong")), 535);
        let line = refused(&server, mark);
        let rest = format!("AUTH failure ({name}): {expected}, relay=client.example.test [127.0.0.2]");
        assert!(line.ends_with(&rest), "{line}");
    }
}

#[test]
fn only_the_authenticated_may_relay() {
    let server = server();
    let mut smtp = greeted(&server);
    let refused = smtp.relay("never\r\n");
    assert_eq!((refused.code, refused.text().contains("Relaying denied")), (550, true), "{refused:?}");
    smtp.expect("RSET", 250);
    assert_eq!(smtp.auth(&mut *mechanism("CRAM-MD5", "tim", "wrong"), true).code, 535);
    assert_eq!(smtp.relay("never\r\n").code, 550);
    assert_eq!(server.queued(), [""; 0]);

    for name in names() {
        let mark = server.sandbox.log.mark();
        let mut smtp = greeted(&server);
        assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235);
        let accepted = smtp.relay(&format!("by {name}\r\n"));
        assert_eq!(accepted.code, 250, "{name}: {accepted:?}");
        assert!(server.queued().contains(&format!("by {name}\n")), "{name}");
        server.sandbox.log.after(mark, "proto=ESMTPA");
    }
}

#[test]
fn only_trusted_mechanisms_allow_relaying() {
    let trusted = Some("GSSAPI KERBEROS_V4 CRAM-MD5".to_owned());
    let server = start(&Config { trusted, ..classic::config() });
    for (name, code) in [("CRAM-MD5", 250), ("LOGIN", 550), ("PLAIN", 550), ("DIGEST-MD5", 550)] {
        let mut smtp = greeted(&server);
        assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235);
        assert_eq!(smtp.relay("trusted\r\n").code, code, "{name}");
    }
}

#[test]
fn a_failed_attempt_can_be_repaired_on_the_same_connection() {
    let server = server();
    for first in names() {
        for second in names() {
            let mut smtp = greeted(&server);
            assert_eq!(smtp.auth(&mut *mechanism(first, "tim", "wrong"), true).code, 535, "{first}");
            assert_eq!(smtp.auth(&mut *mechanism(second, TIM.0, TIM.1), true).code, 235, "{first}, then {second}");
            smtp.expect("QUIT", 221);
        }
    }
}

#[test]
fn a_cancelled_exchange_is_forgotten() {
    let server = server();
    for name in names() {
        let mut smtp = greeted(&server);
        smtp.expect(&format!("AUTH {name}"), 334);
        smtp.expect("*", 501);
        assert_eq!(smtp.relay("never\r\n").code, 550);
        smtp.expect("RSET", 250);
        assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235, "{name} after *");
    }
    // In the middle of an exchange, too.
    for name in ["LOGIN", "DIGEST-MD5"] {
        let mut smtp = greeted(&server);
        let mut client = mechanism(name, TIM.0, TIM.1);
        let reply = smtp.expect(&format!("AUTH {name}"), 334);
        let answer = client.answer(&reply.challenge());
        smtp.expect(&encode(&answer), 334);
        smtp.expect("*", 501);
        assert_eq!(smtp.relay("never\r\n").code, 550, "{name} after *");
    }
}

#[test]
fn the_commands_own_errors_come_before_the_library() {
    let server = server();
    let mut smtp = greeted(&server);
    smtp.expect("AUTH NONSENSE", 504);
    smtp.expect("AUTH", 501);
    smtp.expect("AUTH PLAIN not!base64", 501);
    smtp.expect(&format!("AUTH plain {}", encode(b"\0tim\0tanstaaftanstaaf")), 235);
    smtp.expect("AUTH PLAIN", 503);
    let mut smtp = greeted(&server);
    smtp.expect("MAIL FROM:<sender@example.test>", 250);
    smtp.expect("AUTH PLAIN", 503);
}

/// Messages that no sound client sends.
const NONSENSE: &[&[u8]] = &[
    b"",
    b"\0",
    b"\0\0",
    b"tim",
    b"tim ",
    b" ",
    b"\0tim",
    b"\0\0tanstaaftanstaaf",
    b"tim\0tanstaaftanstaaf",
    b"\0tim\0tanstaaftanstaaf\0more",
    b"tim 0123456789abcdef0123456789abcdef",
    b"tim 0123456789ABCDEF0123456789ABCDEF0123456789",
    b"username=\"tim\"",
    b"username=\"tim",
    b"username=\"tim\",realm=\"mail.example.test\",nonce=\"x\",nc=00000001,cnonce=\"y\",\
      digest-uri=\"smtp/mail.example.test\",response=0123456789abcdef0123456789abcdef,qop=auth",
    &[0xff; 1000],
    &[b'a'; 1025],
    &[b'a'; 3000],
    &[b','; 4100],
];

#[test]
fn nonsense_is_refused_and_the_server_goes_on() {
    let server = server();
    for name in names() {
        for message in NONSENSE {
            let mut smtp = greeted(&server);
            smtp.expect(&format!("AUTH {name}"), 334);
            let mut reply = smtp.command(&encode(message));
            // LOGIN takes whatever is the name, and asks for the password.
            if name == "LOGIN" && reply.code == 334 {
                reply = smtp.command(&encode(TIM.1.as_bytes()));
                // "tim" with the password is right.
                if *message == b"tim" {
                    assert_eq!(reply.code, 235);
                    continue;
                }
            }
            assert_eq!(reply.code, 535, "{name} {message:?}: {reply:?}");
            assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235, "{name} after {message:?}");
        }
    }
}

/// Cyrus SASL 1.5.24 compared the first four of the sixteen bytes only.
#[test]
fn every_digit_of_a_cram_md5_response_counts() {
    let server = server();
    let answer = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut smtp = greeted(&server);
        let challenge = smtp.expect("AUTH CRAM-MD5", 334).challenge();
        let mut digest = hex(&Hash::Md5.hmac(TIM.1.as_bytes(), &challenge)).into_bytes();
        change(&mut digest);
        smtp.command(&encode(&[b"tim ", &digest[..]].concat())).code
    };
    assert_eq!(answer(&|_| ()), 235);
    assert_eq!(answer(&|digest| digest[8..].fill(b'0')), 535, "only the first eight digits are right");
    assert_eq!(answer(&|digest| digest.truncate(8)), 535, "there are only eight digits");
    for position in 0..32 {
        let wrong = |digest: &mut Vec<u8>| digest[position] = if digest[position] == b'0' { b'1' } else { b'0' };
        assert_eq!(answer(&wrong), 535, "digit {position} is wrong");
    }
}

#[test]
fn another_identity_may_be_asked_for() {
    let server = server();
    // Sendmail's own policy lets everybody be anybody, and takes the authenticated name.
    assert_eq!(attempt(&server, &mut Plain::new("ursel", "tim", TIM.1)), 235);
    let line = authenticated(&server, 0);
    assert!(line.contains("authid=tim,"), "{line}");
    assert_eq!(attempt(&server, &mut Plain::new("tim", "ursel", TIM.1)), 535);
}

#[test]
fn auth_options_become_security_flags() {
    for (options, expected) in [
        ("", "LOGIN PLAIN CRAM-MD5 DIGEST-MD5"),
        ("A", "LOGIN PLAIN CRAM-MD5 DIGEST-MD5"),
        ("y", "LOGIN PLAIN CRAM-MD5 DIGEST-MD5"),
        ("p", "CRAM-MD5 DIGEST-MD5"),
        ("p,y", "CRAM-MD5 DIGEST-MD5"),
    ] {
        let server = start(&Config { options: options.to_owned(), ..classic::config() });
        assert_eq!(listed(&server), expected, "AuthOptions={options}");
    }
    // Nothing withstands active attacks or dictionaries, keeps past sessions secret or passes credentials on.
    for options in ["a", "c", "d", "f"] {
        let server = start(&Config { options: options.to_owned(), ..classic::config() });
        assert_eq!(listed(&server), "", "AuthOptions={options}");
        let reply = server.connect().command("AUTH PLAIN");
        assert_eq!(reply.code, 503, "{reply:?}");
    }
}

/// Each connection is a process of its own, all forked from one that has initialised the library.
#[test]
fn many_clients_may_come_at_once() {
    let server = server();
    thread::scope(|scope| {
        for number in 0..12 {
            let server = &server;
            scope.spawn(move || {
                for name in names() {
                    assert_eq!(try_named(server, name, (TIM.0, "wrong")), 535, "{name}");
                    let mut smtp = greeted(server);
                    assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235, "{name}");
                    assert_eq!(smtp.relay(&format!("{number} by {name}\r\n")).code, 250, "{name}");
                }
            });
        }
    });
    assert_eq!(server.queued().len(), 48);
}

/// `sendmail -bs` speaks on its standard input and output, and has no addresses to give to the library.
#[test]
fn standard_input_is_served_too() {
    let sandbox = Sandbox::new("classic-bs", HOST);
    classic::make_sasldb(&library(), &sandbox.dir.join("sasldb"), HOST, USERS);
    let login = "EHLO client.example.test\r\nAUTH LOGIN\r\ndGlt\r\ndGFuc3RhYWZ0YW5zdGFhZg==\r\nQUIT\r\n";
    let ran = speak(&library(), &classic::config(), &sandbox, login);
    let said: Vec<&str> = ran.stdout.lines().map(|l| l.trim_end_matches('\r')).collect();
    assert!(said.contains(&"250-AUTH LOGIN PLAIN CRAM-MD5 DIGEST-MD5"), "{ran:?}");
    let expected = ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.0.0 OK Authenticated"];
    assert!(said.windows(3).any(|w| w == expected), "{ran:?}");
    sandbox.log.expect("authid=tim, mech=LOGIN, bits=0");
}

#[test]
fn anonymous_is_let_in_where_it_is_allowed() {
    let server = start(&Config { mechanisms: "ANONYMOUS CRAM-MD5".to_owned(), ..classic::config() });
    let mut smtp = greeted(&server);
    smtp.expect("AUTH ANONYMOUS c2lyaGM=", 235);
    server.sandbox.log.expect("authid=anonymous, mech=ANONYMOUS, bits=0");
    greeted(&self::server()).expect("AUTH ANONYMOUS c2lyaGM=", 504);
}
