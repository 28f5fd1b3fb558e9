//! Debian's own administrative tools on a chosen `libsasl2.so.2`: `saslpasswd2`, `sasldblistusers2`, `saslpluginviewer`.

mod rig;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use rig::base::{Library, Ran, TempDir, run};
use rig::samples::tool;
use rig::saslauthd::Checker;
use rig::terminal::Terminal;

/// SASL_OK, SASL_BADAUTH, SASL_NOUSER.
const OK: i32 = 0;
const BADAUTH: i32 = -13;
const NOUSER: i32 = -20;

fn library() -> Library {
    Library::under_test()
}

/// `saslpasswd2` on `library` with this on standard input.
fn passwd_on(library: &Library, arguments: &[&str], input: &[u8]) -> Ran {
    run(tool(library, "/usr/sbin/saslpasswd2").args(arguments), input)
}

fn passwd(arguments: &[&str], input: &[u8]) -> Ran {
    passwd_on(&library(), arguments, input)
}

/// The result of checking a password against this database.
fn check_on(library: &Library, database: &Path, user: &str, password: &str) -> i32 {
    let conf = format!("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\n", database.display());
    Checker::new(library, &conf).check(user, password).code
}

fn check(database: &Path, user: &str, password: &str) -> i32 {
    check_on(&library(), database, user, password)
}

/// What `sasldblistusers2` prints of this database, sorted.
fn list(library: &Library, database: &Path) -> (Option<i32>, Vec<String>, String) {
    let ran = run(tool(library, "/usr/sbin/sasldblistusers2").arg("-f").arg(database), b"");
    let mut lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
    lines.sort();
    (ran.status.code(), lines, ran.stderr)
}

/// A database path in a directory of its own.
fn database() -> (TempDir, String) {
    let dir = TempDir::new("tools");
    let path = dir.join("sasldb2").to_string_lossy().into_owned();
    (dir, path)
}

#[test]
fn users_come_change_and_go() {
    let (_dir, db) = database();
    let file = Path::new(&db);
    let ran = passwd(&["-p", "-c", "-f", &db, "-u", "rig.test", "alice"], b"first");
    assert_eq!((ran.status.code(), &*ran.stdout, &*ran.stderr), (Some(0), "", ""));
    assert_eq!(check(file, "alice@rig.test", "first"), OK);
    assert_eq!(check(file, "alice@rig.test", "second"), BADAUTH);
    assert_eq!(check(file, "alice@other.test", "first"), NOUSER);

    // Changing does not need -c, nor does creating.
    for user in ["alice", "bob"] {
        let ran = passwd(&["-p", "-f", &db, "-u", "rig.test", user], b"second\n");
        assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""));
        assert_eq!(check(file, &format!("{user}@rig.test"), "second"), OK);
    }
    assert_eq!(check(file, "alice@rig.test", "first"), BADAUTH);

    // A realm may be part of the name, and then beats -u; without either it is the host's name.
    let ran = passwd(&["-p", "-c", "-f", &db, "-u", "ignored.test", "carol@named.test"], b"third");
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    assert_eq!(check(file, "carol@named.test", "third"), OK);
    assert_eq!(check(file, "carol@ignored.test", "third"), NOUSER);

    let host = run(&mut Command::new("hostname"), b"").stdout;
    assert_eq!(passwd(&["-p", "-c", "-f", &db, "dave"], b"fourth").status.code(), Some(0));
    assert_eq!(check(file, &format!("dave@{}", host.trim()), "fourth"), OK);

    for user in ["alice", "alice", "nobody"] {
        let ran = passwd(&["-d", "-f", &db, "-u", "rig.test", user], b"");
        assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "also for one who is not there");
    }
    assert_eq!(check(file, "alice@rig.test", "second"), NOUSER);
    assert_eq!(check(file, "bob@rig.test", "second"), OK);
}

#[test]
fn passwords_are_taken_as_they_are_but_for_one_line_end() {
    let (_dir, db) = database();
    let long = "x".repeat(1000);
    for (typed, stored) in [
        (" a b ", " a b "),
        ("a b\n", "a b"),
        ("a\n\n", "a\n"),
        ("p\u{e4}ss\u{20ac}", "p\u{e4}ss\u{20ac}"),
        ("%s%n", "%s%n"),
        (&long, &long),
    ] {
        let ran = passwd(&["-p", "-c", "-f", &db, "-u", "rig.test", "alice"], typed.as_bytes());
        assert_eq!(ran.status.code(), Some(0), "{typed:?}: {ran:?}");
        assert_eq!(check(Path::new(&db), "alice@rig.test", stored), OK, "{typed:?}");
        assert_eq!(check(Path::new(&db), "alice@rig.test", &format!("{stored}x")), BADAUTH, "{typed:?}");
    }
}

