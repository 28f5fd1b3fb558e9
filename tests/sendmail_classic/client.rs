//! Sendmail as a client of the 1.5 interface: it relays through the stock library's Sendmail, through itself, and
//! through Postfix on the 2.1 interface of this engine.

use crate::rig::base::Library;
use crate::rig::classic::{self, make_sasldb};
use crate::rig::postfix::{AUXPROP, Postfix, Settings};
use crate::rig::sendmail::{AuthInfo, CLIENT, Config, HOST, MECHANISMS, Sent, Server, send};

use super::challenger::Challenger;
use super::site::{TIM, library, long_text, names, server};

/// What the administrator writes into the map. Without `R:` Sendmail says its own host's name where the realm matters.
const AUTH: AuthInfo<'static> = AuthInfo { user: TIM.0, authid: TIM.0, password: TIM.1, realm: HOST, mechanisms: "" };

/// The message as Sendmail takes it: its text must arrive unchanged.
fn message(text: &str) -> String {
    format!("From: sender@client.example.test\nSubject: test\n\n{text}")
}

fn relay(config: &Config, port: u16, auth: &AuthInfo<'_>, text: &str) -> Sent {
    send(&library(), config, port, Some(auth), &message(text))
}

/// The strength of the layer that two sides without limits agree on.
fn bits(mechanism: &str) -> u32 {
    if mechanism == "DIGEST-MD5" { 128 } else { 0 }
}

/// A message was delivered with this mechanism and layer, and both sides logged so.
fn assert_delivered(sent: &Sent, server: &Server, mark: usize, mechanism: &str, bits: u32, text: &str) {
    let outcome = format!("{}{}\nserver:\n{}", sent.ran.stdout, sent.log, server.sandbox.log.text_after(mark));
    assert!(sent.ran.status.success() && sent.queued.is_empty(), "{mechanism}: {outcome}");
    assert_eq!(sent.tried().last(), Some(&mechanism), "{outcome}");
    let logged = format!("AUTH=client, relay=[127.0.0.1], mech={mechanism}, bits={bits}\n");
    assert!(sent.log.contains(&logged), "{outcome}");
    let line = server.sandbox.log.after(mark, "AUTH=server").text;
    assert!(line.contains("authid=tim") && line.ends_with(&format!("mech={mechanism}, bits={bits}")), "{line}");
    assert!(server.queued().iter().any(|m| m == text), "{mechanism}: the message has changed on its way");
}

/// Sendmail on the stock library, and on ours.
fn servers() -> [Server; 2] {
    [Server::start(&Library::stock(), &Config::default()), server()]
}

#[test]
fn each_mechanism_delivers() {
    for server in servers() {
        for mechanism in names() {
            let text = format!("with {mechanism}\n");
            let mark = server.sandbox.log.mark();
            let sent = relay(&classic::config(), server.port, &AuthInfo { mechanisms: mechanism, ..AUTH }, &text);
            assert_eq!(sent.tried(), [mechanism], "{}", sent.ran.stdout);
            assert_delivered(&sent, &server, mark, mechanism, bits(mechanism), &text);
        }
    }
}

#[test]
fn every_layer_delivers() {
    for server in servers() {
        for (max, bits) in [(0, 0), (1, 1), (40, 40), (55, 55), (56, 56), (112, 112), (128, 128)] {
            // A stock server cannot start 3DES on OpenSSL 3.
            if bits == 112 && server.library.is_stock() {
                continue;
            }
            let text = format!("at most {max} bits\n{}", long_text("\n"));
            let mark = server.sandbox.log.mark();
            let extra = format!("define(`confAUTH_MAX_BITS', `{max}')dnl");
            let config = Config { extra, ..classic::config() };
            let sent = relay(&config, server.port, &AuthInfo { mechanisms: "DIGEST-MD5", ..AUTH }, &text);
            assert_delivered(&sent, &server, mark, "DIGEST-MD5", bits, &text);
        }
    }
}

#[test]
fn the_strongest_mechanism_goes_first_and_each_refused_gives_way_to_the_next() {
    for server in servers() {
        let auth = AuthInfo { password: "wrong", ..AUTH };
        let sent = relay(&classic::config(), server.port, &auth, "never\n");
        let mut tried = sent.tried();
        assert_eq!(tried.first(), Some(&"DIGEST-MD5"), "{}", sent.ran.stdout);
        assert_eq!(tried.len(), 4, "{}", sent.ran.stdout);
        tried.sort_unstable();
        assert_eq!(tried, ["CRAM-MD5", "DIGEST-MD5", "LOGIN", "PLAIN"]);
        assert_eq!(sent.ran.stdout.matches("\n535 5.7.0 authentication failed\n").count(), 4, "{}", sent.ran.stdout);
        assert!(!sent.ran.status.success() && !sent.log.contains("AUTH=client, relay"), "{}", sent.log);
        assert_eq!(server.queued(), [""; 0]);
    }
}

/// What came after 1.5: the engine's own.
#[test]
fn stronger_mechanisms_are_spoken_where_they_are_named() {
    let server = Server::start(&Library::stock(), &Config::default());
    let mark = server.sandbox.log.mark();
    let config = Config { mechanisms: MECHANISMS.to_owned(), ..classic::config() };
    let sent = relay(&config, server.port, &AUTH, "by SCRAM\n");
    assert_eq!(sent.tried(), ["SCRAM-SHA-512"], "{}", sent.ran.stdout);
    assert_delivered(&sent, &server, mark, "SCRAM-SHA-512", 0, "by SCRAM\n");
}

