//! The password database (`sasldb`): secrets by user, realm and property, in one file.
//!
//! The key of an entry is user, NUL, realm, NUL, property, without a NUL at the end; the value is the bytes of the
//! property. What the file is decides its own magic number, each time it turns out to be another file: LMDB and Berkeley
//! DB hash files (those of Debian) are read and written, GDBM files (those of Fedora) are read, and everything else is
//! refused with its name. No file, or an empty one, is a database without entries, which the first write creates as LMDB.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use super::bdb::{self, BdbFile};
use super::gdbm::{self, GdbmFile};
use super::lmdb::{self, LmdbFile, LmdbOptions};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

/// The longest value that is stored or looked up, in bytes.
pub const MAX_VALUE: usize = 8192;

/// The properties of which a user must have one to exist: those that a mechanism or verifier can check someone by.
pub const IDENTIFYING: &[&str] = &[
    "userPassword",
    "authPassword",
    "cmusaslsecretPLAIN",
    "cmusaslsecretCRAM-MD5",
    "cmusaslsecretDIGEST-MD5",
    "cmusaslsecretSCRAM",
    "cmusaslsecretSRP",
    "cmusaslsecretOTP",
];

/// What kind of file a password database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// There is no file, or an empty one.
    Missing,
    /// LMDB.
    Lmdb,
    /// A Berkeley DB hash file.
    BerkeleyHash,
    /// A GDBM file.
    Gdbm,
}

/// An entry: whose it is and what it holds. Names are whatever bytes the database has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The user, without the realm.
    pub user: Vec<u8>,
    /// The realm.
    pub realm: Vec<u8>,
    /// The property, such as `userPassword`.
    pub property: Vec<u8>,
}

impl Entry {
    /// The key that it has in a database.
    ///
    /// # Errors
    /// [`Code::BadParam`] if a name contains NUL or the names are too long together.
    pub fn key(&self) -> Result<Vec<u8>> {
        let key = key(&self.user, &self.realm, &self.property)?;
        if key.len() > lmdb::MAX_KEY { Err(too_long_names()) } else { Ok(key) }
    }

    /// The entry that a key stands for, if it is one of an entry.
    #[must_use]
    pub fn of_key(key: &[u8]) -> Option<Self> {
        entry(key)
    }

    /// The change that gives it this value.
    #[must_use]
    pub fn edit<'a>(&'a self, value: &'a [u8]) -> Edit<'a> {
        Edit { user: &self.user, realm: &self.realm, property: &self.property, value: Some(value) }
    }
}

/// A change to an entry.
#[derive(Clone, Copy)]
pub struct Edit<'a> {
    /// The user, without the realm.
    pub user: &'a [u8],
    /// The realm.
    pub realm: &'a [u8],
    /// The property.
    pub property: &'a [u8],
    /// Its new value; none removes it.
    pub value: Option<&'a [u8]>,
}

/// A password database at a path. It may be shared between threads, and is kept open between calls.
#[derive(Debug)]
pub struct SasldbFile {
    path: PathBuf,
    /// The file in each of its formats; it is opened in the one that it has.
    bdb: BdbFile,
    gdbm: GdbmFile,
    lmdb: LmdbFile,
    /// The [`Format`] that it had when it was last looked at, by number.
    last: AtomicU8,
}

