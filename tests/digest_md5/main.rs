//! DIGEST-MD5 in both roles: what is negotiated, what is refused, and with which words.

mod ends;
mod layers;
mod malformed;
mod reauthentication;

use ends::{Failure, Handmade, Reply, Setup, value, window};
use oxisasl::log::Level;
use oxisasl::policy::{SecurityProps, SessionFlags};
use oxisasl::prompt::PromptKind;
use oxisasl::{Code, Progress, Secret};

#[test]
fn messages_have_the_form_of_the_stock_library() {
    let setup = Setup { host: "host.example.com".into(), ..Setup::default() };
    let (ends, messages) = setup.connect();
    let [first, challenge, response, rspauth, last] = &messages[..5] else { panic!("{messages:?}") };
    assert_eq!((first.as_str(), last.as_str()), ("", ""));
    let nonce = value(challenge, "nonce").unwrap();
    assert_eq!(nonce.len(), 44);
    assert_eq!(
        challenge,
        &format!(
            "nonce=\"{nonce}\",realm=\"host.example.com\",qop=\"auth,auth-int,auth-conf\",\
             cipher=\"rc4-40,rc4-56,rc4,des,3des\",maxbuf=65536,charset=utf-8,algorithm=md5-sess"
        )
    );
    let (cnonce, digest) = (value(response, "cnonce").unwrap(), value(response, "response").unwrap());
    assert_eq!((cnonce.len(), digest.len()), (44, 32));
    assert_eq!(
        response,
        &format!(
            "username=\"alice\",realm=\"host.example.com\",nonce=\"{nonce}\",cnonce=\"{cnonce}\",nc=00000001,\
             qop=auth-conf,cipher=rc4,maxbuf=65536,digest-uri=\"svc/host.example.com\",response={digest}"
        )
    );
    assert!(rspauth.starts_with("rspauth=") && rspauth.len() == 40);
    assert_eq!((ends.server.ssf(), ends.client.ssf()), (128, 128));
    assert_eq!((ends.server.max_input(), ends.client.max_input()), (65507, 65511));
    assert_eq!(ends.server.user().as_deref(), Some(&b"alice"[..]));
    // The password does not stay with the connection.
    assert!(ends.server.props().first("*userPassword").is_none());
}

#[test]
fn success_data_ends_the_exchange() {
    let setup = Setup { flags: SessionFlags::SUCCESS_DATA, ..Setup::default() };
    let ends = setup.ends();
    let response = ends.response();
    let done = ends.server.step(response.as_bytes()).unwrap();
    assert!(done.is_done());
    assert_eq!(ends.client.step(Some(done.data().unwrap())).unwrap(), Progress::Done(None));
}

/// What the two windows come to: as on the stock library, but for `3des`, which that cannot complete.
#[test]
fn windows() {
    for (server, client, qop, cipher, ssf) in [
        ((0, 0), (0, 256), "auth", None, 0),
        ((0, 256), (0, 0), "auth", None, 0),
        ((0, 1), (0, 256), "auth-int", None, 1),
        ((0, 256), (0, 1), "auth-int", None, 1),
        ((1, 39), (0, 256), "auth-int", None, 1),
        ((0, 40), (0, 256), "auth-conf", Some("rc4-40"), 40),
        ((40, 40), (0, 256), "auth-conf", Some("rc4-40"), 40),
        ((0, 55), (0, 256), "auth-conf", Some("des"), 55),
        ((0, 256), (55, 55), "auth-conf", Some("des"), 55),
        ((0, 56), (0, 256), "auth-conf", Some("rc4-56"), 56),
        ((56, 56), (0, 256), "auth-conf", Some("rc4-56"), 56),
        ((56, 256), (56, 256), "auth-conf", Some("rc4"), 128),
        ((0, 112), (0, 256), "auth-conf", Some("3des"), 112),
        ((0, 256), (112, 112), "auth-conf", Some("3des"), 112),
        ((0, 127), (0, 256), "auth-conf", Some("3des"), 112),
        ((128, 256), (0, 256), "auth-conf", Some("rc4"), 128),
    ] {
        let setup = Setup {
            server_security: window(server.0, server.1),
            client_security: window(client.0, client.1),
            ..Setup::default()
        };
        let (ends, messages) = setup.connect();
        assert_eq!(value(&messages[2], "qop"), Some(qop), "{server:?} {client:?}");
        assert_eq!(value(&messages[2], "cipher"), cipher, "{server:?} {client:?}");
        assert_eq!((ends.server.ssf(), ends.client.ssf()), (ssf, ssf), "{server:?} {client:?}");
    }
}

