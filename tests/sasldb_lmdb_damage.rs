//! Damaged LMDB files: every byte changed, every length cut. LMDB itself would end the process on many of them. Here what they
//! hold is found as it was, or there is an error; and neither reading nor writing does any harm.
//!
//! With optimisation this takes every byte, and for those of headers every value; without, a sample of them.
#![cfg(feature = "lmdb")]

mod scratch;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use oxisasl::Code;
use oxisasl::store::lmdb::LmdbOptions;
use oxisasl::store::sasldb::SasldbFile;
use scratch::{Scratch, run};

/// Whether all is tried.
const ALL: bool = cfg!(not(debug_assertions));
const REALM: &str = "example.com";
const PROPERTY: &str = "userPassword";
/// Bytes of a page.
const PAGE: usize = 4096;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8
    }

    /// What to change a byte to: some values, or all.
    fn values(&mut self, byte: u8, in_header: bool) -> Vec<u8> {
        let masks: Vec<u8> = match (in_header, ALL) {
            (true, true) => (1..=255).collect(),
            (true, false) => vec![0xff, 1 << (self.next() % 8), self.next()],
            (false, true) => vec![0xff, 0x01],
            (false, false) if self.next() < 4 => vec![1 << (self.next() % 8)],
            (false, false) => vec![],
        };
        masks.into_iter().map(|mask| byte ^ mask).filter(|&value| value != byte).collect()
    }
}

fn entry(n: usize) -> (String, Vec<u8>) {
    let value = if n % 40 == 7 { vec![b'v'; 3000 + n] } else { format!("secret of {n}").into_bytes() };
    (format!("user{n}"), value)
}

fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    bytes[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// A file as many transactions leave it, with users that have come and gone.
fn make(db: &Path, count: usize) -> Vec<u8> {
    let file = SasldbFile::open(db).unwrap();
    for n in 0..count {
        let (user, value) = entry(n);
        file.put(&user, REALM, PROPERTY, &value).unwrap();
        file.put(format!("gone{n}"), REALM, PROPERTY, b"gone").unwrap();
    }
    for n in 0..count {
        assert!(file.delete(format!("gone{n}"), REALM, PROPERTY).unwrap());
    }
    fs::read(db).unwrap()
}

/// For each byte, the entry whose content or length it is, in pages that are in use as well as in others; and which bytes are of
/// headers: of meta pages, pages and nodes.
fn map(original: &[u8], count: usize) -> (BTreeMap<usize, usize>, Vec<bool>) {
    let mut owner = BTreeMap::new();
    for n in 0..count {
        let (user, value) = entry(n);
        let key = format!("{user}\0{REALM}\0{PROPERTY}");
        for (at, window) in original.windows(key.len()).enumerate() {
            if window == key.as_bytes() {
                // A node begins with the length of the value, and has the number of a page in the place of a long one.
                let value = if value.len() > 1000 { 8 } else { value.len() };
                owner.extend((at.saturating_sub(8)..at + key.len() + value).map(|byte| (byte, n)));
            }
        }
        if value.len() > 1000 {
            for at in (0..original.len()).step_by(PAGE).map(|page| page + 16) {
                if original[at..].starts_with(&value) {
                    owner.extend((at..at + value.len()).map(|byte| (byte, n)));
                }
            }
        }
    }
    let mut header = vec![false; original.len()];
    for page in (0..original.len()).step_by(PAGE) {
        let end = if page < 2 * PAGE { 152 } else { number(original, page + 12, 2).clamp(16, PAGE) };
        header[page..page + end].fill(true);
        if page >= 2 * PAGE && number(original, page + 10, 2) & 3 != 0 {
            for at in (16..end).step_by(2) {
                let node = page + number(original, page + at, 2).min(PAGE - 8);
                header[node..node + 8].fill(true);
            }
        }
    }
    (owner, header)
}

/// Puts a file in the place of another one, so that nothing of the other is known any more.
fn place(db: &Path, bytes: &[u8]) {
    let new = db.with_extension("new");
    fs::write(&new, bytes).unwrap();
    fs::rename(&new, db).unwrap();
}

/// In memory, since every attempt writes to disk.
fn scratch() -> Scratch {
    let path =
        Path::new("/dev/shm").join(format!("oxisasl-damage-{}-{:?}", std::process::id(), std::thread::current().id()));
    fs::create_dir(&path).unwrap();
    Scratch(path)
}

#[test]
fn a_changed_byte_is_noticed_or_harmless() {
    const COUNT: usize = 100;
    let scratch = scratch();
    let db = scratch.path("db");
    let original = make(&db, COUNT);
    let (owner, header) = map(&original, COUNT);
    let mut numbers = Numbers(1);
    let (mut tried, mut noticed) = (0, 0);
    let mut damaged = original.clone();
    for (at, byte) in original.iter().enumerate() {
        // Nothing tells whether a transaction was completed but its number: another one may make the one before the last.
        let transaction = at < 2 * PAGE && (144..152).contains(&(at % PAGE));
        for value in numbers.values(*byte, header[at]) {
            damaged[at] = value;
            place(&db, &damaged);
            damaged[at] = *byte;
            tried += 1;
            let what = format!("byte {at}: {byte} to {value}");
            let start = Instant::now();
            let file = SasldbFile::new(&db, LmdbOptions::default());
            let fails = |error: oxisasl::Error| {
                assert_eq!(error.code(), Code::Fail, "{what}: {error}");
                assert!(error.detail().contains(db.to_str().unwrap()), "{what}: {error}");
            };
            let right = |n: usize, is_there: bool| {
                assert!(is_there || transaction || owner.get(&at) == Some(&n), "{what}: user{n} is lost");
            };
            match file.users() {
                Err(error) => {
                    noticed += 1;
                    fails(error);
                }
                Ok(users) => {
                    let mut there = vec![false; COUNT];
                    for user in users {
                        let name = String::from_utf8_lossy(&user.user).into_owned();
                        let n = name.strip_prefix("user").and_then(|n| n.parse::<usize>().ok());
                        n.and_then(|n| there.get_mut(n)).into_iter().for_each(|there| *there = true);
                    }
                    there.into_iter().enumerate().for_each(|(n, there)| right(n, there));
                    for n in (tried..tried + 3).map(|n| n % COUNT) {
                        let (user, value) = entry(n);
                        let found = file.get(&user, REALM, PROPERTY).unwrap();
                        right(n, found.is_some_and(|found| found.expose() == value));
                    }
                }
            }
            // LMDB itself gets to see it only if it is sound.
            match file.put("new", REALM, PROPERTY, b"value") {
                Err(error) => fails(error),
                Ok(()) => assert_eq!(file.get("new", REALM, PROPERTY).unwrap().unwrap().expose(), b"value"),
            }
            assert!(start.elapsed() < Duration::from_secs(5), "{what} took {:?}", start.elapsed());
        }
    }
    println!("{noticed} of {tried} changes were noticed");
    assert!(noticed > tried / 8, "{noticed} of {tried}");
}

/// LMDB writes to a page that says so where it lies: into a file that is mapped for reading.
#[test]
fn a_page_that_says_that_it_is_being_written_is_damaged() {
    let scratch = scratch();
    let db = scratch.path("db");
    let original = make(&db, 100);
    let mut refused = 0;
    for at in (2 * PAGE..original.len()).step_by(PAGE).map(|page| page + 10) {
        let mut damaged = original.clone();
        damaged[at] |= 0x10;
        place(&db, &damaged);
        let file = SasldbFile::new(&db, LmdbOptions::default());
        refused += usize::from(file.put("user50", REALM, PROPERTY, b"value").is_err());
    }
    // All of the main tree, and of the list of unused pages; some pages are in neither.
    assert!(refused >= 8, "{refused}");
}

#[test]
fn every_truncation_is_noticed() {
    let scratch = scratch();
    let db = scratch.path("db");
    let original = make(&db, 30);
    // Unused pages at the end need not be in the file, but nothing else may be missing.
    let mut numbers = Numbers(1);
    place(&db, &original);
    let bytes = OpenOptions::new().write(true).open(&db).unwrap();
    for length in (1..original.len()).rev() {
        if !ALL && length > 300 && numbers.next() > 3 {
            continue;
        }
        bytes.set_len(length as u64).unwrap();
        let file = SasldbFile::new(&db, LmdbOptions::default());
        for error in [file.users().unwrap_err(), file.put("new", REALM, PROPERTY, b"x").unwrap_err()] {
            assert_eq!(error.code(), Code::Fail);
            let said = error.detail();
            assert!(
                said.contains("truncated") || (length < 20 && said.contains("no password database")),
                "{length}: {said}"
            );
        }
    }
}

#[test]
fn what_the_tools_of_lmdb_make_is_sound() {
    let scratch = scratch();
    let db = scratch.path("db");
    make(&db, 300);
    let count = |db: &Path| SasldbFile::open(db).unwrap().users().unwrap().len();
    assert_eq!(count(&db), 300);
    for (name, options) in [("copy", &["-n"][..]), ("compact", &["-n", "-c"])] {
        let copy = scratch.path(name);
        run(Command::new("mdb_copy").args(options).arg(&db).arg(&copy), b"");
        assert_eq!(count(&copy), 300, "{name}");
        SasldbFile::open(&copy).unwrap().put("new", REALM, PROPERTY, b"x").unwrap();
        assert_eq!(count(&copy), 301, "{name}");
    }
    let dump = run(Command::new("mdb_dump").arg("-n").arg(&db), b"").stdout;
    run(Command::new("mdb_load").arg("-n").arg(scratch.path("loaded")), &dump);
    assert_eq!(count(&scratch.path("loaded")), 300);
}
