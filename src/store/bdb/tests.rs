//! Damaged files: every byte changed, every length cut. Made by Berkeley DB's own `db5.3_load`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A file that goes away with the test.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn load(settings: &[&str], pairs: &Pairs) -> Scratch {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("oxisasl-bdb-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let scratch = Scratch(std::env::temp_dir().join(name));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut dump = String::from("VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n");
    for (key, value) in pairs {
        dump += &format!(" {}\n {}\n", hex(key), hex(value));
    }
    dump += "DATA=END\n";
    let mut command = Command::new("db5.3_load");
    for setting in settings {
        command.args(["-c", setting]);
    }
    let mut child = command.arg(&scratch.0).stdin(Stdio::piped()).spawn().expect("db5.3_load is needed for this test");
    child.stdin.take().unwrap().write_all(dump.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    scratch
}

fn users(count: usize) -> Pairs {
    let user = |n| (format!("user{n}\0example.com\0userPassword").into_bytes(), format!("secret{n}").into_bytes());
    (0..count).map(user).collect()
}

/// What a `BdbFile` does with a small file at rest.
fn read_all(path: &Path, keys: &[Vec<u8>]) -> Read<Vec<Option<Secret>>> {
    let file = HashFile::new(File::open(path).unwrap())?;
    file.verify()?;
    let mut buffer = file.buffer();
    keys.iter().map(|key| file.get(key, 8192, &mut buffer)).collect()
}

/// Looks every key up in spite of whatever `verify` would say; only to see that nothing goes wrong.
fn read_regardless(path: &Path, keys: &[Vec<u8>]) {
    if let Ok(file) = HashFile::new(File::open(path).unwrap()) {
        let mut buffer = file.buffer();
        for key in keys {
            let _ = file.get(key, 8192, &mut buffer);
        }
        let _ = file.pairs().count();
    }
}

fn keys(pairs: &Pairs) -> Vec<Vec<u8>> {
    pairs.iter().map(|(key, _)| key.clone()).collect()
}

