//! An SMTP client of our own (RFC 5321, RFC 4954), independent of every SASL library: the mechanisms' client sides are
//! in `client.rs`, computed from the RFCs' formulas.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use socket2::{Domain, Socket, Type};

use super::client::{Layer, Mechanism};

/// A reply: its code and the text of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

impl Reply {
    /// The lines joined with a line end.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The data of a 334 challenge.
    pub fn challenge(&self) -> Vec<u8> {
        assert_eq!(self.code, 334, "{self:?}");
        STANDARD.decode(&self.lines[0]).unwrap_or_else(|e| panic!("{self:?}: {e}"))
    }
}

/// Who said a line of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// What the bytes go through.
enum Wire {
    Tcp(TcpStream),
    /// `openssl s_client`, which has said EHLO and STARTTLS.
    Tls(Child),
}

impl Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Tcp(stream) => stream.read(buffer),
            Wire::Tls(child) => child.stdout.as_mut().expect("stdout").read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Wire::Tcp(stream) => stream.write_all(bytes),
            Wire::Tls(child) => {
                let input = child.stdin.as_mut().expect("stdin");
                input.write_all(bytes)?;
                input.flush()
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Wire::Tls(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A connection.
pub struct Smtp {
    stream: Wire,
    // Plain bytes received and not yet read as lines.
    input: Vec<u8>,
    layer: Option<Layer>,
    /// Every line, in order, without its line end.
    pub dialogue: Vec<(Side, String)>,
    /// The greeting.
    pub greeting: Reply,
}

impl Smtp {
    /// Connects to 127.0.0.1 from 127.0.0.2 and reads the greeting.
    pub fn connect(port: u16) -> Smtp {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).expect("bind to 127.0.0.2");
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("connect");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("timeout");
        stream.set_nodelay(true).expect("no delay");
        let mut smtp = Smtp::new(Wire::Tcp(stream));
        smtp.greeting = smtp.reply();
        assert_eq!(smtp.greeting.code, 220, "{:?}", smtp.greeting);
        smtp
    }

    fn new(stream: Wire) -> Smtp {
        let greeting = Reply { code: 0, lines: Vec::new() };
        Smtp { stream, input: Vec::new(), layer: None, dialogue: Vec::new(), greeting }
    }

    /// Connects in the same way and starts TLS; the next command is EHLO. `identity` is a file with a certificate and
    /// its key, which the client shows.
    pub fn connect_tls(port: u16, identity: Option<&Path>) -> Smtp {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-starttls", "smtp", "-bind", "127.0.0.2", "-connect"]);
        command.arg(format!("127.0.0.1:{port}"));
        if let Some(file) = identity {
            command.arg("-cert").arg(file).arg("-key").arg(file);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Smtp::new(Wire::Tls(child.expect("openssl")))
    }

    /// Sends one line.
    pub fn send(&mut self, line: &str) {
        self.dialogue.push((Side::Client, line.to_owned()));
        self.write(format!("{line}\r\n").as_bytes());
    }

    /// Sends bytes as they are, through the security layer when there is one.
    pub fn write(&mut self, bytes: &[u8]) {
        match &mut self.layer {
            Some(layer) => {
                let packets = layer.encode(bytes);
                self.stream.write(&packets).expect("write");
            }
            None => self.stream.write(bytes).expect("write"),
        }
    }

    /// Sends bytes beneath the security layer. The server may have hung up already: the next reply tells.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write(bytes);
    }

    /// Says that nothing more will come. The server may have hung up already.
    pub fn end_of_input(&self) {
        if let Wire::Tcp(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// The packets that the security layer makes of `bytes`.
    pub fn encode(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.layer.as_mut().expect("a security layer").encode(bytes)
    }

    /// Sends a command and gives the reply.
    pub fn command(&mut self, line: &str) -> Reply {
        self.send(line);
        self.reply()
    }

    /// Sends a command whose reply must have this code.
    pub fn expect(&mut self, line: &str, code: u16) -> Reply {
        let reply = self.command(line);
        assert_eq!(reply.code, code, "{line}: {reply:?}");
        reply
    }

    /// Says EHLO; gives the mechanisms of the AUTH line in their order, none when there is no such line.
    pub fn ehlo(&mut self) -> Option<Vec<String>> {
        let reply = self.expect("EHLO client.example.test", 250);
        let auth = reply.lines.iter().find_map(|l| l.strip_prefix("AUTH "))?;
        Some(auth.split(' ').map(str::to_owned).collect())
    }

    /// Reads a reply; panics when the server closes instead.
    pub fn reply(&mut self) -> Reply {
        self.try_reply().expect("a reply, not the end of the connection")
    }

    /// Reads a reply; none when the server closes the connection instead.
    pub fn try_reply(&mut self) -> Option<Reply> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            self.dialogue.push((Side::Server, line.clone()));
            let code = line.get(..3).and_then(|c| c.parse().ok()).unwrap_or_else(|| panic!("no reply: {line:?}"));
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Some(Reply { code, lines });
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.input[..end]).into_owned();
                self.input.drain(..end + 2);
                return Some(line);
            }
            let mut buffer = [0; 4096];
            let length = match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => length,
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("read: {e}"),
            };
            match &mut self.layer {
                Some(layer) => self.input.extend(layer.decode(&buffer[..length]).expect("the server's packets")),
                None => self.input.extend(&buffer[..length]),
            }
        }
    }

    /// Authenticates; `initial` says whether to send an initial response when the mechanism has one. Gives the last
    /// reply, 235 or not. After a 235 the mechanism's security layer is in force.
    pub fn auth(&mut self, mechanism: &mut dyn Mechanism, initial: bool) -> Reply {
        let first = if initial { mechanism.initial() } else { None };
        let mut reply = match &first {
            Some(data) if data.is_empty() => self.command(&format!("AUTH {} =", mechanism.name())),
            Some(data) => self.command(&format!("AUTH {} {}", mechanism.name(), STANDARD.encode(data))),
            None => self.command(&format!("AUTH {}", mechanism.name())),
        };
        let mut pending = if first.is_none() { mechanism.initial() } else { None };
        while reply.code == 334 {
            let challenge = reply.challenge();
            let answer = match pending.take() {
                Some(data) => {
                    assert!(challenge.is_empty(), "the client speaks first: {challenge:?}");
                    data
                }
                None => mechanism.answer(&challenge),
            };
            reply = self.command(&STANDARD.encode(answer));
        }
        if reply.code == 235 {
            mechanism.finish();
            self.layer = mechanism.layer();
        }
        reply
    }

    /// Sends a message from `sender@example.test` to another domain, which only an authenticated client may; gives the
    /// reply to RCPT when that is a refusal, to the message otherwise.
    pub fn relay(&mut self, body: &str) -> Reply {
        self.expect("MAIL FROM:<sender@example.test>", 250);
        let reply = self.command("RCPT TO:<someone@elsewhere.example>");
        if reply.code != 250 {
            return reply;
        }
        self.expect("DATA", 354);
        self.write(b"Subject: test\r\n\r\n");
        self.write(body.as_bytes());
        self.command(".")
    }
}
