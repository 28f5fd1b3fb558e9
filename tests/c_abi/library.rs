//! Where the library under test is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// The directory that holds our `libsasl2.so.2`, built once; none when the stock library is to be compared with itself,
/// which shows that the programs print the same at every run.
///
/// `OXISASL_RIG_LIBRARY` names another directory, or is `stock`.
pub fn ours() -> Option<&'static Path> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    DIRECTORY
        .get_or_init(|| match env::var("OXISASL_RIG_LIBRARY").as_deref() {
            Ok("stock") => None,
            Ok(directory) if !directory.is_empty() => Some(PathBuf::from(directory)),
            _ => Some(build()),
        })
        .as_deref()
}

/// Cargo does not build a `cdylib` for the tests of another package: this asks it to.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = root.join("capi/libsasl2/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--message-format=json-render-diagnostics", "--manifest-path"])
        .arg(&manifest)
        .output()
        .expect("cargo runs");
    let messages = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}", manifest.display(), String::from_utf8_lossy(&output.stderr));
    let library = messages
        .lines()
        .filter(|line| line.contains("\"compiler-artifact\"") && line.contains("\"cdylib\""))
        .flat_map(|line| line.split('"'))
        .rfind(|word| word.ends_with(".so"))
        .expect("the package makes a shared object");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_abi_library");
    fs::create_dir_all(&directory).expect("the target directory can be written");
    fs::copy(library, directory.join("libsasl2.so.2")).expect("the library can be copied");
    directory
}
