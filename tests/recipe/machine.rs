//! The reader's machine: a Debian 12 with nothing but its essential packages and Rust, and a shell in it.
//!
//! `scripts/packages.sh check` makes it once; each [`Machine`] is a copy in memory, in namespaces of its own: nothing of
//! the real system changes, the mail ports are free, and all of it goes when the test ends. It has no network. The
//! packages that the document installs are in its package cache, and the parts of Sendmail's source package in
//! `/usr/src`; of `apt-get update` only the attempt remains.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::compare::matches;
use crate::document::Dialogue;
use crate::rig::base::{PATIENCE, TempDir, family, repository, target_dir, wait_until};
use crate::rig::mount::{named, signal};
use crate::rig::terminal::reads_a_terminal;

/// How long a block may take: Sendmail is built in one of them.
const LIMIT: Duration = Duration::from_secs(600);

/// Puts the machine together and becomes the shell in it.
const SETUP: &str = r#"
    set -e
    debian=$1 root=$2 repository=$3 target=$4 toolchain=$5 cargo=$6
    mount -t tmpfs -o mode=755 recipe "$root"
    cp -a "$debian/." "$root"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 dev "$root/dev"
    for node in null zero full random urandom tty; do
        touch "$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"
    done
    mkdir "$root/dev/pts"
    mkdir -m 1777 "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    # At its own path: elsewhere cargo would build it anew.
    mkdir -p "$root$repository"
    mount --bind -o ro "$repository" "$root$repository"
    mount --bind "$target" "$root$repository/target"
    # Where make puts the libraries before it installs them: several machines may do so at the same time.
    mkdir -p "$target/lib"
    mount -t tmpfs stage "$root$repository/target/lib"
    for tree in "$toolchain" "$cargo"; do
        mkdir -p "$root$tree"; mount --bind -o ro "$tree" "$root$tree"
    done
    cp "$repository"/target/rig/sendmail-source/sendmail_* "$root/usr/src"
    echo 'Acquire::Retries "0";' >"$root/etc/apt/apt.conf.d/no-network"
    mkdir "$root/run/recipe"
    ip link set lo up
    hostname debian
    # Mail programs close every descriptor that they might have: not a million of them.
    ulimit -n 1024
    exec chroot "$root" env -i HOME=/root TERM=dumb CARGO_HOME="$cargo" \
        PATH="$toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" bash --norc --noprofile
"#;

/// What the shell prints when a command line is done, before the exit status.
const DONE: &str = "[recipe: done]";

/// A machine and the shell that the reader types into.
pub struct Machine {
    child: Child,
    stdin: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// What was read and not yet used.
    unread: String,
    /// The root directory of the machine, from outside.
    root: PathBuf,
    _mountpoint: TempDir,
}

/// What a block's commands did.
pub struct Outcome {
    pub output: String,
    /// The commands that failed, each with its line in the block.
    pub failed: String,
}

impl Machine {
    pub fn new() -> Machine {
        let debian = repository("target/rig/debian");
        assert!(debian.with_extension("ready").exists(), "no Debian there: run scripts/packages.sh check");
        let mountpoint = TempDir::new("recipe");
        let toolchain = Path::new(env!("CARGO")).ancestors().nth(2).expect("the toolchain");
        assert_ne!(toolchain, Path::new("/usr"), "Rust as a package of Debian cannot be shown to the machine");
        let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo_home =
            cargo_home.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").expect("HOME")).join(".cargo"));
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--uts", "--net", "--ipc", "--pid", "--fork"]);
        command.args(["--kill-child=SIGKILL", "sh", "-c", SETUP, "setup"]);
        command.arg(debian).arg(mountpoint.path()).arg(env!("CARGO_MANIFEST_DIR")).arg(target_dir());
        command.arg(toolchain).arg(cargo_home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("unshare");
        let stdin = child.stdin.take().expect("stdin");
        let output = read_all(child.stdout.take().expect("stdout"));
        let mut machine =
            Machine { child, stdin, output, unread: String::new(), root: PathBuf::new(), _mountpoint: mountpoint };
        machine.type_line("trap 'echo \"line $LINENO: $BASH_COMMAND\" >>/run/recipe/failed' ERR");
        machine.type_line(&format!("cd '{}'; printf '%s 0\\n' '{DONE}'", env!("CARGO_MANIFEST_DIR")));
        machine.wait_done(PATIENCE);
        // The shell is the one process below unshare.
        let shell = *family(machine.child.id()).get(1).expect("the shell");
        machine.root = PathBuf::from(format!("/proc/{shell}/root"));
        machine
    }

    /// Runs commands, in the very shell: what they set stays.
    pub fn run(&mut self, commands: &str) -> Outcome {
        self.write("/run/recipe/commands", commands);
        self.write("/run/recipe/failed", "");
        self.type_line(&format!(
            ". /run/recipe/commands </dev/null >/run/recipe/output 2>&1; printf '%s 0\\n' '{DONE}'"
        ));
        if self.wait_done(LIMIT).is_none() {
            panic!("not done after {LIMIT:?}:\n{commands}\n{}", self.read("/run/recipe/output"));
        }
        Outcome { output: self.read("/run/recipe/output"), failed: self.read("/run/recipe/failed") }
    }

    /// Writes a file as an editor does; the directory must exist.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.outside(path);
        fs::write(&file, text).unwrap_or_else(|e| panic!("{path}: {e}"));
    }

