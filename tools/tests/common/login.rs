//! Logins with what a database has: a server as of SASL 1.5 and a client of this library.

use std::path::Path;
use std::sync::Arc;

use oxisasl::policy::SecurityProps;
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::{Client, ClientParams, Code, Progress, Result, Secret, Server, ServerParams};

use super::REALM;

const MECHANISMS: [&str; 4] = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"];

struct Names {
    user: String,
    password: Vec<u8>,
}

impl Answers for Names {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from(self.user.as_str())),
            PromptKind::Pass => Answer::Value(Secret::from(self.password.as_slice())),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

/// What comes of a login by one mechanism.
pub fn by(mechanism: &str, database: &Path, user: &str, password: impl AsRef<[u8]>) -> Result<()> {
    with(Server::classic("login").options(options(database)).store(Sasldb::classic()), mechanism, user, REALM, password)
}

/// The same, with the interface of 2.1.
pub fn current(mechanism: &str, database: &Path, user: &str, realm: &str, password: &str) -> Result<()> {
    with(Server::new("login").options(options(database)).store(Sasldb::new()), mechanism, user, realm, password)
}

fn options(database: &Path) -> oxisasl::config::ConfigFile {
    let text = format!("sasldb_path: {}\nauxprop_plugin: sasldb\n", database.display());
    oxisasl::config::ConfigFile::parse("login.conf".as_ref(), text.as_bytes()).expect("options")
}

fn with(server: Server, mechanism: &str, user: &str, realm: &str, password: impl AsRef<[u8]>) -> Result<()> {
    let server = Arc::new(server);
    let server = server.session(ServerParams::new("smtp").fqdn(realm))?;
    let names = Names { user: user.to_owned(), password: password.as_ref().to_vec() };
    let client = Arc::new(Client::new()).session(ClientParams::new("smtp", names).fqdn(realm))?;
    client.set_security(SecurityProps { max_buf: 8192, ..SecurityProps::default() })?;
    let start = client.start(mechanism)?;
    let mut answer = server.start(&start.mechanism, start.progress.data())?;
    while let Progress::Continue(challenge) = &answer {
        let response = client.step(Some(challenge.as_deref().unwrap_or_default()))?;
        answer = server.step(response.data().unwrap_or_default())?;
    }
    Ok(())
}

/// Panics unless this is the user's password with every mechanism, and another is refused.
pub fn assert_password(database: &Path, user: &str, password: impl AsRef<[u8]>) {
    let password = password.as_ref();
    let wrong = [password, b"x"].concat();
    // LOGIN takes no longer ones.
    let able = MECHANISMS.into_iter().filter(|mechanism| *mechanism != "LOGIN" || wrong.len() <= 1024);
    for mechanism in able {
        by(mechanism, database, user, password).unwrap_or_else(|error| panic!("{mechanism}: {error}"));
        let refused = by(mechanism, database, user, &wrong).expect_err(mechanism);
        assert_eq!(refused.code(), Code::BadAuth, "{mechanism}");
    }
}
