//! Printing a dialogue for people: coloured on a terminal, plain otherwise, with what base64 hides beside it.

use std::io::IsTerminal;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rig::smtp::{Side, Smtp};

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";
const CYAN: &str = "36";
const PLAIN: &str = "0";

/// The printer, and what it has been told to expect.
pub struct Show {
    print: bool,
    colour: bool,
    held: usize,
    broken: Vec<String>,
}

impl Show {
    pub fn new(print: bool) -> Show {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Show { print, colour, held: 0, broken: Vec::new() }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&self, text: &str) {
        if self.print {
            println!("{text}");
        }
    }

    pub fn title(&self, text: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, &format!("== {text}"))));
    }

    pub fn note(&self, text: &str) {
        self.line(&self.paint(DIM, &format!("   {text}")));
    }

    /// Says whether an expectation held, and remembers it.
    pub fn expect(&mut self, held: bool, text: &str) {
        if held {
            self.held += 1;
            self.line(&self.paint(GREEN, &format!("   ok: {text}")));
        } else {
            self.line(&self.paint(RED, &format!("   NOT SO: {text}")));
            self.broken.push(text.to_owned());
        }
    }

    /// A whole connection.
    pub fn dialogue(&self, smtp: &Smtp) {
        let mut authenticating = false;
        for (side, text) in &smtp.dialogue {
            self.exchange(*side, text, &mut authenticating);
        }
    }

    /// What `sendmail -v` prints about its own connection as a client.
    pub fn verbose_client(&self, output: &str) {
        let mut authenticating = false;
        for line in output.lines() {
            if let Some(command) = line.strip_prefix(">>> ") {
                self.exchange(Side::Client, command, &mut authenticating);
            } else if line.starts_with(|c: char| c.is_ascii_digit()) {
                self.exchange(Side::Server, line, &mut authenticating);
            } else {
                self.note(line);
            }
        }
    }

    /// One line of a dialogue; `authenticating` says whether the client's lines are answers to challenges.
    fn exchange(&self, side: Side, text: &str, authenticating: &mut bool) {
        let (mark, style, data) = match side {
            Side::Client if text.starts_with("AUTH ") => {
                *authenticating = true;
                ("C:", CYAN, text.splitn(3, ' ').nth(2))
            }
            Side::Client => ("C:", CYAN, authenticating.then_some(text)),
            Side::Server => {
                let challenge = text.strip_prefix("334 ");
                *authenticating &= challenge.is_some();
                let style = match text.as_bytes().first() {
                    Some(b'2') => GREEN,
                    Some(b'5') => RED,
                    _ => PLAIN,
                };
                ("S:", style, challenge)
            }
        };
        self.line(&format!("{mark} {}", self.paint(style, text)));
        if let Some(decoded) = data.filter(|d| !d.is_empty()).and_then(|d| STANDARD.decode(d).ok()) {
            self.line(&self.paint(DIM, &format!("      # {}", readable(&decoded))));
        }
    }

    /// The last line, and the exit status.
    pub fn finish(self, what: &str) -> ExitCode {
        println!();
        if self.broken.is_empty() {
            println!("{}", self.paint(GREEN, &format!("{what}: all {} expectations held.", self.held)));
            return ExitCode::SUCCESS;
        }
        for text in &self.broken {
            println!("{}", self.paint(RED, &format!("not so: {text}")));
        }
        println!(
            "{}",
            self.paint(
                RED,
                &format!(
                    "{what}: {} of {} expectations did not hold.",
                    self.broken.len(),
                    self.broken.len() + self.held
                )
            )
        );
        ExitCode::FAILURE
    }
}

/// Bytes as text, with escapes for what is none.
fn readable(bytes: &[u8]) -> String {
    let escaped = |c: char| if c == '\0' { "\\0".to_owned() } else { c.escape_debug().to_string() };
    let show = |c: char| if c.is_control() { escaped(c) } else { c.to_string() };
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().map(show).collect(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}
