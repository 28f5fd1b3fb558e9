//! LMDB files of any bytes.

use std::fs::File;

use super::snapshot::Snapshot;
use super::trail::Trail;

/// Looks a key up in a file, and checks it whole; in a file that is sound the keys are in their order, and each is found.
pub fn file(file: &File) {
    let Ok(snapshot) = Snapshot::new(file) else { return };
    let _ = snapshot.get(b"alice\0example.com\0userPassword", 8192, &mut Trail::default());
    let keys = snapshot.keys();
    if snapshot.verify().is_err() {
        return;
    }
    let keys = keys.unwrap_or_else(|problem| panic!("sound, but not to be walked over: {problem:?}"));
    assert!(keys.is_sorted_by(|one, other| one < other));
    let mut trail = Trail::default();
    for key in keys.iter().step_by(keys.len() / 16 + 1) {
        let found = snapshot.get(key, usize::MAX, &mut trail).unwrap_or_else(|problem| panic!("{problem:?}"));
        assert!(found.is_some(), "{key:?}");
    }
}
