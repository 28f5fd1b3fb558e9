//! Changing a Berkeley DB file: the changed database is written whole as a fresh file and put in the place of the old one.
//!
//! Those who change it this way take turns (see [`crate::store::replace`]). Programs with Berkeley DB itself take no lock:
//! `saslpasswd2` writes pages of the file at any time. So the file is read when it has been at rest, and is replaced only if it
//! has not been touched since. A program that had opened the old file before and writes to it at the very moment of its
//! replacement would be lost; what has been written by the time the new file is on disk is carried over. What remains is the
//! time between such a program's opening and its writing, a millisecond.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use super::hash::HashFile;
use super::image::{Image, Pair};
use super::page::{Problem, Read};
use super::{BdbFile, PATIENCE, PAUSE};
use crate::error::{Code, Error, Result};
use crate::rng;
use crate::secret::Secret;
use crate::store::replace::Locked;
use crate::store::stamp::Stamp;

/// How long to wait for others who change the file.
const QUEUE: Duration = Duration::from_secs(10);
/// How many pairs a database may have to be written whole for each change.
pub const MAX_ENTRIES: usize = 100_000;

/// Changes to pairs: a key and its new value; none removes it.
type Edits<'a> = Vec<(Vec<u8>, Option<&'a [u8]>)>;

/// The whole file at one moment.
pub(super) struct Snapshot {
    stamp: Stamp,
    file: HashFile,
    pairs: Vec<Pair>,
}

impl BdbFile {
    /// Stores values under keys, in place of any others, and removes the keys without one: all at once. Whether anything
    /// was different before; if not, nothing is written.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause if the file cannot be read or written, is not of a kind that can be
    /// written, or has more than [`MAX_ENTRIES`] pairs; [`Code::TryAgain`] if it is being written by others all the time. Then
    /// nothing has changed, unless the error says otherwise.
    pub fn apply(&self, edits: &[(Vec<u8>, Option<&[u8]>)]) -> Result<bool> {
        let deadline = Instant::now() + QUEUE;
        let Some((lock, before)) = self.apply_once(edits, deadline)? else { return Ok(false) };
        self.carry_over(&lock, before)?;
        Ok(true)
    }

    /// Whether the file is of a kind that is written. Whether the system allows it is seen only by writing.
    ///
    /// # Errors
    /// [`Code::Fail`] with what to do instead, where it is not; as [`BdbFile::get_many`], where it cannot be looked at.
    pub fn check_writable(&self) -> Result<()> {
        let refusal = self.read(|_, _| true, |file, _| Ok((file.meta.check_writable(), file.meta.entries)))?;
        match refusal {
            (Err(why), _) => Err(self.unwritten(&why)),
            (Ok(()), entries) if entries as usize > MAX_ENTRIES => Err(self.too_large()),
            (Ok(()), _) => Ok(()),
        }
    }

    /// Makes changes; None if there was nothing to change, else the file as it was before, still locked.
    pub(super) fn apply_once(
        &self,
        edits: &[(Vec<u8>, Option<&[u8]>)],
        deadline: Instant,
    ) -> Result<Option<(Locked, Snapshot)>> {
        loop {
            let lock = Locked::new(&self.path, deadline)?;
            let before = self.snapshot(lock.file(), deadline)?;
            let Some(after) = edited(&before.pairs, edits) else { return Ok(None) };
            if after.len() > MAX_ENTRIES {
                return Err(self.too_large());
            }
            let meta = &before.file.meta;
            let image =
                Image::new(meta, &after).ok_or_else(|| self.unwritten("it would be larger than such a file can be"))?;
            let mut unique = [0; 20];
            rng::fill(&mut unique)?;
            let still = |file: &File| file.metadata().is_ok_and(|now| Stamp::of(&now) == before.stamp);
            if lock.replace(|out| image.write(&before.file.head, &unique, out), still)? {
                return Ok(Some((lock, before)));
            }
            if Instant::now() > deadline {
                return Err(self.busy());
            }
        }
    }

    /// Does to the new file what was done to the old one while it was being replaced.
    pub(super) fn carry_over(&self, lock: &Locked, before: Snapshot) -> Result<()> {
        let touched = |metadata: &std::fs::Metadata| {
            let now = Stamp::of(metadata);
            // The time of change is that of the loss of its name.
            (now.length, now.modified) != (before.stamp.length, before.stamp.modified)
        };
        let lost = |error: Error| {
            let path = self.path.display();
            let what = format!(
                "{path}: the change is made, but not another one of the same moment, by another program: {error}"
            );
            Error::new(error.code(), what)
        };
        match lock.file().metadata() {
            Ok(metadata) if touched(&metadata) => {}
            _ => return Ok(()),
        }
        let deadline = Instant::now() + QUEUE;
        let after = self.snapshot(lock.file(), deadline).map_err(lost)?;
        self.apply_once(&difference(&before.pairs, &after.pairs), deadline).map_err(lost)?;
        Ok(())
    }

