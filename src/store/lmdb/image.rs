//! A fresh LMDB file, written from its first page to its last out of pairs in the order of their keys. Pages are full and each
//! is written once, so a file of any size takes the memory of a few pages, and nothing of LMDB itself.
//!
//! The two meta pages are written last: until then the file has no magic number and is nobody's database.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};

use zeroize::Zeroize as _;

use super::page::{BRANCH, CHAIN, HEADER, LEAF, LONG, NO_PAGE, NODE, Tree};
use super::snapshot::{NUMBERED, SINGLE_FILE};
use super::{MAGIC, MAX_KEY};

/// Bytes of a page.
const PAGE: usize = 4096;
/// The flag of a meta page.
const META_PAGE: u16 = 8;
/// The longest node with its value, in bytes: two must fit onto a page.
const NODE_MAX: usize = (PAGE - HEADER) / 2 - 2;

/// A file that is being written.
#[derive(Debug)]
pub(in crate::store) struct Image {
    out: BufWriter<File>,
    /// The number of the next page.
    next: u64,
    leaf: Nodes,
    /// The branches above it, the lowest first.
    branches: Vec<Level>,
    /// The key before.
    last: Vec<u8>,
    tree: Tree,
}

/// The pages of one level that are not written yet: the one that is being filled, and the one before, which may have to give
/// children to it in the end.
#[derive(Debug, Default)]
struct Level {
    full: Option<Vec<Child>>,
    children: Vec<Child>,
}

/// A page and the first key below it.
type Child = (Vec<u8>, u64);

/// A page of a tree while it is being filled.
#[derive(Debug)]
struct Nodes {
    bytes: Vec<u8>,
    count: usize,
    /// Where the nodes begin, which fill the page from its end.
    upper: usize,
    /// The first key.
    first: Vec<u8>,
}

