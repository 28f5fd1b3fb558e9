//! Authenticates to an SMTP server (RFC 4954) with this crate's client and prints the dialogue.
//!
//! ```text
//! smtp_auth HOST:PORT USER [MECHANISM...]        the password is the first line of standard input
//! ```
//! Without a mechanism the strongest one that the server offers is used. A security layer, where the mechanism
//! negotiates one, is tried with a NOOP. The exit status is 0 when both sides are convinced.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oxisasl::policy::SecurityProps;
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::{Client, ClientParams, ClientSession, Progress, Secret};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One user with a password. Nothing else is ever answered.
struct Credentials {
    user: String,
    password: Secret,
}

impl Answers for Credentials {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from(self.user.as_str())),
            // Nobody else than who logs in.
            PromptKind::User => Answer::Value(Secret::from("")),
            PromptKind::Pass => Answer::Value(self.password.clone()),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::User | PromptKind::Pass)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, user, mechanisms @ ..] = &arguments[..] else {
        eprintln!("usage: smtp_auth HOST:PORT USER [MECHANISM...] <password");
        return ExitCode::from(2);
    };
    match run(server, user, &mechanisms.join(" ")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smtp_auth: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(server: &str, user: &str, mechanisms: &str) -> Outcome<()> {
    let mut password = String::new();
    io::stdin().lock().read_line(&mut password)?;
    let password = Secret::from(password.trim_end_matches(['\r', '\n']));

    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let answers = Credentials { user: user.to_owned(), password };
    let session = Arc::new(Client::new()).session(ClientParams::new("smtp", answers).fqdn(host))?;
    session.set_security(SecurityProps { max_ssf: 256, max_buf: 65536, ..SecurityProps::default() })?;

    let mut smtp = Smtp { stream: TcpStream::connect(server)?, input: Vec::new(), session, protected: false };
    smtp.expect(220)?;
    let greeting = smtp.command("EHLO client.example.test")?;
    let offered = greeting.iter().find_map(|line| line.get(4..)?.strip_prefix("AUTH ")).unwrap_or_default();
    let wanted = if mechanisms.is_empty() { offered } else { mechanisms };
    smtp.authenticate(wanted)?;
    if smtp.protected {
        smtp.command("NOOP")?;
    }
    smtp.command("QUIT")?;
    Ok(())
}

/// The connection.
struct Smtp {
    stream: TcpStream,
    /// What was received and is not read yet.
    input: Vec<u8>,
    session: ClientSession,
    /// Whether the mechanism's security layer is in force.
    protected: bool,
}

impl Smtp {
    /// The exchange of RFC 4954, section 4.
    fn authenticate(&mut self, mechanisms: &str) -> Outcome<()> {
        let start = self.session.start(mechanisms)?;
        let mut progress = start.progress;
        let initial = match progress.data() {
            None => String::new(),
            Some([]) => " =".to_owned(),
            Some(data) => format!(" {}", STANDARD.encode(data)),
        };
        self.send(&format!("AUTH {}{initial}", start.mechanism))?;
        loop {
            let reply = self.reply()?;
            match reply.last().map(|line| line.split_at(line.len().min(4))) {
                // The server may be content before it has proved its own side.
                Some(("235 ", _)) if progress.is_done() => break,
                Some(("235 ", _)) => return Err("the server has not shown that it knows the password".into()),
                Some(("334 ", challenge)) => {
                    let challenge = STANDARD.decode(challenge)?;
                    println!("      # {}", challenge.escape_ascii());
                    progress = match self.session.step(Some(&challenge)) {
                        Ok(progress) => progress,
                        Err(error) => {
                            self.command("*")?;
                            return Err(error.into());
                        }
                    };
                    self.answer(&progress)?;
                }
                _ => return Err("refused".into()),
            }
        }
        self.protected = self.session.ssf() > 0;
        println!("   authenticated with {}, security layer of {} bits", start.mechanism, self.session.ssf());
        Ok(())
    }

    fn answer(&mut self, progress: &Progress) -> Outcome<()> {
        let data = progress.data().unwrap_or_default();
        self.send(&STANDARD.encode(data))?;
        println!("      # {}", data.escape_ascii());
        Ok(())
    }

    fn send(&mut self, line: &str) -> Outcome<()> {
        println!("C: {line}");
        let mut bytes = format!("{line}\r\n").into_bytes();
        if self.protected {
            let mut packets = Vec::new();
            self.session.encode(&[&bytes], &mut packets)?;
            bytes = packets;
        }
        Ok(self.stream.write_all(&bytes)?)
    }

    /// Sends a command; gives the lines of the reply, which must not be an error.
    fn command(&mut self, line: &str) -> Outcome<Vec<String>> {
        self.send(line)?;
        let reply = self.reply()?;
        // A cancelled exchange is answered with 501.
        if line != "*" && reply.last().is_none_or(|line| !line.starts_with('2')) {
            return Err(format!("{line}: {}", reply.join(" ")).into());
        }
        Ok(reply)
    }

    fn expect(&mut self, code: u16) -> Outcome<()> {
        let reply = self.reply()?;
        match reply.last() {
            Some(line) if line.starts_with(&code.to_string()) => Ok(()),
            _ => Err(reply.join(" ").into()),
        }
    }

    /// The lines of a reply.
    fn reply(&mut self) -> Outcome<Vec<String>> {
        let mut lines: Vec<String> = Vec::new();
        while lines.last().is_none_or(|line| line.as_bytes().get(3) == Some(&b'-')) {
            let line = self.line()?;
            println!("S: {line}");
            lines.push(line);
        }
        Ok(lines)
    }

    fn line(&mut self) -> Outcome<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.input.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8(line)?);
            }
            let mut buffer = [0; 4096];
            let length = self.stream.read(&mut buffer)?;
            let received = buffer.get(..length).filter(|b| !b.is_empty()).ok_or("the server has hung up")?;
            if self.protected {
                self.session.decode(received, &mut self.input)?;
            } else {
                self.input.extend(received);
            }
        }
    }
}
