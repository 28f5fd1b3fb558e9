//! Berkeley DB hash files of any bytes.

use std::collections::HashMap;
use std::fs::File;

use super::hash::HashFile;

/// Walks over a file, looks keys up in it, and checks it whole; in a file that is sound the walk and the lookups agree.
pub fn file(file: &File) {
    let Ok(file) = file.try_clone().map_err(drop).and_then(|file| HashFile::new(file).map_err(drop)) else { return };
    let mut buffer = file.buffer();
    let _ = file.get(b"alice\0example.com\0userPassword", 8192, &mut buffer);
    let walked: Vec<_> = file.pairs().collect();
    if file.verify().is_err() {
        return;
    }
    let mut first = HashMap::new();
    for pair in walked {
        let (key, value) = pair.unwrap_or_else(|problem| panic!("sound, but not to be walked over: {problem:?}"));
        first.entry(key).or_insert(value);
    }
    for (key, value) in first {
        let found = file.get(&key, u32::MAX, &mut buffer).unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(found.map(|found| found.expose().to_vec()).as_deref(), Some(value.expose()), "{key:?}");
    }
}
