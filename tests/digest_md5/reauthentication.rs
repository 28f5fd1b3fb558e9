//! Subsequent authentication (RFC 2831 section 2.2).

use oxisasl::Code;
use oxisasl::log::Level;
use oxisasl::policy::SecurityProps;

use crate::ends::{Ends, Failure, Handmade, Reply, Setup, value, window};

fn setup() -> Setup {
    Setup { server_options: vec![("reauth_timeout", "10")], ..Setup::default() }
}

/// Each later connection takes two messages less; its layer works, and has keys of its own.
#[test]
fn a_client_that_comes_again_speaks_first() {
    let setup = setup();
    let (first, messages) = setup.connect();
    assert_eq!(messages.len(), 6);
    let nonce = value(&messages[2], "nonce").unwrap().to_owned();
    let mut sent = Vec::new();
    first.client.encode(&[b"the same text"], &mut sent).unwrap();
    let mut seen = vec![sent];
    let mut cnonces = vec![value(&messages[2], "cnonce").unwrap().to_owned()];
    for nc in 2..6 {
        let (ends, messages) = setup.connect();
        assert_eq!(messages.len(), 4, "{messages:?}");
        assert_eq!(value(&messages[0], "nonce"), Some(&*nonce));
        assert_eq!(value(&messages[0], "nc"), Some(&*format!("{nc:08x}")));
        let cnonce = value(&messages[0], "cnonce").unwrap().to_owned();
        assert!(!cnonces.contains(&cnonce));
        cnonces.push(cnonce);
        assert_eq!((ends.client.ssf(), ends.server.ssf()), (128, 128));
        let mut sent = Vec::new();
        ends.client.encode(&[b"the same text"], &mut sent).unwrap();
        let mut out = Vec::new();
        ends.server.decode(&sent, &mut out).unwrap();
        assert_eq!(out, b"the same text");
        assert!(!seen.contains(&sent), "one key stream for two texts");
        seen.push(sent);
        ends.carries(&[7; 10_000], 100);
    }
}

/// A server that does not remember sends a challenge, and the client begins anew, whatever is agreed on now.
#[test]
fn a_refused_client_begins_anew() {
    for (min, max, ssf) in [(0, 256, 128), (1, 1, 1), (0, 55, 55), (112, 112, 112), (0, 0, 0)] {
        let setup = Setup::default();
        setup.connect();
        let later = Setup { server_security: window(min, max), ..setup };
        let (ends, messages) = later.connect();
        assert_eq!(messages.len(), 6);
        assert_eq!(value(&messages[0], "nc"), Some("00000002"));
        assert_eq!(value(&messages[2], "nc"), Some("00000001"));
        assert_ne!(value(&messages[0], "nonce"), value(&messages[2], "nonce"));
        assert_eq!((ends.client.ssf(), ends.server.ssf()), (ssf, ssf));
        if ssf > 0 {
            ends.carries(&[7; 1000], 99);
        }
    }
}

/// What was agreed on under other demands is not used again.
#[test]
fn other_demands_are_negotiated() {
    let setup = setup();
    setup.connect();
    let int = Setup { client_security: window(0, 1), ..setup.clone() };
    let (ends, messages) = int.connect();
    assert_eq!((messages.len(), ends.client.ssf()), (6, 1));
    let other_user = Setup { authcid: "bob".into(), password: "builder".into(), ..setup.clone() };
    assert_eq!(other_user.connect().1.len(), 6);
    let strict = Setup { client_options: vec![("digest_weak_ciphers", "no")], ..setup.clone() };
    assert_eq!(strict.connect().1.len(), 6);
    let (ends, messages) = setup.connect();
    assert_eq!((messages.len(), ends.client.ssf()), (4, 128));
    // The server's demands of today count too.
    let today = Setup { server_security: window(0, 1), ..setup };
    let (ends, messages) = today.connect();
    assert_eq!((messages.len(), ends.server.ssf()), (6, 1));
    assert!(ends.server_log.any(Level::Fail, "fast reauthentication refused"));
}

/// The password of today is asked for and checked.
#[test]
fn a_changed_password_counts() {
    let mut setup = setup();
    setup.connect();
    setup.users[0].2 = b"changed".to_vec();
    let mismatch = "client response doesn't match what we generated (tried bogus)".to_owned();
    assert_eq!(setup.fail(), Failure::Server(Code::BadAuth, mismatch));
    setup.password = "changed".into();
    assert_eq!(setup.connect().1.len(), 6);
    assert_eq!(setup.connect().1.len(), 4);
}

#[test]
fn off_unless_switched_on() {
    for minutes in ["0", "", "junk", "-5"] {
        let setup = Setup { server_options: vec![("reauth_timeout", minutes)], ..Setup::default() };
        setup.connect();
        let messages = setup.connect().1;
        assert_eq!((messages.len(), value(&messages[1], "stale")), (6, None), "{minutes}");
    }
}

/// Gives the server an initial response made by hand.
fn initial(setup: &Setup, nonce: &str, response: &Handmade<'_>) -> (Ends, String) {
    let ends = setup.ends();
    let answer = ends.server.start("DIGEST-MD5", Some(&response.message(nonce))).unwrap();
    let answer = String::from_utf8(answer.data().unwrap().to_vec()).unwrap();
    (ends, answer)
}