    /// Reads all of a file when nobody is writing to it.
    fn snapshot(&self, file: &File, deadline: Instant) -> Result<Snapshot> {
        let io_error = |error: io::Error| self.io_error(&error);
        let start = Instant::now();
        let mut seen: Option<(Stamp, Instant)> = None;
        loop {
            let stamp = Stamp::of(&file.metadata().map_err(io_error)?);
            let since = match seen {
                Some((before, since)) if before == stamp => since,
                _ => Instant::now(),
            };
            seen = Some((stamp, since));
            if stamp.settled(since) {
                let read = self.read_whole(file.try_clone().map_err(io_error)?)?;
                if Stamp::of(&file.metadata().map_err(io_error)?) == stamp {
                    match read {
                        Ok((file, pairs)) => return Ok(Snapshot { stamp, file, pairs }),
                        // It may be half written.
                        Err(Problem::Damaged { .. }) if !stamp.old() && start.elapsed() < PATIENCE => {}
                        Err(problem) => return Err(self.problem(problem)),
                    }
                }
            }
            if Instant::now() > deadline {
                return Err(self.busy());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// All pairs of a file of a kind that is written.
    fn read_whole(&self, file: File) -> Result<Read<(HashFile, Vec<Pair>)>> {
        let file = match HashFile::new(file) {
            Ok(file) => file,
            Err(problem) => return Ok(Err(problem)),
        };
        file.meta.check_writable().map_err(|why| self.unwritten(&why))?;
        match file.pairs().take(MAX_ENTRIES + 1).collect::<Read<Vec<Pair>>>() {
            Ok(pairs) if pairs.len() > MAX_ENTRIES => Err(self.too_large()),
            Ok(pairs) => Ok(single(&pairs).and_then(|()| file.verify()).map(|()| (file, pairs))),
            Err(problem) => Ok(Err(problem)),
        }
    }

    fn busy(&self) -> Error {
        let path = self.path.display();
        Error::new(Code::TryAgain, format!("{path}: the file is being written by another program; try again"))
    }

    fn unwritten(&self, why: &str) -> Error {
        Error::fail(format!("{}: cannot change the Berkeley DB file: {why}", self.path.display()))
    }

    fn too_large(&self) -> Error {
        self.unwritten(&format!(
            "it has more than {MAX_ENTRIES} entries, too many to be written whole for each change; saslmigrate makes an LMDB \
             database of it, and the saslpasswd2 of Cyrus SASL changes it as it is"
        ))
    }
}

/// Each key has one value: several are read, but no database of passwords has them.
fn single(pairs: &[Pair]) -> Read<()> {
    let mut last: Option<&[u8]> = None;
    for (key, _) in pairs {
        if last == Some(key) {
            return Err(Problem::Unsupported("writing a file that has several values under one key"));
        }
        last = Some(key);
    }
    Ok(())
}

/// The pairs with changes made; None if they make no difference.
fn edited(pairs: &[Pair], edits: &[(Vec<u8>, Option<&[u8]>)]) -> Option<Vec<Pair>> {
    let last: BTreeMap<&[u8], Option<&[u8]>> = edits.iter().map(|(key, value)| (key.as_slice(), *value)).collect();
    let mut kept = Vec::with_capacity(pairs.len());
    let mut new = last.clone();
    let mut changed = false;
    for (key, value) in pairs {
        match new.remove(key.as_slice()) {
            None => kept.push((key.clone(), value.clone())),
            Some(None) => changed = true,
            Some(Some(other)) => {
                changed |= !bool::from(value.matches(other));
                kept.push((key.clone(), Secret::from(other)));
            }
        }
    }
    for (key, value) in new {
        if let Some(value) = value {
            changed = true;
            kept.push((key.to_vec(), Secret::from(value)));
        }
    }
    changed.then_some(kept)
}

/// The changes that make the pairs `after` of the pairs `before`.
fn difference<'a>(before: &[Pair], after: &'a [Pair]) -> Edits<'a> {
    let mut old: BTreeMap<&[u8], &Secret> = before.iter().map(|(key, value)| (key.as_slice(), value)).collect();
    let mut edits = Edits::new();
    for (key, value) in after {
        let same = old.remove(key.as_slice()).is_some_and(|old| bool::from(old.matches(value.expose())));
        if !same {
            edits.push((key.clone(), Some(value.expose())));
        }
    }
    edits.extend(old.into_keys().map(|key| (key.to_vec(), None)));
    edits
}
