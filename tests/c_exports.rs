//! The export table of our `libsasl2.so.2`: the names, their version, the soname and what it needs.

#[path = "support/elf.rs"]
mod elf;
#[path = "c_abi/library.rs"]
mod library;

use std::collections::BTreeSet;
use std::path::Path;

use elf::table;

const STOCK: &str = "/usr/lib/x86_64-linux-gnu/libsasl2.so.2";

/// The list that the link is made from, each name at node `SASL2` as the default version.
fn listed() -> BTreeSet<String> {
    let list = include_str!("../capi/libsasl2/exports.txt");
    let names: Vec<&str> = list.lines().collect();
    assert!(names.is_sorted(), "exports.txt is sorted");
    assert_eq!(names.len(), 72);
    names.into_iter().map(|name| format!("{name}@@SASL2")).collect()
}

#[test]
fn the_list_is_that_of_the_stock_library() {
    let stock = table(Path::new(STOCK));
    assert_eq!(stock.exports, listed());
    assert_eq!(stock.soname, ["libsasl2.so.2"]);
    assert_eq!(stock.needed, ["libc.so.6"]);
    assert!(stock.nodes.contains("SASL2"));
}

#[test]
fn ours_exports_the_same_and_nothing_else() {
    let Some(directory) = library::ours() else { return };
    let ours = table(&directory.join("libsasl2.so.2"));
    assert_eq!(ours.exports, listed(), "exported (left), listed in exports.txt (right)");
    assert_eq!(ours.soname, ["libsasl2.so.2"]);
    let allowed = ["libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"];
    let other: Vec<&String> = ours.needed.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(other.is_empty(), "needs {other:?} besides libc and libgcc_s");
    assert_eq!(ours.nodes.iter().filter(|node| *node != "SASL2" && *node != "HIDDEN").count(), 0, "{:?}", ours.nodes);
}
