//! Sendmail as a client that authenticates to its relay, another Sendmail: the library under test on one side and the
//! stock library on the other, and on both.

use crate::rig::base::Library;
use crate::rig::sendmail::{AuthInfo, Config, MECHANISMS, Sent, Server, send};

const TIM: AuthInfo<'static> =
    AuthInfo { user: "tim", authid: "tim", password: "tanstaaftanstaaf", realm: "", mechanisms: "" };

/// The library of the client and that of the server.
fn pairs() -> Vec<(Library, Library)> {
    let (ours, stock) = (Library::under_test(), Library::stock());
    if ours.is_stock() {
        return vec![(stock.clone(), stock)];
    }
    vec![(ours.clone(), stock.clone()), (stock, ours.clone()), (ours.clone(), ours)]
}

/// The message as Sendmail takes it: its text must arrive unchanged.
fn message(text: &str) -> String {
    format!("From: sender@client.example.test\nSubject: test\n\n{text}")
}

/// About 100 kB of text in lines.
fn long_text() -> String {
    (0..1500).map(|n| format!("{n:06} the quick brown fox jumps over the lazy dog and comes back again\n")).collect()
}

/// A message was delivered with this mechanism and layer, and both sides logged so.
fn assert_delivered(sent: &Sent, server: &Server, mark: usize, mechanism: &str, bits: u32, text: &str) {
    let outcome = format!("{}{}\nserver:\n{}", sent.ran.stdout, sent.log, server.sandbox.log.text_after(mark));
    assert!(sent.ran.status.success() && sent.queued.is_empty(), "{mechanism}: {outcome}");
    assert_eq!(sent.tried(), [mechanism], "{outcome}");
    assert!(
        sent.log.contains(&format!("AUTH=client, relay=[127.0.0.1], mech={mechanism}, bits={bits}\n")),
        "{outcome}"
    );
    server.sandbox.log.after(mark, &format!("authid=tim, mech={mechanism}, bits={bits}"));
    assert!(server.queued().iter().any(|m| m == text), "{mechanism}: the message has changed on its way");
}

#[test]
fn each_mechanism_delivers() {
    for (client, of_server) in pairs() {
        let server = Server::start(&of_server, &Config::default());
        for mechanism in MECHANISMS.split(' ') {
            let text = format!("with {mechanism}\n");
            let mark = server.sandbox.log.mark();
            let auth = AuthInfo { mechanisms: mechanism, ..TIM };
            let sent = send(&client, &Config::default(), server.port, Some(&auth), &message(&text));
            // The strongest cipher on both sides' lists.
            let bits = if mechanism == "DIGEST-MD5" { 128 } else { 0 };
            assert_delivered(&sent, &server, mark, mechanism, bits, &text);
        }
    }
}

#[test]
fn the_layer_follows_auth_max_bits() {
    for (client, of_server) in pairs() {
        let server = Server::start(&of_server, &Config::default());
        // No row for 112 bits: a stock client that wants 3DES gets an error from its own OpenSSL 3.
        for (max, bits) in [(0, 0), (1, 1), (39, 1), (40, 40), (55, 55), (56, 56), (111, 56), (128, 128), (256, 128)] {
            let text = format!("at most {max} bits\n{}", long_text());
            let mark = server.sandbox.log.mark();
            let auth = AuthInfo { mechanisms: "DIGEST-MD5", ..TIM };
            let extra = format!("define(`confAUTH_MAX_BITS', `{max}')dnl");
            let config = Config { extra, ..Config::default() };
            let sent = send(&client, &config, server.port, Some(&auth), &message(&text));
            assert_delivered(&sent, &server, mark, "DIGEST-MD5", bits, &text);
        }
    }
}

#[test]
fn the_library_chooses_its_strongest_mechanism() {
    let client = Library::under_test();
    let mut offer: Vec<&str> = MECHANISMS.split(' ').collect();
    while !offer.is_empty() {
        // The server's order is of no account.
        let offered = offer.iter().rev().copied().collect::<Vec<_>>().join(" ");
        let server = Server::start(&Library::stock(), &Config { mechanisms: offered, ..Config::default() });
        let mark = server.sandbox.log.mark();
        let sent = send(&client, &Config::default(), server.port, Some(&TIM), &message("chosen\n"));
        let bits = if offer[0] == "DIGEST-MD5" { 128 } else { 0 };
        assert_delivered(&sent, &server, mark, offer[0], bits, "chosen\n");
        offer.remove(0);
    }
}

