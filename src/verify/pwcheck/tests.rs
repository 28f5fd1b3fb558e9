use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use super::*;
use crate::sys::env;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);
const REQUEST: &[u8] = b"joe\0secret\0";

/// A directory of its own for each test, gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("oxisasl-pwcheck-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("pwcheck")
    }

    /// A daemon that takes one connection, reads a request of this many bytes and does what it is told. Gives the request.
    fn daemon(&self, length: usize, act: impl FnOnce(UnixStream) + Send + 'static) -> JoinHandle<Vec<u8>> {
        let listener = UnixListener::bind(self.socket()).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; length];
            stream.read_exact(&mut request).unwrap();
            act(stream);
            request
        })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ask(path: &Path, timeout: Duration) -> Result<()> {
    authenticate(path, b"joe", &Secret::from("secret"), timeout)
}

/// What comes of a daemon that answers so, in these pieces.
fn answered(pieces: &[&[u8]]) -> Result<()> {
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let directory = Directory::new();
    let daemon = directory.daemon(REQUEST.len(), move |mut stream| {
        for piece in pieces {
            // The client hangs up as soon as it has enough, so that not every write succeeds.
            let _ = stream.write_all(&piece);
            std::thread::yield_now();
        }
    });
    let result = ask(&directory.0, LONG);
    assert_eq!(daemon.join().unwrap(), REQUEST);
    result
}

#[test]
fn ok_is_yes() {
    for pieces in [&[&b"OK"[..]][..], &[b"O", b"K"], &[b"OK\n"], &[b"OK\0"], &[b"OK come in"]] {
        answered(pieces).unwrap();
    }
    answered(&[b"OK ", &[b'x'; 3000]]).unwrap();
}

#[test]
fn any_other_text_is_a_no_and_is_passed_on() {
    for (answer, expected) in [
        ("Incorrect password", "Incorrect password"),
        ("Userid not found\r\n", "Userid not found"),
        ("OKAY", "OKAY"),
        ("OK2", "OK2"),
        ("ok", "ok"),
        (" OK", " OK"),
        ("O", "O"),
        ("a\nb\x1b[2J\0c", "a?b?[2J?c"),
        ("\n", REFUSED),
    ] {
        let error = answered(&[answer.as_bytes()]).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::BadAuth, expected), "{answer:?}");
    }
    let error = answered(&[&[0xff; 3000]]).unwrap_err();
    assert_eq!((error.code(), error.detail().chars().count()), (Code::BadAuth, MESSAGE_MAX));
}

#[test]
fn no_answer_is_a_failure() {
    let error = answered(&[]).unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert!(error.detail().ends_with(": it closed the connection without one"), "{error}");
    // Silent; and after a part, which may go on to be another word.
    for part in [&b""[..], b"OK"] {
        let directory = Directory::new();
        let daemon = directory.daemon(REQUEST.len(), move |mut stream| {
            stream.write_all(part).unwrap();
            let _ = stream.read(&mut [0]);
        });
        let begin = Instant::now();
        let error = ask(&directory.socket(), SHORT).unwrap_err();
        assert!(begin.elapsed() < LONG / 2);
        assert_eq!(error.code(), Code::Fail);
        assert!(error.detail().ends_with("no answer within 200ms"), "{error}");
        daemon.join().unwrap();
    }
}

#[test]
fn no_daemon_is_a_failure_that_names_the_socket() {
    let directory = Directory::new();
    for path in [directory.socket(), directory.0.clone()] {
        let error = ask(&path, LONG).unwrap_err();
        let start = format!("cannot connect to pwcheck server at {} as uid ", directory.socket().display());
        assert_eq!(error.code(), Code::Fail);
        let expected = format!("{start}{}: No such file or directory (os error 2)", env::effective_uid());
        assert_eq!(error.detail(), expected);
    }
}

#[test]
fn requests_are_as_long_as_the_daemon_reads() {
    let directory = Directory::new();
    let longest = "x".repeat(MESSAGE_MAX - 5);
    let daemon = directory.daemon(MESSAGE_MAX, |mut stream| stream.write_all(b"OK").unwrap());
    authenticate(&directory.socket(), b"joe", &Secret::from(&*longest), LONG).unwrap();
    assert_eq!(daemon.join().unwrap(), format!("joe\0{longest}\0").as_bytes());
    let longer = Secret::from(&*format!("{longest}x"));
    let error = authenticate(Path::new("/nowhere"), b"joe", &longer, LONG).unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert!(error.detail().starts_with("Request too big"), "{error}");
}

#[test]
fn fields_that_are_none_are_refused_before_anything_is_sent() {
    for (user, password) in [(&b""[..], "x"), (b"joe", ""), (b"j\0e", "x"), (b"joe", "a\0b")] {
        let error = authenticate(Path::new("/nowhere"), user, &Secret::from(password), LONG).unwrap_err();
        assert_eq!(error.code(), Code::BadAuth, "{user:?} {password:?}");
    }
}
