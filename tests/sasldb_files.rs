//! The files of the password database against the programs that own the formats: stock saslpasswd2, Berkeley DB's and
//! LMDB's tools, and C programs over libdb and liblmdb.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use oxisasl::Code;
use oxisasl::store::bdb::BdbFile;
use oxisasl::store::sasldb::{Format, SasldbFile};

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oxisasl-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} is needed for this test: {error}"));
    // A program that fails early does not read its input; its output says why.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn saslpasswd2(db: &Path, realm: &str, user: &str, password: Option<&str>) {
    let mut command = Command::new("saslpasswd2");
    command.arg("-f").arg(db).args(["-u", realm]);
    match password {
        Some(_) => command.args(["-p", "-c"]),
        None => command.arg("-d"),
    };
    run(command.arg(user), password.unwrap_or_default().as_bytes());
}

type Pairs = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Reads the portable dump format that both families of tools print.
fn parse_dump(dump: &[u8]) -> Pairs {
    let text = String::from_utf8(dump.to_vec()).unwrap();
    let mut lines =
        text.lines().skip_while(|line| *line != "HEADER=END").skip(1).take_while(|line| *line != "DATA=END");
    let mut pairs = Pairs::new();
    while let (Some(key), Some(value)) = (lines.next(), lines.next()) {
        pairs.entry(unhex(key.trim())).or_default().push(unhex(value.trim()));
    }
    pairs
}

fn db_dump(db: &Path) -> Pairs {
    parse_dump(&run(Command::new("db5.3_dump").arg(db), b"").stdout)
}

fn db_load(db: &Path, settings: &[&str], pairs: &[(Vec<u8>, Vec<u8>)]) {
    let mut dump = String::from("VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n");
    for (key, value) in pairs {
        dump += &format!(" {}\n {}\n", hex(key), hex(value));
    }
    dump += "DATA=END\n";
    let mut command = Command::new("db5.3_load");
    for setting in settings {
        command.args(["-c", setting]);
    }
    run(command.arg(db), dump.as_bytes());
}

/// What our reader finds.
fn ours(db: &Path) -> Pairs {
    let file = BdbFile::new(db);
    file.verify().unwrap();
    let mut pairs = Pairs::new();
    for (key, value) in file.pairs().unwrap() {
        pairs.entry(key).or_default().push(value.expose().to_vec());
    }
    pairs
}

/// Everything is found by walking and by looking up, and what is not there is not.
fn agree(db: &Path) {
    let (expected, found) = (db_dump(db), ours(db));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    let file = BdbFile::new(db);
    for (key, values) in &expected {
        let (mut one, mut other) = (values.clone(), found[key].clone());
        one.sort();
        other.sort();
        assert_eq!(one, other);
        let looked_up = file.get_many(&[key.clone()], u32::MAX).unwrap().pop().unwrap().unwrap();
        assert_eq!(looked_up.expose(), values[0]);
        let mut missing = key.clone();
        missing.push(b'x');
        assert!(file.get_many(&[missing], u32::MAX).unwrap().pop().unwrap().is_none());
    }
}

fn users(count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..count)
        .map(|n| (format!("user{n}\0example.com\0userPassword").into_bytes(), format!("secret of {n}").into_bytes()))
        .collect()
}

#[test]
fn stock_saslpasswd2_files_are_read() {
    let scratch = Scratch::new();
    let db = scratch.path("sasldb2");
    let file = SasldbFile::open(&db).unwrap();
    assert_eq!(file.format().unwrap(), Format::Missing);
    assert!(file.get("alice", "example.com", "userPassword").unwrap().is_none());
    saslpasswd2(&db, "example.com", "alice", Some("secret"));
    saslpasswd2(&db, "example.com", "bob", Some("geheim"));
    saslpasswd2(&db, "other.org", "alice", Some("third"));
    let get = |user, realm| file.get(user, realm, "userPassword").unwrap().map(|value| value.expose().to_vec());
    assert_eq!(file.format().unwrap(), Format::BerkeleyHash);
    assert_eq!(get("alice", "example.com").unwrap(), b"secret");
    assert_eq!(get("bob", "example.com").unwrap(), b"geheim");
    assert_eq!(get("alice", "other.org").unwrap(), b"third");
    assert_eq!(get("bob", "other.org"), None);
    assert_eq!(get("Alice", "example.com"), None);
    assert!(file.user_exists("alice", "other.org").unwrap());
    assert!(!file.user_exists("bob", "other.org").unwrap());
    saslpasswd2(&db, "example.com", "alice", Some("changed"));
    assert_eq!(get("alice", "example.com").unwrap(), b"changed");
    saslpasswd2(&db, "example.com", "alice", None);
    assert_eq!(get("alice", "example.com"), None);
    assert!(!file.user_exists("alice", "example.com").unwrap());
    assert_eq!(file.users().unwrap().len(), 2);
    agree(&db);

    let before = fs::read(&db).unwrap();
    let refused = file.put("carol", "example.com", "userPassword", b"x").unwrap_err();
    assert_eq!(refused.code(), Code::Fail);
    for part in [db.to_str().unwrap(), "Berkeley DB", "saslpasswd2"] {
        assert!(refused.detail().contains(part), "{refused}");
    }
    assert_eq!(file.delete("bob", "example.com", "userPassword").unwrap_err().code(), Code::Fail);
    assert_eq!(fs::read(&db).unwrap(), before);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "no lock or other file is made");
}

