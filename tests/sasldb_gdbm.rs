//! GDBM files made by GDBM itself: all of them are read as it reads them, and damaged ones are errors or read right.

mod scratch;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use oxisasl::Code;
use oxisasl::store::gdbm::GdbmFile;
use oxisasl::store::sasldb::{Format, SasldbFile};
use scratch::{Pairs, Running, Scratch, compile, parse_dump, run, users};

/// Whether all damage is tried, and not a sample of it.
const ALL: bool = cfg!(not(debug_assertions));

struct Maker(PathBuf);

impl Maker {
    fn new(scratch: &Scratch) -> Self {
        Maker(compile(scratch, "gdbm_make", "-lgdbm"))
    }

    fn command(&self, db: &Path, arguments: [&str; 4]) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(db).args(arguments);
        command
    }

    fn make(&self, db: &Path, arguments: [&str; 4]) {
        run(&mut self.command(db, arguments), b"");
    }

    fn dump(&self, db: &Path) -> Pairs {
        parse_dump(&run(&mut self.command(db, ["0", "plain", "dump", "0"]), b"").stdout)
    }
}

/// Everything is found by walking and by looking up, and what is not there is not.
fn holds(db: &Path, expected: &Pairs) {
    let file = GdbmFile::new(db);
    file.verify().unwrap();
    let found = file.pairs().unwrap();
    assert_eq!(found.len(), expected.len());
    for (key, value) in found {
        assert_eq!(expected[&key], [value.expose()]);
    }
    for (key, values) in expected {
        let missing = [key, &b"x"[..]].concat();
        let mut answers = file.get_many(&[key.clone(), missing], u32::MAX).unwrap();
        assert!(answers.pop().unwrap().is_none());
        assert_eq!(answers.pop().unwrap().unwrap().expose(), values[0]);
    }
}

#[test]
fn what_gdbm_makes_is_read() {
    let scratch = Scratch::new();
    let maker = Maker::new(&scratch);
    for block in ["0", "512", "1024", "4096", "65536"] {
        for kind in ["plain", "numsync"] {
            for (what, count) in [("users", "0"), ("users", "1"), ("users", "1500"), ("churn", "400")] {
                let db = scratch.path("db");
                maker.make(&db, [block, kind, what, count]);
                holds(&db, &maker.dump(&db));
            }
        }
    }
}

#[test]
fn it_is_a_password_database_that_is_not_written() {
    let scratch = Scratch::new();
    let db = scratch.path("sasldb2");
    Maker::new(&scratch).make(&db, ["0", "plain", "users", "100"]);
    let before = fs::read(&db).unwrap();
    let file = SasldbFile::open(&db).unwrap();
    assert_eq!(file.format().unwrap(), Format::Gdbm);
    let get = |user| file.get(user, "example.com", "userPassword").unwrap();
    assert_eq!(get("user7").unwrap().expose(), b"secret of 7");
    assert!(get("user100").is_none());
    assert!(file.user_exists("user99", "example.com").unwrap());
    assert_eq!(file.users().unwrap().len(), 100);
    for error in [
        file.put("user7", "example.com", "userPassword", b"x").unwrap_err(),
        file.delete("user7", "example.com", "userPassword").unwrap_err(),
        file.check_writable().unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::Fail);
        for part in [db.to_str().unwrap(), "GDBM", "saslmigrate", "saslpasswd2"] {
            assert!(error.detail().contains(part), "{error}");
        }
    }
    assert_eq!(fs::read(&db).unwrap(), before);
    // Only the beginning of one.
    let cut = scratch.path("cut");
    for length in [4, 30, 100] {
        fs::write(&cut, &before[..length]).unwrap();
        let error = SasldbFile::open(&cut).unwrap().get("user7", "example.com", "userPassword").unwrap_err();
        assert_eq!(error.code(), Code::Fail);
        assert!(error.detail().contains(cut.to_str().unwrap()) && error.detail().contains("truncated"), "{error}");
    }
    let long = GdbmFile::new(&db).get_many(&[users(8)[7].0.clone()], 10).unwrap_err();
    assert_eq!(long.code(), Code::BufOver);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 3, "no lock or other file is made");
}

