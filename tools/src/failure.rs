//! Why a tool ends without success: what it says, and its exit status.

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use oxisasl::{Code, Error};
use signal_hook::consts::SIGPIPE;
use signal_hook::low_level::emulate_default_handler;

use crate::settings::Interface;

/// Why a tool ends without success.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// The library, or something that has a code of its.
    Sasl(Error),
    /// Something that needs no code.
    Plain(String),
    /// The password was typed differently the second time.
    Mismatch,
    /// The tool's output cannot be written.
    Output(io::Error),
    /// This exit status, when what there is to say was said.
    Status(u8),
    /// A signal ends the tool.
    Signal(c_int),
}

impl Failure {
    /// The exit status: the negated number of the code; 1 where there is none.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Failure::Usage(_) | Failure::Plain(_) | Failure::Output(_) => 1,
            Failure::Sasl(error) => u8::try_from(error.code().number().saturating_neg()).unwrap_or(1),
            Failure::Mismatch => 7,
            Failure::Status(status) => *status,
            Failure::Signal(signal) => u8::try_from(signal.saturating_add(128)).unwrap_or(1),
        }
    }

    /// What is wrong, for standard error; nothing when a signal says it.
    #[must_use]
    pub fn message(&self, interface: Interface) -> Option<String> {
        match self {
            Failure::Usage(what) | Failure::Plain(what) => Some(what.clone()),
            Failure::Sasl(error) if error.detail().is_empty() => Some(text(interface, error.code()).to_owned()),
            Failure::Sasl(error) => Some(format!("{}: {}", text(interface, error.code()), error.detail())),
            Failure::Mismatch => Some("passwords don't match; aborting".to_owned()),
            Failure::Output(error) if error.kind() == ErrorKind::BrokenPipe => None,
            Failure::Output(error) => Some(format!("cannot write to standard output: {error}")),
            Failure::Status(_) | Failure::Signal(_) => None,
        }
    }

    /// Ends by the signal, if it is one; else gives the exit status. A reader who goes away early ends the tool as it
    /// ends other programs.
    #[must_use]
    pub fn end(&self) -> ExitCode {
        let signal = match self {
            Failure::Signal(signal) => Some(*signal),
            Failure::Output(error) if error.kind() == ErrorKind::BrokenPipe => Some(SIGPIPE),
            _ => None,
        };
        if let Some(signal) = signal {
            // It does not come back but for a signal that does not end a process.
            let _ = emulate_default_handler(signal);
        }
        self.status().into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Sasl(error)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Failure::Usage(error.to_string())
    }
}

/// The text of a code as the interface has it.
fn text(interface: Interface, code: Code) -> &'static str {
    match (interface, code) {
        (Interface::Classic, Code::NotDone) => "can't request info until later in exchange",
        (Interface::Classic, Code::PwLock) => "password locked",
        (_, code) => code.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_is_the_negated_code() {
        for (code, status) in [(Code::Fail, 1), (Code::NotDone, 6), (Code::BadParam, 7), (Code::NoUser, 20)] {
            assert_eq!(Failure::from(Error::from(code)).status(), status);
        }
        // One that is no error, and one that does not fit.
        assert_eq!(Failure::from(Error::from(Code::Interact)).status(), 1);
        assert_eq!(Failure::from(Error::from(Code::Foreign(-300))).status(), 1);
    }

    #[test]
    fn the_detail_follows_the_text() {
        let message = |error: Error| Failure::from(error).message(Interface::Classic);
        assert_eq!(message(Error::from(Code::NoUser)).as_deref(), Some("user not found"));
        assert_eq!(
            message(Error::new(Code::NotDone, "DIGEST-MD5")).as_deref(),
            Some("can't request info until later in exchange: DIGEST-MD5")
        );
    }
}
