//! Running C compilers on small programs, for the tests that look at the C interface from the outside.

#![allow(dead_code, reason = "each test file uses the parts that it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The folder that holds our `sasl/`, as a compiler takes it with `-I`.
pub fn include_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// The folder of the C sources of the tests.
pub fn c_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c")
}

/// An empty folder of its own below cargo's target folder, made anew by each call.
pub fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}_{name}_{count}", env!("CARGO_CRATE_NAME")));
    if dir.exists() {
        fs::remove_dir_all(&dir).expect("the scratch folder of the last run can be removed");
    }
    fs::create_dir_all(&dir).expect("the scratch folder can be made");
    dir
}

/// Writes a file and gives its path.
pub fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    path
}

/// Runs a command; gives its standard output, or its standard error when it failed.
pub fn attempt(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|e| {
        panic!("{program}: {e} (Debian packages: gcc, g++, clang, binutils, make, pkg-config, libsasl2-dev)")
    });
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// Runs a command that must succeed, and gives its standard output.
pub fn run(command: &mut Command) -> String {
    attempt(command).unwrap_or_else(|e| panic!("{e}"))
}
