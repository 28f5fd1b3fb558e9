//! `saslpasswd` without a terminal: its command line, what it stores, what it says and its exit statuses.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use common::base::{PATIENCE, Ran, run, set_mode, wait_until};
use common::{Place, REALM, SASLPASSWD, USAGE, lines, login, told};
use oxisasl::Code;
use oxisasl::store::sasldb::SasldbFile;

const EMPTY: &str = "saslpasswd: invalid parameter supplied: Password must be at least one character long\n";

#[test]
fn what_it_stores_lets_users_in_by_every_mechanism() {
    let place = Place::new();
    let database = place.database();
    // -c makes users, also in a database that is not there yet, and changes those that are there.
    place.set("jephe", "first");
    login::assert_password(&database, "jephe", "first");
    place.set("jephe", "second");
    login::assert_password(&database, "jephe", "second");
    // So it goes without.
    for (user, password) in [("jephe", "third"), ("other", "fourth")] {
        let ran = place.saslpasswd(&["-u", REALM, user], password);
        assert_eq!(told(&ran), (Some(0), "", ""));
        login::assert_password(&database, user, password);
    }
    login::assert_password(&database, "jephe", "third");
    assert_eq!(place.list(), lines(&["jephe", "other"]));

    let file = SasldbFile::open(&database).expect("the database");
    let length = |mechanism: &str| file.get("jephe", REALM, mechanism).expect("read").map(|value| value.expose().len());
    assert_eq!(["PLAIN", "CRAM-MD5", "DIGEST-MD5"].map(length), [Some(33), Some(32), Some(16)]);
    let marker = |mechanism: &str| file.get("", "", mechanism).expect("read").map(|value| value.expose().to_vec());
    assert_eq!(["CRAM-MD5", "DIGEST-MD5"].map(marker), [Some(vec![0, 0, 0, 3]), Some(vec![0, 0, 0, 3])]);
}

#[test]
fn a_user_who_is_removed_is_gone() {
    let place = Place::new();
    let remove = |user: &str| place.saslpasswd(&["-d", "-u", REALM, user], "");
    let unknown = |ran: &Ran| ran.status.code() == Some(20) && ran.stderr.starts_with("saslpasswd: user not found");
    assert!(unknown(&remove("jephe")));
    assert!(!place.database().exists());
    place.set("jephe", "secret");
    place.set("other", "secret");
    assert_eq!(told(&remove("jephe")), (Some(0), "", ""));
    assert_eq!(place.list(), lines(&["other"]));
    for mechanism in ["PLAIN", "CRAM-MD5", "DIGEST-MD5"] {
        let refused = login::by(mechanism, &place.database(), "jephe", "secret").expect_err(mechanism);
        assert_eq!(refused.code(), Code::NoUser, "{mechanism}");
    }
    assert!(unknown(&remove("jephe")));
    assert!(unknown(&place.saslpasswd(&["-d", "-u", "other.realm", "other"], "")));
    login::assert_password(&place.database(), "other", "secret");
}

#[test]
fn the_realm_is_that_of_the_option_or_the_host() {
    let place = Place::new();
    let host = run(Command::new("uname").arg("-n"), b"").stdout;
    let host = host.trim();
    assert_eq!(told(&place.saslpasswd(&["-c", "jephe"], "secret")), (Some(0), "", ""));
    // The name is taken whole, whatever is in it.
    assert_eq!(told(&place.saslpasswd(&["-c", "-u", "r", "a@b"], "secret")), (Some(0), "", ""));
    let mut expected = Vec::new();
    for mechanism in ["CRAM-MD5", "DIGEST-MD5", "PLAIN"] {
        expected.push(format!("user: jephe realm: {host} mech: {mechanism}"));
        expected.push(format!("user: a@b realm: r mech: {mechanism}"));
    }
    expected.sort();
    assert_eq!(place.list(), expected);
}

