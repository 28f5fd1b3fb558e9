//! Follows `docs/sendmail.md` as a reader does: every command, every file and every dialogue of each of its ways, in
//! order, on an empty machine; what is seen must be what the document shows. `OXISASL_RECIPE_SHOW=1` shows all of it.

mod compare;
mod document;
mod machine;
#[path = "../rig/mod.rs"]
mod rig;

use std::fs;
use std::process::Command;
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use compare::matches;
use document::{Block, Kind};
use machine::Machine;
use rig::base::{PATIENCE, must, repository, target_dir};

fn document() -> Vec<Block> {
    let text = fs::read_to_string(repository("docs/sendmail.md")).expect("docs/sendmail.md");
    document::parse(&text).unwrap_or_else(|e| panic!("docs/sendmail.md: {e}"))
}

/// Builds what `make` builds, so that the `make` of the document finds it done.
fn build() {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let mut make = Command::new("make");
        make.current_dir(repository("")).args(["--silent", "all"]).arg(format!("CARGO={}", env!("CARGO")));
        must(make.env("CARGO_TARGET_DIR", target_dir()));
    });
}

/// Follows one way from its first block to its last. The first block that does not do as shown ends it, unless all is to
/// be shown.
fn follow(way: char) {
    build();
    let show = std::env::var_os("OXISASL_RECIPE_SHOW").is_some();
    let mut machine = Machine::new();
    let mut failed = Vec::new();
    for block in document().iter().filter(|b| b.ways.is_empty() || b.ways.contains(way)) {
        let place = format!("way {way}, docs/sendmail.md:{} ({})", block.line, block.heading);
        let start = Instant::now();
        match follow_block(&mut machine, &block.kind) {
            Ok(seen) if show => println!("==== {place}, {:.1?}\n{seen}", start.elapsed()),
            Ok(_) => {}
            Err(seen) => {
                println!("==== {place}: NOT AS SHOWN\n{seen}\n---- mail.log\n{}", machine.log());
                failed.push(place);
                assert!(show, "{failed:?}");
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// What was seen; the error has what is wrong, too.
fn follow_block(machine: &mut Machine, kind: &Kind) -> Result<String, String> {
    match kind {
        Kind::File { path, text } => {
            machine.write(path, text);
            Ok(format!("---- {path}\n{text}"))
        }
        Kind::Shell { commands, expected } => run(machine, commands, expected.as_deref()),
        Kind::Console(dialogues) => dialogues.iter().map(|d| machine.talk(d)).collect(),
    }
}

/// Runs commands.
///
/// Mail and log lines take a moment to arrive: commands that only read are tried until they read what is expected.
fn run(machine: &mut Machine, commands: &str, expected: Option<&str>) -> Result<String, String> {
    let end = Instant::now() + PATIENCE;
    let only_read = commands.lines().all(|l| READING.iter().any(|r| l.starts_with(&format!("{r} "))));
    loop {
        let outcome = machine.run(commands);
        let complaint = match expected {
            _ if !outcome.failed.is_empty() => format!("---- failed at {}", outcome.failed),
            Some(expected) if !matches(expected, &outcome.output) => format!("---- expected\n{expected}"),
            _ => return Ok(format!("{commands}---- printed\n{}", outcome.output)),
        };
        if !only_read || Instant::now() > end {
            return Err(format!("{commands}---- printed\n{}{complaint}", outcome.output));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Commands that change nothing.
const READING: &[&str] = &["cat", "grep", "ls", "tail"];

#[test]
fn way_a_works() {
    follow('A');
}

#[test]
fn way_b_works() {
    follow('B');
}

#[test]
fn way_c_works() {
    follow('C');
}

/// Every option of a `Sendmail.conf` in the document, and every word after `pwcheck_method`, is one that the library has.
#[test]
fn its_options_exist() {
    let mut sources = String::new();
    let mut folders = vec![repository("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src") {
            let path = entry.expect("src").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources += &fs::read_to_string(&path).expect("a source");
            }
        }
    }
    let mut options = 0;
    for block in document() {
        let Kind::File { path, text } = block.kind else { continue };
        for line in text.lines().filter(|_| path.ends_with("/Sendmail.conf")) {
            let (option, value) = line.split_once(": ").unwrap_or_else(|| panic!("no option: {line}"));
            assert!(sources.contains(&format!("\"{option}\"")), "docs/sendmail.md:{}: {option}", block.line);
            let known = option != "pwcheck_method" || sources.contains(&format!("\"{value}\""));
            assert!(known, "docs/sendmail.md:{}: {value}", block.line);
            options += 1;
        }
    }
    assert!(options > 6, "only {options} options found");
}

/// What the document names of this repository is there, and the README leads to it.
#[test]
fn its_links_lead_somewhere() {
    for page in ["README.md", "docs/sendmail.md"] {
        let text = fs::read_to_string(repository(page)).expect(page);
        let folder = repository(page).parent().expect("a folder").to_owned();
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            assert!(target.is_empty() || folder.join(target).exists(), "{page}: ({target}) leads nowhere");
        }
    }
    let readme = fs::read_to_string(repository("README.md")).expect("README.md");
    assert!(readme.contains("docs/sendmail.md"), "the README does not name docs/sendmail.md");
}
