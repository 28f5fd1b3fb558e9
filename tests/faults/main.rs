//! What goes wrong around the library, seen by C programs on `libsasl2.so.2` and `libsasl.so.7`: hostile messages, calls in
//! states where they do not belong, memory that is not there, system calls that fail, threads and forks, and thousands of
//! rounds that must leave nothing behind. With `OXISASL_SOAK` in the environment there are many more of them.

#[path = "../support/cc.rs"]
mod cc;
#[path = "../support/libsasl.rs"]
mod libsasl;
#[path = "../rig/mod.rs"]
mod rig;

use std::path::{Path, PathBuf};
use std::process::Command;

use rig::base::Library;

const VALGRIND: [&str; 6] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect",
    "--errors-for-leak-kinds=definite,indirect",
];

/// Which library a program is for.
#[derive(Clone, Copy, PartialEq)]
enum Interface {
    Current,
    Classic,
}

fn thorough() -> bool {
    std::env::var_os("OXISASL_SOAK").is_some()
}

/// The directory of the library that programs get.
fn library(interface: Interface) -> PathBuf {
    match interface {
        Interface::Classic => libsasl::directory().to_owned(),
        Interface::Current => Library::under_test().dir.expect("these programs are not for the stock library"),
    }
}

fn compile(interface: Interface, source: &Path, directory: &Path) -> PathBuf {
    let binary = directory.join(source.file_stem().expect("a source has a name"));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut command = Command::new("gcc");
    command.args((interface == Interface::Classic).then_some("-DCLASSIC"));
    command.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-rdynamic", "-o"]);
    command.arg(&binary).arg("-I").arg(tests.join("c")).arg("-I").arg(tests.join("c1"));
    if interface == Interface::Classic {
        command
            .arg("-I")
            .arg(cc::include_dir().join("sasl1"))
            .arg(source)
            .arg("-L")
            .arg(libsasl::directory())
            .arg("-lsasl");
    } else {
        command.arg(source).arg("-lsasl2");
    }
    cc::run(command.args(["-lpthread", "-ldl"]));
    binary
}

/// Runs a program, with a tool around it, in an environment without a configuration and without Kerberos. It must end well, say
/// so in its last line, and have nothing of a panic in what it says: the boundary to C catches one, and goes on.
fn run(interface: Interface, binary: &Path, tool: &[&str], arguments: &[&str]) {
    let directory = binary.parent().expect("a file in a directory");
    let without = directory.join("without-kerberos");
    std::fs::create_dir_all(&without).expect("a directory can be made");
    std::fs::write(without.join("libgssapi_krb5.so.2"), "").expect("an empty file can be made");
    let mut command = Command::new("timeout");
    command.arg(if thorough() { "36000" } else { "300" }).args(tool).arg(binary).args(arguments);
    command.current_dir(directory).env_clear().env("PATH", "/usr/bin:/bin").env("USER", "tester");
    command.env("SASL_PATH", directory).env("SASL_CONF_PATH", directory);
    command.env("LD_LIBRARY_PATH", format!("{}:{}", without.display(), library(interface).display()));
    if thorough() {
        command.env("OXISASL_SOAK", "1");
    }
    if interface == Interface::Current {
        command.env("LIBRARY", library(interface).join("libsasl2.so.2"));
    }
    let output = command.output().expect("timeout runs (Debian package: coreutils)");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{text}{error}", binary.display(), output.status);
    assert!(!error.contains("panicked") && !text.contains("internal error"), "{}: {text}{error}", binary.display());
    assert!(text.ends_with("all is well\n"), "{}: {text}{error}", binary.display());
    println!("{text}");
}

fn program(interface: Interface, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults").join(format!("{name}.c"));
    compile(interface, &source, &cc::scratch(name))
}

