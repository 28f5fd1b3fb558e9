//! `saslpasswd2`, `sasldblistusers2` and `testsaslauthd` beside Debian's: the same command lines, the same statuses, and
//! each reads what the other wrote.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use common::base::{Ran, TempDir, must, run, set_mode};
use common::pty::Pty;
use common::{SASLDBLISTUSERS2, SASLPASSWD2, TESTSASLAUTHD, told};
use oxisasl::config::ConfigFile;
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::{Code, Server, ServerParams};

const DEBIANS: &str = "/usr/sbin/saslpasswd2";
const DEBIANS_LIST: &str = "/usr/sbin/sasldblistusers2";
const DEBIANS_TEST: &str = "/usr/sbin/testsaslauthd";

/// A directory whose database is `sasldb2`.
fn place() -> (TempDir, PathBuf) {
    let dir = TempDir::new("tools2");
    let file = dir.join("sasldb2");
    (dir, file)
}

/// Runs a tool on this database. Configurations are looked for beside it.
fn on(database: &Path, tool: &str, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
    let mut command = Command::new(tool);
    command.env("SASL_CONF_PATH", database.parent().expect("a directory")).arg("-f").arg(database).args(arguments);
    run(&mut command, input.as_ref())
}

/// What a server says to a password that the database should have.
fn check(database: &Path, user: &str, password: &str) -> Result<(), Code> {
    let options = format!("sasldb_path: {}\n", database.display());
    let options = ConfigFile::parse("check.conf".as_ref(), options.as_bytes()).expect("options");
    let server = Arc::new(Server::new("check").options(options).store(Sasldb::new()));
    let session = server.session(ServerParams::new("smtp").fqdn("rig.test")).expect("a session");
    session.check_password(user.as_bytes(), &password.into()).map_err(|error| error.code())
}

fn list(tool: &str, database: &Path) -> Vec<String> {
    let ran = run(Command::new(tool).arg("-f").arg(database), b"");
    assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "{tool}");
    let mut lines: Vec<_> = ran.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn both_change_one_berkeley_db_file() {
    let (_dir, file) = place();
    let set = |tool: &str, user: &str, password: &str| {
        let ran = on(&file, tool, &["-p", "-c", "-u", "rig.test", user], password);
        assert_eq!(told(&ran), (Some(0), "", ""), "{tool} {user}");
        assert_eq!(check(&file, &format!("{user}@rig.test"), password), Ok(()), "{tool} {user}");
        assert_eq!(check(&file, &format!("{user}@rig.test"), "wrong"), Err(Code::BadAuth), "{tool} {user}");
    };
    set(DEBIANS, "alice", "first");
    set(SASLPASSWD2, "alice", "second");
    set(SASLPASSWD2, "bob", "third");
    set(DEBIANS, "bob", "fourth");
    assert_eq!(list(SASLDBLISTUSERS2, &file), list(DEBIANS_LIST, &file));
    assert!(list(DEBIANS_LIST, &file).contains(&"bob@rig.test: userPassword".to_owned()));
    for (tool, user) in [(SASLPASSWD2, "bob"), (DEBIANS, "alice")] {
        assert_eq!(told(&on(&file, tool, &["-d", "-u", "rig.test", user], "")), (Some(0), "", ""));
        assert_eq!(check(&file, &format!("{user}@rig.test"), "fourth"), Err(Code::NoUser));
    }
}

