//! Sendmail as a client of servers that cheat: the library must not take them for the relay that knows the password.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rig::base::Library;
use crate::rig::sendmail::{AuthInfo, Config, Sent, send};

/// What the server says to each message of the client's exchange, given its decoded data: a challenge, or the final
/// reply line.
type Answer = Box<dyn FnMut(&str) -> Result<String, &'static str> + Send>;

/// A server for one connection that offers one mechanism; its thread gives back all lines that the client sent.
struct Cheat {
    port: u16,
    thread: JoinHandle<Vec<String>>,
}

impl Cheat {
    fn start(mechanism: &'static str, answer: Answer) -> Cheat {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let thread = thread::spawn(move || serve(listener.accept().expect("a client").0, mechanism, answer));
        Cheat { port, thread }
    }
}

fn serve(stream: TcpStream, mechanism: &str, mut answer: Answer) -> Vec<String> {
    let mut output = stream.try_clone().expect("stream");
    let mut say = |line: &str| {
        // The client may have hung up: its lines tell the story.
        let _ = output.write_all(format!("{line}\r\n").as_bytes());
    };
    say("220 mail.example.test ESMTP");
    let mut lines = Vec::new();
    let mut authenticating = false;
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        lines.push(line.clone());
        let data = match line.strip_prefix(&format!("AUTH {mechanism}")) {
            Some(initial) => {
                authenticating = true;
                initial.trim_start()
            }
            None => &line,
        };
        if authenticating {
            if data == "*" {
                authenticating = false;
                say("501 5.7.0 cancelled");
                continue;
            }
            let data = STANDARD.decode(data).expect("base64");
            match answer(&String::from_utf8_lossy(&data)) {
                Ok(challenge) => say(&format!("334 {}", STANDARD.encode(challenge))),
                Err(reply) => {
                    authenticating = false;
                    say(reply);
                }
            }
        } else if line.starts_with("EHLO") {
            say("250-mail.example.test");
            say(&format!("250 AUTH {mechanism}"));
        } else if line == "DATA" {
            say("354 go on");
        } else if line == "QUIT" {
            say("221 bye");
            break;
        } else {
            say("250 ok");
        }
    }
    lines
}

/// Runs the client against this server; gives what it did and the lines that the server got.
fn meet(mechanism: &'static str, answer: Answer) -> (Sent, Vec<String>) {
    let cheat = Cheat::start(mechanism, answer);
    let auth = AuthInfo { user: "tim", authid: "tim", password: "tanstaaftanstaaf", realm: "", mechanisms: mechanism };
    let sent = send(&Library::under_test(), &Config::default(), cheat.port, Some(&auth), "Subject: test\n\nsecret\n");
    (sent, cheat.thread.join().expect("the server"))
}

/// The client gave up after `answers` lines (that of AUTH counts), cancelled as RFC 4954 wants it, and does not
/// believe that it is authenticated.
fn assert_cancelled(what: &str, sent: &Sent, lines: &[String], answers: usize) {
    let exchange: Vec<&str> = lines.iter().skip(1).map(String::as_str).collect();
    let end = exchange.iter().position(|l| *l == "*").unwrap_or_else(|| panic!("{what}: not cancelled: {lines:?}"));
    assert_eq!(end, answers, "{what}: {lines:?}");
    assert!(!sent.log.contains("AUTH=client"), "{what}: {}", sent.log);
}

/// The client's nonce in its first SCRAM message.
fn nonce(first: &str) -> &str {
    first.rsplit_once("r=").expect("a nonce").1
}

const SALT: &str = "QSXCR+Q6sek8bf92";

