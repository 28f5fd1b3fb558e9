//! What tells one state of a file from another.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Two writes closer together than this may leave the same time stamp.
const CLOCK_GRAIN: Duration = Duration::from_millis(20);
/// The same for file systems that count whole seconds.
const COARSE_GRAIN: Duration = Duration::from_millis(1100);
/// A file last written longer ago than this is not about to be completed by its writer: if it is damaged, it stays so.
const STALLED_WRITER: Duration = Duration::from_secs(2);

/// Which file, how long, and when it was written and changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub device: u64,
    pub inode: u64,
    pub length: u64,
    pub modified: (i64, i64),
    pub changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// How long ago a time stamp of the file was; None if its clock is ahead of ours.
    fn age((seconds, nanoseconds): (i64, i64)) -> Option<Duration> {
        let at = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
        SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(at)
    }

    fn grain(&self) -> Duration {
        if self.modified.1 == 0 && self.changed.1 == 0 { COARSE_GRAIN } else { CLOCK_GRAIN }
    }

    /// Whether a write from now on is sure to change the stamp.
    pub(super) fn settled(&self, since: Instant) -> bool {
        let touched = self.modified.max(self.changed);
        since.elapsed() >= self.grain() || Stamp::age(touched).is_some_and(|age| age >= self.grain())
    }

    /// Whether the last write was so long ago that it is not still going on.
    pub(super) fn old(&self) -> bool {
        Stamp::age(self.modified).is_some_and(|age| age >= STALLED_WRITER)
    }
}
