use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use super::*;
use crate::error::Code;
use crate::sys::env;

const REQUEST: Request<'static> = Request { user: b"joe", password: b"pass\0word", service: b"smtp", realm: b"" };
const REQUEST_BYTES: &[u8] = b"\0\x03joe\0\x09pass\0word\0\x04smtp\0\0";
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

/// A directory of its own for each test, gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("oxisasl-saslauthd-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn mux(&self) -> PathBuf {
        self.0.join("mux")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A daemon that takes one connection, reads a request of this many bytes and does what it is told. Gives the request.
fn daemon(directory: &Directory, length: usize, act: impl FnOnce(UnixStream) + Send + 'static) -> JoinHandle<Vec<u8>> {
    let listener = UnixListener::bind(directory.mux()).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; length];
        stream.read_exact(&mut request).unwrap();
        act(stream);
        request
    })
}

/// What comes of a daemon that sends these pieces and closes.
fn answered(name: &str, pieces: &[&[u8]]) -> Result<()> {
    let pieces: Vec<_> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let directory = Directory::new(name);
    let daemon = daemon(&directory, REQUEST_BYTES.len(), move |mut stream| {
        for piece in pieces {
            // The client hangs up as soon as it knows, so that not every write succeeds.
            let _ = stream.write_all(&piece);
            std::thread::yield_now();
        }
    });
    let result = authenticate(&directory.mux(), &REQUEST, LONG);
    assert_eq!(daemon.join().unwrap(), REQUEST_BYTES);
    result
}

#[test]
fn ok_is_yes() {
    for pieces in [&[&b"\0\x02OK"[..]][..], &[b"\0", b"\x02", b"O", b"K"], &[b"\0\x0bOK any text"], &[b"\0\x02OKNO"]] {
        answered("ok", pieces).unwrap();
    }
}

#[test]
fn no_is_no() {
    for pieces in [&[&b"\0\x02NO"[..]][..], &[b"\0\x15", b"NO Incorrect password"], &[b"\0\x02NOOK"]] {
        let error = answered("no", pieces).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::BadAuth, "authentication failed"));
    }
}

#[test]
fn anything_else_is_a_failure() {
    for pieces in [
        &[&b""[..]][..],
        &[b"\0"],
        &[b"\0\x02"],
        &[b"\0\x02O"],
        &[b"\0\x03OK"],
        &[b"\0\0"],
        &[b"\0\x01O"],
        &[b"\0\x04OKAY"],
        &[b"\0\x02ok"],
        &[b"\0\x03 OK"],
        &[b"OK"],
        &[b"HTTP/1.0 400 Bad Request\r\n\r\n"],
        &[&[0xff; 3000]],
    ] {
        let error = answered("garbage", pieces).unwrap_err();
        assert!(matches!(error.code(), Code::Fail | Code::BadAuth), "{pieces:?}");
        assert!(error.detail().contains("bad response from saslauthd"), "{pieces:?}: {error}");
        assert!(error.detail().contains(&format!("/mux as uid {}: ", env::effective_uid())), "{error}");
    }
}

#[test]
fn the_longest_answer_and_the_longest_fields_pass() {
    let directory = Directory::new("long");
    let field = vec![b'x'; FIELD_MAX];
    let request = Request { user: &field, password: &field, service: &field, realm: &field };
    let daemon = daemon(&directory, 4 * (2 + FIELD_MAX), |mut stream| {
        let mut answer = vec![b' '; 2 + FIELD_MAX];
        answer[..4].copy_from_slice(b"\xff\xffOK");
        stream.write_all(&answer).unwrap();
    });
    authenticate(&directory.mux(), &request, LONG).unwrap();
    daemon.join().unwrap();
}

#[test]
fn longer_fields_are_refused_before_anything_is_sent() {
    let field = vec![b'x'; FIELD_MAX + 1];
    for (name, request) in [
        ("user name", Request { user: &field, ..REQUEST }),
        ("password", Request { password: &field, ..REQUEST }),
        ("service", Request { service: &field, ..REQUEST }),
        ("realm", Request { realm: &field, ..REQUEST }),
    ] {
        let error = authenticate(Path::new("/nowhere"), &request, LONG).unwrap_err();
        assert_eq!(error.code(), Code::Fail);
        assert_eq!(error.detail(), format!("saslauthd request too large: the {name} has more than 65535 bytes"));
    }
}

/// A directory that takes an empty password for an anonymous bind would say yes.
#[test]
fn empty_passwords_are_refused_before_anything_is_sent() {
    let error = authenticate(Path::new("/nowhere"), &Request { password: b"", ..REQUEST }, LONG).unwrap_err();
    assert_eq!(error.code(), Code::BadAuth);
}

