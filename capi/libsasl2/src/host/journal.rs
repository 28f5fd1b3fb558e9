//! The log of an init, when there is no connection yet.

use std::ffi::c_int;

use oxisasl::config::{NoOptions, Options, integer};
use oxisasl::log::Level;
use oxisasl::syslog;
use oxisasl_capi_common::callbacks::List;

use crate::calls::CallbackLog;

/// Where the lines of an init go: to the application's log, if it has one, else to the system's, down to the level that
/// the option `log_level` names. That is asked for when there is something to write.
pub struct Journal<'a> {
    log: Option<CallbackLog>,
    options: &'a dyn Options,
}

impl<'a> Journal<'a> {
    /// That of a side that is being initialised with these callbacks and options.
    pub fn new(list: List, options: &'a dyn Options) -> Self {
        Journal { log: CallbackLog::find(list, List::NONE), options }
    }

    /// The system's log, for what the application does outside of an init.
    pub fn system() -> Self {
        Journal { log: None, options: &NoOptions }
    }

    /// Writes a line.
    pub fn write(&self, level: Level, line: &str) {
        if let Some(log) = &self.log {
            return log.write(level as c_int, line);
        }
        let most = integer(self.options, "log_level").unwrap_or(Level::Err as c_int);
        if level as c_int <= most {
            syslog::write(level, line);
        }
    }
}
