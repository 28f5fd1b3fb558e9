//! Berkeley DB hash files, the format of Debian's `/etc/sasldb2`, without Berkeley DB.
//!
//! Files of Berkeley DB 2 and later (versions 4 to 10 of the format) are read, in either byte order and with or without
//! checksums; for that they are only opened, and no lock or other file is made. Those of 3.2 to 5.3 (versions 7 to 9) are
//! written: as a fresh file of the same version, byte order and page size (`change.rs`).
//!
//! # A file that is being written
//! Stock `saslpasswd2` writes a file in place, page by page and without locks. An answer is therefore believed only
//! when one `stat` *after* the reading shows that the file is the one whose metadata was read, and that it had been at
//! rest; or else when two readings from scratch, some time apart, agree. If neither happens for a while,
//! [`Code::TryAgain`] is returned.

mod change;
mod duplicates;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod hash;
mod image;
mod meta;
mod page;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::kept_file::KeptFile;
use super::lanes::{Lanes, Noted};
use super::page_buffer::PageBuffer;
use super::stamp::Stamp;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
pub use change::MAX_ENTRIES;
use hash::HashFile;
pub(crate) use meta::MAGIC;
use page::{Problem, Read};

/// How long to wait between two readings of a file that is being written.
const PAUSE: Duration = Duration::from_millis(2);
/// How long to try before giving up.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Files of at most this many bytes are checked whole when they are first read and whenever they have changed.
const CHECKED_WHOLE: u64 = 1 << 20;

/// A Berkeley DB hash file at a path, kept open between lookups.
#[derive(Debug)]
pub struct BdbFile {
    path: PathBuf,
    kept: Lanes<Kept>,
    /// The state of the file in which it was last found to be sound.
    sound: Noted<Stamp>,
}

/// What is kept between lookups.
#[derive(Default)]
struct Kept {
    view: Option<Box<View>>,
    /// The last stamp and when it was first seen: tells rest from change when the file's clock is not ours.
    seen: Option<(Stamp, Instant)>,
}

/// The file with its metadata as they were when it had this stamp.
struct View {
    stamp: Stamp,
    /// Whether the file was at rest when its metadata were read, so that every later write shows in its stamp.
    settled: bool,
    kept: KeptFile,
    /// The metadata, or why there are none.
    file: Read<HashFile>,
    /// Room for a page.
    buffer: PageBuffer,
}

