//! The answers of the daemons that check passwords.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use std::{env, fs, process, thread};

use oxisasl::Secret;
use oxisasl::verify::{pwcheck, saslauthd};

/// How long one answer may take to be understood.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon that says what it is told to.
struct Daemon {
    socket: PathBuf,
    answers: Sender<Vec<u8>>,
    requests: Receiver<Vec<u8>>,
}

/// The bytes are the answer, after one that says which daemon it comes from and in how many pieces: only a yes is taken for
/// one.
pub fn run(data: &[u8]) {
    let Some((choice, answer)) = data.split_first() else { return };
    thread_local! {
        static DAEMON: Daemon = Daemon::start();
    }
    DAEMON.with(|daemon| {
        daemon.answers.send(data.to_vec()).expect("the daemon runs");
        let password = Secret::from("secret");
        let (accepted, yes, request) = if choice % 2 == 0 {
            let request = saslauthd::Request { user: b"alice", password: b"secret", service: b"smtp", realm: b"" };
            let accepted = saslauthd::authenticate(&daemon.socket, &request, PATIENCE).is_ok();
            let text = answer.get(2..).unwrap_or_default();
            let length = answer.first_chunk().map_or(0, |length| usize::from(u16::from_be_bytes(*length)));
            let yes = text.get(..length).is_some_and(|text| text.starts_with(b"OK"));
            (accepted, yes, &b"\0\x05alice\0\x06secret\0\x04smtp\0\0"[..])
        } else {
            let accepted = pwcheck::authenticate(&daemon.socket, b"alice", &password, PATIENCE).is_ok();
            (accepted, answer.starts_with(b"OK"), &b"alice\0secret\0"[..])
        };
        assert!(yes || !accepted, "{answer:?} is taken for a yes");
        let heard = daemon.requests.recv().expect("the daemon runs");
        assert!(request.starts_with(&heard) && (heard == request || answer.is_empty()), "{heard:?}");
    });
}

impl Daemon {
    fn start() -> Self {
        let name = format!("oxisasl-fuzz-daemon-{}-{:?}", process::id(), thread::current().id());
        let socket = env::temp_dir().join(name);
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).expect("a socket can be bound");
        let (answers, told) = channel::<Vec<u8>>();
        let (heard, requests) = channel();
        thread::spawn(move || {
            for answer in told {
                let (stream, _) = listener.accept().expect("a client comes");
                heard.send(say(stream, &answer)).expect("the client waits");
            }
        });
        Daemon { socket, answers, requests }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}

/// Reads the request and gives the answer, in pieces.
fn say(mut stream: UnixStream, data: &[u8]) -> Vec<u8> {
    let Some((choice, answer)) = data.split_first() else { return Vec::new() };
    let wanted = if choice % 2 == 0 { 23 } else { 13 };
    let mut request = vec![0; wanted];
    stream.read_exact(&mut request).expect("the request comes whole");
    let piece = match choice / 2 {
        0..=63 => answer.len().max(1),
        small => usize::from(small - 63),
    };
    // A client that has heard enough closes the connection.
    let _ = answer.chunks(piece).try_for_each(|piece| stream.write_all(piece));
    request
}
