//! A server as of Cyrus SASL 1.5: its names, its database and what it offers.

mod scratch;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use oxisasl::crypto::{hmac_md5, md5, to_hex};
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::log::{Level, Log};
use oxisasl::policy::SecurityProps;
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::sasldb::SasldbFile;
use oxisasl::verify::{Attempt, PasswordVerifier};
use oxisasl::{Client, ClientParams, Code, Error, Progress, Result, Secret, Server, ServerParams, ServerSession};
use scratch::Scratch;

const HOST: &str = "smtp.domain.com";
const SECRETS: [&str; 3] = ["PLAIN", "CRAM-MD5", "DIGEST-MD5"];

/// Every line that a server logs.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<String>>>);

impl Log for Lines {
    fn log(&self, level: Level, line: &str) {
        self.0.lock().unwrap().push(format!("{} {line}", level as i32));
    }
}

/// What PAM would be: jephe's password is `jephe`.
struct Elsewhere;

impl PasswordVerifier for Elsewhere {
    fn name(&self) -> &str {
        "elsewhere"
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        let right = attempt.user == b"jephe" && bool::from(password.matches(b"jephe"));
        if right { Ok(()) } else { Err(Error::bad_auth("no")) }
    }

    fn user_exists(&self, _: &Attempt<'_>) -> Result<()> {
        Err(Error::from(Code::NoUser))
    }
}

/// A server with a database in a directory of its own.
struct Place {
    scratch: Scratch,
    lines: Lines,
}

impl Place {
    fn new() -> Self {
        Place { scratch: Scratch::new(), lines: Lines::default() }
    }

    fn database(&self) -> PathBuf {
        self.scratch.path("sasldb")
    }

    fn server(&self, options: &[(&str, &str)]) -> Arc<Server> {
        let mut text = format!("sasldb_path: {}\n", self.database().display());
        for (name, value) in options {
            text += &format!("{name}: {value}\n");
        }
        let options = oxisasl::config::ConfigFile::parse("Sendmail.conf".as_ref(), text.as_bytes()).unwrap();
        let server = Server::classic("Sendmail").store(Sasldb::classic()).verifier(Elsewhere).options(options);
        Arc::new(server.log(self.lines.clone()))
    }

    fn session(&self, realm: Option<&str>) -> ServerSession {
        session(&self.server(&[]), realm)
    }

    fn set(&self, realm: Option<&str>, user: &str, password: &str) -> Result<()> {
        self.session(realm).set_password(user.as_bytes(), &change(Some(&password.into()), 0))
    }

    /// The database's entries, as `user realm mech`.
    fn entries(&self) -> Vec<String> {
        let entries = SasldbFile::open(self.database()).unwrap().users().unwrap();
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        entries
            .iter()
            .map(|entry| format!("{} {} {}", text(&entry.user), text(&entry.realm), text(&entry.property)))
            .collect()
    }
}

fn session(server: &Arc<Server>, realm: Option<&str>) -> ServerSession {
    let params = ServerParams::new("smtp").fqdn(HOST);
    let params = if let Some(realm) = realm { params.realm(realm) } else { params };
    let session = server.session(params).unwrap();
    session.set_security(SecurityProps { max_ssf: 256, max_buf: 8192, ..SecurityProps::default() }).unwrap();
    session
}

fn change(password: Option<&Secret>, flags: u32) -> PasswordChange<'_> {
    PasswordChange { password, old: None, flags: PasswordFlags(flags) }
}

struct Names {
    user: &'static str,
    password: &'static str,
    /// What the client takes for the server's name, and with DIGEST-MD5 for the realm where none is offered.
    host: &'static str,
}

impl Answers for Names {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from(self.user)),
            PromptKind::Pass => Answer::Value(Secret::from(self.password)),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