/// Command lines that end alike, but for the words on standard error, which only begin alike.
#[test]
fn they_end_alike() {
    let (_stock_dir, stocks) = place();
    let (dir, ours) = place();
    for file in [&stocks, &ours] {
        fs::write(file.with_file_name("other.conf"), format!("sasldb_path: {}-other\n", file.display()))
            .expect("write");
    }
    let nul = "a\0b";
    let long = "x".repeat(2000);
    for (arguments, input) in [
        (&["-p", "-c", "-u", "rig.test", "alice"][..], "secret"),
        (&["-c", "-u", "rig.test", "alice"], "secret\n"),
        (&["-u", "rig.test", "alice"], "other"),
        (&["-pcurig.test", "carol"], "secret"),
        (&["-p", "-c", "-u", "ignored.test", "dave@named.test"], "secret"),
        (&["-p", "-c", "-u", "rig.test", "long"], &long),
        (&["-p", "-c", "-u", "rig.test", "empty"], ""),
        (&["-p", "-c", "-u", "rig.test", "empty"], "\n"),
        (&["-p", "-c", "-u", "rig.test", "\u{fc}mlaut"], "p\u{e4}ss"),
        (&["-d", "-u", "rig.test", "alice"], ""),
        (&["-d", "-u", "rig.test", "nobody"], ""),
        (&["-c", "-d", "-u", "rig.test", "alice"], ""),
        (&["-a", "other", "-p", "-c", "-u", "rig.test", "eve"], "secret"),
        (&["-a", "../other", "-p", "-c", "eve"], "secret"),
        (&["-p", "-c", "-u", "rig.test"], "secret"),
        (&["-p", "-c", "alice", "bob"], "secret"),
        (&["-x"], ""),
        (&["-v"], ""),
        (&["-v", "-d", "-c"], ""),
    ] {
        let [stock, our] =
            [(&stocks, DEBIANS), (&ours, SASLPASSWD2)].map(|(file, tool)| on(file, tool, arguments, input));
        assert_eq!(our.status.code(), stock.status.code(), "{arguments:?}: {our:?} {stock:?}");
        assert_eq!(our.stdout, stock.stdout, "{arguments:?}");
        assert_eq!(our.stderr.is_empty(), stock.stderr.is_empty(), "{arguments:?}: {our:?} {stock:?}");
        let first =
            |ran: &Ran| ran.stderr.lines().find(|line| line.starts_with("saslpasswd2: ")).unwrap_or("").to_owned();
        if !first(&stock).contains("usage:") {
            assert!(first(&our).starts_with(&first(&stock)), "{arguments:?}: {our:?} {stock:?}");
        }
    }
    // Where Debian's takes the password up to the NUL, which nobody meant.
    let ran = on(&ours, SASLPASSWD2, &["-p", "-c", "-u", "rig.test", "nul"], nul);
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    // They have made the same users.
    let users = |lines: Vec<String>| {
        let mut users: Vec<_> =
            lines.iter().filter_map(|line| line.split_once(':')).map(|(user, _)| user.to_owned()).collect();
        users.dedup();
        users
    };
    assert_eq!(users(list(SASLDBLISTUSERS2, &ours)), users(list(DEBIANS_LIST, &stocks)));
    for (user, password) in [("carol@rig.test", "secret"), ("dave@named.test", "secret"), ("long@rig.test", &*long)] {
        assert_eq!(check(&ours, user, password), Ok(()), "{user}");
    }
    drop(dir);
}

#[test]
fn no_password_is_in_a_new_database() {
    let (_dir, file) = place();
    for (user, arguments) in [("alice", &["-p", "-c"][..]), ("nina", &["-p", "-c", "-n"])] {
        let arguments = [arguments, &["-u", "rig.test", user]].concat();
        assert_eq!(told(&on(&file, SASLPASSWD2, &arguments, "correct horse")), (Some(0), "", ""));
        assert_eq!(check(&file, &format!("{user}@rig.test"), "correct horse"), Ok(()));
    }
    let bytes = fs::read(&file).expect("the database");
    assert!(!bytes.windows(13).any(|window| window == b"correct horse"));
    // It is there when an option asks for it, but not with -n.
    fs::write(file.with_file_name("saslpasswd.conf"), "password_storage: plaintext\n").expect("write");
    for (arguments, kept) in [(&["-n"][..], false), (&[], true)] {
        let arguments = [arguments, &["-p", "-c", "-u", "rig.test", "paul"]].concat();
        assert_eq!(on(&file, SASLPASSWD2, &arguments, "battery staple").status.code(), Some(0));
        let bytes = fs::read(&file).expect("the database");
        assert_eq!(bytes.windows(14).any(|window| window == b"battery staple"), kept, "{arguments:?}");
    }
}

#[test]
fn what_is_wrong_is_told_before_a_password_is_asked_for() {
    let (dir, file) = place();
    let ran = on(Path::new("/nonexistent/sasldb2"), SASLPASSWD2, &["-p", "-c", "alice"], "secret");
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stderr.starts_with("saslpasswd2: generic failure: /nonexistent/sasldb2: "), "{ran:?}");
    let notes = dir.write("notes", "my notes\n");
    let ran = on(&notes, SASLPASSWD2, &["-p", "-c", "alice"], "secret");
    assert_eq!((ran.status.code(), fs::read(&notes).expect("notes")), (Some(1), b"my notes\n".to_vec()));
    assert!(ran.stderr.contains(&notes.display().to_string()), "{ran:?}");

    dir.write("saslpasswd.conf", "sasldb_path /etc/elsewhere\n");
    let mut pty = Pty::run(Command::new(SASLPASSWD2).env("SASL_CONF_PATH", dir.path()).args(["-c", "alice"]));
    assert_eq!(pty.wait().code(), Some(1));
    assert!(pty.screen().contains("saslpasswd.conf:1: expected a colon"), "{}", pty.screen());
    assert!(!pty.screen().contains("Password:"), "{}", pty.screen());
    assert!(!file.exists());
}

#[test]
fn at_a_terminal_it_asks_twice() {
    let (_dir, file) = place();
    let run = |first: &str, second: &str| {
        let mut command = Command::new(SASLPASSWD2);
        let mut pty = Pty::run(command.arg("-f").arg(&file).args(["-c", "-u", "rig.test", "tom"]));
        pty.answer("Password: ", first);
        pty.answer("Again (for verification): ", second);
        (pty.wait().code(), pty.screen())
    };
    assert_eq!(run("secret", "secret"), (Some(0), "Password: \nAgain (for verification): \n".to_owned()));
    let (status, screen) = run("secret", "secert");
    assert_eq!(status, Some(7));
    assert!(screen.ends_with("saslpasswd2: passwords don't match; aborting\n"), "{screen}");
    assert_eq!(check(&file, "tom@rig.test", "secret"), Ok(()));
}

