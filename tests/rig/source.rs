//! Sendmail built from Debian's source package against chosen SASL headers and a chosen library.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::base::{Library, must, repository};
use super::client::{Hash, hex};

/// The lines of `devtools/Site/site.config.m4` that an administrator writes, as Sendmail's own documentation has them.
const SITE: &str = "APPENDDEF(`confENVDEF', `-DSASL=2')\nAPPENDDEF(`conf_sendmail_LIBS', `-lsasl2')\n";

/// Builds Sendmail, or takes it from an earlier run: the build is kept in target/rig under a hash of the headers.
///
/// `include` holds `sasl/sasl.h`; none stands for the system's. Where it is given, the system's headers are hidden from
/// the compiler, so that none of them can slip in.
pub fn build(include: Option<&Path>, library: &Library) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let source = repository("target/rig/sendmail-source");
    assert!(source.join("ready").exists(), "Sendmail's source is not there: run scripts/packages.sh check");

    let headers = include.unwrap_or(Path::new("/usr/include"));
    let dir = repository("target/rig/built").join(format!("{}-{}", library.name, digest(&headers.join("sasl"))));
    let binary = dir.join("sendmail.built");
    if binary.exists() {
        return binary;
    }
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("build directory");
    must(Command::new("cp").arg("-a").arg(source.join(".")).arg(&dir));
    let mut site = String::from(SITE);
    if let Some(include) = include {
        site += &format!("APPENDDEF(`confINCDIRS', `-I{}')\n", include.display());
    }
    if library.dir.is_some() {
        // The linker looks for libsasl2.so, which a library directory need not have.
        fs::create_dir(dir.join("link")).expect("link directory");
        symlink(library.file(), dir.join("link/libsasl2.so")).expect("link");
        site += &format!("APPENDDEF(`confLIBDIRS', `-L{}')\n", dir.join("link").display());
    }
    fs::write(dir.join("devtools/Site/site.config.m4"), site).expect("site.config.m4");

    const SCRIPT: &str = "
        set -e
        if [ -n \"$1\" ]; then mount -t tmpfs none /usr/include/sasl; fi
        for part in libsm libsmutil sendmail; do (cd $part && sh ./Build); done
    ";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "build"]).arg(include.unwrap_or(Path::new(""))).current_dir(&dir);
    must(&mut command);
    let built = must(Command::new("sh").args(["-c", "echo obj.*/sendmail/sendmail"]).current_dir(&dir));
    // Renamed last: a build that was cut short is not taken for a finished one.
    fs::rename(dir.join(built.trim()), &binary).expect("the binary");
    binary
}

/// A hash of the names and contents of a directory's files.
fn digest(dir: &Path) -> String {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("header").path()).collect();
    files.sort();
    let mut all = SITE.as_bytes().to_vec();
    for file in files {
        all.extend(file.file_name().expect("name").as_encoded_bytes());
        all.extend(fs::read(file).expect("header"));
    }
    hex(&Hash::Sha256.digest(&all)[..8])
}
