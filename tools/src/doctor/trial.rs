//! Exchanges in process: the mechanisms with a made-up user, which shows that they work at all, and with a real one.

use std::borrow::Cow;
use std::sync::Arc;

use oxisasl::config::{ConfigFile, Options};
use oxisasl::log::Level;
use oxisasl::policy::SecurityProps;
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::memory::Memory;
use oxisasl::{Client, ClientParams, Code, Progress, Result, Secret, Server, ServerSession};

use super::Patient;
use super::mechanisms::said;
use super::report::Section;

/// Mechanisms that take more than a name and a password.
const OTHERS: [&str; 4] = ["GSSAPI", "GSS-SPNEGO", "GS2-KRB5", "EXTERNAL"];
const NAME: &str = "sasldoctor";
const PASSWORD: &str = "a password for trials";

struct Credentials {
    name: String,
    password: Secret,
}

impl Answers for Credentials {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from(self.name.as_str())),
            PromptKind::Pass => Answer::Value(self.password.clone()),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

/// The program's options, but for where users come from.
struct MadeUp(Option<ConfigFile>);

impl Options for MadeUp {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "pwcheck_method" => Some("auxprop".into()),
            "auxprop_plugin" => Some("memory".into()),
            // With both, what is stored as plaintext serves every mechanism.
            "password_secrets" | "canon_user_plugin" => None,
            _ => self.0.get(plugin, name),
        }
    }
}

/// Whether the mechanisms on offer work with these options, whoever the users are.
pub fn of_machinery(patient: &Patient, offered: &[String], section: &mut Section) {
    let server = Server::new(&patient.subject.app).options(MadeUp(patient.options.clone()));
    let realm = patient.realm().unwrap_or_default();
    let server = Arc::new(server.store(Memory::new().user(&format!("{NAME}@{realm}"), PASSWORD).user(NAME, PASSWORD)));
    let mut work = Vec::new();
    for name in offered.iter().filter(|name| !OTHERS.contains(&name.as_str())) {
        let tried =
            patient.session(&server).and_then(|session| exchange(&session, patient, name, NAME, &PASSWORD.into()));
        match tried {
            Ok(()) => work.push(name.as_str()),
            Err(error) => section.problem(format!("{name} does not work: {}", said(&error)), ""),
        }
    }
    if !work.is_empty() {
        section.good(format!("a made-up user gets in by {}", work.join(" ")));
    }
    let rest: Vec<_> = offered.iter().map(String::as_str).filter(|name| OTHERS.contains(name)).collect();
    if !rest.is_empty() {
        section.note(format!("not tried, since they take more than a password: {}", rest.join(" ")));
    }
}

/// Whether a user gets in with a password.
pub fn of_user(patient: &Patient, user: &str, password: &Secret, offered: &[String], section: &mut Section) {
    let _ = patient.lines.take(Level::Beyond);
    let checked =
        patient.session(&patient.server).and_then(|session| session.check_password(user.as_bytes(), password));
    match checked {
        Ok(()) => section.good("the password is right"),
        Err(error) if error.code() == Code::BadAuth => section.problem("the password is wrong", ""),
        Err(error) => section.problem(format!("the password cannot be checked: {}", said(&error)), ""),
    }
    let (mut work, mut fail) = (Vec::new(), Vec::new());
    for name in offered.iter().filter(|name| !OTHERS.contains(&name.as_str()) && *name != "ANONYMOUS") {
        let tried =
            patient.session(&patient.server).and_then(|session| exchange(&session, patient, name, user, password));
        match tried {
            Ok(()) => work.push(name.as_str()),
            // One-way secrets of DIGEST-MD5 are of a name and a realm (RFC 2831 section 2.1.2.1), not of a full name.
            Err(error) if name == "DIGEST-MD5" && user.contains('@') => section.warning(
                format!("{user} does not get in by DIGEST-MD5 with the full name as user name: {}", said(&error)),
                "Clients that send it so need mech_list without DIGEST-MD5, or password_storage: both.",
            ),
            Err(error) => fail.push(format!("{name} ({})", said(&error))),
        }
    }
    if !work.is_empty() {
        section.good(format!("{user} gets in by {}", work.join(" ")));
    }
    if !fail.is_empty() {
        section.problem(format!("{user} does not get in by {}", fail.join(", ")), "");
    }
    for line in patient.lines.take(Level::Fail) {
        section.note(format!("the library says: {line}"));
    }
}

/// A login by one mechanism, inside of TLS as far as the mechanism knows.
fn exchange(server: &ServerSession, patient: &Patient, mechanism: &str, user: &str, password: &Secret) -> Result<()> {
    let credentials = Credentials { name: user.to_owned(), password: password.clone() };
    let params = ClientParams::new(&patient.subject.service, credentials).fqdn(server.fqdn());
    let client = Arc::new(Client::new()).session(params)?;
    let plain = SecurityProps { max_ssf: 0, ..SecurityProps::default() };
    client.set_security(plain)?;
    server.set_security(plain)?;
    let begun = client.choose_only(mechanism)?;
    let mut answer = server.start(&begun.mechanism, begun.progress.data())?;
    while let Progress::Continue(challenge) = &answer {
        let response = client.step(Some(challenge.as_deref().unwrap_or_default()))?;
        answer = server.step(response.data().unwrap_or_default())?;
    }
    Ok(())
}
