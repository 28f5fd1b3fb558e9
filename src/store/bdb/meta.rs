//! The metadata page of a Berkeley DB hash file: page 0, of which 512 bytes mean something.
//!
//! | version | Berkeley DB | bucket numbers at | spares at |
//! |---|---|---|---|
//! | 4, 5 | 2, 3.0 | 32 | 60, meaning something else |
//! | 6 | 3.1 | 56 | 80 |
//! | 7 | 3.2, 3.3 | 72 | 96 |
//! | 8 | 4.0 to 4.5 | 72 | 96 |
//! | 9 | 4.6 to 5.3 | 72 | 96 |
//! | 10 | 6.0 and later | 72 | 96 |
//!
//! The bucket numbers are six numbers of 32 bits: the last bucket, the mask for the hash, the mask of the doubling before,
//! the fill factor, the number of keys, and the hash of a text. Up to 8, pages of pairs are in no order.

use super::page::{self, Layout, Problem, Read, damaged};

/// The magic number of a hash file, at offset 12.
pub(crate) const MAGIC: u32 = 0x0006_1561;
/// Bytes of the metadata page that mean something.
pub(super) const META: usize = 512;
/// Those bytes.
pub(super) type Head = [u8; META];
/// Where the version lies.
const VERSION_AT: usize = 16;
/// Where the number of the last page lies, from version 8 on.
const LAST_PAGE_AT: usize = 32;
/// Where the number of the first unused page lies.
const FREE_AT: usize = 28;
/// Where a number that tells files apart lies, and how long it is.
const UNIQUE: std::ops::Range<usize> = 52..72;
/// Where the metadata page's checksum lies.
const META_CHECKSUM_AT: usize = 492;
/// The type of a metadata page of a hash file.
const TYPE_META: u8 = 8;
/// The versions that are read.
const VERSIONS: std::ops::RangeInclusive<u32> = 4..=10;
/// The versions that are written.
const WRITTEN: std::ops::RangeInclusive<u32> = 7..=9;
/// The first version that sorts the pairs of a page.
const SORTED: u32 = 9;
/// The text whose hash every file carries, so that a file made with another hash function can be told.
const HASHED_TEXT: &[u8] = b"%$sniglet^&\0";

/// What the metadata page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meta {
    pub layout: Layout,
    pub version: u32,
    /// The last page, 0 being the metadata page.
    pub last_page: u32,
    /// The last bucket.
    pub max_bucket: u32,
    high_mask: u32,
    low_mask: u32,
    spares: [u32; 32],
    /// How many pairs there are. Berkeley DB does not rely on it, and it is not always right.
    pub entries: u32,
    /// Whether keys are hashed with the default function of Berkeley DB 3 and later.
    pub default_hash: bool,
}

/// Where a version has its numbers.
struct Offsets {
    buckets: usize,
    spares: usize,
}

impl Offsets {
    fn of(version: u32) -> Self {
        match version {
            ..=5 => Offsets { buckets: 32, spares: 60 },
            6 => Offsets { buckets: 56, spares: 80 },
            _ => Offsets { buckets: 72, spares: 96 },
        }
    }

    /// The n-th of the bucket numbers.
    fn bucket(&self, number: usize) -> usize {
        self.buckets.saturating_add(number.saturating_mul(4))
    }

    /// The n-th spare.
    fn spare(&self, number: usize) -> usize {
        self.spares.saturating_add(number.saturating_mul(4))
    }
}