#[test]
fn a_file_that_is_being_written_is_read_right() {
    let scratch = Scratch::new();
    let (maker, db) = (Maker::new(&scratch), scratch.path("db"));
    let mut writer = Running::start(maker.command(&db, ["0", "plain", "busy", "100"]).stdout(Stdio::piped()));
    writer.expect_line("ready");
    let file = SasldbFile::open(&db).unwrap();
    let start = Instant::now();
    let (mut right, mut changed) = (0, 0);
    // Two seconds, or longer where the reader seldom gets its turn.
    let enough = |right, changed| right > 200 && changed > 0;
    while start.elapsed() < Duration::from_secs(2)
        || !enough(right, changed) && start.elapsed() < Duration::from_secs(60)
    {
        for n in 0..100 {
            match file.get(format!("user{n}"), "example.com", "userPassword") {
                Ok(value) => {
                    let value = value.unwrap_or_else(|| panic!("user{n} was lost"));
                    let value = value.expose();
                    let is_new = (40..43).contains(&value.len()) && value.iter().all(|byte| *byte == value[0]);
                    assert!(is_new || value == format!("secret of {n}").as_bytes(), "{value:?}");
                    right += 1;
                    changed += usize::from(is_new);
                }
                Err(error) => assert_eq!(error.code(), Code::TryAgain, "{error}"),
            }
        }
    }
    println!("{right} right, {changed} of them changed meanwhile");
    assert!(enough(right, changed));
}

#[test]
fn a_file_that_stays_locked_is_given_up() {
    let scratch = Scratch::new();
    let (maker, db) = (Maker::new(&scratch), scratch.path("db"));
    let mut writer = Running::start(maker.command(&db, ["0", "plain", "hold", "10"]).stdout(Stdio::piped()));
    writer.expect_line("ready");
    let file = SasldbFile::open(&db).unwrap();
    let error = file.get("user1", "example.com", "userPassword").unwrap_err();
    assert_eq!(error.code(), Code::TryAgain);
    assert!(error.detail().contains(db.to_str().unwrap()) && error.detail().contains("locked"), "{error}");
    drop(writer);
    assert!(file.get("user1", "example.com", "userPassword").unwrap().is_some());
}

/// How the numbers of a file are laid out: most significant byte first or not, bytes of an address, its alignment.
#[derive(Debug, Clone, Copy)]
struct Shape {
    big_endian: bool,
    address: usize,
    align: usize,
    magic: u32,
}

impl Shape {
    fn put(self, bytes: &mut [u8], at: usize, size: usize, number: u64) {
        let raw = number.to_le_bytes();
        let place = &mut bytes[at..at + size];
        place.copy_from_slice(&raw[..size]);
        if self.big_endian {
            place.reverse();
        }
    }

    fn put32(self, bytes: &mut [u8], at: usize, number: u32) {
        self.put(bytes, at, 4, number.into());
    }
}

fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    bytes[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// What a machine of another kind would have made of a file of this one: everything stays where it is.
fn reshaped(original: &[u8], shape: Shape) -> Vec<u8> {
    let mut new = original.to_vec();
    let (directory, bits) = (number(original, 8, 8), number(original, 20, 4));
    let (bucket_size, elements) = (number(original, 24, 4), number(original, 28, 4));
    let bits_at = shape.align + 6 * (shape.align + shape.address);
    let element_size = shape.address + 16;
    let room = (bucket_size - bits_at - 8) / element_size;
    new[..40].fill(0);
    shape.put32(&mut new, 0, shape.magic);
    shape.put32(&mut new, 4, bucket_size as u32);
    shape.put(&mut new, 8, shape.address, directory as u64);
    let head = [shape.address << bits, bits, bucket_size, room];
    for (index, field) in head.into_iter().enumerate() {
        shape.put32(&mut new, 8 + shape.address + 4 * index, field as u32);
    }
    shape.put(&mut new, 24 + shape.address, shape.address, original.len() as u64);
    new[directory..directory + (8 << bits)].fill(0);
    let mut buckets: Vec<usize> = Vec::new();
    for entry in 0..1 << bits {
        let bucket = number(original, directory + 8 * entry, 8);
        shape.put(&mut new, directory + shape.address * entry, shape.address, bucket as u64);
        buckets.push(bucket);
    }
    buckets.dedup();
    for bucket in buckets {
        new[bucket..bucket + bucket_size].fill(0);
        for field in 0..2 {
            let at = bits_at + 4 * field;
            shape.put32(&mut new, bucket + at, number(original, bucket + 104 + 4 * field, 4) as u32);
        }
        let place = |slot: usize| bucket + bits_at + 8 + slot * element_size;
        (0..room).for_each(|slot| shape.put32(&mut new, place(slot), u32::MAX));
        let mut used = vec![false; room];
        for at in (0..elements).map(|index| bucket + 112 + 24 * index) {
            let hash = number(original, at, 4);
            if hash == u32::MAX as usize {
                continue;
            }
            let mut slot = hash % room;
            while used[slot] {
                slot = (slot + 1) % room;
            }
            used[slot] = true;
            let to = place(slot);
            shape.put32(&mut new, to, hash as u32);
            new[to + 4..to + 8].copy_from_slice(&original[at + 4..at + 8]);
            shape.put(&mut new, to + 8, shape.address, number(original, at + 8, 8) as u64);
            for field in 0..2 {
                let lengths = number(original, at + 16 + 4 * field, 4);
                shape.put32(&mut new, to + 8 + shape.address + 4 * field, lengths as u32);
            }
        }
    }
    new
}

#[test]
fn files_of_other_machines_are_read() {
    let scratch = Scratch::new();
    let (maker, db) = (Maker::new(&scratch), scratch.path("db"));
    for arguments in [["512", "plain", "users", "600"], ["4096", "plain", "users", "5"], ["0", "plain", "churn", "300"]]
    {
        maker.make(&db, arguments);
        let (original, expected) = (fs::read(&db).unwrap(), maker.dump(&db));
        for big_endian in [false, true] {
            for (address, align, magic) in [
                (8, 8, 0x1357_9acf),
                (8, 4, 0x1357_9acf),
                (4, 4, 0x1357_9acd),
                (8, 8, 0x1357_9ad1),
                (4, 4, 0x1357_9ad0),
                (8, 8, 0x1357_9ace),
                (8, 4, 0x1357_9ace),
                (4, 4, 0x1357_9ace),
            ] {
                let shape = Shape { big_endian, address, align, magic };
                let made = reshaped(&original, shape);
                fs::write(&db, &made).unwrap();
                assert_eq!(SasldbFile::open(&db).unwrap().format().unwrap(), Format::Gdbm, "{shape:?}");
                holds(&db, &expected);
                if !big_endian && (address, align, magic) == (8, 8, 0x1357_9acf) {
                    assert_eq!(maker.dump(&db), expected, "the change of shape is right");
                }
            }
        }
    }
}

/// Files that GDBM 1.23 of a machine with addresses of 32 bits made, with and without support for large files.
#[test]
fn genuine_files_of_another_machine_are_read() {
    for name in ["i386-large", "i386-small"] {
        let db = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gdbm").join(name);
        let expected = users(40).into_iter().map(|(key, value)| (key, vec![value])).collect();
        holds(&db, &expected);
    }
}

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
            (true, false) if self.next() < 128 => vec![1 << (self.next() % 8), self.next()],
            (false, true) => vec![0xff, 0x80, 0x02, 0x01],
            (_, false) if self.next() < 16 => vec![1 << (self.next() % 8)],
            _ => vec![],
        };
        masks.into_iter().map(|mask| byte ^ mask).filter(|&value| value != byte).collect()
    }
}

