//! `sasldblistusers`: what it lists of databases of each kind, and what it says of those that it cannot read.

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use common::base::{Ran, TempDir, run};
use common::{Place, REALM, SASLDBLISTUSERS, told};
use oxisasl::store::sasldb::SasldbFile;

const USAGE: &str = "usage: sasldblistusers [--strict] [dbfile]\n";

fn list(database: &Path) -> Ran {
    run(Command::new(SASLDBLISTUSERS).arg(database), b"")
}

/// Puts records into a new Berkeley DB hash file.
fn berkeley(file: &Path, records: &[(&str, &str)]) {
    let mut dump = String::from("VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=512\nHEADER=END\n");
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (key, value) in records {
        dump += &format!(" {}\n {}\n", hex(key), hex(value));
    }
    let ran = run(Command::new("db5.3_load").arg(file), format!("{dump}DATA=END\n").as_bytes());
    assert!(ran.status.success(), "{ran:?}");
}

/// A damaged file was last written long ago: nobody is about to mend it, and it is not waited for.
fn long_ago(file: &Path) {
    let then = SystemTime::now() - Duration::from_secs(3600);
    let file = fs::OpenOptions::new().write(true).open(file).expect("the file");
    file.set_modified(then).expect("its time");
}

#[test]
fn each_secret_is_a_line_and_what_is_of_no_user_is_none() {
    let place = Place::new();
    place.set("jephe", "topsecret");
    place.set("anna", "topsecret");
    let file = SasldbFile::open(place.database()).expect("the database");
    for property in ["userPassword", "cmusaslsecretOTP"] {
        file.put("new", "", property, b"topsecret").expect("put");
    }
    let ran = list(&place.database());
    let expected = format!(
        "user: anna realm: {REALM} mech: CRAM-MD5\nuser: anna realm: {REALM} mech: DIGEST-MD5\n\
         user: anna realm: {REALM} mech: PLAIN\nuser: jephe realm: {REALM} mech: CRAM-MD5\n\
         user: jephe realm: {REALM} mech: DIGEST-MD5\nuser: jephe realm: {REALM} mech: PLAIN\n\
         user: new realm:  mech: cmusaslsecretOTP\nuser: new realm:  mech: userPassword\n"
    );
    assert_eq!(told(&ran), (Some(0), &*expected, ""));
}

#[test]
fn a_name_passes_for_nothing_else() {
    let place = Place::new();
    let file = SasldbFile::open(place.database()).expect("the database");
    file.put("a\nuser: root", b"\x1b[2J\xff", "J\u{fc}rgen", b"x").expect("put");
    assert_eq!(list(&place.database()).stdout, "user: a\\x0auser: root realm: \\x1b[2J\\xff mech: J\u{fc}rgen\n");
}

#[test]
fn a_berkeley_db_file_is_listed_in_its_order() {
    let place = Place::new();
    let users = ["jephe", "anna", "tom", "zoe", "bob", "eve", "ian", "kim"];
    let mut records = vec![("\0\0CRAM-MD5".to_owned(), "\0\0\0\x03"), ("\0\0DIGEST-MD5".to_owned(), "\0\0\0\x03")];
    for user in users {
        records.extend(["PLAIN", "CRAM-MD5", "DIGEST-MD5"].map(|m| (format!("{user}\0{REALM}\0{m}"), "secret")));
    }
    let borrowed: Vec<_> = records.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    berkeley(&place.database(), &borrowed);
    let before = fs::read(place.database()).expect("the file");
    let dump = run(Command::new("db5.3_dump").arg("-p").arg(place.database()), b"").stdout;
    let keys = dump.lines().skip_while(|line| *line != "HEADER=END").skip(1).step_by(2);
    let expected: String = keys
        .filter(|key| !key.starts_with(" \\00\\00") && *key != "DATA=END")
        .map(|key| {
            let parts: Vec<_> = key.trim().split("\\00").collect();
            format!("user: {} realm: {} mech: {}\n", parts[0], parts[1], parts[2])
        })
        .collect();
    assert_eq!(expected.lines().count(), 24);
    let ran = list(&place.database());
    assert_eq!(told(&ran), (Some(0), &*expected, ""));
    assert_eq!(fs::read(place.database()).expect("the file"), before);
    assert_eq!(fs::read_dir(place.dir.path()).expect("the directory").count(), 1, "nothing is made");
}

