//! What every rig needs: private directories, free ports, guarded processes, waiting until something is ready, and the
//! choice of the library that the programs run on.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to come up, or a log line to arrive, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A private directory, removed on drop. `OXISASL_KEEP=1` keeps it for a look.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new, empty directory, mode 0755 (the programs' own users read their files in it).
    pub fn new(label: &str) -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("oxisasl-{label}-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        set_mode(&path, 0o755);
        TempDir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Makes a sub-directory (with those above it), mode 0755.
    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        set_mode(&path, 0o755);
        path
    }

    /// Writes a file, mode 0644, and gives its path.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, contents).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        set_mode(&path, 0o644);
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if std::env::var_os("OXISASL_KEEP").is_some() {
            eprintln!("kept: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// chmod.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// A TCP port of the loopback address that the system says is free, never the same one twice in a process.
///
/// It lies below the range from which the system serves outgoing connections and listeners without a wish: one of those
/// could take it before the program that is to listen on it does.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("port range");
    let end: u32 = range.split_whitespace().next().and_then(|n| n.parse().ok()).expect("port range");
    let (first, count) = if end > 12_000 { (10_000, end - 10_000) } else { (1_024, end.saturating_sub(1_024).max(1)) };
    // Processes that run at the same time start at different places.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..count {
        let step = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(first + step % count).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {first} on");
}

/// Whether something accepts connections on this loopback port.
pub fn listening(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Asks `ready` until it says yes; false when `limit` has passed first.
pub fn wait_until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// A started program; killed and reaped on drop, by its own process id.
///
/// What it prints goes to a file, shown when it fails to come up.
pub struct Daemon {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Daemon {
    /// Starts `command`; its output is written to `dir`/`name`.out.
    pub fn spawn(name: &str, dir: &TempDir, command: &mut Command) -> Daemon {
        let output = dir.join(format!("{name}.out"));
        let file = fs::OpenOptions::new().create(true).append(true).open(&output).expect("output file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("output file"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| panic!("{name}: {command:?}: {e}"));
        Daemon { name: name.to_owned(), child, output }
    }

    /// Waits until `ready` says yes; panics with the program's output when it ends or `PATIENCE` runs out first.
    pub fn wait_ready(&mut self, mut ready: impl FnMut() -> bool) {
        let mut ended = None;
        let up = wait_until(PATIENCE, || {
            ended = self.child.try_wait().expect("try_wait");
            ended.is_some() || ready()
        });
        if let Some(status) = ended {
            panic!("{} ended ({status}) before it was ready:\n{}", self.name, self.output());
        }
        assert!(up, "{} did not become ready:\n{}", self.name, self.output());
    }

    /// Waits for the program to end by itself; panics when `PATIENCE` runs out.
    pub fn wait_end(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_until(PATIENCE, || {
            ended = self.child.try_wait().expect("try_wait");
            ended.is_some()
        });
        ended.unwrap_or_else(|| panic!("{} did not end:\n{}", self.name, self.output()))
    }

    /// Kills it, and waits until it is gone.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has printed so far, both streams.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a program that ran to its end left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `command` to its end with `input` on its standard input.
pub fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut stdin = child.stdin.take().expect("stdin");
    let input = input.to_vec();
    // A program may end without reading its input: that is no error here, its status tells.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let mut stderr = child.stderr.take().expect("stderr");
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).expect("stderr");
        text
    });
    let mut stdout = Vec::new();
    child.stdout.take().expect("stdout").read_to_end(&mut stdout).expect("stdout");
    let stderr = reader.join().expect("reader");
    writer.join().expect("writer");
    Ran {
        status: child.wait().expect("wait"),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// Runs `command`, which must succeed; gives its standard output.
pub fn must(command: &mut Command) -> String {
    let ran = run(command, b"");
    assert!(ran.status.success(), "{command:?}: {}\n{}{}", ran.status, ran.stdout, ran.stderr);
    ran.stdout
}

/// A file of this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The build directory of cargo, where downloads and builds of other people's programs are kept too.
pub fn target_dir() -> PathBuf {
    // .../target/{debug,release}/deps/test-hash
    let test = std::env::current_exe().expect("own path");
    test.ancestors().nth(3).expect("target directory").to_owned()
}

/// Which of the two C interfaces a library has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// 2.1, `libsasl2.so.2`.
    V2,
    /// 1.5, `libsasl.so.7`.
    V1,
}

impl Interface {
    /// The name that the loader looks for.
    pub fn soname(self) -> &'static str {
        match self {
            Interface::V2 => "libsasl2.so.2",
            Interface::V1 => "libsasl.so.7",
        }
    }

    /// The environment variable that names the directory of the applications' configuration files.
    pub fn conf_variable(self) -> &'static str {
        match self {
            Interface::V2 => "SASL_CONF_PATH",
            Interface::V1 => "SASL_PATH",
        }
    }
}

