//! `sql_engine: sqlite`.

use std::ffi::CString;
use std::time::Instant;

use super::driver::Link;
use super::settings::Settings;
use super::template::Statement;
use crate::sys::sql::{Failure, Rows};
use crate::sys::sqlite;

/// A database file.
pub(super) struct Sqlite(sqlite::Connection);

impl Sqlite {
    /// Opens the file that the option `sql_database` names, which must be there.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) fn open(settings: &Settings) -> Result<Self, Failure> {
        if settings.database.is_empty() {
            return Err(Failure::Lost("sql_database does not name a file".into()));
        }
        Ok(Sqlite(sqlite::Connection::open(&c_string(&settings.database)?)?))
    }
}

impl Link for Sqlite {
    fn run(&mut self, statement: &Statement<'_>, deadline: Instant) -> Result<Rows, Failure> {
        self.0.query(&c_string(&statement.text)?, &statement.parameters, deadline)
    }

    /// Never: a file that is open is not seen to be replaced, and neither are its descriptors where a daemon closes what it does not
    /// know. Opening one takes less than a message to a server.
    fn can_be_kept(&self) -> bool {
        false
    }
}

fn c_string(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::Refused("a NUL".into()))
}