/// Runs an exchange with our own client.
fn login(server: &ServerSession, mechanism: &str, names: Names) -> Result<()> {
    let host = names.host;
    let client = Arc::new(Client::new()).session(ClientParams::new("smtp", names).fqdn(host))?;
    client.set_security(SecurityProps { max_ssf: 256, max_buf: 8192, ..SecurityProps::default() })?;
    let start = client.start(mechanism)?;
    let mut answer = server.start(&start.mechanism, start.progress.data())?;
    while let Progress::Continue(challenge) = &answer {
        let challenge = challenge.clone().unwrap_or_default();
        let response = client.step(Some(&challenge))?;
        answer = server.step(response.data().unwrap_or_default())?;
    }
    Ok(())
}

fn jephe(password: &'static str, user: &'static str) -> Names {
    Names { user, password, host: HOST }
}

fn offered(session: &ServerSession) -> Vec<String> {
    let mut names = session.mechanisms().unwrap().to_vec();
    names.sort();
    names
}

#[test]
fn each_mechanism_has_a_secret_of_its_own_in_the_database() {
    let place = Place::new();
    place.set(None, "jephe", "jephe").unwrap();
    let host = SECRETS.map(|mechanism| format!("jephe {HOST} {mechanism}"));
    let mut expected = vec!["  CRAM-MD5".to_owned(), "  DIGEST-MD5".to_owned()];
    expected.extend(host);
    let mut entries = place.entries();
    entries.sort();
    expected.sort();
    assert_eq!(entries, expected);
    let file = SasldbFile::open(place.database()).unwrap();
    let get =
        |user: &str, realm: &str, mechanism: &str| file.get(user, realm, mechanism).unwrap().unwrap().expose().to_vec();
    assert_eq!(get("", "", "CRAM-MD5"), [0, 0, 0, 3]);
    assert_eq!(get("", "", "DIGEST-MD5"), [0, 0, 0, 3]);
    let plain = get("jephe", HOST, "PLAIN");
    assert_eq!((plain.len(), plain[16]), (33, 0));
    assert_eq!(plain[17..], md5(&[&plain[..16], b"sasldb", b"jephe"]));
    assert_eq!(get("jephe", HOST, "DIGEST-MD5"), md5(&[b"jephe:smtp.domain.com:jephe"]));
    assert_eq!(get("jephe", HOST, "CRAM-MD5").len(), 32);
    let lines = place.lines.0.lock().unwrap().clone();
    for mechanism in SECRETS {
        assert!(lines.contains(&format!("4 {mechanism}: set secret for jephe")), "{lines:?}");
    }
    assert!(!lines.iter().any(|line| line.contains("password")), "{lines:?}");
}

#[test]
fn every_mechanism_authenticates_and_refuses() {
    let place = Place::new();
    for realm in [None, Some(""), Some(HOST)] {
        place.set(Some(HOST), "jephe", "jephe").unwrap();
        for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"] {
            let server = place.session(realm);
            login(&server, mechanism, jephe("jephe", "jephe"))
                .unwrap_or_else(|error| panic!("{mechanism} {realm:?}: {error:?}"));
            assert_eq!(server.authid().as_deref(), Some(&b"jephe"[..]), "{mechanism}");
            assert_eq!(server.user_realm().as_deref(), Some(HOST.as_bytes()), "{mechanism}");
            for (user, password) in [("jephe", "wrong"), ("jephe", "jephe1"), ("nobody", "jephe")] {
                let error = login(&place.session(realm), mechanism, jephe(password, user)).unwrap_err();
                assert!(matches!(error.code(), Code::BadAuth | Code::NoUser), "{mechanism} {user}: {error:?}");
            }
        }
    }
}

