//! The 1.5 interface as C programs see it: `tests/c1/*.c`, each with the shared library, alone and under valgrind. What they
//! expect is what is known of the interface, since no system has that library any more to compare with.

#[path = "support/cc.rs"]
mod cc;
#[path = "support/libsasl.rs"]
mod libsasl;

use std::path::{Path, PathBuf};
use std::process::Command;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c1")
}

fn compile(program: &str, directory: &Path, with: &[&str]) -> PathBuf {
    let binary = directory.join(program);
    let mut command = Command::new("gcc");
    command.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-rdynamic", "-o"]).arg(&binary);
    command.arg("-I").arg(cc::include_dir().join("sasl1")).arg(sources().join(format!("{program}.c")));
    cc::run(command.arg("-L").arg(libsasl::directory()).args(with));
    binary
}

/// Runs a program in a directory of its own, in an environment without a configuration.
fn run(binary: &Path, directory: &Path, tool: &[&str]) {
    let own = directory.join(tool.first().unwrap_or(&"plain"));
    std::fs::create_dir_all(&own).expect("a directory can be made");
    let mut command = Command::new("timeout");
    command.arg("300").args(tool).arg(binary).current_dir(&own).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("LD_LIBRARY_PATH", libsasl::directory());
    let output = command.output().expect("timeout runs (Debian package: coreutils)");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{text}{error}", binary.display(), output.status);
    assert!(text.ends_with("all is well\n"), "{}: {text}{error}", binary.display());
}

fn check(program: &str) {
    let directory = cc::scratch(program);
    let binary = compile(program, &directory, &["-lsasl"]);
    run(&binary, &directory, &[]);
    let valgrind = [
        "valgrind",
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect",
        "--errors-for-leak-kinds=definite,indirect",
    ];
    run(&binary, &directory, &valgrind);
}

macro_rules! programs {
    ($($(#[$meta:meta])* $name:ident)*) => {
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        $($(#[$meta])* #[test] fn $name() { check(stringify!($name)); })*
    };
}

programs! {
    client
    /// A response that is right in its first 8 digits only was enough for 1.5.24.
    cram
    files
    layer
    log
    memory
    /// 1.5.24 did not heed a policy that refuses.
    policy
    props
    reenter
    secrets
    server
    smoke
    util
}

#[test]
fn every_program_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(sources())
        .expect("the sources are there")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".c")?.to_owned()))
        .collect();
    found.sort();
    assert_eq!(found, PROGRAMS);
}

/// A program that has the library in itself does the same.
#[test]
fn the_static_library_serves_too() {
    let directory = cc::scratch("static");
    let archive = libsasl::directory().join("libsasl.a");
    let binary = compile("server", &directory, &[archive.to_str().expect("a path in UTF-8"), "-lgcc_s", "-lc"]);
    let needed = cc::run(Command::new("readelf").arg("-dW").arg(&binary));
    assert!(!needed.contains("libsasl"), "{needed}");
    run(&binary, &directory, &[]);
}