#[test]
fn mistakes_change_nothing_and_say_what_is_wrong() {
    let (_dir, db) = database();
    assert_eq!(passwd(&["-p", "-c", "-f", &db, "-u", "rig.test", "alice"], b"first").status.code(), Some(0));
    // SASL_BADPARAM.
    for empty in [&b""[..], b"\n"] {
        let ran = passwd(&["-p", "-c", "-f", &db, "-u", "rig.test", "alice"], empty);
        assert_eq!(ran.status.code(), Some(7), "{ran:?}");
        assert_eq!(ran.stderr, "saslpasswd2: invalid parameter supplied\n");
    }
    for arguments in [&["-f", &db][..], &["-c", "-d", "-f", &db, "alice"], &["-x"], &["-f", &db, "alice", "bob"]] {
        let ran = passwd(arguments, b"other");
        assert_eq!(ran.status.code(), Some(1), "{arguments:?}");
        assert!(ran.stderr.contains("usage: saslpasswd2 "), "{ran:?}");
    }
    assert_eq!(check(Path::new(&db), "alice@rig.test", "first"), OK);

    let ran = passwd(&["-p", "-c", "-f", "/nonexistent/sasldb2", "-u", "rig.test", "alice"], b"first");
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert!(ran.stderr.ends_with("saslpasswd2: generic failure\n"), "{ran:?}");

    // A file that is something else stays what it is.
    let dir = TempDir::new("tools");
    let other = dir.write("notes", "my notes\n");
    let ran = passwd(&["-p", "-c", "-f", &other.to_string_lossy(), "-u", "rig.test", "alice"], b"first");
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(fs::read(&other).expect("the file"), b"my notes\n");
}

#[test]
fn the_configuration_may_name_the_database() {
    let (dir, db) = database();
    dir.write("saslpasswd.conf", format!("sasldb_path: {db}\n"));
    dir.write("other.conf", format!("sasldb_path: {db}-other\n"));
    for (arguments, file) in [(&[][..], db.clone()), (&["-a", "other"], format!("{db}-other"))] {
        let mut command = tool(&library(), "/usr/sbin/saslpasswd2");
        command.env("SASL_CONF_PATH", dir.path()).args(["-p", "-c", "-u", "rig.test"]).args(arguments).arg("alice");
        let ran = run(&mut command, b"first");
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        assert_eq!(check(Path::new(&file), "alice@rig.test", "first"), OK);
    }
}

#[test]
fn the_database_is_not_for_everyone_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, db) = database();
    let mut command = tool(&library(), "sh");
    command.args(["-c", "umask 0; exec saslpasswd2 -p -c -f \"$0\" -u rig.test alice", &db]);
    assert_eq!(run(&mut command, b"first").status.code(), Some(0));
    for entry in fs::read_dir(dir.path()).expect("the directory").flatten() {
        let mode = entry.metadata().expect("its mode").permissions().mode() & 0o777;
        assert_eq!(mode & 0o007, 0, "{:?}: {mode:o}", entry.file_name());
    }
}

#[test]
fn at_a_terminal_the_password_is_asked_for_twice() {
    let (_dir, db) = database();
    let file = Path::new(&db);
    let line = format!("/usr/sbin/saslpasswd2 -c -f {db} -u rig.test tom");
    let session = |first: &str, second: &str| {
        let mut terminal = Terminal::run(&library(), &line);
        terminal.answer("Password: ", first);
        terminal.answer("Again (for verification): ", second);
        terminal.end()
    };
    let (status, screen) = session("secret", "secret");
    // What is typed is not shown.
    assert_eq!((status, &*screen), (Some(0), "Password: [typed]\nAgain (for verification): [typed]\n"));
    assert_eq!(check(file, "tom@rig.test", "secret"), OK);

    let (status, screen) = session("other", "othre");
    assert_eq!(status, Some(7), "{screen}");
    assert!(screen.ends_with("saslpasswd2: passwords don't match; aborting\n"), "{screen}");
    let (status, screen) = session("", "");
    assert_eq!(status, Some(7), "{screen}");
    assert!(screen.ends_with("saslpasswd2: invalid parameter supplied\n"), "{screen}");
    assert_eq!(check(file, "tom@rig.test", "secret"), OK);

    // Nothing to ask when the user goes.
    let line = format!("/usr/sbin/saslpasswd2 -d -f {db} -u rig.test tom");
    assert_eq!(Terminal::run(&library(), &line).end(), (Some(0), String::new()));
    assert_eq!(check(file, "tom@rig.test", "secret"), NOUSER);
}

