//! `make install-tools`: the tools and their manual pages where Debian has them, and `make uninstall`.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::base::{TempDir, must, run};
use common::told;

const TOOLS: [(&str, &str); 5] = [
    ("saslpasswd", common::SASLPASSWD),
    ("sasldblistusers", common::SASLDBLISTUSERS),
    ("saslpasswd2", common::SASLPASSWD2),
    ("sasldblistusers2", common::SASLDBLISTUSERS2),
    ("testsaslauthd", common::TESTSASLAUTHD),
];

fn make(root: &Path, target: &str) -> Command {
    let mut make = Command::new("make");
    make.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).args(["--silent", target, "PREFIX=/usr"]);
    make.arg(format!("DESTDIR={}", root.display())).arg(format!("CARGO={}", env!("CARGO")));
    make
}

/// The files below a directory with their modes.
fn files(root: &Path) -> BTreeSet<(PathBuf, u32)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root).expect("a directory") {
        let entry = entry.expect("an entry");
        let metadata = entry.metadata().expect("its kind");
        if metadata.is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.insert((entry.path(), metadata.permissions().mode() & 0o7777));
        }
    }
    found
}

#[test]
fn the_tools_are_installed_with_their_manual_pages_and_removed() {
    let root = TempDir::new("install");
    must(&mut make(root.path(), "install-tools"));
    let programs = TOOLS.map(|(tool, _)| (root.join(format!("usr/sbin/{tool}")), 0o755));
    let manuals = TOOLS.map(|(tool, _)| (root.join(format!("usr/share/man/man8/{tool}.8")), 0o644));
    assert_eq!(files(root.path()), programs.iter().chain(&manuals).cloned().collect());
    for ((tool, _), (program, _)) in TOOLS.iter().zip(&programs) {
        let version = format!("{tool} (oxisasl) {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(told(&run(Command::new(program).arg("--version"), b"")), (Some(0), &*version, ""));
        let needed = must(Command::new("readelf").arg("-dW").arg(program));
        assert!(!needed.contains("libsasl"), "{needed}");
    }
    // Whoever installs everything gets them, too.
    let everything = must(make(root.path(), "install").arg("--dry-run"));
    for (tool, _) in TOOLS {
        assert!(everything.contains(&format!("target/release/{tool}")), "{everything}");
    }
    must(&mut make(root.path(), "uninstall"));
    assert_eq!(files(root.path()), BTreeSet::new());
}

/// The options that a text explains: each at the beginning of a line, after this and alone or before a value.
fn explained(text: &str, lead: &str) -> BTreeSet<String> {
    let plain = text.replace("\\-", "-").replace('"', "");
    plain
        .lines()
        .filter_map(|line| line.strip_prefix(lead))
        .flat_map(|line| line.split([' ', ',']).filter(|word| word.starts_with('-') && word.len() > 1))
        .map(str::to_owned)
        .collect()
}

#[test]
fn manual_pages_are_well_formed_and_explain_what_the_help_does() {
    for (tool, program) in TOOLS {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/man/{tool}.8"));
        let text = fs::read_to_string(&page).expect("the page");
        let options = text.split(".SH OPTIONS\n").nth(1).and_then(|rest| rest.split(".SH ").next()).expect("options");
        let page_options: BTreeSet<_> =
            [".B ", ".BI ", ".BR "].iter().flat_map(|lead| explained(options, lead)).collect();
        let help = must(Command::new(program).arg("--help"));
        assert_eq!(page_options, explained(&help, "  "), "{tool}");
        // The synopsis without the requests for fonts.
        let synopsis =
            text.split(".SH SYNOPSIS\n").nth(1).and_then(|rest| rest.split(".SH ").next()).expect("synopsis");
        let plain: Vec<_> = synopsis
            .lines()
            .map(|line| line.split_once(' ').map_or("", |(_, words)| words).replace([' ', '\\'], ""))
            .collect();
        let usage: String = help.lines().next().expect("usage").split(' ').skip(1).collect();
        assert_eq!(plain.concat(), usage, "{tool}");
        let checked = run(Command::new("groff").args(["-man", "-ww", "-z", "-Tutf8"]).arg(&page), b"");
        assert_eq!(told(&checked), (Some(0), "", ""), "{tool}");
    }
}
