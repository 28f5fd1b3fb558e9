//! `pwcheck_method`: who checks the passwords of LOGIN and PLAIN.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::rig::base::{Library, must, set_mode};
use crate::rig::classic;
use crate::rig::sandbox::Sandbox;
use crate::rig::saslauthd::Saslauthd;
use crate::rig::sendmail::{Config, HOST, Server};

use super::site::{TIM, library, listed, refused, start, try_named, with_conf};

/// Accounts of the system, each with the password [`PASSWORD`]; anna is in no group that the recipe allows.
const ACCOUNTS: &[&str] = &["jephe", "anna"];
pub const JEPHE: (&str, &str) = ("jephe", PASSWORD);
const ANNA: (&str, &str) = ("anna", PASSWORD);
const PASSWORD: &str = "my own password";

/// A password as `/etc/shadow` has it.
fn hashed() -> &'static str {
    static HASHED: OnceLock<String> = OnceLock::new();
    HASHED.get_or_init(|| {
        must(Command::new("openssl").args(["passwd", "-6", "-salt", "rigrigrig", PASSWORD])).trim().to_owned()
    })
}

fn append(sandbox: &Sandbox, file: &str, line: &str) {
    let path = sandbox.dir.join(file);
    let opened = OpenOptions::new().append(true).open(&path);
    opened.and_then(|mut f| f.write_all(line.as_bytes())).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// Makes the accounts in the sandbox. The passwords are in `/etc/shadow`, or else in `/etc/passwd` itself.
pub fn make_accounts(sandbox: &Sandbox, shadow: bool) {
    for (number, user) in ACCOUNTS.iter().enumerate() {
        let id = 5001 + number;
        let field = if shadow { "x" } else { hashed() };
        append(sandbox, "etc/passwd", &format!("{user}:{field}:{id}:{id}::/nonexistent:/bin/false\n"));
        append(sandbox, "etc/group", &format!("{user}:x:{id}:\n"));
        if shadow {
            append(sandbox, "etc/shadow", &format!("{user}:{}:20000:0:99999:7:::\n", hashed()));
        }
    }
    append(sandbox, "etc/group", "smtpusers:x:5100:jephe\n");
}

/// Both mechanisms with a password in the clear.
const PLAIN: [&str; 2] = ["LOGIN", "PLAIN"];

fn assert_let_in(server: &Server, who: (&str, &str)) {
    for name in PLAIN {
        assert_eq!(try_named(server, name, who), 235, "{name} {who:?}:\n{}", server.sandbox.log.text_after(0));
    }
}

/// Refused by both; the log gives a code and never the password. Gives the log.
fn assert_refused(server: &Server, who: (&str, &str), reason: &str) -> String {
    let mark = server.sandbox.log.mark();
    for name in PLAIN {
        let mark = server.sandbox.log.mark();
        assert_eq!(try_named(server, name, who), 535, "{name} {who:?}");
        let line = refused(server, mark);
        assert!(line.contains(&format!("AUTH failure ({name}): {reason}")), "{line}");
    }
    let log = server.sandbox.log.text_after(mark);
    assert!(who.1.is_empty() || !log.contains(who.1), "the password is in the log:\n{log}");
    log
}

const NOT: &str = "authentication failure (-13)";
const NOBODY: &str = "user not found (-20)";

fn pam(stack: &'static str) -> Server {
    pam_with("pwcheck_method: pam\n", stack)
}

fn pam_with(conf: &str, stack: &'static str) -> Server {
    Server::start_prepared(&library(), &with_conf(conf), |sandbox| {
        make_accounts(sandbox, true);
        sandbox.dir.write("etc/pam.d/smtp", stack);
        sandbox.dir.write("etc/smtp.users", "jephe\n");
        sandbox.dir.write("etc/smtp.groups", "smtpusers\n");
    })
}

/// The service's stack for PAM, with the module of system accounts. Without `nodelay` a wrong password takes two seconds.
macro_rules! stack {
    ($first:literal) => {
        concat!("#%PAM-1.0\n", $first, "auth required pam_unix.so nodelay\naccount required pam_unix.so\n")
    };
}

#[test]
fn pam_checks_system_accounts() {
    let server = pam(stack!(""));
    assert_eq!(listed(&server), "LOGIN PLAIN");
    assert_let_in(&server, JEPHE);
    assert_let_in(&server, ANNA);
    assert_refused(&server, ("jephe", "not the password"), NOT);
    assert_refused(&server, ("nobody here", PASSWORD), NOT);
    // The name goes to PAM as it is.
    assert_refused(&server, (&format!("jephe@{HOST}"), PASSWORD), NOT);
    // Several attempts on one connection, each with a PAM of its own.
    let mut smtp = super::site::greeted(&server);
    for _ in 0..3 {
        let code = smtp.auth(&mut *super::site::mechanism("LOGIN", "jephe", "not the password"), true).code;
        assert_eq!(code, 535);
    }
    assert_eq!(smtp.auth(&mut *super::site::mechanism("PLAIN", JEPHE.0, JEPHE.1), true).code, 235);
    assert_eq!(smtp.relay("by PAM\r\n").code, 250);
}

#[test]
fn pam_allows_the_users_of_a_list() {
    let server = pam(stack!("auth required pam_listfile.so item=user sense=allow file=/etc/smtp.users onerr=fail\n"));
    assert_let_in(&server, JEPHE);
    assert_refused(&server, ANNA, NOT);
    assert_refused(&server, ("jephe", "not the password"), NOT);
    // The list is read anew for each login.
    server.sandbox.dir.write("etc/smtp.users", "anna\n");
    assert_let_in(&server, ANNA);
    assert_refused(&server, JEPHE, NOT);
    fs::remove_file(server.sandbox.dir.join("etc/smtp.users")).expect("the list");
    let log = assert_refused(&server, ANNA, "generic failure (-1)");
    assert!(log.contains("/etc/smtp.users"), "{log}");
}

#[test]
fn pam_denies_the_users_of_a_list() {
    let server = pam(stack!("auth required pam_listfile.so item=user sense=deny file=/etc/smtp.users onerr=succeed\n"));
    assert_let_in(&server, ANNA);
    assert_refused(&server, JEPHE, NOT);
}

#[test]
fn pam_allows_the_members_of_a_group() {
    let server = pam(stack!("auth required pam_listfile.so item=group sense=allow file=/etc/smtp.groups onerr=fail\n"));
    assert_let_in(&server, JEPHE);
    assert_refused(&server, ANNA, NOT);
}

/// The service is `smtp`: no other file of `/etc/pam.d` counts, but for `other` when there is none.
#[test]
fn the_service_of_pam_is_smtp() {
    let server = pam(stack!(""));
    assert_let_in(&server, JEPHE);
    fs::remove_file(server.sandbox.dir.join("etc/pam.d/smtp")).expect("the service");
    for (name, lets_in) in [("imap", false), ("sendmail", false), ("smtp", true)] {
        server.sandbox.dir.write("etc/pam.d/other", "auth required pam_deny.so\n");
        server.sandbox.dir.write(&format!("etc/pam.d/{name}"), stack!(""));
        let code = if lets_in { 235 } else { 535 };
        assert_eq!(try_named(&server, "LOGIN", JEPHE), code, "{name}");
    }
}

#[test]
fn an_empty_name_or_password_never_reaches_pam() {
    let server = pam("auth required pam_permit.so\n");
    assert_let_in(&server, ("anybody", "anything"));
    for name in PLAIN {
        assert_eq!(try_named(&server, name, ("anybody", "")), 535, "{name}");
        assert_eq!(try_named(&server, name, ("", "anything")), 535, "{name}");
    }
}

#[test]
fn the_methods_name_may_be_in_capitals() {
    for conf in ["pwcheck_method: PAM\n", "pwcheck_method:   Pam\n", "pwcheck_method: pam \n", "PWCHECK_METHOD: pam\n"]
    {
        let server = pam_with(conf, stack!(""));
        assert_let_in(&server, JEPHE);
        assert_refused(&server, ("jephe", "not the password"), NOT);
    }
}

#[test]
fn shadow_checks_system_accounts() {
    let config = with_conf("pwcheck_method: shadow\n");
    let server = Server::start_prepared(&library(), &config, |sandbox| make_accounts(sandbox, true));
    assert_eq!(listed(&server), "LOGIN PLAIN");
    assert_let_in(&server, JEPHE);
    assert_refused(&server, ("jephe", "not the password"), NOT);
    assert_refused(&server, ("jephe", ""), NOT);
    assert_refused(&server, ("nobody here", PASSWORD), NOT);
    assert_refused(&server, (&format!("jephe@{HOST}"), PASSWORD), NOT);
    // A locked account has no password.
    append(&server.sandbox, "etc/shadow", "locked:!:20000:0:99999:7:::\nnone::20000:0:99999:7:::\n");
    for user in ["locked", "none"] {
        for password in ["!", "", "x"] {
            assert_eq!(try_named(&server, "PLAIN", (user, password)), 535, "{user} {password:?}");
        }
    }
}

#[test]
fn passwd_checks_accounts_with_a_password_in_etc_passwd() {
    let config = with_conf("pwcheck_method: passwd\n");
    let server = Server::start_prepared(&library(), &config, |sandbox| make_accounts(sandbox, false));
    assert_let_in(&server, JEPHE);
    assert_refused(&server, ("jephe", "not the password"), NOT);
    assert_refused(&server, ("nobody here", PASSWORD), NOBODY);
    // Those with a shadow password have none here.
    append(&server.sandbox, "etc/passwd", "shade:x:6001:6001::/:/bin/false\nnone::6002:6002::/:/bin/false\n");
    for user in ["shade", "none"] {
        for password in ["x", "", "*"] {
            assert_eq!(try_named(&server, "PLAIN", (user, password)), 535, "{user} {password:?}");
        }
    }
}

/// A daemon as of `pwcheck`: answers each request by what `answer` says, and shows what it was asked.
struct Pwcheck {
    requests: Receiver<Vec<u8>>,
}

impl Pwcheck {
    fn start(dir: &Path, answer: fn(&[u8]) -> &'static [u8]) -> Pwcheck {
        let listener = UnixListener::bind(dir.join("pwcheck")).expect("the daemon's socket");
        set_mode(&dir.join("pwcheck"), 0o777);
        let (sender, requests) = channel();
        // Ends with the process: it holds nothing but its socket.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let request = two_strings(&mut stream);
                let _ = stream.write_all(answer(&request));
                let _ = sender.send(request);
            }
        });
        Pwcheck { requests }
    }
}

