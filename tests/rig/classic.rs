//! The library of the 1.5 interface as the classic recipe installs it, and Sendmail built with it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::base::{Interface, Library, must, repository, run, set_mode, target_dir};
use super::sendmail::Config;
use super::source::{Built, build_classic};

/// What the recipe names as `confAUTH_MECHANISMS` and `TRUST_AUTH_MECH`: some of it this library does not have.
pub const NAMED: &str = "GSSAPI KERBEROS_V4 LOGIN PLAIN CRAM-MD5 DIGEST-MD5";

/// What is served of it.
pub const MECHANISMS: &str = "LOGIN PLAIN CRAM-MD5 DIGEST-MD5";

/// Where `make install` has put the headers (`include/sasl1`) and the library (`lib`).
///
/// With `OXISASL_RIG_LIBRARY` naming a directory with a development build of the library, the same is put together from
/// that and the repository's headers.
pub fn prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| match std::env::var("OXISASL_RIG_LIBRARY").as_deref() {
        Err(_) | Ok("" | "stock") => installed(),
        Ok(dir) if Path::new(dir) == repository("target/lib") => installed(),
        Ok(dir) => assembled(Path::new(dir)),
    })
}

fn installed() -> PathBuf {
    let prefix = target_dir().join("rig/classic");
    let mut make = Command::new("make");
    make.current_dir(repository("")).args(["--silent", "install"]).arg(format!("PREFIX={}", prefix.display()));
    make.arg(format!("LIBDIR={}", prefix.join("lib").display())).arg(format!("CARGO={}", env!("CARGO")));
    must(&mut make);
    prefix
}

fn assembled(dir: &Path) -> PathBuf {
    let prefix = target_dir().join("rig/classic-development");
    let library = Library::of(Interface::V1, "ours", dir).file();
    for (part, name, target) in [
        ("include", "sasl1", repository("include/sasl1")),
        ("lib", "libsasl.so", library.clone()),
        ("lib", "libsasl.so.7", library),
    ] {
        fs::create_dir_all(prefix.join(part)).expect("prefix");
        let name = prefix.join(part).join(name);
        let new = name.with_extension(std::process::id().to_string());
        symlink(target, &new).and_then(|()| fs::rename(&new, &name)).expect("link into the prefix");
    }
    prefix
}

/// The library.
pub fn library() -> Library {
    Library::of(Interface::V1, "ours", &prefix().join("lib"))
}

/// Sendmail with `-DSASL` and `-lsasl`, built once.
pub fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| build_classic(prefix()))
}

/// The recipe's configuration, with the password database of the library.
pub fn config() -> Config {
    Config {
        binary: built().binary.clone(),
        mechanisms: NAMED.to_owned(),
        library_conf: Some("pwcheck_method: sasldb\nsasldb_path: @DIR@/sasldb\n".to_owned()),
        ..Config::default()
    }
}

/// Writes users and passwords into the password database `file`, mode 0600, through the library itself.
pub fn make_sasldb(library: &Library, file: &Path, realm: &str, users: &[(&str, &str)]) {
    let conf = file.with_extension("conf.d");
    fs::create_dir_all(&conf).expect("configuration directory");
    fs::write(conf.join("setpass.conf"), format!("sasldb_path: {}\n", file.display())).expect("configuration");
    for (user, password) in users {
        let mut command = library.command(setpass());
        command.env("SASL_PATH", &conf).args([realm, user]);
        let ran = run(&mut command, password.as_bytes());
        assert!(ran.status.success(), "{command:?}: {}\n{}{}", ran.status, ran.stdout, ran.stderr);
    }
    set_mode(file, 0o600);
}

/// Compiles `classic_setpass.c`, once per process; the file is replaced whole.
fn setpass() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("classic_setpass"))
}

/// Compiles a program of `tests/c` as the recipe compiles Sendmail.
pub fn compile(name: &str) -> PathBuf {
    let file = target_dir().join(format!("rig-{name}"));
    let new = file.with_extension(std::process::id().to_string());
    let mut gcc = Command::new("gcc");
    gcc.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&new).arg(repository("tests/c").join(name).with_extension("c"));
    gcc.arg(format!("-I{}/include/sasl1", prefix().display())).arg(format!("-L{}/lib", prefix().display()));
    must(gcc.arg("-lsasl"));
    fs::rename(&new, &file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    file
}
