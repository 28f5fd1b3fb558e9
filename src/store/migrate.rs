//! A password database of any kind becomes one of LMDB.
//!
//! The new file is written beside the old one while that is in use ([`NewDatabase`](super::bulk::NewDatabase)), from records
//! that are all of one state of it ([`Source::state`]). Only to put the new one in the place of the old one, those who write are
//! held off ([`Source::hold`]) and it is seen whether that still is in the same state; if not, nothing is changed, and it is to
//! be done again. The old file stays under another name.
//!
//! What LMDB's lock file knows of a database is the number of the last transaction: the new file has the one of the LMDB file that
//! it replaces, and nobody has that open meanwhile. Programs with Berkeley DB itself take no locks. One that had the old file open
//! and writes to it just after it was replaced is noticed, and the old file is put back.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::bulk::Complete;
use super::lmdb::{Exclusion, LmdbFile, LmdbOptions, MAX_KEY};
use super::replace::{Locked, backups, cannot, dress, remove_unfinished, sync_folder_of};
use super::sasldb::{Entry, Format, MAX_VALUE, Records, SasldbFile};
use super::stamp::Stamp;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

/// How long to wait for others.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(3);

/// The database that is there.
#[derive(Debug)]
pub struct Source {
    file: SasldbFile,
    format: Format,
}

/// A state of a file: it is the same as long as nobody has written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    stamp: Stamp,
    transaction: u64,
}

/// All that a database has of one user, or one key of no form that is known.
#[derive(Debug)]
pub struct User {
    /// The keys, in the order of their bytes, with their values.
    pub records: Vec<(Vec<u8>, Secret)>,
}

/// The users of a database in the order of the bytes of their keys; see [`Source::users`].
#[derive(Debug)]
pub struct Users<'f> {
    path: &'f Path,
    records: Either<'f>,
    next: Option<(Vec<u8>, Secret)>,
}

/// Records in their order.
#[derive(Debug)]
enum Either<'f> {
    /// Those of a file that has them so.
    Sorted(Records<'f>),
    /// Those of one that does not.
    All(std::vec::IntoIter<(Vec<u8>, Secret)>),
}

