//! What an LMDB file is when this library is built without LMDB: it is read, and cannot be written or made.

use std::path::PathBuf;

use super::LmdbOptions;
use super::reader::{Answer, Reader};
use crate::error::{Code, Error, Result};
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
    /// [`Code::Fail`] with the path and the cause; [`Code::BufOver`] if a value is longer than `limit`; [`Code::TryAgain`] if
    /// others write all the time.
    pub fn get_many(&self, keys: &[Vec<u8>], limit: usize) -> Result<Option<Vec<Option<Secret>>>> {
        self.answer(self.reader.get_many(keys, limit)?)
    }

    /// All keys, in the order of their bytes. None if there is no file.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause; [`Code::TryAgain`] if others write all the time.
    pub fn keys(&self) -> Result<Option<Vec<Vec<u8>>>> {
        self.answer(self.reader.keys()?)
    }

    /// Fails.
    ///
    /// # Errors
    /// [`Code::Fail`], always.
    pub fn apply(&self, _: &[(Vec<u8>, Option<&[u8]>)]) -> Result<()> {
        self.fail()
    }

    /// Fails.
    ///
    /// # Errors
    /// [`Code::Fail`], always.
    pub fn delete(&self, _: &[u8]) -> Result<bool> {
        self.fail()
    }

    fn answer<T>(&self, answer: Answer<T>) -> Result<Option<T>> {
        match answer {
            Answer::NoFile => Ok(None),
            Answer::Is(answer) => Ok(Some(answer)),
            Answer::Busy => {
                let path = self.path.display();
                Err(Error::new(Code::TryAgain, format!("{path}: the file is being written; try again")))
            }
        }
    }

    fn fail<T>(&self) -> Result<T> {
        let path = self.path.display();
        Err(Error::fail(format!(
            "{path}: this is (or is to become) an LMDB file, but the library was built without LMDB and only reads it"
        )))
    }
}
