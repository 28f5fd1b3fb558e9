//! One Berkeley DB hash file as it was at one moment: lookups by key, and a walk over everything.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::duplicates;
use super::meta::{Head, META, Meta};
use super::page::{self, Bucket, Item, Overflow, Pairs, Problem, Read, damaged};
use crate::secret::Secret;
use crate::store::marks::Marks;
use crate::store::page_buffer::PageBuffer;

/// An open hash file.
#[derive(Debug)]
pub(super) struct HashFile {
    file: Arc<File>,
    pub(super) meta: Meta,
    /// The metadata page as it is in the file.
    pub(super) head: Head,
    /// Whether everything in it has been read and found in its place.
    verified: Cell<bool>,
    /// The pages of pairs that are sound, and whose keys are in the order of their bytes.
    sorted: RefCell<Marks>,
}

impl HashFile {
    /// Reads the metadata of an open file.
    pub(super) fn new(file: impl Into<Arc<File>>) -> Read<Self> {
        let file = file.into();
        let io = |error| Problem::Io { page: 0, error };
        let length = file.metadata().map_err(io)?.len();
        let mut head = [0; META];
        match file.read_exact_at(&mut head, 0) {
            Ok(()) => {
                let meta = Meta::parse(&head, length)?;
                Ok(HashFile { file, meta, head, verified: Cell::new(false), sorted: RefCell::default() })
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged(0, "the file is truncated"),
            Err(error) => Err(io(error)),
        }
    }

    /// A buffer for one page.
    pub(super) fn buffer(&self) -> PageBuffer {
        PageBuffer::new(self.meta.layout.page_size)
    }

    /// Reads a page.
    pub(super) fn page(&self, number: u32, buffer: &mut [u8]) -> Read<()> {
        if number == 0 || number > self.meta.last_page {
            return damaged(number, "it is referred to, but lies outside the file; is that truncated?");
        }
        let at = u64::from(number) * self.meta.layout.page_size as u64;
        match self.file.read_exact_at(buffer, at) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged(number, "the file is truncated"),
            Err(error) => Err(Problem::Io { page: number, error }),
        }
    }

