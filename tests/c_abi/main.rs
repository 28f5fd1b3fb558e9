//! The same C program on the stock library and on ours prints the same, or what differs is a row of
//! `docs/deviations.md`.
//!
//! The programs are `tests/c/abi_*.c`; what they may print differently is in `tests/c/deviations.txt`. They are compiled
//! against the stock headers, so that a difference of the headers shows as well. `OXISASL_RIG_LIBRARY=stock` compares
//! the stock library with itself.

mod align;
mod deviations;
mod library;
#[path = "../rig/mod.rs"]
mod rig;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use deviations::Deviation;
use rig::kdc::Kdc;

const STOCK_PLUGINS: &str = "/usr/lib/x86_64-linux-gnu/sasl2";

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// A directory of this program's own, made anew.
fn scratch(program: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_abi").join(program);
    if directory.exists() {
        fs::remove_dir_all(&directory).expect("the scratch directory of the last run can be removed");
    }
    fs::create_dir_all(directory.join("conf")).expect("the scratch directory can be made");
    directory
}

fn compile(program: &str, directory: &Path) -> PathBuf {
    let binary = directory.join(program);
    let output = Command::new("gcc")
        .args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Wno-format-truncation", "-Werror"])
        .arg("-o")
        .arg(&binary)
        .arg(sources().join(format!("{program}.c")))
        .args(["-lsasl2", "-lpthread"])
        .args(about_kerberos(program).then_some("-l:libgssapi_krb5.so.2"))
        .output()
        .expect("gcc runs (Debian packages: gcc, libsasl2-dev)");
    assert!(output.status.success(), "{program}.c: {}", String::from_utf8_lossy(&output.stderr));
    binary
}

/// Programs that run in a Kerberos realm. The others run as on a machine without Kerberos.
fn about_kerberos(program: &str) -> bool {
    program.starts_with("abi_gss")
}

/// Runs the program on the library in `library`, or on the stock one. Ours has its mechanisms built in; the stock one
/// gets the plugins that do the same. `side` names the working directory and the file that keeps the output, `realm` is the
/// environment of a Kerberos realm.
fn run(
    program: &Path,
    directory: &Path,
    side: &str,
    library: Option<&Path>,
    realm: Option<&[(String, String)]>,
) -> String {
    let plugins = directory.join(if library.is_some() { "none" } else { "plugins" });
    fs::create_dir_all(&plugins).expect("the directory of plugins can be made");
    if library.is_none() {
        let usual = ["anonymous", "crammd5", "digestmd5", "login", "plain", "scram", "sasldb"];
        let kerberos = ["gssapiv2", "gs2"];
        for name in usual.iter().chain(kerberos.iter().filter(|_| realm.is_some())) {
            let file = format!("lib{name}.so");
            let link = plugins.join(&file);
            if !link.exists() {
                std::os::unix::fs::symlink(Path::new(STOCK_PLUGINS).join(&file), link).expect("a link can be made");
            }
        }
    }
    let own = directory.join(side);
    fs::create_dir_all(&own).expect("a working directory can be made");
    let mut command = Command::new("timeout");
    command.arg("120").arg(program).current_dir(own).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("USER", "tester").env("SASL_PATH", &plugins);
    command.env("SASL_CONF_PATH", directory.join("conf"));
    if let Some(library) = library {
        command.env("LD_LIBRARY_PATH", library);
    }
    if let Some(realm) = realm {
        command.envs(realm.iter().map(|(name, value)| (name, value)));
    } else if let Some(library) = library {
        // The loader looks here first, and finds no library in it.
        let without = directory.join("without-kerberos");
        fs::create_dir_all(&without).expect("a directory can be made");
        fs::write(without.join("libgssapi_krb5.so.2"), "").expect("an empty file can be made");
        command.env("LD_LIBRARY_PATH", format!("{}:{}", without.display(), library.display()));
    }
    let output = command.output().expect("timeout runs (Debian package: coreutils)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    fs::write(directory.join(format!("{side}.out")), &text).expect("the output can be kept");
    assert!(
        output.status.success(),
        "{} on {side}: {}\n{}\nlast lines:\n{}",
        program.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr),
        text.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    );
    text
}