/// With a realm that nobody is in, the mechanisms that send it fail; the others do not need it.
#[test]
fn a_fallback_delivers() {
    let server = server();
    let mark = server.sandbox.log.mark();
    let auth = AuthInfo { realm: "elsewhere.example", ..AUTH };
    let sent = relay(&classic::config(), server.port, &auth, "in the end\n");
    let tried = sent.tried();
    assert_eq!(tried.first(), Some(&"DIGEST-MD5"), "{}", sent.ran.stdout);
    assert!(["LOGIN", "PLAIN"].contains(tried.last().expect("a mechanism")), "{}", sent.ran.stdout);
    server.sandbox.log.after(mark, "AUTH failure (DIGEST-MD5): user not found (-20)");
    assert_delivered(&sent, &server, mark, tried[tried.len() - 1], 0, "in the end\n");
}

#[test]
fn without_credentials_no_mechanism_is_started() {
    let server = Server::start(&Library::stock(), &Config::default());
    for auth in [
        None,
        Some(AuthInfo { password: "", ..AUTH }),
        Some(AuthInfo { user: "", authid: "", ..AUTH }),
        Some(AuthInfo { mechanisms: "GSSAPI KERBEROS_V4", ..AUTH }),
    ] {
        let sent = send(&library(), &classic::config(), server.port, auth.as_ref(), &message("never\n"));
        assert_eq!(sent.tried(), [""; 0], "{auth:?}: {}", sent.ran.stdout);
        assert!(!sent.log.contains("stat=Sent"), "{auth:?}: {}", sent.log);
    }
    assert_eq!(server.queued(), [""; 0]);
}

#[test]
fn either_identity_stands_for_both() {
    let server = Server::start(&Library::stock(), &Config::default());
    for mechanism in names() {
        for auth in [AuthInfo { user: "", ..AUTH }, AuthInfo { authid: "", ..AUTH }] {
            let mark = server.sandbox.log.mark();
            let auth = AuthInfo { mechanisms: mechanism, ..auth };
            let sent = relay(&classic::config(), server.port, &auth, "one\n");
            assert_delivered(&sent, &server, mark, mechanism, bits(mechanism), "one\n");
        }
    }
}

/// What Sendmail does with the realm of the map, seen by a server that keeps users of both hosts.
#[test]
fn without_a_realm_in_the_map_cram_md5_names_the_clients_own() {
    let server = server();
    make_sasldb(&library(), &server.sandbox.dir.join("sasldb"), CLIENT, &[("tim", "of the client")]);
    for (realm, password, code) in [("", "of the client", 250), ("", TIM.1, 550), (HOST, TIM.1, 250)] {
        let mark = server.sandbox.log.mark();
        let auth = AuthInfo { realm, password, mechanisms: "CRAM-MD5", ..AUTH };
        let sent = relay(&classic::config(), server.port, &auth, "whose\n");
        assert_eq!(sent.tried(), ["CRAM-MD5"], "{}", sent.ran.stdout);
        if code == 250 {
            assert_delivered(&sent, &server, mark, "CRAM-MD5", 0, "whose\n");
        } else {
            assert!(!sent.ran.status.success(), "{}", sent.ran.stdout);
        }
    }
}

#[test]
fn postfix_takes_its_mail() {
    let settings = Settings { sasl: AUXPROP, users: &[TIM], ..Settings::default() };
    let postfix = Postfix::start(&Library::under_test(), &settings);
    for mechanism in names() {
        let auth = AuthInfo { mechanisms: mechanism, realm: "rig.test", ..AUTH };
        let sent = relay(&classic::config(), postfix.port, &auth, &format!("to Postfix with {mechanism}\n"));
        assert_eq!(sent.tried(), [mechanism], "{}", sent.ran.stdout);
        assert!(sent.ran.status.success(), "{}{}", sent.ran.stdout, sent.log);
        postfix.delivered(&format!("to Postfix with {mechanism}\n"));
        postfix.logged(&[&format!("sasl_method={mechanism}"), "sasl_username=tim"]);
    }
}

/// Which realm the client answers with, for what the server offers and the map has. Sendmail's callback refuses every
/// list of several: the relay's host name, as Sendmail gave it, is what is left.
#[test]
fn the_realm_of_digest_md5() {
    for (offered, own, expected) in [
        (&[][..], "mine.example", Some("mine.example")),
        (&["one.example"], "", Some("one.example")),
        (&["one.example"], "mine.example", Some("one.example")),
        (&["one.example", "mine.example"], "mine.example", Some("[127.0.0.1]")),
    ] {
        let challenger = Challenger::start(offered, TIM.1);
        let auth = AuthInfo { realm: own, mechanisms: "DIGEST-MD5", ..AUTH };
        let sent = relay(&classic::config(), challenger.port, &auth, "realms\n");
        let realms = challenger.realms();
        assert_eq!(realms.first().map(String::as_str), expected, "{offered:?} {own:?}: {}", sent.ran.stdout);
        assert!(sent.log.contains("stat=Sent"), "{offered:?} {own:?}: {}{}", sent.ran.stdout, sent.log);
    }
}