#[test]
fn lists_are_for_people_and_for_programs() {
    let (dir, file) = place();
    assert_eq!(on(&file, SASLPASSWD2, &["-p", "-c", "-u", "rig.test", "q\"\u{fc}\n"], "secret").status.code(), Some(0));
    let lines = list(SASLDBLISTUSERS2, &file);
    assert!(lines.iter().all(|line| line.starts_with("q\"\u{fc}\\x0a@rig.test: ")), "{lines:?}");
    let ran = run(Command::new(SASLDBLISTUSERS2).arg("--json").arg(&file), b"");
    let list: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let list = list.as_array().expect("an array");
    assert_eq!(list.len(), lines.len());
    for entry in list {
        assert_eq!((&entry["user"], &entry["realm"]), (&"q\"\u{fc}\\x0a".into(), &"rig.test".into()));
    }
    assert!(list.iter().any(|entry| entry["property"] == "cmusaslsecretCRAM-MD5"), "{list:?}");
    // One without users.
    on(&file, SASLPASSWD2, &["-d", "-u", "rig.test", "q\"\u{fc}\n"], "");
    assert_eq!(must(Command::new(SASLDBLISTUSERS2).arg("--json").arg(&file)), "[]\n");
    // It cannot be read: both say so, and end well unless asked to be strict.
    let garbage = dir.write("garbage", "not a database\n");
    for path in [&garbage, &dir.join("absent")] {
        let stock = run(Command::new(DEBIANS_LIST).arg("-f").arg(path), b"");
        let ours = run(Command::new(SASLDBLISTUSERS2).arg("-f").arg(path), b"");
        assert_eq!((ours.status.code(), &*ours.stdout), (stock.status.code(), ""), "{stock:?}");
        assert!(
            stock.stderr.ends_with("listusers failed\n") && ours.stderr.ends_with("listusers failed\n"),
            "{ours:?}"
        );
        assert!(ours.stderr.contains(&path.display().to_string()), "{ours:?}");
        assert_eq!(run(Command::new(SASLDBLISTUSERS2).arg("--strict").arg(path), b"").status.code(), Some(1));
    }
    for arguments in [&["-x"][..], &["-f", "a", "b"], &["-v"]] {
        let [stock, ours] = [DEBIANS_LIST, SASLDBLISTUSERS2].map(|tool| run(Command::new(tool).args(arguments), b""));
        assert_eq!(ours.status.code(), stock.status.code(), "{arguments:?}: {ours:?} {stock:?}");
    }
}

/// A daemon that lets alice in with `secret` for the service imap and no realm.
fn daemon(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket");
    set_mode(socket, 0o777);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut field = || {
                let mut length = [0; 2];
                stream.read_exact(&mut length).ok()?;
                let mut text = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut text).ok().map(|()| text)
            };
            let fields: Vec<_> = (0..4).map_while(|_| field()).collect();
            let answer: &[u8] = match fields.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
                [b"alice", b"secret", b"imap", b""] => b"\0\x02OK",
                _ => b"\0\x02NO",
            };
            let _ = stream.write_all(answer);
        }
    });
}

#[test]
fn both_ask_the_daemon_the_same() {
    let dir = TempDir::new("tools2");
    let socket = dir.join("mux");
    daemon(&socket);
    let path = socket.to_str().expect("a path of text");
    let absent = dir.join("absent");
    let absent = absent.to_str().expect("a path of text");
    for arguments in [
        &["-u", "alice", "-p", "secret", "-f", path][..],
        &["-u", "alice", "-p", "secret", "-f", path, "-R", "3"],
        &["-u", "alice", "-p", "wrong", "-f", path],
        &["-u", "alice", "-p", "secret", "-s", "smtp", "-f", path],
        &["-u", "alice", "-p", "secret", "-r", "r", "-f", path],
        &["-u", "alice", "-p", "secret", "-f", absent],
        &["-p", "secret"],
        &["-x"],
    ] {
        let [stock, ours] = [DEBIANS_TEST, TESTSASLAUTHD].map(|tool| run(Command::new(tool).args(arguments), b""));
        assert_eq!(ours.status.code(), stock.status.code(), "{arguments:?}: {ours:?} {stock:?}");
        // Debian's begins a line before it knows what there is to tell.
        let stdout = if stock.stdout == "0: " { "" } else { &*stock.stdout };
        assert_eq!(ours.stdout, stdout, "{arguments:?}: {ours:?} {stock:?}");
    }
    let ran = run(Command::new(TESTSASLAUTHD).args(["-u", "alice", "-f", path]), b"secret\n");
    assert_eq!(told(&ran), (Some(0), "0: OK \"Success.\"\n", ""));
    let ran = run(Command::new(TESTSASLAUTHD).args(["-u", "alice", "-p", "secret", "-f", absent]), b"");
    assert!(ran.stderr.contains(absent), "{ran:?}");
}