impl Image {
    /// Begins to write an empty file.
    ///
    /// # Errors
    /// Those of the file.
    pub(in crate::store) fn new(file: File) -> io::Result<Self> {
        if cfg!(not(target_pointer_width = "64")) {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "LMDB files are made whole on 64-bit machines only",
            ));
        }
        let mut out = BufWriter::with_capacity(1 << 18, file);
        out.write_all(&[0; 2 * PAGE])?;
        let tree = Tree { flags: 0, depth: 0, branches: 0, leaves: 0, chained: 0, entries: 0, root: NO_PAGE };
        Ok(Image { out, next: 2, leaf: Nodes::new(), branches: Vec::new(), last: Vec::new(), tree })
    }

    /// Writes a pair, whose key must be greater than all before.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a key that cannot be next; else those of the file.
    pub(in crate::store) fn append(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if key.is_empty() || key.len() > MAX_KEY || key <= self.last.as_slice() || u32::try_from(value.len()).is_err() {
            let what = format!("a key of {} bytes cannot be stored here", key.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        let inline = NODE.saturating_add(key.len()).saturating_add(value.len()) <= NODE_MAX;
        let stored = if inline { value.len() } else { size_of::<u64>() };
        if !self.leaf.has_room(key.len(), stored) {
            self.end_leaf()?;
        }
        let length = value.len() as u32;
        if inline {
            self.leaf.add(key, [length as u16, (length >> 16) as u16, 0], value);
        } else {
            let first = self.chain(value)?;
            self.leaf.add(key, [length as u16, (length >> 16) as u16, LONG], &first.to_ne_bytes());
        }
        self.tree.entries = self.tree.entries.saturating_add(1);
        Ok(())
    }

    /// Completes the file, but does not sync it. `transaction` is the number of the transaction that it is the state after; not 0.
    ///
    /// # Errors
    /// Those of the file.
    pub(in crate::store) fn finish(mut self, transaction: u64) -> io::Result<u64> {
        if self.leaf.count > 0 {
            self.end_leaf()?;
        }
        let mut level = 0;
        while let Some(Level { full, mut children }) = self.branches.get_mut(level).map(std::mem::take) {
            match full {
                // A single page: the whole tree is below it.
                None if children.len() == 1 && level.saturating_add(1) == self.branches.len() => {
                    self.tree.root = children.first().map_or(NO_PAGE, |(_, page)| *page);
                }
                None => self.end_branch(level, &children)?,
                Some(mut full) => {
                    // A branch has two children at least.
                    if children.len() == 1 {
                        children.splice(0..0, full.pop());
                    }
                    self.end_branch(level, &full)?;
                    self.end_branch(level, &children)?;
                }
            }
            level = level.saturating_add(1);
        }
        self.tree.depth = if self.tree.entries == 0 { 0 } else { u16::try_from(level).map_err(io::Error::other)? };
        let length = self.next.saturating_mul(PAGE as u64);
        // Each is where the number of its transaction belongs, and both say the same: whoever takes either is right.
        for transaction in [transaction.saturating_sub(1), transaction] {
            let number = transaction & 1;
            self.out.seek(SeekFrom::Start(number.saturating_mul(PAGE as u64)))?;
            let meta = self.meta_page(number, transaction, length);
            self.out.write_all(&meta)?;
        }
        self.out.flush()?;
        Ok(length)
    }

    /// Writes the leaf as it is and begins another one.
    fn end_leaf(&mut self) -> io::Result<()> {
        let page = self.write_nodes(LEAF)?;
        self.tree.leaves = self.tree.leaves.saturating_add(1);
        let first = std::mem::take(&mut self.leaf.first);
        self.add_child(0, (first, page))
    }

    /// Writes the page that is being filled, and empties it.
    fn write_nodes(&mut self, flags: u16) -> io::Result<u64> {
        let number = self.next;
        self.leaf.seal(number, flags);
        self.out.write_all(&self.leaf.bytes)?;
        self.leaf.clear();
        self.next = self.next.saturating_add(1);
        Ok(number)
    }

    /// Puts a page below a branch of a level.
    fn add_child(&mut self, level: usize, child: Child) -> io::Result<()> {
        if level == self.branches.len() {
            self.branches.push(Level::default());
        }
        let Some(branch) = self.branches.get_mut(level) else { return Ok(()) };
        // The first key of a branch is not written.
        let used: usize = branch.children.iter().skip(1).map(|(key, _)| Nodes::space(key.len(), 0)).sum();
        let used = used.saturating_add(Nodes::space(0, 0)).saturating_add(Nodes::space(child.0.len(), 0));
        if used <= PAGE - HEADER || branch.children.len() < 2 {
            branch.children.push(child);
            return Ok(());
        }
        let done = std::mem::replace(&mut branch.children, vec![child]);
        match branch.full.replace(done) {
            Some(full) => self.end_branch(level, &full),
            None => Ok(()),
        }
    }

    /// Writes a branch.
    fn end_branch(&mut self, level: usize, children: &[Child]) -> io::Result<()> {
        let Some((first, _)) = children.first() else { return Ok(()) };
        let mut page = Nodes::new();
        for (index, (key, child)) in children.iter().enumerate() {
            let key = if index == 0 { &[][..] } else { key };
            page.add(key, [*child as u16, (*child >> 16) as u16, (*child >> 32) as u16], &[]);
        }
        std::mem::swap(&mut page, &mut self.leaf);
        let number = self.write_nodes(BRANCH)?;
        self.leaf = page;
        self.tree.branches = self.tree.branches.saturating_add(1);
        self.add_child(level.saturating_add(1), (first.clone(), number))
    }

    /// Writes the pages of a long value; gives the first.
    fn chain(&mut self, value: &[u8]) -> io::Result<u64> {
        let first = self.next;
        let pages = HEADER.saturating_add(value.len()).div_ceil(PAGE);
        let count = u32::try_from(pages).map_err(io::Error::other)?;
        let mut header = [0; HEADER];
        put(&mut header, 0, &first.to_ne_bytes());
        put(&mut header, 10, &CHAIN.to_ne_bytes());
        put(&mut header, 12, &count.to_ne_bytes());
        self.out.write_all(&header)?;
        self.out.write_all(value)?;
        let rest = pages.saturating_mul(PAGE).saturating_sub(HEADER).saturating_sub(value.len());
        self.out.write_all([0; PAGE].get(..rest).unwrap_or_default())?;
        self.tree.chained = self.tree.chained.saturating_add(u64::from(count));
        self.next = self.next.saturating_add(u64::from(count));
        Ok(first)
    }

    fn meta_page(&self, number: u64, transaction: u64, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; PAGE];
        // Room for as much again, for programs that do not make the map larger themselves.
        let map = length.saturating_mul(2).next_multiple_of(1 << 20);
        put(&mut bytes, 0, &number.to_ne_bytes());
        put(&mut bytes, 10, &META_PAGE.to_ne_bytes());
        put(&mut bytes, 16, &MAGIC.to_ne_bytes());
        put(&mut bytes, 20, &1_u32.to_ne_bytes());
        put(&mut bytes, 32, &map.to_ne_bytes());
        put(&mut bytes, 40, &(PAGE as u32).to_ne_bytes());
        put(&mut bytes, 44, &(NUMBERED | SINGLE_FILE).to_ne_bytes());
        put(&mut bytes, 80, &NO_PAGE.to_ne_bytes());
        let Tree { depth, branches, leaves, chained, entries, root, .. } = self.tree;
        put(&mut bytes, 94, &depth.to_ne_bytes());
        for (at, count) in (96..).step_by(8).zip([branches, leaves, chained, entries, root]) {
            put(&mut bytes, at, &count.to_ne_bytes());
        }
        put(&mut bytes, 136, &self.next.saturating_sub(1).to_ne_bytes());
        put(&mut bytes, 144, &transaction.to_ne_bytes());
        bytes
    }
}

impl Nodes {
    fn new() -> Self {
        Nodes { bytes: vec![0; PAGE], count: 0, upper: PAGE, first: Vec::new() }
    }

