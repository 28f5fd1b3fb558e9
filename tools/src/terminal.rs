//! Questions at the terminal whose answers are not shown while they are typed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::getpgrp;
use rustix::stdio::stdin;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcsetattr,
};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::signals::{self, News, Signals};
use oxisasl::Error;

/// The terminal that standard input is. It shows nothing of what is typed until this is dropped, however that comes
/// about; what was typed before is thrown away.
///
/// Questions are written to the controlling terminal, so that they are seen also when standard output is not;
/// without one, to standard error.
pub struct Terminal {
    signals: Signals,
    output: Box<dyn Write>,
    /// How the terminal is to be left; none while it is as it was.
    before: Option<Termios>,
    /// A question stands at the end of the last line.
    asking: bool,
}

/// What is typed before it is known to be a password.
pub type Typed = Zeroizing<Vec<u8>>;

impl Terminal {
    /// Takes the terminal. In the background the process is stopped until it is brought to the foreground.
    ///
    /// # Errors
    /// When the terminal cannot be used, or a signal comes.
    pub fn open() -> Result<Self, Failure> {
        let signals = Signals::hold().map_err(|error| cannot("watch for signals", &error))?;
        let output: Box<dyn Write> = match File::options().write(true).open("/dev/tty") {
            Ok(terminal) => Box::new(terminal),
            Err(_) => Box::new(io::stderr()),
        };
        let mut terminal = Terminal { signals, output, before: None, asking: false };
        terminal.hide()?;
        Ok(terminal)
    }

    /// Asks, and reads a line, without its end. A program that was stopped asks again.
    ///
    /// # Errors
    /// [`oxisasl::Code::BufOver`] when the line is longer than `limit` bytes; when the terminal cannot be used, or a
    /// signal comes.
    pub fn ask(&mut self, question: &str, limit: usize) -> Result<Typed, Failure> {
        loop {
            self.write(question)?;
            self.asking = true;
            if self.wait()? {
                break;
            }
        }
        let line = self.line(limit)?;
        self.asking = false;
        self.write("\n")?;
        Ok(line)
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    /// A signal that has come meanwhile.
    pub fn close(mut self) -> Result<(), Failure> {
        self.show();
        self.signals.release();
        self.signals.news().fatal.map_or(Ok(()), |signal| Err(Failure::Signal(signal)))
    }

    /// Waits for a line; false when the question must be asked again.
    fn wait(&mut self) -> Result<bool, Failure> {
        loop {
            let input = stdin();
            let mut sources =
                [PollFd::new(&input, PollFlags::IN), PollFd::from_borrowed_fd(self.signals.readable(), PollFlags::IN)];
            let polled = poll(&mut sources, None);
            let typed = !sources.first().is_none_or(|source| source.revents().is_empty());
            match polled {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(cannot("wait for the terminal", &error.into())),
            }
            match self.signals.news() {
                News { fatal: Some(signal), .. } => return Err(Failure::Signal(signal)),
                News { stop: true, .. } => {
                    self.show();
                    signals::stop();
                    // That it goes on is no news.
                    if let Some(signal) = self.signals.news().fatal {
                        return Err(Failure::Signal(signal));
                    }
                    self.hide()?;
                    return Ok(false);
                }
                // Something stopped the process that could not be seen coming; whoever had the terminal meanwhile may
                // have left it otherwise.
                News { resumed: true, .. } => {
                    self.hide()?;
                    return Ok(false);
                }
                _ if typed => return Ok(true),
                _ => {}
            }
        }
    }

    /// The line that was typed. The terminal gives whole lines, at most one at a time.
    fn line(&self, limit: usize) -> Result<Typed, Failure> {
        let mut line = Zeroizing::new(vec![0; limit.saturating_add(1)]);
        let length = rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut line[..]))
            .map_err(|error| cannot("read from the terminal", &error.into()))?;
        line.truncate(length);
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if length > limit {
            let _ = tcflush(stdin(), QueueSelector::IFlush);
            return Err(too_long(limit));
        }
        Ok(line)
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
        written.map_err(|error| cannot("write to the terminal", &error))
    }

    /// From now on nothing typed is shown, and lines are read whole.
    fn hide(&mut self) -> Result<(), Failure> {
        self.come_to_the_foreground()?;
        let now = tcgetattr(stdin()).map_err(|error| cannot("look at the terminal", &error.into()))?;
        let mut hidden = now.clone();
        hidden.local_modes -= LocalModes::ECHO | LocalModes::ECHOE | LocalModes::ECHOK | LocalModes::ECHONL;
        hidden.local_modes |= LocalModes::ICANON | LocalModes::ISIG;
        hidden.input_modes |= InputModes::ICRNL;
        if self.before.is_none() || now.local_modes.contains(LocalModes::ECHO) {
            self.before = Some(now);
        }
        let set = rustix::io::retry_on_intr(|| tcsetattr(stdin(), OptionalActions::Flush, &hidden));
        set.map_err(|error| cannot("turn off the terminal's echo", &error.into()))
    }

    /// Leaves the terminal as it was. In the background it is another's and left alone.
    fn show(&mut self) {
        if let Some(before) = self.before.take()
            && !in_background()
        {
            let _ = rustix::io::retry_on_intr(|| tcsetattr(stdin(), OptionalActions::Now, &before));
        }
    }

    fn come_to_the_foreground(&mut self) -> Result<(), Failure> {
        while in_background() {
            signals::stop();
            match self.signals.news() {
                News { fatal: Some(signal), .. } => return Err(Failure::Signal(signal)),
                News { resumed: true, .. } => {}
                // The system sees nobody who could bring it there.
                _ => return Err(Error::fail("the terminal is in use by another job").into()),
            }
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.asking && !in_background() {
            let _ = self.write("\n");
        }
        self.show();
    }
}

/// Whether the terminal belongs to other processes of the session.
fn in_background() -> bool {
    tcgetpgrp(stdin().as_fd()).is_ok_and(|group| group != getpgrp())
}

/// The error of a line or file that is longer than a password may be.
pub(crate) fn too_long(limit: usize) -> Failure {
    Error::new(oxisasl::Code::BufOver, format!("the password is longer than {limit} bytes")).into()
}

/// The error of a system call.
pub(crate) fn cannot(what: &str, error: &io::Error) -> Failure {
    Error::fail(format!("cannot {what}: {error}")).into()
}
