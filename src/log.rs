//! Log levels and where log lines go.

/// How much a log line matters; a lower number matters more. The numbers are those of the C interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Something is broken that an administrator has to mend.
    Err = 1,
    /// An authentication failed.
    Fail = 2,
    /// Something looks wrong but works.
    Warn = 3,
    /// Worth knowing.
    Note = 4,
    /// For finding faults.
    Debug = 5,
    /// The course of the protocol, without secrets.
    Trace = 6,
    /// What the C interface calls the course of the protocol with passwords. Nothing here writes such lines.
    Secrets = 7,
    /// Numbers above, which plugins may use all the same.
    Beyond = 8,
}

impl Level {
    /// The level with this number; 0 and below are none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            ..=0 => return None,
            1 => Level::Err,
            2 => Level::Fail,
            3 => Level::Warn,
            4 => Level::Note,
            5 => Level::Debug,
            6 => Level::Trace,
            7 => Level::Secrets,
            _ => Level::Beyond,
        })
    }
}

/// A place for log lines. A line never holds a secret.
pub trait Log: Send + Sync {
    /// Takes one line, without a line feed at its end.
    fn log(&self, level: Level, line: &str);
}

/// Throws every line away.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLog;

impl Log for NoLog {
    fn log(&self, _: Level, _: &str) {}
}
