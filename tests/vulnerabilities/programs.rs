//! Holes that only a program in C can show: memory, and the environment of programs with more rights than their callers.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cc;
use crate::rig::base::{Library, TempDir, set_mode};

fn compile(name: &str, directory: &str) -> PathBuf {
    let program = PathBuf::from(directory).join(name);
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-o"]).arg(&program);
    compiler.arg(cc::c_dir().join(format!("{name}.c")));
    // Bound at once: the loader saves registers on the stack when a function is first called, with whatever is in them.
    cc::run(compiler.args(["-lsasl2", "-Wl,-z,now", &format!("-Wl,-rpath,{directory}")]));
    program
}

/// Runs a part of `tests/c/holes.c` under valgrind: memory that is used wrongly, or lost, is an error.
fn holes(part: &str) {
    let dir = cc::scratch(part);
    let program = compile("holes", dir.to_str().unwrap());
    let library = Library::under_test();
    let mut command = Command::new("timeout");
    command.arg("300");
    if !library.is_stock() {
        command.args(["valgrind", "-q", "--error-exitcode=99", "--leak-check=full"]);
        command.args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
    }
    command.arg(&program).arg(part).current_dir(&dir);
    command.env("SASL_PATH", &dir).env("SASL_CONF_PATH", &dir);
    assert_eq!(cc::run(library.apply(&mut command)), "ok\n");
}

/// Cyrus SASL #888: each prefix of messages of every mechanism, in memory of just its length.
#[test]
fn nothing_is_read_beyond_a_message() {
    holes("prefixes");
}

/// CVE-2009-0688: no buffer is written beyond its size, and what is too long is refused.
#[test]
fn nothing_is_written_beyond_a_buffer() {
    holes("sizes");
}

/// Cyrus SASL #889: `prop_dup` and the others after any sequence of calls do as a simple model of them does.
#[test]
fn properties_are_as_their_model() {
    holes("properties");
}

/// CVE-2004-0884: with the rights of another group, or capabilities of its file, a program reads no configuration that its caller
/// points to.
#[test]
fn a_program_with_more_rights_reads_no_environment() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = TempDir::new("secure");
    fs::copy(library.file(), dir.join("libsasl2.so.2")).expect("the library");
    dir.write("secure.conf", "mech_list: PLAIN\n");
    let program = compile("secure_env", dir.path().to_str().unwrap());
    let said = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program);
        command.env("SASL_CONF_PATH", dir.path()).env("SASL_PATH", dir.path()).env_remove("LD_LIBRARY_PATH");
        cc::run(command.current_dir("/"))
    };
    set_mode(&program, 0o755);
    assert_eq!(said(), "secure 0\nlist PLAIN\n");
    cc::run(Command::new("chgrp").arg("mail").arg(&program));
    set_mode(&program, 0o2755);
    let as_group = said();
    assert!(as_group.starts_with("secure 1\n") && as_group.contains("SCRAM-SHA-256"), "{as_group}");
    set_mode(&program, 0o755);
    assert_eq!(said(), "secure 0\nlist PLAIN\n");
    cc::run(Command::new("setcap").arg("cap_net_bind_service+ep").arg(&program));
    let with_capability = said();
    assert!(
        with_capability.starts_with("secure 1\n") && with_capability.contains("SCRAM-SHA-256"),
        "{with_capability}"
    );
}

/// CVE-2022-48195: where the system has no random bytes, nothing takes their place.
#[test]
fn without_random_bytes_nothing_begins() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = cc::scratch("random");
    let program = compile("no_random", dir.to_str().unwrap());
    let mut command = Command::new(program);
    command.current_dir(&dir).env("SASL_PATH", &dir).env("SASL_CONF_PATH", &dir);
    let said = cc::run(library.apply(&mut command));
    for mechanism in ["CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
        assert!(said.contains(&format!("\nwithout {mechanism}: -1\n")), "{said}");
        assert!(said.contains(&format!("with {mechanism}: 1\n")), "{said}");
    }
}

/// Once the connections are gone the password is in no memory of the process; it is in no line of the log, no error text and no
/// byte of the database at any time.
#[test]
fn passwords_go_with_their_connections() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let dir = cc::scratch("canary");
    let program = compile("canary", dir.to_str().unwrap());
    let database = dir.join("db");
    let said = |keep: &[&str]| {
        let mut command = Command::new(&program);
        command.arg(&database).args(keep).current_dir(&dir).env("SASL_PATH", &dir).env("SASL_CONF_PATH", &dir);
        cc::run(library.apply(&mut command))
    };
    let text = said(&[]);
    let lines = |begin: &str| text.lines().filter(|line| line.starts_with(begin)).collect::<Vec<_>>();
    assert_eq!(lines("found"), ["found: 0"; 2], "{text}");
    assert_eq!(lines("check"), ["check: 0", "check: -13"], "{text}");
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
        let results = lines(&format!("{mechanism}: "));
        assert!(results[0].contains(": 0 ") && results[1].contains(": -13 "), "{text}");
    }
    assert!(lines("log").len() > 5 && !text.contains("canary.password"), "{text}");
    let bytes = fs::read(&database).expect("the database");
    assert!(bytes.len() > 1000 && !bytes.windows(15).any(|window| window == b"canary.password"));
    // What the program itself keeps is found.
    assert!(!said(&["keep"]).contains("found: 0"));
}
