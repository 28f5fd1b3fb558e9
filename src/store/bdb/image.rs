//! A fresh hash file with given pairs. First come the pages of the buckets, one for each and a power of two of them, so
//! that every number of the metadata page follows from how many there are; then what did not fit onto those: more pages
//! of a bucket, and the chains of overflow pages of long keys and values.

use std::cmp::Ordering;
use std::io::{self, Write};

use zeroize::Zeroizing;

use super::meta::{Head, Meta};
use super::page::{self, CHECKSUM_AT, ITEM_BIG, ITEM_INLINE, Layout, TYPE_HASH, TYPE_HASH_UNSORTED, TYPE_OVERFLOW};
use crate::secret::Secret;

/// How full the pages of buckets may be on average before there are more of them, in parts of eight.
const FILL: usize = 6;
/// Bytes of an item that says where the real one is.
const BIG: usize = 12;

/// A pair of the database.
pub(super) type Pair = (Vec<u8>, Secret);

/// A page of a bucket or of a chain.
struct Page<'a> {
    previous: u32,
    next: u32,
    content: Content<'a>,
}

enum Content<'a> {
    /// Keys and values by turns.
    Pairs(Vec<Item<'a>>),
    /// Part of a long key or value.
    Part(&'a [u8]),
}

enum Item<'a> {
    Inline(&'a [u8]),
    Big { page: u32, length: u32 },
}

/// The pages of a file but the first.
pub(super) struct Image<'a> {
    meta: &'a Meta,
    buckets: u32,
    entries: u32,
    /// Page 1 first.
    pages: Vec<Page<'a>>,
}

impl<'a> Image<'a> {
    /// Lays out a file of the kind of another one. No key may be there twice. None if it is too large for the format.
    pub(super) fn new(meta: &'a Meta, pairs: &'a [Pair]) -> Option<Self> {
        let layout = meta.layout;
        let room = layout.page_size.saturating_sub(layout.overhead());
        let total: usize = pairs.iter().map(|pair| space(layout, pair)).sum();
        let wanted = (total.saturating_mul(8) / room.saturating_mul(FILL)).saturating_add(1);
        let buckets = u32::try_from(wanted.max(2).checked_next_power_of_two()?).ok()?;
        let mut sorted: Vec<Vec<&Pair>> = (0..buckets).map(|_| Vec::new()).collect();
        for pair in pairs {
            let bucket = page::key_hash(&pair.0) & (buckets - 1);
            sorted.get_mut(bucket as usize)?.push(pair);
        }
        let mut image = Image { meta, buckets, entries: u32::try_from(pairs.len()).ok()?, pages: Vec::new() };
        image.pages.extend((0..buckets).map(|_| Page::of_bucket(0)));
        for (bucket, pairs) in (1..).zip(sorted) {
            let (mut big, mut small): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|pair| is_big(layout, &pair.0));
            small.sort_by(|one, other| order(&one.0, &other.0));
            big.sort_by(|one, other| one.0.cmp(&other.0));
            let last = image.fill_bucket(bucket, &small)?;
            if !big.is_empty() {
                let apart = if small.is_empty() { last } else { image.follow(last)? };
                image.fill_bucket(apart, &big)?;
            }
        }
        Some(image)
    }

    /// Puts pairs onto the page with this number, which is empty, and as many further ones as they need; gives the last.
    fn fill_bucket(&mut self, first: u32, pairs: &[&'a Pair]) -> Option<u32> {
        let layout = self.meta.layout;
        let mut number = first;
        let mut left = layout.page_size.saturating_sub(layout.overhead());
        for pair in pairs {
            let needed = space(layout, pair);
            if needed > left {
                number = self.follow(number)?;
                left = layout.page_size.saturating_sub(layout.overhead());
            }
            left = left.checked_sub(needed)?;
            let items = [self.item(&pair.0)?, self.item(pair.1.expose())?];
            match &mut self.page(number)?.content {
                Content::Pairs(list) => list.extend(items),
                Content::Part(_) => return None,
            }
        }
        Some(number)
    }

    /// Another page of the bucket whose last page this is.
    fn follow(&mut self, last: u32) -> Option<u32> {
        let next = self.append(Page::of_bucket(last))?;
        self.page(last)?.next = next;
        Some(next)
    }

    /// A key or value as it stands on a page of its bucket, with its chain if it has one.
    fn item(&mut self, bytes: &'a [u8]) -> Option<Item<'a>> {
        let layout = self.meta.layout;
        if !is_big(layout, bytes) {
            return Some(Item::Inline(bytes));
        }
        let (mut first, mut previous) = (None, 0);
        for part in bytes.chunks(layout.page_size.saturating_sub(layout.overhead())) {
            let number = self.append(Page { previous, next: 0, content: Content::Part(part) })?;
            if previous != 0 {
                self.page(previous)?.next = number;
            }
            first.get_or_insert(number);
            previous = number;
        }
        Some(Item::Big { page: first?, length: u32::try_from(bytes.len()).ok()? })
    }

    fn append(&mut self, page: Page<'a>) -> Option<u32> {
        self.pages.push(page);
        u32::try_from(self.pages.len()).ok()
    }

    fn page(&mut self, number: u32) -> Option<&mut Page<'a>> {
        self.pages.get_mut((number as usize).checked_sub(1)?)
    }

    /// Writes the file. Everything is as in `head`, which is the first page of the old one, but for what the contents
    /// decide and the number that tells files apart.
    ///
    /// # Errors
    /// Those of `out`.
    pub(super) fn write(&self, head: &Head, unique: &[u8; 20], out: &mut impl Write) -> io::Result<()> {
        let layout = self.meta.layout;
        let last_page = u32::try_from(self.pages.len()).map_err(io::Error::other)?;
        let mut page = Zeroizing::new(vec![0; layout.page_size]);
        page::put(&mut page, 0, &self.meta.head_of(head, self.buckets, last_page, self.entries, unique));
        out.write_all(&page)?;
        for (number, content) in (1..).zip(&self.pages) {
            page.fill(0);
            content.render(number, self.meta, &mut page);
            out.write_all(&page)?;
        }
        Ok(())
    }
}