#[test]
fn a_database_without_users_is_an_empty_list() {
    let place = Place::new();
    place.dir.write("sasldb", "");
    assert_eq!(told(&list(&place.database())), (Some(0), "", ""));
    fs::remove_file(place.database()).expect("remove");
    place.set("jephe", "secret");
    assert_eq!(place.saslpasswd(&["-d", "-u", REALM, "jephe"], "").status.code(), Some(0));
    assert_eq!(told(&list(&place.database())), (Some(0), "", ""));
}

#[test]
fn what_cannot_be_read_is_named_with_the_reason() {
    let place = Place::new();
    let dir = &place.dir;
    place.set("jephe", "topsecret");
    let lmdb = fs::read(place.database()).expect("the file");
    berkeley(&dir.join("bdb"), &[("a\0b\0PLAIN", "topsecret"), ("c\0d\0PLAIN", "topsecret")]);
    let bdb = fs::read(dir.join("bdb")).expect("the file");
    let btree = dir.join("btree");
    assert!(run(Command::new("db5.3_load").args(["-t", "btree", "-T"]).arg(&btree), b"a\nb\n").status.success());
    // The first page as version 5 of the format has it, of Berkeley DB 2 and 3.0; the page's size is unchanged.
    let mut old = bdb.clone();
    old[16..20].copy_from_slice(&5_u32.to_ne_bytes());
    let mut damaged = lmdb.clone();
    damaged[24..56].fill(0xff);
    damaged[4096 + 24..4096 + 56].fill(0xff);
    for (name, contents, reason) in [
        ("text", &b"jephe:topsecret\n"[..], "this is no password database of a known format"),
        ("zeros", &[0; 9000], "this is no password database of a known format"),
        ("byte", b"x", "this is no password database of a known format"),
        ("gdbm", &[&0x1357_9ace_u32.to_ne_bytes()[..], &[0; 100]].concat(), "the GDBM file is damaged"),
        ("bdb185", &[&0x0006_1561_u32.to_be_bytes()[..], &[0; 600]].concat(), "this is a Berkeley DB 1.85 hash file"),
        ("bdb-old", &old, "the Berkeley DB file is damaged"),
        ("bdb-head", &bdb[..100], "truncated"),
        ("bdb-cut", &bdb[..bdb.len() - 600], ""),
        ("lmdb-head", &lmdb[..100], "the LMDB file is truncated"),
        ("lmdb-cut", &lmdb[..lmdb.len() - 4096], "the LMDB file is truncated"),
        ("lmdb-damaged", &damaged, "the LMDB file is damaged"),
    ] {
        long_ago(&dir.write(name, contents));
        refused(&dir.join(name), reason);
    }
    refused(&btree, "this is a Berkeley DB btree file");
    refused(&dir.dir("directory"), "the password database is not a regular file");
    refused(&dir.join("absent"), "No such file or directory");
    refused(&dir.join("text/below"), "Not a directory");
    assert!(run(Command::new("mkfifo").arg(dir.join("pipe")), b"").status.success());
    refused(&dir.join("pipe"), "the password database is not a regular file");
}

/// Exit status 0, as that of 1.5, or 1 on request.
fn refused(path: &Path, reason: &str) {
    for (options, status) in [(&[][..], 0), (&["--strict"], 1)] {
        let ran = run(Command::new(SASLDBLISTUSERS).args(options).arg(path), b"");
        assert_eq!((ran.status.code(), &*ran.stdout), (Some(status), ""), "{ran:?}");
        let text = ran
            .stderr
            .strip_prefix("sasldblistusers: Error opening password file ")
            .unwrap_or_else(|| panic!("{ran:?}"));
        let said = text.strip_prefix(path.to_str().expect("a path of text")).and_then(|rest| rest.strip_prefix(": "));
        assert!(said.is_some_and(|said| said.contains(reason)), "{reason}: {ran:?}");
        assert_eq!(
            (text.lines().count(), text.matches(path.to_str().expect("a path of text")).count()),
            (1, 1),
            "{ran:?}"
        );
        assert!(!text.contains("topsecret"), "{ran:?}");
    }
}