/// User and password, each with a NUL at its end.
fn two_strings(stream: &mut UnixStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut byte = [0];
    while all.iter().filter(|b| **b == 0).count() < 2 && stream.read(&mut byte).is_ok_and(|n| n == 1) {
        all.push(byte[0]);
    }
    all
}

/// A command that shows the sandbox's `pwcheck` as `/var/pwcheck`, and runs the rest.
const VAR_PWCHECK: &str = "
    mkdir -p @DIR@/over && mount -t tmpfs over @DIR@/over && mkdir @DIR@/over/upper @DIR@/over/work
    mount -t overlay overlay -o lowerdir=/var,upperdir=@DIR@/over/upper,workdir=@DIR@/over/work /var
    mkdir -p /var/pwcheck && mount --bind @DIR@/pwcheck /var/pwcheck || exit 126
    exec \"$@\"
";

#[test]
fn pwcheck_asks_its_daemon() {
    let wrapper = ["sh", "-c", VAR_PWCHECK, "sh"].map(str::to_owned).to_vec();
    let config = Config { wrapper, ..with_conf("pwcheck_method: pwcheck\n") };
    let server = Server::start_prepared(&library(), &config, |sandbox| {
        sandbox.dir.dir("pwcheck");
    });
    // Nobody is there.
    let log = assert_refused(&server, JEPHE, "generic failure (-1)");
    assert!(log.contains("cannot connect to pwcheck server"), "{log}");

    let daemon = Pwcheck::start(&server.sandbox.dir.join("pwcheck"), |request| match request {
        b"jephe\0my own password\0" => b"OK",
        b"long\0answer\0" => b"OK, you may come in",
        b"silent\0daemon\0" => b"",
        b"nearly\0right\0" => b"O",
        b"small\0letters\0" => b"ok",
        _ => b"Incorrect password",
    });
    assert_let_in(&server, JEPHE);
    assert_eq!(daemon.requests.recv().expect("a request"), b"jephe\0my own password\0");
    assert_let_in(&server, ("long", "answer"));
    let log = assert_refused(&server, ("jephe", "not the password"), NOT);
    assert!(log.contains("Incorrect password"), "{log}");
    for who in [("nearly", "right"), ("small", "letters")] {
        assert_refused(&server, who, NOT);
    }
    assert_refused(&server, ("silent", "daemon"), "generic failure (-1)");
}

