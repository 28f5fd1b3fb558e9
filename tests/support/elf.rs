//! What `readelf` says of shared objects.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What `readelf` says of a shared object.
pub struct Table {
    /// Its name.
    pub soname: Vec<String>,
    /// The names of the libraries that it needs.
    pub needed: Vec<String>,
    /// Every defined symbol that others can bind to, as `name@@VERSION`, without the version nodes themselves.
    pub exports: BTreeSet<String>,
    /// The version nodes that it defines.
    pub nodes: BTreeSet<String>,
}

fn readelf(option: &str, file: &Path) -> String {
    let output = Command::new("readelf").args(["--wide", option]).arg(file).output();
    let output = output.expect("readelf runs (Debian package: binutils)");
    assert!(output.status.success(), "readelf {option} {}", file.display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Reads a shared object.
pub fn table(file: &Path) -> Table {
    let dynamic = readelf("--dynamic", file);
    let tagged = |tag: &str| -> Vec<String> {
        let lines = dynamic.lines().filter(|line| line.contains(tag));
        lines.filter_map(|line| Some(line.split_once('[')?.1.trim_end_matches(']').to_owned())).collect()
    };
    let mut exports = BTreeSet::new();
    let mut nodes = BTreeSet::new();
    for line in readelf("--dyn-syms", file).lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Num: Value Size Type Bind Vis Ndx Name
        let [_, _, _, _, bind, visibility, section, name] = fields[..] else { continue };
        if bind == "LOCAL" || section == "UND" || visibility == "HIDDEN" || bind == "Bind" {
            continue;
        }
        if section == "ABS" {
            nodes.insert(name.split('@').next().unwrap_or(name).to_owned());
        } else {
            exports.insert(name.to_owned());
        }
    }
    Table { soname: tagged("(SONAME)"), needed: tagged("(NEEDED)"), exports, nodes }
}
