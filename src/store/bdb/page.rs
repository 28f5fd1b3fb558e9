//! Pages of a Berkeley DB hash file: header, items, checksum. Everything is bounds-checked; nothing here reads a file.
//!
//! A page starts with 26 bytes of header: LSN (8), its own number (4), the numbers of the pages before and after it in
//! its chain (4 and 4), the number of items (2), the offset of the lowest item (2), a level (1) and the type (1). With
//! checksums, two unused bytes and four bytes of checksum follow. Then comes a table of 16-bit offsets, one per item;
//! the items fill the page from its end downwards in the order of the table. All numbers are in the file's byte order.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io;

/// A page that holds pairs, as Berkeley DB up to 4.5 writes it (in no order).
pub(super) const TYPE_HASH_UNSORTED: u8 = 2;
/// A part of a key or value that is too big for a page.
pub(super) const TYPE_OVERFLOW: u8 = 7;
/// A page that holds pairs, sorted by key.
pub(super) const TYPE_HASH: u8 = 13;

/// Header bytes of a page without checksum.
const HEADER: usize = 26;
/// Header bytes of a page with checksum.
const HEADER_CHECKSUM: usize = 32;
/// Where a page's checksum lies.
pub(super) const CHECKSUM_AT: usize = 28;

/// Item types.
pub(super) const ITEM_INLINE: u8 = 1;
pub(super) const ITEM_DUPLICATES: u8 = 2;
pub(super) const ITEM_BIG: u8 = 3;
pub(super) const ITEM_DUPLICATE_TREE: u8 = 4;
const ITEM_BLOB: u8 = 5;

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum Problem {
    /// The system would not read a page.
    Io {
        /// The page.
        page: u32,
        /// The system's reason.
        error: io::Error,
    },
    /// A page does not hold what the format asks for.
    Damaged {
        /// The page.
        page: u32,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The file is intact, but of a kind that is not read.
    Unsupported(&'static str),
    /// The value is longer than the caller takes.
    TooLong {
        /// Its length in bytes.
        length: u32,
    },
}

/// What reading a file gives.
pub(super) type Read<T> = Result<T, Problem>;

impl Problem {
    /// The same problem again, for a file whose metadata page was already found wanting.
    pub(super) fn duplicate(&self) -> Problem {
        match self {
            Problem::Io { page, error } => {
                let error = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                Problem::Io { page: *page, error }
            }
            Problem::Damaged { page, reason } => Problem::Damaged { page: *page, reason: reason.clone() },
            Problem::Unsupported(what) => Problem::Unsupported(what),
            Problem::TooLong { length } => Problem::TooLong { length: *length },
        }
    }
}

/// Shorthand for a damaged page.
pub(super) fn damaged<T>(page: u32, reason: impl Into<Cow<'static, str>>) -> Read<T> {
    Err(Problem::Damaged { page, reason: reason.into() })
}

/// How the numbers and pages of one file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Most significant byte first.
    pub big_endian: bool,
    /// Bytes in a page, 512 to 65536.
    pub page_size: usize,
    /// Whether each page carries a checksum.
    pub checksums: bool,
}

impl Layout {
    /// A 16-bit number.
    fn number(self, raw: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) }
    }

    /// The 16-bit number at an offset.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        bytes.get(at..)?.first_chunk().map(|raw| self.number(*raw))
    }

    /// The 32-bit number at an offset.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw: [u8; 4] = bytes.get(at..)?.first_chunk().copied()?;
        Some(if self.big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    /// Puts a 16-bit number at an offset, which must lie within.
    pub(super) fn put_u16(self, bytes: &mut [u8], at: usize, number: u16) {
        let raw = if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        put(bytes, at, &raw);
    }

    /// Puts a 32-bit number at an offset, which must lie within.
    pub(super) fn put_u32(self, bytes: &mut [u8], at: usize, number: u32) {
        let raw = if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        put(bytes, at, &raw);
    }

    /// Header bytes before the table of offsets.
    pub(super) fn overhead(self) -> usize {
        if self.checksums { HEADER_CHECKSUM } else { HEADER }
    }
}