#[test]
fn a_scram_servers_first_message_is_checked() {
    type First = fn(&str) -> String;
    let messages: &[(&str, First)] = &[
        ("nonce not extended", |n| format!("r={n},s={SALT},i=4096")),
        ("nonce replaced", |_| format!("r=0123456789012345678901234567890123456789,s={SALT},i=4096")),
        ("nonce cut", |n| format!("r={},s={SALT},i=4096", &n[1..])),
        ("no salt", |n| format!("r={n}more,i=4096")),
        ("empty salt", |n| format!("r={n}more,s=,i=4096")),
        ("bad salt", |n| format!("r={n}more,s=!!!!,i=4096")),
        ("no count", |n| format!("r={n}more,s={SALT}")),
        ("count 0", |n| format!("r={n}more,s={SALT},i=0")),
        ("count 1", |n| format!("r={n}more,s={SALT},i=1")),
        ("count negative", |n| format!("r={n}more,s={SALT},i=-4096")),
        ("count huge", |n| format!("r={n}more,s={SALT},i=99999999999")),
        ("count no number", |n| format!("r={n}more,s={SALT},i=abc")),
        ("mandatory extension", |n| format!("m=new,r={n}more,s={SALT},i=4096")),
        ("wrong order", |n| format!("s={SALT},r={n}more,i=4096")),
        ("nothing", |_| String::new()),
        ("noise", |_| "\u{0}\u{1}\u{2}".to_owned()),
        ("too long", |n| format!("r={n}{},s={SALT},i=4096", "x".repeat(3000))),
        ("error", |_| "e=other-error".to_owned()),
    ];
    for (what, message) in messages {
        let (sent, lines) = meet("SCRAM-SHA-256", Box::new(move |data| Ok(message(nonce(data)))));
        // The stock library sends a proof for any low count: a cheat can then guess the password cheaply.
        let guessable = Library::under_test().is_stock() && ["count 0", "count 1"].contains(what);
        assert_cancelled(what, &sent, &lines, if guessable { 2 } else { 1 });
    }
}

#[test]
fn a_scram_server_must_show_that_it_knows_the_password() {
    for last in ["v=AAAA", "v=", "e=other-error", "", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "x"] {
        let mut step = 0;
        let answer: Answer = Box::new(move |data| {
            step += 1;
            match step {
                1 => Ok(format!("r={}more,s={SALT},i=4096", nonce(data))),
                _ => Ok(last.to_owned()),
            }
        });
        let (sent, lines) = meet("SCRAM-SHA-256", answer);
        assert_cancelled(last, &sent, &lines, 2);
    }
}

#[test]
fn a_digest_servers_challenge_is_checked() {
    for (what, challenge) in [
        ("nothing", ""),
        ("noise", "\u{1}\u{2}"),
        ("no nonce", "realm=\"r\",qop=\"auth\",charset=utf-8,algorithm=md5-sess"),
        ("no algorithm", "nonce=\"abc\",realm=\"r\",qop=\"auth\",charset=utf-8"),
        ("two algorithms", "nonce=\"abc\",realm=\"r\",qop=\"auth\",algorithm=md5-sess,algorithm=md5-sess"),
        ("other algorithm", "nonce=\"abc\",realm=\"r\",qop=\"auth\",charset=utf-8,algorithm=md5"),
        ("two nonces", "nonce=\"abc\",nonce=\"abc\",realm=\"r\",qop=\"auth\",algorithm=md5-sess"),
        ("unclosed", "nonce=\"abc,realm=r,algorithm=md5-sess"),
        ("too long", &format!("nonce=\"{}\",realm=\"r\",qop=\"auth\",algorithm=md5-sess", "n".repeat(3000))),
    ] {
        let challenge = challenge.to_owned();
        let (sent, lines) = meet("DIGEST-MD5", Box::new(move |_| Ok(challenge.clone())));
        // The stock library takes the last of two nonces; RFC 2831, section 2.1.1, allows one and wants the client to
        // give up.
        let lenient = Library::under_test().is_stock() && what == "two nonces";
        assert_cancelled(what, &sent, &lines, if lenient { 2 } else { 1 });
    }
}

#[test]
fn a_digest_server_must_show_that_it_knows_the_password() {
    for last in ["rspauth=0123456789abcdef0123456789abcdef", "rspauth=", "", "x", "rspauth=0123"] {
        let mut step = 0;
        let answer: Answer = Box::new(move |_| {
            step += 1;
            match step {
                1 => Ok("nonce=\"abc\",realm=\"r\",qop=\"auth\",charset=utf-8,algorithm=md5-sess".to_owned()),
                _ => Ok(last.to_owned()),
            }
        });
        let (sent, lines) = meet("DIGEST-MD5", answer);
        assert_cancelled(last, &sent, &lines, 2);
    }
}
