//! The entries of a password database, for the tools that list them.

use std::path::Path;

use oxisasl::store::sasldb::{Entry, SasldbFile};
use oxisasl::{Error, Result};

/// Reads the entries of a database but those that are of no user: the database keeps what concerns it as a whole there.
///
/// # Errors
/// What cannot be read and why, beginning with `failed` and the path; also when there is no file.
pub fn read(path: &Path, failed: &str) -> Result<Vec<Entry>> {
    // The library takes a file that is not there for a database without users.
    let read = match path.metadata() {
        Ok(_) => SasldbFile::open(path).and_then(|file| file.users()),
        Err(error) => Err(Error::fail(error.to_string())),
    };
    let mut entries = read.map_err(|error| {
        let place = path.display();
        let reason = error.detail().trim_start_matches(&format!("{place}: "));
        Error::new(error.code(), format!("{failed} {place}: {reason}"))
    })?;
    entries.retain(|entry| !(entry.user.is_empty() && entry.realm.is_empty()));
    Ok(entries)
}