#[test]
fn without_a_realm_everything_but_digest_md5_is_stored() {
    let place = Place::new();
    let ran = place.saslpasswd(&["-c", "-u", "", &format!("jephe@{REALM}")], "secret");
    assert_eq!(ran.status.code(), Some(6), "{ran:?}");
    assert!(ran.stderr.starts_with("saslpasswd: can't request info until later in exchange"), "{ran:?}");
    assert!(ran.stderr.contains("DIGEST-MD5") && ran.stderr.contains("-u"), "{ran:?}");
    let stored = ["CRAM-MD5", "PLAIN"].map(|mechanism| format!("user: jephe realm: {REALM} mech: {mechanism}"));
    assert_eq!(place.list(), stored);
    for mechanism in ["PLAIN", "CRAM-MD5"] {
        login::by(mechanism, &place.database(), "jephe", "secret").expect(mechanism);
    }
    // A secret of DIGEST-MD5 that was there is that of the old password.
    place.set("other", "old");
    assert_eq!(place.saslpasswd(&["-u", "", &format!("other@{REALM}")], "new").status.code(), Some(6));
    login::by("CRAM-MD5", &place.database(), "other", "new").expect("the new password");
    let refused = login::by("DIGEST-MD5", &place.database(), "other", "old").expect_err("the old password");
    assert_eq!(refused.code(), Code::NoUser);
}

#[test]
fn one_line_end_does_not_count() {
    let place = Place::new();
    for (typed, stored) in [
        ("secret", "secret"),
        ("secret\n", "secret"),
        ("secret\n\n", "secret\n"),
        (" a b ", " a b "),
        ("a\r\n", "a\r"),
        ("two\nlines", "two\nlines"),
        ("p\u{e4}ss\u{20ac}", "p\u{e4}ss\u{20ac}"),
        ("%s%n", "%s%n"),
        ("\x7f\x1b", "\x7f\x1b"),
        (&format!("{}\n", "x".repeat(2048)), &"x".repeat(2048)),
    ] {
        for options in [&["-u", REALM, "jephe"][..], &["-p", "-u", REALM, "jephe"]] {
            let ran = place.saslpasswd(options, typed);
            assert_eq!(told(&ran), (Some(0), "", ""), "{typed:?}");
            login::by("PLAIN", &place.database(), "jephe", stored).expect(typed);
            login::by("DIGEST-MD5", &place.database(), "jephe", stored).expect(typed);
        }
    }
}