impl Source {
    /// The database at a path.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause if there is none, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = SasldbFile::open(path)?;
        match file.format()? {
            Format::Missing => {
                let what = if path.exists() { "the file is empty" } else { "there is no such file" };
                Err(Error::fail(format!("{}: {what}", path.display())))
            }
            format => Ok(Source { file, format }),
        }
    }

    /// What kind of file it is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Where it really is: a link leads to what is replaced.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn real_path(&self) -> Result<PathBuf> {
        fs::canonicalize(self.path()).map_err(|error| cannot(self.path(), "find it", &error))
    }

    /// The name under which it would be kept.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn backup(&self) -> Result<PathBuf> {
        let free = |name: &PathBuf| fs::symlink_metadata(name).is_err();
        backups(&self.real_path()?).find(free).ok_or_else(|| Error::fail("there is no name left for a backup"))
    }

    /// Reads all of it and checks that it is sound.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path, the place and what is wrong there.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()
    }

    /// The state in which it is, once every write to it is sure to be seen.
    ///
    /// # Errors
    /// [`Code::TryAgain`] if others write all the time; [`Code::Fail`] with the path and the cause.
    pub fn state(&self) -> Result<State> {
        let begin = Instant::now();
        let mut seen: Option<(Stamp, Instant)> = None;
        loop {
            let stamp = Stamp::of(&self.metadata()?);
            let since = match seen {
                Some((before, since)) if before == stamp => since,
                _ => Instant::now(),
            };
            seen = Some((stamp, since));
            if stamp.settled(since) {
                return Ok(State { stamp, transaction: self.transaction()? });
            }
            if begin.elapsed() > PATIENCE {
                let path = self.path().display();
                return Err(Error::new(Code::TryAgain, format!("{path}: others write to it all the time; try again")));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn transaction(&self) -> Result<u64> {
        match self.format {
            Format::Lmdb => LmdbFile::new(self.path(), LmdbOptions::default()).transaction(),
            _ => Ok(1),
        }
    }

    fn metadata(&self) -> Result<Metadata> {
        fs::metadata(self.path()).map_err(|error| cannot(self.path(), "look at it", &error))
    }

    /// All users. Those of an LMDB file take no memory; of others all are read at once.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn users(&self) -> Result<Users<'_>> {
        let records = match self.format {
            Format::Lmdb => Either::Sorted(self.file.records()),
            _ => {
                let mut all = self.file.records().collect::<Result<Vec<_>>>()?;
                all.sort_unstable_by(|one, other| one.0.cmp(&other.0));
                let twice = all.windows(2).find_map(|pair| match pair {
                    [one, other] if one.0 == other.0 => Some(&one.0),
                    _ => None,
                });
                if let Some(key) = twice {
                    let what = format!("{} has several values, of which LMDB files have one", shown(key));
                    return Err(Error::fail(format!("{}: {what}", self.path().display())));
                }
                Either::All(all.into_iter())
            }
        };
        Ok(Users { path: self.path(), records, next: None })
    }

    /// Gives a new database that is to have another place the owner, group, mode and attributes of this one.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn dress(&self, new: &Complete) -> Result<()> {
        let old = File::open(self.path()).map_err(|error| cannot(self.path(), "open it", &error))?;
        dress(self.path(), &old, new.new.file())
    }

    /// Holds off those who write to it.
    ///
    /// # Errors
    /// [`Code::TryAgain`] if others have it locked, or an LMDB file open, all the time; [`Code::Fail`] with the path and the cause.
    pub fn hold(&self) -> Result<Hold> {
        let deadline = Instant::now() + PATIENCE;
        let locked = Locked::new(self.path(), deadline)?;
        let writers = match self.format {
            Format::Lmdb => Some(Exclusion::new(locked.path(), deadline)?),
            _ => None,
        };
        Ok(Hold { name: self.path().to_owned(), locked, writers })
    }
}

/// Removes what runs that were killed have left beside a database, but for what is still being written.
pub fn remove_leftovers(path: &Path) {
    remove_unfinished(path);
}

impl State {
    /// The number of its last transaction, which a file that replaces it is to have, too.
    #[must_use]
    pub fn transaction(&self) -> u64 {
        self.transaction
    }
}

/// Others do not write to the database as long as this lives.
#[derive(Debug)]
pub struct Hold {
    name: PathBuf,
    locked: Locked,
    writers: Option<Exclusion>,
}

impl Hold {
    /// Puts a new database in the place of the old one, with its owner, group, mode and attributes, and gives the name under which
    /// the old one is kept. None, and nothing is changed, if that is no longer in this state.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause, and then nothing has changed, unless the error says otherwise.
    pub fn replace(self, new: Complete, state: &State) -> Result<Option<PathBuf>> {
        self.replace_then(new, state, || ())
    }

    /// The same; `then` is what others do at the moment after.
    fn replace_then(self, new: Complete, state: &State, then: impl FnOnce()) -> Result<Option<PathBuf>> {
        let mut backup = None;
        let still = |old: &File| {
            let now = old.metadata().map_err(|error| cannot(&self.name, "look at it", &error))?;
            if Stamp::of(&now) != state.stamp {
                return Ok(false);
            }
            backup = Some(self.locked.keep()?);
            Ok(true)
        };
        let unchanged = |metadata: &Metadata| {
            let now = Stamp::of(metadata);
            // The time of change is that of its names.
            (now.length, now.modified) == (state.stamp.length, state.stamp.modified)
        };
        let installed = self.locked.install(new.new, still);
        let Some(backup) = backup.filter(|_| !matches!(installed, Ok(false))) else { return installed.map(|_| None) };
        if let Err(error) = installed {
            self.forget(&backup);
            return Err(error);
        }
        then();
        match self.locked.file().metadata() {
            Ok(old) if !unchanged(&old) && self.writers.is_none() => self.put_back(&backup, &old, state).map(|()| None),
            _ => Ok(Some(backup)),
        }
    }

