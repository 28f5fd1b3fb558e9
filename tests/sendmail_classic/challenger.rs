//! A server that offers DIGEST-MD5 with any number of realms, which no Sendmail does.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rig::digest::{directives, judge};

use super::site::encode;

/// Serves one connection; it knows one password, for whatever user and realm.
pub struct Challenger {
    pub port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl Challenger {
    pub fn start(realms: &[&str], password: &'static str) -> Challenger {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let offer: String = realms.iter().map(|r| format!("realm=\"{r}\",")).collect();
        let thread = thread::spawn(move || serve(listener.accept().expect("a client").0, &offer, password));
        Challenger { port, thread }
    }

    /// The realms that the client has answered with, in order; called when the client is gone.
    pub fn realms(self) -> Vec<String> {
        self.thread.join().expect("the server's thread")
    }
}

fn serve(stream: TcpStream, offer: &str, password: &str) -> Vec<String> {
    let mut output = stream.try_clone().expect("stream");
    // The client may have hung up: its answers tell the story.
    let mut say = |line: &str| drop(output.write_all(format!("{line}\r\n").as_bytes()));
    let mut realms = Vec::new();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    say("220 mail.example.test ESMTP");
    while let Some(line) = lines.next() {
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => say("250-mail.example.test\r\n250 AUTH DIGEST-MD5"),
            "AUTH" => {
                let challenge =
                    format!("{offer}nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",algorithm=md5-sess,charset=utf-8");
                say(&format!("334 {}", encode(challenge.as_bytes())));
                let response = lines.next().and_then(|l| STANDARD.decode(l).ok()).unwrap_or_default();
                let response = String::from_utf8_lossy(&response).into_owned();
                realms.extend(directives(&response).into_iter().find(|(n, _)| n == "realm").map(|(_, v)| v));
                match judge(&response, password) {
                    Some(rspauth) => {
                        say(&format!("334 {}", encode(rspauth.as_bytes())));
                        let _ = lines.next();
                        say("235 2.0.0 OK Authenticated");
                    }
                    None => say("535 5.7.0 authentication failed"),
                }
            }
            "DATA" => {
                say("354 go on");
                let _ = lines.find(|l| l == ".");
                say("250 2.0.0 taken");
            }
            "QUIT" => say("221 bye"),
            _ => say("250 2.0.0 OK"),
        }
    }
    realms
}
