//! A server application with stores that are on other machines, as its options name them, and clients that log in to it.

use std::sync::{Arc, Mutex};

use oxisasl::config::ConfigFile;
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::log::{Level, Log};
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::{Client, ClientParams, Progress, Result, Secret, Server, ServerParams, ServerSession};

pub const PASSWORD: &str = "correct horse";
pub const HOST: &str = "host.example";
pub const MECHANISMS: [&str; 7] =
    ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

struct User(String, String);

impl Answers for User {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from(self.0.as_str())),
            PromptKind::Pass => Answer::Value(Secret::from(self.1.as_str())),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

/// Every line that the server logs.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Log for Lines {
    fn log(&self, _: Level, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

#[derive(Clone)]
pub struct Application {
    pub server: Arc<Server>,
    lines: Lines,
}

impl Application {
    /// An application with these lines in its configuration.
    pub fn new(options: &str) -> Self {
        Self::of(Server::new("test"), options)
    }

    /// One that was made for SASL 1.5.
    pub fn classic(options: &str) -> Self {
        Self::of(Server::classic("test"), options)
    }

    fn of(server: Server, options: &str) -> Self {
        let lines = Lines::default();
        let options = ConfigFile::parse("test.conf".as_ref(), options.as_bytes()).unwrap();
        let server = server.databases().log(lines.clone()).options(options);
        Application { server: Arc::new(server), lines }
    }

    fn session(&self) -> ServerSession {
        self.server.session(ServerParams::new("test").fqdn(HOST)).unwrap()
    }

    /// Logs in.
    pub fn login(&self, mechanism: &str, user: &str, password: &str) -> Result<()> {
        let answers = User(user.to_owned(), password.to_owned());
        let client = Arc::new(Client::new()).session(ClientParams::new("test", answers).fqdn(HOST))?;
        let server = self.session();
        let start = client.start(mechanism)?;
        let mut answer = server.start(&start.mechanism, start.progress.data())?;
        while let Progress::Continue(challenge) = &answer {
            let response = client.step(Some(challenge.as_deref().unwrap_or_default()))?;
            answer = server.step(response.data().unwrap_or_default())?;
        }
        Ok(())
    }

    /// The mechanisms that let a user in.
    pub fn works(&self, user: &str, password: &str) -> Vec<&'static str> {
        MECHANISMS.into_iter().filter(|mechanism| self.login(mechanism, user, password).is_ok()).collect()
    }

    /// Sets a password, or removes it.
    pub fn set(&self, user: &str, password: Option<&str>) -> Result<()> {
        let password = password.map(Secret::from);
        let flags = PasswordFlags(if password.is_some() { PasswordFlags::CREATE } else { PasswordFlags::DISABLE });
        self.session().set_password(user.as_bytes(), &PasswordChange { password: password.as_ref(), old: None, flags })
    }

    /// A property of a user who logs in.
    pub fn property(&self, user: &str, name: &str) -> Option<String> {
        let session = self.session();
        session.props().request([name.to_owned()]);
        let message = format!("\0{user}\0{PASSWORD}");
        session.start("PLAIN", Some(message.as_bytes())).unwrap();
        session.props().first(name).map(|value| String::from_utf8(value.expose().to_vec()).unwrap())
    }

    /// What has been logged.
    pub fn log(&self) -> String {
        self.lines.0.lock().unwrap().join("\n")
    }
}