    /// The value of a key, the first if it has several. Values longer than `limit` bytes are an error.
    pub(super) fn get(&self, key: &[u8], limit: u32, buffer: &mut [u8]) -> Read<Option<Secret>> {
        if self.meta.default_hash {
            return self.get_in(self.meta.bucket_of(key), key, limit, buffer);
        }
        for bucket in 0..=self.meta.max_bucket {
            if let Some(value) = self.get_in(bucket, key, limit, buffer)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn get_in(&self, bucket: u32, key: &[u8], limit: u32, buffer: &mut [u8]) -> Read<Option<Secret>> {
        let (mut number, mut previous) = (self.meta.page_of(bucket)?, 0);
        while number != 0 {
            self.page(number, buffer)?;
            let pairs = match Bucket::new(buffer, self.meta.layout, number)? {
                Bucket::Untouched if previous == 0 => return Ok(None),
                Bucket::Untouched => return damaged(number, "a bucket goes on here, but nothing was written"),
                Bucket::Pairs(pairs) => pairs,
            };
            check_link(number, previous, pairs.previous)?;
            if let Some(pair) = self.find(&pairs, number, key)? {
                let take = Take::First(limit);
                return match pairs.value(pair)? {
                    Item::Inline(bytes) => take.check(bytes.len()).map(|_| Some(Secret::from(bytes))),
                    item => Ok(self.values(number, item, take, &mut BTreeSet::new())?.into_iter().next()),
                };
            }
            // The key is not here. That is worth believing only if what is here belongs here.
            if !self.is_verified() {
                self.check_places(&pairs, bucket, number)?;
            }
            (previous, number) = (number, pairs.next);
        }
        Ok(None)
    }

    /// Which pair of a page has a key. A page is checked when it is seen first.
    fn find(&self, pairs: &Pairs<'_>, number: u32, key: &[u8]) -> Read<Option<usize>> {
        let mut sorted = self.sorted.borrow_mut();
        if sorted.has(number.into()) {
            return pairs.search(key);
        }
        pairs.check()?;
        // By Berkeley DB up to 4.5, and where a program has an order of its own, they are not.
        if pairs.is_sorted() {
            sorted.add(number.into());
        }
        for pair in 0..pairs.len() {
            let same = match pairs.key(pair)? {
                Item::Inline(bytes) => bytes == key,
                Item::Big { page, length } if length as usize == key.len() => {
                    *self.big(page, length, &mut BTreeSet::new())? == key
                }
                _ => false,
            };
            if same {
                return Ok(Some(pair));
            }
        }
        Ok(None)
    }

    /// Each key on a page of a bucket must hash to that bucket.
    fn check_places(&self, pairs: &Pairs<'_>, bucket: u32, number: u32) -> Read<()> {
        for pair in 0..pairs.len() {
            if let Item::Inline(key) = pairs.key(pair)? {
                self.check_place(key, bucket, number)?;
            }
        }
        Ok(())
    }

    fn check_place(&self, key: &[u8], bucket: u32, number: u32) -> Read<()> {
        match self.meta.default_hash && self.meta.bucket_of(key) != bucket {
            true => damaged(number, format!("a key on it does not belong to bucket {bucket}")),
            false => Ok(()),
        }
    }

    /// The bytes of a chain of overflow pages. `seen` gets the pages.
    pub(super) fn big(&self, first: u32, length: u32, seen: &mut BTreeSet<u32>) -> Read<Zeroizing<Vec<u8>>> {
        let room = self.meta.pages().saturating_mul(self.meta.layout.page_size as u64);
        if u64::from(length) > room {
            return damaged(first, format!("an item of {length} bytes cannot start here"));
        }
        // Grown as pages turn up, so that a wrong length costs nothing; allocated anew by hand, so that the old
        // allocation is wiped.
        let mut whole = Zeroizing::new(Vec::new());
        let mut buffer = self.buffer();
        let (mut number, mut previous) = (first, 0);
        while number != 0 {
            if !seen.insert(number) {
                return damaged(number, "two items lie on it");
            }
            self.page(number, &mut buffer)?;
            let part = Overflow::parse(&buffer, self.meta.layout, number)?;
            check_link(number, previous, part.previous)?;
            append(&mut whole, part.bytes);
            if whole.len() > length as usize {
                return damaged(number, format!("an item is longer than its {length} bytes"));
            }
            (previous, number) = (number, part.next);
        }
        match whole.len() == length as usize {
            true => Ok(whole),
            false => damaged(previous, format!("an item ends before its {length} bytes")),
        }
    }

    /// The values that the value item of a pair stands for.
    fn values(&self, number: u32, item: Item<'_>, take: Take, seen: &mut BTreeSet<u32>) -> Read<Vec<Secret>> {
        let values = match item {
            Item::Inline(bytes) => vec![take.check(bytes.len())?.then(|| Secret::from(bytes))],
            Item::Big { page, length } => {
                take.check(length as usize)?;
                vec![Some(Secret::new(std::mem::take(&mut *self.big(page, length, seen)?)))]
            }
            Item::Duplicates(list) => {
                let all = page::duplicates(list, self.meta.layout, number)?;
                let wanted = all.iter().take(take.count());
                wanted.map(|bytes| Ok(take.check(bytes.len())?.then(|| Secret::from(*bytes)))).collect::<Read<_>>()?
            }
            Item::DuplicateTree { page } => duplicates::read(self, page, take, seen)?.into_iter().map(Some).collect(),
        };
        let values: Vec<_> = values.into_iter().flatten().collect();
        match values.is_empty() {
            true => damaged(number, "a key has no value"),
            false => Ok(values),
        }
    }

    /// All pairs, in the order of the file.
    pub(super) fn pairs(&self) -> Walk<'_> {
        Walk {
            file: self,
            bucket: None,
            at: (0, 0),
            seen: BTreeSet::new(),
            keys: BTreeSet::new(),
            buffer: self.buffer(),
            ready: VecDeque::new(),
            failed: false,
        }
    }

    /// Reads everything and checks that it is whole, in its place, and that nothing is left over.
    pub(super) fn verify(&self) -> Read<()> {
        let mut walk = self.pairs();
        for pair in walk.by_ref() {
            pair?;
        }
        let Walk { seen, mut buffer, .. } = walk;
        for number in 1..=self.meta.last_page {
            if seen.contains(&number) {
                continue;
            }
            self.page(number, &mut buffer)?;
            if let Ok(Bucket::Pairs(pairs)) = Bucket::parse(&buffer, self.meta.layout, number)
                && pairs.len() != 0
            {
                return damaged(number, "it holds pairs, but no bucket leads to it");
            }
        }
        self.trust();
        Ok(())
    }

    /// Takes everything for sound, as it was found before.
    pub(super) fn trust(&self) {
        self.verified.set(true);
    }

    /// Whether everything was found in order.
    pub(super) fn is_verified(&self) -> bool {
        self.verified.get()
    }
}

/// How much of a key's values is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Take {
    /// The first, if it is no longer than this.
    First(u32),
    /// All.
    All,
}

