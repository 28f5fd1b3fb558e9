//! The LMDB environments of this process.
//!
//! LMDB forbids opening one file twice in a process, and using an environment in a child of the process that opened it.
//! So there is one table of environments per process id, by device and inode; a child starts with an empty one and
//! leaves its parent's alone: it must not even close them, as that would free the parent's reader slots.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use lmdb_rs::{Database, Environment, EnvironmentFlags, RoTransaction, RwTransaction, Transaction as _};

use super::file::lmdb_error;
use super::{LmdbOptions, MAGIC};
use crate::error::{Code, Error, Result};
use crate::sys::db as sys;

/// Offsets on a meta page of a 64-bit machine: magic, version, page size, number of the last page, transaction.
const AT: [u64; 5] = [16, 20, 40, 136, 144];

/// Which file: device and inode.
type FileId = (u64, u64);

/// What an environment is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Read,
    Write,
}

/// What an open environment can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Write,
    Read,
    /// Reading without the lock file, which may be out of our reach.
    ReadUnlocked,
}

/// A file that is or was open in this process.
#[derive(Debug)]
pub(super) struct Shared {
    process: u32,
    id: FileId,
    path: PathBuf,
    /// Transactions hold this for reading; closing and resizing the map, for which none may be under way, for writing.
    opened: RwLock<Option<Opened>>,
}

/// An open environment.
#[derive(Debug)]
pub(super) struct Opened {
    env: Environment,
    db: Database,
    path: PathBuf,
    file: FileId,
    access: Access,
    page_size: u64,
    /// The lock file that it uses, and where that was found.
    lock: Option<(PathBuf, FileId)>,
}

/// The environments of one process.
struct Table {
    process: u32,
    files: Mutex<Vec<Arc<Shared>>>,
    /// The table of a child of that process.
    next: OnceLock<Box<Table>>,
}

static TABLES: OnceLock<Box<Table>> = OnceLock::new();

/// The table of this process. A chain that only grows, instead of a lock around one table: another thread of the
/// parent may have held the lock at the moment of the fork.
fn table() -> &'static Table {
    let process = std::process::id();
    let mut cell = &TABLES;
    loop {
        let table = match cell.get() {
            Some(table) => table,
            None => {
                let _ = cell.set(Box::new(Table { process, files: Mutex::default(), next: OnceLock::new() }));
                continue;
            }
        };
        if table.process == process {
            return table;
        }
        cell = &table.next;
    }
}

fn id(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// The lock file of a database.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    PathBuf::from(name)
}

impl Shared {
    /// Whether this is, in this process, the open file that `metadata` was read of.
    pub(super) fn is_current(&self, metadata: &Metadata) -> bool {
        self.process == std::process::id() && self.id == id(metadata)
    }

    /// The environment, for a transaction.
    pub(super) fn opened(&self) -> RwLockReadGuard<'_, Option<Opened>> {
        self.opened.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn exclusive(&self) -> RwLockWriteGuard<'_, Option<Opened>> {
        self.opened.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the environment, once the transactions of other threads are over.
    pub(super) fn close(&self) {
        shut(&mut self.exclusive());
    }

    /// Takes over the size that another process gave the map.
    pub(super) fn follow_resize(&self) -> lmdb_rs::Result<()> {
        self.resize(|_| Some(0))
    }

    /// Makes the map larger than `full` bytes, unless another thread has.
    pub(super) fn grow(&self, full: usize) -> lmdb_rs::Result<()> {
        self.resize(|size| (size <= full).then(|| full.saturating_mul(2).max(1 << 20)))
    }

    fn resize(&self, new: impl Fn(usize) -> Option<usize>) -> lmdb_rs::Result<()> {
        let mut opened = self.exclusive();
        let Some(env) = opened.as_ref().map(|opened| &opened.env) else { return Ok(()) };
        let Some(size) = new(env.info()?.map_size()) else { return Ok(()) };
        let done = env.set_map_size(size);
        if done.is_err() {
            // The old map is gone and there is no new one.
            shut(&mut opened);
        }
        done
    }
}

