//! Configuration files.

use std::path::Path;

use oxisasl::config::{ConfigFile, Options as _, integer, is_yes};

/// The bytes are a file. What is read of it can be written and is then read the same; the first line of an option counts.
pub fn run(data: &[u8]) {
    let path = Path::new("fuzz.conf");
    let file = match ConfigFile::parse(path, data) {
        Ok(file) => file,
        Err(error) => {
            assert!((1..=data.iter().filter(|byte| **byte == b'\n').count() + 1).contains(&error.line));
            return;
        }
    };
    let _ = file.lint();
    let entries = file.entries();
    for entry in entries {
        let first = entries.iter().find(|other| other.name == entry.name).expect("itself at least");
        assert!(file.get(Some("any"), &entry.name).is_some_and(|value| value == first.value.as_str()));
        let _ = (integer(&file, &entry.name), is_yes(&entry.value));
    }
    let written: String = entries.iter().map(|entry| format!("{}: {}\n", entry.name, entry.value)).collect();
    let again = ConfigFile::parse(path, written.as_bytes()).expect("what is written can be read");
    let same = |one: &[oxisasl::config::Entry]| {
        one.iter().map(|entry| (entry.name.clone(), entry.value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(same(entries), same(again.entries()));
}