#[test]
fn windows_that_nothing_fits() {
    for (min, max) in [(2, 39), (41, 54), (57, 111), (113, 127)] {
        let setup = Setup { server_security: window(min, max), ..Setup::default() };
        let Failure::Server(code, _) = setup.fail() else { panic!() };
        assert_eq!(code, Code::TooWeak, "{min} {max}");
        let setup = Setup { client_security: window(min, max), ..Setup::default() };
        let expected = Failure::Client(Code::TooWeak, "Can't find an acceptable layer".into());
        assert_eq!(setup.fail(), expected, "{min} {max}");
    }
    let setup = Setup { server_security: window(1, 256), client_security: window(0, 0), ..Setup::default() };
    assert_eq!(setup.fail(), Failure::Client(Code::Fail, "Server doesn't support \"no layer\"".into()));
    let setup = Setup { server_security: window(0, 0), client_security: window(1, 256), ..Setup::default() };
    assert_eq!(setup.fail(), Failure::Client(Code::TooWeak, "Can't find an acceptable layer".into()));
}

#[test]
fn ciphers_of_the_challenge_are_those_of_the_window() {
    for ((min, max), qop, cipher) in [
        ((0, 256), "auth,auth-int,auth-conf", Some("rc4-40,rc4-56,rc4,des,3des")),
        ((1, 112), "auth-int,auth-conf", Some("rc4-40,rc4-56,des,3des")),
        ((56, 256), "auth-conf", Some("rc4-56,rc4,3des")),
        ((0, 55), "auth,auth-int,auth-conf", Some("rc4-40,des")),
        ((1, 1), "auth-int", None),
    ] {
        let ends = Setup { server_security: window(min, max), ..Setup::default() }.ends();
        let challenge = ends.server.start("DIGEST-MD5", None).unwrap();
        let challenge = String::from_utf8(challenge.data().unwrap().to_vec()).unwrap();
        assert_eq!(value(&challenge, "qop"), Some(qop));
        assert_eq!(value(&challenge, "cipher"), cipher);
    }
}

/// TLS underneath counts; without a buffer there is no layer.
#[test]
fn external_strength_and_buffers() {
    let ends = Setup { server_security: window(0, 128), ..Setup::default() }.ends();
    ends.server.set_external_ssf(128);
    ends.run().unwrap();
    assert_eq!(ends.server.ssf(), 0);
    let no_buffer = SecurityProps { max_ssf: 256, ..SecurityProps::default() };
    let (ends, messages) = Setup { server_security: no_buffer, ..Setup::default() }.connect();
    assert_eq!((ends.server.ssf(), value(&messages[1], "maxbuf")), (0, None));
    let (ends, messages) = Setup { client_security: no_buffer, ..Setup::default() }.connect();
    assert_eq!((ends.client.ssf(), value(&messages[2], "maxbuf")), (0, None));
    // More than can be announced is announced as the most that can.
    let huge = SecurityProps { max_buf: u32::MAX, ..window(0, 256) };
    let (ends, messages) = Setup { server_security: huge, client_security: huge, ..Setup::default() }.connect();
    assert_eq!(value(&messages[1], "maxbuf"), Some("16777215"));
    assert_eq!(value(&messages[2], "maxbuf"), Some("16777215"));
    assert_eq!((ends.server.max_input(), ends.client.max_input()), (16777186, 16777190));
    // A buffer that holds no packet.
    let small = |max_buf| SecurityProps { max_buf, ..window(0, 256) };
    let text = "Invalid maxbuf parameter received from server (too small: 20)".to_owned();
    let setup = Setup { server_security: small(20), ..Setup::default() };
    assert_eq!(setup.fail(), Failure::Client(Code::BadAuth, text));
    let setup = Setup { client_security: small(29), ..Setup::default() };
    assert_eq!(setup.fail(), Failure::Server(Code::BadAuth, "maxbuf parameter too small".into()));
}