/// The library that a program runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// `stock`, `ours`, or the directory's name.
    pub name: String,
    /// The directory to look in before the system's; none for the stock library.
    pub dir: Option<PathBuf>,
    pub interface: Interface,
}

impl Library {
    /// Debian's own.
    pub fn stock() -> Library {
        Library { name: "stock".to_owned(), dir: None, interface: Interface::V2 }
    }

    /// A library in this directory.
    pub fn at(name: &str, dir: &Path) -> Library {
        Library::of(Interface::V2, name, dir)
    }

    /// A library with this interface in this directory.
    pub fn of(interface: Interface, name: &str, dir: &Path) -> Library {
        let soname = interface.soname();
        assert!(dir.join(soname).exists(), "{} has no {soname}", dir.display());
        Library { name: name.to_owned(), dir: Some(dir.to_owned()), interface }
    }

    /// Ours, built by cargo as it is shipped.
    pub fn ours() -> Library {
        static DIR: OnceLock<PathBuf> = OnceLock::new();
        let dir = DIR.get_or_init(|| {
            let mut cargo = Command::new(env!("CARGO"));
            let built = target_dir();
            cargo.args(["build", "--quiet", "--release", "--package", "oxisasl-libsasl2", "--target-dir"]).arg(&built);
            must(cargo.current_dir(repository("")));
            // The name that the loader looks for. Several test binaries may come here at once: the name is put in
            // place whole.
            let dir = built.join("rig/lib");
            fs::create_dir_all(&dir).expect("library directory");
            let new = dir.join(format!("new-{}", std::process::id()));
            let _ = fs::remove_file(&new);
            symlink(built.join("release/libsasl2.so"), &new).expect("link to the library");
            fs::rename(&new, dir.join("libsasl2.so.2")).expect("link to the library");
            dir
        });
        Library::at("ours", dir)
    }

    /// The library under test: ours, unless `OXISASL_RIG_LIBRARY` is `stock` or a directory with a `libsasl2.so.2`.
    pub fn under_test() -> Library {
        match std::env::var("OXISASL_RIG_LIBRARY").as_deref() {
            Err(_) | Ok("") => Library::ours(),
            Ok("stock") => Library::stock(),
            Ok(dir) => Library::at("ours", Path::new(dir)),
        }
    }

    pub fn is_stock(&self) -> bool {
        self.dir.is_none()
    }

    /// Makes `command` find this library first.
    pub fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match &self.dir {
            Some(dir) => command.env("LD_LIBRARY_PATH", dir),
            None => command.env_remove("LD_LIBRARY_PATH"),
        }
    }

    /// A command that runs `program` on this library.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        self.apply(&mut command);
        command
    }

    /// The file itself, symbolic links resolved.
    pub fn file(&self) -> PathBuf {
        let dir = self.dir.clone().unwrap_or_else(|| PathBuf::from("/usr/lib/x86_64-linux-gnu"));
        let file = dir.join(self.interface.soname());
        fs::canonicalize(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
    }

    /// Panics unless the process (or one below it) has mapped this very library and no other SASL library.
    pub fn assert_loaded_by(&self, pid: u32) {
        let mut mapped = HashSet::new();
        for pid in family(pid) {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            mapped.extend(
                maps.lines()
                    .filter_map(|l| l.split_whitespace().nth(5))
                    .map(PathBuf::from)
                    .filter(|p| p.file_name().is_some_and(|n| is_sasl(&n.to_string_lossy()))),
            );
        }
        assert_eq!(mapped, HashSet::from([self.file()]), "libraries mapped by process {pid} and those below it");
    }
}

/// Whether a file of this name is a SASL library of either interface.
fn is_sasl(name: &str) -> bool {
    name.starts_with("libsasl2.so") || name.starts_with("libsasl.so")
}

/// A process and all its descendants.
pub fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|c| c.parse::<u32>().ok()));
        next += 1;
    }
    all
}

/// Writes users and passwords into the embedded password database `file` with Debian's `saslpasswd2`, run on
/// `library`: so the library itself makes the file in its own format. `OXISASL_RIG_DATABASE=stock` has the stock
/// library make all of them, in Berkeley DB's format, for whatever library reads them.
pub fn make_sasldb(library: &Library, file: &Path, realm: &str, users: &[(&str, &str)]) {
    let stock = Library::stock();
    let library = if std::env::var("OXISASL_RIG_DATABASE").is_ok_and(|v| v == "stock") { &stock } else { library };
    for (user, password) in users {
        let mut command = library.command("/usr/sbin/saslpasswd2");
        command.arg("-p").arg("-c").arg("-f").arg(file).args(["-u", realm, user]);
        let ran = run(&mut command, password.as_bytes());
        assert!(ran.status.success(), "{command:?}: {}\n{}{}", ran.status, ran.stdout, ran.stderr);
    }
    set_mode(file, 0o640);
}
