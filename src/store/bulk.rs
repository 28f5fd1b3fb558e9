//! Many entries at once: a whole new database, written from beginning to end, and entries for one that is there already.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::lmdb::{Image, LmdbOptions};
use super::replace::{Unfinished, cannot, sync_folder_of};
use super::sasldb::{Entry, Format, MAX_VALUE, SasldbFile};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

/// How many bytes of entries one transaction stores where there is a database already.
const BATCH: usize = 8 << 20;

/// A new LMDB database, of which there is no sign at its place until it is complete: it is written under another name beside it,
/// and that file is no database before the last of it is there. Its size matters to the disk only, and not to the memory.
#[derive(Debug)]
pub struct NewDatabase {
    /// As the caller knows it, for messages.
    name: PathBuf,
    /// Where it really is to be.
    path: PathBuf,
    image: Image,
    new: Unfinished,
    records: u64,
}

/// A [`NewDatabase`] that is complete and on disk, and goes away unless it gets its name.
#[derive(Debug)]
pub struct Complete {
    name: PathBuf,
    path: PathBuf,
    pub(super) new: Unfinished,
    size: Imported,
}

/// What has been stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// How many entries.
    pub records: u64,
    /// How long the file is, in bytes; 0 if there was one already.
    pub bytes: u64,
}

impl NewDatabase {
    /// Begins to write the database that is to be at `path`.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn new(path: &Path) -> Result<Self> {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let new = Unfinished::beside(path, &real)?;
        let image = new.file().try_clone().and_then(Image::new).map_err(|error| failed(path, &error))?;
        Ok(NewDatabase { name: path.to_owned(), path: real, image, new, records: 0 })
    }

    /// Stores a value under a key, which must come after all before in the order of their bytes.
    ///
    /// # Errors
    /// [`Code::BadParam`] if the key is too long or out of order; [`Code::BufOver`] if the value is longer than [`MAX_VALUE`];
    /// [`Code::Fail`] with the path and the cause.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if value.len() > MAX_VALUE {
            let what = format!("{}: a value of {} bytes is longer than {MAX_VALUE}", self.name.display(), value.len());
            return Err(Error::new(Code::BufOver, what));
        }
        self.image.append(key, value).map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => Error::param(format!("{}: {error}", self.name.display())),
            _ => failed(&self.name, &error),
        })?;
        self.records = self.records.saturating_add(1);
        Ok(())
    }

    /// Completes it. `transaction` is the number of the transaction that it is the state after, and matters where another LMDB
    /// file is replaced; not 0.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn complete(self, transaction: u64) -> Result<Complete> {
        let NewDatabase { name, path, image, new, records } = self;
        let bytes = image.finish(transaction.max(1)).map_err(|error| failed(&name, &error))?;
        new.file().sync_all().map_err(|error| failed(&name, &error))?;
        Ok(Complete { name, path, new, size: Imported { records, bytes } })
    }
}

impl Complete {
    /// How large it is.
    #[must_use]
    pub fn size(&self) -> Imported {
        self.size
    }

    /// The database while it has no name yet, for reading.
    #[must_use]
    pub fn database(&self) -> SasldbFile {
        SasldbFile::new(self.new.path(), LmdbOptions::default())
    }

    /// Gives it its name, which must be no other file's.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn name(self) -> Result<Imported> {
        self.new.name(&self.path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::fail(format!(
                "{}: there is a file of this name by now; it is left as it is",
                self.name.display()
            )),
            _ => failed(&self.name, &error),
        })?;
        sync_folder_of(&self.name, &self.path)?;
        Ok(self.size)
    }
}

fn failed(name: &Path, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::Unsupported => Error::fail(format!("{}: {error}", name.display())),
        _ => cannot(name, "write a new file", error),
    }
}

impl SasldbFile {
    /// Stores many entries in place of their old values, if they have any.
    ///
    /// Where there is no database yet, all of them are stored or none; those that come in their order take no memory, however
    /// many they are, and the others that of their bytes. Where there is one, it gets them by parts, each of them completely or
    /// not at all; a Berkeley DB file gets all at once.
    ///
    /// # Errors
    /// As [`SasldbFile::apply`], and those of `entries`.
    pub fn import(&self, entries: impl IntoIterator<Item = Result<(Entry, Secret)>>) -> Result<Imported> {
        let new = self.format()? == Format::Missing && fs::symlink_metadata(self.path()).is_err();
        if new && cfg!(target_pointer_width = "64") {
            return self.create(&mut entries.into_iter());
        }
        let whole = self.format()? == Format::BerkeleyHash;
        let (mut batch, mut bytes, mut stored) = (BTreeMap::new(), 0_usize, Imported::default());
        for entry in entries {
            let (entry, value) = entry?;
            bytes = bytes.saturating_add(value.expose().len()).saturating_add(64);
            batch.insert(entry, value);
            if bytes > BATCH && !whole {
                self.apply_all(&mut batch, &mut stored)?;
                bytes = 0;
            }
        }
        self.apply_all(&mut batch, &mut stored)?;
        Ok(stored)
    }

