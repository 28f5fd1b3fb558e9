//! Where our `libsasl.so.7` is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs, process};

/// The directory that holds `libsasl.so.7`, `libsasl.so` and `libsasl.a`, built once: the one that `OXISASL_RIG_LIBRARY` names
/// if they are there, else one that is made here.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let named = env::var_os("OXISASL_RIG_LIBRARY").map(PathBuf::from);
        named.filter(|directory| directory.join("libsasl.so.7").exists()).unwrap_or_else(build)
    })
}

/// Cargo does not build a `cdylib` for the tests of another package: this asks it to.
fn build() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("capi/libsasl/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--message-format=json-render-diagnostics", "--manifest-path"])
        .arg(&manifest)
        .output()
        .expect("cargo runs");
    let messages = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}", manifest.display(), String::from_utf8_lossy(&output.stderr));
    let artifacts: Vec<&str> = messages
        .lines()
        .filter(|line| line.contains("\"compiler-artifact\"") && line.contains("\"cdylib\""))
        .flat_map(|line| line.split('"'))
        .collect();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libsasl");
    fs::create_dir_all(&directory).expect("the target directory can be written");
    for (suffix, name) in [(".so", "libsasl.so.7"), (".so", "libsasl.so"), (".a", "libsasl.a")] {
        let from = artifacts.iter().rfind(|word| word.ends_with(suffix)).expect("the package makes both libraries");
        // Other tests may be using what is there.
        let new = directory.join(format!("{name}.{}", process::id()));
        fs::copy(from, &new).expect("the library can be copied");
        fs::rename(&new, directory.join(name)).expect("the library can be put in its place");
    }
    directory
}
