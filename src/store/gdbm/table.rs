//! The parts of a GDBM file: header, directory, buckets. Everything is bounds-checked; nothing here reads a file.
//!
//! The header says where the directory is: a table of addresses of buckets, one for each value of the first bits of a hash
//! of 31 bits. Buckets whose keys have fewer of those bits in common are in it several times. A bucket has a table of its
//! elements, each with the hash of a key and the place of the key, which the value follows. What is free is in lists, which
//! do not matter here. All numbers are in the byte order, and have the size and alignment, of the machine that made the file.

use std::borrow::Cow;
use std::io;

/// How many free areas a bucket lists.
const BUCKET_AVAILABLE: usize = 6;
/// Bytes of a header up to the end of what is read of it, at most.
pub(super) const HEADER: usize = 40;
/// The largest hash, and the longest key and value: all have 31 bits.
const MAX_LENGTH: u32 = i32::MAX as u32;

/// Why something could not be read.
#[derive(Debug)]
pub(super) enum Problem {
    /// The system would not read what is at an address.
    Io {
        /// The address.
        at: u64,
        /// The system's reason.
        error: io::Error,
    },
    /// What is at an address is not what the format asks for.
    Damaged {
        /// The address.
        at: u64,
        /// What is wrong.
        reason: Cow<'static, str>,
    },
    /// The value is longer than the caller takes.
    TooLong {
        /// Its length in bytes.
        length: u32,
    },
}

/// What reading a file gives.
pub(super) type Read<T> = Result<T, Problem>;

/// Shorthand for damage.
pub(super) fn damaged<T>(at: u64, reason: impl Into<Cow<'static, str>>) -> Read<T> {
    Err(Problem::Damaged { at, reason: reason.into() })
}

/// How numbers are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    big_endian: bool,
    /// Bytes of an address: 8 or 4.
    address: usize,
    /// What the place of an address is a multiple of, within a structure.
    align: usize,
}

/// The magic numbers, and the sizes of an address that they may go with.
const KINDS: &[(u32, &[(usize, usize)])] = &[
    (0x1357_9acf, &[(8, 8), (8, 4)]),
    (0x1357_9ad1, &[(8, 8), (8, 4)]),
    (0x1357_9acd, &[(4, 4)]),
    (0x1357_9ad0, &[(4, 4)]),
    // From before the others were told apart.
    (0x1357_9ace, &[(8, 8), (8, 4), (4, 4)]),
];

/// Whether a file that begins with this number, in either byte order, is one of GDBM.
pub(crate) fn is_magic(number: u32) -> bool {
    KINDS.iter().any(|(magic, _)| number == *magic || number == magic.swap_bytes())
}

impl Shape {
    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw: [u8; 4] = bytes.get(at..)?.first_chunk().copied()?;
        Some(if self.big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let raw: [u8; 8] = bytes.get(at..)?.first_chunk().copied()?;
        Some(if self.big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }

    /// The address at an offset.
    pub(super) fn address(self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.address == 8 { self.u64(bytes, at) } else { self.u32(bytes, at).map(u64::from) }
    }

    /// Bytes of an address.
    pub(super) fn address_size(self) -> usize {
        self.address
    }

    /// Where in a bucket the number of common bits lies, after the list of free areas.
    fn bits_at(self) -> usize {
        // The number of areas, and for each its size and address.
        self.align.saturating_add(BUCKET_AVAILABLE.saturating_mul(self.align.saturating_add(self.address)))
    }

    /// Where in a bucket the elements begin.
    fn elements_at(self) -> usize {
        self.bits_at().saturating_add(8)
    }

    /// Bytes of an element: the hash, the beginning of the key, the address, the lengths of key and value.
    fn element(self) -> usize {
        self.address.saturating_add(16)
    }
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub shape: Shape,
    /// Where the directory is.
    pub directory: u64,
    /// How many bits of a hash the directory goes by.
    pub bits: u32,
    /// Bytes of a bucket.
    pub bucket_size: usize,
    /// How many elements a bucket has room for.
    elements: usize,
}

impl Header {
    /// Reads the beginning of a file.
    pub(super) fn parse(head: &[u8]) -> Read<Self> {
        for big_endian in [false, true] {
            let shape = Shape { big_endian, address: 8, align: 8 };
            let Some(magic) = shape.u32(head, 0) else { return damaged(0, "the file is truncated within its header") };
            let Some((_, kinds)) = KINDS.iter().find(|(known, _)| *known == magic) else { continue };
            // The number of elements of a bucket gives away how they are laid out.
            for &(address, align) in *kinds {
                match Header::parse_as(head, Shape { big_endian, address, align }) {
                    None => return damaged(0, "the file is truncated within its header"),
                    Some(Some(header)) => return Ok(header),
                    Some(None) => {}
                }
            }
            return damaged(0, "the numbers of the header disagree");
        }
        damaged(0, "it is not the header of a GDBM file")
    }

