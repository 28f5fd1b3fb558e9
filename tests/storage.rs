//! What is stored of a password, and what works with it.

mod scratch;

use std::fs;
use std::sync::Arc;

use oxisasl::config::ConfigFile;
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::log::{Level, Log};
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::sasldb::SasldbFile;
use oxisasl::{Client, ClientParams, Code, Progress, Result, Secret, Server, ServerParams, ServerSession};
use scratch::Scratch;

const PASSWORD: &str = "correct horse battery staple";
const HOST: &str = "host.example.com";
const MECHANISMS: [&str; 7] =
    ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

struct Alice(&'static str, &'static str);

impl Answers for Alice {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from(self.0)),
            PromptKind::Pass => Answer::Value(Secret::from(self.1)),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

/// Every line that a server logs.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<String>>>);

impl Log for Lines {
    fn log(&self, _: Level, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

struct Place {
    scratch: Scratch,
}

impl Place {
    fn new() -> Self {
        Place { scratch: Scratch::new() }
    }

    fn file(&self) -> SasldbFile {
        SasldbFile::open(self.scratch.path("db")).unwrap()
    }

    fn server(&self, options: &[(&str, &str)]) -> Arc<Server> {
        let mut text = format!("sasldb_path: {}\n", self.scratch.path("db").display());
        options.iter().for_each(|(name, value)| text += &format!("{name}: {value}\n"));
        let options = ConfigFile::parse("test.conf".as_ref(), text.as_bytes()).unwrap();
        Arc::new(Server::new("test").store(Sasldb::new()).options(options))
    }

    fn set(&self, options: &[(&str, &str)], password: Option<&str>) -> Result<()> {
        let password = password.map(Secret::from);
        let flags = PasswordFlags(if password.is_some() { PasswordFlags::CREATE } else { PasswordFlags::DISABLE });
        let change = PasswordChange { password: password.as_ref(), old: None, flags };
        session(&self.server(options)).set_password(b"alice", &change)
    }

    fn properties(&self) -> Vec<String> {
        let entries = self.file().users().unwrap().into_iter().filter(|entry| !entry.user.is_empty());
        entries.map(|entry| String::from_utf8(entry.property).unwrap()).collect()
    }

    fn works(&self, options: &[(&str, &str)]) -> Vec<&'static str> {
        let server = self.server(options);
        let works = |mechanism: &&str| login(&session(&server), mechanism, Alice("alice", PASSWORD)).is_ok();
        MECHANISMS.into_iter().filter(works).collect()
    }
}

fn session(server: &Arc<Server>) -> ServerSession {
    server.session(ServerParams::new("test").fqdn(HOST)).unwrap()
}

fn login(server: &ServerSession, mechanism: &str, who: Alice) -> Result<()> {
    let client = Arc::new(Client::new()).session(ClientParams::new("test", who).fqdn(HOST))?;
    let start = client.start(mechanism)?;
    let mut answer = server.start(&start.mechanism, start.progress.data())?;
    while let Progress::Continue(challenge) = &answer {
        let response = client.step(Some(challenge.as_deref().unwrap_or_default()))?;
        answer = server.step(response.data().unwrap_or_default())?;
    }
    Ok(())
}

#[test]
fn no_plaintext_is_stored_and_every_mechanism_works() {
    let place = Place::new();
    place.set(&[], Some(PASSWORD)).unwrap();
    assert_eq!(place.properties(), ["authPassword", "cmusaslsecretCRAM-MD5", "cmusaslsecretDIGEST-MD5"]);
    let bytes = fs::read(place.scratch.path("db")).unwrap();
    assert!(!bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()), "the password is in the file");
    assert_eq!(place.works(&[]), MECHANISMS);
    let verifiers = place.file().get("alice", HOST, "authPassword").unwrap().unwrap();
    let verifiers = String::from_utf8(verifiers.expose().to_vec()).unwrap();
    for (line, name) in verifiers.lines().zip(["SCRAM-SHA-256", "SCRAM-SHA-1", "SCRAM-SHA-512"]) {
        assert!(line.starts_with(&format!("{name}$15000:")), "{line}");
    }
    let server = place.server(&[]);
    for mechanism in MECHANISMS {
        for (user, password) in [("alice", "wrong"), ("alice", ""), ("nobody", PASSWORD)] {
            let error = login(&session(&server), mechanism, Alice(user, password)).unwrap_err();
            assert!(
                matches!(error.code(), Code::BadAuth | Code::NoUser | Code::BadParam),
                "{mechanism} {user}: {error:?}"
            );
        }
    }
    place.set(&[], None).unwrap();
    assert_eq!(place.properties(), [""; 0]);
    assert_eq!(place.works(&[]), [""; 0]);
}

