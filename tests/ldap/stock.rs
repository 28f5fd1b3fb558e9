//! The same program with the same configuration on Debian's library with its LDAP plugin, and on the library under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::cc;
use crate::directory::{PEOPLE, options_at, start, start_with, uri};
use crate::rig::base::{Library, TempDir, free_port, must, repository};
use crate::rig::slapd::Slapd;

/// The libraries to compare; only the stock one when that is under test.
pub fn libraries() -> Vec<Library> {
    let mut libraries = vec![Library::stock()];
    if !Library::under_test().is_stock() {
        libraries.push(Library::under_test());
    }
    libraries
}

/// The program, compiled once.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = cc::scratch("ldap").join("answers");
        let mut gcc = Command::new("gcc");
        gcc.args(["-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type", "-o"]).arg(&program);
        must(gcc.arg(repository("tests/c/store_answers.c")).arg("-lsasl2"));
        program
    })
}

/// What the program says on a library with these options. A tilde stands for a blank.
pub fn answers(library: &Library, options: &str, operations: &str) -> String {
    answers_of(library.command(program()), options, operations)
}

/// The same, from a command that runs the program.
pub fn answers_of(mut command: Command, options: &str, operations: &str) -> String {
    let dir = TempDir::new("answers");
    dir.write("storetest.conf", options);
    command.env("SASL_CONF_PATH", dir.path()).env("LDAPNOINIT", "1");
    must(command.args(operations.split_whitespace().map(|word| word.replace('~', " "))))
}

/// The answers of each library, which must be the same; the directory is made anew for each.
fn compare(make: impl Fn() -> Slapd, more: &str, operations: &str) -> String {
    let mut all = Vec::new();
    for library in libraries() {
        let slapd = make();
        all.push((answers(&library, &(options_at(&uri(&slapd)) + more), operations), library.name));
    }
    let (first, _) = all.remove(0);
    for (other, name) in all {
        assert_eq!(first, other, "{more}: stock, and {name}");
    }
    first
}

#[test]
fn users_are_read_and_changed_the_same() {
    let operations =
        "can check alice correct~horse check alice wrong check ghost x check zoe correct~horse check bare x
        exists alice exists ghost exists bare exists zoe check alice@host.example correct~horse
        check ali,ce x check alice~ correct~horse check ALICE correct~horse
        property alice correct~horse mail property alice correct~horse *mail property alice correct~horse description
        store alice mail foo property alice correct~horse mail store alice userPassword bar check alice bar
        check alice correct~horse";
    for mechanism in ["SCRAM-SHA-256", "DIGEST-MD5"] {
        let said = compare(start, &format!("ldapdb_mech: {mechanism}\n"), operations);
        for line in ["check alice correct horse: 0", "check ghost x: -20", "check zoe correct horse: -1"] {
            assert!(said.contains(&format!("{line}\n")), "{said}");
        }
        assert!(
            said.contains("property alice mail: 0 wonderland\n") && said.contains("check alice bar: 0\n"),
            "{said}"
        );
    }
}

/// The stock library says that it has failed, over a property that the directory does not know.
#[test]
fn a_password_that_is_changed_is_the_same_for_both() {
    for setter in libraries() {
        let slapd = start();
        let options = options_at(&uri(&slapd));
        let said = answers(&setter, &options, "set alice it's~new");
        assert!(setter.is_stock() || said == "set alice: 0\n", "{said}");
        for library in libraries() {
            let said = answers(&library, &options, "check alice it's~new check alice correct~horse");
            let expected = "check alice it's new: 0\ncheck alice correct horse: -13\n";
            assert_eq!(said, expected, "{} {}", setter.name, library.name);
        }
    }
}

#[test]
fn names_are_made_canonical_the_same() {
    let people = PEOPLE
        .replace("mail: wonderland\nmail: second\n", "mail: bare\n")
        .replace("cn: Bare\n", "cn: Bare\nmail: bare\n");
    let make = || start_with("", &people.replace("uid: bare\n", "uid: bare\nuserPassword: another\n"));
    for attribute in ["uid", "UID", "mail"] {
        let more = format!("canon_user_plugin: ldapdb\nldapdb_canon_attr: {attribute}\n");
        let said = compare(make, &more, "check alice correct~horse check alice another exists alice");
        let right = if attribute == "mail" { "another" } else { "correct horse" };
        assert!(said.contains(&format!("check alice {right}: 0\n")), "{said}");
    }
    compare(make, "canon_user_plugin: ldapdb\n", "check alice correct~horse");
}

#[test]
fn a_directory_that_is_down_is_the_same_failure() {
    let port = free_port();
    for library in libraries() {
        let options = options_at(&format!("ldap://127.0.0.1:{port}"));
        let said = answers(&library, &options, "can check alice x exists alice");
        assert_eq!(said, "can store: 0\ncheck alice x: -24\nexists alice: -24\n", "{}", library.name);
    }
}

/// TLS that is demanded and not there lets nobody in, in either; where it is only to be tried there is none.
#[test]
fn what_tls_is_wanted_is_the_same() {
    let said = compare(start, "ldapdb_starttls: demand\n", "check alice correct~horse exists alice");
    assert_eq!(said, "check alice correct horse: -1\nexists alice: -1\n");
    let said = compare(start, "ldapdb_starttls: try\n", "check alice correct~horse exists alice");
    assert_eq!(said, "check alice correct horse: 0\nexists alice: 0\n");
}
