//! What an LMDB file is when this library is built without LMDB: it is read, and cannot be written or made.

use std::path::PathBuf;

use super::LmdbOptions;
use super::reader::Reader;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// An LMDB file at a path, which is only read.
#[derive(Debug)]
pub struct LmdbFile {
    path: PathBuf,
    reader: Reader,
}

impl LmdbFile {
    /// The file at this path. Nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, _: LmdbOptions) -> Self {
        let path = path.into();
        LmdbFile { reader: Reader::new(&path), path }
    }

    /// The values of several keys, all as of one moment, of at most `limit` bytes each. None if there is no file.
    ///
    /// # Errors
    /// [`Code::Fail`](crate::Code::Fail) with the path and the cause; [`Code::BufOver`](crate::Code::BufOver) if a value is
    /// longer than `limit`; [`Code::TryAgain`](crate::Code::TryAgain) if others write all the time.
    pub fn get_many(&self, keys: &[Vec<u8>], limit: usize) -> Result<Option<Vec<Option<Secret>>>> {
        self.reader.get_many(keys, limit)?.or_busy(&self.path)
    }

    /// All keys, in the order of their bytes. None if there is no file.
    ///
    /// # Errors
    /// As [`LmdbFile::get_many`].
    pub fn keys(&self) -> Result<Option<Vec<Vec<u8>>>> {
        self.reader.keys()?.or_busy(&self.path)
    }

    /// The pairs whose keys come after this one, or from the first one on, in the order of their bytes: some of them, and none
    /// only when there are none. Without `values` those are empty. Only the pairs of one call are of one moment.
    ///
    /// # Errors
    /// As [`LmdbFile::keys`].
    pub fn after(&self, key: Option<&[u8]>, values: bool) -> Result<Vec<(Vec<u8>, Secret)>> {
        let pairs = self.reader.after(key, 1 << 20, values)?.or_busy(&self.path)?;
        Ok(pairs.unwrap_or_default())
    }

    /// Reads the whole file and checks that every page is sound and every key in its order.
    ///
    /// # Errors
    /// As [`LmdbFile::keys`].
    pub fn verify(&self) -> Result<()> {
        self.reader.verify()?.or_busy(&self.path).map(|_| ())
    }

    /// The number of the last transaction; 0 if there is no file.
    ///
    /// # Errors
    /// As [`LmdbFile::keys`].
    pub fn transaction(&self) -> Result<u64> {
        self.reader.transaction()?.or_busy(&self.path).map(Option::unwrap_or_default)
    }

    /// Fails.
    ///
    /// # Errors
    /// [`Code::Fail`](crate::Code::Fail), always.
    pub fn apply(&self, _: &[(Vec<u8>, Option<&[u8]>)]) -> Result<()> {
        self.fail()
    }

    /// Fails.
    ///
    /// # Errors
    /// [`Code::Fail`](crate::Code::Fail), always.
    pub fn delete(&self, _: &[u8]) -> Result<bool> {
        self.fail()
    }

    fn fail<T>(&self) -> Result<T> {
        let path = self.path.display();
        Err(Error::fail(format!(
            "{path}: this is (or is to become) an LMDB file, but the library was built without LMDB and only reads it"
        )))
    }
}