#[test]
fn every_page_size_byte_order_and_checksum_is_read() {
    let scratch = Scratch::new();
    let mut pairs = users(300);
    pairs.push((b"empty".to_vec(), Vec::new()));
    for size in [0, 100, 500, 3000, 70_000] {
        pairs.push((format!("big value {size}").into_bytes(), (0..size).map(|n| (n % 251) as u8).collect()));
        pairs.push((vec![b'k'; size + 7], b"value of a big key".to_vec()));
    }
    for page in ["512", "1024", "2048", "4096", "8192", "16384", "32768", "65536"] {
        for order in ["1234", "4321"] {
            for checksum in ["0", "1"] {
                let db = scratch.path(&format!("{page}-{order}-{checksum}"));
                let [page, order, checksum] =
                    [format!("db_pagesize={page}"), format!("db_lorder={order}"), format!("chksum={checksum}")];
                let mut settings = vec![page.as_str(), order.as_str()];
                if checksum.ends_with('1') {
                    settings.push(&checksum);
                }
                db_load(&db, &settings, &pairs);
                agree(&db);
            }
        }
    }
}

/// Compiles one of the programs of `tests/c`.
fn compile(scratch: &Scratch, name: &str, library: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name).with_extension("c");
    let program = scratch.path(name);
    run(Command::new("gcc").args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source).arg(library), b"");
    program
}

#[test]
fn deleted_and_rewritten_items_leave_no_trace() {
    let scratch = Scratch::new();
    let make = compile(&scratch, "bdb_make", "-ldb");
    for page in ["512", "1024", "4096", "65536"] {
        for order in ["1234", "4321"] {
            let db = scratch.path(&format!("{page}-{order}"));
            run(Command::new(&make).arg(&db).args([page, order, "churn"]), b"");
            agree(&db);
            let file = SasldbFile::open(&db).unwrap();
            assert!(file.get("user300", "example.com", "userPassword").unwrap().is_none());
            assert!(file.get("user103", "example.com", "userPassword").unwrap().is_some());
        }
    }
}

#[test]
fn files_with_another_hash_function_are_read() {
    let scratch = Scratch::new();
    let make = compile(&scratch, "bdb_make", "-ldb");
    let db = scratch.path("db");
    run(Command::new(make).arg(&db).args(["512", "1234", "myhash"]), b"");
    let file = BdbFile::new(&db);
    file.verify().unwrap();
    assert_eq!(file.keys().unwrap().len(), 400);
    let get = |key: &[u8]| file.get_many(&[key.to_vec()], u32::MAX).unwrap().pop().unwrap();
    assert_eq!(get(b"user399\0example.com\0userPassword").unwrap().expose().len(), 3990);
    assert_eq!(get(b"user55\0example.com\0userPassword").unwrap().expose(), [b'd'; 12]);
    assert!(get(b"user400\0example.com\0userPassword").is_none());
}

