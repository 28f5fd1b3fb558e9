//! The pages on the way to a key: the next key is often on the same ones, and need not read them again.

use super::page::{NO_PAGE, Page, Read};
use super::snapshot::Snapshot;
use crate::store::marks::Marks;
use crate::store::page_buffer::PageBuffer;

/// Pages of one state of a file, a level of the tree each, and which pages of it were found to be sound.
#[derive(Default)]
pub(super) struct Trail {
    levels: Vec<Level>,
    sound: Marks,
}

struct Level {
    /// The page that was read.
    number: u64,
    page: PageBuffer,
}

impl Trail {
    /// A page at this depth of the tree, which is read and checked unless that has been done.
    pub(super) fn page(&mut self, snapshot: &Snapshot<'_>, depth: usize, number: u64) -> Read<Page<'_>> {
        let size = snapshot.meta.page_size;
        if self.levels.len() <= depth {
            self.levels.resize_with(depth.saturating_add(1), || Level { number: NO_PAGE, page: PageBuffer::new(size) });
        }
        let Some(level) = self.levels.get_mut(depth) else { return snapshot.outside(number) };
        if level.number != number {
            level.number = NO_PAGE;
            if level.page.len() != size {
                level.page = PageBuffer::new(size);
            }
            snapshot.read(number, &mut level.page)?;
            level.number = number;
        }
        let page = Page::new(&level.page, number)?;
        if !self.sound.has(number) {
            page.check()?;
            self.sound.add(number);
        }
        Ok(page)
    }

    /// The leaf at this depth, where the last search has ended, if a key that there is must be on it: between its first and its
    /// last. The keys of one user follow one another.
    pub(super) fn leaf(&self, depth: usize, key: &[u8]) -> Read<Option<Page<'_>>> {
        let Some(level) = self.levels.get(depth).filter(|level| level.number != NO_PAGE) else { return Ok(None) };
        let page = Page::new(&level.page, level.number)?;
        let Some(last) = page.len().checked_sub(1).filter(|_| page.is_leaf) else { return Ok(None) };
        Ok((page.key(0)? <= key && key <= page.key(last)?).then_some(page))
    }

    /// Wipes the pages, in which there are secrets.
    pub(super) fn wipe(&mut self) {
        for level in self.levels.iter_mut().filter(|level| level.number != NO_PAGE) {
            level.number = NO_PAGE;
            level.page.wipe();
        }
    }

    /// Forgets which pages are sound, since the state of the file is another.
    pub(super) fn forget(&mut self) {
        self.sound.clear();
    }
}
