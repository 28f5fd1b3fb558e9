//! Putting a new file in the place of another one, for formats that cannot be changed in place safely.
//!
//! # The lock
//! Whoever changes a file this way holds flock(2) on the file itself, exclusively, from before it is read until after the
//! new one is in its place, and makes sure after it got the lock that the file still is the one of that name. So there is
//! no lock file that could be left behind, lack room, or belong to the wrong user. A process that can read the file can
//! hold the lock as well and make the others give up; none can make them wait for long.
//!
//! # What is left at any moment
//! The new file is complete and on disk before it gets the name. Whoever is killed before leaves the old one, and perhaps
//! an unfinished file beside it, which nobody can read who cannot read the database, and which the next one who changes it
//! removes.

use std::ffi::OsString;
use std::fs::{self, DirEntry, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};
use crate::{rng, sys};

/// How long to wait between two attempts to get the lock.
const PAUSE: Duration = Duration::from_millis(3);
/// What the names of unfinished files end with.
const UNFINISHED: &str = ".oxisasl-new";

/// A file that nobody else changes while this lives, as long as all of them take this lock.
#[derive(Debug)]
pub(super) struct Locked {
    /// As the caller knows it, for messages.
    name: PathBuf,
    /// Where it really is: a link leads to what is replaced.
    path: PathBuf,
    file: File,
}

impl Locked {
    /// Locks a file, which must be one that may be written to.
    ///
    /// # Errors
    /// [`Code::TryAgain`] when others hold the lock until the deadline; [`Code::Fail`] with the path and the cause.
    pub(super) fn new(path: &Path, deadline: Instant) -> Result<Self> {
        let failed = |error: &io::Error| cannot(path, "open it for writing", error);
        loop {
            let real = fs::canonicalize(path).map_err(|error| failed(&error))?;
            // Nothing is ever written through this, but whoever may not write to the file may not replace it either.
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
            let file = options.open(&real).map_err(|error| failed(&error))?;
            lock(&file, path, deadline)?;
            let locked = Locked { name: path.to_owned(), path: real, file };
            // Whoever had the lock before may have replaced it.
            if locked.is_current().map_err(|error| failed(&error))? {
                locked.check_links()?;
                return Ok(locked);
            }
        }
    }

    /// Where it really is.
    #[cfg(feature = "lmdb")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, which stays the same whatever happens to its name.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether the name still leads to the locked file.
    fn is_current(&self) -> io::Result<bool> {
        let id = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        match fs::metadata(&self.path) {
            Ok(now) => Ok(id(&now) == id(&self.file.metadata()?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A file of several names would become several files.
    fn check_links(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|error| self.cannot("look at it", &error))?;
        let same = |name: &PathBuf| {
            fs::symlink_metadata(name).is_ok_and(|other| (other.dev(), other.ino()) == (now.dev(), now.ino()))
        };
        // A backup of an unfinished migration does not count: it is to stay as it is.
        let kept = backups(&self.path).take_while(|name| fs::symlink_metadata(name).is_ok()).filter(same).count();
        let links = now.nlink().saturating_sub(kept as u64);
        if links <= 1 {
            return Ok(());
        }
        let path = self.name.display();
        Err(Error::fail(format!(
            "{path}: cannot change the password database: it has {links} names (hard links), and a change would reach only \
             one of them; make symbolic links or copies of the others"
        )))
    }

    /// Writes a new file with the owner, group, mode and attributes of the old one, and puts it in its place. False, and
    /// nothing is changed, if `still` says so at the last moment or the name leads to another file by then.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause, and then nothing has changed, unless the error says otherwise.
    pub(super) fn replace(
        &self,
        write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
        still: impl FnOnce(&File) -> bool,
    ) -> Result<bool> {
        let new = Unfinished::beside(&self.name, &self.path)?;
        let mut out = BufWriter::with_capacity(1 << 16, &new.file);
        let written = write(&mut out).and_then(|()| out.flush());
        drop(out);
        written.map_err(|error| self.cannot("write a new file beside it", &error))?;
        self.install(new, |file| Ok(still(file)))
    }

    /// Gives a new file that is complete the owner, group, mode and attributes of the old one, and puts it in its place. False,
    /// and nothing is changed, if `still` says so at the last moment or the name leads to another file by then.
    ///
    /// # Errors
    /// As [`Locked::replace`]; those of `still`.
    pub(super) fn install(&self, new: Unfinished, still: impl FnOnce(&File) -> Result<bool>) -> Result<bool> {
        self.dress(&new.file)?;
        new.file.sync_all().map_err(|error| self.cannot("write a new file beside it", &error))?;
        if !still(&self.file)? || !self.is_current().map_err(|error| self.cannot("look at it", &error))? {
            return Ok(false);
        }
        new.rename(&self.path).map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => self.cannot("replace it (is it a mount of its own?)", &error),
            _ => self.cannot("replace it", &error),
        })?;
        sync_folder_of(&self.name, &self.path)?;
        Ok(true)
    }

    /// Keeps the file under another name, too: the first free one of [`backups`]. One that it has already is enough.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    #[cfg(feature = "lmdb")]
    pub(super) fn keep(&self) -> Result<PathBuf> {
        let id = |metadata: &Metadata| (metadata.dev(), metadata.ino());
        let own = id(&self.file.metadata().map_err(|error| self.cannot("look at it", &error))?);
        for name in backups(&self.path) {
            if fs::symlink_metadata(&name).is_ok_and(|metadata| id(&metadata) == own) {
                return Ok(name);
            }
            match fs::hard_link(&self.path, &name) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(_) => return self.keep_copy(&name),
            }
        }
        Err(Error::fail(format!("{}: there is no name left for a backup", self.name.display())))
    }