#[test]
fn weak_ciphers_can_be_switched_off() {
    for value_of in ["no", "off", "false", "0", "No", "neither", ""] {
        let options = vec![("digest_weak_ciphers", value_of)];
        let (ends, messages) = Setup { server_options: options.clone(), ..Setup::default() }.connect();
        assert_eq!(value(&messages[1], "cipher"), Some("rc4,3des"), "{value_of}");
        let understood = !matches!(value_of, "neither" | "");
        assert_eq!(ends.server_log.any(Level::Warn, "digest_weak_ciphers"), !understood, "{value_of}");
        let setup = Setup { client_options: options, server_security: window(0, 56), ..Setup::default() };
        let (ends, messages) = setup.connect();
        assert_eq!(value(&messages[2], "qop"), Some("auth-int"), "{value_of}");
        assert!(!ends.client_log.any(Level::Note, "weak"));
        let setup = Setup { client_security: window(56, 56), ..setup };
        assert!(matches!(setup.fail(), Failure::Client(Code::TooWeak, _)));
    }
    // A client that asks for one all the same is refused.
    let ends = Setup { server_options: vec![("digest_weak_ciphers", "no")], ..Setup::default() }.ends();
    let response = ends.response().replace("cipher=rc4,", "cipher=rc4-40,");
    let error = ends.server.step(response.as_bytes()).unwrap_err();
    assert_eq!((error.code(), error.detail()), (Code::Fail, "client requested invalid cipher"));
}

#[test]
fn a_weak_cipher_is_noted() {
    for (ssf, name, noted) in [(40, "rc4-40", true), (55, "des", true), (56, "rc4-56", true), (128, "rc4", false)] {
        let options = vec![("digest_weak_ciphers", "yes")];
        let setup = Setup { client_security: window(ssf, ssf), server_options: options, ..Setup::default() };
        let (ends, _) = setup.connect();
        for log in [&ends.client_log, &ends.server_log] {
            assert_eq!(log.any(Level::Note, &format!("weak cipher {name}")), noted);
            assert!(!log.any(Level::Warn, ""));
        }
    }
}

#[test]
fn authorization_identities() {
    let (ends, messages) = Setup { authzid: "alice".into(), ..Setup::default() }.connect();
    assert_eq!(value(&messages[2], "authzid"), None);
    assert_eq!(ends.server.user(), ends.server.authid());
    let setup = Setup { authzid: "bob".into(), ..Setup::default() };
    let text = "Requested identity not authenticated identity".to_owned();
    assert_eq!(setup.fail(), Failure::Server(Code::BadAuth, text));
    let ends = setup.ends();
    assert_eq!(value(&ends.response(), "authzid"), Some("bob"));
}

/// One realm is taken as it is, with all that has to be escaped; an empty one is a mistake of the application.
#[test]
fn realms_of_the_server() {
    for realm in ["realm.example", "with blank", "quo\"te", "back\\slash\\", "comma,=\""] {
        let user = format!("alice@{realm}").leak();
        let users = vec![(&*user, "userPassword", b"secret".to_vec())];
        let (ends, messages) = Setup { realm: Some(realm), users, ..Setup::default() }.connect();
        assert_eq!(ends.server.user().as_deref(), Some(user.as_bytes()));
        let escaped = realm.replace('\\', "\\\\").replace('"', "\\\"");
        assert!(messages[1].contains(&format!(",realm=\"{escaped}\",qop=")), "{}", messages[1]);
    }
    let setup = Setup { realm: Some(""), ..Setup::default() };
    assert_eq!(setup.fail(), Failure::Server(Code::BadParam, "user_realm is an empty string!".into()));
}

const CHALLENGE: &str = "nonce=\"N\",qop=\"auth\",algorithm=md5-sess";

/// The realm that a client chooses from those offered.
#[test]
fn realms_of_the_client() {
    for (offered, reply, chosen) in [
        ("", Reply::Fails, None),
        ("", "mine".into(), None),
        (",realm=\"a\"", Reply::Fails, Some("a")),
        (",realm=\"a\"", "mine".into(), Some("a")),
        (",realm=\"\"", "mine".into(), Some("")),
        (",realm=\"a\",realm=\"b\"", "b".into(), Some("b")),
        (",realm=\"a\",realm=\"b\"", "mine".into(), Some("mine")),
        (",realm=\"a\",realm=\"b\"", "".into(), None),
        (",realm=\"a\",realm=\"b\"", Reply::Fails, None),
        (",realm=\"a\",realm=\"b\"", Reply::Unsupported, None),
    ] {
        let setup = Setup { client_realm: reply.clone(), ..Setup::default() };
        let ends = setup.ends();
        ends.client.start("DIGEST-MD5").unwrap();
        let response = ends.client.step(Some(format!("{CHALLENGE}{offered}").as_bytes())).unwrap();
        let response = String::from_utf8(response.data().unwrap().to_vec()).unwrap();
        assert_eq!(value(&response, "realm"), Some(chosen.unwrap_or(&setup.host)), "{offered} {reply:?}");
    }
}

