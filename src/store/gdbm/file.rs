//! One GDBM file while it is locked: lookups by key, and a walk over everything.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use zeroize::Zeroizing;

use super::table::{self, Element, HEADER, Header, Problem, Read, damaged, key_hashes};
use crate::secret::Secret;

/// An open file that nobody is changing.
#[derive(Debug)]
pub(super) struct Table<'f> {
    file: &'f File,
    length: u64,
    header: Header,
}

impl<'f> Table<'f> {
    /// Reads the header of an open file.
    pub(super) fn new(file: &'f File) -> Read<Self> {
        let io = |error| Problem::Io { at: 0, error };
        let length = file.metadata().map_err(io)?.len();
        let mut head = vec![0; usize::try_from(length).unwrap_or(HEADER).min(HEADER)];
        file.read_exact_at(&mut head, 0).map_err(io)?;
        let header = Header::parse(&head)?;
        let end = header.entry_at(header.entries());
        if end > length {
            return damaged(header.directory, format!("the directory ends at byte {end}: is the file truncated?"));
        }
        Ok(Table { file, length, header })
    }

    /// What is at an address, wiped when dropped since it may hold passwords.
    fn read(&self, at: u64, length: usize) -> Read<Zeroizing<Vec<u8>>> {
        let end = at.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return damaged(at, format!("{length} bytes are to be here, but the file ends before: is it truncated?"));
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        match self.file.read_exact_at(&mut bytes, at) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged(at, "the file is truncated"),
            Err(error) => Err(Problem::Io { at, error }),
        }
    }

    /// The address and the bytes of the bucket that an entry of the directory leads to.
    fn bucket(&self, entry: u64) -> Read<(u64, Zeroizing<Vec<u8>>)> {
        let at = self.header.entry_at(entry);
        let raw = self.read(at, self.header.shape.address_size())?;
        match self.header.shape.address(&raw, 0) {
            Some(address) if address >= HEADER as u64 => Ok((address, self.read(address, self.header.bucket_size)?)),
            _ => damaged(at, "the directory leads to no bucket"),
        }
    }

    /// The value of a key. One longer than `limit` bytes is an error.
    pub(super) fn get(&self, key: &[u8], limit: u32) -> Read<Option<Secret>> {
        let hashes = key_hashes(key);
        // Mostly the two are one.
        let different = if hashes[0] == hashes[1] { 1 } else { 2 };
        for &hash in hashes.iter().take(different) {
            let entry = self.header.entry_of(hash);
            let (address, bytes) = self.bucket(entry)?;
            for element in table::elements(&self.header, &bytes, address, entry)? {
                if element.hash == hash && element.may_be(key) && *self.key(&element)? == key {
                    return self.value(&element, limit).map(Some);
                }
            }
        }
        Ok(None)
    }

    fn key(&self, element: &Element) -> Read<Zeroizing<Vec<u8>>> {
        self.read(element.at, element.key_length as usize)
    }

    fn value(&self, element: &Element, limit: u32) -> Read<Secret> {
        if element.value_length > limit {
            return Err(Problem::TooLong { length: element.value_length });
        }
        let at = element.at.saturating_add(u64::from(element.key_length));
        self.read(at, element.value_length as usize).map(|mut bytes| Secret::new(std::mem::take(&mut *bytes)))
    }

    /// All keys and where their values are, in the order of the file. On the way it is checked that everything is in its
    /// place, and that nothing lies over something else.
    pub(super) fn walk(&self) -> Read<Vec<(Vec<u8>, Element)>> {
        let mut pairs = Vec::new();
        let mut taken = vec![(0, HEADER as u64), (self.header.directory, self.header.entry_at(self.header.entries()))];
        let mut entry = 0;
        while entry < self.header.entries() {
            let (address, bytes) = self.bucket(entry)?;
            let (first, count) = table::span(&self.header, &bytes, address, entry)?;
            if first != entry || self.directory(first, count)?.iter().any(|other| *other != address) {
                return damaged(address, "the directory leads to the bucket from elsewhere");
            }
            taken.push((address, address.saturating_add(bytes.len() as u64)));
            let begin = pairs.len();
            for element in table::elements(&self.header, &bytes, address, entry)? {
                let key = self.key(&element)?;
                if !key_hashes(&key).contains(&element.hash) || !element.may_be(&key) {
                    return damaged(element.at, "the key is not the one that the bucket says");
                }
                // Several elements may be empty altogether, and then take no room.
                if element.end() != element.at {
                    taken.push((element.at, element.end()));
                }
                pairs.push((key.to_vec(), element));
            }
            check_different(pairs.get(begin..).unwrap_or_default(), address)?;
            entry = first.saturating_add(count);
        }
        self.check_apart(taken)?;
        Ok(pairs)
    }

    /// The addresses of some entries of the directory.
    fn directory(&self, first: u64, count: u64) -> Read<Vec<u64>> {
        let size = self.header.shape.address_size();
        // It lies within the file, so its length fits.
        let raw = self.read(self.header.entry_at(first), size.saturating_mul(count as usize))?;
        Ok(raw.chunks(size).filter_map(|raw| self.header.shape.address(raw, 0)).collect())
    }

    /// Nothing may lie over something else, nor beyond the end of the file.
    fn check_apart(&self, mut taken: Vec<(u64, u64)>) -> Read<()> {
        taken.sort_unstable();
        let mut free = 0;
        for (from, to) in taken {
            if from < free {
                return damaged(from, "two things lie here");
            }
            free = to;
        }
        match free > self.length {
            true => damaged(free, "something ends here, beyond the end of the file: is it truncated?"),
            false => Ok(()),
        }
    }

    /// All pairs, in the order of the file.
    pub(super) fn pairs(&self) -> Read<Vec<(Vec<u8>, Secret)>> {
        let keys = self.walk()?;
        keys.into_iter().map(|(key, element)| Ok((key, self.value(&element, u32::MAX)?))).collect()
    }
}

/// A key is in a bucket once; equal ones have equal hashes.
fn check_different(pairs: &[(Vec<u8>, Element)], address: u64) -> Read<()> {
    let mut keys: Vec<&[u8]> = pairs.iter().map(|(key, _)| key.as_slice()).collect();
    keys.sort_unstable();
    match keys.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
        true => damaged(address, "a key is in the bucket twice"),
        false => Ok(()),
    }
}
