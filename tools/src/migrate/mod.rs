//! A password database becomes one of LMDB: what `saslmigrate` does.
//!
//! Everything that takes time is done beside the database while that is in use, and begun again, but for what is hashed, when
//! somebody has written to it meanwhile. `oxisasl::store::migrate` puts the new file in its place.

use std::fs;
use std::path::{Path, PathBuf};

use oxisasl::store::bulk::{Complete, Imported, NewDatabase};
use oxisasl::store::migrate::{Source, State, User, remove_leftovers};
use oxisasl::store::sasldb::Format;
use oxisasl::{Code, Error, Result};

pub mod hashing;
pub mod journal;
pub mod progress;
pub mod survey;

use hashing::{Conversion, Records};
use journal::{Journal, Properties};
use progress::{Progress, Shown, duration};
use survey::{Survey, name_of, plaintext};

/// How often everything is done again because the source has changed.
const ATTEMPTS: usize = 6;
/// From which attempt on those who write are held off from the beginning.
const HOLDING: usize = 3;

/// A migration.
pub struct Migration {
    /// The old database.
    pub source: Source,
    /// Where the new one is to be, unless in its place.
    pub destination: Option<PathBuf>,
    /// What is made of users.
    pub conversion: Conversion,
    /// The new database is read again and compared before anyone uses it.
    pub verify: bool,
    /// Where progress is shown.
    pub shown: Shown,
}

/// What has come of a migration, for people.
pub type Report = String;

impl Migration {
    fn hashes(&self) -> bool {
        self.conversion.hash.is_some()
    }

    /// Where the new database is to be.
    fn place(&self) -> Result<PathBuf> {
        match &self.destination {
            None => self.source.real_path(),
            Some(path) => Ok(path.clone()),
        }
    }

    /// Says what would be done, and does nothing.
    ///
    /// # Errors
    /// Why it could not be done, as far as that can be told.
    pub fn describe(&self) -> Result<Report> {
        self.check_place()?;
        self.source.verify()?;
        let survey = Survey::of(&self.source, self.shown)?;
        let path = self.source.path().display();
        let mut text = format!("{path}: a {} file\n{}", name_of(self.source.format()), survey.text());
        if self.hashes() && survey.plaintext > 0 {
            let (properties, time) = self.conversion.try_out()?;
            let threads = self.conversion.hash.map_or(1, |threads| threads.get()) as f64;
            let time = duration(time.as_secs_f64() * survey.plaintext as f64 / threads);
            let (count, properties) = (survey.plaintext, properties.join(", "));
            text += &format!("would hash {count} passwords, in about {time}, and store {properties} in their place\n");
        } else if survey.plaintext > 0 {
            text += &format!("would leave {} passwords as they are, in plaintext (see --hash)\n", survey.plaintext);
        }
        text += &match &self.destination {
            _ if self.is_done(&survey) => "would change nothing: it is what it is to be\n".to_owned(),
            Some(path) => {
                format!("would write {}, and leave {} as it is\n", path.display(), self.source.path().display())
            }
            None => {
                let backup = self.source.backup()?;
                format!("would put an LMDB file in its place, and keep it as {}\n", backup.display())
            }
        };
        Ok(text)
    }

    /// Does it.
    ///
    /// # Errors
    /// What went wrong, and then nothing has changed, unless the error says otherwise; [`Code::TryAgain`] when others keep
    /// changing the source or have it locked.
    pub fn run(&self) -> Result<Report> {
        self.check_place()?;
        let place = self.place()?;
        let survey = self.survey()?;
        if self.is_done(&survey) {
            return self.clean(&place);
        }
        if self.hashes() && survey.plaintext > 0 {
            // Why it cannot be done is told before anything is.
            self.conversion.try_out()?;
        }
        let mut journal = Journal::open(Journal::path_for(&place))?;
        let done = self.attempts(&place, &mut journal);
        match &done {
            Err(error) if !journal.is_empty() => {
                let path = Journal::path_for(&place);
                let what = format!("{}; the passwords hashed so far are in {}", error.detail(), path.display());
                Err(Error::new(error.code(), format!("{what}: the same command goes on from there")))
            }
            Err(_) => {
                let _ = journal.remove();
                done
            }
            // That it is done is so, whatever stays behind.
            Ok(report) => match journal.remove() {
                Ok(()) => done,
                Err(error) => Ok(format!("{report}{}: remove it\n", error.detail())),
            },
        }
    }

