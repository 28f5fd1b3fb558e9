//! The readers of password databases.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::{env, process};

use oxisasl::fuzzing;

/// Berkeley DB.
pub fn bdb(data: &[u8]) {
    with_file(
        data,
        &[include_bytes!("../../samples/small.bdb"), include_bytes!("../../samples/checksums.bdb")],
        fuzzing::bdb,
    );
}

/// GDBM.
pub fn gdbm(data: &[u8]) {
    let samples: [&[u8]; 2] =
        [include_bytes!("../../samples/small.gdbm"), include_bytes!("../../../tests/data/gdbm/i386-small")];
    with_file(data, &samples, fuzzing::gdbm);
}

/// LMDB.
pub fn lmdb(data: &[u8]) {
    with_file(
        data,
        &[include_bytes!("../../samples/small.lmdb"), include_bytes!("../../samples/tree.lmdb")],
        fuzzing::lmdb,
    );
}

/// The first byte of the input is 0 where the rest is a file, and otherwise picks a sample to which the rest makes changes: two
/// bytes that say where, one that says how many, and so many bytes.
fn with_file(data: &[u8], samples: &[&[u8]], read: fn(&File)) {
    let Some((choice, rest)) = data.split_first() else { return };
    let sample = usize::from(*choice).checked_sub(1).map(|index| samples[index % samples.len()]);
    let content = sample.map_or_else(|| rest.to_vec(), |sample| changed(sample, rest));
    thread_local! {
        static FILE: RefCell<File> = RefCell::new(anonymous());
    }
    FILE.with_borrow(|file| {
        file.set_len(0).and_then(|()| file.write_all_at(&content, 0)).expect("a file can be written");
        read(file);
    });
}

fn changed(sample: &[u8], mut changes: &[u8]) -> Vec<u8> {
    let mut content = sample.to_vec();
    while let [high, low, count, rest @ ..] = changes {
        // A count of 255 cuts the file there.
        let at = usize::from(u16::from_be_bytes([*high, *low])) % content.len().max(1);
        if *count == 255 {
            content.truncate(at);
            changes = rest;
            continue;
        }
        let (bytes, later) = rest.split_at(usize::from(count % 16).min(rest.len()));
        content.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
        changes = later;
    }
    content
}

/// A file without a name.
fn anonymous() -> File {
    let directory =
        ["/dev/shm".into(), env::temp_dir()].into_iter().find(|place| place.is_dir()).expect("a place for a file");
    let path = directory.join(format!("oxisasl-fuzz-{}-{:?}", process::id(), std::thread::current().id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).expect("a file can be made");
    std::fs::remove_file(&path).expect("and unlinked");
    file
}
