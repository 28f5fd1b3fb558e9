//! What a migration has hashed so far, so that one that was killed need not begin anew. The file lies beside the new database, with
//! a name and a beginning that are no database's, and goes when the migration is done.
//!
//! It begins with a magic line and a random key. Each entry has a fingerprint (of all that the source has of the user, and of the
//! options that say what is made of it), its length, the new properties, and a checksum: what a killed writer has left of the last
//! one does not count. Fingerprints and checksums are of HMAC-SHA-256 with the key.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use oxisasl::crypto::Hash;
use oxisasl::store::migrate::User;
use oxisasl::{Code, Error, Result, Secret, rng};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use zeroize::Zeroizing;

/// What the file begins with.
const MAGIC: &[u8] = b"oxisasl migration 1\n";
/// Bytes of the key.
const KEY: usize = 32;
/// Where the first entry is.
const FIRST: u64 = (MAGIC.len() + KEY) as u64;
/// Bytes of a fingerprint.
const FINGERPRINT: usize = 16;
/// Bytes of a checksum.
const CHECKSUM: usize = 8;
/// The longest entry, in bytes: far more than the secrets of a user take.
const ENTRY_MAX: u32 = 1 << 20;

/// Stands for what the source has of a user.
pub type Fingerprint = [u8; FINGERPRINT];
/// Properties with their values, as the new database is to have them.
pub type Properties = Vec<(String, Secret)>;

/// The journal of a migration.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    out: BufWriter<File>,
    key: Zeroizing<[u8; KEY]>,
    /// Where each entry's properties are, and how long.
    entries: HashMap<Fingerprint, (u64, u32)>,
    end: u64,
}