    /// The header if it is one of this shape; None if the file ends before.
    fn parse_as(head: &[u8], shape: Shape) -> Option<Option<Self>> {
        let at = |number: usize| 8_usize.saturating_add(shape.address).saturating_add(4 * number);
        let directory = shape.address(head, 8)?;
        let (size, bits) = (shape.u32(head, at(0))?, shape.u32(head, at(1))?);
        let (bucket_size, elements) = (shape.u32(head, at(2))? as usize, shape.u32(head, at(3))? as usize);
        let room = bucket_size.checked_sub(shape.elements_at());
        let fits = bits < 31
            && u64::from(size) == (shape.address as u64) << bits
            && directory >= at(4) as u64
            && elements > 0
            && room.map(|room| room / shape.element()) == Some(elements)
            && bucket_size <= 1 << 24;
        Some(fits.then_some(Header { shape, directory, bits, bucket_size, elements }))
    }

    /// Which entry of the directory a hash goes by.
    pub(super) fn entry_of(&self, hash: u32) -> u64 {
        u64::from(hash).checked_shr(31_u32.saturating_sub(self.bits)).unwrap_or(0)
    }

    /// The address of an entry of the directory.
    pub(super) fn entry_at(&self, entry: u64) -> u64 {
        self.directory.saturating_add(entry.saturating_mul(self.shape.address as u64))
    }

    /// How many entries the directory has.
    pub(super) fn entries(&self) -> u64 {
        1 << self.bits
    }
}

/// The hashes that a key may have, of 31 bits. They differ in how the machine that made the file takes bytes of 128 and
/// more: as negative numbers, as most do, or not.
pub(super) fn key_hashes(key: &[u8]) -> [u32; 2] {
    const MASK: u32 = 0x7fff_ffff;
    [true, false].map(|signed| {
        let start = 0x238f_13af_u32.wrapping_mul(key.len() as u32);
        let sum = key.iter().enumerate().fold(start, |sum, (index, &byte)| {
            let number = if signed { i32::from(byte.cast_signed()).cast_unsigned() } else { u32::from(byte) };
            sum.wrapping_add(number << (index % 24 * 5 % 24)) & MASK
        });
        sum.wrapping_mul(1_103_515_243).wrapping_add(12_345) & MASK
    })
}

/// An entry of a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub hash: u32,
    /// The first bytes of the key.
    start: [u8; 4],
    /// Where the key is; the value follows.
    pub at: u64,
    pub key_length: u32,
    pub value_length: u32,
}

impl Element {
    /// Whether the key can be this one, as far as can be told without reading it.
    pub(super) fn may_be(&self, key: &[u8]) -> bool {
        self.key_length as usize == key.len() && self.start.iter().zip(key).all(|(one, other)| one == other)
    }

    /// The address after the value.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(u64::from(self.key_length)).saturating_add(u64::from(self.value_length))
    }
}

/// The elements of a bucket, whose bytes are `bytes` and lie at `address`. `entry` is an entry of the directory that leads
/// to it.
pub(super) fn elements(header: &Header, bytes: &[u8], address: u64, entry: u64) -> Read<Vec<Element>> {
    let shape = header.shape;
    let (bits, count) = match (shape.u32(bytes, shape.bits_at()), shape.u32(bytes, shape.bits_at().saturating_add(4))) {
        (Some(bits), Some(count)) if bits <= header.bits && count as usize <= header.elements => (bits, count as usize),
        _ => return damaged(address, "the numbers of the bucket are impossible"),
    };
    let mut found = Vec::with_capacity(count);
    for index in 0..header.elements {
        let at = shape.elements_at().saturating_add(index.saturating_mul(shape.element()));
        match element(shape, bytes, at) {
            Some(Some(element)) => {
                // What all hashes of the bucket have in common is what its entries of the directory have.
                let other_bits = (header.entry_of(element.hash) ^ entry) >> (header.bits - bits);
                if other_bits != 0 {
                    return damaged(address, format!("element {index} of the bucket does not belong to it"));
                }
                found.push(element);
            }
            Some(None) => {}
            None => return damaged(address, format!("element {index} of the bucket is malformed")),
        }
    }
    match found.len() == count {
        true => Ok(found),
        false => damaged(address, format!("the bucket has {} elements where it says {count}", found.len())),
    }
}

/// The entries of the directory that lead to the bucket of this one: the first, and how many.
pub(super) fn span(header: &Header, bytes: &[u8], address: u64, entry: u64) -> Read<(u64, u64)> {
    match header.shape.u32(bytes, header.shape.bits_at()).and_then(|bits| header.bits.checked_sub(bits)) {
        Some(free) => Ok((entry >> free << free, 1 << free)),
        None => damaged(address, "the numbers of the bucket are impossible"),
    }
}

/// The element at an offset; Some(None) if the place is empty.
fn element(shape: Shape, bytes: &[u8], at: usize) -> Option<Option<Element>> {
    let hash = shape.u32(bytes, at)?;
    if hash == u32::MAX {
        return Some(None);
    }
    let lengths = at.checked_add(8)?.checked_add(shape.address)?;
    let element = Element {
        hash,
        start: bytes.get(at.checked_add(4)?..)?.first_chunk().copied()?,
        at: shape.address(bytes, at.checked_add(8)?)?,
        key_length: shape.u32(bytes, lengths)?,
        value_length: shape.u32(bytes, lengths.checked_add(4)?)?,
    };
    (hash <= MAX_LENGTH && element.key_length <= MAX_LENGTH && element.value_length <= MAX_LENGTH)
        .then_some(Some(element))
}
