//! Programs that clean their environment or are set-group-id do not heed `LD_LIBRARY_PATH`: for these the library under
//! test, and other files, are mounted over the system's own inside a [`Sandbox`].

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::base::{Library, family};
use super::sandbox::Sandbox;

/// Mounts each pair of files or directories named before `--`, then becomes the program named after it.
const SCRIPT: &str = r#"
while [ "$1" != -- ]; do
    mount --bind "$1" "$2" || exit 126
    shift 2
done
shift
exec setsid "$@"
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

    /// A command that runs `program` among these mounts in `sandbox`, as the leader of a session without a terminal.
    pub fn command(&self, sandbox: &Sandbox, program: impl AsRef<OsStr>) -> Command {
        let inside = sandbox.command(&Library::stock(), "sh");
        // The sandbox, and with it all that runs in it, goes when the test's thread goes, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(inside.get_program()).args(inside.get_args());
        command.env_remove("LD_LIBRARY_PATH");
        command.args(["-c", SCRIPT, "sh"]);
        for (real, seen_at) in &self.pairs {
            command.arg(real).arg(seen_at);
        }
        command.arg("--").arg(program);
        command
    }

    /// Panics unless `pid`, or a process below it, has mapped the library and no other file of that name.
    ///
    /// Files are told apart by their inode: the mount gives them the same path.
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

/// The process of this name among `pid` and those below it.
pub fn named(pid: u32, name: &str) -> Vec<u32> {
    let is = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name);
    family(pid).into_iter().filter(is).collect()
}

/// Sends a signal, by name, to one process.
pub fn signal(name: &str, pid: u32) {
    // The shell's own: a bare Debian has no other.
    let _ = Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]).status();
}
