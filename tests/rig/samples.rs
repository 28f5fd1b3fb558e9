//! Debian's `sasl-sample-server` and `sasl-sample-client`: two programs that print their messages as lines of base64
//! for a person to copy from one to the other. The rig is that person; it also plays one side against another protocol.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::base::Library;

/// An exchange that has made no progress for this long has failed.
const SILENCE: Duration = Duration::from_secs(60);

/// Which of the two programs something came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

/// What the programs do, as it happens.
enum Event {
    /// A line on standard output.
    Line(Side, String),
    /// Text on standard error, whole lines or not (a prompt ends without a line end).
    Error(Side, String),
    /// One of the two streams has ended.
    End(Side),
}

/// A running sample program.
struct Sample {
    child: Child,
    stdin: Option<ChildStdin>,
    library: Library,
    proved: bool,
    open_streams: u8,
    lines: Vec<String>,
    errors: String,
    /// The end of `errors` that has not been looked at for a prompt.
    asked: usize,
}

impl Sample {
    /// Runs the program without a terminal (it would read the password from there) and with line-wise output.
    /// `below` is a program that runs it, and that program's arguments.
    fn spawn(
        library: &Library,
        side: Side,
        below: &[&str],
        args: &[&str],
        env: &[(&str, &str)],
        events: &Sender<Event>,
    ) -> Sample {
        let program = match side {
            Side::Server => "/usr/sbin/sasl-sample-server",
            Side::Client => "/usr/bin/sasl-sample-client",
        };
        let mut command = Command::new("setsid");
        command.args(["stdbuf", "-oL"]).args(below).arg(program).args(args).envs(env.iter().copied());
        library.apply(&mut command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let stdin = child.stdin.take();
        let (stdout, mut stderr) = (child.stdout.take().expect("stdout"), child.stderr.take().expect("stderr"));
        let out = events.clone();
        thread::spawn(move || {
            // Not lines(): a name from the library need not be UTF-8.
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let _ = out.send(Event::Line(side, String::from_utf8_lossy(&line).into_owned()));
            }
            let _ = out.send(Event::End(side));
        });
        let err = events.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut buffer) {
                let _ = err.send(Event::Error(side, String::from_utf8_lossy(&buffer[..count]).into_owned()));
            }
            let _ = err.send(Event::End(side));
        });
        Sample {
            child,
            stdin,
            library: library.clone(),
            proved: false,
            open_streams: 2,
            lines: Vec::new(),
            errors: String::new(),
            asked: 0,
        }
    }

    /// Types a line. A program that has ended no longer reads: its status tells.
    fn say(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = stdin.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Panics unless the program, which has just sent a message and waits for the other side's, runs on its library.
    fn prove_library(&mut self) {
        if !self.proved {
            self.library.assert_loaded_by(self.child.id());
            self.proved = true;
        }
    }

    /// Notes text on standard error and answers a prompt for the password.
    fn heard(&mut self, text: &str, password: &str) {
        self.errors.push_str(text);
        if self.errors[self.asked..].ends_with("Password: ") {
            self.asked = self.errors.len();
            self.say(password);
        }
    }

    fn end(&mut self) -> Outcome {
        drop(self.stdin.take());
        Outcome {
            status: self.child.wait().expect("wait").code(),
            lines: std::mem::take(&mut self.lines),
            errors: std::mem::take(&mut self.errors),
        }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one program left behind.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub lines: Vec<String>,
    /// Standard error.
    pub errors: String,
}

impl Outcome {
    /// The rest of the first line that begins with this.
    pub fn value(&self, label: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(label))
    }

    /// The decoded messages that it sent.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let sent = self.lines.iter().filter_map(|l| l.strip_prefix("S: ").or_else(|| l.strip_prefix("C: ")));
        sent.map(|message| STANDARD.decode(message).expect("base64")).collect()
    }
}

/// A finished exchange.
#[derive(Debug)]
pub struct Exchange {
    pub server: Outcome,
    pub client: Outcome,
}

impl Exchange {
    /// Both sides ended well, which they do only after a message each way through the negotiated layer.
    pub fn succeeded(&self) -> bool {
        self.server.status == Some(0) && self.client.status == Some(0)
    }