fn check(program: &str) {
    let directory = scratch(program);
    let binary = compile(program, &directory);
    let table = deviations::read(&sources().join("deviations.txt"));
    let mine: Vec<&Deviation> = table.iter().filter(|d| d.programs.iter().any(|p| p == program)).collect();
    let realm = about_kerberos(program).then(Kdc::for_programs);
    let realm = realm.as_ref().map(|(_, environment)| &environment[..]);
    let stock = run(&binary, &directory, "stock", None, realm);
    let library = library::ours();
    let ours = run(&binary, &directory, "ours", library, realm);
    let (stock, ours): (Vec<&str>, Vec<&str>) = (stock.lines().collect(), ours.lines().collect());
    let result = align::compare(&stock, &ours, &mine);
    assert!(
        result.differences.is_empty(),
        "{program}: {} lines differ from the stock library's (-) and are no entry of deviations.txt; both outputs are in \
         {}\n{}",
        result.differences.len(),
        directory.display(),
        result.differences.join("\n")
    );
    if library.is_some() {
        for (entry, used) in mine.iter().zip(result.used) {
            assert!(used > 0, "deviations.txt:{}: {program} never needs this entry ({})", entry.line, entry.id);
        }
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

programs! {
    abi_alloc
    abi_auxprop
    abi_bad
    abi_base64
    abi_callbacks
    abi_calls
    abi_canon
    abi_chanbind
    abi_checkpass
    abi_config
    abi_defaults
    abi_digest
    abi_errors
    abi_gss
    abi_gss_raw
    abi_info
    abi_layer
    abi_life
    abi_list
    abi_loglevel
    abi_md5
    abi_plugins
    abi_prop
    abi_prophold
    abi_props
    abi_reauth
    abi_saslauthd
    abi_sasldb
    abi_scram
    abi_select
    abi_state
    abi_toy
    abi_trace
    abi_utf8
    abi_util
    abi_walk
}

#[test]
fn every_program_is_run() {
    let found: BTreeSet<String> = fs::read_dir(sources())
        .expect("tests/c can be read")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".c")?.to_owned()))
        .filter(|name| name.starts_with("abi_"))
        .collect();
    let listed: BTreeSet<String> = PROGRAMS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, listed, "tests/c/abi_*.c (left) and the list in tests/c_abi/main.rs (right)");
}

#[test]
fn every_deviation_is_explained() {
    let documented = deviations::documented(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deviations.md"));
    for entry in deviations::read(&sources().join("deviations.txt")) {
        assert!(
            documented.contains(&entry.id),
            "deviations.txt:{}: no row {} in docs/deviations.md",
            entry.line,
            entry.id
        );
        for program in &entry.programs {
            assert!(PROGRAMS.contains(&program.as_str()), "deviations.txt:{}: no program {program}", entry.line);
        }
        assert!(entry.stock.is_some() || entry.ours.is_some(), "deviations.txt:{}: an empty entry", entry.line);
    }
}

#[test]
fn patterns_and_alignment() {
    let entry = |stock: Option<&str>, ours: Option<&str>| Deviation {
        programs: Vec::new(),
        id: String::new(),
        stock: stock.map(str::to_owned),
        ours: ours.map(str::to_owned),
        section: None,
        many: false,
        line: 0,
    };
    let swap = entry(Some("a * of *"), Some("b $2, $1"));
    assert!(swap.allows("", Some("a x of y"), Some("b y, x")));
    assert!(!swap.allows("", Some("a x of y"), Some("b x, y")));
    assert!(entry(Some("\\*a*"), None).allows("", Some("*ab"), None));
    assert!(!entry(Some("\\*a*"), None).allows("", Some("bab"), None));
    let (gone, more) = (entry(Some("gone*"), None), entry(None, Some("more")));
    let table = [&swap, &gone, &more];
    let same = align::compare(&["1", "a x of y", "gone 1", "2"], &["1", "b y, x", "more", "2"], &table);
    assert!(same.differences.is_empty(), "{:?}", same.differences);
    assert_eq!(same.used, [1, 1, 1]);
    let within = Deviation { section: Some("b".to_owned()), ..entry(Some("x"), None) };
    let here = align::compare(&["-- a", "x", "-- b", "x"], &["-- a", "-- b"], &[&within]);
    assert_eq!(here.differences, ["    2 - x"]);
    let other = align::compare(&["1", "2", "3"], &["1", "3", "4"], &table);
    assert_eq!(other.differences, ["    2 - 2", "    3 + 4"]);
}
