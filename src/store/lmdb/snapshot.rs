//! An LMDB file as a transaction left it, read page by page: lookups by key, a walk over everything, and a check of the whole.
//! It is not mapped into memory and LMDB itself has no part in it, so damage is an error and never more than that.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use zeroize::Zeroizing;

use super::page::{self, Content, HEADER, META, Meta, NO_PAGE, Node, Page, Problem, Read, Tree, damaged};
use super::trail::Trail;
use crate::secret::Secret;

/// The flag of the tree of unused pages: its keys are numbers.
pub(super) const NUMBERED: u16 = 8;
/// One that is kept there as well: the database is a file and not a folder.
pub(super) const SINGLE_FILE: u16 = 0x4000;
/// How often the two meta pages are looked at that others keep writing to.
const TRIES: usize = 64;
/// More levels than any file can have.
const MAX_DEPTH: u16 = 32;

/// An open file and what its newest meta page says.
#[derive(Debug)]
pub(super) struct Snapshot<'f> {
    file: &'f File,
    pub(super) meta: Meta,
}

impl<'f> Snapshot<'f> {
    /// The newest state of an open file.
    pub(super) fn new(file: &'f File) -> Read<Self> {
        let meta = newest(file)?;
        // The length comes last: a writer lengthens the file before it says so.
        let length = file.metadata().map_err(|error| Problem::Io { page: 0, error })?.len();
        let needed = meta.needed();
        if length < needed {
            return Err(Problem::Truncated { length, needed });
        }
        if meta.free.flags & !SINGLE_FILE != NUMBERED {
            return damaged(0, "the list of unused pages is of no known kind");
        }
        if meta.main.flags != 0 {
            return Err(Problem::Unsupported("a database with an order or with values of its own kind"));
        }
        Ok(Snapshot { file, meta })
    }

    /// The state that an open file was in before, if it still is in that: whether so, [`is_newest`](Self::is_newest) tells.
    pub(super) fn again(file: &'f File, meta: Meta) -> Self {
        Snapshot { file, meta }
    }

    /// Whether no transaction has been completed since. Transactions write the two meta pages by turns, so that the next one
    /// shows in that of the one before.
    pub(super) fn is_newest(&self) -> bool {
        let next = self.meta.transaction.wrapping_add(1) % 2;
        read_meta(self.file, next, next.saturating_mul(self.meta.page_size as u64))
            .is_ok_and(|other| matches!(self.meta.transaction.checked_sub(other.transaction), Some(0 | 1)))
    }

    /// Reads `count` pages.
    fn pages(&self, number: u64, count: u64) -> Read<Zeroizing<Vec<u8>>> {
        let end = number.checked_add(count);
        if end.is_none_or(|end| end > self.meta.last_page.saturating_add(1)) {
            return self.outside(number);
        }
        // Within the file, so the length fits.
        let mut bytes = Zeroizing::new(vec![0; self.meta.page_size.saturating_mul(count as usize)]);
        self.read(number, &mut bytes).map(|()| bytes)
    }

    /// Reads from a page on.
    pub(super) fn read(&self, number: u64, bytes: &mut [u8]) -> Read<()> {
        if number < 2 || number > self.meta.last_page {
            return self.outside(number);
        }
        match self.file.read_exact_at(bytes, number.saturating_mul(self.meta.page_size as u64)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged(number, "the file is truncated"),
            Err(error) => Err(Problem::Io { page: number, error }),
        }
    }

    /// What is wrong with a page that is none of those in use.
    pub(super) fn outside<T>(&self, number: u64) -> Read<T> {
        damaged(number, "it is referred to, but is none of the pages in use")
    }