impl SasldbFile {
    /// The database at this path, which need not exist yet.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause if there is something that cannot be read or is no password database.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let file = Self::new(path, LmdbOptions::default());
        file.format().map(|_| file)
    }

    /// As [`SasldbFile::open`], with options for LMDB, and without looking at the file before it is needed.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, options: LmdbOptions) -> Self {
        let path = path.into();
        SasldbFile {
            bdb: BdbFile::new(&path),
            gdbm: GdbmFile::new(&path),
            lmdb: LmdbFile::new(&path, options),
            last: AtomicU8::new(Format::Missing as u8),
            path,
        }
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file is.
    ///
    /// # Errors
    /// As [`SasldbFile::open`].
    pub fn format(&self) -> Result<Format> {
        let format = detect(&self.path)?;
        self.last.store(format as u8, Ordering::Relaxed);
        Ok(format)
    }

    /// What the file was when it was last looked at, if it has been; it is not looked at for this.
    pub(super) fn last_format(&self) -> Option<Format> {
        let last = self.last.load(Ordering::Relaxed);
        [Format::BerkeleyHash, Format::Lmdb, Format::Gdbm].into_iter().find(|format| *format as u8 == last)
    }

    /// The value of a property of a user; None if there is none.
    ///
    /// # Errors
    /// [`Code::BadParam`] if a name contains NUL; [`Code::Fail`] with the path and the cause if the database cannot be
    /// read; [`Code::BufOver`] if the value is longer than [`MAX_VALUE`]; [`Code::TryAgain`] if another program keeps
    /// writing to it.
    pub fn get(
        &self,
        user: impl AsRef<[u8]>,
        realm: impl AsRef<[u8]>,
        property: impl AsRef<[u8]>,
    ) -> Result<Option<Secret>> {
        Ok(self.lookup_many(user, realm, &[property])?.pop().flatten())
    }

    /// The values of several properties of a user, in their order.
    ///
    /// # Errors
    /// As [`SasldbFile::get`].
    pub fn lookup_many<P: AsRef<[u8]>>(
        &self,
        user: impl AsRef<[u8]>,
        realm: impl AsRef<[u8]>,
        properties: &[P],
    ) -> Result<Vec<Option<Secret>>> {
        let keys = keys(user.as_ref(), realm.as_ref(), properties)?;
        let found = self.read(|format| match format {
            Format::BerkeleyHash => self.bdb.get_many(&keys, MAX_VALUE as u32).map(Some),
            Format::Gdbm => self.gdbm.get_many(&keys, MAX_VALUE as u32).map(Some),
            Format::Lmdb => self.lmdb.get_many(&keys, MAX_VALUE),
            Format::Missing => Ok(None),
        })?;
        Ok(found.unwrap_or_else(|| keys.iter().map(|_| None).collect()))
    }

    /// Whether a user has any of the [`IDENTIFYING`] properties.
    ///
    /// # Errors
    /// As [`SasldbFile::get`].
    pub fn user_exists(&self, user: impl AsRef<[u8]>, realm: impl AsRef<[u8]>) -> Result<bool> {
        self.has_any(user.as_ref(), realm.as_ref(), IDENTIFYING)
    }

    /// Whether a user has any of these properties.
    ///
    /// # Errors
    /// As [`SasldbFile::get`].
    pub fn has_any(&self, user: &[u8], realm: &[u8], properties: &[&str]) -> Result<bool> {
        // Almost everyone has the first, and need not wait for the rest to be looked for.
        let (first, rest) = properties.split_at(properties.len().min(1));
        for properties in [first, rest] {
            if self.lookup_many(user, realm, properties)?.iter().any(Option::is_some) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All entries, in the order of the file. Keys that are not of the form of an entry are left out.
    ///
    /// # Errors
    /// As [`SasldbFile::get`].
    pub fn users(&self) -> Result<Vec<Entry>> {
        let keys = self.read(|format| match format {
            Format::BerkeleyHash => self.bdb.keys().map(Some),
            Format::Gdbm => self.gdbm.keys().map(Some),
            Format::Lmdb => self.lmdb.keys(),
            Format::Missing => Ok(None),
        })?;
        Ok(keys.unwrap_or_default().iter().filter_map(|key| entry(key)).collect())
    }

    /// All entries one after the other, as [`SasldbFile::users`] has them. Of an LMDB file only a part is in memory at any time,
    /// and only those of a part are of one moment.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry>> + '_ {
        Records::new(self, false).filter_map(|pair| match pair {
            Ok((key, _)) => entry(&key).map(Ok),
            Err(error) => Some(Err(error)),
        })
    }

    /// All keys with their values, in the order of the file, whatever their form. Of an LMDB file only a part is in memory at any
    /// time, and only those of a part are of one moment; of others all of it.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        Records::new(self, true)
    }

    /// Reads the whole file and checks that it is sound.
    ///
    /// # Errors
    /// As [`SasldbFile::get`].
    pub fn verify(&self) -> Result<()> {
        self.read(|format| match format {
            Format::BerkeleyHash => self.bdb.verify().map(Some),
            Format::Gdbm => self.gdbm.verify().map(Some),
            Format::Lmdb => self.lmdb.verify().map(Some),
            Format::Missing => Ok(None),
        })
        .map(|_| ())
    }

    /// Stores a property of a user in place of its old value. The database is created if there is none.
    ///
    /// # Errors
    /// [`Code::BadParam`] if a name contains NUL or the names are too long together; [`Code::BufOver`] if the value is
    /// longer than [`MAX_VALUE`]; [`Code::Fail`] with the path and the cause if the database cannot be written, which
    /// is always so for GDBM and for Berkeley DB files with more than [`bdb::MAX_ENTRIES`] entries; [`Code::TryAgain`] if
    /// another program keeps writing to a Berkeley DB file. Then nothing has changed.
    pub fn put(
        &self,
        user: impl AsRef<[u8]>,
        realm: impl AsRef<[u8]>,
        property: impl AsRef<[u8]>,
        value: &[u8],
    ) -> Result<()> {
        let (user, realm, property) = (user.as_ref(), realm.as_ref(), property.as_ref());
        self.apply(&[Edit { user, realm, property, value: Some(value) }])
    }

    /// Removes a property of a user; false if there was none.
    ///
    /// # Errors
    /// As [`SasldbFile::put`].
    pub fn delete(&self, user: impl AsRef<[u8]>, realm: impl AsRef<[u8]>, property: impl AsRef<[u8]>) -> Result<bool> {
        let key = key(user.as_ref(), realm.as_ref(), property.as_ref())?;
        match self.format()? {
            Format::BerkeleyHash => self.bdb.apply(&[(key, None)]),
            Format::Gdbm => Err(self.gdbm.read_only()),
            Format::Lmdb | Format::Missing => self.lmdb.delete(&key),
        }
    }

    /// Makes several changes, all or none of them. Removing what is not there is no error.
    ///
    /// # Errors
    /// As [`SasldbFile::put`].
    pub fn apply(&self, edits: &[Edit<'_>]) -> Result<()> {
        let edits = edits
            .iter()
            .map(|edit| Ok((self.checked_key(edit)?, edit.value)))
            .collect::<Result<Vec<(Vec<u8>, Option<&[u8]>)>>>()?;
        match self.format()? {
            Format::BerkeleyHash => self.bdb.apply(&edits).map(|_| ()),
            Format::Gdbm => Err(self.gdbm.read_only()),
            // A file that is missing is to be LMDB.
            Format::Lmdb | Format::Missing => self.lmdb.apply(&edits),
        }
    }

    /// The key of a change that can be made.
    fn checked_key(&self, edit: &Edit<'_>) -> Result<Vec<u8>> {
        let key = key(edit.user, edit.realm, edit.property)?;
        let Some(value) = edit.value else { return Ok(key) };
        self.check_value(value)?;
        if key.len() > lmdb::MAX_KEY { Err(too_long_names()) } else { Ok(key) }
    }

    /// Refuses a value that is too long to be stored.
    pub(super) fn check_value(&self, value: &[u8]) -> Result<()> {
        if value.len() <= MAX_VALUE {
            return Ok(());
        }
        let path = self.path.display();
        let what = format!("{path}: a value of {} bytes is longer than {MAX_VALUE}", value.len());
        Err(Error::new(Code::BufOver, what))
    }

    /// Reads the file in the format that it had last; when that fails, it may have become another: it is looked at anew and,
    /// if so, read again. None if there is no file.
    fn read<T>(&self, body: impl Fn(Format) -> Result<Option<T>>) -> Result<Option<T>> {
        let Some(last) = self.last_format() else { return body(self.format()?) };
        match body(last) {
            Ok(Some(answer)) => Ok(Some(answer)),
            // No file is not final either: it may have come back in another format.
            other => match self.format()? {
                now if now == last => other,
                now => body(now),
            },
        }
    }

    /// Whether the file is of a format that is written. Whether the system allows it is seen only by writing.
    ///
    /// # Errors
    /// [`Code::Fail`] with what to do instead, where it is not; as [`SasldbFile::open`], where it cannot be looked at.
    pub fn check_writable(&self) -> Result<()> {
        match self.format()? {
            Format::BerkeleyHash => self.bdb.check_writable(),
            Format::Gdbm => Err(self.gdbm.read_only()),
            Format::Lmdb | Format::Missing => Ok(()),
        }
    }
}

