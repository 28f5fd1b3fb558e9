//! The entries of a password database, for the tools that list them.

use std::io;
use std::path::Path;

use oxisasl::store::sasldb::{Entry, SasldbFile};
use oxisasl::{Error, Result as Read};

use crate::args::Tool;
use crate::failure::Failure;

/// How a list ends: what could not be read is told, and is a failure only with `strict`; what could not be printed is one.
///
/// # Errors
/// [`Failure::Output`], and with `strict` what could not be read.
pub fn end(tool: &Tool, strict: bool, listed: Read<io::Result<()>>) -> Result<(), Failure> {
    match listed {
        Ok(printed) => printed.map_err(Failure::Output),
        Err(error) if strict => Err(Failure::Plain(error.detail().to_owned())),
        Err(error) => {
            tool.tell(&Failure::Plain(error.detail().to_owned()));
            Ok(())
        }
    }
}

/// Calls `show` for each entry of a database but those that are of no user: the database keeps what concerns it as a whole there.
/// The first failure of `show` ends it, and is what comes of it.
///
/// # Errors
/// What cannot be read and why, beginning with `failed` and the path; also when there is no file.
pub fn each(path: &Path, failed: &str, mut show: impl FnMut(&Entry) -> io::Result<()>) -> Read<io::Result<()>> {
    let place = path.display();
    let explained = |error: Error| {
        let reason = error.detail().trim_start_matches(&format!("{place}: "));
        Error::new(error.code(), format!("{failed} {place}: {reason}"))
    };
    // The library takes a file that is not there for a database without users.
    path.metadata().map_err(|error| explained(Error::fail(error.to_string())))?;
    let file = SasldbFile::open(path).map_err(explained)?;
    for entry in file.entries() {
        let entry = entry.map_err(explained)?;
        if entry.user.is_empty() && entry.realm.is_empty() {
            continue;
        }
        if let Err(error) = show(&entry) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}
