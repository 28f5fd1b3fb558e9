//! What stands for an LMDB file when this library is built without LMDB: nothing can be done with it but be told so.

use std::path::PathBuf;

use super::LmdbOptions;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// An LMDB file at a path, which cannot be used.
#[derive(Debug)]
pub struct LmdbFile {
    path: PathBuf,
}

impl LmdbFile {
    /// The file at this path. Nothing is opened.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, _: LmdbOptions) -> Self {
        LmdbFile { path: path.into() }
    }

    /// Fails.
    ///
    /// # Errors
    /// [`Code::Fail`](crate::Code::Fail), always.
    pub fn get_many(&self, _: &[Vec<u8>], _: usize) -> Result<Option<Vec<Option<Secret>>>> {
        self.fail()
    }

    /// Fails.
    ///
    /// # Errors
    /// [`Code::Fail`](crate::Code::Fail), always.
    pub fn keys(&self) -> Result<Option<Vec<Vec<u8>>>> {
        self.fail()
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
            "{path}: this is (or is to become) an LMDB file, but the library was built without LMDB"
        )))
    }
}