/// All questions come at once, and the step is repeated with the answers.
#[test]
fn questions_for_the_user() {
    let ask = || Reply::AskUser;
    let setup = Setup { authcid: ask(), authzid: ask(), password: ask(), client_realm: ask(), ..Setup::default() };
    for (realms, kinds) in [
        (",realm=\"a\"", &[PromptKind::User, PromptKind::AuthName, PromptKind::Pass][..]),
        (
            ",realm=\"a.b\",realm=\"c.d\"",
            &[PromptKind::User, PromptKind::AuthName, PromptKind::Pass, PromptKind::Realm],
        ),
    ] {
        let ends = setup.ends();
        ends.client.start("DIGEST-MD5").unwrap();
        let challenge = format!("{CHALLENGE}{realms}");
        let error = ends.client.step(Some(challenge.as_bytes())).unwrap_err();
        assert_eq!(error.code(), Code::Interact);
        assert_eq!(error.prompts().iter().map(|prompt| prompt.kind).collect::<Vec<_>>(), kinds);
        if let Some(prompt) = error.prompts().iter().find(|prompt| prompt.kind == PromptKind::Realm) {
            assert_eq!(prompt.challenge.as_deref(), Some("Available realms: {a.b}, {c.d}."));
            assert_eq!(
                (prompt.text.as_ref(), prompt.default.as_deref()),
                ("Please enter your realm", Some(&*setup.host))
            );
        }
        for (kind, answer) in [
            (PromptKind::User, ""),
            (PromptKind::AuthName, "alice"),
            (PromptKind::Pass, "secret"),
            (PromptKind::Realm, "c.d"),
        ] {
            ends.client.supply(kind, Some(Secret::from(answer)));
        }
        let response = ends.client.step(Some(challenge.as_bytes())).unwrap();
        let response = String::from_utf8(response.data().unwrap().to_vec()).unwrap();
        assert_eq!(value(&response, "realm"), Some(if kinds.len() == 4 { "c.d" } else { "a" }));
    }
}

fn by_hand(host: &str) -> Handmade<'_> {
    Handmade {
        username: b"alice",
        password: b"secret",
        realm: Some(host.as_bytes()),
        authzid: None,
        cnonce: "c",
        nc: "00000001",
        uri: "svc/x",
        hashed: None,
        more: "",
    }
}

/// Gives the server a response made by hand: the user, or the code and the text of the refusal.
fn log_in(setup: &Setup, response: &Handmade<'_>) -> Result<String, (Code, String)> {
    let ends = setup.ends();
    let challenge = ends.server.start("DIGEST-MD5", None).unwrap();
    let challenge = String::from_utf8(challenge.data().unwrap().to_vec()).unwrap();
    match ends.server.step(&response.message(value(&challenge, "nonce").unwrap())) {
        Ok(_) => Ok(String::from_utf8_lossy(&ends.server.user().unwrap()).into_owned()),
        Err(error) => Err((error.code(), error.detail().to_owned())),
    }
}

/// A client may name another realm; it is then the user of that realm and has to know that user's password.
#[test]
fn other_realms() {
    let mut setup = Setup::default();
    setup.users.push(("eve@other", "userPassword", b"pw".to_vec()));
    setup.users.push(("eve", "userPassword", b"not this".to_vec()));
    let host = setup.host.clone();
    let eve = Handmade { username: b"eve", password: b"pw", ..by_hand(&host) };
    assert_eq!(log_in(&setup, &Handmade { realm: Some(b"other"), ..eve.clone() }).unwrap(), "eve@other");
    let (code, text) = log_in(&setup, &eve).unwrap_err();
    assert_eq!((code, text.starts_with("client response doesn't match")), (Code::BadAuth, true));
    let (code, _) = log_in(&setup, &Handmade { realm: Some(b"nowhere"), ..eve.clone() }).unwrap_err();
    assert_eq!(code, Code::NoUser);
    for realm in [Some(host.as_bytes()), Some(b""), None] {
        let response = Handmade { username: b"eve@other", realm, ..eve.clone() };
        assert_eq!(log_in(&setup, &response).unwrap(), "eve@other");
    }
}

