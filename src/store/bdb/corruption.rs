//! Damaged files: every byte changed, every length cut. What they hold is found as it was, or there is an error; and that
//! at once, whatever the byte.
//!
//! With optimisation this takes every byte, and for those of headers every value; without, a sample of them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::hash::HashFile;
use super::page::{Layout, Problem};
use super::tests::{Pairs, aged, keys, load, read_all, users};

/// Whether all is tried.
const ALL: bool = cfg!(not(debug_assertions));
/// No attempt takes longer, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(5);

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
            (true, false) => [0xff, 1 << (self.next() % 8), self.next()].into(),
            (false, true) => vec![0xff, 0x80, 0x02, 0x01],
            (false, false) => match self.next() % 6 {
                0 => vec![1 << (self.next() % 8)],
                _ => vec![],
            },
        };
        masks.into_iter().map(|mask| byte ^ mask).filter(|&value| value != byte).collect()
    }
}

/// Looks keys up in spite of whatever `verify` would say; only to see that nothing goes wrong.
fn read_regardless(path: &Path, keys: &[Vec<u8>]) {
    if let Ok(file) = HashFile::new(File::open(path).unwrap()) {
        let mut buffer = file.buffer();
        for key in keys {
            let _ = file.get(key, 8192, &mut buffer);
        }
        let _ = file.pairs().count();
    }
}

/// Where headers lie: the metadata page, and of each other page the header and the table.
fn is_header(original: &[u8], layout: Layout, at: usize) -> bool {
    let (page, within) = (at - at % layout.page_size, at % layout.page_size);
    let entries = usize::from(layout.u16(original, page + 20).unwrap());
    match page {
        0 => within < 512,
        _ => within < layout.overhead() + 2 * entries.min(layout.page_size / 2),
    }
}

/// Where the bytes of each entry lie, with the remains that Berkeley DB leaves when it moves one.
fn owners(original: &[u8], pairs: &Pairs) -> BTreeMap<usize, usize> {
    let mut owner = BTreeMap::new();
    for (index, (key, value)) in pairs.iter().enumerate() {
        let entry = [&[1][..], value, &[1], key].concat();
        for (at, window) in original.windows(entry.len()).enumerate() {
            if window == entry {
                owner.extend((at..at + entry.len()).map(|byte| (byte, index)));
            }
        }
    }
    owner
}

/// Changes each byte in turn. Either that is noticed, or everything is as before but the entry that the byte is in.
fn change_each_byte(settings: &[&str], version: u32) {
    let pairs = users(100);
    let scratch = load(settings, &pairs);
    if version < 9 {
        aged(&scratch.0, version);
    }
    let original = fs::read(&scratch.0).unwrap();
    let layout = HashFile::new(File::open(&scratch.0).unwrap()).unwrap().meta.layout;
    // With checksums not even the entry itself may be another.
    let owner = if layout.checksums { BTreeMap::new() } else { owners(&original, &pairs) };
    let keys = keys(&pairs);
    let file = OpenOptions::new().write(true).open(&scratch.0).unwrap();
    let mut numbers = Numbers(u64::from(version));
    let (mut tried, mut noticed) = (0, 0);
    for (at, byte) in original.iter().enumerate() {
        for value in numbers.values(*byte, is_header(&original, layout, at)) {
            file.write_all_at(&[value], at as u64).unwrap();
            let start = Instant::now();
            tried += 1;
            // Looking up all of them each time takes minutes: each lookup has its turn.
            let some: Vec<_> = (tried..tried + 4).map(|index| index % pairs.len()).collect();
            let what = format!("version {version}, byte {at}: {byte} to {value}");
            match read_all(&scratch.0, &some.iter().map(|&index| keys[index].clone()).collect::<Vec<_>>()) {
                Err(_) => {
                    noticed += 1;
                    read_regardless(&scratch.0, &[keys[some[0]].clone()]);
                }
                Ok(values) => {
                    let right = |index: usize, found: Option<&[u8]>| {
                        let same = found == Some(&pairs[index].1);
                        assert!(same || owner.get(&at) == Some(&index), "{what}, entry {index}");
                    };
                    for (index, value) in some.into_iter().zip(values) {
                        right(index, value.as_ref().map(|value| value.expose()));
                    }
                    let file = HashFile::new(File::open(&scratch.0).unwrap()).unwrap();
                    let walked: BTreeMap<_, _> = file.pairs().map(Result::unwrap).collect();
                    for (index, key) in keys.iter().enumerate() {
                        right(index, walked.get(key).map(|value| value.expose()));
                    }
                }
            }
            assert!(start.elapsed() < PATIENCE, "{what} took {:?}", start.elapsed());
        }
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    println!("version {version} {settings:?}: {noticed} of {tried} changes were noticed");
    assert!(noticed > tried / 4, "only {noticed} of {tried} changes were noticed");
    assert!(read_all(&scratch.0, &keys).is_ok());
}

#[test]
fn a_changed_byte_is_noticed_or_harmless() {
    change_each_byte(&["db_pagesize=512"], 9);
}

#[test]
fn a_changed_byte_is_noticed_or_harmless_in_the_other_byte_order() {
    change_each_byte(&["db_pagesize=2048", "db_lorder=4321"], 9);
}

#[test]
fn a_changed_byte_is_noticed_or_harmless_in_older_versions() {
    change_each_byte(&["db_pagesize=512"], 5);
    change_each_byte(&["db_pagesize=512"], 6);
    change_each_byte(&["db_pagesize=1024"], 8);
}

#[test]
fn with_checksums_a_changed_byte_is_noticed() {
    change_each_byte(&["db_pagesize=512", "chksum=1"], 9);
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
    for (settings, version) in [(&["db_pagesize=512"][..], 9), (&["chksum=1"], 9), (&["db_pagesize=512"], 5)] {
        let pairs = users(100);
        let scratch = load(settings, &pairs);
        if version < 9 {
            aged(&scratch.0, version);
        }
        let (file, whole) = (OpenOptions::new().write(true).open(&scratch.0).unwrap(), fs::read(&scratch.0).unwrap());
        let mut numbers = Numbers(1);
        for length in (0..whole.len()).rev() {
            if !ALL && length % 512 != 0 && numbers.next() > 63 {
                continue;
            }
            file.set_len(length as u64).unwrap();
            match read_all(&scratch.0, &keys(&pairs)) {
                Err(Problem::Damaged { reason, .. }) => assert!(reason.contains("truncated"), "{length}: {reason}"),
                // What is missing may be a page that nothing is on yet.
                Ok(values) => {
                    assert!(length % 512 == 0 && length + 4096 >= whole.len(), "{length}");
                    let right = |(value, pair): (&Option<_>, &(_, Vec<u8>))| {
                        value.as_ref().is_some_and(|value: &crate::secret::Secret| value.expose() == pair.1)
                    };
                    assert!(values.iter().zip(&pairs).all(right), "{length}");
                }
                Err(other) => panic!("{length}: {other:?}"),
            }
        }
    }
}
