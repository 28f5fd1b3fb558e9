//! Which pages of one state of a file are known to be as they should be, so that they are not checked each time.

/// What is known about later pages is not kept.
const REMEMBERED: u64 = 1 << 20;

/// A set of pages.
#[derive(Debug, Default)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    /// Whether a page is in it.
    pub(super) fn has(&self, page: u64) -> bool {
        let (word, bit) = place(page);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Puts a page into it.
    pub(super) fn add(&mut self, page: u64) {
        if page < REMEMBERED {
            let (word, bit) = place(page);
            self.0.resize(self.0.len().max(word.saturating_add(1)), 0);
            self.0.iter_mut().skip(word).take(1).for_each(|bits| *bits |= bit);
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn place(page: u64) -> (usize, u64) {
    ((page / 64) as usize, 1 << (page % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_until_all_are_forgotten() {
        let mut marks = Marks::default();
        [0, 63, 64, 1000, REMEMBERED - 1, REMEMBERED, u64::MAX].into_iter().for_each(|page| marks.add(page));
        let known = |marks: &Marks| {
            [0, 1, 62, 63, 64, 65, 1000, REMEMBERED - 1, REMEMBERED, u64::MAX].map(|page| marks.has(page))
        };
        assert_eq!(known(&marks), [true, false, false, true, true, false, true, true, false, false]);
        marks.clear();
        assert_eq!(known(&marks), [false; 10]);
    }
}