/// Puts bytes at an offset of a page; what would not fit is not put, which is a mistake of the caller's.
pub(super) fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
    let place = at.checked_add(bytes.len()).and_then(|end| page.get_mut(at..end));
    debug_assert!(place.is_some(), "{} bytes at {at}", bytes.len());
    if let Some(place) = place {
        place.copy_from_slice(bytes);
    }
}

/// The hash of Berkeley DB's checksums, over `bytes` with the four at `hole` taken as zero.
pub(super) fn checksum(bytes: &[u8], hole: usize) -> u32 {
    bytes.iter().enumerate().fold(0_u32, |sum, (at, &byte)| {
        let byte = if at.wrapping_sub(hole) < 4 { 0 } else { byte };
        sum.wrapping_mul(33).wrapping_add(u32::from(byte))
    })
}

/// The default hash of keys: Fowler, Noll and Vo's FNV-1 with an offset basis of zero.
pub(super) fn key_hash(key: &[u8]) -> u32 {
    key.iter().fold(0_u32, |hash, &byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte))
}

/// A key or value as a page holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// The bytes themselves.
    Inline(&'a [u8]),
    /// The bytes are on a chain of overflow pages.
    Big {
        /// The first page of the chain.
        page: u32,
        /// The length of the whole in bytes.
        length: u32,
    },
    /// Several values of one key: each is its length (16 bits), its bytes, its length again.
    Duplicates(&'a [u8]),
    /// Several values of one key, on pages of their own.
    DuplicateTree {
        /// The root of the tree.
        page: u32,
    },
}

/// What a page is, when it may stand in a bucket.
pub(super) enum Bucket<'a> {
    /// Never written: a bucket that was made in advance.
    Untouched,
    /// A page of pairs.
    Pairs(Pairs<'a>),
}

/// A page of pairs.
pub(super) struct Pairs<'a> {
    bytes: &'a [u8],
    layout: Layout,
    number: u32,
    entries: usize,
    /// Where the header says that the lowest item is.
    lowest: usize,
    /// The page before this one in its bucket; 0 for the first.
    pub previous: u32,
    /// The page after this one in its bucket; 0 for the last.
    pub next: u32,
}

/// A part of an overflow chain.
pub(super) struct Overflow<'a> {
    /// The bytes on this page.
    pub bytes: &'a [u8],
    /// The page before this one; 0 for the first.
    pub previous: u32,
    /// The page after this one; 0 for the last.
    pub next: u32,
}

/// The header fields that all page types share.
pub(super) struct Header {
    pub previous: u32,
    pub next: u32,
    pub entries: u16,
    pub offset: u16,
    pub kind: u8,
}

/// Checks what holds for every page and gives its header. `bytes` is one whole page.
pub(super) fn header(bytes: &[u8], layout: Layout, number: u32) -> Read<Header> {
    let parse = || {
        Some((
            layout.u32(bytes, 8)?,
            Header {
                previous: layout.u32(bytes, 12)?,
                next: layout.u32(bytes, 16)?,
                entries: layout.u16(bytes, 20)?,
                offset: layout.u16(bytes, 22)?,
                kind: *bytes.get(25)?,
            },
        ))
    };
    let Some((own, header)) = parse() else { return damaged(number, "the page is cut short") };
    if layout.checksums && layout.u32(bytes, CHECKSUM_AT) != Some(checksum(bytes, CHECKSUM_AT)) {
        return damaged(number, "its checksum does not match");
    }
    if own != number {
        return damaged(number, format!("it says that it is page {own}"));
    }
    Ok(header)
}

impl<'a> Bucket<'a> {
    /// Reads a page as part of a bucket.
    pub(super) fn parse(bytes: &'a [u8], layout: Layout, number: u32) -> Read<Self> {
        let bucket = Bucket::new(bytes, layout, number)?;
        if let Bucket::Pairs(pairs) = &bucket {
            pairs.check()?;
        }
        Ok(bucket)
    }