impl Meta {
    /// Reads the metadata out of the first 512 bytes of a file that is `length` bytes long.
    pub(super) fn parse(head: &Head, length: u64) -> Read<Self> {
        let mut layout = Layout { big_endian: false, page_size: 0, checksums: false };
        if layout.u32(head, 12) != Some(MAGIC) {
            layout.big_endian = true;
        }
        let number = |at| layout.u32(head, at).ok_or(Problem::Damaged { page: 0, reason: "it is cut short".into() });
        if number(12)? != MAGIC {
            return damaged(0, "it is not the metadata page of a Berkeley DB hash file");
        }
        let version = number(VERSION_AT)?;
        if version < *VERSIONS.start() {
            return Err(Problem::Unsupported("a hash file older than Berkeley DB 2"));
        } else if version > *VERSIONS.end() {
            return Err(Problem::Unsupported("a hash file newer than Berkeley DB 18.1"));
        }
        if number(8)? != 0 {
            return damaged(0, "it is not the metadata page of a Berkeley DB hash file");
        }
        let checksums = checksums(head, version, layout)?;
        let page_size = number(20)?;
        if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
            return damaged(0, format!("a page size of {page_size} bytes is not legal"));
        }
        let at = Offsets::of(version);
        let meta = Meta {
            layout: Layout { page_size: page_size as usize, checksums, ..layout },
            version,
            last_page: last_page(version, number(LAST_PAGE_AT)?, length, page_size)?,
            max_bucket: number(at.bucket(0))?,
            high_mask: number(at.bucket(1))?,
            low_mask: number(at.bucket(2))?,
            spares: spares(version, |index| number(at.spare(index)))?,
            entries: number(at.bucket(4))?,
            default_hash: number(at.bucket(5))? == page::key_hash(HASHED_TEXT),
        };
        meta.check()?;
        Ok(meta)
    }

    /// The numbers must agree with one another.
    fn check(&self) -> Read<()> {
        let Meta { max_bucket, high_mask, low_mask, .. } = *self;
        let masks_fit = high_mask.wrapping_add(1).is_power_of_two() && low_mask == high_mask >> 1;
        if !masks_fit || max_bucket > high_mask || max_bucket < low_mask {
            return damaged(0, format!("its bucket masks disagree ({max_bucket}, {high_mask}, {low_mask})"));
        }
        // Within one doubling, buckets and pages rise together: its last bucket decides.
        let mut end = 0_u32;
        loop {
            self.page_of(end)?;
            if end >= max_bucket {
                return Ok(());
            }
            end = end.saturating_mul(2).saturating_add(1).min(max_bucket);
        }
    }

    /// The first page of a bucket: buckets are laid out in groups of doubling size, each contiguous, and `spares` says
    /// how many other pages lie before each group.
    pub(super) fn page_of(&self, bucket: u32) -> Read<u32> {
        let group = (u64::from(bucket) + 1).next_power_of_two().trailing_zeros() as usize;
        let page = self.spares.get(group).and_then(|before| before.checked_add(bucket));
        match page {
            Some(page) if page != 0 && page <= self.last_page => Ok(page),
            _ => damaged(0, format!("it puts bucket {bucket} outside the file; is that truncated?")),
        }
    }

    /// The bucket that a key belongs to.
    pub(super) fn bucket_of(&self, key: &[u8]) -> u32 {
        let hash = page::key_hash(key);
        match hash & self.high_mask {
            bucket if bucket <= self.max_bucket => bucket,
            _ => hash & self.low_mask,
        }
    }

    /// How many pages the file has.
    pub(super) fn pages(&self) -> u64 {
        u64::from(self.last_page) + 1
    }

    /// Whether the pairs of a page are sorted by their keys.
    pub(super) fn is_sorted(&self) -> bool {
        self.version >= SORTED
    }

    /// Whether a file like this can be written so that the programs that use it still read it. Otherwise why not.
    pub(super) fn check_writable(&self) -> Result<(), String> {
        let Meta { version, .. } = *self;
        if version > *WRITTEN.end() {
            Err(format!("version {version}, of Berkeley DB 6 or later, is read but not written"))
        } else if version < *WRITTEN.start() {
            Err(format!(
                "version {version}, of Berkeley DB 3.1 or earlier, is read but not written; db5.3_upgrade (Debian: db5.3-util) converts a copy of it"
            ))
        } else if !self.default_hash {
            Err("a file made with a hash function of a program's own is read but not written".to_owned())
        } else {
            Ok(())
        }
    }

    /// The metadata page of a file with other contents: `buckets` buckets, a power of two, whose pages follow one another
    /// from page 1 on. Everything else is as in `head`, but for the number that tells files apart, which is `unique`.
    pub(super) fn head_of(&self, head: &Head, buckets: u32, last_page: u32, entries: u32, unique: &[u8; 20]) -> Head {
        let (layout, at) = (self.layout, Offsets::of(self.version));
        let mut new = *head;
        let mut put = |at, number| layout.put_u32(&mut new, at, number);
        put(FREE_AT, 0);
        put(LAST_PAGE_AT, last_page);
        let max_bucket = buckets.saturating_sub(1);
        for (index, number) in [max_bucket, max_bucket, max_bucket >> 1].into_iter().enumerate() {
            put(at.bucket(index), number);
        }
        put(at.bucket(4), entries);
        for group in 0..32 {
            put(at.spare(group), u32::from(group as u32 <= buckets.trailing_zeros()));
        }
        // The LSN of a file that is in no log.
        put(0, 0);
        put(4, 1);
        page::put(&mut new, UNIQUE.start, unique);
        if layout.checksums {
            let sum = page::checksum(&new, META_CHECKSUM_AT);
            layout.put_u32(&mut new, META_CHECKSUM_AT, sum);
        }
        new
    }
}

