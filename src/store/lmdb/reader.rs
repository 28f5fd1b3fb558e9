//! Reading an LMDB file without LMDB: what one transaction left, all of it from the same one.
//!
//! No lock is taken and nothing is written. A transaction leaves the pages of the one before alone, so what was read is right if
//! no transaction has been completed meanwhile; otherwise it is read again. Small files are checked whole when they are first
//! read and whenever they have changed.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::page::{Problem, Read};
use super::snapshot::{Pair, Snapshot};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use crate::store::stamp::Stamp;

/// What a file is read for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Reading,
    /// LMDB itself is to write to it: damage would end the process.
    #[cfg(feature = "lmdb")]
    Writing,
}

impl Purpose {
    /// Whether a file of so many bytes is checked whole. Where others keep writing the check would never come to an end: whoever
    /// only reads does without, and finds damage where it comes to it.
    fn checks(self, length: u64, attempt: usize) -> bool {
        match self {
            Purpose::Reading => length <= 1 << 20 && attempt == 0,
            #[cfg(feature = "lmdb")]
            Purpose::Writing => length <= 1 << 24,
        }
    }
}

/// How often a file is read again that others keep writing to.
const TRIES: usize = 64;

/// What came of reading.
#[derive(Debug)]
pub(super) enum Answer<T> {
    /// There is no file, or an empty one.
    NoFile,
    /// What was asked for.
    Is(T),
    /// Others write all the time.
    Busy,
}

impl<T> Answer<T> {
    /// The answer, if there is a file.
    ///
    /// # Errors
    /// [`Code::TryAgain`] if others write all the time.
    pub(super) fn or_busy(self, path: &Path) -> Result<Option<T>> {
        match self {
            Answer::NoFile => Ok(None),
            Answer::Is(answer) => Ok(Some(answer)),
            Answer::Busy => {
                Err(Error::new(Code::TryAgain, format!("{}: the file is being written; try again", path.display())))
            }
        }
    }
}

/// A file at a path, kept open between calls.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    open: Mutex<Option<Arc<Opened>>>,
    /// The state of the file in which it was last found to be sound, and its transaction.
    sound: Mutex<Option<(Stamp, u64)>>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    id: (u64, u64),
}

impl Reader {
    /// The file at this path. Nothing is opened yet.
    pub(super) fn new(path: &Path) -> Self {
        Reader { path: path.to_owned(), open: Mutex::default(), sound: Mutex::default() }
    }

    /// The values of several keys, of at most `limit` bytes each.
    pub(super) fn get_many(&self, keys: &[Vec<u8>], limit: usize) -> Result<Answer<Vec<Option<Secret>>>> {
        self.read(Purpose::Reading, |snapshot| keys.iter().map(|key| snapshot.get(key, limit)).collect())
    }

    /// All keys, in their order.
    pub(super) fn keys(&self) -> Result<Answer<Vec<Vec<u8>>>> {
        self.read(Purpose::Reading, |snapshot| snapshot.keys())
    }

    /// As [`Snapshot::after`].
    pub(super) fn after(&self, key: Option<&[u8]>, enough: usize, values: bool) -> Result<Answer<Vec<Pair>>> {
        self.read(Purpose::Reading, |snapshot| snapshot.after(key, enough, values))
    }

    /// Reads the whole file and checks it.
    pub(super) fn verify(&self) -> Result<Answer<()>> {
        self.read(Purpose::Reading, |snapshot| snapshot.verify())
    }

    /// The number of the last transaction.
    pub(super) fn transaction(&self) -> Result<Answer<u64>> {
        self.read(Purpose::Reading, |snapshot| Ok(snapshot.meta.transaction))
    }