/// The keys of a database with their values; see [`SasldbFile::records`]. It ends after the first error.
#[derive(Debug)]
pub struct Records<'f> {
    file: &'f SasldbFile,
    values: bool,
    ready: std::vec::IntoIter<(Vec<u8>, Secret)>,
    /// The last key, where more can be asked for.
    last: Option<Vec<u8>>,
    end: bool,
}

impl<'f> Records<'f> {
    fn new(file: &'f SasldbFile, values: bool) -> Self {
        Records { file, values, ready: Vec::new().into_iter(), last: None, end: false }
    }

    /// Reads on.
    fn fill(&mut self) -> Result<()> {
        let bare = |keys: Vec<Vec<u8>>| keys.into_iter().map(|key| (key, Secret::default())).collect();
        let SasldbFile { bdb, gdbm, lmdb, .. } = self.file;
        let more = self.file.read(|format| {
            let pairs = match (format, self.values) {
                (Format::Missing, _) => return Ok(None),
                (Format::Lmdb, values) => {
                    return lmdb.after(self.last.as_deref(), values).map(|all| Some((all, true)));
                }
                (Format::BerkeleyHash, true) => bdb.pairs()?,
                (Format::Gdbm, true) => gdbm.pairs()?,
                (Format::BerkeleyHash, false) => bare(bdb.keys()?),
                (Format::Gdbm, false) => bare(gdbm.keys()?),
            };
            Ok(Some((pairs, false)))
        })?;
        let (pairs, goes_on) = more.unwrap_or_default();
        self.last = pairs.last().map(|(key, _)| key.clone());
        self.end = !goes_on || pairs.is_empty();
        self.ready = pairs.into_iter();
        Ok(())
    }
}