impl Take {
    /// Refuses a value that is too long; otherwise true.
    pub(super) fn check(self, length: usize) -> Read<bool> {
        match self {
            Take::First(limit) if length > limit as usize => {
                Err(Problem::TooLong { length: u32::try_from(length).unwrap_or(u32::MAX) })
            }
            _ => Ok(true),
        }
    }

    /// How many values are wanted.
    pub(super) fn count(self) -> usize {
        match self {
            Take::First(_) => 1,
            Take::All => usize::MAX,
        }
    }
}

/// Pages link to each other in both directions; that also makes an endless chain impossible.
pub(super) fn check_link(number: u32, previous: u32, said: u32) -> Read<()> {
    match previous == said {
        true => Ok(()),
        false => damaged(number, format!("it follows page {previous} but says that it follows page {said}")),
    }
}

/// Appends without leaving an unwiped copy behind, as a growing `Vec` would.
fn append(whole: &mut Zeroizing<Vec<u8>>, part: &[u8]) {
    if whole.capacity() - whole.len() < part.len() {
        let mut larger = Vec::with_capacity((whole.len() + part.len()).saturating_mul(2));
        larger.extend_from_slice(whole);
        *whole = Zeroizing::new(larger);
    }
    whole.extend_from_slice(part);
}

/// An iterator over the pairs of a file; see [`HashFile::pairs`]. It ends after the first error.
pub(super) struct Walk<'f> {
    file: &'f HashFile,
    /// The bucket being read.
    bucket: Option<u32>,
    /// The next page of that bucket, 0 if none, and the one before it.
    at: (u32, u32),
    seen: BTreeSet<u32>,
    /// The keys of that bucket so far.
    keys: BTreeSet<Vec<u8>>,
    buffer: PageBuffer,
    /// What has been read of the current page.
    ready: VecDeque<(Vec<u8>, Secret)>,
    failed: bool,
}

impl Walk<'_> {
    /// Reads the next page; false at the end.
    fn fill(&mut self) -> Read<bool> {
        let (file, meta) = (self.file, &self.file.meta);
        if self.at.0 == 0 {
            let bucket = self.bucket.map_or(0, |bucket| bucket.saturating_add(1));
            if bucket > meta.max_bucket || self.bucket == Some(u32::MAX) {
                return Ok(false);
            }
            self.bucket = Some(bucket);
            self.keys.clear();
            self.at = (meta.page_of(bucket)?, 0);
        }
        let (number, previous) = self.at;
        let bucket = self.bucket.unwrap_or_default();
        file.page(number, &mut self.buffer)?;
        let pairs = match Bucket::parse(&self.buffer, meta.layout, number)? {
            Bucket::Untouched if previous == 0 => {
                self.at = (0, 0);
                return Ok(true);
            }
            Bucket::Untouched => return damaged(number, "a bucket goes on here, but nothing was written"),
            Bucket::Pairs(pairs) => pairs,
        };
        check_link(number, previous, pairs.previous)?;
        if !self.seen.insert(number) {
            return damaged(number, "it belongs to two buckets");
        }
        for pair in 0..pairs.len() {
            let key = match pairs.key(pair)? {
                Item::Big { page, length } => file.big(page, length, &mut self.seen)?.to_vec(),
                Item::Inline(bytes) => bytes.to_vec(),
                _ => return damaged(number, format!("pair {pair} has no key")),
            };
            file.check_place(&key, bucket, number)?;
            // Duplicates share one key; a second one is another key gone wrong, and would get its owner's secret.
            if !self.keys.insert(key.clone()) {
                return damaged(number, "a key on it is already taken");
            }
            for value in file.values(number, pairs.value(pair)?, Take::All, &mut self.seen)? {
                self.ready.push_back((key.clone(), value));
            }
        }
        self.at = (pairs.next, number);
        Ok(true)
    }
}

impl Iterator for Walk<'_> {
    type Item = Read<(Vec<u8>, Secret)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.ready.pop_front() {
                return Some(Ok(pair));
            }
            if self.failed {
                return None;
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(problem) => {
                    self.failed = true;
                    self.ready.clear();
                    return Some(Err(problem));
                }
            }
        }
    }
}
