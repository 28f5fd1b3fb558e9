//! The pages of an LMDB file of a 64-bit machine: meta pages and those of its trees. Everything is bounds-checked; nothing here
//! reads a file. All numbers are in the byte order of the machine.
//!
//! A page begins with its number (64 bits), 16 bits that mean nothing here, its flags (16), and two offsets (16 each): the end of
//! the table of its nodes and the beginning of the nodes, which fill the page to its end without gaps. In a chain for a long value
//! the number of its pages (32) is there instead of the offsets. A node has the low and the high half of a number (16 each), flags
//! (16), the length of its key (16), the key, and in a leaf the value. The number is the length of the value, or in a branch, with
//! the flags as the highest part, the page of the child.

use std::borrow::Cow;
use std::io;

use super::MAGIC;

/// Bytes of the header of a page.
pub(super) const HEADER: usize = 16;
/// Bytes of a meta page that mean something.
pub(super) const META: usize = 152;
/// What stands for no page.
pub(super) const NO_PAGE: u64 = u64::MAX;
/// Page flags. A page in a file has one of these and no other: LMDB would take one that says that it is being written for its own
/// copy of a page.
pub(super) const BRANCH: u16 = 1;
pub(super) const LEAF: u16 = 2;
pub(super) const CHAIN: u16 = 4;
/// The value of a node is on a chain of pages of its own.
pub(super) const LONG: u16 = 1;
/// Bytes of a node before its key.
pub(super) const NODE: usize = 8;

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum Problem {
    /// The system would not read a page.
    Io {
        /// The page.
        page: u64,
        /// The system's reason.
        error: io::Error,
    },
    /// A page does not hold what the format asks for.
    Damaged {
        /// The page.
        page: u64,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The file ends too early.
    Truncated {
        /// How long it is.
        length: u64,
        /// How long it should be.
        needed: u64,
    },
    /// The file is intact, but holds something else than this library would.
    Unsupported(&'static str),
    /// The value is longer than the caller takes.
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

/// What reading a file gives.
pub(super) type Read<T> = Result<T, Problem>;

/// Shorthand for a damaged page.
pub(super) fn damaged<T>(page: u64, reason: impl Into<Cow<'static, str>>) -> Read<T> {
    Err(Problem::Damaged { page, reason: reason.into() })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

/// A tree as a meta page describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tree {
    pub flags: u16,
    pub depth: u16,
    pub branches: u64,
    pub leaves: u64,
    /// Pages of chains.
    pub chained: u64,
    pub entries: u64,
    pub root: u64,
}

/// What a meta page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meta {
    pub page_size: usize,
    /// The unused pages, by the transactions that left them.
    pub free: Tree,
    pub main: Tree,
    pub last_page: u64,
    pub transaction: u64,
}

impl Meta {
    /// Reads the first bytes of a meta page, page `number`.
    pub(super) fn parse(bytes: &[u8], number: u64) -> Read<Self> {
        let parse = || {
            let tree = |at: usize| {
                Some(Tree {
                    flags: u16_at(bytes, at.checked_add(4)?)?,
                    depth: u16_at(bytes, at.checked_add(6)?)?,
                    branches: u64_at(bytes, at.checked_add(8)?)?,
                    leaves: u64_at(bytes, at.checked_add(16)?)?,
                    chained: u64_at(bytes, at.checked_add(24)?)?,
                    entries: u64_at(bytes, at.checked_add(32)?)?,
                    root: u64_at(bytes, at.checked_add(40)?)?,
                })
            };
            let page_size = u32_at(bytes, 40)?;
            let meta = Meta {
                page_size: page_size as usize,
                free: tree(40)?,
                main: tree(88)?,
                last_page: u64_at(bytes, 136)?,
                transaction: u64_at(bytes, 144)?,
            };
            // The version has development bits above it in some builds.
            let known = u32_at(bytes, 16)? == MAGIC && u32_at(bytes, 20)? & 0xffff == 1;
            let sound = page_size.is_power_of_two() && (256..=65536).contains(&page_size);
            (known && sound && meta.last_page >= 1 && meta.last_page < 1 << 48).then_some(meta)
        };
        match parse() {
            Some(meta) => Ok(meta),
            None => damaged(number, "a bad meta page"),
        }
    }

    /// How long the file must be.
    pub(super) fn needed(&self) -> u64 {
        (self.last_page.saturating_add(1)).saturating_mul(self.page_size as u64)
    }
}

/// A page of a tree.
pub(super) struct Page<'a> {
    bytes: &'a [u8],
    number: u64,
    pub is_leaf: bool,
    count: usize,
    /// Where the nodes begin.
    upper: usize,
}

/// A node of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub key: &'a [u8],
    pub content: Content<'a>,
}

/// What a node holds beside its key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// The page below, in a branch.
    Child(u64),
    /// The value itself.
    Value(&'a [u8]),
    /// A value on pages of its own.
    Long {
        /// The first of them.
        page: u64,
        /// Its length in bytes.
        length: usize,
    },
}

impl<'a> Page<'a> {
    /// Reads a page as part of a tree.
    pub(super) fn parse(bytes: &'a [u8], number: u64) -> Read<Self> {
        let page = Page::new(bytes, number)?;
        page.check().map(|()| page)
    }

