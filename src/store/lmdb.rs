//! Key-value access to an LMDB file, laid out as Cyrus SASL lays out its LMDB `sasldb`: a single file, its lock file
//! beside it with `-lock` added to the name, and everything in the unnamed database.
//!
//! New files get mode 0600 whatever the umask. Each write is one transaction, synced to disk before it is reported
//! done; writers in any number of threads and processes take turns, and one that is killed leaves the last complete
//! state behind. The map grows when it is full.
//!
//! Reading does not go through LMDB (`reader.rs`), which takes for granted that a file is sound and otherwise ends the
//! process; and before LMDB writes to a file, that is checked. Only where others write all the time LMDB reads as well: then a
//! file that others may not write can be read all the same, without the lock file if that is out of reach.
//!
//! Without the `lmdb` feature an [`LmdbFile`] is read, and not written.

#[cfg(feature = "lmdb")]
mod env;
#[cfg(feature = "lmdb")]
mod file;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod image;
mod page;
mod reader;
mod snapshot;
mod trail;
#[cfg(not(feature = "lmdb"))]
mod without;

#[cfg(feature = "lmdb")]
use crate::error::{Error, Result};
#[cfg(feature = "lmdb")]
pub(super) use env::Exclusion;
#[cfg(feature = "lmdb")]
pub use file::LmdbFile;
pub(super) use image::Image;
#[cfg(not(feature = "lmdb"))]
pub use without::LmdbFile;

/// The magic number of an LMDB file, at offset 16, in the byte order of the machine.
pub(crate) const MAGIC: u32 = 0xBEEF_C0DE;
/// The longest key of LMDB in bytes.
pub const MAX_KEY: usize = 511;

/// How an LMDB file is opened. The first opening in a process counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LmdbOptions {
    /// The size of the map in KiB (`sasldb_mapsize`); by default what the file says, or 1 MiB. It grows when full.
    pub map_kib: Option<u64>,
    /// How many transactions may read at the same time (`sasldb_maxreaders`); by default 126.
    pub max_readers: Option<u32>,
}

impl LmdbOptions {
    /// The size of the map in bytes, after checking both options.
    ///
    /// # Errors
    /// [`Code::BadParam`](crate::Code::BadParam) if an option cannot be used.
    #[cfg(feature = "lmdb")]
    fn map_size(self) -> Result<Option<usize>> {
        if self.max_readers == Some(0) {
            return Err(Error::param("sasldb_maxreaders must not be 0"));
        }
        let Some(kib) = self.map_kib else { return Ok(None) };
        // Rounded up to whole pages, with room for the two meta pages and a first leaf at least.
        let size = kib.max(64).checked_next_multiple_of(64).and_then(|kib| kib.checked_mul(1024));
        match size.and_then(|size| isize::try_from(size).ok()).and_then(|size| usize::try_from(size).ok()) {
            Some(size) => Ok(Some(size)),
            None => Err(Error::param(format!("sasldb_mapsize of {kib} KiB is more than this machine can map"))),
        }
    }
}