#[test]
fn a_realm_in_the_name_counts_where_the_session_has_an_empty_one() {
    let place = Place::new();
    place.set(Some("other.org"), "jephe", "there").unwrap();
    for (mechanism, authid) in [("PLAIN", "jephe@other.org"), ("LOGIN", "jephe@other.org"), ("CRAM-MD5", "jephe")] {
        let server = place.session(Some(""));
        login(&server, mechanism, jephe("there", "jephe@other.org"))
            .unwrap_or_else(|error| panic!("{mechanism}: {error:?}"));
        assert_eq!(server.authid().unwrap(), authid.as_bytes(), "{mechanism}");
        assert_eq!(server.user_realm().unwrap(), b"other.org", "{mechanism}");
        login(&place.session(Some("")), mechanism, jephe("there", "jephe")).unwrap_err();
        login(&place.session(None), mechanism, jephe("there", "jephe@other.org")).unwrap_err();
    }
    let names = Names { user: "jephe", password: "there", host: "other.org" };
    login(&place.session(Some("")), "DIGEST-MD5", names).unwrap();
    // With a realm of the session's own an @ is a part of the name.
    place.set(Some("r"), "a@b", "x").unwrap();
    for mechanism in ["PLAIN", "CRAM-MD5", "DIGEST-MD5"] {
        let server = place.session(Some("r"));
        login(&server, mechanism, Names { user: "a@b", password: "x", host: HOST }).unwrap();
        assert_eq!(server.authid().unwrap(), b"a@b", "{mechanism}");
    }
}

#[test]
fn the_host_name_is_a_realm_as_it_is_spelt() {
    let place = Place::new();
    place.set(Some("Mail.Domain.COM"), "jephe", "jephe").unwrap();
    let login_at = |fqdn: &str| {
        let server = place.server(&[]).session(ServerParams::new("smtp").fqdn(fqdn).realm("")).unwrap();
        login(&server, "PLAIN", jephe("jephe", "jephe")).map_err(|error| error.code())
    };
    assert_eq!(login_at("Mail.Domain.COM"), Ok(()));
    assert_eq!(login_at("mail.domain.com"), Err(Code::NoUser));
}

#[test]
fn no_realm_is_offered_where_names_have_it() {
    let place = Place::new();
    place.set(None, "jephe", "jephe").unwrap();
    let challenge = |realm| {
        let progress = place.session(realm).start("DIGEST-MD5", None).unwrap();
        String::from_utf8(progress.data().unwrap().to_vec()).unwrap()
    };
    assert!(!challenge(Some("")).contains("realm="));
    assert!(challenge(None).contains("realm=\"smtp.domain.com\""));
    assert!(challenge(Some("r")).contains("realm=\"r\""));
}

