//! Debian's own Postfix, server and client, on a chosen `libsasl2.so.2`.

mod rig;

use rig::base::Library;
use rig::postfix::{AUXPROP, Postfix, Settings};
use rig::smtp::Smtp;

const USERS: &[(&str, &str)] = &[("alice", "correct horse"), ("bob", "battery staple")];
const MECHANISMS: [&str; 9] = [
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-224",
    "SCRAM-SHA-256",
    "SCRAM-SHA-384",
    "SCRAM-SHA-512",
];

fn start(settings: &Settings) -> Postfix {
    Postfix::start(&Library::under_test(), settings)
}

fn standard() -> Settings<'static> {
    Settings { sasl: AUXPROP, users: USERS, main: "" }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// The client's half comes from the stock library: two implementations have to agree.
fn stock() -> Library {
    Library::stock()
}

#[test]
fn every_mechanism_lets_the_right_password_in() {
    let postfix = start(&standard());
    for mechanism in MECHANISMS {
        let mut smtp = Smtp::connect(postfix.port);
        assert_eq!(sorted(smtp.ehlo()), sorted(MECHANISMS.map(str::to_owned).to_vec()), "ANONYMOUS is off by default");
        let reply = smtp.auth(&stock(), mechanism, "alice", "correct horse");
        assert_eq!((reply.code, reply.text.as_str()), (235, "2.7.0 Authentication successful"), "{mechanism}");
        let reply = smtp.send("someone@far.away.test", mechanism);
        assert_eq!(reply.code, 250, "{mechanism}: {reply:?}");
        postfix.logged(&[&format!("sasl_method={mechanism}, sasl_username=alice@rig.test")]);
        // Once is enough for a session.
        assert_eq!(smtp.command("AUTH PLAIN").code, 503);
    }
    postfix.mounts.assert_loaded_by(postfix.pid());
    let mail = postfix.delivered();
    assert!(mail.contains("(Authenticated sender: alice@rig.test)"), "{mail}");
}

#[test]
fn no_mechanism_lets_others_in() {
    let postfix = start(&standard());
    for mechanism in MECHANISMS {
        for (user, password) in [("alice", "wrong"), ("alice", "battery staple"), ("mallory", "correct horse")] {
            let mut smtp = Smtp::connect(postfix.port);
            smtp.ehlo();
            let reply = smtp.auth(&stock(), mechanism, user, password);
            assert_eq!(reply.code, 535, "{mechanism} {user} {password}: {reply:?}");
            assert!(reply.text.starts_with("5.7.8 Error: authentication failed"), "{mechanism} {user}: {reply:?}");
            let reply = smtp.send("someone@far.away.test", "relay?");
            assert_eq!((reply.code, reply.text.contains("Relay access denied")), (454, true), "{reply:?}");
            // The same session may try again and get in.
            let reply = smtp.auth(&stock(), mechanism, "bob", "battery staple");
            assert_eq!(reply.code, 503, "a mail transaction is open: {reply:?}");
            assert_eq!(smtp.command("RSET").code, 250);
            let reply = smtp.auth(&stock(), mechanism, "bob", "battery staple");
            assert_eq!(reply.code, 235, "{mechanism}: {reply:?}");
        }
        let line = postfix.logged(&["warning:", &format!("SASL {mechanism} authentication failed: ")]);
        eprintln!("{line}");
    }
}
