//! What a database has, counted: users, properties, and which passwords are stored as they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use oxisasl::crypto::StoredPassword;
use oxisasl::store::migrate::{Source, User};
use oxisasl::store::sasldb::{Entry, Format};
use oxisasl::{Result, Secret};

use super::progress::{Progress, Shown};
use crate::shown::shown;

/// The property that has passwords as they are.
pub const PASSWORD: &str = "userPassword";

/// The numbers of a database.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Users with at least one property.
    pub users: u64,
    /// Entries for no user, such as those that mark a database of SASL 1.5.
    pub marks: u64,
    /// Keys that are not of the form of an entry.
    pub others: u64,
    /// Entries by property.
    pub properties: BTreeMap<Vec<u8>, u64>,
    /// Passwords that are stored as they are.
    pub plaintext: u64,
    /// Entries in all.
    pub records: u64,
}

impl Survey {
    /// Reads all of a database.
    ///
    /// # Errors
    /// Those of the database.
    pub fn of(source: &Source, shown: Shown) -> Result<Self> {
        let mut survey = Survey::default();
        // How many there are is not known before.
        let mut progress = Progress::new(shown, "reading", 0);
        for user in source.users()? {
            survey.add(&user?);
            progress.step();
        }
        Ok(survey)
    }

    fn add(&mut self, user: &User) {
        self.records += user.records.len() as u64;
        let mut named = false;
        for (key, _) in &user.records {
            match Entry::of_key(key) {
                None => self.others += 1,
                Some(entry) if entry.user.is_empty() && entry.realm.is_empty() => self.marks += 1,
                Some(entry) => {
                    named = true;
                    *self.properties.entry(entry.property).or_default() += 1;
                }
            }
        }
        self.users += u64::from(named);
        self.plaintext += u64::from(plaintext(user).is_some());
    }

    /// The text for a dry run.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("  {} users, {} entries\n", self.users, self.records);
        for (property, count) in &self.properties {
            let mut line = format!("  {}: {count}", shown(property));
            if property == PASSWORD.as_bytes() {
                let hashed = count.saturating_sub(self.plaintext);
                // A string takes all.
                let _ = write!(line, " ({} plaintext, {hashed} hashed or empty)", self.plaintext);
            }
            text += &line;
            text.push('\n');
        }
        for (count, what) in [(self.marks, "entries for no user"), (self.others, "keys of no known form")] {
            if count > 0 {
                let _ = writeln!(text, "  {what}: {count}");
            }
        }
        text
    }
}

/// The password of a user that is stored as it is. An empty one is nobody's.
#[must_use]
pub fn plaintext(user: &User) -> Option<Secret> {
    user.entry()?;
    let stored = user.get(PASSWORD)?;
    let plain = StoredPassword::parse(stored.expose()).plain()?;
    (!plain.is_empty()).then(|| Secret::from(plain))
}

/// What a kind of file is called.
#[must_use]
pub fn name_of(format: Format) -> &'static str {
    match format {
        Format::Missing => "no file",
        Format::Lmdb => "LMDB",
        Format::BerkeleyHash => "Berkeley DB hash",
        Format::Gdbm => "GDBM",
    }
}