#[test]
fn duplicate_values_are_read() {
    let scratch = Scratch::new();
    let mut pairs = users(20);
    for n in 0..3 {
        pairs.push((b"few".to_vec(), format!("value {n}").into_bytes()));
    }
    for n in 0..400 {
        pairs.push((b"many".to_vec(), format!("value {n:03}").into_bytes()));
    }
    for n in 0..5 {
        pairs.push((b"large".to_vec(), vec![b'0' + n; 3000]));
    }
    for sorted in ["dupsort=0", "dupsort=1"] {
        for page in ["db_pagesize=512", "db_pagesize=4096"] {
            for order in ["db_lorder=1234", "db_lorder=4321"] {
                let db = scratch.path(&format!("{sorted}{page}{order}"));
                db_load(&db, &["duplicates=1", sorted, page, order], &pairs);
                agree(&db);
            }
        }
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let scratch = Scratch::new();
    let refused = |name: &str, words: &str| {
        let path = scratch.path(name);
        let file = SasldbFile::new(&path, Default::default());
        for error in [
            file.get("alice", "example.com", "userPassword").unwrap_err(),
            file.put("alice", "example.com", "userPassword", b"x").unwrap_err(),
            file.users().unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::Fail);
            assert!(error.detail().contains(path.to_str().unwrap()), "{error}");
            assert!(error.detail().contains(words) || error.detail().contains("is read but not written"), "{error}");
        }
    };
    let load = |name: &str, arguments: &[&str]| {
        let dump = if arguments.contains(&"recno") || arguments.contains(&"queue") { "1\nx\n" } else { "a\nb\n" };
        run(Command::new("db5.3_load").args(arguments).arg("-T").arg(scratch.path(name)), dump.as_bytes());
    };
    load("btree", &["-t", "btree"]);
    refused("btree", "Berkeley DB btree");
    load("queue", &["-t", "queue", "-c", "re_len=10"]);
    refused("queue", "Berkeley DB queue");
    load("encrypted", &["-t", "hash", "-P", "password"]);
    refused("encrypted", "encrypted");
    for (name, magic, words) in [
        ("gdbm", &0x1357_9acf_u32.to_le_bytes()[..], "GDBM"),
        ("gdbm-old", &0x1357_9ace_u32.to_be_bytes(), "GDBM"),
        ("gdbm-sync", &0x1357_9ad0_u32.to_le_bytes(), "GDBM"),
        ("bdb185", &0x0006_1561_u32.to_be_bytes(), "1.85"),
        ("sqlite", b"SQLite format 3\0", "SQLite"),
        ("text", b"alice:secret\n", "no password database"),
        ("short", b"\0", "no password database"),
        ("zeros", &[0; 8192], "no password database"),
    ] {
        fs::write(scratch.path(name), [magic, &[0; 100]].concat()).unwrap();
        refused(name, words);
        assert!(SasldbFile::open(scratch.path(name)).is_err());
    }
    fs::create_dir(scratch.path("directory")).unwrap();
    refused("directory", "not a regular file");
    run(Command::new("mkfifo").arg(scratch.path("pipe")), b"");
    refused("pipe", "not a regular file");
}

#[test]
fn names_and_values_that_cannot_be_stored_are_refused() {
    let scratch = Scratch::new();
    let file = SasldbFile::open(scratch.path("db")).unwrap();
    for (user, realm, property) in [("a\0b", "c", "d"), ("a", "b\0", "d"), ("a", "b", "\0")] {
        assert_eq!(file.get(user, realm, property).unwrap_err().code(), Code::BadParam);
        assert_eq!(file.put(user, realm, property, b"x").unwrap_err().code(), Code::BadParam);
        assert_eq!(file.delete(user, realm, property).unwrap_err().code(), Code::BadParam);
        assert_eq!(file.user_exists(user, realm).is_err(), property != "\0");
    }
    assert_eq!(file.put("u".repeat(500), "realm", "property", b"x").unwrap_err().code(), Code::BadParam);
    assert!(file.get("u".repeat(5000), "realm", "property").unwrap().is_none());
    assert_eq!(file.put("u", "realm", "property", &[b'x'; 8193]).unwrap_err().code(), Code::BufOver);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0, "nothing was made");
    file.put("u".repeat(509 - 5 - 8), "realm", "property", &[b'x'; 8192]).unwrap();
    let value = file.get("u".repeat(509 - 5 - 8), "realm", "property").unwrap().unwrap();
    assert_eq!(value.expose().len(), 8192);
    assert!(file.get("u".repeat(5000), "realm", "property").unwrap().is_none());
    file.put("", "", "", b"").unwrap();
    assert!(file.get("", "", "").unwrap().unwrap().expose().is_empty());
}

fn lmdb_dump(db: &Path) -> Pairs {
    parse_dump(&run(Command::new("mdb_dump").arg("-n").arg(db), b"").stdout)
}

#[test]
fn lmdb_files_are_made_as_cyrus_makes_them() {
    let scratch = Scratch::new();
    let db = scratch.path("sasldb2");
    let file = SasldbFile::open(&db).unwrap();
    assert!(!file.delete("alice", "example.com", "userPassword").unwrap());
    assert!(!db.exists());
    file.put("alice", "example.com", "userPassword", b"secret").unwrap();
    file.put("bob", "example.com", "userPassword", b"geheim").unwrap();
    file.put("alice", "example.com", "userPassword", b"changed").unwrap();
    assert_eq!(file.format().unwrap(), Format::Lmdb);
    let get = |user, realm| file.get(user, realm, "userPassword").unwrap().map(|value| value.expose().to_vec());
    assert_eq!(get("alice", "example.com").unwrap(), b"changed");
    assert_eq!(get("alice", "other.org"), None);
    for name in ["sasldb2", "sasldb2-lock"] {
        assert_eq!(fs::metadata(scratch.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let pairs = lmdb_dump(&db);
    assert_eq!(pairs.len(), 2);
    assert_eq!(pairs[&b"alice\0example.com\0userPassword"[..]], [b"changed"]);
    assert_eq!(pairs[&b"bob\0example.com\0userPassword"[..]], [b"geheim"]);
    assert!(file.delete("bob", "example.com", "userPassword").unwrap());
    assert_eq!(lmdb_dump(&db).len(), 1);
    assert_eq!(file.users().unwrap().len(), 1);
}
