//! The kinds of databases, and what differs between them.

use std::time::Instant;

use super::settings::Settings;
use super::template::Statement;
use super::{mysql, pgsql, sqlite};
use crate::sys::sql::{Failure, Rows};
use crate::sys::{mysql as mysql_client, pq, sqlite as sqlite_client};

/// A kind of database (`sql_engine`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Pgsql,
    Mysql,
    Sqlite,
}

impl Engine {
    /// The engine of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "pgsql" => Engine::Pgsql,
            "mysql" => Engine::Mysql,
            "sqlite" | "sqlite3" => Engine::Sqlite,
            _ => return None,
        })
    }

    /// What messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Engine::Pgsql => "PostgreSQL",
            Engine::Mysql => "MySQL",
            Engine::Sqlite => "SQLite",
        }
    }

    /// A parameter, counted from 1.
    pub(super) fn parameter(self, index: usize) -> String {
        match self {
            Engine::Pgsql => format!("${index}"),
            Engine::Sqlite => format!("?{index}"),
            Engine::Mysql => "?".into(),
        }
    }

    /// A parameter that is text, whatever is next to it.
    pub(super) fn text_parameter(self, index: usize) -> String {
        match self {
            Engine::Pgsql => format!("CAST(${index} AS text)"),
            Engine::Sqlite | Engine::Mysql => self.parameter(index),
        }
    }

    /// What comes before, between and behind texts that are to be one.
    pub(super) fn concatenation(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Engine::Pgsql | Engine::Sqlite => ("(", "||", ")"),
            Engine::Mysql => ("CONCAT(", ",", ")"),
        }
    }

    /// A name of letters, digits, and `-`, `_`, `.` and blanks, in quotes for names. SQLite takes `"` for quotes of a text where
    /// there is no such name.
    pub(super) fn quoted_name(self, name: &str) -> String {
        match self {
            Engine::Pgsql => format!("\"{name}\""),
            Engine::Mysql | Engine::Sqlite => format!("`{name}`"),
        }
    }

    /// The statement that begins a transaction in which something is changed.
    pub(super) fn begin(self) -> &'static str {
        match self {
            // One that begins by reading could not wait for another that writes.
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Pgsql | Engine::Mysql => "BEGIN",
        }
    }
}

/// A connection to one database.
pub(super) trait Link: Send {
    /// Runs a statement; the first column of each row.
    ///
    /// # Errors
    /// [`Failure`]; after [`Failure::Lost`] and [`Failure::Timeout`] it is of no more use.
    fn run(&mut self, statement: &Statement<'_>, deadline: Instant) -> Result<Rows, Failure>;

    /// Runs a statement of transactions, which has no parameters and no answer.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn command(&mut self, text: &str, deadline: Instant) -> Result<(), Failure> {
        self.run(&Statement { text: text.to_owned(), parameters: Vec::new() }, deadline).map(|_| ())
    }

    /// Whether it may be used again, as far as can be told without asking the server.
    fn can_be_kept(&self) -> bool;
}

/// Opens the client library, if it is not open yet.
///
/// # Errors
/// [`Failure::Missing`].
pub(super) fn load(engine: Engine) -> Result<(), Failure> {
    match engine {
        Engine::Pgsql => pq::load(),
        Engine::Sqlite => sqlite_client::load(),
        Engine::Mysql => mysql_client::load(),
    }
}

/// Connects to a host, `host` or `host:port`; an empty one is what the client library takes by itself.
///
/// # Errors
/// [`Failure`].
pub(super) fn open(settings: &Settings, host: &str, deadline: Instant) -> Result<Box<dyn Link>, Failure> {
    Ok(match settings.engine {
        Engine::Pgsql => Box::new(pgsql::Pgsql::open(settings, host, deadline)?),
        Engine::Sqlite => Box::new(sqlite::Sqlite::open(settings)?),
        Engine::Mysql => Box::new(mysql::Mysql::open(settings, host)?),
    })
}

/// The host and port of `host`, `host:port`, `[address]`, `[address]:port` or the path of a socket.
pub(super) fn host_and_port(text: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        // An address of IPv6 has colons of its own.
        Some((host, Ok(port))) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_from_addresses() {
        for (text, host, port) in [
            ("", "", None),
            ("db.example", "db.example", None),
            ("db.example:5433", "db.example", Some(5433)),
            ("10.0.0.1:1", "10.0.0.1", Some(1)),
            ("::1", "::1", None),
            ("[::1]:5433", "::1", Some(5433)),
            ("[::1]", "::1", None),
            ("/run/postgresql", "/run/postgresql", None),
            ("/run/postgresql:5433", "/run/postgresql", Some(5433)),
        ] {
            assert_eq!(host_and_port(text), (host, port), "{text}");
        }
    }
}