#[test]
fn saslauthd_is_asked_as_debian_has_it() {
    let daemon = Saslauthd::start(&Library::stock(), &["-a", "shadow"], |sandbox| make_accounts(sandbox, true));
    let conf = format!("pwcheck_method: saslauthd\nsaslauthd_path: {}\n", daemon.socket.display());
    let server = start(&with_conf(&conf));
    assert_let_in(&server, JEPHE);
    assert_refused(&server, ("jephe", "not the password"), NOT);
    drop(daemon);
    assert_eq!(try_named(&server, "LOGIN", JEPHE), 535, "without the daemon");
}

#[test]
fn methods_that_are_none_are_logged_by_name() {
    for method in ["bogus", "auxpro", "pam,shadow"] {
        let server = start(&with_conf(&format!("pwcheck_method: {method}\n")));
        assert_eq!(listed(&server), "LOGIN PLAIN");
        let log = assert_refused(&server, TIM, "no mechanism available (-4)");
        assert!(log.contains(&format!("unrecognized plaintext verifier {method} ")), "{log}");
    }
}

#[test]
fn methods_of_other_systems_are_refused_with_a_reason() {
    for method in ["kerberos_v4", "sia", "KERBEROS_V4"] {
        let server = start(&with_conf(&format!("pwcheck_method: {method}\n")));
        let log = assert_refused(&server, TIM, "");
        let named = log.lines().find(|l| l.to_lowercase().contains(&method.to_lowercase()));
        let line = named.unwrap_or_else(|| panic!("{method} is not named in:\n{log}"));
        assert!(!line.contains("unrecognized"), "{line}");
    }
}

/// The other mechanisms do not care who checks passwords.
#[test]
fn the_database_serves_beside_any_method() {
    let conf = Some("pwcheck_method: shadow\nsasldb_path: @DIR@/sasldb\n".to_owned());
    let config = Config { library_conf: conf, ..classic::config() };
    let server = Server::start_prepared(&library(), &config, |sandbox| make_accounts(sandbox, true));
    assert_eq!(listed(&server), classic::MECHANISMS);
    for (name, tim, jephe) in
        [("LOGIN", 535, 235), ("PLAIN", 535, 235), ("CRAM-MD5", 235, 535), ("DIGEST-MD5", 235, 535)]
    {
        assert_eq!(try_named(&server, name, TIM), tim, "{name}");
        assert_eq!(try_named(&server, name, JEPHE), jephe, "{name}");
    }
}