    /// The layer's strength in bits, as both sides print it; panics when they differ.
    pub fn ssf(&self) -> u32 {
        let (server, client) = (self.server.value("SSF: "), self.client.value("SSF: "));
        assert_eq!(server, client, "{self:#?}");
        server.and_then(|ssf| ssf.parse().ok()).unwrap_or_else(|| panic!("no SSF: {self:#?}"))
    }
}

/// One run of the pair: what each program gets on its command line, its library and its environment.
pub struct Pair<'a> {
    pub server: &'a Library,
    pub client: &'a Library,
    pub server_args: &'a [&'a str],
    pub client_args: &'a [&'a str],
    pub env: &'a [(&'a str, &'a str)],
    pub password: &'a str,
}

impl Pair<'_> {
    /// Carries the messages until both programs have ended.
    pub fn run(&self) -> Exchange {
        self.run_below(&[])
    }

    /// The same, with both of them run by another program: its name and arguments.
    pub fn run_below(&self, below: &[&str]) -> Exchange {
        let (sender, events) = channel();
        let mut server = Sample::spawn(self.server, Side::Server, below, self.server_args, self.env, &sender);
        let mut client = Sample::spawn(self.client, Side::Client, below, self.client_args, self.env, &sender);
        drop(sender);
        while server.open_streams + client.open_streams > 0 {
            let event = events.recv_timeout(SILENCE).unwrap_or_else(|e| {
                panic!("{e}: {:#?}{}\n{:#?}{}", server.lines, server.errors, client.lines, client.errors)
            });
            let side = match &event {
                Event::Line(side, _) | Event::Error(side, _) | Event::End(side) => *side,
            };
            let (here, there, prefix) = match side {
                Side::Server => (&mut server, &mut client, "S: "),
                Side::Client => (&mut client, &mut server, "C: "),
            };
            match event {
                Event::Line(_, line) => {
                    if line.starts_with(prefix) {
                        here.prove_library();
                        there.say(&line);
                    }
                    here.lines.push(line);
                }
                Event::Error(_, text) => here.heard(&text, self.password),
                Event::End(_) => {
                    here.open_streams -= 1;
                    // Nothing more will come: the other side must not wait for it.
                    drop(there.stdin.take_if(|_| here.open_streams == 0));
                }
            }
        }
        Exchange { server: server.end(), client: client.end() }
    }
}

/// A sample client as the SASL half of a client of another protocol.
pub struct Client {
    sample: Sample,
    events: Receiver<Event>,
    password: String,
}

impl Client {
    /// A client of `service` at `host` that will use `mechanism` as `user`.
    pub fn new(library: &Library, service: &str, host: &str, mechanism: &str, user: &str, password: &str) -> Client {
        let args = ["-s", service, "-n", host, "-m", mechanism, "-a", user, "-u", user, "-b", "min=0,max=0"];
        let (sender, events) = channel();
        let sample = Sample::spawn(library, Side::Client, &[], &args, &[], &sender);
        Client { sample, events, password: password.to_owned() }
    }

    /// Offers it the server's mechanisms; gives the one it chose and its initial response, if it has one.
    pub fn start(&mut self, mechanisms: &str) -> (String, Option<Vec<u8>>) {
        let message = self.step(mechanisms.as_bytes()).unwrap_or_else(|| panic!("{}", self.sample.errors));
        let mut parts = message.splitn(2, |&byte| byte == 0);
        let chosen = String::from_utf8(parts.next().unwrap_or_default().to_vec()).expect("a mechanism's name");
        (chosen, parts.next().map(<[u8]>::to_vec))
    }

    /// Hands it a message of the server; gives its answer, or none when it has given up.
    pub fn step(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        self.sample.say(&format!("S: {}", STANDARD.encode(message)));
        loop {
            match self.events.recv_timeout(SILENCE).unwrap_or_else(|e| panic!("{e}: {}", self.sample.errors)) {
                Event::Line(_, line) => {
                    if let Some(answer) = line.strip_prefix("C: ") {
                        self.sample.prove_library();
                        return Some(STANDARD.decode(answer).expect("base64"));
                    }
                }
                Event::Error(_, text) => self.sample.heard(&text, &self.password),
                Event::End(_) => return None,
            }
        }
    }
}

/// A command that runs `program` on `library`, in no terminal.
pub fn tool(library: &Library, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setsid");
    command.arg("--wait").arg(program);
    library.apply(&mut command);
    command
}
