//! What the daemons that check passwords are sent: the name and the password as they are, each in its own place, or nothing.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use oxisasl::config::ConfigFile;
use oxisasl::{Code, Server};

use crate::rig::base::TempDir;
use crate::{Lines, check, pairs, shown, trimmed};

/// Takes requests, and says yes to all of them.
struct Daemon {
    socket: PathBuf,
    requests: Receiver<Vec<u8>>,
    _dir: TempDir,
}

impl Daemon {
    /// `is_whole` tells whether all of a request is there.
    fn start(is_whole: fn(&[u8]) -> bool, yes: &'static [u8]) -> Self {
        let dir = TempDir::new("injection");
        let socket = dir.join("socket");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let (sender, requests) = channel();
        // Ends with the process: it holds nothing but its socket.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let request = receive(&mut stream, is_whole);
                let _ = stream.write_all(yes);
                let _ = sender.send(request);
            }
        });
        Daemon { socket, requests, _dir: dir }
    }

    /// What it was sent; nothing if nobody has come.
    fn request(&self) -> Option<Vec<u8>> {
        self.requests.try_recv().ok()
    }
}

fn receive(stream: &mut UnixStream, is_whole: fn(&[u8]) -> bool) -> Vec<u8> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    request
}

/// Reads the name and the password out of a request.
type Fields = fn(&[u8]) -> Option<(Vec<u8>, Vec<u8>)>;

/// Asks about every pair. `fields` reads the name, as the daemon sees it, and the password out of a request that has nothing else.
fn ask(method: &str, path: &str, daemon: &Daemon, fields: Fields) {
    let lines = Lines::default();
    let text = format!("pwcheck_method: {method}\n{path}: {}\n", daemon.socket.display());
    let options = ConfigFile::parse("test.conf".as_ref(), text.as_bytes()).expect("options");
    let server = Arc::new(Server::new("test").options(options).log(lines.clone()));
    let (mut asked, mut refused) = (0, 0);
    for (user, password) in pairs() {
        let what = || format!("{method}: {} with {}", shown(&user), shown(&password));
        let result = check(&server, &user, &password);
        match result {
            Ok(()) => {
                asked += 1;
                let request = daemon.requests.recv().expect("a request");
                // The protocol of saslauthd knows no realm that is empty and there.
                let name = trimmed(&user);
                let name = if method == "saslauthd" { name.strip_suffix(b"@").unwrap_or(name) } else { name };
                let expected = (name.to_vec(), password.clone());
                assert_eq!(fields(&request), Some(expected), "{}: {}", what(), shown(&request));
            }
            Err(code) => {
                refused += 1;
                assert!(matches!(code, Code::BadAuth | Code::Fail | Code::BufOver), "{}: {code:?}", what());
                assert!(daemon.request().is_none(), "{}: {code:?}, but the daemon was asked", what());
            }
        }
        // No NUL is in a name or a password, and nobody has an empty one.
        let possible = !trimmed(&user).is_empty() && !password.is_empty();
        assert!(result.is_err() || possible && !user.contains(&0) && !password.contains(&0), "{}", what());
    }
    assert!(asked > 500 && refused > 5, "{method}: {asked} asked, {refused} refused");
    let lines = lines.0.lock().expect("the log");
    assert!(lines.iter().all(|line| !line.contains('\n')), "a line of the log is two");
}

/// Four fields, each after its length in two bytes.
fn counted(mut request: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while let Some((length, rest)) = request.split_first_chunk() {
        let (field, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        fields.push(field);
        request = rest;
    }
    request.is_empty().then_some(fields)
}

#[test]
fn saslauthd_is_sent_four_fields() {
    let daemon = Daemon::start(|request| counted(request).is_some_and(|fields| fields.len() == 4), b"\0\x02OK");
    ask("saslauthd", "saslauthd_path", &daemon, |request| {
        let fields = counted(request)?;
        let [user, password, b"smtp", realm] = fields[..] else { return None };
        // The last at sign of a name is before its realm.
        let has_realm = !realm.is_empty();
        let name = if has_realm { [user, b"@", realm].concat() } else { user.to_vec() };
        Some((name, password.to_vec()))
    });
}

#[test]
fn pwcheck_is_sent_two_texts() {
    let whole: fn(&[u8]) -> bool = |request| request.iter().filter(|byte| **byte == 0).count() >= 2;
    let daemon = Daemon::start(whole, b"OK");
    ask("pwcheck", "pwcheck_path", &daemon, |request| {
        let fields: Vec<&[u8]> = request.split(|byte| *byte == 0).collect();
        let [user, password, b""] = fields[..] else { return None };
        Some((user.to_vec(), password.to_vec()))
    });
}

/// The bytes that the first line of a request to Courier's daemon counts, and what is behind them.
fn announced(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = request.iter().position(|byte| *byte == b'\n')?;
    let length = str::from_utf8(request.get(..end)?).ok()?.strip_prefix("AUTH ")?.parse().ok()?;
    request.get(end + 1..)?.split_at_checked(length)
}

#[test]
fn authdaemond_is_sent_four_lines() {
    let whole: fn(&[u8]) -> bool = |request| announced(request).is_some_and(|(_, rest)| !rest.is_empty());
    let daemon = Daemon::start(whole, b".\n");
    ask("authdaemond", "authdaemond_path", &daemon, |request| {
        let (fields, b"\n") = announced(request)? else { return None };
        let fields: Vec<&[u8]> = fields.split(|byte| *byte == b'\n').collect();
        let [b"smtp", b"login", user, password, b""] = fields[..] else { return None };
        Some((user.to_vec(), password.to_vec()))
    });
}