    /// The end of the mail log, to be shown with a failure.
    pub fn log(&self) -> String {
        let text = self.read("/var/log/mail.log");
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn read(&self, path: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.outside(path)).unwrap_or_default()).replace('\r', "")
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Runs one dialogue at a terminal. `Err` has all that was seen when something else came than the document shows.
    ///
    /// A server may need a moment: as long as what comes first is not as shown and nothing was typed, it is tried again.
    pub fn talk(&mut self, dialogue: &Dialogue) -> Result<String, String> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.talk_once(dialogue) {
                Ok(seen) => return Ok(seen),
                Err((true, _)) if Instant::now() < end => thread::sleep(Duration::from_millis(100)),
                Err((_, seen)) => return Err(seen),
            }
        }
    }

    /// As [`Machine::talk`]; the error tells, too, whether it may be tried again: the program has ended by itself, and
    /// nothing was typed.
    fn talk_once(&mut self, dialogue: &Dialogue) -> Result<String, (bool, String)> {
        self.write("/run/recipe/commands", &dialogue.command);
        self.type_line(&format!("script -qefc '. /run/recipe/commands' /dev/null; printf '%s %s\\n' '{DONE}' $?"));
        let mut seen = format!("# {}\n", dialogue.command);
        let mut typed: Vec<&str> = Vec::new();
        let mut untouched = true;
        for (expected, answer) in &dialogue.exchanges {
            let fits = |text: &str| {
                let text = without_echo(text, &typed);
                // With `...` at the end of a line it takes the line's end to know that all of it has come.
                let whole = text.ends_with('\n') || !expected.trim_end().ends_with("...");
                whole && matches(expected, text)
            };
            if !expected.is_empty() {
                let failed = |(ended, text): (bool, String)| (ended && untouched, format!("{seen}{text}"));
                let text = self.wait_for(fits).map_err(failed)?;
                if !text.ends_with('\n') {
                    // A password is asked for: what is typed before the program reads is lost.
                    let reading = || family(self.child.id()).into_iter().any(reads_a_terminal);
                    assert!(wait_until(PATIENCE, reading), "nobody reads: {text}");
                }
                seen += &text;
                typed.clear();
            }
            self.type_line(answer);
            typed.push(answer);
            untouched = false;
            seen += &format!("[typed {answer}]");
        }
        let Some((text, status)) = self.wait_done(PATIENCE) else {
            return Err((false, format!("{seen}{}\n[the program does not end]", self.abort())));
        };
        seen += &text;
        let as_shown = matches(&dialogue.end, without_echo(&text, &typed));
        // telnet fails when the server ends the connection.
        let well = status == "0" || dialogue.command.starts_with("telnet");
        if as_shown && well {
            Ok(seen)
        } else {
            Err((dialogue.exchanges.is_empty(), format!("{seen}[exit status {status}]")))
        }
    }

    fn type_line(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).expect("the shell's input");
    }

    /// Waits until the shell is done; gives what came before, and the exit status.
    fn wait_done(&mut self, limit: Duration) -> Option<(String, String)> {
        let end = Instant::now() + limit;
        loop {
            if let Some((before, after)) = self.unread.split_once(DONE)
                && let Some((status, rest)) = after.split_once('\n')
            {
                let done = (before.to_owned(), status.trim().to_owned());
                self.unread = rest.to_owned();
                return Some(done);
            }
            if !self.read_more(end) {
                return None;
            }
        }
    }

    /// Waits for text that fits and takes it; otherwise tells whether the program has ended, and what came.
    fn wait_for(&mut self, fits: impl Fn(&str) -> bool) -> Result<String, (bool, String)> {
        let end = Instant::now() + PATIENCE;
        loop {
            if fits(&self.unread) {
                return Ok(std::mem::take(&mut self.unread));
            }
            if self.unread.contains(DONE) {
                let (text, status) = self.wait_done(PATIENCE).unwrap_or_default();
                return Err((true, format!("{text}[exit status {status}]")));
            }
            if !self.read_more(end) {
                return Err((false, format!("{}\n[no more came]", self.abort())));
            }
        }
    }

    /// Ends the terminal, and with it the program there; gives what was not yet used of what it printed.
    fn abort(&mut self) -> String {
        for pid in named(self.child.id(), "script") {
            signal("KILL", pid);
        }
        self.wait_done(PATIENCE).unwrap_or_default().0
    }

    fn read_more(&mut self, end: Instant) -> bool {
        match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                self.unread += &String::from_utf8_lossy(&bytes).replace('\r', "");
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => panic!("the shell has ended: {}", self.unread),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, output) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let _ = sender.send(buffer[..count].to_vec());
        }
    });
    output
}

/// The text without what the terminal shows of the typed lines: their echo, or only the end of the line for a password.
fn without_echo<'a>(text: &'a str, typed: &[&str]) -> &'a str {
    typed.iter().fold(text, |text, line| {
        let text = text.trim_start_matches('\n');
        text.strip_prefix(line).filter(|rest| rest.starts_with('\n')).unwrap_or(text)
    })
}