/// The stored secret is that of user, realm and password together; a password that is there goes before it.
#[test]
fn stored_secrets() {
    let mut setup = Setup::default();
    let host = setup.host.clone();
    let key = |user: &str| oxisasl::crypto::md5(&[user.as_bytes(), b":", host.as_bytes(), b":pw"]).to_vec();
    const STORED: &str = "cmusaslsecretDIGEST-MD5";
    setup.users.extend([
        ("stored", STORED, key("stored")),
        ("short", STORED, vec![1, 2]),
        ("void", STORED, Vec::new()),
        ("both", STORED, key("both")),
        ("both", "userPassword", b"other".to_vec()),
        ("empty", STORED, key("empty")),
        ("empty", "userPassword", Vec::new()),
        ("none", "mail", b"x".to_vec()),
    ]);
    let password = "client response doesn't match what we generated (tried bogus)";
    let not_16 = "the stored secret for DIGEST-MD5 is not one of 16 bytes";
    for (user, given, expected) in [
        ("stored", "pw", Ok("stored")),
        ("stored", "pW", Err((Code::BadAuth, "client response doesn't match what we generated"))),
        ("short", "pw", Err((Code::Fail, not_16))),
        ("void", "pw", Err((Code::Fail, not_16))),
        ("both", "other", Ok("both")),
        ("both", "pw", Err((Code::BadAuth, password))),
        ("empty", "pw", Err((Code::Fail, "empty secret"))),
        ("empty", "", Err((Code::Fail, "empty secret"))),
        ("none", "pw", Err((Code::NoUser, "no secret in database"))),
        ("nobody", "pw", Err((Code::NoUser, "unable to canonify user and get auxprops"))),
        ("", "pw", Err((Code::Fail, "unable to canonify user and get auxprops: All-whitespace username."))),
    ] {
        let response = Handmade { username: user.as_bytes(), password: given.as_bytes(), ..by_hand(&host) };
        let expected = expected.map(str::to_owned).map_err(|(code, text)| (code, text.to_owned()));
        assert_eq!(log_in(&setup, &response), expected, "{user} {given}");
    }
}

/// Names and passwords beyond ASCII, hashed as RFC 2831 says and as they are.
#[test]
fn charsets() {
    let mut setup = Setup::default();
    setup.users.push(("m\u{fc}ller", "userPassword", "p\u{e4}ss".as_bytes().to_vec()));
    setup.users.push(("\u{438}", "userPassword", "\u{43f}".as_bytes().to_vec()));
    let host = setup.host.clone();
    let (utf8, latin1) = (["m\u{fc}ller".as_bytes(), "p\u{e4}ss".as_bytes()], [&b"m\xfcller"[..], b"p\xe4ss"]);
    for more in ["", ",charset=utf-8"] {
        for [username, password] in [utf8, latin1] {
            let response = Handmade {
                username: utf8[0],
                hashed: Some([username, host.as_bytes(), password]),
                more,
                ..by_hand(&host)
            };
            assert_eq!(log_in(&setup, &response).unwrap(), "m\u{fc}ller");
        }
        let mixed =
            Handmade { username: utf8[0], hashed: Some([utf8[0], host.as_bytes(), latin1[1]]), more, ..by_hand(&host) };
        assert_eq!(log_in(&setup, &mixed).unwrap_err().0, Code::BadAuth);
    }
    // And our own client, which says that it writes UTF-8 only where it matters.
    for (user, password) in [("m\u{fc}ller", "p\u{e4}ss"), ("\u{438}", "\u{43f}")] {
        let (ends, messages) =
            Setup { authcid: user.into(), password: password.into(), host: ends::fresh_host(), ..setup.clone() }
                .connect();
        assert_eq!(ends.server.user().as_deref(), Some(user.as_bytes()));
        assert!(messages[2].starts_with("charset=utf-8,username="));
    }
    // To a server that does not know UTF-8 it writes ISO 8859-1.
    let ends = Setup { authcid: "m\u{fc}ller".into(), ..Setup::default() }.ends();
    ends.client.start("DIGEST-MD5").unwrap();
    let response = ends.client.step(Some(CHALLENGE.as_bytes())).unwrap();
    assert!(response.data().unwrap().starts_with(b"username=\"m\xfcller\","));
}

/// The host that the client means is logged when it is another, once the client has proved itself.
#[test]
fn hosts_of_the_uri() {
    let setup = Setup::default();
    let host = setup.host.clone();
    for (uri, logged) in [
        (format!("svc/{host}"), false),
        (format!("SVC/{}", host.to_uppercase()), false),
        (format!("svc/{host}/name"), false),
        ("svc/else\nwhere".to_owned(), true),
    ] {
        let ends = setup.ends();
        let challenge = ends.server.start("DIGEST-MD5", None).unwrap();
        let challenge = String::from_utf8(challenge.data().unwrap().to_vec()).unwrap();
        let response = Handmade { uri: &uri, ..by_hand(&host) }.message(value(&challenge, "nonce").unwrap());
        ends.server.step(&response).unwrap();
        assert_eq!(ends.server_log.any(Level::Warn, "means the host"), logged, "{uri}");
        assert!(!logged || ends.server_log.any(Level::Warn, "else\\nwhere"));
    }
}