/// Whether the pages have checksums, after checking that of the metadata page and what else is said before the numbers.
fn checksums(head: &Head, version: u32, layout: Layout) -> Read<bool> {
    let Some(&[cipher, kind, flags]) = head.get(24..27) else { return damaged(0, "it is cut short") };
    if version < 6 {
        return Ok(false);
    }
    if version > 6 && cipher != 0 {
        return Err(Problem::Unsupported("an encrypted file"));
    }
    if kind != TYPE_META {
        return damaged(0, "it is not the metadata page of a Berkeley DB hash file");
    }
    if version == 6 {
        return Ok(false);
    }
    if flags & !7 != 0 {
        return damaged(0, format!("it has unknown flags {flags:#x}"));
    }
    if flags & 1 != 0 && layout.u32(head, META_CHECKSUM_AT) != Some(page::checksum(head, META_CHECKSUM_AT)) {
        return damaged(0, "its checksum does not match");
    }
    if flags & 6 != 0 || (version > 8 && layout.u32(head, 36) != Some(0)) {
        return Err(Problem::Unsupported("a file partitioned over several files"));
    }
    Ok(flags & 1 != 0)
}

/// The last page of a file of `length` bytes, which the metadata page says to be `said`.
fn last_page(version: u32, said: u32, length: u64, page_size: u32) -> Read<u32> {
    let (whole, rest) = (length / u64::from(page_size), length % u64::from(page_size));
    let there = u32::try_from(whole.saturating_sub(1)).unwrap_or(u32::MAX);
    if version < 8 {
        // Not said. Whatever is missing at the end is missed by what refers to it.
        return match rest {
            0 if whole > 1 => Ok(there),
            _ => damaged(there, format!("the file is truncated: {length} bytes are no pages of {page_size}")),
        };
    }
    let expected = (u64::from(said) + 1) * u64::from(page_size);
    if length >= expected {
        Ok(said)
    } else if whole == u64::from(said) && rest == 0 && whole > 1 {
        // What db_upgrade makes of an older version says one page too many.
        Ok(there)
    } else {
        damaged(said, format!("the file is truncated: it is {length} bytes long where {expected} are needed"))
    }
}

/// How many other pages lie before each group of buckets.
fn spares(version: u32, number: impl Fn(usize) -> Read<u32>) -> Read<[u32; 32]> {
    let mut spares = [0; 32];
    for (index, spare) in spares.iter_mut().enumerate() {
        *spare = match (version, index.checked_sub(1)) {
            (6.., _) => number(index)?,
            // Older ones have the pages other than this and those of buckets, up to the end of each group.
            (_, None) => 1,
            (_, Some(before)) => match number(before)?.checked_add(1) {
                Some(spare) => spare,
                None => return damaged(0, "it has more pages than there can be"),
            },
        };
    }
    Ok(spares)
}
