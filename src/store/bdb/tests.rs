//! Files made by Berkeley DB's own `db5.3_load`: their versions and kinds, and what is said of damaged ones.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use super::page::Layout;
use super::*;

/// A file that goes away with the test.
pub(super) struct Scratch(pub(super) PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(super) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

pub(super) fn load(settings: &[&str], pairs: &Pairs) -> Scratch {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("oxisasl-bdb-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let scratch = Scratch(std::env::temp_dir().join(name));
    load_into(&scratch.0, settings, pairs);
    scratch
}

fn load_into(path: &Path, settings: &[&str], pairs: &Pairs) {
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
    let mut child = command.arg(path).stdin(Stdio::piped()).spawn().expect("db5.3_load is needed for this test");
    child.stdin.take().unwrap().write_all(dump.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

pub(super) fn users(count: usize) -> Pairs {
    let user = |n| (format!("user{n}\0example.com\0userPassword").into_bytes(), format!("secret{n}").into_bytes());
    (0..count).map(user).collect()
}

/// What a `BdbFile` does with a small file at rest.
pub(super) fn read_all(path: &Path, keys: &[Vec<u8>]) -> Read<Vec<Option<Secret>>> {
    let file = HashFile::new(File::open(path).unwrap())?;
    file.verify()?;
    let mut buffer = file.buffer();
    keys.iter().map(|key| file.get(key, 8192, &mut buffer)).collect()
}

pub(super) fn keys(pairs: &Pairs) -> Vec<Vec<u8>> {
    pairs.iter().map(|(key, _)| key.clone()).collect()
}

/// Makes of a file of version 9 what an earlier version of Berkeley DB would have made. `db5.3_upgrade` makes the same of
/// it again.
pub(super) fn aged(path: &Path, version: u32) {
    let mut bytes = fs::read(path).unwrap();
    let layout = Layout { big_endian: bytes[12] == 0, page_size: 0, checksums: false };
    let word = |at: usize| layout.u32(&bytes, at).unwrap();
    let page_size = word(20) as usize;
    let mut head: Vec<u32> = (0..128).map(|index| word(4 * index)).collect();
    let (flags, unique) = (head[12], head[13..18].to_vec());
    let (numbers, spares) = (head[18..24].to_vec(), head[24..56].to_vec());
    head[4] = version;
    match version {
        4 | 5 => {
            head[6] = 0;
            head[8..14].copy_from_slice(&numbers);
            head[14] = flags;
            head[15..46].copy_from_slice(&spares[1..].iter().map(|spare| spare.saturating_sub(1)).collect::<Vec<_>>());
            head[46] = 0;
            head[47..52].copy_from_slice(&unique);
        }
        6 => {
            head[8] = flags;
            head[9..14].copy_from_slice(&unique);
            head[14..20].copy_from_slice(&numbers);
            head[20..52].copy_from_slice(&spares);
        }
        7 => head[8] = 0,
        _ => {}
    }
    if version < 7 {
        head[52..].fill(0);
    }
    head.into_iter().enumerate().for_each(|(index, word)| layout.put_u32(&mut bytes, 4 * index, word));
    for kind in (1..bytes.len() / page_size).map(|number| number * page_size + 25) {
        if bytes[kind] == 13 {
            bytes[kind] = 2;
        }
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn every_version_is_read_and_is_what_db_upgrade_makes_of_it() {
    for order in ["db_lorder=1234", "db_lorder=4321"] {
        for count in [2, 100, 1000] {
            for version in 4..=9 {
                let mut pairs = users(count);
                pairs.push((b"big".to_vec(), vec![b'v'; 3000]));
                let scratch = load(&["db_pagesize=512", order], &pairs);
                aged(&scratch.0, version);
                let file = BdbFile::new(&scratch.0);
                let check = || {
                    let values = file.get_many(&keys(&pairs), 8192).unwrap();
                    assert!(values.iter().zip(&pairs).all(|(value, pair)| value.as_ref().unwrap().expose() == pair.1));
                    assert!(file.get_many(&[b"nobody".to_vec()], 8192).unwrap()[0].is_none());
                    assert_eq!(file.keys().unwrap().len(), pairs.len());
                };
                check();
                assert_eq!(file.version().unwrap(), version);
                assert_eq!(file.check_writable().is_ok(), version >= 7);
                if version < 7 {
                    let error = file.apply(&[(b"new".to_vec(), Some(b"x"))]).unwrap_err();
                    assert!(error.detail().contains("db5.3_upgrade"), "{error}");
                }
                // It does this for the byte order of the machine only.
                if order == "db_lorder=1234" {
                    assert!(Command::new("db5.3_upgrade").arg(&scratch.0).status().unwrap().success());
                    assert_eq!(file.version().unwrap(), 9);
                    check();
                }
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
        [(16, 3, "older"), (16, 11, "newer"), (24, 1, "encrypted"), (26, 2, "partitioned"), (36, 3, "partitioned")]
    {
        match read_with(&[(at, byte)]) {
            Err(Problem::Unsupported(what)) => assert!(what.contains(words), "{what}"),
            other => panic!("{at}: {other:?}"),
        }
    }
}

#[test]
fn what_another_program_writes_to_the_old_file_is_carried_over() {
    let scratch = load(&["db_pagesize=512"], &users(100));
    let file = BdbFile::new(&scratch.0);
    let soon = Instant::now() + Duration::from_secs(30);
    let edits = [(b"ours".to_vec(), Some(&b"of us"[..]))];
    let (lock, before) = file.apply_once(&edits, soon).unwrap().unwrap();
    // It has opened the file before, so what it writes goes to the one that has lost its name.
    let old = format!("/proc/{}/fd/{}", std::process::id(), lock.file().as_raw_fd());
    let theirs = (b"theirs".to_vec(), b"of another program".to_vec());
    let changed = (users(8)[7].0.clone(), b"changed by it".to_vec());
    load_into(Path::new(&old), &[], &vec![theirs.clone(), changed.clone()]);
    file.carry_over(&lock, before).unwrap();
    let keys = [b"ours".to_vec(), theirs.0, changed.0, users(9)[8].0.clone()];
    let values = BdbFile::new(&scratch.0).get_many(&keys, 8192).unwrap();
    let values: Vec<_> = values.iter().map(|value| value.as_ref().unwrap().expose()).collect();
    assert_eq!(values, [&b"of us"[..], b"of another program", b"changed by it", b"secret8"]);
    assert_eq!(file.keys().unwrap().len(), 102);
}