    /// As [`parse`](Self::parse), without looking at where the items are.
    pub(super) fn new(bytes: &'a [u8], layout: Layout, number: u32) -> Read<Self> {
        if bytes.iter().take(layout.overhead()).all(|&byte| byte == 0) {
            // A hole in the file. The rest must be empty as well, or the header has been lost.
            return match bytes.iter().all(|&byte| byte == 0) {
                true => Ok(Bucket::Untouched),
                false => damaged(number, "it has no header"),
            };
        }
        let header = header(bytes, layout, number)?;
        if header.kind != TYPE_HASH && header.kind != TYPE_HASH_UNSORTED {
            return damaged(number, format!("it is of type {} where a hash page should be", header.kind));
        }
        let entries = usize::from(header.entries);
        let table_end = layout.overhead().saturating_add(entries.saturating_mul(2));
        if !entries.is_multiple_of(2) || table_end > layout.page_size {
            return damaged(number, format!("it cannot hold {entries} items"));
        }
        let lowest = usize::from(header.offset);
        Ok(Bucket::Pairs(Pairs {
            bytes,
            layout,
            number,
            entries,
            lowest,
            previous: header.previous,
            next: header.next,
        }))
    }
}

impl<'a> Pairs<'a> {
    /// The items must lie one below the other, the lowest where the header says.
    pub(super) fn check(&self) -> Read<()> {
        let table_end = self.layout.overhead().saturating_add(self.entries.saturating_mul(2));
        let mut end = self.layout.page_size;
        for (index, start) in self.offsets().enumerate() {
            if start < table_end || start >= end {
                return damaged(self.number, format!("item {index} lies outside its place"));
            }
            end = start;
        }
        // An empty page of 65536 bytes has the offset 65536, of which 16 bits are 0.
        match self.lowest == end & 0xffff {
            true => Ok(()),
            false => damaged(self.number, "its lowest item is not where the header says"),
        }
    }

    /// Whether the keys are in the order of their bytes, and all of them on this page.
    pub(super) fn is_sorted(&self) -> bool {
        let mut last = None;
        (0..self.len()).all(|pair| match self.inline_key(pair) {
            Some(key) => last.replace(key).is_none_or(|last| last < key),
            None => false,
        })
    }

    /// Which pair has this key, of a page that is [sorted](Self::is_sorted).
    pub(super) fn search(&self, key: &[u8]) -> Read<Option<usize>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let Some(other) = self.inline_key(middle) else {
                return damaged(self.number, format!("pair {middle} has another key than before"));
            };
            match other.cmp(key) {
                Ordering::Equal => return Ok(Some(middle)),
                Ordering::Less => low = middle.saturating_add(1),
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The key of a pair, if it lies in the page.
    fn inline_key(&self, pair: usize) -> Option<&'a [u8]> {
        let table = self.table().as_chunks().0;
        let at = |index: usize| table.get(index).map(|raw| usize::from(self.layout.number(*raw)));
        let index = pair.saturating_mul(2);
        let end = if index == 0 { self.layout.page_size } else { at(index.saturating_sub(1))? };
        match self.bytes.get(at(index)?..end)?.split_first()? {
            (&ITEM_INLINE, key) => Some(key),
            _ => None,
        }
    }

    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.entries / 2
    }

    /// The key of a pair.
    pub(super) fn key(&self, pair: usize) -> Read<Item<'a>> {
        match self.item(pair.saturating_mul(2))? {
            Item::Duplicates(_) | Item::DuplicateTree { .. } => damaged(self.number, format!("pair {pair} has no key")),
            key => Ok(key),
        }
    }

    /// The value of a pair.
    pub(super) fn value(&self, pair: usize) -> Read<Item<'a>> {
        self.item(pair.saturating_mul(2).saturating_add(1))
    }

    /// Where the items begin: each of them goes on to where the one before it begins, the first to the end of the page.
    fn offsets(&self) -> impl Iterator<Item = usize> {
        let layout = self.layout;
        self.table().as_chunks().0.iter().map(move |raw| usize::from(layout.number(*raw)))
    }

    /// The table of these.
    fn table(&self) -> &'a [u8] {
        let start = self.layout.overhead();
        self.bytes.get(start..start.saturating_add(self.entries.saturating_mul(2))).unwrap_or_default()
    }

    fn offset(&self, index: usize) -> Option<usize> {
        let at = self.layout.overhead().checked_add(index.checked_mul(2)?)?;
        self.layout.u16(self.bytes, at).map(usize::from)
    }

    fn item(&self, index: usize) -> Read<Item<'a>> {
        self.parse_item(index).ok_or(()).or_else(|()| match self.raw(index).and_then(<[u8]>::first) {
            Some(&ITEM_BLOB) => Err(Problem::Unsupported("a value that is kept in a file of its own (a blob)")),
            _ => damaged(self.number, format!("item {index} is malformed")),
        })
    }

    fn raw(&self, index: usize) -> Option<&'a [u8]> {
        let end = match index.checked_sub(1) {
            None => self.layout.page_size,
            Some(before) => self.offset(before)?,
        };
        (index < self.entries).then_some(())?;
        self.bytes.get(self.offset(index)?..end)
    }

    fn parse_item(&self, index: usize) -> Option<Item<'a>> {
        let raw = self.raw(index)?;
        match raw.split_first()? {
            (&ITEM_INLINE, bytes) => Some(Item::Inline(bytes)),
            (&ITEM_DUPLICATES, list) => Some(Item::Duplicates(list)),
            (&ITEM_BIG, _) if raw.len() == 12 => {
                Some(Item::Big { page: self.layout.u32(raw, 4)?, length: self.layout.u32(raw, 8)? })
            }
            (&ITEM_DUPLICATE_TREE, _) if raw.len() == 8 => Some(Item::DuplicateTree { page: self.layout.u32(raw, 4)? }),
            _ => None,
        }
    }
}

