//! How far a long work has come: a bar with the rate and the time that is left at a terminal, else a line now and then.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use rustix::stdio::stderr;
use rustix::termios::isatty;

/// How wide the bar is, in characters.
const WIDTH: u64 = 24;
/// How often the bar moves.
const MOVE: Duration = Duration::from_millis(100);
/// How often there is a line where there is no terminal.
const LINE: Duration = Duration::from_secs(30);

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nowhere.
    Nowhere,
    /// As lines on standard error.
    Lines,
    /// As a bar on the terminal that standard error is.
    Bar,
}

impl Shown {
    /// As standard error allows, unless nothing is to be shown.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        match (quiet, isatty(stderr())) {
            (true, _) => Shown::Nowhere,
            (false, true) => Shown::Bar,
            (false, false) => Shown::Lines,
        }
    }

    /// A line of its own.
    pub fn say(self, text: &str) {
        if self != Shown::Nowhere {
            write(&format!("{text}\n"));
        }
    }
}

/// The progress of one part of the work.
#[derive(Debug)]
pub struct Progress {
    shown: Shown,
    what: &'static str,
    total: u64,
    done: u64,
    begin: Instant,
    last: Instant,
    drawn: bool,
}

impl Progress {
    /// Begins a part with so much to do; 0 when that is not known.
    #[must_use]
    pub fn new(shown: Shown, what: &'static str, total: u64) -> Self {
        let now = Instant::now();
        Progress { shown, what, total, done: 0, begin: now, last: now, drawn: false }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.done = self.done.saturating_add(1);
        let every = if self.shown == Shown::Bar { MOVE } else { LINE };
        // The clock is not asked each time where thousands are done in a moment.
        if (self.done.is_multiple_of(64) || self.done < 64) && self.last.elapsed() >= every {
            self.last = Instant::now();
            self.draw();
        }
    }

    fn draw(&mut self) {
        let text = line(self.what, self.done, self.total, self.begin.elapsed());
        match self.shown {
            Shown::Nowhere => {}
            Shown::Lines => write(&format!("{text}\n")),
            // What was longer before is cleared to the end of the line.
            Shown::Bar => {
                write(&format!("\r{text}\x1b[K"));
                self.drawn = true;
            }
        }
    }

    /// Ends the part, and says how long it took if that was long.
    pub fn end(mut self) {
        if self.drawn {
            self.draw();
            write("\n");
            self.drawn = false;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // A message may follow.
        if self.drawn {
            write("\n");
        }
    }
}

fn write(text: &str) {
    // Nobody is left to be told when this fails.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What is shown. Where the total is 0 it is not known.
fn line(what: &str, done: u64, total: u64, time: Duration) -> String {
    let rate = done as f64 / time.as_secs_f64().max(1e-3);
    if total == 0 {
        return format!("{what:<10} {done}  {rate:.0}/s");
    }
    let share = |of: u64| done.min(total).saturating_mul(of) / total;
    let left = (total.saturating_sub(done)) as f64 / rate.max(1e-3);
    let bar: String = (0..WIDTH).map(|at| if at < share(WIDTH) { '#' } else { '.' }).collect();
    let rate = if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") };
    format!("{what:<10} [{bar}] {:>3}%  {done}/{total}  {rate}/s  {} left", share(100), duration(left))
}

/// A time in the two units that matter.
#[must_use]
pub fn duration(seconds: f64) -> String {
    // A float becomes the nearest number that fits.
    let seconds = seconds.ceil() as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let text = line("hashing", 250, 1000, Duration::from_secs(10));
        assert_eq!(text, "hashing    [######..................]  25%  250/1000  25/s  30s left");
        assert_eq!(line("reading", 500, 0, Duration::from_secs(2)), "reading    500  250/s");
        assert!(line("x", 1, 100_000, Duration::from_secs(1)).ends_with("  1.0/s  27h46m left"));
    }

    #[test]
    fn times_have_two_units() {
        assert_eq!([0.0, 59.2, 61.0, 3600.0, 7260.0].map(duration), ["0s", "1m00s", "1m01s", "1h00m", "2h01m"]);
    }
}