/// A client that knows its realm; none stands for one that must ask its user.
struct InRealm(Option<&'static str>);

impl Answers for InRealm {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match (prompt.kind, self.0) {
            (PromptKind::Realm, Some(realm)) => Answer::Value(Secret::from(realm)),
            (PromptKind::Realm, None) => Answer::AskUser,
            (PromptKind::AuthName, _) => Answer::Value(Secret::from("jephe")),
            (PromptKind::Pass, _) => Answer::Value(Secret::from("jephe")),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, _: PromptKind) -> bool {
        true
    }
}

#[test]
fn a_client_names_its_realm_where_none_is_offered() {
    let response = |client: Client, knows, offered: &str| {
        let client = Arc::new(client).session(ClientParams::new("smtp", InRealm(knows)).fqdn(HOST)).unwrap();
        client.start("DIGEST-MD5").unwrap();
        let challenge = format!("{offered}nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",algorithm=md5-sess,charset=utf-8");
        let progress = client.step(Some(challenge.as_bytes())).unwrap();
        let text = String::from_utf8(progress.data().unwrap().to_vec()).unwrap();
        text.split(',').find_map(|part| part.strip_prefix("realm=")).unwrap().to_owned()
    };
    assert_eq!(response(Client::classic(), Some("mine.example"), ""), "\"mine.example\"");
    assert_eq!(response(Client::classic(), Some("mine.example"), "realm=\"r\","), "\"r\"");
    // What is not known and not offered is not asked for either; and what was made for 2 was never asked.
    assert_eq!(response(Client::classic(), None, ""), format!("\"{HOST}\""));
    assert_eq!(response(Client::new(), Some("mine.example"), ""), format!("\"{HOST}\""));
}

#[test]
fn mechanisms_whose_secrets_cannot_be_had_are_hidden() {
    let place = Place::new();
    let visible = ["ANONYMOUS", "LOGIN", "PLAIN"];
    assert_eq!(offered(&place.session(Some(""))), visible);
    let session = place.session(Some(""));
    let error = session.start("CRAM-MD5", None).unwrap_err();
    assert_eq!(error.code(), Code::NoMech);
    assert!(error.detail().contains("has no secrets for CRAM-MD5"), "{error:?}");
    place.set(None, "jephe", "jephe").unwrap();
    // The same session sees them now.
    assert_eq!(offered(&session), ["ANONYMOUS", "CRAM-MD5", "DIGEST-MD5", "LOGIN", "PLAIN"]);
    fs::write(place.database(), "not a database").unwrap();
    assert_eq!(offered(&place.session(Some(""))), visible);
    fs::remove_file(place.database()).unwrap();
    SasldbFile::open(place.database()).unwrap().put("", "", "CRAM-MD5", &[0, 0, 0, 9]).unwrap();
    let session = place.session(Some(""));
    assert_eq!(offered(&session), visible);
    let why = session.error_detail();
    assert!(why.contains("CRAM-MD5 secrets database has incompatible version (9). My version (3)"), "{why}");
}

#[test]
fn a_response_that_is_right_in_its_beginning_only_is_refused() {
    let place = Place::new();
    place.set(None, "jephe", "jephe").unwrap();
    for right in [8, 16, 31, 32] {
        let session = place.session(Some(""));
        let challenge = session.start("CRAM-MD5", None).unwrap();
        let mut digits = to_hex(&hmac_md5(b"jephe", &[challenge.data().unwrap()])).into_bytes();
        digits[right..].iter_mut().for_each(|digit| *digit = if *digit == b'0' { b'1' } else { b'0' });
        let response = [b"jephe ", &digits[..]].concat();
        assert_eq!(session.step(&response).is_ok(), right == 32, "{right}");
    }
}

#[test]
fn a_login_elsewhere_fills_the_database() {
    let place = Place::new();
    let options = [("pwcheck_method", "elsewhere"), ("auto_transition", "true")];
    let plain = |server: &Arc<Server>, password| login(&session(server, Some("")), "PLAIN", jephe(password, "jephe"));
    plain(&place.server(&options[..1]), "jephe").unwrap();
    assert!(!place.database().exists());
    let server = place.server(&options);
    plain(&server, "wrong").unwrap_err();
    assert!(!place.database().exists());
    plain(&server, "jephe").unwrap();
    for mechanism in ["CRAM-MD5", "DIGEST-MD5"] {
        login(&session(&server, Some("")), mechanism, jephe("jephe", "jephe")).unwrap();
    }
    // Once they are there nothing is written.
    let lines = place.lines.0.lock().unwrap().len();
    plain(&server, "jephe").unwrap();
    assert_eq!(place.lines.0.lock().unwrap().len(), lines);
    // The password has changed elsewhere: the secrets follow.
    place.set(None, "jephe", "old").unwrap();
    plain(&server, "jephe").unwrap();
    login(&session(&server, Some("")), "CRAM-MD5", jephe("jephe", "jephe")).unwrap();
}

#[test]
fn setting_and_removing() {
    let place = Place::new();
    let set = |realm, password: Option<&str>, flags| {
        let password = password.map(Secret::from);
        place.session(realm).set_password(b"jephe", &change(password.as_ref(), flags))
    };
    let refused = |result: Result<()>| {
        let error = result.unwrap_err();
        (error.code(), error.detail().to_owned())
    };
    let both = PasswordFlags::CREATE | PasswordFlags::DISABLE;
    assert_eq!(
        refused(set(None, Some("x"), both)),
        (Code::BadParam, "Can't both create and disable simultaneously".into())
    );
    let short = "Password must be at least one character long";
    assert_eq!(refused(set(None, Some(""), PasswordFlags::CREATE)), (Code::BadParam, short.into()));
    assert_eq!(refused(set(None, None, PasswordFlags::DISABLE)).0, Code::NoUser);
    assert!(!place.database().exists());
    set(None, Some("x"), PasswordFlags::CREATE).unwrap();
    // Every secret is that of the new password, whatever the flags.
    set(None, Some("y"), PasswordFlags::CREATE).unwrap();
    for mechanism in ["PLAIN", "CRAM-MD5", "DIGEST-MD5"] {
        login(&place.session(None), mechanism, jephe("y", "jephe")).unwrap();
        login(&place.session(None), mechanism, jephe("x", "jephe")).unwrap_err();
    }
    set(None, None, PasswordFlags::DISABLE).unwrap();
    let mut left = place.entries();
    left.sort();
    assert_eq!(left, ["  CRAM-MD5", "  DIGEST-MD5"]);
    assert_eq!(refused(set(None, None, PasswordFlags::DISABLE)).0, Code::NoUser);
    // An empty realm is none that a secret of DIGEST-MD5 could be for.
    assert_eq!(refused(set(Some(""), Some("z"), 0)).0, Code::NotDone);
    let stored: BTreeMap<_, _> =
        SECRETS.map(|name| (name, place.entries().contains(&format!("jephe {HOST} {name}")))).into();
    assert_eq!(stored, BTreeMap::from([("PLAIN", true), ("CRAM-MD5", true), ("DIGEST-MD5", false)]));
    // Nor is the secret of an old password left.
    set(None, Some("old"), 0).unwrap();
    assert_eq!(refused(set(Some(""), Some("new"), 0)).0, Code::NotDone);
    login(&place.session(None), "CRAM-MD5", jephe("new", "jephe")).unwrap();
    assert_eq!(login(&place.session(None), "DIGEST-MD5", jephe("old", "jephe")).unwrap_err().code(), Code::NoUser);
}

#[test]
fn nobody_is_no_user() {
    let place = Place::new();
    place.set(None, "jephe", "jephe").unwrap();
    let (before, session) = (place.entries(), place.session(Some("")));
    for name in ["@", "@other.org", " @x", "", " "] {
        let password = Secret::from("secret");
        for (password, flags) in [(Some(&password), 0), (None, PasswordFlags::DISABLE)] {
            assert_eq!(session.set_password(name.as_bytes(), &change(password, flags)).unwrap_err().code(), Code::Fail);
        }
    }
    assert_eq!(place.entries(), before);
    login(&place.session(None), "CRAM-MD5", jephe("jephe", "jephe")).unwrap();
}

#[test]
fn a_database_that_cannot_be_written_keeps_what_it_has() {
    let place = Place::new();
    fs::create_dir(place.database()).unwrap();
    let error = place.set(None, "jephe", "jephe").unwrap_err();
    assert!(error.detail().contains("not a regular file"), "{error:?}");
    let lines = place.lines.0.lock().unwrap().clone();
    assert!(lines.iter().any(|line| line.starts_with("1 PLAIN: failed to set secret for jephe: ")), "{lines:?}");
}

#[test]
fn an_unknown_verifier_is_named() {
    let place = Place::new();
    let server = place.server(&[("pwcheck_method", "magic")]);
    let error = login(&session(&server, Some("")), "PLAIN", jephe("jephe", "jephe")).unwrap_err();
    assert_eq!(error.code(), Code::NoMech);
    let lines = place.lines.0.lock().unwrap().clone();
    assert!(lines.iter().any(|line| line.starts_with("1 unrecognized plaintext verifier magic")), "{lines:?}");
}

#[test]
fn a_password_check_names_the_user() {
    let place = Place::new();
    place.set(Some("other.org"), "jephe", "there").unwrap();
    let session = place.session(Some(""));
    session.check_password(b"jephe@other.org", &"there".into()).unwrap();
    assert_eq!(session.authid().unwrap(), b"jephe@other.org");
    assert_eq!(session.check_password(b"jephe", &"there".into()).unwrap_err().code(), Code::NoUser);
    assert_eq!(session.check_password(b"jephe@other.org", &"".into()).unwrap_err().code(), Code::BadAuth);
    session.user_exists(b"jephe@other.org", None, None).unwrap();
    assert_eq!(session.user_exists(b"jephe", None, None).unwrap_err().code(), Code::NoUser);
}
