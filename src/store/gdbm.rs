//! Reading GDBM files, the format of Fedora's `/etc/sasldb2` until Cyrus SASL left Berkeley DB, without GDBM.
//!
//! Files of either byte order are read, of machines with addresses of 32 and of 64 bits, with and without what a file has
//! for synchronisation (`numsync`). There are no checksums; all that is not a key or a value itself is checked.
//!
//! # Locks
//! GDBM locks a file with flock(2) as long as it is open: shared for reading, exclusively for writing, and gives up at
//! once if it cannot. So the shared lock is taken here, waited for a little, and let go of after each answer.

mod file;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod table;

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::lanes::Noted;
use super::stamp::Stamp;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use file::Table;
pub(crate) use table::is_magic;
use table::{Problem, Read};

/// How long to wait between two attempts to get the lock.
const PAUSE: Duration = Duration::from_millis(2);
/// How long to try before giving up.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Files of at most this many bytes are checked whole when they are first read and whenever they have changed.
const CHECKED_WHOLE: u64 = 1 << 20;

/// A GDBM file at a path. It is open during each call only.
#[derive(Debug)]
pub struct GdbmFile {
    path: PathBuf,
    /// The state of the file in which it was last found to be sound.
    sound: Noted<Stamp>,
}

impl GdbmFile {
    /// The file at this path. Nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        GdbmFile { path: path.into(), sound: Noted::default() }
    }

    /// The values of several keys, all as of one moment, of at most `limit` bytes each.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the place in the file if it cannot be read or is damaged; [`Code::BufOver`] if a
    /// value is longer than `limit`; [`Code::TryAgain`] if another program keeps it locked.
    pub fn get_many(&self, keys: &[Vec<u8>], limit: u32) -> Result<Vec<Option<Secret>>> {
        self.read(|table| keys.iter().map(|key| table.get(key, limit)).collect())
    }

    /// All keys, in the order of the file.
    ///
    /// # Errors
    /// As [`GdbmFile::get_many`].
    pub fn keys(&self) -> Result<Vec<Vec<u8>>> {
        self.read(|table| Ok(table.walk()?.into_iter().map(|(key, _)| key).collect()))
    }

    /// All pairs, in the order of the file. The passwords of all users are then in memory: a migration wants this,
    /// a login does not.
    ///
    /// # Errors
    /// As [`GdbmFile::get_many`].
    pub fn pairs(&self) -> Result<Vec<(Vec<u8>, Secret)>> {
        self.read(|table| table.pairs())
    }

    /// Reads the whole file and checks that everything is in its place.
    ///
    /// # Errors
    /// As [`GdbmFile::get_many`].
    pub fn verify(&self) -> Result<()> {
        self.read(|table| table.walk().map(|_| ()))
    }

    /// Why nothing is ever written.
    pub(super) fn read_only(&self) -> Error {
        Error::fail(format!(
            "{}: this is a GDBM file, which is read but not written; saslmigrate makes an LMDB database of it, and the \
             saslpasswd2 of Cyrus SASL changes it as it is",
            self.path.display()
        ))
    }

    /// Reads while nobody writes.
    fn read<T>(&self, read: impl Fn(&Table<'_>) -> Read<T>) -> Result<T> {
        let io_error = |error: io::Error| self.io_error(&error);
        let file = File::open(&self.path).map_err(io_error)?;
        self.lock(&file)?;
        // The lock goes with the descriptor, but a process that was forked meanwhile may have that, too.
        let answer = self.read_locked(&file, read);
        let _ = file.unlock();
        answer
    }

    fn read_locked<T>(&self, file: &File, read: impl Fn(&Table<'_>) -> Read<T>) -> Result<T> {
        let stamp = Stamp::of(&file.metadata().map_err(|error| self.io_error(&error))?);
        let problem = |problem| self.problem(problem);
        let table = Table::new(file).map_err(problem)?;
        if stamp.length <= CHECKED_WHOLE && !self.sound.is(&stamp) {
            table.walk().map_err(problem)?;
            self.sound.note(stamp);
        }
        read(&table).map_err(problem)
    }

    fn lock(&self, file: &File) -> Result<()> {
        let start = Instant::now();
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let what =
                        format!("{}: the file is locked by a program that writes; try again", self.path.display());
                    return Err(Error::new(Code::TryAgain, what));
                }
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // There are file systems without locks; GDBM goes on without them as well.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(self.io_error(&error)),
            }
        }
    }

    fn io_error(&self, error: &io::Error) -> Error {
        Error::fail(format!("{}: cannot read the password database: {error}", self.path.display()))
    }

    fn problem(&self, problem: Problem) -> Error {
        let path = self.path.display();
        match problem {
            Problem::Io { at, error } => Error::fail(format!("{path}: cannot read at byte {at}: {error}")),
            Problem::Damaged { at, reason } => {
                Error::fail(format!("{path}: the GDBM file is damaged: byte {at}: {reason}"))
            }
            Problem::TooLong { length } => Error::new(
                Code::BufOver,
                format!("{path}: a value of {length} bytes is longer than this library takes"),
            ),
        }
    }
}
