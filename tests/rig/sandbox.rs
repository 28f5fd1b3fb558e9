//! A private view of the system for a program under test: its own copy of `/etc`, host name, process numbers and
//! `/dev/log`, so that system files stay untouched and every log line of the program and of the library is seen.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::base::{Library, PATIENCE, TempDir, must, set_mode, wait_until};

/// One line that a program gave to syslog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Facility times 8 plus severity: LOG_AUTH is 4, LOG_MAIL 2; LOG_ERR 3, LOG_NOTICE 5, LOG_DEBUG 7.
    pub priority: u32,
    /// What follows the time stamp: `name[pid]: text`.
    pub text: String,
}

/// What [`Syslog::settle`] sends; no program does.
const SETTLE: &[u8] = b"settle";

/// The reader of a `/dev/log` socket.
pub struct Syslog {
    path: PathBuf,
    lines: Arc<Mutex<Vec<LogLine>>>,
    settled: Arc<AtomicUsize>,
    reader: Option<JoinHandle<()>>,
}

impl Syslog {
    fn start(dir: &TempDir) -> Syslog {
        let path = dir.join("log");
        let socket = UnixDatagram::bind(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        set_mode(&path, 0o666);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let settled = Arc::new(AtomicUsize::new(0));
        let (sink, marks) = (Arc::clone(&lines), Arc::clone(&settled));
        let reader = thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            // An empty message is the sign to stop.
            while let Ok(length @ 1..) = socket.recv(&mut buffer) {
                if &buffer[..length] == SETTLE {
                    marks.fetch_add(1, Ordering::SeqCst);
                } else {
                    sink.lock().expect("log").push(parse(&String::from_utf8_lossy(&buffer[..length])));
                }
            }
        });
        Syslog { path, lines, settled, reader: Some(reader) }
    }

    /// Waits until every line that was sent before now has been read.
    pub fn settle(&self) {
        let before = self.settled.load(Ordering::SeqCst);
        UnixDatagram::unbound().and_then(|socket| socket.send_to(SETTLE, &self.path)).expect("log");
        assert!(wait_until(PATIENCE, || self.settled.load(Ordering::SeqCst) > before), "the log is not read");
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<LogLine> {
        self.lines.lock().expect("log").clone()
    }

    /// How many lines there are: give it to [`Syslog::after`] later.
    pub fn mark(&self) -> usize {
        self.lines.lock().expect("log").len()
    }

    /// Waits for a line after `mark` that holds `needle`; panics with all later lines when none comes.
    pub fn after(&self, mark: usize, needle: &str) -> LogLine {
        let mut found = None;
        wait_until(PATIENCE, || {
            found = self.lines().into_iter().skip(mark).find(|l| l.text.contains(needle));
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("no log line with {needle:?} in:\n{}", self.text_after(mark)))
    }

    /// Waits for a line that holds `needle`.
    pub fn expect(&self, needle: &str) -> LogLine {
        self.after(0, needle)
    }

    /// The lines after `mark` as one text.
    pub fn text_after(&self, mark: usize) -> String {
        self.lines().iter().skip(mark).map(|l| format!("<{}>{}\n", l.priority, l.text)).collect()
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        if let Ok(socket) = UnixDatagram::unbound() {
            let _ = socket.send_to(b"", &self.path);
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// `<22>Nov 24 07:45:01 name[pid]: text`, the form that the C library sends.
fn parse(line: &str) -> LogLine {
    let (priority, rest) = line.strip_prefix('<').and_then(|l| l.split_once('>')).unwrap_or(("0", line));
    let text = rest.get(16..).unwrap_or(rest).trim_end_matches(['\n', '\0']);
    LogLine { priority: priority.parse().unwrap_or(0), text: text.to_owned() }
}

/// Fills `etc` with what programs at large want of `/etc`: its plain files and a few directories. The whole of it would
/// take half a second each time. Nothing of SASL is in it.
fn copy_etc(dir: &TempDir) {
    let etc = dir.dir("etc");
    let mut wanted: Vec<PathBuf> = ["alternatives", "ld.so.conf.d", "ldap", "pam.d", "security"]
        .iter()
        .map(|d| Path::new("/etc").join(d))
        .collect();
    for entry in fs::read_dir("/etc").expect("/etc") {
        let entry = entry.expect("/etc");
        let own = ["sasldb2", "resolv.conf", "hosts", "hostname", "nsswitch.conf"];
        let kind = entry.file_type().expect("/etc");
        if !kind.is_dir() && !own.iter().any(|n| entry.file_name() == *n) {
            wanted.push(entry.path());
        }
    }
    wanted.retain(|p| p.symlink_metadata().is_ok());
    must(Command::new("cp").arg("-a").args(wanted).arg(&etc));
    let _ = fs::remove_dir_all(etc.join("ldap/sasl2"));
    dir.dir("etc/ssl");
    if let Ok(text) = fs::read("/etc/ssl/openssl.cnf") {
        dir.write("etc/ssl/openssl.cnf", text);
    }
}

/// The private view: a directory with `etc` (see [`copy_etc`]) and the log socket.
pub struct Sandbox {
    pub log: Syslog,
    pub dir: TempDir,
    host: String,
}

impl Sandbox {
    /// `host` is the fully qualified host name that the programs see.
    pub fn new(label: &str, host: &str) -> Sandbox {
        // Sendmail and its like change identities: a user namespace of one user is not enough for them.
        assert_eq!(fs::metadata("/proc/self").expect("/proc").uid(), 0, "the rigs need root");
        let dir = TempDir::new(label);
        copy_etc(&dir);
        let short = host.split('.').next().unwrap_or(host);
        dir.write("etc/hosts", format!("127.0.0.1 {host} {short} localhost\n127.0.0.2 client.example.test\n"));
        dir.write("etc/hostname", format!("{host}\n"));
        // No name server: a look-up is refused at once.
        dir.write("etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
        dir.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\n");
        Sandbox { log: Syslog::start(&dir), dir, host: host.to_owned() }
    }

    /// A command that runs `program` with this view, on `library`. Everything that it starts dies with it.
    pub fn command(&self, library: &Library, program: impl AsRef<std::ffi::OsStr>) -> Command {
        // The shell stays process 1 of the namespace: `--kill-child` reaches it whatever identity the program takes.
        const SETUP: &str = r#"
            set -e
            root=$1; hostname "$2"; path=$3; shift 3
            mount --bind "$root/etc" /etc
            mkdir -p "$root/dev"
            mount -t tmpfs -o mode=755 dev "$root/dev"
            for node in null zero full random urandom tty; do
                touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"
            done
            mkdir -m 1777 "$root/dev/shm"
            touch "$root/dev/log"; mount --bind "$root/log" "$root/dev/log"
            mount --rbind "$root/dev" /dev
            # Mail programs close every descriptor that they might have: not a million of them.
            ulimit -n 1024
            set +e
            if [ -n "$path" ]; then LD_LIBRARY_PATH=$path "$@"; else "$@"; fi
            exit $?
        "#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--uts", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]);
        command.args(["sh", "-c", SETUP, "sandbox"]).arg(self.dir.path()).arg(&self.host);
        command.arg(library.dir.clone().unwrap_or_default()).arg(program);
        command.env_remove("LD_LIBRARY_PATH");
        command
    }
}
