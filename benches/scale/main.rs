//! The embedded password database with a thousand users and with ten million: how fast it is filled, listed and asked, and what
//! that takes. `make scale` runs it and writes `docs/scale.md` and `docs/scale.svg`.
//!
//! As a test, without the `--bench` of cargo, it works on few users and only sees that it works.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod measure;
mod report;
mod svg;
#[path = "../common/text.rs"]
mod text;
mod users;

use measure::{Effort, Results, measure};

const SIZES: [u64; 4] = [1000, 100_000, 1_000_000, 10_000_000];
const EFFORT: Effort = Effort { lookups: 4000, together: Duration::from_secs(4) };
const SHORT: Effort = Effort { lookups: 50, together: Duration::from_millis(100) };

/// What the command line says.
#[derive(Default)]
struct Asked {
    bench: bool,
    /// The largest size.
    users: Option<u64>,
    /// Where the databases are made; they go again.
    folder: Option<PathBuf>,
    /// Where the page is to be written.
    docs: Option<PathBuf>,
    /// One size, in this process.
    one: Option<u64>,
}

fn main() {
    let asked = parse(std::env::args().skip(1));
    let folder =
        asked.folder.unwrap_or_else(|| std::env::temp_dir().join(format!("oxisasl-scale-{}", std::process::id())));
    if let Some(count) = asked.one {
        for (name, value) in measure(&folder, count, if asked.bench { EFFORT } else { SHORT }) {
            println!("{name}={value}");
        }
        return;
    }
    let largest = asked.users.unwrap_or(if asked.bench { 10_000_000 } else { 2000 });
    let mut sizes: Vec<u64> = SIZES.into_iter().filter(|size| *size < largest).collect();
    sizes.push(largest);
    fs::create_dir_all(&folder).expect("a folder");
    let all: Vec<Results> = sizes.iter().map(|size| in_a_process(&folder, *size, asked.bench)).collect();
    fs::remove_dir(&folder).expect("an empty folder");
    let page = report::page(&all, &format!("make scale USERS={largest}"));
    let plots = report::plots(&all);
    assert!(!page.contains("NaN") && !plots.contains("NaN") && plots.ends_with("</svg>\n"), "{page}");
    if let Some(docs) = asked.docs {
        fs::write(docs.join("scale.md"), &page).expect("the page");
        fs::write(docs.join("scale.svg"), plots).expect("the plots");
    }
    if asked.bench {
        println!("{page}");
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Asked {
    let mut asked = Asked::default();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match &*argument {
            "--bench" => asked.bench = true,
            "--users" => asked.users = Some(value().parse().expect("a number")),
            "--one" => asked.one = Some(value().parse().expect("a number")),
            "--folder" => asked.folder = Some(value().into()),
            "--docs" => asked.docs = Some(value().into()),
            // What cargo and those who run tests give to all of them.
            _ => {}
        }
    }
    asked
}

fn in_a_process(folder: &Path, size: u64, bench: bool) -> Results {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--one", &size.to_string(), "--folder"]).arg(folder).args(bench.then_some("--bench"));
    let output = command.output().expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{size} users: {}\n{errors}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    if bench {
        eprintln!("{text}");
    }
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect()
}