    /// As [`parse`](Self::parse), without looking at the nodes.
    pub(super) fn new(bytes: &'a [u8], number: u64) -> Read<Self> {
        let header = || Some((u64_at(bytes, 0)?, u16_at(bytes, 10)?, u16_at(bytes, 12)?, u16_at(bytes, 14)?));
        let Some((own, flags, lower, upper)) = header() else { return damaged(number, "the page is cut short") };
        if own != number {
            return damaged(number, format!("it says that it is page {own}"));
        }
        let is_leaf = match flags {
            BRANCH => false,
            LEAF => true,
            flags => return damaged(number, format!("it is of type {flags:#x} where a page of a tree should be")),
        };
        let (lower, upper) = (usize::from(lower), usize::from(upper));
        if lower < HEADER || lower > upper || upper > bytes.len() || !lower.is_multiple_of(2) {
            return damaged(number, format!("its nodes cannot lie from {lower} to {upper}"));
        }
        Ok(Page { bytes, number, is_leaf, count: (lower - HEADER) / 2, upper })
    }

    /// The nodes must fill their part of the page, each its own.
    pub(super) fn check(&self) -> Read<()> {
        let mut spans = Vec::with_capacity(self.count);
        for index in 0..self.count {
            spans.push(self.span(index).ok_or(()).or_else(|()| self.malformed(index))?);
        }
        spans.sort_unstable();
        let mut free = self.upper;
        for (from, to) in spans {
            if from != free {
                return damaged(self.number, format!("its nodes do not follow one another at {from}"));
            }
            free = to;
        }
        match free == self.bytes.len() {
            true => Ok(()),
            false => damaged(self.number, "its nodes do not fill it"),
        }
    }

    fn malformed<T>(&self, index: usize) -> Read<T> {
        damaged(self.number, format!("node {index} is malformed"))
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Where a node lies, from and to.
    fn span(&self, index: usize) -> Option<(usize, usize)> {
        let at = usize::from(u16_at(self.bytes, HEADER.checked_add(index.checked_mul(2)?)?)?);
        let flags = u16_at(self.bytes, at.checked_add(4)?)?;
        let key = usize::from(u16_at(self.bytes, at.checked_add(6)?)?);
        let value = match (self.is_leaf, flags) {
            (false, _) => 0,
            (true, LONG) => 8,
            (true, _) => self.number_of(at)?,
        };
        let end = at.checked_add(NODE)?.checked_add(key)?.checked_add(value)?.checked_next_multiple_of(2)?;
        (end <= self.bytes.len()).then_some((at, end))
    }

    /// The number of 32 bits that a node begins with.
    fn number_of(&self, at: usize) -> Option<usize> {
        let (low, high) = (u16_at(self.bytes, at)?, u16_at(self.bytes, at.checked_add(2)?)?);
        Some(usize::from(high) << 16 | usize::from(low))
    }

    /// The key of a node.
    pub(super) fn key(&self, index: usize) -> Read<&'a [u8]> {
        let parse = || {
            let table = self.bytes.get(HEADER..)?.as_chunks().0.get(..self.count)?;
            let node = self.bytes.get(usize::from(u16::from_ne_bytes(*table.get(index)?))..)?;
            let (header, rest) = node.split_first_chunk::<NODE>()?;
            let [.., low, high] = *header;
            rest.get(..usize::from(u16::from_ne_bytes([low, high])))
        };
        parse().ok_or(()).or_else(|()| self.malformed(index))
    }

    /// A node.
    pub(super) fn node(&self, index: usize) -> Read<Node<'a>> {
        match self.parse_node(index) {
            Some(Some(node)) => Ok(node),
            Some(None) => Err(Problem::Unsupported("a file of several databases, or of several values under one key")),
            None => self.malformed(index),
        }
    }

    /// Some(None) if it is of a kind that no database of passwords has.
    fn parse_node(&self, index: usize) -> Option<Option<Node<'a>>> {
        let (at, _) = self.span(index).filter(|_| index < self.count)?;
        let flags = u16_at(self.bytes, at.checked_add(4)?)?;
        let key_at = at.checked_add(NODE)?;
        let rest = self.bytes.get(key_at..)?;
        let (key, rest) = rest.split_at_checked(usize::from(u16_at(self.bytes, at.checked_add(6)?)?))?;
        let number = self.number_of(at)?;
        let content = match (self.is_leaf, flags) {
            (false, highest) => Content::Child(u64::from(highest) << 32 | number as u64),
            (true, 0) => Content::Value(rest.get(..number)?),
            (true, LONG) => Content::Long { page: u64_at(rest, 0)?, length: number },
            (true, flags) if flags & !7 == 0 => return Some(None),
            (true, _) => return None,
        };
        Some(Some(Node { key, content }))
    }
}

/// How many pages the chain has whose first page this is.
pub(super) fn chain(bytes: &[u8], number: u64) -> Read<u32> {
    match (u64_at(bytes, 0), u16_at(bytes, 10), u32_at(bytes, 12)) {
        (Some(own), Some(flags), Some(count)) if own == number && flags == CHAIN => Ok(count),
        _ => damaged(number, "it is not the beginning of a long value"),
    }
}
