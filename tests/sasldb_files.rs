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
