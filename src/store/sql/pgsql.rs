//! `sql_engine: pgsql`.

use std::ffi::{CStr, CString};
use std::time::Instant;

use super::driver::{Link, host_and_port};
use super::settings::Settings;
use super::template::Statement;
use crate::sys::pq;
use crate::sys::sql::{Failure, Rows};

/// A connection to PostgreSQL.
pub(super) struct Pgsql(pq::Connection);

impl Pgsql {
    /// Connects to a host: a name, an address, or the directory of a socket.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) fn open(settings: &Settings, host: &str, deadline: Instant) -> Result<Self, Failure> {
        let (host, port) = host_and_port(host);
        let port = port.map(|port| port.to_string()).unwrap_or_default();
        let encryption = if settings.encrypted { "require" } else { "" };
        let named: [(&CStr, &[u8]); 8] = [
            (c"host", host.as_bytes()),
            (c"port", port.as_bytes()),
            (c"user", settings.user.as_bytes()),
            (c"password", settings.password.expose()),
            (c"dbname", settings.database.as_bytes()),
            (c"sslmode", encryption.as_bytes()),
            (c"client_encoding", b"UTF8"),
            (c"fallback_application_name", b"sasl"),
        ];
        let mut parameters = Vec::new();
        for (name, value) in named {
            if !value.is_empty() {
                parameters.push((name, c_string(value)?));
            }
        }
        pq::Connection::open(&parameters, deadline).map(Pgsql)
    }
}

impl Link for Pgsql {
    fn run(&mut self, statement: &Statement<'_>, deadline: Instant) -> Result<Rows, Failure> {
        let text = c_string(statement.text.as_bytes())?;
        let parameters = statement.parameters.iter().map(|value| value.map(c_string).transpose());
        self.0.query(&text, &parameters.collect::<Result<Vec<_>, _>>()?, deadline)
    }

    fn can_be_kept(&self) -> bool {
        self.0.is_intact()
    }
}

fn c_string(bytes: &[u8]) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|_| Failure::Value("it has a NUL".into()))
}