/// What `tests/c_abi` compares with the stock library, under valgrind: one of so many calls.
#[test]
fn calls_in_every_state() {
    let directory = cc::scratch("calls");
    let binary = compile(Interface::Current, &cc::c_dir().join("abi_calls.c"), &directory);
    run(Interface::Current, &binary, &VALGRIND, &[if thorough() { "1" } else { "41" }]);
}

/// That no function is forgotten: each of those exported is in one of the two programs.
#[test]
fn every_function_is_called() {
    for (exports, program) in
        [("capi/libsasl2/exports.txt", "tests/c/abi_calls.c"), ("capi/libsasl/exports.txt", "tests/faults/calls1.c")]
    {
        let read =
            |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file");
        let (exports, program) = (read(exports), read(program));
        // Data, and the functions of `abi_md5`.
        let elsewhere = ["sasl_global_utils", "_sasl_MD5Init", "_sasl_MD5Update", "_sasl_MD5Final"];
        let names = exports.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let missing: Vec<_> =
            names.filter(|name| !elsewhere.contains(name) && !program.contains(&format!("{name}("))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

#[test]
fn classic_calls_in_every_state() {
    let binary = program(Interface::Classic, "calls1");
    run(Interface::Classic, &binary, &[], &[]);
    run(Interface::Classic, &binary, &VALGRIND, &[if thorough() { "1" } else { "31" }]);
}

#[test]
fn hostile_messages() {
    for interface in [Interface::Current, Interface::Classic] {
        let binary = program(interface, "peers");
        run(interface, &binary, &[], &[]);
        run(interface, &binary, &VALGRIND, &[if thorough() { "1" } else { "121" }]);
    }
}

#[test]
fn no_more_memory() {
    for (interface, name) in [(Interface::Current, "allocation"), (Interface::Classic, "allocation1")] {
        let binary = program(interface, name);
        run(interface, &binary, &[], &[]);
        run(interface, &binary, &VALGRIND, &[]);
    }
}

fn lifecycle(what: &str) {
    run(Interface::Current, &program(Interface::Current, "lifecycle"), &[], &[what]);
}

#[test]
fn thousands_of_sessions() {
    lifecycle("sessions");
}

#[test]
fn thousands_of_inits() {
    lifecycle("rounds");
}

/// This one is not linked with the library, which could not be unloaded then.
#[test]
fn loaded_and_unloaded() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/loads.c");
    let directory = cc::scratch("loads");
    let binary = directory.join("loads");
    cc::run(
        Command::new("gcc").args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&binary).arg(source),
    );
    run(Interface::Current, &binary, &[], &[]);
}

#[test]
fn children_have_their_own_nonces() {
    lifecycle("forks");
}

#[test]
fn many_threads() {
    lifecycle("threads");
}

#[test]
fn threads_that_come_and_go() {
    lifecycle("goings");
}

/// The server's configuration is a file here, which is one more thing that can fail.
#[test]
fn failing_system_calls() {
    for back_end in ["lmdb", "berkeley", "saslauthd"] {
        let binary = program(Interface::Current, "system");
        let directory = binary.parent().expect("a file in a directory");
        // The name of a socket has few characters.
        let sockets = rig::base::TempDir::new("faults");
        let (database, socket) = (directory.join("sasldb"), sockets.join("mux"));
        let place = match back_end {
            "saslauthd" => &socket,
            _ => &database,
        };
        let lines = match back_end {
            "saslauthd" => format!("pwcheck_method: saslauthd\nsaslauthd_path: {}\n", socket.display()),
            _ => format!(
                "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nscram_iteration_counter: 2\n\
                 scram_minimum_iterations: 1\n",
                database.display()
            ),
        };
        cc::write(directory, "faulty.conf", &lines);
        let maker = if back_end == "lmdb" { Library::under_test() } else { Library::stock() };
        rig::base::make_sasldb(&maker, &database, "host.example.com", &[("alice", "secret")]);
        let place = place.to_str().expect("a path in UTF-8");
        run(Interface::Current, &binary, &[], &[back_end, place]);
    }
}
