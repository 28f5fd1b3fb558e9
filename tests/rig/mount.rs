//! Programs that clean their environment or are set-group-id do not heed `LD_LIBRARY_PATH`: for these a private mount
//! namespace puts the library under test, and other files, over the system's own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::base::{Daemon, Library, TempDir, family};

/// Mounts each pair of files or directories named before `--`, then becomes the program named after it.
const SCRIPT: &str = r#"
while [ "$1" != -- ]; do
    mount --bind "$1" "$2" || exit 126
    shift 2
done
shift
exec "$@"
"#;

/// Files and directories that a program sees in place of the system's.
#[derive(Clone, Debug)]
pub struct Mounts {
    library: Library,
    pairs: Vec<(PathBuf, PathBuf)>,
}

impl Mounts {
    /// `library` in the place of the system's `libsasl2.so.2`; nothing mounted when it is the stock one.
    pub fn new(library: &Library) -> Mounts {
        let mut mounts = Mounts { library: library.clone(), pairs: Vec::new() };
        if !library.is_stock() {
            mounts = mounts.bind(&library.file(), &Library::stock().file());
        }
        mounts
    }

    /// Also shows `real` at `seen_at`, which must exist and be of the same kind (file or directory).
    pub fn bind(mut self, real: &Path, seen_at: &Path) -> Mounts {
        self.pairs.push((real.to_owned(), seen_at.to_owned()));
        self
    }

    /// A command that runs `program` among these mounts. It is led by `setsid`, so that it has no terminal, and the
    /// process id of the child is that of the program, of its session and of its process group.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setsid");
        command.env_remove("LD_LIBRARY_PATH");
        if !self.pairs.is_empty() {
            command.args(["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh"]);
            for (real, seen_at) in &self.pairs {
                command.arg(real).arg(seen_at);
            }
            command.arg("--");
        }
        command.arg(program);
        command
    }

    /// Panics unless `pid`, or a process below it, has mapped the library and no other file of that name.
    ///
    /// Files are told apart by device and inode: the mount gives them the same path.
    pub fn assert_loaded_by(&self, pid: u32) {
        let wanted = fs::metadata(self.library.file()).expect("the library").ino();
        let mut mapped = HashSet::new();
        for pid in family(pid) {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            mapped.extend(maps.lines().filter_map(|line| {
                let mut fields = line.split_whitespace().skip(4);
                let inode = fields.next()?.parse::<u64>().ok()?;
                fields.next()?.contains("libsasl2.so").then_some(inode)
            }));
        }
        assert_eq!(mapped, HashSet::from([wanted]), "inodes of the libraries mapped by {pid} and those below it");
    }
}

/// A daemon with all that it starts: a session of its own, stopped as a whole on drop, also when the test panics.
pub struct Session {
    pub daemon: Daemon,
}

impl Session {
    /// Starts `command`, which must come from [`Mounts::command`] (it relies on the `setsid` there).
    pub fn spawn(name: &str, dir: &TempDir, command: &mut Command) -> Session {
        Session { daemon: Daemon::spawn(name, dir, command) }
    }

    /// Sends the signal of this name (`TERM`, `STOP`) to every process of the session's process group.
    pub fn signal(&self, name: &str) {
        signal(name, &format!("-{}", self.daemon.pid()));
    }

    /// Whether any process of the group still runs. Ended ones that nobody has waited for do not count.
    fn alive(&self) -> bool {
        let group = self.daemon.pid().to_string();
        processes().any(|stat| {
            // pid (name) state parent group ...; the name may hold blanks and parentheses.
            let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            let state = fields.next().unwrap_or("Z");
            state != "Z" && state != "X" && fields.nth(1) == Some(&group)
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for (name, limit) in [("TERM", Duration::from_secs(3)), ("KILL", Duration::from_secs(3))] {
            self.signal(name);
            // A stopped process acts on SIGTERM only once it is continued.
            self.signal("CONT");
            let end = Instant::now() + limit;
            while self.alive() && Instant::now() < end {
                thread::sleep(Duration::from_millis(10));
            }
            if !self.alive() {
                break;
            }
        }
    }
}

/// kill(1): `target` is a process id, or a negated process group id.
fn signal(name: &str, target: &str) {
    let _ = Command::new("kill").args(["-s", name, "--", target]).stderr(std::process::Stdio::null()).status();
}

/// The `stat` lines of all processes.
fn processes() -> impl Iterator<Item = String> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_string_lossy().parse::<u32>().ok()?;
        fs::read_to_string(format!("/proc/{pid}/stat")).ok()
    })
}
