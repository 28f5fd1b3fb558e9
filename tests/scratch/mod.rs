//! What the tests of the database files share: directories that go away, and the tools that own the formats. The tools
//! are required; without them a test fails.
#![allow(dead_code)] // each test file uses its part

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that goes away with the test.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oxisasl-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the test, also when the test fails.
pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Running(command.spawn().unwrap_or_else(|error| panic!("{command:?} is needed for this test: {error}")))
    }

    /// Waits for its first line of output, which must be this.
    pub fn expect_line(&mut self, expected: &str) {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected);
    }

    pub fn finish(mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} is needed for this test: {error}"));
    // A program that fails early does not read its input; its output says why.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

pub type Pairs = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Reads the portable dump format that both families of tools print.
pub fn parse_dump(dump: &[u8]) -> Pairs {
    let text = String::from_utf8(dump.to_vec()).unwrap();
    let mut lines =
        text.lines().skip_while(|line| *line != "HEADER=END").skip(1).take_while(|line| *line != "DATA=END");
    let mut pairs = Pairs::new();
    while let (Some(key), Some(value)) = (lines.next(), lines.next()) {
        pairs.entry(unhex(key.trim())).or_default().push(unhex(value.trim()));
    }
    pairs
}

/// Compiles one of the programs of `tests/c`.
pub fn compile(scratch: &Scratch, name: &str, library: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name).with_extension("c");
    let program = scratch.path(name);
    run(Command::new("gcc").args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source).arg(library), b"");
    program
}

pub fn lmdb_dump(db: &Path) -> Pairs {
    parse_dump(&run(Command::new("mdb_dump").arg("-n").arg(db), b"").stdout)
}

/// Puts another file in the place of all descriptors of this process for a file, as may happen when a daemon closes
/// those that it does not know. Gives the descriptors.
pub fn take_descriptors_of(file: &Path, other: &Path) -> Vec<i32> {
    let stranger = fs::OpenOptions::new().read(true).write(true).open(other).unwrap();
    let mut taken = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").unwrap().flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target == file) {
            let descriptor = entry.file_name().to_str().unwrap().parse().unwrap();
            // SAFETY: no memory is involved, and the file is this test's own.
            assert_eq!(unsafe { libc::dup2(stranger.as_raw_fd(), descriptor) }, descriptor);
            taken.push(descriptor);
        }
    }
    taken
}

/// This test program again, as another process that does one of the things in `child_process`.
pub fn child(action: &str, db: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_process", "--nocapture", "--test-threads=1"]);
    command.env("OXISASL_ACTION", action).env("OXISASL_DB", db);
    command
}

/// As [`child`], through a shell that first sets the process up.
pub fn child_after(setup: &str, action: &str, db: &Path) -> Command {
    let inner = child(action, db);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{setup}; exec \"$0\" \"$@\"")).arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// Runs a child in its own mount namespace with a small tmpfs at `disk`.
pub fn on_small_disk(scratch: &Scratch, setup: &str, action: &str) -> String {
    let disk = scratch.path("disk");
    fs::create_dir(&disk).unwrap();
    let setup = format!("set -e; mount -t tmpfs -o size=400k none {0}; cd {0}; {setup}", disk.display());
    let inner = child_after(&setup, action, &disk.join("db"));
    let mut command = Command::new("unshare");
    command.arg("-m").arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    String::from_utf8(run(&mut command, b"").stdout).unwrap()
}

/// Makes this process one that the file modes of the tests hold off. Anyone but root already is.
pub fn become_nobody() {
    // SAFETY: these calls take numbers only, but for an empty list of groups.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
            assert_eq!(libc::setgid(65534), 0);
            assert_eq!(libc::setuid(65534), 0);
        }
    }
}

pub fn saslpasswd2(db: &Path, realm: &str, user: &str, password: Option<&str>) {
    let mut command = Command::new("saslpasswd2");
    command.arg("-f").arg(db).args(["-u", realm]);
    match password {
        Some(_) => command.args(["-p", "-c"]),
        None => command.arg("-d"),
    };
    run(command.arg(user), password.unwrap_or_default().as_bytes());
}

pub fn db_dump(db: &Path) -> Pairs {
    parse_dump(&run(Command::new("db5.3_dump").arg(db), b"").stdout)
}

pub fn db_load(db: &Path, settings: &[&str], pairs: &[(Vec<u8>, Vec<u8>)]) {
    let mut dump = String::from("VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n");
    for (key, value) in pairs {
        dump += &format!(" {}\n {}\n", hex(key), hex(value));
    }
    dump += "DATA=END\n";
    let mut command = Command::new("db5.3_load");
    for setting in settings {
        command.args(["-c", setting]);
    }
    run(command.arg(db), dump.as_bytes());
}

pub fn users(count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..count)
        .map(|n| (format!("user{n}\0example.com\0userPassword").into_bytes(), format!("secret of {n}").into_bytes()))
        .collect()
}

/// Runs a child under `strace` with these options, and says how it ended.
pub fn traced(options: &[&str], child: &Command) -> ExitStatus {
    let mut command = Command::new("strace");
    command.arg("-fqq").args(options).arg(child.get_program()).args(child.get_args());
    command.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("strace is needed for this test")
}

/// The system calls of the thread that uses a file or folder, from the first that names it: which one, and the how manieth of that
/// name in its thread. Those in `varies` are left out, and those that every program makes once more or less often each time.
pub fn system_calls(trace: &str, place: &Path, varies: &[&str]) -> Vec<(String, u32)> {
    let mut counts: HashMap<(&str, &str), u32> = HashMap::new();
    let mut found = Vec::new();
    let mut worker = None;
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let Some((name, _)) = rest.split_once('(').filter(|(name, _)| !name.contains(['<', ' ', '+'])) else {
            continue;
        };
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        if rest.contains(place.to_str().unwrap()) {
            worker.get_or_insert(thread);
        }
        let memory = ["futex", "mmap", "munmap", "mprotect", "madvise", "brk"];
        if worker == Some(thread) && !memory.contains(&name) && !varies.contains(&name) {
            found.push((name.to_owned(), *count));
        }
    }
    found
}