    /// Makes sure that LMDB itself may change these keys: it takes for granted that a file is sound.
    #[cfg(feature = "lmdb")]
    pub(super) fn check_for_writing(&self, keys: &[Vec<u8>]) -> Result<()> {
        let look = |snapshot: &Snapshot<'_>| keys.iter().try_for_each(|key| snapshot.get(key, usize::MAX).map(|_| ()));
        self.read(Purpose::Writing, look).map(|_| ())
    }

    /// Takes the file for sound as LMDB itself has just left it.
    #[cfg(feature = "lmdb")]
    pub(super) fn trust(&self) {
        if let Ok(Some(opened)) = self.opened()
            && let Ok(metadata) = opened.file.metadata()
            && let Ok(snapshot) = Snapshot::new(&opened.file)
        {
            *self.sound() = Some((Stamp::of(&metadata), snapshot.meta.transaction));
        }
    }

    fn read<T>(&self, purpose: Purpose, read: impl Fn(&Snapshot<'_>) -> Read<T>) -> Result<Answer<T>> {
        if cfg!(not(target_pointer_width = "64")) {
            return Ok(Answer::Busy);
        }
        for attempt in 0..TRIES {
            let Some(opened) = self.opened()? else { return Ok(Answer::NoFile) };
            let stamp = Stamp::of(&opened.file.metadata().map_err(|error| self.io_error(&error))?);
            if stamp.length == 0 {
                return Ok(Answer::NoFile);
            }
            let snapshot = match Snapshot::new(&opened.file) {
                Ok(snapshot) => snapshot,
                // A meta page may be half written.
                Err(_) if attempt < TRIES / 4 => continue,
                Err(problem) => return Err(self.problem(problem)),
            };
            let state = (stamp, snapshot.meta.transaction);
            let known = !purpose.checks(stamp.length, attempt) || *self.sound() == Some(state);
            let answer = if known { Ok(()) } else { snapshot.verify() }.and_then(|()| read(&snapshot));
            if snapshot.is_newest() {
                if !known && answer.is_ok() {
                    *self.sound() = Some(state);
                }
                return answer.map(Answer::Is).map_err(|problem| self.problem(problem));
            }
        }
        Ok(Answer::Busy)
    }

    /// The file that is kept open, if it still is the one of that name, or else that one; None if there is none.
    fn opened(&self) -> Result<Option<Arc<Opened>>> {
        let id = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
        let now = match fs::metadata(&self.path) {
            Ok(metadata) => id(&metadata),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io_error(&error)),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = open.take() {
            // The descriptor may have been closed behind our back, as daemons do, and be someone else's now.
            match opened.file.metadata() {
                Ok(metadata) if id(&metadata) == opened.id => {
                    if opened.id == now {
                        return Ok(Some(open.insert(opened).clone()));
                    }
                }
                _ => std::mem::forget(opened),
            }
        }
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io_error(&error)),
        };
        let id = id(&file.metadata().map_err(|error| self.io_error(&error))?);
        Ok(Some(open.insert(Arc::new(Opened { file, id })).clone()))
    }

    fn sound(&self) -> MutexGuard<'_, Option<(Stamp, u64)>> {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn io_error(&self, error: &io::Error) -> Error {
        Error::fail(format!("{}: cannot read the password database: {error}", self.path.display()))
    }

    fn problem(&self, problem: Problem) -> Error {
        let path = self.path.display();
        match problem {
            Problem::Io { page, error } => Error::fail(format!("{path}: cannot read page {page}: {error}")),
            Problem::Damaged { page, reason } => {
                Error::fail(format!("{path}: the LMDB file is damaged: page {page}: {reason}"))
            }
            Problem::Truncated { length, needed } => Error::fail(format!(
                "{path}: the LMDB file is truncated: it is {length} bytes long where {needed} are needed"
            )),
            Problem::Unsupported(what) => Error::fail(format!("{path}: LMDB: {what} is not supported")),
            Problem::TooLong { length } => Error::new(
                Code::BufOver,
                format!("{path}: a value of {length} bytes is longer than this library takes"),
            ),
        }
    }
}
