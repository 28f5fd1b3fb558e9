//! Command lines, read as `getopt` reads them, and how a tool runs and ends.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use lexopt::Parser;

use crate::failure::Failure;
use crate::settings::Interface;

/// A tool, as it is told about.
#[derive(Debug)]
pub struct Tool {
    /// Its name, which begins its messages.
    pub name: &'static str,
    /// The interface whose words it has.
    pub interface: Interface,
    /// What follows the name on a command line, in short.
    pub synopsis: &'static str,
    /// What it does and what its options mean.
    pub help: &'static str,
}

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked<T> {
    /// How the tool is used.
    Help,
    /// Which version it is.
    Version,
    /// This, on standard error.
    Note(&'static str),
    /// Its work, with these settings.
    Work(T),
}

impl Tool {
    /// Reads the process's command line, does what it asks for, and tells what went wrong.
    ///
    /// A failure's exit status is that of [`Failure::status`]; one by a signal ends the process by that signal.
    pub fn run<T>(
        &self,
        parse: impl FnOnce(Parser) -> Result<Asked<T>, Failure>,
        work: impl FnOnce(T) -> Result<(), Failure>,
    ) -> ExitCode {
        let done = parse(parser(Parser::from_env())).and_then(|asked| match asked {
            Asked::Help => print(&format!("usage: {} {}\n\n{}", self.name, self.synopsis, self.help)),
            Asked::Version => print(&format!("{} (oxisasl) {}\n", self.name, env!("CARGO_PKG_VERSION"))),
            Asked::Note(text) => {
                // Nobody is left to be told when this fails.
                let _ = io::stderr().write_all(text.as_bytes());
                Ok(())
            }
            Asked::Work(settings) => work(settings),
        });
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                self.tell(&failure);
                failure.end()
            }
        }
    }

    /// Writes to standard error what went wrong, and for a wrong command line, how the tool is used.
    pub fn tell(&self, failure: &Failure) {
        let mut text = String::new();
        if let Some(message) = failure.message(self.interface) {
            text = format!("{}: {message}\n", self.name);
        }
        if matches!(failure, Failure::Usage(_)) {
            text += &format!("usage: {} {}\n", self.name, self.synopsis);
        }
        // Nobody is left to be told when this fails.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// As `getopt` has it: what follows a short option's letter is its value to the last byte, also an equals sign.
fn parser(mut parser: Parser) -> Parser {
    parser.set_short_equals(false);
    parser
}

/// The parser of these arguments, for the tests of a tool.
pub fn parser_of<I: IntoIterator>(arguments: I) -> Parser
where
    I::Item: Into<OsString>,
    I::IntoIter: 'static,
{
    parser(Parser::from_args(arguments))
}

/// An operand where there may be only one.
///
/// # Errors
/// [`Failure::Usage`] for the second.
pub fn only(place: &mut Option<OsString>, operand: OsString) -> Result<(), Failure> {
    match place.replace(operand) {
        None => Ok(()),
        Some(_) => {
            Err(Failure::Usage(format!("unexpected argument \"{}\"", place.take().unwrap_or_default().display())))
        }
    }
}

/// The name of an application, which becomes that of a file.
///
/// # Errors
/// [`Failure::Plain`] for a path.
pub fn application(name: String) -> Result<String, Failure> {
    if name.contains('/') {
        return Err(Failure::Plain("filename must not contain /".to_owned()));
    }
    Ok(name)
}

/// The text of an option's value.
///
/// # Errors
/// [`Failure::Usage`] when it is not UTF-8.
pub fn text(option: &str, value: OsString) -> Result<String, Failure> {
    value
        .into_string()
        .map_err(|value| Failure::Usage(format!("the value of {option} is not UTF-8: \"{}\"", value.display())))
}

/// Writes to standard output.
///
/// # Errors
/// [`Failure::Output`].
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::Output)
}