    /// As [`Locked::keep`], on file systems where a file has one name only.
    #[cfg(feature = "lmdb")]
    fn keep_copy(&self, name: &Path) -> Result<PathBuf> {
        let failed = |error: io::Error| self.cannot(&format!("keep a backup as {}", name.display()), &error);
        let copy = Unfinished::beside(&self.name, &self.path)?;
        let mut old = File::open(&self.path).map_err(failed)?;
        io::copy(&mut old, &mut &copy.file).map_err(failed)?;
        self.dress(&copy.file)?;
        copy.file.sync_all().map_err(failed)?;
        copy.rename(name).map_err(failed)?;
        Ok(name.to_owned())
    }

    /// Gives a new file everything of the old one but its contents.
    fn dress(&self, new: &File) -> Result<()> {
        dress(&self.name, &self.file, new)
    }

    fn cannot(&self, what: &str, error: &io::Error) -> Error {
        cannot(&self.name, what, error)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Not left to the closing: a process that was forked meanwhile may have the descriptor, too.
        let _ = self.file.unlock();
    }
}

/// Gives a new file everything of an old one but its contents. `name` is what messages call it.
pub(super) fn dress(name: &Path, old: &File, new: &File) -> Result<()> {
    let cannot = |what: &str, error: &io::Error| cannot(name, what, error);
    let from = old.metadata().map_err(|error| cannot("look at it", &error))?;
    let now = new.metadata().map_err(|error| cannot("look at the new one", &error))?;
    if (now.uid(), now.gid()) != (from.uid(), from.gid()) {
        let what = format!("keep its owner and group ({}:{})", from.uid(), from.gid());
        fchown(new, Some(from.uid()), Some(from.gid())).map_err(|error| cannot(&what, &error))?;
    }
    sys::file::copy_attributes(old, new).map_err(|error| cannot("keep its access control list", &error))?;
    let mode = Permissions::from_mode(from.mode() & 0o7777);
    new.set_permissions(mode).map_err(|error| cannot("keep its mode", &error))
}

/// The names under which old files are kept, the first first.
pub(super) fn backups(path: &Path) -> impl Iterator<Item = PathBuf> {
    let path = path.to_owned();
    (1..10_000_u32).map(move |number| {
        let mut name = path.clone().into_os_string();
        name.push(".saslmigrate-backup");
        if number > 1 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    })
}

/// Makes sure that the names in the folder of a file outlast a power failure. A folder that cannot be opened for reading cannot
/// be synced; the file is in it all the same.
pub(super) fn sync_folder_of(name: &Path, path: &Path) -> Result<()> {
    let Ok(folder) = File::open(folder_of(path)) else { return Ok(()) };
    folder.sync_all().map_err(|error| {
        let path = name.display();
        Error::fail(format!("{path}: the password database is changed, but may be lost when the power fails: {error}"))
    })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What the names of unfinished files begin with.
fn prefix_of(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push("-");
    prefix
}

/// Removes what others left unfinished beside a file. What cannot be removed does no harm.
pub(super) fn remove_unfinished(path: &Path) {
    let prefix = prefix_of(path);
    let ours = |entry: &DirEntry| {
        let name = entry.file_name();
        let name = name.as_bytes();
        name.starts_with(prefix.as_bytes()) && name.ends_with(UNFINISHED.as_bytes())
    };
    let entries = fs::read_dir(folder_of(path)).into_iter().flatten().flatten();
    for path in entries.filter(ours).map(|entry| entry.path()) {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
        // One that is locked is being written: by someone who had locked a file that was then replaced by other means.
        if options.open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(path);
        }
    }
}

/// A new file that has no name to keep yet, and goes away unless it gets one.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: Option<PathBuf>,
    file: File,
}