impl Iterator for Records<'_> {
    type Item = Result<(Vec<u8>, Secret)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.ready.next() {
                return Some(Ok(pair));
            }
            if self.end {
                return None;
            }
            if let Err(error) = self.fill() {
                self.end = true;
                return Some(Err(error));
            }
        }
    }
}

fn too_long_names() -> Error {
    Error::param(format!("user, realm and property are longer than {} bytes together", lmdb::MAX_KEY - 2))
}

/// The key of an entry.
fn key(user: &[u8], realm: &[u8], property: &[u8]) -> Result<Vec<u8>> {
    keys(user, realm, &[property]).map(|mut keys| keys.pop().unwrap_or_default())
}

/// The keys of entries of one user.
fn keys<P: AsRef<[u8]>>(user: &[u8], realm: &[u8], properties: &[P]) -> Result<Vec<Vec<u8>>> {
    let without_nul = |name: &str, bytes: &[u8]| match bytes.contains(&0) {
        true => Err(Error::param(format!("the {name} contains a NUL byte"))),
        false => Ok(()),
    };
    without_nul("user", user)?;
    without_nul("realm", realm)?;
    let mut keys = Vec::with_capacity(properties.len());
    for property in properties.iter().map(AsRef::as_ref) {
        without_nul("property", property)?;
        keys.push([user, &[0], realm, &[0], property].concat());
    }
    Ok(keys)
}

/// The entry that a key stands for, if it has exactly two NUL bytes.
fn entry(key: &[u8]) -> Option<Entry> {
    let mut parts = key.split(|&byte| byte == 0).map(<[u8]>::to_vec);
    let entry = Entry { user: parts.next()?, realm: parts.next()?, property: parts.next()? };
    parts.next().is_none().then_some(entry)
}

/// What the file at a path is, by its magic number.
fn detect(path: &Path) -> Result<Format> {
    let cannot =
        |error: &io::Error| Error::fail(format!("{}: cannot read the password database: {error}", path.display()));
    // Without waiting, should it be a pipe.
    let mut file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Format::Missing),
        Err(error) => return Err(cannot(&error)),
    };
    let metadata = file.metadata().map_err(|error| cannot(&error))?;
    if !metadata.is_file() {
        return Err(Error::fail(format!("{}: the password database is not a regular file", path.display())));
    }
    let mut head = Vec::with_capacity(64);
    file.by_ref().take(64).read_to_end(&mut head).map_err(|error| cannot(&error))?;
    if head.is_empty() {
        return Ok(Format::Missing);
    }
    let number =
        |at: usize| head.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |raw| u32::from_ne_bytes(*raw));
    let either = |at, magic: u32| number(at) == magic || number(at) == magic.swap_bytes();
    let what = if either(12, bdb::MAGIC) {
        return Ok(Format::BerkeleyHash);
    } else if number(16) == lmdb::MAGIC {
        return Ok(Format::Lmdb);
    } else if gdbm::is_magic(number(0)) {
        return Ok(Format::Gdbm);
    } else if either(16, lmdb::MAGIC) {
        "an LMDB file of a machine with the other byte order"
    } else if let Some((_, _, name)) = FOREIGN.iter().find(|(at, magic, _)| either(*at, *magic)) {
        name
    } else {
        "no password database of a known format"
    };
    Err(Error::fail(format!(
        "{}: this is {what}; only LMDB, Berkeley DB hash and GDBM files can be used (move it away and set the passwords again)",
        path.display()
    )))
}

/// Formats that are recognised and refused: offset and value of the magic number, and the name.
const FOREIGN: &[(usize, u32, &str)] = &[
    (12, 0x0005_3162, "a Berkeley DB btree file"),
    (12, 0x0004_2253, "a Berkeley DB queue file"),
    (12, 0x0007_4582, "a Berkeley DB heap file"),
    (0, 0x0005_3162, "a Berkeley DB 1.85 btree file"),
    (
        0,
        0x0006_1561,
        "a Berkeley DB 1.85 hash file (db_dump185 of the system that made it, and db5.3_load here, make a newer one of it)",
    ),
    (0, u32::from_ne_bytes(*b"SQLi"), "an SQLite file"),
];