/// Changes each byte in turn. Either that is noticed, or everything is as before but the entry that the byte is in.
fn flip_each_byte(settings: &[&str], mask: u8, pairs: &Pairs) {
    let scratch = load(settings, pairs);
    let keys = keys(pairs);
    let original = fs::read(&scratch.0).unwrap();
    // Where the bytes of each entry lie, with the remains that Berkeley DB leaves when it moves one. They are all on
    // hash pages, since nothing is big here.
    let mut owner = BTreeMap::new();
    for (index, (key, value)) in pairs.iter().enumerate() {
        let entry = [&[1][..], value, &[1], key].concat();
        for (at, window) in original.windows(entry.len()).enumerate() {
            if window == entry {
                owner.extend((at..at + entry.len()).map(|byte| (byte, index)));
            }
        }
    }
    let file = OpenOptions::new().write(true).open(&scratch.0).unwrap();
    let mut noticed = 0;
    for (at, byte) in original.iter().enumerate() {
        file.write_all_at(&[byte ^ mask], at as u64).unwrap();
        // Looking up all of them each time takes minutes: each lookup has its turn.
        let some: Vec<_> = (at..at + 9).map(|index| index % pairs.len()).collect();
        match read_all(&scratch.0, &some.iter().map(|&index| keys[index].clone()).collect::<Vec<_>>()) {
            Err(_) => noticed += 1,
            Ok(values) => {
                for (index, value) in some.into_iter().zip(values) {
                    let same = value.is_some_and(|value| value.expose() == pairs[index].1);
                    assert!(same || owner.get(&at) == Some(&index), "byte {at} ^ {mask:#x}, entry {index}");
                }
                let file = HashFile::new(File::open(&scratch.0).unwrap()).unwrap();
                let walked: BTreeMap<_, _> = file.pairs().map(Result::unwrap).collect();
                for (index, (key, value)) in pairs.iter().enumerate() {
                    let same = walked.get(key).is_some_and(|found| found.expose() == value);
                    assert!(same || owner.get(&at) == Some(&index), "byte {at} ^ {mask:#x}, entry {index}");
                }
            }
        }
        read_regardless(&scratch.0, &keys[..3]);
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert!(noticed > original.len() / 16, "only {noticed} changes were noticed");
}

#[test]
fn a_changed_byte_is_noticed_or_harmless() {
    flip_each_byte(&["db_pagesize=512"], 0x01, &users(100));
}

#[test]
fn a_changed_byte_is_noticed_or_harmless_in_large_pages() {
    flip_each_byte(&["db_lorder=4321"], 0x02, &users(100));
}

#[test]
fn with_checksums_a_changed_byte_is_noticed() {
    let pairs = users(20);
    let scratch = load(&["db_pagesize=512", "chksum=1"], &pairs);
    let original = fs::read(&scratch.0).unwrap();
    let file = OpenOptions::new().write(true).open(&scratch.0).unwrap();
    for (at, byte) in original.iter().enumerate() {
        file.write_all_at(&[byte ^ 0x10], at as u64).unwrap();
        assert!(read_all(&scratch.0, &keys(&pairs)).is_err(), "byte {at}");
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert!(read_all(&scratch.0, &keys(&pairs)).is_ok());
}

#[test]
fn a_changed_byte_never_leads_astray_in_big_items() {
    let mut pairs = users(3);
    pairs.push((b"big".to_vec(), vec![b'v'; 1500]));
    pairs.push((vec![b'k'; 900], b"value".to_vec()));
    let scratch = load(&["db_pagesize=512"], &pairs);
    let original = fs::read(&scratch.0).unwrap();
    let file = OpenOptions::new().write(true).open(&scratch.0).unwrap();
    for (at, byte) in original.iter().enumerate() {
        for mask in [0xff, 0x80, 0x02, 0x01] {
            file.write_all_at(&[byte ^ mask], at as u64).unwrap();
            if let Ok(values) = read_all(&scratch.0, &keys(&pairs)) {
                for (value, (_, expected)) in values.iter().zip(&pairs) {
                    // Bytes of the values themselves are not protected; their number is, unless the one byte that
                    // says "elsewhere" becomes "here" and the 11 bytes that say where become the value.
                    let length = value.as_ref().map(|value| value.expose().len());
                    assert!([None, Some(expected.len()), Some(11)].contains(&length), "byte {at}: {length:?}");
                }
            }
            read_regardless(&scratch.0, &keys(&pairs));
        }
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
}

#[test]
fn every_truncation_is_noticed() {
    for settings in [&["db_pagesize=512"][..], &["chksum=1"]] {
        let pairs = users(100);
        let scratch = load(settings, &pairs);
        let file = OpenOptions::new().write(true).open(&scratch.0).unwrap();
        for length in (0..file.metadata().unwrap().len()).rev() {
            file.set_len(length).unwrap();
            match read_all(&scratch.0, &keys(&pairs)) {
                Err(Problem::Damaged { reason, .. }) => assert!(reason.contains("truncated"), "{length}: {reason}"),
                other => panic!("{length}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_damaged_file_is_reported_with_path_and_page() {
    let pairs = users(100);
    let scratch = load(&["db_pagesize=512"], &pairs);
    let file = OpenOptions::new().write(true).open(&scratch.0).unwrap();
    file.write_all_at(&[99], 4 * 512 + 25).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    let error = BdbFile::new(&scratch.0).get_many(&keys(&pairs), 8192).unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert!(error.detail().contains(scratch.0.to_str().unwrap()) && error.detail().contains("page 4"), "{error}");
    // Just written, it may be half written.
    file.set_modified(SystemTime::now()).unwrap();
    let error = BdbFile::new(&scratch.0).get_many(&keys(&pairs), 8192).unwrap_err();
    assert_eq!(error.code(), Code::TryAgain);
    assert!(error.detail().contains("page 4") && error.detail().contains("try again"), "{error}");
}

#[test]
fn values_longer_than_the_limit_are_refused() {
    let pairs = vec![(b"short".to_vec(), vec![b's'; 100]), (b"long".to_vec(), vec![b'l'; 8193])];
    let scratch = load(&[], &pairs);
    let file = BdbFile::new(&scratch.0);
    assert!(file.get_many(&[b"short".to_vec()], 100).unwrap()[0].is_some());
    assert_eq!(file.get_many(&[b"short".to_vec()], 99).unwrap_err().code(), Code::BufOver);
    assert_eq!(file.get_many(&[b"long".to_vec()], 8192).unwrap_err().code(), Code::BufOver);
    assert_eq!(file.get_many(&[b"long".to_vec()], 8193).unwrap()[0].as_ref().unwrap().expose().len(), 8193);
}

#[test]
fn a_file_replaced_by_another_is_read_anew() {
    let (one, other) = (load(&[], &users(3)), load(&["db_pagesize=1024"], &users(200)));
    let file = BdbFile::new(&one.0);
    let late = [users(200)[150].0.clone()];
    assert!(file.get_many(&late, 8192).unwrap()[0].is_none());
    fs::rename(&other.0, &one.0).unwrap();
    assert!(file.get_many(&late, 8192).unwrap()[0].is_some());
}

#[test]
fn versions_and_kinds_are_told_apart() {
    let pairs = users(50);
    let scratch = load(&["db_pagesize=512"], &pairs);
    let original = fs::read(&scratch.0).unwrap();
    let read_with = |changes: &[(usize, u8)]| {
        let mut bytes = original.clone();
        for &(at, byte) in changes {
            bytes[at] = byte;
        }
        fs::write(&scratch.0, bytes).unwrap();
        read_all(&scratch.0, &keys(&pairs))
    };
    // Up to 4.5 the pages of pairs have another type, and nothing else is different.
    let older: Vec<_> =
        (1..original.len() / 512).map(|page| page * 512 + 25).filter(|&at| original[at] == 13).collect();
    let older: Vec<_> = older.into_iter().map(|at| (at, 2)).chain([(16, 8)]).collect();
    for changes in [&older[..], &[(16, 10)]] {
        let values = read_with(changes).unwrap();
        assert!(values.iter().zip(&pairs).all(|(value, pair)| value.as_ref().unwrap().expose() == pair.1));
    }
    for (at, byte, words) in
        [(16, 7, "db_upgrade"), (16, 11, "newer"), (24, 1, "encrypted"), (26, 2, "partitioned"), (36, 3, "partitioned")]
    {
        match read_with(&[(at, byte)]) {
            Err(Problem::Unsupported(what)) => assert!(what.contains(words), "{what}"),
            other => panic!("{at}: {other:?}"),
        }
    }
}