impl<'a> Overflow<'a> {
    /// Reads a page as part of an overflow chain.
    pub(super) fn parse(bytes: &'a [u8], layout: Layout, number: u32) -> Read<Self> {
        let header = header(bytes, layout, number)?;
        if header.kind != TYPE_OVERFLOW {
            return damaged(number, format!("it is of type {} where an overflow page should be", header.kind));
        }
        let start = layout.overhead();
        match start.checked_add(usize::from(header.offset)).and_then(|end| bytes.get(start..end)) {
            Some(part) if !part.is_empty() => {
                Ok(Overflow { bytes: part, previous: header.previous, next: header.next })
            }
            _ => damaged(number, format!("it cannot hold {} bytes", header.offset)),
        }
    }
}

/// Splits a list of duplicates into its values.
pub(super) fn duplicates(list: &[u8], layout: Layout, page: u32) -> Read<Vec<&[u8]>> {
    let mut values = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let parse = || {
            let length = usize::from(layout.u16(rest, 0)?);
            let value = rest.get(2..length.checked_add(2)?)?;
            let after = rest.get(length.checked_add(2)?..)?;
            (usize::from(layout.u16(after, 0)?) == length).then_some((value, after.get(2..)?))
        };
        let Some((value, after)) = parse() else { return damaged(page, "a list of duplicate values is malformed") };
        values.push(value);
        rest = after;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_those_of_berkeley_db() {
        // What Berkeley DB 5.3 writes into every new file as the hash of this text.
        assert_eq!(key_hash(b"%$sniglet^&\0"), 0x5e68_8dd1);
        assert_eq!(checksum(&[1, 2, 9, 9, 9, 9, 3], 2), checksum(&[1, 2, 0, 0, 0, 0, 3], 99));
    }

    #[test]
    fn lists_of_duplicates_split_and_bad_ones_do_not() {
        let layout = Layout { big_endian: false, page_size: 512, checksums: false };
        let list = [1, 0, b'a', 1, 0, 2, 0, b'b', b'c', 2, 0];
        assert_eq!(duplicates(&list, layout, 1).unwrap(), [&b"a"[..], b"bc"]);
        for cut in 1..list.len() {
            if cut != 5 {
                assert!(duplicates(&list[..cut], layout, 1).is_err(), "{cut}");
            }
        }
    }
}