    /// Bytes that a node takes, its place in the table included.
    fn space(key: usize, value: usize) -> usize {
        NODE.saturating_add(key).saturating_add(value).next_multiple_of(2).saturating_add(2)
    }

    fn table_end(&self) -> usize {
        self.count.saturating_mul(2).saturating_add(HEADER)
    }

    fn has_room(&self, key: usize, value: usize) -> bool {
        self.table_end().saturating_add(Self::space(key, value)) <= self.upper
    }

    /// Adds a node, for which there is room.
    fn add(&mut self, key: &[u8], number: [u16; 3], value: &[u8]) {
        if self.count == 0 {
            self.first = key.to_vec();
        }
        let at = self.upper.saturating_sub(Self::space(key.len(), value.len()).saturating_sub(2));
        for (half, offset) in number.into_iter().chain([key.len() as u16]).zip([0, 2, 4, 6]) {
            put(&mut self.bytes, at.saturating_add(offset), &half.to_ne_bytes());
        }
        put(&mut self.bytes, at.saturating_add(NODE), key);
        put(&mut self.bytes, at.saturating_add(NODE).saturating_add(key.len()), value);
        let place = self.table_end();
        put(&mut self.bytes, place, &(at as u16).to_ne_bytes());
        self.upper = at;
        self.count = self.count.saturating_add(1);
    }

    /// Writes the header.
    fn seal(&mut self, number: u64, flags: u16) {
        let (lower, upper) = (self.table_end() as u16, self.upper as u16);
        put(&mut self.bytes, 0, &number.to_ne_bytes());
        put(&mut self.bytes, 10, &flags.to_ne_bytes());
        put(&mut self.bytes, 12, &lower.to_ne_bytes());
        put(&mut self.bytes, 14, &upper.to_ne_bytes());
    }

    fn clear(&mut self) {
        self.bytes.fill(0);
        (self.count, self.upper) = (0, PAGE);
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Puts bytes at an offset of a page, on which they have room.
fn put(page: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = page.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::super::snapshot::Snapshot;
    use super::super::trail::Trail;
    use super::*;

    /// Writes pairs and reads them back, by our own reader and by LMDB's tools.
    fn round(name: &str, pairs: &[(Vec<u8>, Vec<u8>)], transaction: u64) {
        let path = std::env::temp_dir().join(format!("oxisasl-image-{}-{name}", std::process::id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        let mut image = Image::new(file.try_clone().unwrap()).unwrap();
        for (key, value) in pairs {
            image.append(key, value).unwrap();
        }
        let length = image.finish(transaction).unwrap();
        assert_eq!(length, file.metadata().unwrap().len());
        let snapshot = Snapshot::new(&file).unwrap();
        snapshot.verify().unwrap();
        assert_eq!(snapshot.meta.transaction, transaction);
        assert_eq!(snapshot.meta.main.entries, pairs.len() as u64);
        for (key, value) in pairs.iter().step_by(7) {
            assert_eq!(snapshot.get(key, usize::MAX, &mut Trail::default()).unwrap().unwrap().expose(), value);
        }
        let dump = Command::new("mdb_dump").arg("-n").arg(&path).output().expect("mdb_dump is needed for this test");
        assert!(dump.status.success(), "{dump:?}");
        let text = String::from_utf8(dump.stdout).unwrap();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(' ')).collect();
        let expected: Vec<_> = pairs.iter().flat_map(|(key, value)| [hex(key), hex(value)]).collect();
        assert_eq!(lines, expected);
        fs::remove_file(&path).unwrap();
    }

    fn pairs(count: usize, key: usize, value: impl Fn(usize) -> usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..count).map(|n| (format!("{n:0key$}").into_bytes(), vec![n as u8; value(n)])).collect()
    }

    #[test]
    fn files_of_all_shapes_are_what_lmdb_reads() {
        round("empty", &[], 1);
        round("one", &pairs(1, 3, |_| 0), 2);
        round("leaf", &pairs(20, 5, |n| n), 7);
        // Around the number of children of a branch, so that the last one has few or only one of its own.
        for count in [2, 3, 290, 300, 310] {
            round("wide", &pairs(count, 500, |_| 2000), 3);
        }
        round("deep", &pairs(600, 508, |n| n % 700), u64::from(u32::MAX));
        round("long", &pairs(60, 40, |n| [0, 1990, 1991, 1992, 4080, 4081, 9000][n % 7]), 4);
        round("small", &pairs(5000, 5, |_| 1), 5);
    }

    #[test]
    fn what_is_out_of_order_is_refused() {
        let path = std::env::temp_dir().join(format!("oxisasl-image-{}-order", std::process::id()));
        let file = File::create_new(&path).unwrap();
        let mut image = Image::new(file.try_clone().unwrap()).unwrap();
        image.append(b"b", b"1").unwrap();
        for key in [&b"b"[..], b"a", b"", &[b'c'; 512]] {
            assert_eq!(image.append(key, b"2").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
        image.append(&[b'c'; 511], b"2").unwrap();
        fs::remove_file(&path).unwrap();
    }
}
