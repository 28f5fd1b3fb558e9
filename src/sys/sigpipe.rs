//! Keeping SIGPIPE from a program that has not asked to ignore it, around libraries that write to sockets with write(2).

use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// While this lives, the thread gets no SIGPIPE. What was raised meanwhile is taken away.
pub(super) struct Quiet {
    before: libc::sigset_t,
    /// Whether one was waiting already: it is somebody else's.
    waiting: bool,
}

impl Quiet {
    pub(super) fn new() -> Self {
        let waiting = is_waiting();
        let (only, mut before) = (only(), MaybeUninit::uninit());
        // SAFETY: both sets live across the call, which fills in the second. It only fails for a wrong first argument.
        let before = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const only, before.as_mut_ptr());
            before.assume_init()
        };
        Quiet { before, waiting }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if !self.waiting && is_waiting() {
            let (only, now) = (only(), libc::timespec { tv_sec: 0, tv_nsec: 0 });
            // SAFETY: the set and the time live across the call.
            unsafe { libc::sigtimedwait(&raw const only, null_mut(), &raw const now) };
        }
        // SAFETY: the set is the one that was in force.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, null_mut()) };
    }
}

/// The set of this one signal.
fn only() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call fills the set in, the second takes a signal that there is.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

fn is_waiting() -> bool {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call fills the set in, which is then looked into.
    unsafe { libc::sigpending(set.as_mut_ptr()) == 0 && libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rust's own programs ignore the signal; this thread raises it and sees it taken away.
    #[test]
    fn it_is_taken_away() {
        let quiet = Quiet::new();
        // SAFETY: the signal is blocked in this thread, which is the one that gets it.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::raise(libc::SIGPIPE);
        }
        assert!(is_waiting());
        drop(quiet);
        assert!(!is_waiting());
        // SAFETY: as the runtime has set it.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    }
}
