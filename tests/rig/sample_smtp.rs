//! A small SMTP client (RFC 5321, AUTH as in RFC 4954) whose SASL half is a sample client.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::base::{Library, PATIENCE};
use super::samples;

/// A reply: its code, and its lines without the code, joined by `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: String,
}

/// A connection to a server on the loopback address.
pub struct Smtp {
    stream: BufReader<TcpStream>,
}

impl Smtp {
    /// Connects and takes the greeting.
    pub fn connect(port: u16) -> Smtp {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut smtp = Smtp { stream: BufReader::new(stream) };
        let greeting = smtp.reply();
        assert_eq!(greeting.code, 220, "{greeting:?}");
        smtp
    }

    fn reply(&mut self) -> Reply {
        let mut text = Vec::new();
        loop {
            let mut line = String::new();
            let count = self.stream.read_line(&mut line).unwrap_or_else(|e| panic!("after {text:?}: {e}"));
            assert!(count > 0, "the server hung up after {text:?}");
            let line = line.trim_end_matches(['\r', '\n']);
            let code = line.get(..3).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("reply {line:?}"));
            text.push(line.get(4..).unwrap_or_default().to_owned());
            if line.get(3..4) != Some("-") {
                return Reply { code, text: text.join("\n") };
            }
        }
    }

    /// Sends a line and takes the reply.
    pub fn command(&mut self, line: &str) -> Reply {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).expect("send");
        self.reply()
    }

    /// Greets; gives the mechanisms on offer, none when AUTH is not offered at all.
    pub fn ehlo(&mut self) -> Vec<String> {
        let reply = self.command("EHLO client.rig.test");
        assert_eq!(reply.code, 250, "{reply:?}");
        let offers = reply.text.lines().find_map(|line| line.strip_prefix("AUTH "));
        offers.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// Authenticates with a sample client run on `library`; gives the server's last word.
    pub fn auth(&mut self, library: &Library, mechanism: &str, user: &str, password: &str) -> Reply {
        let mut client = samples::Client::new(library, "smtp", "mail.rig.test", mechanism, user, password);
        let (mechanism, initial) = client.start(mechanism);
        let mut reply = match initial.as_deref() {
            None => self.command(&format!("AUTH {mechanism}")),
            Some(b"") => self.command(&format!("AUTH {mechanism} =")),
            Some(initial) => self.command(&format!("AUTH {mechanism} {}", STANDARD.encode(initial))),
        };
        while reply.code == 334 {
            let challenge = STANDARD.decode(&reply.text).unwrap_or_else(|e| panic!("{reply:?}: {e}"));
            reply = match client.step(&challenge) {
                Some(response) => self.command(&STANDARD.encode(response)),
                None => self.command("*"),
            };
        }
        reply
    }

    /// AUTH PLAIN with exactly these bytes as the initial response.
    pub fn auth_plain(&mut self, message: &[u8]) -> Reply {
        let message = if message.is_empty() { "=".to_owned() } else { STANDARD.encode(message) };
        self.command(&format!("AUTH PLAIN {message}"))
    }

    /// Offers a message from a stranger to `to`; gives the reply to RCPT, or to the message's end when that was taken.
    pub fn send(&mut self, to: &str, body: &str) -> Reply {
        let mail = self.command("MAIL FROM:<sender@client.rig.test>");
        assert_eq!(mail.code, 250, "{mail:?}");
        let rcpt = self.command(&format!("RCPT TO:<{to}>"));
        if rcpt.code != 250 {
            return rcpt;
        }
        assert_eq!(self.command("DATA").code, 354);
        self.command(&format!("Subject: test\r\n\r\n{body}\r\n."))
    }
}
