//! A program at a terminal, with the rig at the keyboard. `script` (of util-linux) makes the terminal.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::base::{Library, PATIENCE, family, wait_until};

/// A program that runs at a terminal; killed on drop.
pub struct Terminal {
    child: Child,
    stdin: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    screen: String,
}

impl Terminal {
    /// Runs a shell command line on `library`.
    pub fn run(library: &Library, line: &str) -> Terminal {
        let mut command = Command::new("script");
        // -e: the program's exit status; -f: no delay; the copy of the session goes nowhere.
        command.args(["-qefc", line, "/dev/null"]);
        library.apply(&mut command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script");
        let stdin = child.stdin.take();
        let mut stdout = child.stdout.take().expect("stdout");
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                let _ = sender.send(buffer[..count].to_vec());
            }
        });
        Terminal { child, stdin, output, screen: String::new() }
    }

    /// Waits for a prompt and for the program to wait for its answer, then types the answer and a line end.
    ///
    /// The program empties the keyboard's queue after it has written its prompt: an answer typed before would be lost.
    pub fn answer(&mut self, prompt: &str, answer: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.screen.ends_with(prompt) {
            let left = end.saturating_duration_since(Instant::now());
            let more = self.output.recv_timeout(left).unwrap_or_else(|e| panic!("{e}, no {prompt:?}: {}", self.screen));
            self.screen.push_str(&String::from_utf8_lossy(&more));
        }
        let script = self.child.id();
        let reading = || family(script).into_iter().skip(1).any(reads_a_terminal);
        assert!(wait_until(PATIENCE, reading), "nobody reads: {}", self.screen);
        let stdin = self.stdin.as_mut().expect("the keyboard");
        stdin.write_all(format!("{answer}\n").as_bytes()).expect("type");
        self.screen.push_str("[typed]");
    }

    /// Waits for the end; gives the exit status and the screen's text.
    pub fn end(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        while let Ok(more) = self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.screen.push_str(&String::from_utf8_lossy(&more));
        }
        let mut status = None;
        wait_until(Duration::from_secs(5), || {
            status = self.child.try_wait().expect("wait");
            status.is_some()
        });
        let status = status.unwrap_or_else(|| panic!("still running: {}", self.screen));
        (status.code(), self.screen.replace('\r', ""))
    }
}

/// Whether the process is blocked in read(2) on its standard input, which here is the terminal, or in poll(2), as our own tools
/// are.
pub fn reads_a_terminal(pid: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let mut fields = text.split_whitespace();
    // The numbers on x86-64, and on the architectures with the common table, which has ppoll(2).
    match fields.next() {
        Some("0" | "63") => fields.next() == Some("0x0"),
        Some("7" | "73") => true,
        _ => false,
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The program first: it would outlive its terminal.
        for pid in family(self.child.id()).into_iter().skip(1) {
            super::mount::signal("KILL", pid);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