impl Opened {
    /// The environment.
    pub(super) fn env(&self) -> &Environment {
        &self.env
    }

    /// Whether this can do what is wanted, and still uses the lock file that others use.
    pub(super) fn serves(&self, want: Want) -> bool {
        match (want, &self.lock) {
            (Want::Read, _) => true,
            (Want::Write, Some((path, lock))) if self.access == Access::Write => {
                fs::metadata(path).is_ok_and(|metadata| id(&metadata) == *lock)
            }
            _ => false,
        }
    }

    /// Whether what is written would reach the file.
    pub(super) fn is_intact(&self) -> bool {
        sys::written_file(&self.env).is_ok_and(|file| file == self.file)
    }

    /// Runs a read transaction on a file of at least `length` bytes.
    pub(super) fn read<T>(
        &self,
        length: u64,
        body: impl Fn(&RoTransaction<'_>, Database) -> lmdb_rs::Result<T>,
    ) -> lmdb_rs::Result<T> {
        loop {
            let before = self.env.info()?.last_txnid();
            let txn = self.env.begin_ro_txn()?;
            self.check_mapped(length)?;
            let answer = body(&txn, self.db);
            drop(txn);
            // Without the lock file no writer knows of us, and the second commit after the one we read may reuse its
            // pages. As long as no commit has happened at all, nothing that we read was touched.
            if self.access != Access::ReadUnlocked || self.env.info()?.last_txnid() == before {
                return answer;
            }
        }
    }

    /// Runs a write transaction on a file of at least `length` bytes. `size` gets the size of the map.
    pub(super) fn write<T>(
        &self,
        length: u64,
        size: &mut usize,
        body: impl Fn(&mut RwTransaction<'_>, Database) -> lmdb_rs::Result<T>,
    ) -> lmdb_rs::Result<T> {
        let mut txn = self.env.begin_rw_txn()?;
        self.check_mapped(length)?;
        *size = self.env.info()?.map_size();
        let answer = body(&mut txn, self.db)?;
        txn.commit()?;
        Ok(answer)
    }

    /// Touching pages that the file no longer has would kill the process. `length` is what it was just before; it may
    /// have grown since.
    fn check_mapped(&self, length: u64) -> lmdb_rs::Result<()> {
        let needed = (self.env.info()?.last_pgno() as u64).saturating_add(1).saturating_mul(self.page_size);
        if needed <= length || fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() >= needed) {
            return Ok(());
        }
        // Opening it anew says what is wrong with it.
        Err(lmdb_rs::Error::Panic)
    }
}

/// Closes an environment. If the host program has closed its descriptors, as daemons do with those that they do not know,
/// it is only let go of: the descriptors may be someone else's now.
fn shut(opened: &mut Option<Opened>) {
    if let Some(opened) = opened.take()
        && !opened.is_intact()
    {
        std::mem::forget(opened);
    }
}

/// The environment of a file, opened if it is not; None for reading if there is no file, or an empty one.
pub(super) fn acquire(path: &Path, options: LmdbOptions, want: Want) -> Result<Option<Arc<Shared>>> {
    options.map_size()?;
    let mut files = table().files.lock().unwrap_or_else(PoisonError::into_inner);
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.len() > 0 || want == Want::Write => metadata,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound && want == Want::Read => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(cannot("open", path, &error)),
    };
    let shared = find(&mut files, path, &metadata);
    let mut opened = shared.exclusive();
    if !opened.as_ref().is_some_and(|opened| opened.serves(want)) {
        // One file must never be open twice, so the old one goes first, even if the new one then cannot be opened.
        shut(&mut opened);
        *opened = Some(open(path, options, want, &metadata)?);
    }
    drop(opened);
    Ok(Some(shared))
}

/// The entry of the table for a file. An entry for a file that used to be at this path is closed and removed.
fn find(files: &mut MutexGuard<'_, Vec<Arc<Shared>>>, path: &Path, metadata: &Metadata) -> Arc<Shared> {
    files.retain(|entry| {
        let gone = entry.path == path && entry.id != id(metadata);
        if gone {
            entry.close();
        }
        !gone
    });
    if let Some(entry) = files.iter().find(|entry| entry.id == id(metadata)) {
        return Arc::clone(entry);
    }
    let entry = Arc::new(Shared {
        process: std::process::id(),
        id: id(metadata),
        path: path.to_owned(),
        opened: RwLock::new(None),
    });
    files.push(Arc::clone(&entry));
    entry
}