impl Journal {
    /// The path of the journal of a new database at `path`.
    #[must_use]
    pub fn path_for(path: &Path) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(".saslmigrate-journal");
        path.with_file_name(name)
    }

    /// Opens the journal, or begins one.
    ///
    /// # Errors
    /// [`Code::TryAgain`] if another migration is at work; [`Code::Fail`] with the path and the cause.
    pub fn open(path: PathBuf) -> Result<Self> {
        let failed = |error: &io::Error| cannot(&path, "open", error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = options.open(&path).map_err(|error| failed(&error))?;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        let ours = metadata.is_file() && metadata.nlink() == 1 && metadata.uid() == geteuid().as_raw();
        if !ours || metadata.mode() & 0o077 != 0 {
            return Err(Error::fail(format!("{}: others may have written to this file; remove it", path.display())));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("{}: another saslmigrate is at work on this database", path.display());
                return Err(Error::new(Code::TryAgain, what));
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let out = BufWriter::new(file.try_clone().map_err(|error| failed(&error))?);
        let key = Zeroizing::new([0; KEY]);
        let mut journal = Journal { path: path.clone(), file, out, key, entries: HashMap::new(), end: FIRST };
        journal.begin().map_err(|error| failed(&error))?;
        Ok(journal)
    }

    /// Reads what there is, or writes the beginning.
    fn begin(&mut self) -> io::Result<()> {
        let mut head = [0; MAGIC.len() + KEY];
        let whole = self.file.read_exact_at(&mut head, 0).is_ok();
        match head.split_at_checked(MAGIC.len()) {
            Some((MAGIC, key)) if whole => self.key.copy_from_slice(key),
            _ => {
                rng::fill(&mut self.key[..]).map_err(io::Error::other)?;
                self.file.set_len(0)?;
                self.file.write_all_at(&[MAGIC, &self.key[..]].concat(), 0)?;
            }
        }
        let mut input = BufReader::with_capacity(1 << 16, self.file.try_clone()?);
        input.seek(SeekFrom::Start(FIRST))?;
        while let Some((fingerprint, length)) = self.read_entry(&mut input)? {
            let at = self.end + (FINGERPRINT + size_of::<u32>()) as u64;
            self.entries.insert(fingerprint, (at, length));
            self.end = at + u64::from(length) + CHECKSUM as u64;
        }
        self.file.set_len(self.end)?;
        self.out.seek(SeekFrom::Start(self.end)).map(|_| ())
    }

    /// The next entry; none at the end, or where one is not whole.
    fn read_entry(&self, input: &mut impl io::Read) -> io::Result<Option<(Fingerprint, u32)>> {
        let mut fingerprint = Fingerprint::default();
        let (mut length, mut checksum) = ([0; 4], [0; CHECKSUM]);
        let mut whole = || -> io::Result<Option<Zeroizing<Vec<u8>>>> {
            input.read_exact(&mut fingerprint)?;
            input.read_exact(&mut length)?;
            let length = u32::from_le_bytes(length);
            if length > ENTRY_MAX {
                return Ok(None);
            }
            let mut content = Zeroizing::new(vec![0; length as usize]);
            input.read_exact(&mut content)?;
            input.read_exact(&mut checksum)?;
            Ok(Some(content))
        };
        match whole() {
            Ok(Some(content)) if self.checksum(&fingerprint, &content) == checksum => {
                Ok(Some((fingerprint, u32::from_le_bytes(length))))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn checksum(&self, fingerprint: &Fingerprint, content: &[u8]) -> [u8; CHECKSUM] {
        first(Hash::Sha256.hmac(&self.key[..], &[b"entry", fingerprint, content]).as_ref())
    }

    /// Stands for a user of the source, and for what `policy` says is to be made of it.
    #[must_use]
    pub fn fingerprint(&self, policy: &str, user: &User) -> Fingerprint {
        let mut parts = Zeroizing::new(Vec::new());
        let fields = user.records.iter().flat_map(|(key, value)| [key.as_slice(), value.expose()]);
        for field in fields.chain([policy.as_bytes()]) {
            parts.extend_from_slice(&(field.len() as u64).to_le_bytes());
            parts.extend_from_slice(field);
        }
        first(Hash::Sha256.hmac(&self.key[..], &[b"user", &parts]).as_ref())
    }

    /// Whether there is an entry for a user.
    #[must_use]
    pub fn has(&self, fingerprint: &Fingerprint) -> bool {
        self.entries.contains_key(fingerprint)
    }

    /// Whether there are no entries at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The new properties of a user, if there is an entry.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn get(&mut self, fingerprint: &Fingerprint) -> Result<Option<Properties>> {
        let Some(&(at, length)) = self.entries.get(fingerprint) else { return Ok(None) };
        let mut content = Zeroizing::new(vec![0; length as usize]);
        let read = self.out.flush().and_then(|()| self.file.read_exact_at(&mut content, at));
        read.map_err(|error| cannot(&self.path, "read", &error))?;
        match decoded(&content) {
            Some(properties) => Ok(Some(properties)),
            None => Err(Error::fail(format!("{}: an entry is malformed; remove the file", self.path.display()))),
        }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn put(&mut self, fingerprint: Fingerprint, properties: &Properties) -> Result<()> {
        let content = encoded(properties);
        let length = content.len() as u32;
        let checksum = self.checksum(&fingerprint, &content);
        let mut write = || {
            self.out.write_all(&fingerprint)?;
            self.out.write_all(&length.to_le_bytes())?;
            self.out.write_all(&content)?;
            self.out.write_all(&checksum)?;
            // What is hashed is worth a system call: the next moment may be the last.
            self.out.flush()
        };
        write().map_err(|error| cannot(&self.path, "write to", &error))?;
        let at = self.end + (FINGERPRINT + size_of::<u32>()) as u64;
        self.entries.insert(fingerprint, (at, length));
        self.end = at + u64::from(length) + CHECKSUM as u64;
        Ok(())
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub fn remove(self) -> Result<()> {
        fs::remove_file(&self.path).map_err(|error| cannot(&self.path, "remove", &error))
    }
}

fn cannot(path: &Path, what: &str, error: &io::Error) -> Error {
    Error::fail(format!("{}: cannot {what} the journal of the migration: {error}", path.display()))
}

/// The beginning of something that is long enough.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn encoded(properties: &Properties) -> Zeroizing<Vec<u8>> {
    let fields = || properties.iter().flat_map(|(name, value)| [name.as_bytes(), value.expose()]);
    // All at once, so that no copy of a part is left behind.
    let mut content = Zeroizing::new(Vec::with_capacity(fields().map(|field| field.len() + 4).sum()));
    for field in fields() {
        content.extend_from_slice(&(field.len() as u32).to_le_bytes());
        content.extend_from_slice(field);
    }
    content
}

fn decoded(mut content: &[u8]) -> Option<Properties> {
    let mut next = || {
        let (length, rest) = content.split_first_chunk()?;
        let (field, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        content = rest;
        Some(field)
    };
    let mut properties = Properties::new();
    while let Some(name) = next() {
        properties.push((String::from_utf8(name.to_vec()).ok()?, Secret::from(next()?)));
    }
    content.is_empty().then_some(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(password: &str) -> User {
        User { records: vec![(b"u\0r\0userPassword".to_vec(), Secret::from(password))] }
    }

    #[test]
    fn whatever_a_killed_writer_leaves_is_taken_up() {
        let folder = std::env::temp_dir().join(format!("oxisasl-journal-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = Journal::path_for(&folder.join("db"));
        let properties = |n: usize| vec![("authPassword".to_owned(), Secret::from(&*"v".repeat(n)))];
        let mut journal = Journal::open(path.clone()).unwrap();
        assert_eq!(Journal::open(path.clone()).unwrap_err().code(), Code::TryAgain);
        let prints: Vec<_> = (0..3).map(|n| journal.fingerprint("p", &user(&n.to_string()))).collect();
        for (n, print) in prints.iter().enumerate() {
            journal.put(*print, &properties(n)).unwrap();
        }
        drop(journal);
        let whole = fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let mut journal = Journal::open(path.clone()).unwrap();
            let known = prints.iter().take_while(|print| journal.has(print)).count();
            assert_eq!(known, journal.entries.len());
            for (n, print) in prints.iter().enumerate().take(known) {
                let found = journal.get(print).unwrap().unwrap();
                assert_eq!((found.len(), found[0].1.expose().len()), (1, n));
            }
            // And one goes on from there.
            let again = journal.fingerprint("p", &user("x"));
            journal.put(again, &properties(9)).unwrap();
            drop(journal);
            let mut journal = Journal::open(path.clone()).unwrap();
            assert_eq!(journal.get(&again).unwrap().unwrap()[0].1.expose(), b"vvvvvvvvv");
        }
        let journal = Journal::open(path.clone()).unwrap();
        assert_ne!(journal.fingerprint("p", &user("x")), journal.fingerprint("q", &user("x")));
        journal.remove().unwrap();
        std::os::unix::fs::symlink(folder.join("other"), &path).unwrap();
        assert!(Journal::open(path.clone()).is_err());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        assert!(Journal::open(path).unwrap_err().detail().contains("others may have written"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
