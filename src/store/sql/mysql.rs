//! `sql_engine: mysql`: MySQL and MariaDB.

use std::ffi::CString;
use std::time::Instant;

use super::driver::{Link, host_and_port};
use super::settings::Settings;
use super::template::Statement;
use crate::sys::mysql::{Connection, Target};
use crate::sys::sql::{Failure, Rows};

/// A connection to MySQL or MariaDB.
pub(super) struct Mysql(Connection);

impl Mysql {
    /// Connects to a host: a name, an address, or the path of a socket.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) fn open(settings: &Settings, host: &str) -> Result<Self, Failure> {
        let (host, port) = host_and_port(host);
        let (host, socket) = if host.starts_with('/') { ("", host) } else { (host, "") };
        let target = Target {
            host: text(host.as_bytes())?,
            port: port.unwrap_or_default(),
            socket: text(socket.as_bytes())?,
            user: text(settings.user.as_bytes())?,
            password: text(settings.password.expose())?,
            database: text(settings.database.as_bytes())?,
            encrypted: settings.encrypted,
            timeout: settings.timeout,
        };
        Connection::open(&target).map(Mysql)
    }
}

impl Link for Mysql {
    fn run(&mut self, statement: &Statement<'_>, deadline: Instant) -> Result<Rows, Failure> {
        self.0.query(&statement.text, &statement.parameters, deadline)
    }

    fn command(&mut self, text: &str, deadline: Instant) -> Result<(), Failure> {
        // Those of transactions are none of what can be prepared.
        self.0.command(text, deadline)
    }

    fn can_be_kept(&self) -> bool {
        self.0.is_intact()
    }
}

/// What is empty is not said.
fn text(bytes: &[u8]) -> Result<Option<CString>, Failure> {
    if bytes.is_empty() {
        return Ok(None);
    }
    CString::new(bytes).map(Some).map_err(|_| Failure::Refused("an option has a NUL".into()))
}