    /// Makes the database.
    fn create(&self, entries: &mut dyn Iterator<Item = Result<(Entry, Secret)>>) -> Result<Imported> {
        let mut new = NewDatabase::new(self.path())?;
        let mut last = Vec::new();
        let mut late: BTreeMap<Vec<u8>, Secret> = BTreeMap::new();
        for entry in entries {
            let (entry, value) = entry?;
            let key = entry.key()?;
            self.check_value(value.expose())?;
            if key > last {
                new.put(&key, value.expose())?;
                last = key;
            } else {
                late.insert(key, value);
            }
        }
        let complete = new.complete(1)?;
        if late.is_empty() {
            return complete.name();
        }
        let mut merged = NewDatabase::new(self.path())?;
        let first = complete.database();
        let mut late = late.into_iter().peekable();
        for record in first.records() {
            let (key, value) = record?;
            while let Some((other, value)) = late.next_if(|(other, _)| *other < key) {
                merged.put(&other, value.expose())?;
            }
            let newer = late.next_if(|(other, _)| *other == key).map(|(_, value)| value);
            merged.put(&key, newer.as_ref().unwrap_or(&value).expose())?;
        }
        late.try_for_each(|(key, value)| merged.put(&key, value.expose()))?;
        merged.complete(1)?.name()
    }

    /// Stores a part.
    fn apply_all(&self, batch: &mut BTreeMap<Entry, Secret>, stored: &mut Imported) -> Result<()> {
        let part = std::mem::take(batch);
        let edits: Vec<_> = part.iter().map(|(entry, value)| entry.edit(value.expose())).collect();
        if !edits.is_empty() {
            self.apply(&edits)?;
        }
        stored.records = stored.records.saturating_add(edits.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(user: &str, property: &str) -> Entry {
        Entry { user: user.into(), realm: b"r".to_vec(), property: property.into() }
    }

    fn place(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("oxisasl-bulk-{}-{name}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn entries_in_any_order_are_stored_and_the_last_of_the_same_counts() {
        let folder = place("order");
        let file = SasldbFile::open(folder.join("db")).unwrap();
        let names = ["b", "d", "a", "c", "d", "e", "b"];
        let entries = names.iter().enumerate().map(|(n, user)| Ok((entry(user, "p"), Secret::from(&*n.to_string()))));
        file.import(entries).unwrap();
        let stored: Vec<_> =
            file.records().map(Result::unwrap).map(|(key, value)| (key[0], value.expose()[0])).collect();
        assert_eq!(stored, [(b'a', b'2'), (b'b', b'6'), (b'c', b'3'), (b'd', b'4'), (b'e', b'5')]);
        // Into the one that is there now.
        file.import([Ok((entry("b", "p"), Secret::from("new"))), Ok((entry("f", "p"), Secret::from("7")))]).unwrap();
        assert_eq!(file.get("b", "r", "p").unwrap().unwrap().expose(), b"new");
        assert_eq!(file.entries().count(), 6);
        assert_eq!(file.users().unwrap().len(), 6);
        file.verify().unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_read_by_parts_is_read_whole() {
        let folder = place("parts");
        let file = SasldbFile::open(folder.join("db")).unwrap();
        let value = |n: usize| vec![n as u8; 250 + n % 3 * 1000];
        let entries = || (0..3000).map(|n| (entry(&format!("user{n:05}"), "p"), value(n)));
        let size = file.import(entries().map(|(entry, value)| Ok((entry, Secret::new(value))))).unwrap();
        assert!(size.bytes > 3 << 20 && size.records == 3000, "{size:?}");
        let read: Vec<_> = file.records().map(Result::unwrap).collect();
        assert_eq!(read.len(), 3000);
        for ((key, found), (entry, value)) in read.iter().zip(entries()) {
            assert!(*key == entry.key().unwrap() && found.expose() == value);
        }
        assert_eq!(file.entries().map(Result::unwrap).collect::<Vec<_>>(), file.users().unwrap());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn all_or_none_are_stored_in_a_new_database() {
        let folder = place("none");
        let file = SasldbFile::open(folder.join("db")).unwrap();
        let good = || Ok((entry("a", "p"), Secret::from("1")));
        let long = || Ok((entry("b", "p"), Secret::new(vec![0; MAX_VALUE + 1])));
        assert_eq!(file.import([good(), long()]).unwrap_err().code(), Code::BufOver);
        assert_eq!(
            file.import([good(), Ok((entry("a\0", "p"), Secret::from("1")))]).unwrap_err().code(),
            Code::BadParam
        );
        assert_eq!(file.import([good(), Err(Error::fail("the end"))]).unwrap_err().detail(), "the end");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        // Not over a file that has come meanwhile.
        let mut new = NewDatabase::new(&folder.join("db")).unwrap();
        new.put(b"a\0r\0p", b"1").unwrap();
        let complete = new.complete(1).unwrap();
        fs::write(folder.join("db"), "other").unwrap();
        assert!(complete.name().unwrap_err().detail().contains("left as it is"));
        assert_eq!(fs::read(folder.join("db")).unwrap(), b"other");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
