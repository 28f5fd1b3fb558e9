//! Connections to servers that are kept, and made anew when a server has gone; and whatever has such connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;

/// How many connections are kept while nobody uses them.
const IDLE_MAX: usize = 8;

/// A connection that may be kept.
pub(crate) trait Link: Send {
    /// Whether it may be used again, as far as can be told without asking the server.
    fn can_be_kept(&self) -> bool;
}

/// What becomes of a connection on which something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It may be used again.
    Keep,
    /// It is in no known state.
    Drop,
    /// The server had gone before anything was done. When it was a connection that was kept, the same is done on a new one.
    Again,
}

/// The connections to one server, or to several that are the same.
pub(crate) struct Pool<L: Link> {
    idle: Mutex<Idle<L>>,
}

struct Idle<L> {
    /// Whose they are.
    process: u32,
    links: Vec<L>,
}

impl<L: Link> Pool<L> {
    pub(crate) fn new() -> Self {
        Pool { idle: Mutex::new(Idle { process: std::process::id(), links: Vec::new() }) }
    }

    /// Does some work on a connection that is kept, or on a new one.
    ///
    /// # Errors
    /// That of the work, or of opening a connection.
    pub(crate) fn with<T, E>(
        &self,
        open: impl FnOnce() -> Result<L, E>,
        mut work: impl FnMut(&mut L) -> (Result<T, E>, After),
    ) -> Result<T, E> {
        if let Some(mut link) = self.take() {
            let (result, after) = work(&mut link);
            match after {
                After::Keep => self.keep(link),
                After::Drop => drop(link),
                After::Again => {
                    // A server that has gone has taken all of them along.
                    drop(link);
                    self.clear();
                }
            }
            if after != After::Again {
                return result;
            }
        }
        let mut link = open()?;
        let (result, after) = work(&mut link);
        if after == After::Keep {
            self.keep(link);
        }
        result
    }

    fn take(&self) -> Option<L> {
        loop {
            let link = self.idle().links.pop()?;
            if link.can_be_kept() {
                return Some(link);
            }
        }
    }

    fn keep(&self, link: L) {
        if !link.can_be_kept() {
            return;
        }
        let mut idle = self.idle();
        if idle.links.len() < IDLE_MAX {
            idle.links.push(link);
        } else {
            drop(idle);
            drop(link);
        }
    }

    fn clear(&self) {
        let links = std::mem::take(&mut self.idle().links);
        drop(links);
    }

    /// What is kept, by this process. A child has its parent's connections, which it may neither use nor end.
    fn idle(&self) -> MutexGuard<'_, Idle<L>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if idle.process != process {
            idle.process = process;
            std::mem::take(&mut idle.links).into_iter().for_each(std::mem::forget);
        }
        idle
    }
}

impl<L: Link> Drop for Pool<L> {
    fn drop(&mut self) {
        // Those of a parent are forgotten.
        drop(self.idle());
    }
}

/// What has connections, as options describe it: made once for each way in which they are set.
pub(crate) struct Known<T>(Mutex<Vec<Arc<T>>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known(Mutex::default())
    }
}

impl<T> Known<T> {
    /// The one whose settings these are, which is made when it is not known yet.
    ///
    /// # Errors
    /// That of making it.
    pub(crate) fn get<S: PartialEq>(
        &self,
        settings: S,
        settings_of: impl Fn(&T) -> &S,
        make: impl FnOnce(S) -> Result<T>,
    ) -> Result<Arc<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter().find(|one| *settings_of(one) == settings) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(make(settings)?);
        all.push(Arc::clone(&made));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Numbered(u32, bool);

    impl Link for Numbered {
        fn can_be_kept(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn a_lost_connection_is_made_anew_once() {
        let (pool, made) = (Pool::new(), Cell::new(0));
        let open = || {
            made.set(made.get() + 1);
            Ok::<_, ()>(Numbered(made.get(), true))
        };
        let which = |after| pool.with(open, |link| (Ok(link.0), after));
        assert_eq!(which(After::Keep), Ok(1));
        assert_eq!(which(After::Keep), Ok(1));
        let lost = |lost: u32| {
            pool.with(open, |link| if link.0 == lost { (Err(()), After::Again) } else { (Ok(link.0), After::Keep) })
        };
        assert_eq!(lost(1), Ok(2));
        assert_eq!(which(After::Drop), Ok(2));
        // One that was just made is not tried again.
        assert_eq!(lost(3), Err(()));
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn what_cannot_be_kept_is_not_used_again() {
        let pool = Pool::new();
        let open = || Ok::<_, ()>(Numbered(0, true));
        let spoil = pool.with(open, |link| {
            link.1 = false;
            (Ok(()), After::Keep)
        });
        assert_eq!(spoil, Ok(()));
        assert!(pool.take().is_none());
    }
}