#[test]
fn a_password_may_come_in_pieces_and_its_writer_need_not_go_away() {
    let place = Place::new();
    let mut command = place.command(&["-u", REALM, "jephe"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("saslpasswd");
    let mut stdin = child.stdin.take().expect("stdin");
    let reads = format!("/proc/{}/syscall", child.id());
    for piece in ["sec", "ret\n"] {
        // read(2) of standard input, on x86-64 and with the common table of the other architectures.
        let waits = || {
            std::fs::read_to_string(&reads).is_ok_and(|call| call.starts_with("0 0x0 ") || call.starts_with("63 0x0 "))
        };
        assert!(wait_until(PATIENCE, waits));
        stdin.write_all(piece.as_bytes()).expect("write");
    }
    let mut status = None;
    wait_until(PATIENCE, || {
        status = child.try_wait().expect("wait");
        status.is_some()
    });
    let ended = status.is_some_and(|status| status.success());
    drop(stdin);
    child.wait().expect("wait");
    assert!(ended);
    login::assert_password(&place.database(), "jephe", "secret");
}

#[test]
fn a_password_that_cannot_be_is_refused() {
    let place = Place::new();
    place.set("jephe", "old");
    let long = "x".repeat(2049);
    let nul = "saslpasswd: invalid parameter supplied: the password contains a NUL byte\n";
    let too_long = "saslpasswd: overflowed buffer: the password is longer than 2048 bytes\n";
    for (typed, status, text) in [
        ("", 7, EMPTY),
        ("\n", 7, EMPTY),
        ("a\0b", 7, nul),
        ("\0", 7, nul),
        (&long, 3, too_long),
        (&format!("{long}\n"), 3, too_long),
        (&"x".repeat(100_000), 3, too_long),
    ] {
        let ran = place.saslpasswd(&["-c", "-u", REALM, "jephe"], typed);
        assert_eq!(told(&ran), (Some(status), "", text), "{} bytes", typed.len());
    }
    let directory = std::fs::File::open(place.dir.path()).expect("a directory");
    let ran = place.command(&["-u", REALM, "jephe"]).stdin(directory).output().expect("saslpasswd");
    assert_eq!(ran.status.code(), Some(1));
    let text = String::from_utf8_lossy(&ran.stderr);
    assert!(text.starts_with("saslpasswd: generic failure: cannot read the password: Is a directory"), "{text}");
    login::assert_password(&place.database(), "jephe", "old");
}

#[test]
fn options_are_read_as_getopt_reads_them() {
    let place = Place::new();
    let database = place.database();
    let path = database.to_str().expect("a path of text");
    let attached = format!("-f{path}");
    for (number, arguments) in [
        &["-cu", REALM, "-f", path, "USER"][..],
        &["-c", &format!("-u{REALM}"), "-f", path, "USER"],
        &[&format!("-cpu{REALM}"), &attached, "USER"],
        &["USER", "-c", "-u", REALM, &attached],
        &["-u", "other", "-u", REALM, "-c", "-f", path, "--", "USER"],
        &["-a", "no-such-application", "-u", REALM, "-f", path, "USER"],
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("user{number}");
        let arguments = arguments.iter().map(|argument| if *argument == "USER" { &user } else { *argument });
        let ran = run(Command::new(SASLPASSWD).args(arguments), b"secret");
        assert_eq!(told(&ran), (Some(0), "", ""), "{user}");
        login::assert_password(&database, &user, "secret");
    }
    // After -- everything is an operand; a value may look like an option, and begin with an equals sign.
    for (arguments, user, realm) in [
        (["-u", "r", "--", "-d"], "-d", "r"),
        (["-u", "-c", "--", "a"], "a", "-c"),
        (["-u=r", "-c", "--", "b"], "b", "=r"),
    ] {
        assert_eq!(told(&place.saslpasswd(&arguments, "secret")), (Some(0), "", ""));
        assert!(place.list().contains(&format!("user: {user} realm: {realm} mech: PLAIN")), "{arguments:?}");
    }
}

#[test]
fn a_wrong_command_line_does_nothing_and_says_why() {
    let place = Place::new();
    for (arguments, reason) in [
        (&["-c"][..], "the user is missing"),
        (&["-c", "-d", "jephe"], "a user cannot be created and disabled at once"),
        (&["-x", "jephe"], "invalid option '-x'"),
        (&["--no-such", "jephe"], "invalid option '--no-such'"),
        (&["jephe", "-u"], "missing argument for option '-u'"),
        (&["jephe", "other"], "unexpected argument \"other\""),
    ] {
        let ran = place.saslpasswd(arguments, "secret");
        assert_eq!(told(&ran), (Some(1), "", &*format!("saslpasswd: {reason}\n{USAGE}")), "{arguments:?}");
    }
    for name in ["a/b", "/", "../x"] {
        let ran = place.saslpasswd(&["-a", name, "jephe"], "secret");
        assert_eq!(told(&ran), (Some(1), "", "saslpasswd: filename must not contain /\n"));
    }
    for name in ["", "  "] {
        let ran = place.saslpasswd(&["-u", REALM, name], "secret");
        assert_eq!(told(&ran), (Some(1), "", "saslpasswd: generic failure: All-whitespace username.\n"));
    }
    assert!(!place.database().exists());
}

#[test]
fn help_and_version_are_told() {
    for option in ["-h", "--help", "-ch"] {
        let ran = run(Command::new(SASLPASSWD).arg(option), b"");
        assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""));
        assert!(ran.stdout.starts_with(USAGE) && ran.stdout.lines().all(|line| line.len() < 80), "{}", ran.stdout);
    }
    let ran = run(Command::new(SASLPASSWD).arg("--version"), b"");
    assert_eq!(told(&ran), (Some(0), &*format!("saslpasswd (oxisasl) {}\n", env!("CARGO_PKG_VERSION")), ""));
}