    /// Takes the name of a backup away again, unless the file has only that.
    fn forget(&self, backup: &Path) {
        let id = |path: &Path| fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        if id(backup).is_some() && id(backup) == id(self.locked.path()) {
            let _ = fs::remove_file(backup);
        }
    }

    /// Puts the old file back, which somebody has written to.
    fn put_back(&self, backup: &Path, old: &Metadata, state: &State) -> Result<()> {
        let path = self.locked.path();
        let same = fs::symlink_metadata(backup).is_ok_and(|kept| (kept.dev(), kept.ino()) == (old.dev(), old.ino()));
        let untouched =
            LmdbFile::new(path, LmdbOptions::default()).transaction().is_ok_and(|now| now == state.transaction);
        if same && untouched {
            fs::rename(backup, path).map_err(|error| cannot(&self.name, "put the old one back", &error))?;
            return sync_folder_of(&self.name, path);
        }
        let (name, backup) = (self.name.display(), backup.display());
        Err(Error::fail(format!(
            "{name}: the password database is changed; another program has changed the old one at the same moment, and that change \
             is in {backup} only"
        )))
    }
}

impl User {
    /// The user's name and realm; none for a key of another form.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        self.records.first().and_then(|(key, _)| Entry::of_key(key))
    }

    /// The value of a property.
    #[must_use]
    pub fn get(&self, property: &str) -> Option<&Secret> {
        let has = |key: &[u8]| Entry::of_key(key).is_some_and(|entry| entry.property == property.as_bytes());
        self.records.iter().find(|(key, _)| has(key)).map(|(_, value)| value)
    }
}

impl Iterator for Either<'_> {
    type Item = Result<(Vec<u8>, Secret)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Either::Sorted(records) => records.next(),
            Either::All(records) => records.next().map(Ok),
        }
    }
}

impl Iterator for Users<'_> {
    type Item = Result<User>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut user = User { records: self.next.take().into_iter().collect() };
        loop {
            match self.records.next() {
                None if user.records.is_empty() => return None,
                None => return Some(Ok(user)),
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok((key, value))) => {
                    if !fits(&key, value.expose()) {
                        let path = self.path.display();
                        let what = "has a longer key or value than this library stores";
                        return Some(Err(Error::fail(format!("{path}: {} {what}", shown(&key)))));
                    }
                    if user.records.first().is_none_or(|(first, _)| owner(first) == owner(&key)) {
                        user.records.push((key, value));
                    } else {
                        self.next = Some((key, value));
                        return Some(Ok(user));
                    }
                }
            }
        }
    }
}

/// Whether a pair can be kept in an LMDB database.
fn fits(key: &[u8], value: &[u8]) -> bool {
    !key.is_empty() && key.len() <= MAX_KEY && value.len() <= MAX_VALUE
}

/// The part of a key that tells whose it is: up to the second NUL.
fn owner(key: &[u8]) -> &[u8] {
    let second = key.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(1);
    key.get(..second.map_or(key.len(), |(at, _)| at.saturating_add(1))).unwrap_or(key)
}