#[test]
fn no_damage_to_a_file_ends_it_badly() {
    let place = Place::new();
    place.set("jephe", "topsecret");
    let lmdb = fs::read(place.database()).expect("the file");
    berkeley(&place.dir.join("bdb"), &[("a\0b\0PLAIN", "topsecret"), ("c\0d\0PLAIN", "topsecret")]);
    let bdb = fs::read(place.dir.join("bdb")).expect("the file");
    for whole in [lmdb, bdb] {
        for cut in [1, 13, 20, 63, 64, 72, 200, 511, 512, 600, 4095, 4096, 4200, 8191, 8192] {
            let dir = TempDir::new("tools");
            let file = dir.write("sasldb", &whole[..cut.min(whole.len())]);
            long_ago(&file);
            let ran = list(&file);
            assert_eq!(ran.status.code(), Some(0), "{cut}: {ran:?}");
            assert!(!ran.stderr.contains("panicked") && !ran.stdout.contains("topsecret"), "{cut}: {ran:?}");
        }
    }
}

#[test]
fn without_an_argument_it_is_the_database_of_saslpasswd() {
    let place = Place::new();
    place.set("jephe", "secret");
    place.dir.write("saslpasswd.conf", format!("sasldb_path: {}\n", place.database().display()));
    let ran = run(Command::new(SASLDBLISTUSERS).env("SASL_PATH", place.dir.path()), b"");
    assert_eq!((ran.stdout.lines().count(), &*ran.stderr), (3, ""));
    let broken = place.dir.write("saslpasswd.conf", "sasldb_path\n");
    let ran = run(Command::new(SASLDBLISTUSERS).env("SASL_PATH", place.dir.path()), b"");
    assert!(ran.stderr.starts_with(&format!("sasldblistusers: {}:1: expected a colon", broken.display())), "{ran:?}");
    // It is not looked at in vain.
    let ran = run(Command::new(SASLDBLISTUSERS).env("SASL_PATH", place.dir.path()).arg(place.database()), b"");
    assert_eq!((ran.stdout.lines().count(), &*ran.stderr), (3, ""));
}

#[test]
fn output_that_cannot_be_written_is_told() {
    let place = Place::new();
    place.set("jephe", "secret");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let ran = Command::new(SASLDBLISTUSERS).arg(place.database()).stdout(full).output().expect("run");
    assert_eq!(ran.status.code(), Some(1));
    let text = String::from_utf8_lossy(&ran.stderr);
    assert!(text.starts_with("sasldblistusers: cannot write to standard output: No space left on device"), "{text}");

    // A reader who has seen enough is no error; it ends as other programs do.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child =
        Command::new(SASLDBLISTUSERS).arg(place.database()).stdout(writer).stderr(Stdio::piped()).spawn().expect("run");
    let mut text = String::new();
    child.stderr.take().expect("stderr").read_to_string(&mut text).expect("stderr");
    let status = child.wait().expect("wait");
    assert_eq!((status.signal(), &*text), (Some(rustix::process::Signal::PIPE.as_raw()), ""));
}

#[test]
fn the_command_line_is_checked() {
    for (arguments, reason) in [(&["-x"][..], "invalid option '-x'"), (&["a", "b"], "unexpected argument \"b\"")] {
        let ran = run(Command::new(SASLDBLISTUSERS).args(arguments), b"");
        assert_eq!(told(&ran), (Some(1), "", &*format!("sasldblistusers: {reason}\n{USAGE}")));
    }
    for option in ["-h", "--help"] {
        let ran = run(Command::new(SASLDBLISTUSERS).arg(option), b"");
        assert!(ran.status.success() && ran.stdout.starts_with(USAGE), "{ran:?}");
    }
    let ran = run(Command::new(SASLDBLISTUSERS).arg("--version"), b"");
    assert_eq!(told(&ran), (Some(0), &*format!("sasldblistusers (oxisasl) {}\n", env!("CARGO_PKG_VERSION")), ""));
}
