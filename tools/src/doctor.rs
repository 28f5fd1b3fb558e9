//! What `sasldoctor` looks at, a file for each part, and the order in which it does.

mod config;
mod database;
mod mechanisms;
mod passwords;
pub mod report;
mod subject;
mod trial;

use std::sync::{Arc, Mutex, PoisonError};

use oxisasl::config::ConfigFile;
use oxisasl::log::{Level, Log};
use oxisasl::policy::{SecurityFlags, SecurityProps};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::{Secret, Server, ServerParams, ServerSession};

use crate::failure::Failure;
use crate::host;
use report::Report;
pub use subject::Subject;

/// What is asked of the doctor.
#[derive(Debug)]
pub struct Request {
    /// The program that is looked at.
    pub subject: Subject,
    /// A user who should be able to log in.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<Secret>,
    /// The program refuses mechanisms that send the password as it is.
    pub no_plaintext: bool,
    /// The weakest security layer that the program accepts.
    pub min_ssf: u32,
    /// The strength of what the connection is inside of, TLS for example.
    pub external_ssf: u32,
}

/// The library's log lines, kept to be looked at.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    /// Those since the last call that matter at least so much.
    fn take(&self, level: Level) -> Vec<String> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        lines.into_iter().filter(|(own, _)| *own <= level).map(|(_, line)| line).collect()
    }
}

impl Log for Lines {
    fn log(&self, level: Level, line: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((level, line.to_owned()));
    }
}

/// The program as it would be, with the options that it has.
struct Patient {
    subject: Subject,
    options: Option<ConfigFile>,
    server: Arc<Server>,
    lines: Lines,
}

impl Patient {
    fn new(subject: Subject, options: Option<ConfigFile>) -> Self {
        let lines = Lines::default();
        let server = Server::new(&subject.app).options(options.clone()).log(lines.clone());
        let server = Arc::new(server.store(Sasldb::new()).databases());
        Patient { subject, options, server, lines }
    }

    /// The host's name as the program has it.
    fn fqdn(&self) -> oxisasl::Result<String> {
        self.subject.fqdn.clone().map_or_else(host::name, Ok)
    }

    /// The realm of users whose names have none.
    fn realm(&self) -> oxisasl::Result<String> {
        self.subject.realm.clone().map_or_else(|| self.fqdn(), Ok)
    }

    fn session(&self, server: &Arc<Server>) -> oxisasl::Result<ServerSession> {
        let params = ServerParams::new(&self.subject.service).fqdn(self.fqdn()?);
        server.session(match &self.subject.realm {
            Some(realm) => params.realm(realm),
            None => params,
        })
    }
}

/// Looks at everything. What the program reads at its beginning is read first; then the process becomes what the program is when
/// it serves: inside its root directory and with its rights.
///
/// # Errors
/// When it cannot become that, or there is no such user.
pub fn examine(request: Request) -> Result<Report, Failure> {
    let mut report = Report::new(&request.subject);
    let become_it = request.subject.prepare()?;
    let options = config::look(&request.subject, report.section("Configuration"));
    let patient = Patient::new(request.subject, options);
    patient.server.prepare();
    become_it.enter()?;

    let session = patient.session(&patient.server)?;
    session.set_security(SecurityProps {
        min_ssf: request.min_ssf,
        max_buf: 65536,
        flags: if request.no_plaintext { SecurityFlags::NO_PLAINTEXT } else { SecurityFlags::NONE },
        ..SecurityProps::default()
    })?;
    session.set_external_ssf(request.external_ssf);
    let offered = mechanisms::look(&patient, &session, report.section("Mechanisms"));
    passwords::look(&patient, &offered, report.section("Passwords"));
    if let Some(user) = &request.user {
        let section = report.section(&format!("User {user}"));
        database::look_for(&patient, user, &offered, section);
        if let Some(password) = &request.password {
            trial::of_user(&patient, user, password, &offered, section);
        }
    }
    trial::of_machinery(&patient, &offered, report.section("Trial exchanges"));
    Ok(report)
}