impl Page<'_> {
    fn of_bucket(previous: u32) -> Self {
        Page { previous, next: 0, content: Content::Pairs(Vec::new()) }
    }

    /// Puts the page into `bytes`, which are zeros.
    fn render(&self, number: u32, meta: &Meta, bytes: &mut [u8]) {
        let layout = meta.layout;
        // The LSN of a page that is in no log.
        layout.put_u32(bytes, 4, 1);
        layout.put_u32(bytes, 8, number);
        layout.put_u32(bytes, 12, self.previous);
        layout.put_u32(bytes, 16, self.next);
        let (kind, entries, offset) = match &self.content {
            Content::Pairs(items) => {
                let kind = if meta.is_sorted() { TYPE_HASH } else { TYPE_HASH_UNSORTED };
                (kind, items.len(), render_items(items, layout, bytes))
            }
            Content::Part(part) => {
                page::put(bytes, layout.overhead(), part);
                // How many refer to it, and its length.
                (TYPE_OVERFLOW, 1, part.len())
            }
        };
        layout.put_u16(bytes, 20, low_half(entries));
        // An empty page of 65536 bytes has the offset 65536, of which 16 bits are 0.
        layout.put_u16(bytes, 22, low_half(offset));
        page::put(bytes, 25, &[kind]);
        if layout.checksums {
            let sum = page::checksum(bytes, CHECKSUM_AT);
            layout.put_u32(bytes, CHECKSUM_AT, sum);
        }
    }
}

/// Puts items onto a page from its end downwards, and the table of where they are; gives the place of the last.
fn render_items(items: &[Item<'_>], layout: Layout, bytes: &mut [u8]) -> usize {
    let mut at = layout.page_size;
    for (index, item) in items.iter().enumerate() {
        match item {
            Item::Inline(content) => {
                at = at.saturating_sub(content.len().saturating_add(1));
                page::put(bytes, at, &[ITEM_INLINE]);
                page::put(bytes, at.saturating_add(1), content);
            }
            Item::Big { page, length } => {
                at = at.saturating_sub(BIG);
                page::put(bytes, at, &[ITEM_BIG]);
                layout.put_u32(bytes, at.saturating_add(4), *page);
                layout.put_u32(bytes, at.saturating_add(8), *length);
            }
        }
        layout.put_u16(bytes, layout.overhead().saturating_add(index.saturating_mul(2)), low_half(at));
    }
    at
}

/// The lower 16 bits.
fn low_half(number: usize) -> u16 {
    (number & 0xffff) as u16
}

/// How Berkeley DB orders the keys of a page: by their bytes, and one that is the beginning of another comes after it. With
/// long keys, which have pages of their own, it is the other way round; a page with both kinds would have no order in which
/// its binary search finds each. So they stand on pages apart.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    let length = one.len().min(other.len());
    one.get(..length).cmp(&other.get(..length)).then(other.len().cmp(&one.len()))
}

/// Whether a key or value has pages of its own: when it is longer than a quarter of a page.
fn is_big(layout: Layout, bytes: &[u8]) -> bool {
    bytes.len() > layout.page_size / 4
}

/// Bytes that a pair takes of a page of its bucket, the table included.
fn space(layout: Layout, (key, value): &Pair) -> usize {
    let item = |bytes: &[u8]| if is_big(layout, bytes) { BIG } else { bytes.len().saturating_add(1) };
    item(key).saturating_add(item(value.expose())).saturating_add(4)
}
