//! What the client libraries of databases have in common.

use std::ffi::{c_int, c_short};
use std::fmt;
use std::time::Instant;

use crate::secret::Secret;

/// The first column of each row; none where it is NULL.
pub type Rows = Vec<Option<Secret>>;

/// Why a database did not do as it was asked. No text has a password, a value or a statement in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The client library is not to be had: what the loader says.
    Missing(String),
    /// There is no connection, or none any more.
    Lost(String),
    /// The time was up. The connection is in no known state.
    Timeout,
    /// The statement names a column that is not there.
    NoColumn(String),
    /// A parameter is none that the database can have at its place: not of its character set, no number, too long.
    Value(String),
    /// Anything else.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout => f.write_str("no answer in time (sql_timeout)"),
            Failure::Value(why) => write!(f, "a value is none that can be there: {why}"),
            Failure::Missing(why) | Failure::Lost(why) | Failure::NoColumn(why) | Failure::Refused(why) => {
                f.write_str(why)
            }
        }
    }
}

/// Waits until a descriptor is ready for one of the events, and gives those that it is ready for.
///
/// # Errors
/// [`Failure::Timeout`] at the deadline; [`Failure::Lost`] when there is no such descriptor.
pub(super) fn wait_for(descriptor: c_int, events: c_short, deadline: Instant) -> Result<c_short, Failure> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up: a part of a millisecond is waited for, not spun through.
        let left = c_int::try_from(left.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
        let mut one = libc::pollfd { fd: descriptor, events, revents: 0 };
        // SAFETY: there is one entry, which lives across the call.
        match unsafe { libc::poll(&raw mut one, 1, left) } {
            0 => return Err(Failure::Timeout),
            1 if one.revents & libc::POLLNVAL != 0 => return Err(Failure::Lost("the connection was closed".into())),
            1 => return Ok(one.revents),
            _ => {
                let error = std::io::Error::last_os_error();
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return Err(Failure::Lost(error.to_string()));
                }
            }
        }
    }
}

/// What a descriptor stands for. A program that closes descriptors which it does not know may have put another file in the
/// place of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    number: c_int,
    device: libc::dev_t,
    inode: libc::ino_t,
}

impl Descriptor {
    /// What this one stands for now; none when it is closed.
    pub(super) fn of(number: c_int) -> Option<Self> {
        // SAFETY: stat is numbers only, for which zero is a value.
        let mut status: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: the structure lives across the call.
        let known = unsafe { libc::fstat(number, &raw mut status) } == 0;
        known.then_some(Descriptor { number, device: status.st_dev, inode: status.st_ino })
    }

    /// Whether it still does.
    #[must_use]
    pub fn is_current(self) -> bool {
        Self::of(self.number) == Some(self)
    }
}
