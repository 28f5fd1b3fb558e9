//! The same calls on the stock library and on ours: scripts of `cases/`, and calls made up from a seed. What differs is a row of
//! `docs/deviations.md`, or a mistake. `README.md` here has the language.
//!
//! `OXISASL_RIG_LIBRARY=stock` compares the stock library with itself.

#[path = "../c_abi/align.rs"]
mod align;
#[path = "../c_abi/deviations.rs"]
mod deviations;
mod driver;
mod generate;
#[path = "../c_abi/library.rs"]
mod library;
mod random;
#[path = "../rig/mod.rs"]
mod rig;
mod script;
mod words;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use driver::{Driver, Side};
use rig::kdc::Kdc;
use script::Script;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

/// Runs a file of cases on both and compares; files whose name begins with `kerberos` in a realm.
fn check(name: &str) {
    let script = Script::read(&here().join("cases").join(format!("{name}.case")));
    let realm = name.starts_with("kerberos").then(Kdc::for_programs);
    let driver = Driver::new(name, realm.as_ref().map(|(_, environment)| environment.clone()));
    let run = |side| script::transcripts(&driver.run(side, &[], &script.text()));
    let (stock, ours) = std::thread::scope(|scope| {
        let stock = scope.spawn(|| run(Side::Stock));
        let ours = run(Side::Ours);
        (stock.join().expect("the stock side"), ours)
    });
    let documented = deviations::documented(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deviations.md"));
    let mut wrong = String::new();
    assert_eq!(stock.len(), script.cases.len(), "{name}: cases that the driver carried out on the stock library");
    assert_eq!(ours.len(), script.cases.len(), "{name}: cases that the driver carried out on ours");
    for ((case, (_, stock)), (_, ours)) in script.cases.iter().zip(&stock).zip(&ours) {
        let place = format!("{}:{} {}", script.path.display(), case.line, case.name);
        let (stock, ours): (Vec<&str>, Vec<&str>) =
            (stock.iter().map(String::as_str).collect(), ours.iter().map(String::as_str).collect());
        let allowed: Vec<_> = case.differs.iter().collect();
        let result = align::compare(&stock, &ours, &allowed);
        if !result.differences.is_empty() {
            let _ = write!(wrong, "\n{place}: differs (- stock, + ours)\n{}\n", result.differences.join("\n"));
        }
        if let Some(line) = ours.iter().find(|line| line.starts_with("!!")) {
            let _ = write!(wrong, "\n{place}: our side ended with {line}\n");
        }
        for (entry, used) in case.differs.iter().zip(result.used) {
            if !documented.contains(&entry.id) {
                let _ = write!(wrong, "\n{place}: no row {} in docs/deviations.md\n", entry.id);
            }
            if used == 0 && library::ours().is_some() {
                let _ = write!(wrong, "\n{}:{}: does not differ so\n", script.path.display(), entry.line);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

macro_rules! scripts {
    ($($name:ident)*) => {
        const SCRIPTS: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

scripts! {
    bindings
    choice
    contexts
    cram
    digest
    errors
    layers
    life
    listing
    others
    passwords
    plain
    policy
    prompts
    props
    scram
    sessions
    users
    utilities
}

#[test]
fn every_script_is_run() {
    let found: BTreeSet<String> = fs::read_dir(here().join("cases"))
        .expect("the cases can be read")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".case")?.to_owned()))
        .collect();
    let listed: BTreeSet<String> = SCRIPTS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, listed, "tests/differential/cases (left) and the list in tests/differential/main.rs (right)");
}

/// A thousand cases from seeds that are always the same; or as many as `OXISASL_DIFFERENTIAL_CASES` says, from
/// `OXISASL_DIFFERENTIAL_SEED` on (`make differential`).
#[test]
fn calls_from_seeds() {
    let wanted = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let count = wanted("OXISASL_DIFFERENTIAL_CASES").map_or(1000, |text| text.parse().expect("a number of cases"));
    let seed = wanted("OXISASL_DIFFERENTIAL_SEED").map_or(1, |text| text.parse().expect("a seed"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tally = random::run(seed, count, threads, &|tally| {
        eprintln!(
            "{} cases, {} apart, {} ended by the stock library, {} unsteady, {} different",
            tally.cases,
            tally.apart,
            tally.stock_gone,
            tally.unsteady,
            tally.different.len()
        );
    });
    assert_eq!(tally.cases, count);
    assert!(tally.different.is_empty(), "differences, as scripts:\n\n{}", tally.different.join("\n"));
}

#[test]
fn rules_for_seeds_are_explained() {
    let documented = deviations::documented(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deviations.md"));
    for (id, line) in random::rows() {
        assert!(documented.contains(&id), "random.txt:{line}: no row {id} in docs/deviations.md");
    }
}