#[test]
fn options_say_what_is_stored() {
    let place = Place::new();
    place.set(&[("password_storage", "both")], Some(PASSWORD)).unwrap();
    let all = ["authPassword", "cmusaslsecretCRAM-MD5", "cmusaslsecretDIGEST-MD5", "userPassword"];
    assert_eq!(place.properties(), all);
    assert_eq!(place.works(&[]), MECHANISMS);
    place.set(&[("password_storage", "plaintext")], Some(PASSWORD)).unwrap();
    assert_eq!(place.properties(), ["userPassword"]);
    assert_eq!(place.works(&[]), MECHANISMS);
    // Anything else is not to weaken what is stored.
    place.set(&[("password_storage", "plain")], Some(PASSWORD)).unwrap();
    assert_eq!(place.properties(), all[..3]);
    place.set(&[("password_secrets", "scram-sha-1")], Some(PASSWORD)).unwrap();
    assert_eq!(place.properties(), ["authPassword"]);
    assert_eq!(place.works(&[]), ["PLAIN", "LOGIN", "SCRAM-SHA-1"]);
    place
        .set(&[("password_secrets", "SCRAM-SHA-256"), ("scram_iteration_counter", "9999999")], Some(PASSWORD))
        .unwrap();
    let verifier = place.file().get("alice", HOST, "authPassword").unwrap().unwrap();
    assert!(verifier.expose().starts_with(b"SCRAM-SHA-256$65536:"), "more iterations than stock clients compute");
    let error = place.set(&[("password_secrets", "ANONYMOUS")], Some(PASSWORD)).unwrap_err();
    assert!(error.detail().contains("leaves no secret"), "{error:?}");
}

#[test]
fn each_stored_secret_is_enough_for_a_plaintext_password() {
    for secrets in ["CRAM-MD5", "SCRAM-SHA-512", "CRAM-MD5 SCRAM-SHA-1"] {
        let place = Place::new();
        place.set(&[("password_secrets", secrets)], Some(PASSWORD)).unwrap();
        let server = place.server(&[]);
        let login =
            |password| login(&session(&server), "PLAIN", Alice("alice", password)).map_err(|error| error.code());
        assert_eq!(login(PASSWORD), Ok(()), "{secrets}");
        for wrong in ["wrong", "correct horse battery stapl", "Correct horse battery staple"] {
            assert_eq!(login(wrong), Err(Code::BadAuth), "{secrets} {wrong}");
        }
    }
}

#[test]
fn who_lacks_a_secret_is_told_apart_from_nobody() {
    let place = Place::new();
    let options = [("password_secrets", "SCRAM-SHA-256"), ("log_level", "7")];
    place.set(&options, Some(PASSWORD)).unwrap();
    let lines = Lines::default();
    let server = Arc::new(Server::clone(&place.server(&options)).log(lines.clone()));
    let error = login(&session(&server), "CRAM-MD5", Alice("alice", PASSWORD)).unwrap_err();
    // The peer is told nothing, the log is.
    assert_eq!((error.code(), error.detail()), (Code::NoUser, "incorrect digest response"));
    let lines = lines.0.lock().unwrap().clone();
    assert!(lines.iter().any(|line| line.contains("password_secrets")), "{lines:?}");
    // The list can leave out what such a user could not use.
    let names = |list| {
        let options = [("password_secrets", "SCRAM-SHA-256"), ("mech_list", list)];
        let mut names = session(&place.server(&options)).mechanisms().unwrap().to_vec();
        names.sort();
        names
    };
    assert_eq!(names("auto"), ["ANONYMOUS", "LOGIN", "PLAIN", "SCRAM-SHA-256"]);
    let chosen = session(&place.server(&[options[0], ("mech_list", "auto")]));
    assert_eq!(chosen.start("CRAM-MD5", None).unwrap_err().code(), Code::NoMech);
}

#[test]
fn a_login_upgrades_what_is_stored_as_it_is() {
    let place = Place::new();
    place.set(&[("password_storage", "plaintext")], Some(PASSWORD)).unwrap();
    let plain =
        |options: &[(&str, &str)], password| login(&session(&place.server(options)), "PLAIN", Alice("alice", password));
    plain(&[], PASSWORD).unwrap();
    assert_eq!(place.properties(), ["userPassword"]);
    let transition = [("auto_transition", "yes")];
    plain(&transition, "wrong").unwrap_err();
    assert_eq!(place.properties(), ["userPassword"]);
    plain(&transition, PASSWORD).unwrap();
    assert_eq!(place.properties(), ["authPassword", "cmusaslsecretCRAM-MD5", "cmusaslsecretDIGEST-MD5"]);
    assert_eq!(place.works(&transition), MECHANISMS);
}

#[test]
fn a_made_up_user_is_told_what_a_known_one_is() {
    let place = Place::new();
    place.set(&[], Some(PASSWORD)).unwrap();
    let challenge = |user: &str| {
        let session = session(&place.server(&[]));
        let progress = session.start("SCRAM-SHA-256", Some(format!("n,,n={user},r=0123456789").as_bytes())).unwrap();
        let text = String::from_utf8(progress.data().unwrap().to_vec()).unwrap();
        text.split_once(',').unwrap().1.to_owned()
    };
    let (known, made_up) = (challenge("alice"), challenge("nobody"));
    assert_eq!(known.len(), made_up.len());
    assert!(made_up.ends_with(",i=15000"), "{made_up}");
    assert_eq!(made_up, challenge("nobody"));
    assert_ne!(made_up, challenge("nobody2"));
    // The key of the made-up salts is in the database, so that another process tells the same.
    let key = place.file().get("", "", "oxisaslSaltKey").unwrap().unwrap();
    assert_eq!(key.expose().len(), 32);
    place.file().put("", "", "oxisaslSaltKey", &[7; 32]).unwrap();
    assert_ne!(made_up, challenge("nobody"));
}