    fn survey(&self) -> Result<Survey> {
        self.source.verify()?;
        Survey::of(&self.source, self.shown)
    }

    /// A destination is to be a new file.
    fn check_place(&self) -> Result<()> {
        match &self.destination {
            Some(path) if fs::symlink_metadata(path).is_ok() => {
                let path = path.display();
                Err(Error::fail(format!(
                    "{path}: there is a file of this name; move it away, or name another destination"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether the database is what it is to be.
    fn is_done(&self, survey: &Survey) -> bool {
        let old_name = |name: &&str| survey.properties.contains_key(name.as_bytes());
        let names = self.conversion.rename && hashing::CLASSIC.iter().any(old_name);
        self.destination.is_none()
            && self.source.format() == Format::Lmdb
            && !names
            && (!self.hashes() || survey.plaintext == 0)
    }

    /// Nothing is left to do but to clean up after a run that was killed when it was done.
    fn clean(&self, place: &Path) -> Result<Report> {
        let journal = Journal::path_for(place);
        if fs::symlink_metadata(&journal).is_ok() {
            Journal::open(journal)?.remove()?;
        }
        remove_leftovers(place);
        Ok(format!("{}: nothing to do: it is what it is to be\n", self.source.path().display()))
    }

    fn attempts(&self, place: &Path, journal: &mut Journal) -> Result<Report> {
        for attempt in 1..=ATTEMPTS {
            // Those who only read must take GDBM's lock, too, and we are one of them.
            let early = attempt >= HOLDING && self.destination.is_none() && self.source.format() != Format::Gdbm;
            let hold = if early { Some(self.source.hold()?) } else { None };
            let state = self.source.state()?;
            let survey = self.survey()?;
            if self.hashes() {
                let mut progress = Progress::new(self.shown, "hashing", survey.plaintext);
                self.conversion.hash_all(&self.source, journal, &mut progress)?;
                progress.end();
            }
            let new = self.build(place, journal, &survey, &state)?;
            if self.verify
                && let Err(error) = self.check(&new, journal, &survey)
                && self.source.state()? == state
            {
                return Err(error);
            }
            let size = new.size();
            if self.destination.is_some() {
                self.source.dress(&new)?;
                if self.source.state()? == state {
                    new.name()?;
                    return Ok(self.report(&survey, size, None));
                }
            } else {
                let hold = hold.map_or_else(|| self.source.hold(), Ok)?;
                if let Some(backup) = hold.replace(new, &state)? {
                    return Ok(self.report(&survey, size, Some(&backup)));
                }
            }
            self.shown.say("the database has changed meanwhile: the changes are taken up");
        }
        let path = self.source.path().display();
        Err(Error::new(
            Code::TryAgain,
            format!("{path}: other programs change it all the time; stop them, or try again"),
        ))
    }

    /// Writes the new database.
    fn build(&self, place: &Path, journal: &mut Journal, survey: &Survey, state: &State) -> Result<Complete> {
        let mut new = NewDatabase::new(place)?;
        let mut progress = Progress::new(self.shown, "writing", survey.users);
        let mut put = |records: Records| records.iter().try_for_each(|(key, value)| new.put(key, value.expose()));
        for user in self.users(survey)? {
            let user = user?;
            let properties = self.hashed(journal, &user)?;
            put(self.conversion.records(user, properties)?)?;
            progress.step();
        }
        let complete = new.complete(state.transaction())?;
        progress.end();
        Ok(complete)
    }

    /// What became of a user's password.
    fn hashed(&self, journal: &mut Journal, user: &User) -> Result<Option<Properties>> {
        let Some(password) = plaintext(user).filter(|_| self.hashes()) else { return Ok(None) };
        let fingerprint = self.conversion.fingerprint(journal, user);
        if let Some(properties) = journal.get(&fingerprint)? {
            return Ok(Some(properties));
        }
        // One that has just changed.
        let properties = self.conversion.hash_one(user, &password)?;
        journal.put(fingerprint, &properties)?;
        Ok(Some(properties))
    }

    /// The users of the source. Entries for no user come before all others; the key for made-up salts is put among them, if
    /// verifiers are made and there is none.
    fn users(&self, survey: &Survey) -> Result<impl Iterator<Item = Result<User>> + '_> {
        let mut salt_key = (self.hashes() && survey.plaintext > 0).then(|| self.conversion.salt_key()).transpose()?;
        let mut users = self.source.users()?.peekable();
        Ok(std::iter::from_fn(move || {
            let Some((key, value)) = salt_key.take() else { return users.next() };
            let is_first =
                |user: &User| user.entry().is_some_and(|entry| entry.user.is_empty() && entry.realm.is_empty());
            let marks = users.next_if(|user| user.as_ref().is_ok_and(is_first));
            let mut marks = marks.and_then(Result::ok).unwrap_or(User { records: Vec::new() });
            if marks.records.iter().all(|(known, _)| *known != key) {
                marks.records.push((key, value));
            }
            Some(Ok(marks))
        }))
    }

    /// Reads the new database and compares every record of it.
    fn check(&self, new: &Complete, journal: &mut Journal, survey: &Survey) -> Result<()> {
        let database = new.database();
        database.verify()?;
        let mut progress = Progress::new(self.shown, "comparing", survey.users);
        let mut stored = database.records();
        for user in self.users(survey)? {
            let user = user?;
            let properties = self.hashed(journal, &user)?;
            for (key, value) in self.conversion.records(user, properties)? {
                let same = match stored.next().transpose()? {
                    Some((other, found)) => other == key && bool::from(found.matches(value.expose())),
                    None => false,
                };
                if !same {
                    let key = crate::shown::shown(&key);
                    return Err(Error::fail(format!("the new database does not have what it should have of {key}")));
                }
            }
            progress.step();
        }
        if stored.next().is_some() {
            return Err(Error::fail("the new database has more than it should have"));
        }
        progress.end();
        if !self.hashes() {
            return Ok(());
        }
        let mut progress = Progress::new(self.shown, "verifying", survey.plaintext);
        let journal = std::sync::Mutex::new(journal);
        let pairs = self.source.users()?.filter_map(|user| {
            let user = match user {
                Ok(user) => user,
                Err(error) => return Some(Err(error)),
            };
            let password = plaintext(&user)?;
            let mut journal = journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            self.hashed(&mut journal, &user).transpose().map(|made| Ok((user, password, made?)))
        });
        self.conversion.check_all(pairs, &mut progress)?;
        progress.end();
        Ok(())
    }

    fn report(&self, survey: &Survey, size: Imported, backup: Option<&Path>) -> Report {
        let path = self.destination.as_deref().unwrap_or(self.source.path()).display();
        let (users, records, bytes) = (survey.users, size.records, size.bytes);
        let mut text = format!("{path}: an LMDB file of {users} users, {records} entries, {bytes} bytes\n");
        let left = if self.hashes() { 0 } else { survey.plaintext };
        if self.hashes() {
            text += &format!("{} passwords are hashed\n", survey.plaintext);
        }
        if left > 0 {
            text += &format!("{left} passwords are in plaintext, as they were (see --hash)\n");
        }
        if self.verify {
            text += "every entry is compared with the old database\n";
        }
        if let Some(backup) = backup {
            let what =
                if survey.plaintext > 0 { ", with passwords in plaintext: remove it when all is well" } else { "" };
            text += &format!("the old database is kept as {}{what}\n", backup.display());
        }
        text
    }
}
