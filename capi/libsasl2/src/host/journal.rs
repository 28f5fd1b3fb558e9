//! The log of an init, when there is no connection yet.

use std::ffi::c_int;

use oxisasl::config::{Options, integer};
use oxisasl::log::Level;
use oxisasl::syslog;
use oxisasl_capi_common::callbacks::List;

use crate::calls::CallbackLog;

/// Where the lines of an init go: to the application's log, if it has one, else to the system's, down to the level that
/// the option `log_level` names.
pub struct Journal {
    log: Option<CallbackLog>,
    level: c_int,
}

impl Journal {
    /// That of a side that is being initialised with these callbacks and options.
    pub fn new(list: List, options: &dyn Options) -> Self {
        let level = integer(options, "log_level").unwrap_or(Level::Err as c_int);
        Journal { log: CallbackLog::find(list, List::NONE), level }
    }

    /// The system's log, for what the application does outside of an init.
    pub fn system() -> Self {
        Journal { log: None, level: Level::Err as c_int }
    }

    /// Writes a line.
    pub fn write(&self, level: Level, line: &str) {
        match &self.log {
            Some(log) => log.write(level as c_int, line),
            None if level as c_int <= self.level => syslog::write(level, line),
            None => {}
        }
    }
}
