//! Every fuzz target on its seeds, and on a few thousand changes of those that are the same each time. No fuzzer is needed.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oxisasl_fuzz_targets::{TARGETS, Target};

mod mutate;

use mutate::Mutator;

/// No input takes longer, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// How many changes of its seeds each target gets: `OXISASL_FUZZ_ROUNDS`, or enough for `make check`.
fn rounds() -> usize {
    std::env::var("OXISASL_FUZZ_ROUNDS").map_or(2000, |rounds| rounds.parse().expect("OXISASL_FUZZ_ROUNDS is a number"))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let files = files(&fuzz().join("seeds").join(target.name));
    files.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

/// The words of a dictionary as libFuzzer writes them: in quotes, with `\xNN` for what cannot be typed.
fn dictionary(target: &Target) -> Vec<Vec<u8>> {
    let path = fuzz().join("dictionaries").join(target.name);
    let Ok(text) = fs::read_to_string(&path) else { return Vec::new() };
    let words = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    words.map(|line| word(line).unwrap_or_else(|| panic!("{}: {line}", path.display()))).collect()
}

fn word(line: &str) -> Option<Vec<u8>> {
    let mut text = line.strip_prefix('"')?.strip_suffix('"')?;
    let mut word = Vec::new();
    while let Some(first) = text.bytes().next() {
        if let Some(hex) = text.strip_prefix("\\x") {
            word.push(u8::from_str_radix(hex.get(..2)?, 16).ok()?);
            text = hex.get(2..)?;
        } else if let Some(rest) = text.strip_prefix('\\') {
            word.push(rest.bytes().next().filter(|byte| matches!(byte, b'\\' | b'"'))?);
            text = rest.get(1..)?;
        } else {
            word.push(first);
            text = text.get(1..)?;
        }
    }
    Some(word)
}

/// Runs one input. One that finds something is kept, so that it can become a seed.
fn run(target: &Target, what: &str, input: &[u8]) {
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let took = start.elapsed();
    if result.is_ok() && took < PATIENCE {
        return;
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name));
    fs::write(&kept, input).unwrap();
    panic!("{} {what}: see above, or it took long ({took:?}); the input is {}", target.name, kept.display());
}

/// One target after the other: that of the C interface has state of the whole process, and the rest is quick.
#[test]
fn seeds_and_changes_of_them() {
    for target in TARGETS {
        let (seeds, start) = (seeds(target), Instant::now());
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for (path, seed) in &seeds {
            run(target, path, seed);
        }
        let inputs: Vec<_> = seeds.into_iter().map(|(_, seed)| seed).collect();
        let mut mutator = Mutator::new(target.name, &inputs, dictionary(target), target.longest);
        for round in 0..rounds() {
            run(target, &format!("round {round}"), &mutator.next());
        }
        println!("{:16} {:4} seeds, {} changes, {:?}", target.name, inputs.len(), rounds(), start.elapsed());
    }
}

/// A target that libFuzzer does not run, or seeds of a target that is no more, are noticed.
#[test]
fn every_target_is_run_everywhere() {
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert!(names.len() >= 14 && names.len() == TARGETS.len());
    let stems = |folder: &str| -> BTreeSet<String> {
        files(&fuzz().join(folder))
            .iter()
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(stems("seeds"), names);
    assert_eq!(stems("fuzz_targets"), names);
    assert!(stems("dictionaries").is_subset(&names), "a dictionary of no target");
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
        let body = fs::read_to_string(fuzz().join("fuzz_targets").join(name).with_extension("rs")).unwrap();
        assert!(body.contains(&format!("run(\"{name}\", data)")), "{name}");
    }
    for target in TARGETS {
        let _ = dictionary(target);
    }
}
