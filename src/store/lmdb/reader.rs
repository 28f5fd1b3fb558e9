//! Reading an LMDB file without LMDB: what one transaction left, all of it from the same one.
//!
//! No lock is taken and nothing is written. A transaction leaves the pages of the one before alone, so what was read is right if
//! no transaction has been completed meanwhile; otherwise it is read again. Small files are checked whole when they are first
//! read and whenever they have changed, of others each page is.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::page::{Meta, Problem, Read};
use super::snapshot::{Pair, Snapshot};
use super::trail::Trail;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use crate::store::kept_file::KeptFile;
use crate::store::lanes::{Lanes, Noted};
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
    kept: Lanes<Option<Opened>>,
    /// The state of the file in which it was last found to be sound, and its transaction.
    sound: Noted<(Stamp, u64)>,
}

/// What is kept between calls.
struct Opened {
    file: KeptFile,
    /// The newest meta page, and the state of the file that it is of: only where every later write shows in that.
    newest: Option<(Stamp, Meta)>,
    /// As [`Reader::sound`].
    sound: Option<(Stamp, u64)>,
    trail: Trail,
}

impl Reader {
    /// The file at this path. Nothing is opened yet.
    pub(super) fn new(path: &Path) -> Self {
        Reader { path: path.to_owned(), kept: Lanes::default(), sound: Noted::default() }
    }

    /// The values of several keys, of at most `limit` bytes each.
    pub(super) fn get_many(&self, keys: &[Vec<u8>], limit: usize) -> Result<Answer<Vec<Option<Secret>>>> {
        self.read(Purpose::Reading, |snapshot, trail| keys.iter().map(|key| snapshot.get(key, limit, trail)).collect())
    }

    /// All keys, in their order.
    pub(super) fn keys(&self) -> Result<Answer<Vec<Vec<u8>>>> {
        self.read(Purpose::Reading, |snapshot, _| snapshot.keys())
    }

    /// As [`Snapshot::after`].
    pub(super) fn after(&self, key: Option<&[u8]>, enough: usize, values: bool) -> Result<Answer<Vec<Pair>>> {
        self.read(Purpose::Reading, |snapshot, _| snapshot.after(key, enough, values))
    }

    /// Reads the whole file and checks it.
    pub(super) fn verify(&self) -> Result<Answer<()>> {
        self.read(Purpose::Reading, |snapshot, _| snapshot.verify())
    }

    /// The number of the last transaction.
    pub(super) fn transaction(&self) -> Result<Answer<u64>> {
        self.read(Purpose::Reading, |snapshot, _| Ok(snapshot.meta.transaction))
    }

    /// Makes sure that LMDB itself may change these keys: it takes for granted that a file is sound.
    #[cfg(feature = "lmdb")]
    pub(super) fn check_for_writing(&self, keys: &[Vec<u8>]) -> Result<()> {
        self.read(Purpose::Writing, |snapshot, trail| {
            keys.iter().try_for_each(|key| snapshot.get(key, usize::MAX, trail).map(|_| ()))
        })
        .map(|_| ())
    }

    /// Takes the file for sound as LMDB itself has just left it.
    #[cfg(feature = "lmdb")]
    pub(super) fn trust(&self) {
        self.kept.with(|kept| {
            if let Ok(Some((opened, metadata))) = self.opened(kept)
                && let Ok(snapshot) = Snapshot::new(&opened.file)
            {
                self.sound.note((Stamp::of(&metadata), snapshot.meta.transaction));
            }
        });
    }

    fn read<T>(&self, purpose: Purpose, read: impl Fn(&Snapshot<'_>, &mut Trail) -> Read<T>) -> Result<Answer<T>> {
        if cfg!(not(target_pointer_width = "64")) {
            return Ok(Answer::Busy);
        }
        self.kept.with(|kept| {
            for attempt in 0..TRIES {
                let Some((opened, metadata)) = self.opened(kept)? else { return Ok(Answer::NoFile) };
                let stamp = Stamp::of(&metadata);
                if stamp.length == 0 {
                    return Ok(Answer::NoFile);
                }
                let Opened { file, newest, sound, trail } = opened;
                let before = newest.take().filter(|(before, _)| *before == stamp);
                // A state that is kept was settled when it was seen first.
                let settled = before.is_some() || stamp.settled(Instant::now());
                let snapshot = match before {
                    Some((_, meta)) => Snapshot::again(file, meta),
                    None => {
                        trail.forget();
                        match Snapshot::new(file) {
                            Ok(snapshot) => snapshot,
                            // A meta page may be half written.
                            Err(_) if attempt < TRIES / 4 => continue,
                            Err(problem) => return Err(self.problem(problem)),
                        }
                    }
                };
                let state = (stamp, snapshot.meta.transaction);
                let checked = purpose.checks(stamp.length, attempt);
                let known = !checked || *sound == Some(state) || self.sound.is(&state);
                let answer = if known { Ok(()) } else { snapshot.verify() }.and_then(|()| read(&snapshot, trail));
                trail.wipe();
                if snapshot.is_newest() {
                    if !known && answer.is_ok() {
                        self.sound.note(state);
                    }
                    if checked && answer.is_ok() {
                        *sound = Some(state);
                    }
                    *newest = settled.then_some((stamp, snapshot.meta));
                    return answer.map(Answer::Is).map_err(|problem| self.problem(problem));
                }
            }
            Ok(Answer::Busy)
        })
    }

    /// The file that is kept open, if it still is the one of that name, or else that one, and what the system knows of it; None
    /// if there is none.
    fn opened<'k>(&self, kept: &'k mut Option<Opened>) -> Result<Option<(&'k mut Opened, Metadata)>> {
        let now = match fs::metadata(&self.path) {
            Ok(metadata) => (metadata.dev(), metadata.ino()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io_error(&error)),
        };
        let still = |metadata: &Metadata| (metadata.dev(), metadata.ino()) == now;
        let (opened, metadata) = match kept.take().and_then(|opened| Some((opened.file.metadata()?, opened))) {
            Some((metadata, opened)) if still(&metadata) => (opened, metadata),
            _ => match KeptFile::open(&self.path) {
                Ok((file, metadata)) => (Opened { file, newest: None, sound: None, trail: Trail::default() }, metadata),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(self.io_error(&error)),
            },
        };
        Ok(Some((kept.insert(opened), metadata)))
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