#[test]
fn silence_ends_with_the_timeout() {
    // Silent at once; after a part; and with a byte now and then, which must not start the clock again.
    type Act = fn(&mut UnixStream);
    let acts: [(&str, Act); 3] = [
        ("silent", |_| ()),
        ("partly", |stream| stream.write_all(b"\0\x02O").unwrap()),
        ("trickle", |stream| {
            while stream.write_all(b"\0").is_ok() {
                std::thread::sleep(SHORT / 4);
            }
        }),
    ];
    for (name, act) in acts {
        let directory = Directory::new(name);
        let daemon = daemon(&directory, REQUEST_BYTES.len(), move |mut stream| {
            if name == "trickle" {
                stream.write_all(b"\xff\xff").unwrap();
            }
            act(&mut stream);
            // Until the client has given up.
            let _ = stream.read(&mut [0]);
        });
        let begin = Instant::now();
        let error = authenticate(&directory.mux(), &REQUEST, SHORT).unwrap_err();
        assert!(begin.elapsed() < LONG / 2, "{name}: {:?}", begin.elapsed());
        assert_eq!(error.code(), Code::Fail);
        assert!(error.detail().ends_with("no answer within 200ms"), "{name}: {error}");
        daemon.join().unwrap();
    }
}

#[test]
fn a_daemon_that_does_not_read_ends_with_the_timeout() {
    let directory = Directory::new("unread");
    let listener = UnixListener::bind(directory.mux()).unwrap();
    let field = vec![b'x'; FIELD_MAX];
    let request = Request { user: &field, password: &field, service: &field, realm: &field };
    let begin = Instant::now();
    let error = authenticate(&directory.mux(), &request, SHORT).unwrap_err();
    assert!(begin.elapsed() < LONG / 2);
    assert!(error.detail().contains("no answer within 200ms"), "{error}");
    drop(listener);
}

#[test]
fn a_daemon_that_hangs_up_unread_is_a_failure() {
    let directory = Directory::new("hangup");
    let listener = UnixListener::bind(directory.mux()).unwrap();
    let daemon = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let error = authenticate(&directory.mux(), &REQUEST, LONG).unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    daemon.join().unwrap();
}

#[test]
fn no_daemon_is_a_failure_that_names_the_socket() {
    let uid = env::effective_uid();
    let directory = Directory::new("none");
    let check = |path: &Path, shown: &Path, expected: &str| {
        let error = authenticate(path, &REQUEST, LONG).unwrap_err();
        assert_eq!(error.code(), Code::Fail);
        let shown = shown.display();
        let expected = format!("cannot connect to saslauthd server at {shown} as uid {uid}: {expected}");
        assert_eq!(error.detail(), expected);
    };
    let mux = directory.mux();
    check(&mux, &mux, "No such file or directory (os error 2)");
    check(&directory.0, &mux, "No such file or directory (os error 2)");
    drop(UnixListener::bind(&mux).unwrap());
    check(&mux, &mux, "Connection refused (os error 111)");
    check(&directory.0, &mux, "Connection refused (os error 111)");
    let long = Path::new("/").join("x".repeat(107));
    check(&long, &long, "the path is longer than 107 bytes");
}

#[test]
fn a_directory_stands_for_its_socket() {
    let directory = Directory::new("directory");
    let daemon = daemon(&directory, REQUEST_BYTES.len(), |mut stream| stream.write_all(b"\0\x02OK").unwrap());
    authenticate(&directory.0, &REQUEST, LONG).unwrap();
    daemon.join().unwrap();
}

/// Cyrus SASL's daemon, which asks an IMAP server of this test whether the password is right.
struct Stock(Child);

impl Stock {
    const PROGRAM: &str = "/usr/sbin/saslauthd";

    fn start(directory: &Directory, imap: u16) -> Self {
        let mut child = Command::new("setsid")
            .args([Self::PROGRAM, "-d", "-n", "1", "-a", "rimap", "-O", &format!("127.0.0.1/{imap}"), "-m"])
            .arg(&directory.0)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("acquired accept lock") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "saslauthd ended before it was ready");
        }
        std::thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        Stock(child)
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An IMAP server that knows one password.
fn imap_server() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while let Some(Ok(line)) = lines.next() {
                let tag = line.split(' ').next().unwrap_or_default();
                if line.contains("LOGIN \"stop\"") {
                    return;
                }
                let good = line.ends_with("LOGIN \"joe\" \"sesame\"") || !line.contains("LOGIN");
                let answer = if good { "OK done" } else { "NO wrong" };
                if stream.write_all(format!("{tag} {answer}\r\n").as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (port, server)
}

#[test]
fn the_stock_daemon_understands_and_is_understood() {
    if !Path::new(Stock::PROGRAM).exists() {
        eprintln!("skipped: {} is not installed", Stock::PROGRAM);
        return;
    }
    let directory = Directory::new("stock");
    let (port, imap) = imap_server();
    let stock = Stock::start(&directory, port);
    let ask = |user, password, path: &Path| {
        let request = Request { user, password, service: b"imap", realm: b"" };
        authenticate(path, &request, LONG).map_err(|error| error.code())
    };
    assert_eq!(ask(b"joe", b"sesame", &directory.mux()), Ok(()));
    assert_eq!(ask(b"joe", b"sesame", &directory.0), Ok(()));
    assert_eq!(ask(b"joe", b"sesam", &directory.mux()), Err(Code::BadAuth));
    assert_eq!(ask(b"jo", b"sesame", &directory.mux()), Err(Code::BadAuth));
    assert_eq!(ask(b"", b"sesame", &directory.mux()), Err(Code::BadAuth));
    assert_eq!(ask(b"joe", &[b'x'; 300], &directory.mux()), Err(Code::BadAuth));
    let _ = ask(b"stop", b"stop", &directory.mux());
    drop(stock);
    imap.join().unwrap();
}