/// For each byte, the key of the entry whose content it is; and whether it is of a header, the directory or a bucket.
fn map(original: &[u8]) -> (Vec<Option<Vec<u8>>>, Vec<bool>) {
    let mut owner = vec![None; original.len()];
    let mut structure = vec![false; original.len()];
    let (directory, bits, size) = (number(original, 8, 8), number(original, 20, 4), number(original, 24, 4));
    structure[..40].fill(true);
    structure[directory..directory + (8 << bits)].fill(true);
    for entry in 0..1 << bits {
        let bucket = number(original, directory + 8 * entry, 8);
        structure[bucket..bucket + size].fill(true);
        for at in (0..number(original, 28, 4)).map(|index| bucket + 112 + 24 * index) {
            if number(original, at, 4) != u32::MAX as usize {
                let (place, key, value) =
                    (number(original, at + 8, 8), number(original, at + 16, 4), number(original, at + 20, 4));
                let name = original[place..place + key].to_vec();
                // Nothing tells how long the value was but this one number.
                owner[at + 20..at + 24].fill(Some(name.clone()));
                owner[place..place + key + value].fill(Some(name));
            }
        }
    }
    (owner, structure)
}

#[test]
fn a_changed_byte_is_noticed_or_harmless() {
    let scratch = Scratch::new();
    let (maker, db) = (Maker::new(&scratch), scratch.path("db"));
    for block in ["512", "4096"] {
        maker.make(&db, [block, "plain", "users", "100"]);
        let original = fs::read(&db).unwrap();
        let (owner, structure) = map(&original);
        let expected = users(100);
        let bytes = OpenOptions::new().write(true).open(&db).unwrap();
        let mut numbers = Numbers(1);
        let (mut tried, mut noticed) = (0, 0);
        for (at, byte) in original.iter().enumerate() {
            for value in numbers.values(*byte, structure[at]) {
                bytes.write_all_at(&[value], at as u64).unwrap();
                let start = Instant::now();
                tried += 1;
                let what = format!("byte {at}: {byte} to {value}");
                let file = GdbmFile::new(&db);
                // Also what is not checked whole first, as in large files.
                let one = &expected[tried % 100];
                let right = |key: &[u8], found: Option<&[u8]>, expected: &[u8]| {
                    assert!(found == Some(expected) || owner[at].as_deref() == Some(key), "{what}");
                };
                match file.pairs() {
                    Err(error) => {
                        assert_eq!(error.code(), Code::Fail);
                        assert!(error.detail().contains(db.to_str().unwrap()), "{error}");
                        noticed += 1;
                    }
                    Ok(pairs) => {
                        for (key, value) in &expected {
                            let found = pairs.iter().find(|(found, _)| found == key);
                            right(key, found.map(|(_, value)| value.expose()), value);
                        }
                        let found = file.get_many(std::slice::from_ref(&one.0), u32::MAX).unwrap().pop().unwrap();
                        right(&one.0, found.as_ref().map(|value| value.expose()), &one.1);
                    }
                }
                assert!(start.elapsed() < Duration::from_secs(5), "{what} took {:?}", start.elapsed());
            }
            bytes.write_all_at(&[*byte], at as u64).unwrap();
        }
        println!("blocks of {block}: {noticed} of {tried} changes were noticed");
        assert!(noticed > tried / 4, "{noticed} of {tried}");
    }
}

#[test]
fn every_truncation_is_noticed_or_harmless() {
    let scratch = Scratch::new();
    let (maker, db) = (Maker::new(&scratch), scratch.path("db"));
    maker.make(&db, ["512", "plain", "users", "100"]);
    let (original, expected) = (fs::read(&db).unwrap(), maker.dump(&db));
    let (owner, structure) = map(&original);
    let needed = (0..original.len()).rev().find(|&at| owner[at].is_some() || structure[at]).unwrap() + 1;
    let bytes = OpenOptions::new().write(true).open(&db).unwrap();
    let mut numbers = Numbers(1);
    for length in (0..original.len()).rev() {
        if !ALL && length > 64 && numbers.next() > 31 {
            continue;
        }
        bytes.set_len(length as u64).unwrap();
        match GdbmFile::new(&db).pairs() {
            Ok(pairs) => {
                assert!(length >= needed, "{length}");
                assert!(pairs.iter().all(|(key, value)| expected[key] == [value.expose()]), "{length}");
            }
            Err(error) => {
                assert!(length < needed, "{length}: {error}");
                assert!(error.detail().contains("truncated"), "{length}: {error}");
            }
        }
    }
}
