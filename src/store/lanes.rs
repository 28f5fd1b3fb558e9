//! As many of one thing as there are threads that use it at the same time, so that none waits for another.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, TryLockError};

/// How many there are at most.
const LANES: usize = 16;

/// What threads use in turn. Each keeps to one of its own as long as there are enough: then neither the lock nor what is under
/// it ever leaves the processor.
pub(super) struct Lanes<T>([Lane<T>; LANES]);

/// In a cache line of its own, with the one that processors fetch along with it.
#[repr(align(128))]
#[derive(Default)]
struct Lane<T>(Mutex<T>);

impl<T: Default> Lanes<T> {
    /// Does some work with one of them that nobody else uses. In a process that was forked while others were at work, theirs
    /// are never free again: nobody waits for one.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        for Lane(lane) in self.0.iter().cycle().skip(own()).take(LANES) {
            match lane.try_lock() {
                Ok(mut free) => return work(&mut free),
                // What a panic has left undone is noticed by whoever looks at the file again.
                Err(TryLockError::Poisoned(left)) => return work(&mut left.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        work(&mut T::default())
    }
}

impl<T: Default> Default for Lanes<T> {
    fn default() -> Self {
        Lanes(std::array::from_fn(|_| Lane::default()))
    }
}

impl<T> fmt::Debug for Lanes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").finish_non_exhaustive()
    }
}

/// What one thread has found out, for the others. For it, too, nobody waits: who cannot know finds it out again.
#[derive(Debug)]
pub(super) struct Noted<T>(Mutex<Option<T>>);

impl<T: PartialEq> Noted<T> {
    /// Whether this was noted last.
    pub(super) fn is(&self, what: &T) -> bool {
        self.0.try_lock().is_ok_and(|noted| noted.as_ref() == Some(what))
    }

    /// Notes this.
    pub(super) fn note(&self, what: T) {
        if let Ok(mut noted) = self.0.try_lock() {
            *noted = Some(what);
        }
    }
}

impl<T> Default for Noted<T> {
    fn default() -> Self {
        Noted(Mutex::new(None))
    }
}

/// The one that this thread tries first: threads get them in turn.
fn own() -> usize {
    const NONE: usize = usize::MAX;
    thread_local!(static OWN: Cell<usize> = const { Cell::new(NONE) });
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    OWN.with(|own| {
        if own.get() == NONE {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % LANES);
        }
        own.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_own_and_waits_for_nobody() {
        let lanes: Lanes<u32> = Lanes::default();
        assert_eq!([0; 3].map(|_| lanes.with(|count| std::mem::replace(count, *count + 1))), [0, 1, 2]);
        // A use within a use gets another one; with all in use, one that is not kept.
        fn all(lanes: &Lanes<u32>, depth: usize, last: &mut Vec<u32>) {
            lanes.with(|count| {
                last.push(*count);
                *count = 7;
                if depth > 0 {
                    all(lanes, depth - 1, last);
                }
            });
        }
        let mut found = Vec::new();
        all(&lanes, LANES, &mut found);
        let others = [0; LANES];
        assert_eq!((found[0], &found[1..]), (3, &others[..]));
        found.clear();
        all(&lanes, LANES, &mut found);
        assert_eq!(found.iter().filter(|count| **count == 7).count(), LANES);
        assert_eq!(found.last(), Some(&0));
    }

    #[test]
    fn what_a_panic_has_left_is_used_again() {
        let lanes: Lanes<u32> = Lanes::default();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            lanes.with(|count| {
                *count = 5;
                panic!("left");
            })
        }));
        assert!(caught.is_err());
        assert_eq!(lanes.with(|count| *count), 5);
    }
}
