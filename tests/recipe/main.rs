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

/// Follows one way from its first block to its last.
fn follow(way: char) {
    build();
    let show = std::env::var_os("OXISASL_RECIPE_SHOW").is_some();
    let mut machine = Machine::new();
    for block in document().iter().filter(|b| b.ways.is_empty() || b.ways.contains(way)) {
        let place = format!("way {way}, docs/sendmail.md:{} ({})", block.line, block.heading);
        if show {
            println!("==== {place}");
        }
        match &block.kind {
            Kind::File { path, text } => machine.write(path, text),
            Kind::Shell { commands, expected } => {
                let (output, complaint) = run(&mut machine, commands, expected.as_deref());
                let log = || machine.log();
                assert!(complaint.is_empty(), "{place}: {complaint}\n{commands}---- printed\n{output}{}", log());
                if show {
                    println!("{commands}---- printed\n{output}");
                }
            }
            Kind::Console(dialogues) => {
                for dialogue in dialogues {
                    match machine.talk(dialogue) {
                        Ok(seen) if show => println!("# {}\n{seen}", dialogue.command),
                        Ok(_) => {}
                        Err(seen) => {
                            panic!("{place}: # {}: not as shown:\n{seen}{}", dialogue.command, machine.log())
                        }
                    }
                }
            }
        }
    }
}

/// Runs commands; gives what they printed and what is wrong with it, if anything.
///
/// Mail and log lines take a moment to arrive: commands that only read are tried until they read what is expected.
fn run(machine: &mut Machine, commands: &str, expected: Option<&str>) -> (String, String) {
    let end = Instant::now() + PATIENCE;
    let only_read = commands.lines().all(|l| READING.iter().any(|r| l.starts_with(&format!("{r} "))));
    loop {
        let outcome = machine.run(commands);
        let complaint = match expected {
            _ if !outcome.failed.is_empty() => format!("failed at {}", outcome.failed),
            Some(expected) if !matches(expected, &outcome.output) => "printed something else than shown".to_owned(),
            _ => String::new(),
        };
        if complaint.is_empty() || !only_read || Instant::now() > end {
            return (outcome.output, complaint);
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
