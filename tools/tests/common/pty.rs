//! A program at a terminal of its own, with the test at the keyboard and an eye on the terminal's settings.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::base::{PATIENCE, wait_until};

/// A terminal, and the program that runs at it. Both go on drop.
pub struct Pty {
    /// The other end of it; none when it was hung up.
    terminal: Option<File>,
    child: Child,
    screen: Vec<u8>,
    /// How much of the screen has been looked at.
    seen: usize,
}

impl Pty {
    /// Runs `command` as the leader of a session at a new terminal.
    pub fn run(command: &Command) -> Pty {
        Pty::run_with(command, |_, _| {})
    }

    /// The same; `change` has the last word on the command, and is told the terminal's path.
    pub fn run_with(command: &Command, change: impl FnOnce(&mut Command, &PathBuf)) -> Pty {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        let path = PathBuf::from(ptsname(&master, Vec::new()).expect("its name").into_string().expect("its name"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(OFlags::NOCTTY.bits().cast_signed());
        let slave = || options.open(&path).expect("the terminal");
        let mut leader = Command::new("setsid");
        leader.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => leader.env(name, value),
                None => leader.env_remove(name),
            };
        }
        leader.stdin(slave()).stdout(slave()).stderr(slave());
        change(&mut leader, &path);
        let child = leader.spawn().expect("setsid");
        drop(leader);
        fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).expect("the terminal");
        Pty { terminal: Some(File::from(master)), child, screen: Vec::new(), seen: 0 }
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that the screen has shown.
    pub fn screen(&mut self) -> String {
        let mut buffer = [0; 4096];
        // There is nothing more for now, or never again.
        while let Some(Ok(count @ 1..)) = self.terminal.as_mut().map(|terminal| terminal.read(&mut buffer)) {
            self.screen.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&self.screen).replace('\r', "")
    }

    fn terminal(&self) -> &File {
        self.terminal.as_ref().expect("it was hung up")
    }

    /// Waits until the screen shows this, after what was waited for before.
    pub fn expect(&mut self, text: &str) {
        let mut found = None;
        wait_until(PATIENCE, || {
            found = self.screen()[self.seen..].find(text);
            found.is_some()
        });
        let at = found.unwrap_or_else(|| panic!("no {text:?}: {}", self.screen()));
        self.seen += at + text.len();
    }

    /// Types.
    pub fn type_in(&mut self, keys: impl AsRef<[u8]>) {
        self.terminal().write_all(keys.as_ref()).expect("type");
    }

    /// Waits for a question, which must hide the answer; then types that.
    pub fn answer(&mut self, question: &str, answer: &str) {
        self.expect(question);
        assert!(!self.echoes(), "{question:?} shows the answer");
        self.type_in(format!("{answer}\n"));
    }

    /// Whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        tcgetattr(self.terminal()).expect("settings").local_modes.contains(LocalModes::ECHO)
    }

    /// Changes whether it does, as another program might.
    pub fn set_echo(&self, on: bool) {
        let mut settings = tcgetattr(self.terminal()).expect("settings");
        settings.local_modes.set(LocalModes::ECHO, on);
        tcsetattr(self.terminal(), OptionalActions::Now, &settings).expect("settings");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("kill");
    }

    /// Whether the program is stopped.
    pub fn stopped(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until(PATIENCE, || {
            status = self.child.try_wait().expect("wait");
            status.is_some()
        });
        status.unwrap_or_else(|| panic!("still running: {}", self.screen()))
    }

    /// Waits for the end and for this text on the screen; gives the exit status and whether the terminal is as a shell
    /// wants it.
    pub fn end(&mut self, text: &str) -> (Option<i32>, bool) {
        let code = self.wait().code();
        self.expect(text);
        (code, self.echoes())
    }

    /// The terminal goes away.
    pub fn hang_up(&mut self) {
        self.terminal = None;
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
