//! Files that are kept open between calls.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::sys::env::{Rights, rights};

/// A file that stays open, but serves only who might have opened it just now.
#[derive(Debug)]
pub(super) struct KeptFile {
    file: Arc<File>,
    /// Device and inode.
    id: (u64, u64),
    /// When it was changed last, its mode and owner included.
    changed: (i64, i64),
    /// Those that it was opened with.
    rights: Rights,
}

impl KeptFile {
    /// Opens a file for reading, and says what the system knows of it.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Metadata)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let kept = KeptFile { file: Arc::new(file), id: id(&metadata), changed: changed(&metadata), rights: rights() };
        Ok((kept, metadata))
    }

    /// What the system knows of it now. None if it is to be opened anew: it was changed, which may be in who may read it; the
    /// process has given up the rights that it was opened with; or others have closed the descriptor, as daemons do with all
    /// that they know nothing of, and its number may be that of something else.
    pub(super) fn metadata(&self) -> Option<Metadata> {
        if self.rights != rights() {
            return None;
        }
        self.own_metadata().filter(|metadata| changed(metadata) == self.changed)
    }

    fn own_metadata(&self) -> Option<Metadata> {
        self.file.metadata().ok().filter(|metadata| id(metadata) == self.id)
    }

    /// The file, for as long as this is there.
    pub(super) fn share(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        // What has become someone else's is not closed.
        if self.own_metadata().is_none() {
            std::mem::forget(self.share());
        }
    }
}

impl Deref for KeptFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn changed(metadata: &Metadata) -> (i64, i64) {
    (metadata.ctime(), metadata.ctime_nsec())
}
