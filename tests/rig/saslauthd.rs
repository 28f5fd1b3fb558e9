//! Debian's unmodified `saslauthd`, a stand-in for it that misbehaves, and a program that asks them.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::base::{Daemon, Library, PATIENCE, Ran, TempDir, must, repository, run, target_dir, wait_until};
use super::mount::{Mounts, named, signal};
use super::sandbox::Sandbox;

/// A running daemon in a private system.
pub struct Saslauthd {
    /// The path of its socket.
    pub socket: PathBuf,
    daemon: Daemon,
    pub sandbox: Sandbox,
}

impl Saslauthd {
    /// Starts the daemon with these options; `prepare` may fill its private `/etc` first.
    pub fn start(library: &Library, options: &[&str], prepare: impl FnOnce(&Sandbox)) -> Saslauthd {
        let sandbox = Sandbox::new("saslauthd", "host.rig.test");
        prepare(&sandbox);
        let run_dir = sandbox.dir.dir("run");
        let socket = run_dir.join("mux");
        let mut command = Mounts::new(library).command(&sandbox, "/usr/sbin/saslauthd");
        // -d: in the foreground, and it says what it does.
        command.args(["-d", "-m"]).arg(&run_dir).args(options);
        let mut daemon = Daemon::spawn("saslauthd", &sandbox.dir, &mut command);
        daemon.wait_ready(|| UnixStream::connect(&socket).is_ok());
        Saslauthd { socket, daemon, sandbox }
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        self.daemon.output()
    }

    /// Waits until it has printed this.
    pub fn said(&self, text: &str) {
        assert!(wait_until(PATIENCE, || self.output().contains(text)), "no {text:?} in:\n{}", self.output());
    }

    /// Stops (`STOP`) or continues (`CONT`) all its processes. It listens before it has started all of them, so this looks
    /// again until there are no others.
    pub fn signal(&self, name: &str) {
        let mut told = Vec::new();
        loop {
            let mut others = named(self.daemon.pid(), "saslauthd");
            others.retain(|pid| !told.contains(pid));
            if others.is_empty() {
                break;
            }
            others.iter().for_each(|pid| signal(name, *pid));
            told.append(&mut others);
        }
        assert!(!told.is_empty(), "no saslauthd below {}", self.daemon.pid());
    }
}

/// The fields of a request: login, password, service, realm.
pub type Request = Vec<Vec<u8>>;

/// Takes requests at `mux` in its directory and answers each as a function says.
pub struct StandIn {
    pub socket: PathBuf,
    /// Every request, as read before it was answered.
    pub requests: Receiver<Request>,
    _dir: TempDir,
}

impl StandIn {
    /// `answer` gets the connection after the request has been read, and may write what it likes, or wait.
    pub fn start(answer: impl Fn(&mut UnixStream) + Send + 'static) -> StandIn {
        let dir = TempDir::new("standin");
        let socket = dir.join("mux");
        let listener = UnixListener::bind(&socket).unwrap_or_else(|e| panic!("{}: {e}", socket.display()));
        super::base::set_mode(&socket, 0o777);
        let (sender, requests) = channel();
        // Ends with the process: it holds nothing but its socket.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                if let Some(request) = read_request(&mut stream) {
                    let _ = sender.send(request);
                    answer(&mut stream);
                }
            }
        });
        StandIn { socket, requests, _dir: dir }
    }
}

/// Four fields, each after its length in two bytes.
fn read_request(stream: &mut UnixStream) -> Option<Request> {
    let mut field = || {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut text = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut text).ok()?;
        Some(text)
    };
    (0..4).map(|_| field()).collect()
}

/// Writes an answer as the daemon does: its length in two bytes, then the text. The peer may be gone already.
pub fn reply(stream: &mut UnixStream, text: &str) {
    let length = u16::try_from(text.len()).expect("a short text").to_be_bytes();
    let _ = stream.write_all(&[&length, text.as_bytes()].concat());
}

/// What `checkpass` printed.
#[derive(Debug)]
pub struct Checked {
    pub code: i32,
    pub detail: String,
    /// The library's log lines, as `LEVEL TEXT`.
    pub log: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Checked {
    /// Reads what the program has printed.
    pub fn read(ran: &Ran, took: Duration) -> Checked {
        let Ran { stdout, stderr, .. } = ran;
        let value = |label: &str| stdout.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
        Checked {
            code: value("result ").parse().unwrap_or_else(|e| panic!("{e}: {stdout}{stderr}")),
            detail: value("detail ").to_owned(),
            log: stdout.lines().filter_map(|line| line.strip_prefix("log ")).map(str::to_owned).collect(),
            took,
        }
    }
}

/// A site whose passwords saslauthd at `socket` checks.
pub struct Checker {
    library: Library,
    dir: TempDir,
}

impl Checker {
    /// `conf` is the application's configuration file.
    pub fn new(library: &Library, conf: &str) -> Checker {
        let dir = TempDir::new("checkpass");
        dir.write("checkpass.conf", conf);
        Checker { library: library.clone(), dir }
    }

    /// Passwords are checked by the daemon at this socket.
    pub fn asking(library: &Library, socket: &Path) -> Checker {
        Checker::new(library, &format!("pwcheck_method: saslauthd\nsaslauthd_path: {}\n", socket.display()))
    }

    /// Asks about a password. None when the program did not end within `limit`.
    pub fn check_within(&self, limit: Duration, user: &str, password: &str, realm: Option<&str>) -> Option<Checked> {
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", &limit.as_secs_f64().to_string()]).arg(program());
        command.env("SASL_CONF_PATH", self.dir.path()).args([user, password]).args(realm);
        self.library.apply(&mut command);
        let start = Instant::now();
        let ran = run(&mut command, b"");
        if !ran.status.success() {
            // timeout(1) ends itself by the signal that it sent.
            assert!(ran.status.code().is_none_or(|code| code == 137), "{ran:?}");
            return None;
        }
        Some(Checked::read(&ran, start.elapsed()))
    }

    /// Asks about a password; panics when there is no answer in time.
    pub fn check(&self, user: &str, password: &str) -> Checked {
        self.check_within(PATIENCE, user, password, None).expect("an answer in time")
    }
}

/// Compiles `checkpass.c`, once per process.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("checkpass", &["-lsasl2"]))
}

/// Compiles a program of `tests/c`, or with a name that ends in `.so` a module. The name is fixed, the file replaced whole: other tests may be running it.
pub fn compile(name: &str, arguments: &[&str]) -> PathBuf {
    let file = target_dir().join(format!("rig-{name}"));
    let new = file.with_extension(std::process::id().to_string());
    let source = repository(&format!("tests/c/{}.c", name.trim_end_matches(".so")));
    must(Command::new("gcc").args(["-Wall", "-Werror", "-o"]).arg(&new).arg(source).args(arguments));
    fs::rename(&new, &file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    file
}