impl BdbFile {
    /// The file at this path. Nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        BdbFile { path: path.into(), kept: Lanes::default(), sound: Noted::default() }
    }

    /// The values of several keys (the first of each, if it has several), of at most `limit` bytes each.
    ///
    /// # Errors
    /// [`Code::Fail`] with path and page if the file cannot be read, is damaged, or of an unsupported kind;
    /// [`Code::BufOver`] if a value is longer than `limit`; [`Code::TryAgain`] if it is being written all the time.
    pub fn get_many(&self, keys: &[Vec<u8>], limit: u32) -> Result<Vec<Option<Secret>>> {
        let same = |one: &Vec<Option<Secret>>, other: &Vec<Option<Secret>>| {
            one.iter().zip(other).all(|pair| match pair {
                (Some(one), Some(other)) => bool::from(one.matches(other.expose())),
                (one, other) => one.is_none() && other.is_none(),
            })
        };
        self.read(same, |file, buffer| {
            let mut found = Vec::with_capacity(keys.len());
            let read = keys.iter().try_for_each(|key| {
                found.push(file.get(key, limit, buffer)?);
                Ok(())
            });
            buffer.wipe();
            read.map(|()| found)
        })
    }

    /// All keys, in the order of the file; a key with several values appears as often.
    ///
    /// # Errors
    /// As [`BdbFile::get_many`].
    pub fn keys(&self) -> Result<Vec<Vec<u8>>> {
        self.read(Vec::eq, |file, _| file.pairs().map(|pair| pair.map(|(key, _)| key)).collect())
    }

    /// All pairs, in the order of the file. The passwords of all users are then in memory: a migration wants this,
    /// a login does not.
    ///
    /// # Errors
    /// As [`BdbFile::get_many`].
    pub fn pairs(&self) -> Result<Vec<(Vec<u8>, Secret)>> {
        let same = |one: &Vec<(Vec<u8>, Secret)>, other: &Vec<(Vec<u8>, Secret)>| {
            one.len() == other.len()
                && one.iter().zip(other).all(|(a, b)| a.0 == b.0 && bool::from(a.1.matches(b.1.expose())))
        };
        self.read(same, |file, _| file.pairs().collect())
    }

    /// Reads the whole file and checks that every page is sound, every key in its place and nothing left over.
    ///
    /// # Errors
    /// As [`BdbFile::get_many`].
    pub fn verify(&self) -> Result<()> {
        self.read(|(), ()| true, |file, _| file.verify())
    }

    /// The version of the format: 4 to 10.
    ///
    /// # Errors
    /// As [`BdbFile::get_many`].
    pub fn version(&self) -> Result<u32> {
        self.read(u32::eq, |file, _| Ok(file.meta.version))
    }

    /// Reads until the answer can be believed; see the module's documentation.
    fn read<T>(
        &self,
        same: impl Fn(&T, &T) -> bool,
        read: impl Fn(&HashFile, &mut PageBuffer) -> Read<T>,
    ) -> Result<T> {
        self.kept.with(|kept| self.read_with(kept, same, read))
    }

    fn read_with<T>(
        &self,
        kept: &mut Kept,
        same: impl Fn(&T, &T) -> bool,
        read: impl Fn(&HashFile, &mut PageBuffer) -> Read<T>,
    ) -> Result<T> {
        let start = Instant::now();
        let mut earlier: Option<Read<T>> = None;
        loop {
            let mut view = self.view(kept)?;
            let answer = self.read_view(&mut view, &read);
            let now = Stamp::of(&fs::metadata(&self.path).map_err(|error| self.io_error(&error))?);
            let at_rest = view.settled && now == view.stamp;
            let believed = match (&answer, &earlier) {
                (Err(Problem::Damaged { .. }), _) => at_rest && now.old(),
                _ if at_rest => true,
                (Ok(answer), Some(Ok(before))) => same(answer, before),
                (Err(_), Some(Err(before))) => !matches!(before, Problem::Damaged { .. }),
                _ => false,
            };
            if believed {
                kept.view = Some(view);
                return answer.map_err(|problem| self.problem(problem));
            }
            if start.elapsed() > PATIENCE {
                let what = match answer {
                    Err(problem) => self.problem(problem).detail().to_owned(),
                    Ok(_) => self.path.display().to_string(),
                };
                return Err(Error::new(Code::TryAgain, format!("{what} (the file is being written; try again)")));
            }
            // A file that has changed is simply read anew, at once; one that is changing is given time.
            if !view.settled || earlier.is_some() {
                std::thread::sleep(PAUSE);
            }
            earlier = Some(answer);
        }
    }

    /// The view that is kept, or a new one.
    fn view(&self, kept: &mut Kept) -> Result<Box<View>> {
        if let Some(view) = kept.view.take().filter(|view| view.kept.metadata().is_some()) {
            return Ok(view);
        }
        let (file, metadata) = KeptFile::open(&self.path).map_err(|error| self.io_error(&error))?;
        let stamp = Stamp::of(&metadata);
        let since = match kept.seen {
            Some((seen, since)) if seen == stamp => since,
            _ => Instant::now(),
        };
        kept.seen = Some((stamp, since));
        let hash = HashFile::new(file.share());
        let buffer = hash.as_ref().map_or_else(|_| PageBuffer::default(), HashFile::buffer);
        Ok(Box::new(View { stamp, settled: stamp.settled(since), kept: file, file: hash, buffer }))
    }

    /// Reads from one view, after checking the file whole if it is small and has not been seen like this.
    fn read_view<T>(&self, view: &mut View, read: impl Fn(&HashFile, &mut PageBuffer) -> Read<T>) -> Read<T> {
        let file = match &view.file {
            Ok(file) => file,
            Err(problem) => return Err(problem.duplicate()),
        };
        // Not while it is being written: the whole takes longer to read than one answer does.
        if view.settled && view.stamp.length <= CHECKED_WHOLE && !file.is_verified() {
            if self.sound.is(&view.stamp) {
                file.trust();
            } else {
                file.verify()?;
                self.sound.note(view.stamp);
            }
        }
        read(file, &mut view.buffer)
    }

    fn io_error(&self, error: &io::Error) -> Error {
        Error::fail(format!("{}: cannot read the password database: {error}", self.path.display()))
    }

    fn problem(&self, problem: Problem) -> Error {
        let path = self.path.display();
        match problem {
            Problem::Io { page, error } => Error::fail(format!("{path}: cannot read page {page}: {error}")),
            Problem::Damaged { page, reason } => {
                Error::fail(format!("{path}: the Berkeley DB file is damaged: page {page}: {reason}"))
            }
            Problem::Unsupported(what) => Error::fail(format!("{path}: Berkeley DB: {what} is not supported")),
            Problem::TooLong { length } => Error::new(
                Code::BufOver,
                format!("{path}: a value of {length} bytes is longer than this library takes"),
            ),
        }
    }
}

#[cfg(test)]
mod corruption;
#[cfg(test)]
mod tests;
