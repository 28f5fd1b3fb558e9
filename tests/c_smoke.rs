//! The pkg-config file, our headers and a library together build and run programs: the smoke test that an installation
//! is checked with, and the examples. The library is the system's, or the one in the folder that `LIBSASL2_DIR` names.

#[path = "support/cc.rs"]
mod cc;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the library to link with.
fn library_dir() -> String {
    env::var("LIBSASL2_DIR").unwrap_or_else(|_| {
        cc::run(Command::new("pkg-config").args(["--variable=libdir", "libsasl2"])).trim().to_owned()
    })
}

/// pkg-config, looking at nothing but our file, filled in for our headers and the library.
fn pkg_config(dir: &Path) -> Command {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("capi/libsasl2/libsasl2.pc.in");
    let text = fs::read_to_string(template)
        .unwrap()
        .replace("@prefix@", dir.to_str().unwrap())
        .replace("@libdir@", &library_dir())
        .replace("@includedir@", cc::include_dir().to_str().unwrap())
        .replace("@libs_private@", "-lgcc_s -lc");
    let filled = text.lines().filter(|line| !line.starts_with('#')).all(|line| !line.contains('@'));
    assert!(filled, "the test does not fill in all of:\n{text}");
    cc::write(dir, "libsasl2.pc", &text);
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_LIBDIR", dir).env_remove("PKG_CONFIG_PATH");
    command
}

/// Compiles a program with the flags that pkg-config gives, runs it, and gives what it printed.
fn build_and_run(name: &str, compiler: &[&str], source: PathBuf) -> String {
    let dir = cc::scratch(name);
    let flags = cc::run(pkg_config(&dir).args(["--cflags", "--libs", "libsasl2"]));
    let program = dir.join(name);
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).args(["-pedantic", "-Wall", "-Wextra", "-Werror"]).arg(source);
    command.args(flags.split_whitespace()).arg(format!("-Wl,-rpath,{}", library_dir())).arg("-o").arg(&program);
    cc::run(&mut command);
    cc::run(&mut Command::new(program))
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c").join(name)
}

#[test]
fn the_smoke_test_passes() {
    for (i, compiler) in [["gcc", "-std=c89"], ["gcc", "-std=c17"], ["clang", "-std=c99"]].iter().enumerate() {
        let output = build_and_run(&format!("smoke{i}"), compiler, cc::c_dir().join("smoke.c"));
        assert!(output.lines().all(|line| line.starts_with("ok: ")) && output.ends_with("ok: done\n"), "{output}");
    }
}

#[test]
fn the_c_example_authenticates() {
    let output = build_and_run("plain", &["gcc", "-std=c99"], example("plain.c"));
    assert_eq!(output, "authenticated: alice by PLAIN\n");
}

#[test]
fn the_cxx_example_authenticates() {
    let output = build_and_run("scram", &["g++", "-std=c++11"], example("scram.cpp"));
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 5, "{output}");
    assert!(lines[0].starts_with("C: n,,n=alice,r=") && lines[3].starts_with("S: v="), "{output}");
    assert_eq!(lines[4], "authenticated: alice by SCRAM-SHA-256");
}

#[test]
fn pkg_config_tells_the_version_of_the_interface() {
    let dir = cc::scratch("version");
    let version = cc::run(pkg_config(&dir).args(["--modversion", "libsasl2"]));
    let header = fs::read_to_string(cc::include_dir().join("sasl/sasl.h")).unwrap();
    let number = |name: &str| -> String {
        let line = header.lines().find(|line| line.starts_with(&format!("#define SASL_VERSION_{name} "))).unwrap();
        // Build scripts take the rest of the line for the number.
        line.split(' ').skip(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(version.trim(), [number("MAJOR"), number("MINOR"), number("STEP")].join("."));
}
