//! What the engine says of the password verifiers for accounts: without root's rights, and on whatever system this is.

use std::sync::{Arc, Mutex};

use oxisasl::log::{Level, Log};
use oxisasl::{Code, Secret, Server, ServerParams, ServerSession};

/// Keeps the lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Log for Lines {
    fn log(&self, _: Level, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

fn session(method: &'static str, log: &Lines) -> ServerSession {
    let server = Server::new("test").options([("pwcheck_method", method), ("pwcheck_path", "/nonexistent")]);
    let server = Arc::new(server.log(log.clone()));
    server.session(ServerParams::new("oxisasl-test").fqdn("host.example.com")).unwrap()
}

const METHODS: [&str; 7] = ["pam", "shadow", "passwd", "pwcheck", "kerberos_v4", "kerberos_v5", "sia"];

#[test]
fn whether_a_user_exists_is_said_where_it_can_be_known() {
    let exists = |method, user: &[u8]| {
        let result = session(method, &Lines::default()).user_exists(user, None, None);
        result.map_err(|error| error.code())
    };
    for method in ["shadow", "passwd"] {
        assert_eq!(exists(method, b"root"), Ok(()));
        assert_eq!(exists(method, b"oxisasl-nobody"), Err(Code::NoUser));
        assert_eq!(exists(method, b"ro\0ot"), Err(Code::NoUser));
        assert_eq!(exists(method, b""), Err(Code::NoUser));
    }
    for method in ["pam", "pwcheck"] {
        assert_eq!(exists(method, b"root"), Err(Code::NoVerify));
    }
    for method in ["kerberos_v4", "kerberos_v5", "sia"] {
        assert_eq!(exists(method, b"root"), Err(Code::NoMech));
    }
}

/// The names are nobody's: a module may count the failures of those that there are. Each waits for its pause on its own.
#[test]
fn nobody_gets_in_and_no_line_of_the_log_has_the_password() {
    let log = Lines::default();
    let attempt = |method: &'static str, user: &[u8]| {
        for password in [&b""[..], b"\0", b"hunter2\0", b"\0hunter2", b"hunter2"] {
            let session = session(method, &log);
            assert!(session.check_password(user, &Secret::from(password)).is_err(), "{method} {user:?}");
        }
        let message = [b"\0", user, b"\0hunter2"].concat();
        assert!(session(method, &log).start("PLAIN", Some(&message)).is_err(), "{method} {user:?}");
    };
    std::thread::scope(|scope| {
        for method in METHODS {
            for user in [&b"oxisasl-nobody"[..], b"", b"oxisasl\0nobody", b"nobody\0", b"\xff\xfe", &[b'x'; 9000]] {
                let attempt = &attempt;
                scope.spawn(move || attempt(method, user));
            }
        }
    });
    let lines = log.0.lock().unwrap().join("\n");
    assert!(lines.contains("pwcheck_method sia: this kind of password check exists only on Digital Unix"), "{lines}");
    assert!(!lines.contains("hunter2"), "{lines}");
}

/// A name or password that goes on after a NUL is another one, and is not asked about.
#[test]
fn what_cannot_be_a_name_or_password_is_refused_at_once() {
    for method in ["pam", "shadow", "passwd", "pwcheck"] {
        for (user, password) in [(&b"root"[..], &b""[..]), (b"root", b"a\0b"), (b"ro\0ot", b"x")] {
            let log = Lines::default();
            let error = session(method, &log).check_password(user, &Secret::from(password)).unwrap_err();
            assert_eq!(error.code(), Code::BadAuth, "{method} {user:?} {password:?}: {error}");
            // The daemon is not there, and PAM writes a line for whoever it refuses.
            let lines = log.0.lock().unwrap().join("\n");
            assert!(!lines.contains("pwcheck server") && !lines.contains("PAM refuses"), "{lines}");
        }
    }
}

#[test]
fn an_unknown_word_is_told_those_that_are_of_use() {
    let log = Lines::default();
    let error = session("pan", &log).check_password(b"root", &Secret::from("x")).unwrap_err();
    assert_eq!(error.code(), Code::NoMech);
    let lines = log.0.lock().unwrap().join("\n");
    assert!(lines.contains("unknown password verifier pan in pwcheck_method"), "{lines}");
    assert!(lines.contains("pam, ldap, shadow, passwd, pwcheck") && !lines.contains("kerberos"), "{lines}");
}

#[test]
fn sasldb_is_another_name_of_auxprop() {
    let server = Server::new("test").options([("pwcheck_method", "sasldb")]);
    let server = Arc::new(server.store(oxisasl::store::memory::Memory::new().user("alice", "secret")));
    let check = |password: &str| {
        let session = server.session(ServerParams::new("test").fqdn("host.example.com")).unwrap();
        session.check_password(b"alice", &Secret::from(password)).map_err(|error| error.code())
    };
    assert_eq!(check("secret"), Ok(()));
    assert_eq!(check("wrong"), Err(Code::BadAuth));
}
