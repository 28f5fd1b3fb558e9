//! `make install` into a folder, and C programs that are built with what it put there: shared and static.

#[path = "support/cc.rs"]
mod cc;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIBDIR: &str = "/usr/lib/x86_64-linux-gnu";

/// Installs, and gives the folder that stands for the root.
fn installed() -> PathBuf {
    let root = cc::scratch("install-root");
    let mut make = Command::new("make");
    make.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--silent", "install", "PREFIX=/usr"]);
    make.arg(format!("LIBDIR={LIBDIR}"))
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("CARGO={}", env!("CARGO")));
    cc::run(&mut make);
    root
}

/// What pkg-config says, looking at nothing but the installation.
fn flags(root: &Path, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_LIBDIR", root.join(&LIBDIR[1..]).join("pkgconfig"));
    command.env("PKG_CONFIG_SYSROOT_DIR", root).env_remove("PKG_CONFIG_PATH").args(arguments).arg("libsasl2");
    cc::run(&mut command).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_is_installed_builds_and_runs_programs() {
    let root = installed();
    let libraries = root.join(&LIBDIR[1..]);
    let dir = cc::scratch("install-programs");
    let source = cc::c_dir().join("smoke.c");

    let shared = dir.join("shared");
    cc::run(Command::new("gcc").arg(&source).args(flags(&root, &["--cflags", "--libs"])).arg("-o").arg(&shared));
    let needed = cc::run(Command::new("readelf").arg("-dW").arg(&shared));
    assert!(needed.contains("[libsasl2.so.2]"), "{needed}");
    let output = cc::run(Command::new(&shared).env("LD_LIBRARY_PATH", &libraries));
    assert!(output.ends_with("ok: done\n"), "{output}");

    let contained = dir.join("contained");
    let cflags = flags(&root, &["--cflags"]);
    let archive = libraries.join("libsasl2.a");
    let private = ["-lgcc_s", "-lc"];
    cc::run(Command::new("gcc").arg(&source).args(cflags).arg(archive).args(private).arg("-o").arg(&contained));
    let needed = cc::run(Command::new("readelf").arg("-dW").arg(&contained));
    assert!(!needed.contains("libsasl2"), "{needed}");
    let output = cc::run(&mut Command::new(&contained));
    assert!(output.ends_with("ok: done\n"), "{output}");
}