#[test]
fn a_wrong_password_fails_with_every_mechanism_and_sends_nothing() {
    for (client, of_server) in pairs() {
        let server = Server::start(&of_server, &Config::default());
        let auth = AuthInfo { password: "wrong", ..TIM };
        let sent = send(&client, &Config::default(), server.port, Some(&auth), &message("never\n"));
        // Sendmail takes each refused mechanism off the list and asks the library again.
        assert_eq!(sent.tried().join(" "), MECHANISMS, "{}", sent.ran.stdout);
        assert_eq!(sent.ran.stdout.matches("\n535 5.7.0 authentication failed\n").count(), 9, "{}", sent.ran.stdout);
        assert!(sent.ran.stdout.contains("Relaying denied. Proper authentication required."), "{}", sent.ran.stdout);
        assert!(!sent.log.contains("AUTH=client"), "{}", sent.log);
        assert!(!sent.ran.status.success());
        assert_eq!(server.queued(), [""; 0]);
        for mechanism in MECHANISMS.split(' ') {
            server.sandbox.log.expect(&format!("AUTH failure ({mechanism}): authentication failure (-13)"));
        }
    }
}

#[test]
fn without_credentials_no_mechanism_is_started() {
    let client = Library::under_test();
    let server = Server::start(&Library::stock(), &Config::default());
    for auth in [
        None,
        Some(AuthInfo { password: "", ..TIM }),
        Some(AuthInfo { user: "", authid: "", ..TIM }),
        Some(AuthInfo { mechanisms: "GSSAPI NONSENSE", ..TIM }),
    ] {
        let sent = send(&client, &Config::default(), server.port, auth.as_ref(), &message("never\n"));
        assert_eq!(sent.tried(), [""; 0], "{auth:?}: {}", sent.ran.stdout);
        assert!(!sent.log.contains("stat=Sent"), "{auth:?}: {}", sent.log);
    }
    assert_eq!(server.queued(), [""; 0]);
}

#[test]
fn either_identity_stands_for_both() {
    let client = Library::under_test();
    let server = Server::start(&Library::stock(), &Config::default());
    for mechanism in MECHANISMS.split(' ') {
        for auth in [AuthInfo { user: "", ..TIM }, AuthInfo { authid: "", ..TIM }] {
            let mark = server.sandbox.log.mark();
            let auth = AuthInfo { mechanisms: mechanism, ..auth };
            let sent = send(&client, &Config::default(), server.port, Some(&auth), &message("one\n"));
            let bits = if mechanism == "DIGEST-MD5" { 128 } else { 0 };
            assert_delivered(&sent, &server, mark, mechanism, bits, "one\n");
        }
    }
}

#[test]
fn another_identity_and_a_realm_are_passed_on() {
    for (client, of_server) in pairs() {
        let server = Server::start(&of_server, &Config::default());
        for (mechanism, sign) in
            [("PLAIN", "dXJzZWwAdGltAHRhbnN0YWFmdGFuc3RhYWY="), ("SCRAM-SHA-256", "bixhPXVyc2VsLG49dGltLHI9")]
        {
            let mark = server.sandbox.log.mark();
            let auth = AuthInfo { user: "ursel", mechanisms: mechanism, ..TIM };
            let sent = send(&client, &Config::default(), server.port, Some(&auth), &message("for ursel\n"));
            assert_delivered(&sent, &server, mark, mechanism, 0, "for ursel\n");
            assert!(sent.ran.stdout.contains(&format!(">>> AUTH {mechanism} {sign}")), "{}", sent.ran.stdout);
        }
        let mark = server.sandbox.log.mark();
        let auth = AuthInfo { user: "ursel", mechanisms: "DIGEST-MD5", ..TIM };
        let sent = send(&client, &Config::default(), server.port, Some(&auth), &message("for ursel\n"));
        assert_delivered(&sent, &server, mark, "DIGEST-MD5", 128, "for ursel\n");
        // With one realm offered the library does not ask for another: Sendmail's own answer would be an error.
        for realm in ["mail.example.test", "elsewhere.example"] {
            let mark = server.sandbox.log.mark();
            let auth = AuthInfo { realm, mechanisms: "DIGEST-MD5", ..TIM };
            let sent = send(&client, &Config::default(), server.port, Some(&auth), &message("realm\n"));
            assert_delivered(&sent, &server, mark, "DIGEST-MD5", 128, "realm\n");
        }
    }
}