impl Unfinished {
    /// An empty file that only its owner can read, locked as long as its writer lives, in the folder of `path`, which the caller
    /// knows as `name`. What others left there unfinished goes.
    ///
    /// # Errors
    /// [`Code::Fail`] with the path and the cause.
    pub(super) fn beside(name: &Path, path: &Path) -> Result<Self> {
        remove_unfinished(path);
        let folder = folder_of(path);
        Self::new(folder, &prefix_of(path)).map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                cannot(name, &format!("make a file in {}, where the new one is to be put", folder.display()), &error)
            }
            _ => cannot(name, "make a new file beside it", &error),
        })
    }

    fn new(folder: &Path, prefix: &OsString) -> io::Result<Self> {
        let mut tag = [0; 8];
        rng::fill(&mut tag).map_err(io::Error::other)?;
        let mut name = prefix.clone();
        name.push(format!("{:016x}{UNFINISHED}", u64::from_ne_bytes(tag)));
        let path = folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        let _ = file.try_lock();
        Ok(Unfinished { path: Some(path), file })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name, which may be another file's until then.
    pub(super) fn rename(mut self, to: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::rename(path, to)?;
        }
        self.path = None;
        Ok(())
    }

    /// Gives it its name, which must be nobody's.
    pub(super) fn name(self, to: &Path) -> io::Result<()> {
        match fs::hard_link(self.path(), to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            // A file has one name only on some file systems.
            Err(_) if fs::symlink_metadata(to).is_ok() => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => self.rename(to),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
        let _ = self.file.unlock();
    }
}

fn lock(file: &File, name: &Path, deadline: Instant) -> Result<()> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let path = name.display();
                let what = format!("{path}: the password database is locked by another program (flock); try again");
                return Err(Error::new(Code::TryAgain, what));
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(cannot(name, "lock it", &error)),
        }
    }
}

pub(super) fn cannot(path: &Path, what: &str, error: &io::Error) -> Error {
    let hint = if error.kind() == ErrorKind::StorageFull { "; it is as it was" } else { "" };
    Error::fail(format!("{}: cannot change the password database: cannot {what}: {error}{hint}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that goes away with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("oxisasl-replace-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            fs::write(path.join("file"), "old").unwrap();
            Folder(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("file")
        }

        fn names(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn one_at_a_time_and_the_others_give_up_in_the_end() {
        let folder = Folder::new("lock");
        let first = Locked::new(&folder.file(), soon()).unwrap();
        let error = Locked::new(&folder.file(), soon()).unwrap_err();
        assert_eq!(error.code(), Code::TryAgain);
        assert!(error.detail().contains(folder.file().to_str().unwrap()), "{error}");
        drop(first);
        Locked::new(&folder.file(), soon()).unwrap();
    }

    #[test]
    fn who_waited_gets_the_new_file_and_not_the_old_one() {
        let folder = Folder::new("wait");
        let first = Locked::new(&folder.file(), soon()).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Locked::new(&folder.file(), late()).unwrap());
            assert!(first.replace(|out| out.write_all(b"new"), |_| true).unwrap());
            drop(first);
            let second = second.join().unwrap();
            assert_eq!(io::read_to_string(second.file()).unwrap(), "new");
        });
        assert_eq!(folder.names(), 1);
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left() {
        let folder = Folder::new("changed");
        let locked = Locked::new(&folder.file(), soon()).unwrap();
        assert!(!locked.replace(|out| out.write_all(b"new"), |_| false).unwrap());
        // Another file of that name, by someone who takes no lock.
        fs::write(folder.0.join("other"), "other").unwrap();
        fs::rename(folder.0.join("other"), folder.file()).unwrap();
        assert!(!locked.replace(|out| out.write_all(b"new"), |_| true).unwrap());
        assert_eq!(fs::read_to_string(folder.file()).unwrap(), "other");
        assert_eq!(folder.names(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing_and_neither_do_killed_writers() {
        let folder = Folder::new("failed");
        let locked = Locked::new(&folder.file(), soon()).unwrap();
        let full = || Err(io::Error::from(ErrorKind::StorageFull));
        let error = locked.replace(|_| full(), |_| true).unwrap_err();
        assert!(error.detail().contains("it is as it was"), "{error}");
        assert_eq!(folder.names(), 1);
        // One that is being written stays; one whose writer is gone does not, and neither does a link lead anywhere.
        let alive = Unfinished::new(&folder.0, &prefix_of(&locked.path)).unwrap();
        let dead = folder.0.join(".file-0123456789abcdef.oxisasl-new");
        fs::write(&dead, "half").unwrap();
        fs::write(folder.0.join("bystander"), "").unwrap();
        std::os::unix::fs::symlink("bystander", folder.0.join(".file-1.oxisasl-new")).unwrap();
        assert!(locked.replace(|out| out.write_all(b"new"), |_| true).unwrap());
        assert!(!dead.exists());
        assert!(alive.path.as_ref().unwrap().exists() && folder.0.join("bystander").exists());
        drop(alive);
        assert_eq!(folder.names(), 3, "the file, the bystander, and the link");
    }
}
