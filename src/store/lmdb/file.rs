//! Transactions on an LMDB file: begun anew whenever the environment had to be replaced, resized or cleaned up.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lmdb_rs::{Cursor as _, Database, RoTransaction, RwTransaction, Transaction as _, WriteFlags};

use super::env::{self, Shared, Want};
use super::reader::{Answer, Reader};
use super::{LmdbOptions, MAX_KEY};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use crate::sys::db as sys;

/// How long to wait when all reader slots are taken; each is taken for microseconds.
const PAUSE: Duration = Duration::from_millis(1);
/// How often a transaction is begun anew, for whatever reasons, before its error is final.
const TRIES: usize = 64;
/// How much is read at once when all is read, in bytes.
const CHUNK: usize = 1 << 20;

/// An LMDB file at a path.
#[derive(Debug)]
pub struct LmdbFile {
    path: PathBuf,
    options: LmdbOptions,
    reader: Reader,
    current: Mutex<Option<Arc<Shared>>>,
}

impl LmdbFile {
    /// The file at this path. Nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, options: LmdbOptions) -> Self {
        let path = path.into();
        LmdbFile { reader: Reader::new(&path), path, options, current: Mutex::default() }
    }

    /// The values of several keys, all as of one moment, of at most `limit` bytes each. None if there is no file.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause; [`Code::BufOver`] if a value is longer than `limit`.
    pub fn get_many(&self, keys: &[Vec<u8>], limit: usize) -> Result<Option<Vec<Option<Secret>>>> {
        self.options.map_size()?;
        match self.reader.get_many(keys, limit)? {
            Answer::NoFile => return Ok(None),
            Answer::Is(values) => return Ok(Some(values)),
            Answer::Busy => {}
        }
        let found = self.read(|txn, db| {
            keys.iter()
                .map(|key| match txn.get(db, key) {
                    Ok(value) if value.len() > limit => Ok(Err(value.len())),
                    Ok(value) => Ok(Ok(Some(Secret::from(value)))),
                    // A key too long to be stored is not there.
                    Err(lmdb_rs::Error::NotFound | lmdb_rs::Error::BadValSize) => Ok(Ok(None)),
                    Err(error) => Err(error),
                })
                .collect::<lmdb_rs::Result<Vec<_>>>()
        })?;
        let too_long = |length| {
            let path = self.path.display();
            Error::new(Code::BufOver, format!("{path}: a value of {length} bytes is longer than this library takes"))
        };
        found.map(|values| values.into_iter().map(|value| value.map_err(too_long)).collect()).transpose()
    }

    /// All keys, in the order of their bytes. None if there is no file.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn keys(&self) -> Result<Option<Vec<Vec<u8>>>> {
        self.options.map_size()?;
        match self.reader.keys()? {
            Answer::NoFile => return Ok(None),
            Answer::Is(keys) => return Ok(Some(keys)),
            Answer::Busy => {}
        }
        self.read(|txn, db| {
            let mut cursor = txn.open_ro_cursor(db)?;
            cursor.iter_start().map(|pair| pair.map(|(key, _)| key.to_vec())).collect()
        })
    }

    /// The pairs whose keys come after this one, or from the first one on, in the order of their bytes: some of them, and none
    /// only when there are none. Without `values` those are empty. Only the pairs of one call are of one moment.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn after(&self, key: Option<&[u8]>, values: bool) -> Result<Vec<(Vec<u8>, Secret)>> {
        match self.reader.after(key, CHUNK, values)? {
            Answer::NoFile => return Ok(Vec::new()),
            Answer::Is(pairs) => return Ok(pairs),
            Answer::Busy => {}
        }
        let found = self.read(|txn, db| {
            let mut cursor = txn.open_ro_cursor(db)?;
            let from = match key {
                Some(key) => cursor.iter_from(key),
                None => cursor.iter_start(),
            };
            let next =
                from.skip_while(|pair| key.is_some() && pair.as_ref().is_ok_and(|(found, _)| Some(*found) == key));
            let pair = |(key, value): (&[u8], &[u8])| {
                (key.to_vec(), if values { Secret::from(value) } else { Secret::default() })
            };
            next.take(CHUNK / 4096).map(|found| found.map(pair)).collect()
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Reads the whole file and checks that every page is sound and every key in its order.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path, the page and what is wrong with it; [`Code::TryAgain`] if others write all the time.
    pub fn verify(&self) -> Result<()> {
        self.reader.verify()?.or_busy(&self.path).map(|_| ())
    }

    /// The number of the last transaction; 0 if there is no file.
    ///
    /// # Errors
    /// As [`LmdbFile::verify`].
    pub fn transaction(&self) -> Result<u64> {
        self.reader.transaction()?.or_busy(&self.path).map(Option::unwrap_or_default)
    }

    /// Stores values under keys, in place of any others, and removes the keys without one: all at once. The file is created if
    /// there is none and a value is to be stored.
    ///
    /// # Errors
    /// [`Code::BadParam`] if a key is empty or longer than [`MAX_KEY`]; [`Code::Fail`] with the path and the cause,
    /// and then nothing has changed.
    pub fn apply(&self, edits: &[(Vec<u8>, Option<&[u8]>)]) -> Result<()> {
        if let Some((key, _)) = edits.iter().find(|(key, _)| key.is_empty() || key.len() > MAX_KEY) {
            return Err(Error::param(format!("a key of {} bytes cannot be stored", key.len())));
        }
        if edits.iter().all(|(_, value)| value.is_none()) {
            // Keys that are not there need no writing, and no file.
            let keys: Vec<_> = edits.iter().map(|(key, _)| key.clone()).collect();
            match self.get_many(&keys, usize::MAX)? {
                Some(values) if values.iter().any(Option::is_some) => {}
                _ => return Ok(()),
            }
        }
        let keys: Vec<_> = edits.iter().map(|(key, _)| key.clone()).collect();
        self.write(&keys, |txn, db| {
            edits.iter().try_for_each(|(key, value)| match value {
                Some(value) => txn.put(db, key, value, WriteFlags::empty()),
                None => match txn.del(db, key, None) {
                    Err(lmdb_rs::Error::NotFound) => Ok(()),
                    other => other,
                },
            })
        })
    }

    /// Removes a key; false if it was not there.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause, and then nothing has changed.
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        // A key that is not there needs no writing, and no file.
        match self.get_many(&[key.to_vec()], usize::MAX)? {
            Some(values) if values.iter().any(Option::is_some) => {}
            _ => return Ok(false),
        }
        self.write(&[key.to_vec()], |txn, db| match txn.del(db, &key, None) {
            Ok(()) => Ok(true),
            Err(lmdb_rs::Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        })
    }

    fn read<T>(&self, body: impl Fn(&RoTransaction<'_>, Database) -> lmdb_rs::Result<T>) -> Result<Option<T>> {
        let mut failure = lmdb_rs::Error::Panic;
        for _ in 0..TRIES {
            let Some((shared, length)) = self.shared(Want::Read)? else { return Ok(None) };
            let outcome = match &*shared.opened() {
                Some(opened) => opened.read(length, &body).inspect_err(|error| {
                    if *error == lmdb_rs::Error::ReadersFull {
                        let _ = sys::free_dead_readers(opened.env());
                    }
                }),
                None => {
                    self.forget();
                    continue;
                }
            };
            match outcome {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => failure = self.recover(&shared, error, "read")?,
            }
        }
        Err(lmdb_error("read", &self.path, failure))
    }

    fn write<T>(
        &self,
        keys: &[Vec<u8>],
        body: impl Fn(&mut RwTransaction<'_>, Database) -> lmdb_rs::Result<T>,
    ) -> Result<T> {
        self.reader.check_for_writing(keys)?;
        let mut failure = lmdb_rs::Error::Panic;
        for _ in 0..TRIES {
            let Some((shared, length)) = self.shared(Want::Write)? else { continue };
            let mut size = 0;
            let outcome = match &*shared.opened() {
                Some(opened) if !opened.is_intact() => Err(lmdb_rs::Error::Panic),
                Some(opened) if opened.serves(Want::Write) => opened.write(length, &mut size, &body),
                _ => {
                    self.forget();
                    continue;
                }
            };
            match outcome {
                Ok(answer) => {
                    self.reader.trust();
                    return Ok(answer);
                }
                Err(error @ lmdb_rs::Error::MapFull) => {
                    failure = error;
                    shared.grow(size).map_err(|error| lmdb_error("grow", &self.path, error))?;
                }
                Err(error) => failure = self.recover(&shared, error, "write")?,
            }
        }
        Err(lmdb_error("write", &self.path, failure))
    }

    /// Does what an error asks for and gives it back, so that the transaction can be tried again; an error that asks
    /// for nothing is final.
    fn recover(&self, shared: &Shared, error: lmdb_rs::Error, what: &str) -> Result<lmdb_rs::Error> {
        match error {
            lmdb_rs::Error::MapResized => {
                shared.follow_resize().map_err(|error| lmdb_error(what, &self.path, error))?;
            }
            // Its descriptors are gone, or an earlier write of a meta page failed: nothing goes on with this one.
            lmdb_rs::Error::Panic => shared.close(),
            lmdb_rs::Error::ReadersFull => std::thread::sleep(PAUSE),
            error => return Err(lmdb_error(what, &self.path, error)),
        }
        self.forget();
        Ok(error)
    }

    /// The environment, revalidated with one `stat`, and how long the file is at least.
    fn shared(&self, want: Want) -> Result<Option<(Arc<Shared>, u64)>> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(shared) = current {
            match fs::metadata(&self.path) {
                Ok(metadata) if shared.is_current(&metadata) => return Ok(Some((shared, metadata.len()))),
                Err(error) if error.kind() == ErrorKind::NotFound && want == Want::Read => return Ok(None),
                _ => {}
            }
        }
        let shared = env::acquire(&self.path, self.options, want)?;
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&shared);
        Ok(shared.map(|shared| (shared, 0)))
    }

    fn forget(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// An error of LMDB as one of ours.
pub(super) fn lmdb_error(what: &str, path: &Path, error: lmdb_rs::Error) -> Error {
    let cause = match error {
        lmdb_rs::Error::Other(libc::EIO) if what == "write" => "a write was cut short; is the disk full?".to_owned(),
        lmdb_rs::Error::Other(number) => io::Error::from_raw_os_error(number).to_string(),
        other => other.to_string(),
    };
    Error::fail(format!("{}: cannot {what} the password database: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// Another process commits a pair, under another name of the file and so another lock file.
    fn commit(path: &Path, pair: &str) {
        let mut child = Command::new("mdb_load")
            .args(["-n", "-T"])
            .arg(path)
            .stdin(Stdio::piped())
            .spawn()
            .expect("mdb_load is needed for this test");
        child.stdin.take().unwrap().write_all(pair.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn without_the_lock_file_a_commit_means_reading_again() {
        let folder = std::env::temp_dir().join(format!("oxisasl-unlocked-{}", std::process::id()));
        let (path, other) = (folder.join("db"), folder.join("other"));
        fs::create_dir(&folder).unwrap();
        commit(&other, "key\nold\n");
        fs::hard_link(&other, &path).unwrap();
        // No one can use this as a lock file.
        fs::create_dir(folder.join("db-lock")).unwrap();
        let file = LmdbFile::new(&path, LmdbOptions::default());
        let readings = Cell::new(0);
        let value = file
            .read(|txn, db| {
                readings.set(readings.get() + 1);
                if readings.get() == 1 {
                    commit(&other, "key\nnew\n");
                }
                txn.get(db, &"key").map(<[u8]>::to_vec)
            })
            .unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(readings.get(), 2);
        assert_eq!(value.unwrap(), b"new");
    }
}