#[test]
fn without_a_plain_password_only_secrets_of_mechanisms_are_kept() {
    let (_dir, db) = database();
    let ran = passwd(&["-p", "-c", "-n", "-f", &db, "-u", "rig.test", "nina"], b"staple");
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    // No mechanism of the stock library keeps a secret of its own unless told so; what ours keeps must not be the
    // password itself.
    assert_ne!(check(Path::new(&db), "nina@rig.test", "wrong"), OK);
    let bytes = fs::read(&db).unwrap_or_default();
    assert!(!bytes.windows(6).any(|w| w == b"staple"), "the password is in the file");
}

#[test]
fn a_berkeley_db_file_of_the_stock_tools_is_read() {
    let (_dir, db) = database();
    let file = Path::new(&db);
    for (user, password) in [("alice", "first"), ("bob", "second")] {
        let ran = passwd_on(&Library::stock(), &["-p", "-c", "-f", &db, "-u", "rig.test", user], password.as_bytes());
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    }
    let before = fs::read(file).expect("the file");
    assert_eq!(check(file, "alice@rig.test", "first"), OK);
    assert_eq!(check(file, "bob@rig.test", "first"), BADAUTH);
    assert_eq!(check(file, "mallory@rig.test", "first"), NOUSER);
    assert_eq!(fs::read(file).expect("the file"), before, "reading changes nothing");

    // The lister reads with Berkeley DB linked into itself; of the library it takes sasl_global_utils.
    let names = ["alice@rig.test: userPassword", "bob@rig.test: userPassword"].map(str::to_owned).to_vec();
    let (status, mut listed, said) = list(&library(), file);
    // With its plugin for OTP the stock library makes secrets of that as well.
    listed.retain(|line| !line.ends_with(": cmusaslsecretOTP"));
    assert_eq!((status, listed, &*said), (Some(0), names, ""));
}

#[test]
fn both_libraries_change_one_berkeley_db_file() {
    let (dir, db) = database();
    let file = Path::new(&db);
    let (stock, ours) = (Library::stock(), library());
    let set = |by: &Library, user: &str, password: &str| {
        let ran = passwd_on(by, &["-p", "-c", "-f", &db, "-u", "rig.test", user], password.as_bytes());
        assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "{ran:?}");
        for library in [&stock, &ours] {
            let name = format!("{user}@rig.test");
            assert_eq!(check_on(library, file, &name, password), OK, "{name} {library:?}");
            assert_eq!(check_on(library, file, &name, "wrong"), BADAUTH, "{name} {library:?}");
        }
    };
    set(&stock, "alice", "first");
    set(&ours, "alice", "second");
    set(&ours, "bob", "of ours");
    set(&stock, "bob", "of the stock one");
    set(&stock, "carol", "of the stock one");
    for (library, user) in [(&ours, "carol"), (&stock, "bob")] {
        let ran = passwd_on(library, &["-d", "-f", &db, "-u", "rig.test", user], b"");
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        assert_eq!(check_on(&stock, file, &format!("{user}@rig.test"), "of the stock one"), NOUSER);
        assert_eq!(check(file, &format!("{user}@rig.test"), "of the stock one"), NOUSER);
    }
    // The lister has Berkeley DB linked in.
    let (status, names, _) = list(&stock, file);
    assert_eq!((status, names.contains(&"alice@rig.test: userPassword".to_owned())), (Some(0), true), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("bob@") && name.contains("userPassword")), "{names:?}");
    let verified = run(Command::new("db5.3_verify").arg(file), b"");
    assert!(verified.status.success(), "{verified:?}");
    assert_eq!(fs::read_dir(dir.path()).expect("the directory").count(), 1, "nothing is left beside it");
}

#[test]
fn the_lister_says_when_it_cannot_read() {
    let (dir, db) = database();
    let absent = list(&library(), Path::new(&db));
    assert_eq!((absent.0, absent.1.len()), (Some(0), 0), "the tool's own choice: {absent:?}");
    assert!(absent.2.ends_with("listusers failed\n"), "{absent:?}");
    let garbage = list(&library(), &dir.write("garbage", "not a database\n"));
    assert_eq!((garbage.0, garbage.1.len()), (Some(0), 0), "{garbage:?}");
    assert!(garbage.2.ends_with("listusers failed\n"), "{garbage:?}");
}

#[test]
fn the_tools_name_the_library() {
    for program in ["saslpasswd2", "sasldblistusers2"] {
        let ran = run(tool(&library(), Path::new("/usr/sbin").join(program)).arg("-v"), b"");
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        assert!(ran.stderr.contains("Built against SASL API version 2.1.28\n"), "{ran:?}");
        assert!(ran.stderr.contains("LibSasl version 2.1.28 by "), "{ran:?}");
    }
}

