//! Signals that come while a password is typed: the terminal must show what is typed again before they have their way.

use std::ffi::c_int;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// Those that end a program that is typed at.
const FATAL: [c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Signals that are held back until this is dropped or released; after that those that end the program do it at once.
#[derive(Debug)]
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    released: Arc<AtomicBool>,
}

/// What has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// A signal that ends the program.
    pub fatal: Option<c_int>,
    /// The program is to be stopped (`^Z`).
    pub stop: bool,
    /// The program was stopped and goes on.
    pub resumed: bool,
}

impl Signals {
    /// Holds the signals back, but for those that the program was started without (`nohup`).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn hold() -> io::Result<Self> {
        let ignored = ignored();
        let heeded =
            |signal: &c_int| ignored & 1_u64.checked_shl(signal.unsigned_abs().saturating_sub(1)).unwrap_or(0) == 0;
        let released = Arc::new(AtomicBool::new(false));
        for signal in FATAL.into_iter().filter(heeded) {
            register_conditional_default(signal, Arc::clone(&released))?;
        }
        let held = FATAL.into_iter().chain([SIGTSTP, SIGCONT]).filter(heeded);
        let (read, write) = UnixStream::pair()?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, held)?;
        Ok(Signals { delivery, released })
    }

    /// Becomes readable when a signal comes.
    #[must_use]
    pub fn readable(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// What has come since the last time.
    pub fn news(&mut self) -> News {
        let mut news = News::default();
        for signal in self.delivery.pending() {
            match signal {
                SIGTSTP => news.stop = true,
                SIGCONT => news.resumed = true,
                signal => news.fatal = Some(signal),
            }
        }
        news
    }

    /// Holds nothing back any more. What had come until then is still [`news`](Self::news).
    pub fn release(&mut self) {
        self.released.store(true, Ordering::SeqCst);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.release();
    }
}

/// Stops the process until it is continued, as a read from the terminal does in the background: where no shell is there
/// to continue it, the system does not stop it.
pub fn stop() {
    let _ = kill_process(getpid(), Signal::TTIN);
}

/// The signals that the process ignores, one bit each; none where the system does not tell.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
