//! GDBM files of any bytes.

use std::fs::File;

use super::file::Table;

/// Looks a key up in a file and walks over it; where that finds it sound, the walk and the lookups agree.
pub fn file(file: &File) {
    let Ok(table) = Table::new(file) else { return };
    let _ = table.get(b"alice\0example.com\0userPassword\0", 8192);
    for (key, value) in table.pairs().unwrap_or_default() {
        let found = table.get(&key, u32::MAX).unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(found.map(|found| found.expose().to_vec()).as_deref(), Some(value.expose()), "{key:?}");
    }
}
