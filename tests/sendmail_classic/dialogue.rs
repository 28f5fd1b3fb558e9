//! The dialogue that the recipe has the administrator type into telnet.

use crate::rig::classic;
use crate::rig::sendmail::{Config, HOST, Server};
use crate::rig::smtp::{Side, Smtp};

use super::site::{TIM, encode, greeted, listed, server, start};

/// Plays `lines`, the client's side of a dialogue after EHLO, and gives everything said after EHLO.
fn play(server: &Server, lines: &[&str]) -> Vec<String> {
    let mut smtp: Smtp = greeted(server);
    let start = smtp.dialogue.len();
    for line in lines {
        smtp.command(line);
    }
    let shown = |(side, line): &(Side, String)| match side {
        Side::Client => format!("> {line}"),
        Side::Server => line.clone(),
    };
    smtp.dialogue[start..].iter().map(shown).collect()
}

#[test]
fn ehlo_shows_the_mechanisms_on_one_line() {
    let server = server();
    let mut smtp = server.connect();
    assert!(smtp.greeting.lines[0].starts_with(&format!("{HOST} ESMTP Sendmail")), "{:?}", smtp.greeting);
    smtp.command("EHLO client.example.test");
    let lines: Vec<&str> = smtp.dialogue.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(lines.iter().filter(|l| **l == "250-AUTH LOGIN PLAIN CRAM-MD5 DIGEST-MD5").count(), 1, "{lines:#?}");
    assert_eq!(lines.iter().filter(|l| l.contains("AUTH")).count(), 1, "{lines:#?}");
    // GSSAPI and KERBEROS_V4 are named in the cf, and nothing comes of it.
    let line = server.sandbox.log.expect("AUTH: available mech=").text;
    assert!(line.ends_with(&format!("allowed mech={}", classic::NAMED)), "{line}");
    for missing in ["GSSAPI", "KERBEROS_V4"] {
        smtp.expect(&format!("AUTH {missing}"), 504);
    }
}

#[test]
fn the_auth_line_has_sendmails_order() {
    for order in ["LOGIN PLAIN CRAM-MD5 DIGEST-MD5", "DIGEST-MD5 CRAM-MD5 PLAIN LOGIN", "CRAM-MD5 LOGIN", "PLAIN"] {
        let server = start(&Config { mechanisms: order.to_owned(), ..classic::config() });
        assert_eq!(listed(&server), order);
    }
}

#[test]
fn auth_login_word_for_word() {
    let server = server();
    let (name, password) = (encode(TIM.0.as_bytes()), encode(TIM.1.as_bytes()));
    assert_eq!(
        play(&server, &["AUTH LOGIN", &name, &password]),
        [
            "> AUTH LOGIN",
            "334 VXNlcm5hbWU6",
            "> dGlt",
            "334 UGFzc3dvcmQ6",
            "> dGFuc3RhYWZ0YW5zdGFhZg==",
            "235 2.0.0 OK Authenticated",
        ]
    );
    // As people type it.
    assert_eq!(
        play(&server, &["auth login", &name, "d3Jvbmc=", "auth login", &name, &password]),
        [
            "> auth login",
            "334 VXNlcm5hbWU6",
            "> dGlt",
            "334 UGFzc3dvcmQ6",
            "> d3Jvbmc=",
            "535 5.7.0 authentication failed",
            "> auth login",
            "334 VXNlcm5hbWU6",
            "> dGlt",
            "334 UGFzc3dvcmQ6",
            "> dGFuc3RhYWZ0YW5zdGFhZg==",
            "235 2.0.0 OK Authenticated",
        ]
    );
    // The name may come at once.
    assert_eq!(
        play(&server, &["AUTH LOGIN dGlt", &password]),
        ["> AUTH LOGIN dGlt", "334 UGFzc3dvcmQ6", "> dGFuc3RhYWZ0YW5zdGFhZg==", "235 2.0.0 OK Authenticated",]
    );
}

#[test]
fn auth_plain_word_for_word() {
    let server = server();
    // authzid NUL authcid NUL password, as `perl -MMIME::Base64` makes it.
    let data = encode(b"tim\0tim\0tanstaaftanstaaf");
    let initial = format!("AUTH PLAIN {data}");
    let said = play(&server, &[&initial]);
    assert_eq!(said[1..], ["235 2.0.0 OK Authenticated"]);
    let said = play(&server, &["AUTH PLAIN", &data]);
    assert_eq!((said[1].as_str(), said[3].as_str()), ("334 ", "235 2.0.0 OK Authenticated"));
}

#[test]
fn a_cancelled_dialogue_word_for_word() {
    let server = server();
    for mechanism in classic::MECHANISMS.split(' ') {
        let said = play(&server, &[&format!("AUTH {mechanism}"), "*"]);
        assert!(said[1].starts_with("334 "), "{said:?}");
        assert_eq!(said[3], "501 5.0.0 AUTH aborted", "{said:?}");
    }
    let said = play(&server, &["AUTH LOGIN", "dGlt", "*", "NOOP"]);
    assert_eq!(said[5..], ["501 5.0.0 AUTH aborted", "> NOOP", "250 2.0.0 OK"]);
}

#[test]
fn challenges_have_their_form() {
    let server = server();
    let mut smtp = greeted(&server);
    let cram = String::from_utf8(smtp.expect("AUTH CRAM-MD5", 334).challenge()).expect("text");
    let stamp =
        cram.strip_prefix('<').and_then(|c| c.strip_suffix(&format!("@{HOST}>"))).unwrap_or_else(|| panic!("{cram}"));
    let (random, time) = stamp.split_once('.').expect("a point");
    assert!([random, time].iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())), "{cram}");

    let mut smtp = greeted(&server);
    let digest = String::from_utf8(smtp.expect("AUTH DIGEST-MD5", 334).challenge()).expect("text");
    // Sendmail gives the library no realm to offer.
    assert!(!digest.contains("realm"), "{digest}");
    assert!(digest.starts_with("nonce=\""), "{digest}");
    for part in ["qop=\"auth,auth-int,auth-conf\"", "charset=utf-8", "algorithm=md5-sess", "cipher=\""] {
        assert!(digest.contains(part), "no {part} in {digest}");
    }
}