/// What `saslpluginviewer` says of each mechanism: the lines of its block but the first, which names the plugin.
fn viewer(library: &Library, arguments: &[&str]) -> (Option<i32>, BTreeMap<String, Vec<String>>, String) {
    let ran = run(tool(library, "/usr/sbin/saslpluginviewer").args(arguments), b"");
    let mut mechanisms: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = None;
    for line in ran.stdout.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("SASL mechanism: ") {
            let (name, rest) = rest.split_once(',').unwrap_or((rest, ""));
            current = Some(name.to_owned());
            mechanisms.entry(name.to_owned()).or_default().push(rest.trim().to_owned());
        } else if !line.starts_with('\t') {
            current = None;
        } else if let Some(lines) = current.as_ref().and_then(|name| mechanisms.get_mut(name)) {
            lines.push(line.trim().to_owned());
        }
    }
    (ran.status.code(), mechanisms, ran.stdout)
}

const MECHANISMS: [&str; 10] = [
    "ANONYMOUS",
    "CRAM-MD5",
    "DIGEST-MD5",
    "LOGIN",
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-224",
    "SCRAM-SHA-256",
    "SCRAM-SHA-384",
    "SCRAM-SHA-512",
];

/// What the library under test is to say, given what the stock one says: the rows of docs/deviations.md.
fn expected(name: &str, stock: &[String]) -> Vec<String> {
    let adapt = |line: &String| {
        if library().is_stock() {
            line.clone()
        } else if name.starts_with("SCRAM") {
            // scram-setpass
            line.replace("supports setpass: yes", "supports setpass: no")
        } else if name == "DIGEST-MD5" {
            // digest-http
            line.replace("|SUPPORTS_HTTP", "")
        } else {
            line.clone()
        }
    };
    stock.iter().map(adapt).collect()
}

#[test]
fn the_viewer_shows_the_same_properties_as_on_the_stock_library() {
    for side in ["-s", "-c"] {
        let (stock_status, stock, _) = viewer(&Library::stock(), &[side]);
        let (status, ours, text) = viewer(&library(), &[side]);
        assert_eq!((stock_status, status), (Some(0), Some(0)), "{text}");
        for name in MECHANISMS {
            let stock = stock.get(name).unwrap_or_else(|| panic!("{name} {side}"));
            assert_eq!(ours.get(name), Some(&expected(name, stock)), "{name} {side}:\n{text}");
        }
    }
    // EXTERNAL's block is shown for the client alone: the viewer's server knows no external identity.
    assert_eq!(viewer(&library(), &["-c"]).1.get("EXTERNAL"), viewer(&Library::stock(), &["-c"]).1.get("EXTERNAL"));
}

#[test]
fn the_viewer_shows_the_same_order_of_preference() {
    // Of the mechanisms that both have: the installed ones (the second line) and those on offer (the fourth).
    let order = |library: &Library, side: &str, line: usize| {
        let text = viewer(library, &[side]).2;
        let list = text.lines().nth(line).unwrap_or_default().to_owned();
        let known = |name: &&str| MECHANISMS.contains(name) || *name == "EXTERNAL";
        list.split_whitespace().filter(known).map(str::to_owned).collect::<Vec<_>>()
    };
    for side in ["-s", "-c"] {
        for line in [1, 3] {
            let mut stock = order(&Library::stock(), side, line);
            if side == "-c" && line == 3 && !library().is_stock() {
                // external-list
                stock.retain(|name| name != "EXTERNAL");
            }
            assert_eq!(order(&library(), side, line), stock, "{side} {line}");
        }
    }
}

#[test]
fn the_viewer_heeds_limits() {
    let offered = |arguments: &[&str]| {
        let (status, _, text) = viewer(&library(), arguments);
        let list = text.lines().skip_while(|line| !line.starts_with("Available SASL")).nth(1).unwrap_or_default();
        (status, list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(offered(&["-s", "-m", "PLAIN"]), (Some(0), vec!["PLAIN".to_owned()]));
    assert_eq!(offered(&["-s", "-m", "NO-SUCH"]).0, Some(1));
    let (_, names) = offered(&["-s", "-f", "noplain"]);
    assert!(names.iter().any(|n| n == "SCRAM-SHA-256") && !names.iter().any(|n| n == "PLAIN"), "{names:?}");
    let (_, names) = offered(&["-s", "-b", "min=1,max=128"]);
    assert!(names.iter().any(|n| n == "DIGEST-MD5") && !names.iter().any(|n| n.starts_with("SCRAM")), "{names:?}");
}

#[test]
fn the_viewer_shows_the_store() {
    let (status, _, text) = viewer(&library(), &["-a"]);
    assert_eq!(status, Some(0));
    assert!(text.contains("\nsasldb\n"), "{text}");
    assert!(text.contains("Plugin \"sasldb\" , \tAPI version: 8\n\tsupports store: yes\n"), "{text}");
}