#[test]
fn the_configuration_names_the_database() {
    let place = Place::new();
    let (first, second) = (place.dir.dir("first"), place.dir.dir("second"));
    let set = |path: &str, options: &[&str]| {
        let mut command = Command::new(SASLPASSWD);
        run(command.env("SASL_PATH", path).args(options).args(["-u", REALM, "jephe"]), b"secret")
    };
    place.dir.write("first/saslpasswd.conf", format!("# where\nsasldb_path: {}\n", first.join("db").display()));
    place.dir.write("first/other.conf", format!("sasldb_path: {}\n", first.join("other").display()));
    place.dir.write("second/saslpasswd.conf", format!("sasldb_path: {}\n", second.join("db").display()));
    // Only the first directory counts.
    let path = format!("{}:{}", first.display(), second.display());
    assert_eq!(told(&set(&path, &[])), (Some(0), "", ""));
    login::assert_password(&first.join("db"), "jephe", "secret");
    assert_eq!(told(&set(&path, &["-a", "other"])), (Some(0), "", ""));
    login::assert_password(&first.join("other"), "jephe", "secret");
    let chosen = first.join("chosen");
    assert_eq!(told(&set(&path, &["-f", chosen.to_str().expect("a path of text")])), (Some(0), "", ""));
    login::assert_password(&chosen, "jephe", "secret");
    assert!(!second.join("db").exists());

    let broken = place.dir.write("second/saslpasswd.conf", "sasldb_path: /x\nsasldb_path /y\n");
    let ran = set(second.to_str().expect("a path of text"), &[]);
    let text = format!("saslpasswd: generic failure: {}:2: expected a colon", broken.display());
    assert!(ran.status.code() == Some(1) && ran.stderr.starts_with(&text), "{ran:?}");
    // Nor does another directory count where the first has no such file.
    for separator in [":", "="] {
        let path = format!("{}{separator}{}", place.dir.dir("third").display(), second.display());
        let ran = set(&path, &["-f", chosen.to_str().expect("a path of text")]);
        assert_eq!(told(&ran), (Some(0), "", ""), "{path}");
    }
}

#[test]
fn a_file_that_is_something_else_stays_what_it_is() {
    let place = Place::new();
    let notes = "my notes\n".repeat(20);
    place.dir.write("sasldb", &notes);
    for options in [&["-c"][..], &["-d"]] {
        let ran = place.saslpasswd(&[options, &["-u", REALM, "jephe"]].concat(), "secret");
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert!(ran.stderr.starts_with("saslpasswd: generic failure: "), "{ran:?}");
        assert!(ran.stderr.contains(place.database().to_str().expect("a path of text")), "{ran:?}");
        assert!(!ran.stderr.contains("secret") && ran.stderr.lines().count() == 1, "{ran:?}");
    }
    assert_eq!(std::fs::read_to_string(place.database()).expect("the file"), notes);
}

#[test]
fn a_new_database_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$0\" -c -f \"$1\" jephe", SASLPASSWD]).arg(place.database());
    assert_eq!(told(&run(&mut shell, b"secret")), (Some(0), "", ""));
    for entry in std::fs::read_dir(place.dir.path()).expect("the directory").flatten() {
        let mode = entry.metadata().expect("its mode").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
    // One that the administrator has opened to a group is left so.
    set_mode(&place.database(), 0o640);
    place.set("other", "secret");
    let mode = place.database().metadata().expect("its mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn twenty_at_once_lose_nothing() {
    let place = Place::new();
    let users: Vec<_> = (0..20).map(|number| format!("user{number}")).collect();
    thread::scope(|scope| {
        for user in &users {
            scope.spawn(|| place.set(user, user));
        }
    });
    assert_eq!(place.list(), lines(&users.iter().map(String::as_str).collect::<Vec<_>>()));
    for user in &users {
        for mechanism in ["PLAIN", "CRAM-MD5", "DIGEST-MD5"] {
            login::by(mechanism, &place.database(), user, user).expect(mechanism);
        }
    }
}