/// Makes an empty file that only its owner can read, whatever the umask.
fn create(path: &Path) -> Result<Metadata> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = match made {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return fs::metadata(path).map_err(|error| cannot("open", path, &error));
        }
        Err(error) => return Err(cannot("create", path, &error)),
    };
    let finish = || {
        file.set_permissions(Permissions::from_mode(0o600))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A folder that cannot be opened for reading cannot be synced; the file is in it all the same.
        if let Ok(folder) = File::open(folder) {
            folder.sync_all()?;
        }
        file.metadata()
    };
    finish().map_err(|error| cannot("create", path, &error))
}

fn open(path: &Path, options: LmdbOptions, want: Want, data: &Metadata) -> Result<Opened> {
    if data.len() > 0 {
        check_length(path)?;
    }
    let lock = lock_path(path);
    let readers = options.max_readers.unwrap_or(126);
    let (access, lock) = match (prepare_lock(&lock, readers, data), want) {
        (Ok(file), Want::Write) => (Access::Write, Some((lock, file))),
        (Ok(file), Want::Read) => (Access::Read, Some((lock, file))),
        (Err(_), Want::Read) => (Access::ReadUnlocked, None),
        (Err(error), Want::Write) => return Err(cannot("open the lock file of", path, &error)),
    };
    // Reader slots belong to transactions, not to threads: no thread-local destructor is left behind in the host.
    let flags = EnvironmentFlags::NO_SUB_DIR
        | EnvironmentFlags::NO_TLS
        | match access {
            Access::Write => EnvironmentFlags::empty(),
            Access::Read => EnvironmentFlags::READ_ONLY,
            Access::ReadUnlocked => EnvironmentFlags::READ_ONLY | EnvironmentFlags::NO_LOCK,
        };
    let mut builder = Environment::new();
    builder.set_flags(flags).set_max_readers(readers);
    if let Some(size) = options.map_size()? {
        builder.set_map_size(size);
    }
    let failed = |error| lmdb_error("open", path, error);
    let env = builder.open_with_permissions(path, 0o600).map_err(failed)?;
    if access == Access::Write {
        sys::free_dead_readers(&env).map_err(failed)?;
    }
    let db = match env.open_db(None) {
        Err(lmdb_rs::Error::MapResized) => env.set_map_size(0).and_then(|()| env.open_db(None)),
        Err(lmdb_rs::Error::ReadersFull) => sys::free_dead_readers(&env).and_then(|()| env.open_db(None)),
        other => other,
    };
    let db = db.map_err(failed)?;
    let page_size = env.stat().map_err(failed)?.page_size().into();
    // The file may have been replaced since it was looked at; then it is found out of place and opened again.
    let file = sys::written_file(&env).map_err(|error| cannot("open", path, &error))?;
    Ok(Opened { env, db, path: path.to_owned(), file, access, page_size, lock })
}

/// Makes sure that there is a lock file that everyone who may use the database can use, with room on disk. No
/// environment of this process may be using it: closing a file drops all locks that the process holds on it.
fn prepare_lock(path: &Path, readers: u32, data: &Metadata) -> io::Result<FileId> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let (file, created) = match options.clone().create_new(true).mode(0o600).open(path) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => (options.open(path)?, false),
        Err(error) => match options.open(path) {
            Ok(file) => (file, false),
            Err(second) if second.kind() == ErrorKind::NotFound => return Err(error),
            Err(second) => return Err(second),
        },
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other(format!("{} is not a regular file", path.display())));
    }
    // A reader must write to the lock file. It holds no secrets, but whoever can write to it can stop everyone else:
    // so the owner and group of the database may, if they can read it, and others never.
    let mode = 0o600 | if data.mode() & 0o040 == 0 { 0 } else { 0o060 };
    let ours = created || (metadata.nlink() == 1 && metadata.uid() == data.uid());
    if ours && (metadata.mode() & 0o777 != mode || (metadata.uid(), metadata.gid()) != (data.uid(), data.gid())) {
        // Only the owner and root can do this; for anyone else the file stays as it is.
        let _ = fchown(&file, Some(data.uid()), Some(data.gid()));
        let _ = file.set_permissions(Permissions::from_mode(mode));
    }
    // What LMDB itself would make it: a header of 128 bytes and 64 bytes per reader.
    let length = u64::from(readers) * 64 + 128;
    if metadata.len() < length || metadata.blocks() * 512 < length {
        sys::reserve(&file, length.max(metadata.len()))?;
    }
    Ok(id(&metadata))
}