/// A key in a message.
fn shown(key: &[u8]) -> String {
    format!("\"{}\"", String::from_utf8_lossy(key).replace('\0', "/").escape_debug())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::bulk::NewDatabase;
    use super::*;

    /// A Berkeley DB file that was at rest, for a source, and a new database for its place.
    fn prepared(name: &str) -> (PathBuf, Source, Complete, State) {
        let folder = std::env::temp_dir().join(format!("oxisasl-migrate-{}-{name}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("db");
        let dump = "VERSION=3\nformat=print\ntype=hash\nHEADER=END\n u\\00r\\00p\n v\nDATA=END\n";
        let mut load = std::process::Command::new("db5.3_load");
        let mut load = load.arg(&path).stdin(std::process::Stdio::piped()).spawn().unwrap();
        load.stdin.take().unwrap().write_all(dump.as_bytes()).unwrap();
        assert!(load.wait().unwrap().success());
        let source = Source::open(&path).unwrap();
        let state = source.state().unwrap();
        let mut new = NewDatabase::new(&path).unwrap();
        new.put(b"u\0r\0p", b"v").unwrap();
        let new = new.complete(state.transaction()).unwrap();
        (folder, source, new, state)
    }

    #[test]
    fn what_is_written_to_the_old_file_at_the_last_moment_is_not_lost() {
        let (folder, source, new, state) = prepared("late");
        // A program that had it open.
        let mut old = File::options().append(true).open(source.path()).unwrap();
        let late = || old.write_all(b"late").unwrap();
        assert_eq!(source.hold().unwrap().replace_then(new, &state, late).unwrap(), None);
        assert!(fs::read(source.path()).unwrap().ends_with(b"late"), "it is not back");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_change_of_the_new_file_at_that_moment_is_not_lost_either() {
        let (folder, source, new, state) = prepared("both");
        let mut old = File::options().append(true).open(source.path()).unwrap();
        let late = || {
            old.write_all(b"late").unwrap();
            SasldbFile::open(source.path()).unwrap().put("new", "r", "p", b"x").unwrap();
        };
        let error = source.hold().unwrap().replace_then(new, &state, late).unwrap_err();
        assert!(error.detail().contains("db.saslmigrate-backup only"), "{error}");
        assert_eq!(SasldbFile::open(source.path()).unwrap().entries().count(), 2);
        assert!(fs::read(folder.join("db.saslmigrate-backup")).unwrap().ends_with(b"late"));
        fs::remove_dir_all(folder).unwrap();
    }

    /// `mdb_load` puts a pair into an LMDB file.
    fn load(path: &Path, pair: &str) -> std::process::Child {
        let mut command = std::process::Command::new("mdb_load");
        let mut child = command.args(["-n", "-T"]).arg(path).stdin(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(pair.as_bytes()).unwrap();
        child
    }

    #[test]
    fn a_program_of_lmdb_that_had_to_wait_goes_on_with_the_new_file() {
        let folder = std::env::temp_dir().join(format!("oxisasl-migrate-{}-lmdb", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("db");
        for number in 0..5 {
            assert!(load(&path, &format!("key{number}\nold\n")).wait().unwrap().success());
        }
        let source = Source::open(&path).unwrap();
        let state = source.state().unwrap();
        assert!(state.transaction() > 1);
        let mut new = NewDatabase::new(&path).unwrap();
        new.put(b"key", b"new").unwrap();
        let new = new.complete(state.transaction()).unwrap();
        let mut waiting = None;
        let wait = || {
            let child = load(&path, "late\nlate\n");
            let blocked = format!(" {} ", child.id());
            while !fs::read_to_string("/proc/locks")
                .unwrap()
                .lines()
                .any(|line| line.contains("->") && line.contains(&blocked))
            {
                std::thread::sleep(PAUSE);
            }
            waiting = Some(child);
        };
        assert!(source.hold().unwrap().replace_then(new, &state, wait).unwrap().is_some());
        assert!(waiting.unwrap().wait().unwrap().success());
        let file = SasldbFile::open(&path).unwrap();
        file.verify().unwrap();
        let pairs: Vec<_> = file.records().map(Result::unwrap).map(|(key, _)| key).collect();
        assert_eq!(pairs, [&b"key"[..], b"late"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_has_changed_is_not_replaced() {
        let (folder, source, new, state) = prepared("changed");
        File::options().append(true).open(source.path()).unwrap().write_all(b"x").unwrap();
        let replaced = || panic!("it is replaced");
        assert_eq!(source.hold().unwrap().replace_then(new, &state, replaced).unwrap(), None);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_owner_of_a_key_is_its_user_and_realm() {
        assert_eq!(owner(b"u\0r\0p"), b"u\0r\0");
        assert_eq!(owner(b"u\0r\0p\0x"), b"u\0r\0");
        assert_eq!(owner(b"\0\0DIGEST-MD5"), b"\0\0");
        assert_eq!(owner(b"u\0r"), b"u\0r");
        assert_eq!(owner(b"x"), b"x");
    }
}