#[test]
fn counts_and_cnonces_are_used_once() {
    let setup = setup();
    let host = setup.host.clone();
    let ends = setup.ends();
    let challenge = ends.server.start("DIGEST-MD5", None).unwrap();
    let challenge = String::from_utf8(challenge.data().unwrap().to_vec()).unwrap();
    let nonce = value(&challenge, "nonce").unwrap();
    let uri = format!("svc/{host}");
    let plain = Handmade {
        username: b"alice",
        password: b"secret",
        realm: Some(host.as_bytes()),
        authzid: None,
        cnonce: "one",
        nc: "00000001",
        uri: &uri,
        hashed: None,
        more: "",
    };
    let conf = Handmade { more: ",qop=auth-conf,cipher=rc4,maxbuf=65536", ..plain.clone() };
    ends.server.step(&conf.message(nonce)).unwrap();
    let accepted = |answer: &str| answer.starts_with("rspauth=");
    let stale = |answer: &str| value(answer, "stale") == Some("true");
    // Not before the first, not the first again, not out of order.
    for nc in ["00000001", "00000003", "ffffffff"] {
        let (ends, answer) = initial(&setup, nonce, &Handmade { nc, cnonce: "two", ..conf.clone() });
        assert!(stale(&answer), "{nc}: {answer}");
        assert_eq!(ends.server.ssf(), 0);
    }
    // Not with the old cnonce and a layer: the keys would be those of the first connection.
    let second = Handmade { nc: "00000002", ..conf.clone() };
    assert!(stale(&initial(&setup, nonce, &second).1));
    // A wrong password changes nothing and is no stale nonce.
    let wrong = Handmade { password: b"wrong", cnonce: "two", ..second.clone() };
    let (ends, answer) = initial(&setup, nonce, &wrong);
    assert!(!accepted(&answer) && !stale(&answer), "{answer}");
    assert!(ends.server_log.any(Level::Fail, "fast reauthentication refused"));
    // Nor is another user or another nonce.
    let bob = Handmade { username: b"bob", password: b"builder", cnonce: "two", ..second.clone() };
    assert!(stale(&initial(&setup, nonce, &bob).1));
    assert!(stale(&initial(&setup, "unknown", &Handmade { cnonce: "two", ..second.clone() }).1));
    // The right one, once.
    let right = Handmade { cnonce: "two", ..second.clone() };
    let (ends, answer) = initial(&setup, nonce, &right);
    assert!(accepted(&answer), "{answer}");
    assert_eq!((ends.server.ssf(), ends.server.user().as_deref()), (128, Some(&b"alice"[..])));
    assert!(stale(&initial(&setup, nonce, &right).1), "replayed");
    // Without a layer there are no keys to repeat.
    let third = Handmade { nc: "00000003", ..plain };
    assert!(accepted(&initial(&setup, nonce, &third).1));
    // Garbage is answered with a challenge.
    let ends = setup.ends();
    let answer = ends.server.start("DIGEST-MD5", Some(b"garbage")).unwrap();
    assert!(!answer.is_done() && answer.data().unwrap().starts_with(b"nonce="));
}

/// A server that lies in its answer is found out, and is not trusted with the nonce again.
#[test]
fn the_server_proves_itself_each_time() {
    let setup = setup();
    setup.connect();
    let ends = setup.ends();
    let start = ends.client.start("DIGEST-MD5").unwrap();
    assert!(start.progress.data().is_some());
    let error = ends.client.step(Some(b"rspauth=00000000000000000000000000000000")).unwrap_err();
    assert_eq!(error.code(), Code::BadServ);
    assert_eq!(setup.connect().1.len(), 6);
}

/// The questions are asked before the first message then, and once.
#[test]
fn questions_come_first() {
    let setup = setup();
    setup.connect();
    let asking = Setup { password: Reply::AskUser, ..setup };
    let ends = asking.ends();
    assert_eq!(ends.client.start("DIGEST-MD5").unwrap_err().code(), Code::Interact);
    ends.client.supply(oxisasl::prompt::PromptKind::Pass, Some("secret".into()));
    let start = ends.client.start("DIGEST-MD5").unwrap();
    assert!(start.progress.data().is_some());
    // A challenge after all: nothing is asked again.
    let challenge = b"nonce=\"N\",realm=\"R\",qop=\"auth\",algorithm=md5-sess,stale=true";
    let response = ends.client.step(Some(challenge)).unwrap();
    let response = String::from_utf8(response.data().unwrap().to_vec()).unwrap();
    assert_eq!((value(&response, "realm"), value(&response, "nc")), (Some("R"), Some("00000001")));
}

#[test]
fn buffers_of_today_count() {
    let mut setup = setup();
    setup.connect();
    setup.client_security = SecurityProps { max_buf: 1024, ..setup.client_security };
    let (ends, messages) = setup.connect();
    assert_eq!((messages.len(), value(&messages[0], "maxbuf")), (4, Some("1024")));
    assert_eq!(ends.server.max_input(), 1024 - 29);
    ends.carries(&[7; 10_000], 1000);
}