/// Holds off all who would open a file for LMDB, for as long as this lives.
#[derive(Debug)]
pub(in crate::store) struct Exclusion {
    _file: File,
}

impl Exclusion {
    /// Waits for those who have the file open. This process must not.
    ///
    /// # Errors
    /// [`Code::TryAgain`] if some keep it open until the deadline; [`Code::Fail`] with the path and the cause.
    pub(in crate::store) fn new(path: &Path, deadline: Instant) -> Result<Self> {
        let failed = |error: io::Error| cannot("open the lock file of", path, &error);
        let lock = lock_path(path);
        let id = prepare_lock(&lock, 126, &fs::metadata(path).map_err(failed)?).map_err(failed)?;
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW).open(&lock).map_err(failed)?;
        loop {
            if crate::sys::file::lock_record(&file).map_err(failed)? {
                break;
            }
            if Instant::now() > deadline {
                let path = path.display();
                let what = format!("{path}: another program has the password database open; stop it, or try again");
                return Err(Error::new(Code::TryAgain, what));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        match file.metadata().map(|metadata| self::id(&metadata) == id) {
            Ok(true) => Ok(Exclusion { _file: file }),
            Ok(false) => {
                Err(Error::new(Code::TryAgain, format!("{}: its lock file is gone; try again", path.display())))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// A file shorter than its meta pages say would kill the process when LMDB touches what is missing.
fn check_length(path: &Path) -> Result<()> {
    if cfg!(not(target_pointer_width = "64")) {
        return Ok(());
    }
    let read = || -> io::Result<Option<(u64, u64)>> {
        let file = File::open(path)?;
        let mut newest = None;
        let mut page_size = 0;
        for number in 0..2 {
            let mut fields = [0; 5];
            for (field, at) in fields.iter_mut().zip(AT) {
                let mut raw = [0; 8];
                file.read_exact_at(&mut raw, number * page_size + at)?;
                *field = u64::from_ne_bytes(raw);
            }
            let [magic, version, size, last, transaction] = fields;
            // The first three are 32 bits wide.
            let [magic, version, size] = [magic, version, size].map(|field| {
                let [a, b, c, d, ..] = field.to_ne_bytes();
                u32::from_ne_bytes([a, b, c, d])
            });
            if magic != MAGIC || version & 0xffff != 1 || !size.is_power_of_two() || !(256..=65536).contains(&size) {
                return Ok(None);
            }
            page_size = u64::from(size);
            newest = newest.max(Some((transaction, last.saturating_add(1).saturating_mul(page_size))));
        }
        // The length comes last: a writer lengthens the file before it says so.
        Ok(newest.map(|(_, needed)| (needed, file.metadata().map_or(0, |metadata| metadata.len()))))
    };
    match read() {
        Ok(Some((needed, length))) if needed <= length => Ok(()),
        Ok(Some((needed, length))) => Err(Error::fail(format!(
            "{}: the LMDB file is truncated: it is {length} bytes long where {needed} are needed",
            path.display()
        ))),
        Ok(None) => Err(Error::fail(format!("{}: the LMDB file is damaged: a bad meta page", path.display()))),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Err(Error::fail(format!("{}: the LMDB file is truncated within its meta pages", path.display())))
        }
        Err(error) => Err(cannot("read", path, &error)),
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::fail(format!("{}: cannot {what} the password database: {error}", path.display()))
}
