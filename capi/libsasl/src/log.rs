//! Log lines: to the application, or to the system's log as 1.5 wrote it.

use std::ffi::c_int;
use std::sync::OnceLock;

use oxisasl::config::{Options, integer};
use oxisasl::log::{Level, Log};
use oxisasl_capi_common::callbacks::List;

use crate::abi::priority;
use crate::calls::{CallbackLog, c_string};

/// The log of a connection, or of a side.
#[derive(Clone)]
pub struct ClassicLog {
    callback: Option<CallbackLog>,
    /// The least important lines that are written: [`Level::Note`] until the option `log_level` says otherwise.
    threshold: OnceLock<Option<Level>>,
}

impl ClassicLog {
    /// That of the first list with a callback for it, else the system's.
    pub fn of(own: List, global: List) -> Self {
        ClassicLog { callback: CallbackLog::find(own, global), threshold: OnceLock::new() }
    }

    /// Looks at the option `log_level`, once.
    pub fn heed(&self, options: &dyn Options) {
        self.threshold.get_or_init(|| integer(options, "log_level").map_or(Some(Level::Note), Level::from_number));
    }
}

impl Log for ClassicLog {
    fn log(&self, level: Level, line: &str) {
        let threshold = self.threshold.get().copied().unwrap_or(Some(Level::Note));
        if threshold.is_none_or(|least| level > least) {
            return;
        }
        match self.callback {
            Some(callback) => callback.write(priority_of(level), line),
            None => write_to_system(level, line),
        }
    }
}

/// The number of a level in this interface.
fn priority_of(level: Level) -> c_int {
    match level {
        Level::Err => priority::ERR,
        Level::Fail | Level::Warn => priority::WARNING,
        _ => priority::INFO,
    }
}

fn write_to_system(level: Level, line: &str) {
    let severity = match level {
        Level::Err => libc::LOG_ERR,
        Level::Fail | Level::Warn => libc::LOG_WARNING,
        Level::Note => libc::LOG_INFO,
        _ => libc::LOG_DEBUG,
    };
    let line = c_string(line.as_bytes());
    // SAFETY: format and argument are strings that live during the call.
    unsafe { libc::syslog(libc::LOG_AUTH | severity, c"%s".as_ptr(), line.as_ptr()) };
}