    /// The value of a key. One longer than `limit` bytes is an error.
    pub(super) fn get(&self, key: &[u8], limit: usize, trail: &mut Trail) -> Read<Option<Secret>> {
        let mut number = self.meta.main.root;
        if number == NO_PAGE {
            return Ok(None);
        }
        if let Some(leaf) = trail.leaf(usize::from(self.meta.main.depth.saturating_sub(1)), key)? {
            return self.value_on(&leaf, search(&leaf, key)?, limit);
        }
        for depth in 0..MAX_DEPTH {
            let page = trail.page(self, usize::from(depth), number)?;
            let found = search(&page, key)?;
            if page.is_leaf {
                return self.value_on(&page, found, limit);
            }
            number = match page.node(found.unwrap_or_else(|after| after.saturating_sub(1)))?.content {
                Content::Child(child) => child,
                _ => return damaged(number, "a branch leads nowhere"),
            };
        }
        damaged(self.meta.main.root, "the tree has no end")
    }

    /// The value of the node of a leaf that a search has found.
    fn value_on(&self, leaf: &Page<'_>, found: Result<usize, usize>, limit: usize) -> Read<Option<Secret>> {
        match found {
            Ok(index) => self.value(leaf.node(index)?, limit).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn value(&self, node: Node<'_>, limit: usize) -> Read<Secret> {
        let too_long = |length| if length > limit { Err(Problem::TooLong { length }) } else { Ok(()) };
        match node.content {
            Content::Value(value) => too_long(value.len()).map(|()| Secret::from(value)),
            Content::Long { page, length } => {
                too_long(length)?;
                let bytes = self.pages(page, self.chain_of(page, length)?)?;
                Ok(Secret::from(bytes.get(HEADER..HEADER.saturating_add(length)).unwrap_or_default()))
            }
            Content::Child(page) => damaged(page, "a leaf leads to another page"),
        }
    }

    /// The pairs whose keys come after this one, or from the first one on: those of whole pages, until they have `enough` bytes.
    /// None are left when there are none.
    pub(super) fn after(&self, key: Option<&[u8]>, enough: usize, values: bool) -> Read<Vec<Pair>> {
        let mut found = Found { pairs: Vec::new(), room: enough, values };
        if self.meta.main.root != NO_PAGE {
            self.collect(self.meta.main.root, MAX_DEPTH, key, &mut found)?;
        }
        Ok(found.pairs)
    }

    /// Adds the pairs after a key that are below a page; false when there are enough.
    fn collect(&self, number: u64, depth: u16, key: Option<&[u8]>, found: &mut Found) -> Read<bool> {
        let bytes = self.pages(number, 1)?;
        let page = Page::parse(&bytes, number)?;
        let first = match key.map(|key| search(&page, key)).transpose()? {
            None => 0,
            Some(place) if page.is_leaf => place.map_or_else(|next| next, |index| index.saturating_add(1)),
            Some(place) => place.unwrap_or_else(|next| next.saturating_sub(1)),
        };
        for index in first..page.len() {
            let node = page.node(index)?;
            if let Content::Child(child) = node.content {
                let Some(depth) = depth.checked_sub(1) else { return damaged(number, "the tree has no end") };
                if !self.collect(child, depth, key.filter(|_| index == first), found)? {
                    return Ok(false);
                }
                continue;
            }
            if found.pairs.last().is_some_and(|(last, _)| last.as_slice() >= node.key) {
                return damaged(number, "its keys are not in their order");
            }
            let value = if found.values { self.value(node, usize::MAX)? } else { Secret::default() };
            let bytes = node.key.len().saturating_add(value.expose().len()).saturating_add(OVERHEAD);
            found.room = found.room.saturating_sub(bytes);
            found.pairs.push((node.key.to_vec(), value));
        }
        Ok(found.room > 0)
    }

    /// How many pages a value of this length has, from this one on.
    fn chain_of(&self, number: u64, length: usize) -> Read<u64> {
        let needed = HEADER.saturating_add(length).div_ceil(self.meta.page_size) as u64;
        let said = page::chain(&self.pages(number, 1)?, number)?;
        match u64::from(said) == needed {
            true => Ok(needed),
            false => damaged(number, format!("a value of {length} bytes cannot have {said} pages")),
        }
    }

    /// Calls `visit` with all keys and values in their order, after checking all pages of the main tree.
    fn walk(&self, visit: &mut impl FnMut(Node<'_>) -> Read<()>) -> Read<Pages> {
        let mut pages = Pages::new(&self.meta);
        self.walk_tree(&self.meta.main, &|one, other| one.cmp(other), &mut pages, visit)?;
        Ok(pages)
    }

    /// All keys, in their order.
    pub(super) fn keys(&self) -> Read<Vec<Vec<u8>>> {
        let mut keys = Vec::new();
        self.walk(&mut |node| {
            keys.push(node.key.to_vec());
            Ok(())
        })?;
        Ok(keys)
    }

    /// Reads everything and checks that every page is sound and in one place, every key in its order, and every unused page
    /// really unused: LMDB itself takes all this for granted when it writes.
    pub(super) fn verify(&self) -> Read<()> {
        let mut pages = self.walk(&mut |_| Ok(()))?;
        let mut lists = Vec::new();
        let by_number = |one: &[u8], other: &[u8]| page::u64_at(one, 0).cmp(&page::u64_at(other, 0));
        self.walk_tree(&self.meta.free, &by_number, &mut pages, &mut |node| {
            let value = self.value(node, usize::MAX)?;
            let numbers: Vec<u64> = value.expose().chunks(8).map_while(|raw| page::u64_at(raw, 0)).collect();
            match (node.key.len(), numbers.split_first()) {
                (8, Some((count, list))) if *count == list.len() as u64 => lists.extend_from_slice(list),
                _ => return damaged(self.meta.free.root, "a list of unused pages is malformed"),
            }
            Ok(())
        })?;
        lists.into_iter().try_for_each(|number| pages.take(number))
    }

    /// Walks a tree: nothing may be there twice or out of order, and there must be as much of it as the meta page says.
    fn walk_tree(
        &self,
        tree: &Tree,
        order: &dyn Fn(&[u8], &[u8]) -> Ordering,
        pages: &mut Pages,
        visit: &mut impl FnMut(Node<'_>) -> Read<()>,
    ) -> Read<()> {
        if tree.depth > MAX_DEPTH || (tree.root == NO_PAGE) != (tree.depth == 0) {
            return damaged(tree.root, "the tree cannot be as deep as it is said to be");
        }
        let mut walk = Walk { snapshot: self, order, pages, visit, last: None, count: Tree { entries: 0, ..EMPTY } };
        if tree.root != NO_PAGE {
            walk.page(tree.root, tree.depth, None)?;
        }
        let Tree { branches, leaves, chained, entries, .. } = walk.count;
        match (branches, leaves, chained, entries) == (tree.branches, tree.leaves, tree.chained, tree.entries) {
            true => Ok(()),
            false => damaged(tree.root, format!("the tree has {entries} entries where {} are said", tree.entries)),
        }
    }
}

/// A key with its value, which is empty when only keys were asked for.
pub(super) type Pair = (Vec<u8>, Secret);

/// Pairs that were found, and for how many bytes there is room.
struct Found {
    pairs: Vec<Pair>,
    room: usize,
    values: bool,
}

/// What a pair takes in memory beside its bytes.
const OVERHEAD: usize = 64;

const EMPTY: Tree = Tree { flags: 0, depth: 0, branches: 0, leaves: 0, chained: 0, entries: 0, root: NO_PAGE };

/// The meta page `number`, which is at this offset.
fn read_meta(file: &File, number: u64, at: u64) -> Read<Meta> {
    let mut bytes = [0; META];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Meta::parse(&bytes, number),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            Err(Problem::Truncated { length, needed: at.saturating_add(META as u64) })
        }
        Err(error) => Err(Problem::Io { page: number, error }),
    }
}

/// The newer of the two meta pages.
fn newest(file: &File) -> Read<Meta> {
    let read = |number, at| read_meta(file, number, at);
    let mut first = read(0, 0)?;
    let mut second = read(1, first.page_size as u64)?;
    // They are written by turns: while the first stays what it was, at most one transaction has been completed between the two
    // looks. Otherwise the two are of different moments.
    for _ in 0..TRIES {
        let again = read(0, 0)?;
        if again.transaction == first.transaction {
            break;
        }
        first = again;
        second = read(1, first.page_size as u64)?;
    }
    let (older, newer) = if first.transaction > second.transaction { (second, first) } else { (first, second) };
    match newer.page_size == older.page_size && newer.transaction - older.transaction <= 1 {
        true => Ok(newer),
        false => damaged(1, "the meta pages do not belong together"),
    }
}

/// Which node of a page a key is, or the one before which it would be. In a branch the first node stands for all keys before the
/// second.
fn search(page: &Page<'_>, key: &[u8]) -> Read<Result<usize, usize>> {
    let (mut low, mut high) = (usize::from(!page.is_leaf), page.len());
    while low < high {
        let middle = low.midpoint(high);
        match page.key(middle)?.cmp(key) {
            Ordering::Equal => return Ok(Ok(middle)),
            Ordering::Less => low = middle.saturating_add(1),
            Ordering::Greater => high = middle,
        }
    }
    Ok(Err(low))
}

/// The pages of a file, and which of them have been found in use.
struct Pages {
    last: u64,
    taken: Vec<u64>,
}

impl Pages {
    fn new(meta: &Meta) -> Self {
        // The file is as long as that.
        Pages { last: meta.last_page, taken: vec![0; (meta.last_page / 64) as usize + 1] }
    }

    /// Each page is taken once.
    fn take(&mut self, number: u64) -> Read<()> {
        let bit = 1_u64 << (number % 64);
        match self.taken.get_mut((number / 64) as usize) {
            Some(bits) if *bits & bit == 0 && (2..=self.last).contains(&number) => {
                *bits |= bit;
                Ok(())
            }
            _ => damaged(number, "it is used in two places, or is none of the pages in use"),
        }
    }
}

/// A walk over one tree.
struct Walk<'w, 'f, V> {
    snapshot: &'w Snapshot<'f>,
    order: &'w dyn Fn(&[u8], &[u8]) -> Ordering,
    pages: &'w mut Pages,
    visit: &'w mut V,
    /// The key before.
    last: Option<Vec<u8>>,
    count: Tree,
}

impl<V: FnMut(Node<'_>) -> Read<()>> Walk<'_, '_, V> {
    /// A page with `depth` levels from it downwards, whose first key is not before `first`.
    fn page(&mut self, number: u64, depth: u16, first: Option<&[u8]>) -> Read<()> {
        self.pages.take(number)?;
        let bytes = self.snapshot.pages(number, 1)?;
        let page = Page::parse(&bytes, number)?;
        // A branch has two children at least, or it would not be there.
        if page.is_leaf != (depth == 1) || page.len() < if page.is_leaf { 1 } else { 2 } {
            return damaged(number, "it is not the page that belongs here in the tree");
        }
        if page.is_leaf {
            self.count.leaves += 1;
        } else {
            self.count.branches += 1;
        }
        for index in 0..page.len() {
            let node = page.node(index)?;
            let lower = if index == 0 { first } else { Some(node.key) };
            if !page.is_leaf && index > 0 && !self.is_after_last(node.key) {
                return damaged(number, format!("node {index} does not tell the pages below apart"));
            }
            match node.content {
                Content::Child(child) => self.page(child, depth.saturating_sub(1), lower)?,
                _ => self.leaf(number, node, first)?,
            }
        }
        Ok(())
    }

    fn is_after_last(&self, key: &[u8]) -> bool {
        self.last.as_deref().is_none_or(|last| (self.order)(last, key) == Ordering::Less)
    }

    fn leaf(&mut self, number: u64, node: Node<'_>, first: Option<&[u8]>) -> Read<()> {
        let after_first = first.is_none_or(|first| (self.order)(first, node.key) != Ordering::Greater);
        if !after_first || !self.is_after_last(node.key) {
            return damaged(number, "its keys are not in their order");
        }
        self.last = Some(node.key.to_vec());
        self.count.entries += 1;
        if let Content::Long { page, length } = node.content {
            let chain = self.snapshot.chain_of(page, length)?;
            (page..page.saturating_add(chain)).try_for_each(|number| self.pages.take(number))?;
            self.count.chained += chain;
        }
        (self.visit)(node)
    }
}
