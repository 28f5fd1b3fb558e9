//! The system's log, for applications that have none of their own.

use crate::log::{Level, Log};
use crate::sys;

/// Writes lines to syslog, facility `auth`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Syslog;

impl Log for Syslog {
    fn log(&self, level: Level, line: &str) {
        write(level, line);
    }
}

/// Writes one line.
pub fn write(level: Level, line: &str) {
    let priority = match level {
        Level::Err => libc::LOG_ERR,
        Level::Warn => libc::LOG_WARNING,
        Level::Fail | Level::Note => libc::LOG_NOTICE,
        Level::Debug | Level::Trace | Level::Secrets | Level::Beyond => libc::LOG_DEBUG,
    };
    sys::syslog::write(priority, line);
}
