//! libldap within programs that have a SASL library of their own, which libldap uses too.

use std::process::Command;

use crate::application::PASSWORD;
use crate::bind;
use crate::directory::{options, start};
use crate::rig::base::{Library, TempDir, must};
use crate::rig::classic;
use crate::rig::slapd::{Settings, Slapd};
use crate::stock::{answers, answers_of, libraries, program};

const BASE: &str = "ldap_search_base: ou=people,dc=rig,dc=test\n";

/// The program's own starts and ends of the library, and those of libldap, do not get in each other's way.
#[test]
fn a_program_on_the_library_asks_again_after_its_end() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let slapd = start();
    let check = format!("check alice {} check alice wrong ", PASSWORD.replace(' ', "~"));
    let operations = format!("{check} again {check} again {check}");
    for options in [options(&slapd), bind::options(&slapd, BASE)] {
        let said = answers(&library, &options, &operations);
        let once = format!("check alice {PASSWORD}: 0\ncheck alice wrong: -13\n");
        assert_eq!(said, once.repeat(3), "{options}");
    }
}

/// A program that confines itself once it has begun.
#[test]
fn a_program_that_cannot_open_files_any_more_has_its_directory() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let slapd = start();
    let dir = TempDir::new("confined");
    let operations = format!("confine {} check alice {}", dir.path().display(), PASSWORD.replace(' ', "~"));
    // The store, the verifier, and the canonicaliser where the store is not chosen.
    let rc = dir.write("rc", "SASL_SECPROPS none\n");
    let canon = format!(
        "{}auxprop_plugin: sasldb\nldapdb_rc: {}\ncanon_user_plugin: ldapdb\nldapdb_canon_attr: uid\n",
        options(&slapd).replace("auxprop_plugin: ldapdb\n", "").replace("pwcheck_method: auxprop\n", ""),
        rc.display()
    );
    for options in [options(&slapd), bind::options(&slapd, BASE), bind::options(&slapd, BASE) + &canon] {
        let said = answers(&library, &options, &operations);
        assert_eq!(said, format!("check alice {PASSWORD}: 0\n"), "{options}");
    }
}

/// Without libldap there is an error with its reason, and everything else works.
#[test]
fn a_system_without_libldap_says_so() {
    let library = Library::under_test();
    let Some(own) = library.dir.clone() else { return };
    let dir = TempDir::new("broken");
    for name in ["libldap.so.2", "libldap-2.5.so.0"] {
        dir.write(name, "no library\n");
    }
    let slapd = start();
    let operations = format!("check alice {} exists alice unprepared", PASSWORD.replace(' ', "~"));
    let log = dir.join("log");
    for options in [options(&slapd), bind::options(&slapd, BASE)] {
        let mut command = library.command(program());
        command.env("LD_LIBRARY_PATH", std::env::join_paths([dir.path(), &own]).expect("a path")).env("LOG", &log);
        let said = answers_of(command, &options, &operations);
        assert_eq!(said, format!("check alice {PASSWORD}: -1\nexists alice: -1\nunprepared: -12 any\n"), "{options}");
        let line = std::fs::read_to_string(&log).expect("the log");
        assert!(line.contains("libldap-2.5.so.0: "), "{line}");
        std::fs::remove_file(&log).expect("the log");
    }
}

/// libldap wants the client side of the library at its beginning. That is not the program's own, whose callbacks count; and it is
/// there once libldap makes something of it.
#[test]
fn libldap_does_not_begin_the_client_side_in_the_program_s_place() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let slapd = start();
    let check = format!("check alice {}", PASSWORD.replace(' ', "~"));
    let right = format!("check alice {PASSWORD}: 0\n");
    let said = answers(&library, &options(&slapd), &format!("{check} client {check}"));
    assert_eq!(said, format!("{right}client: 0 its own\n{right}"));
    let said = answers(&library, &options(&slapd), &format!("{check} unprepared {check}"));
    assert_eq!(said, format!("{right}unprepared: 0 any\n{right}"));
    let said = answers(&library, "auxprop_plugin: sasldb\n", "unprepared");
    assert_eq!(said, "unprepared: -12 any\n", "where there is no libldap nothing is begun");
}

/// A child neither uses nor ends the connection that its parent has.
#[test]
fn a_child_has_a_connection_of_its_own() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let slapd = start();
    let check = format!("check alice {} ", PASSWORD.replace(' ', "~"));
    let operations = format!("{check} fork {check} {check}");
    let said = answers(&library, &options(&slapd), &operations);
    assert_eq!(said, format!("check alice {PASSWORD}: 0\n").repeat(5));
    // The parent goes on with the one that it has had from the beginning.
    let output = slapd.output();
    let connections: Vec<&str> = output
        .lines()
        .filter(|line| line.contains(" PROXYAUTHZ "))
        .filter_map(|line| line.split(' ').find(|word| word.starts_with("conn=")))
        .collect();
    let distinct: std::collections::HashSet<_> = connections.iter().collect();
    assert_eq!((connections.first(), distinct.len()), (connections.last(), 2), "{output}");
}

/// A connection whose descriptor another file has taken is not used, and that file is neither written to nor closed.
#[test]
fn a_descriptor_that_was_taken_is_left_alone() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let slapd = start();
    let dir = TempDir::new("strangers");
    let file = dir.join("file");
    let check = format!("check alice {} ", PASSWORD.replace(' ', "~"));
    let operations = format!("{check} strangers {} {check} check alice wrong closed", file.display());
    for options in [options(&slapd), bind::options(&slapd, BASE)] {
        let said = answers(&library, &options, &operations);
        let right = format!("check alice {PASSWORD}: 0\n").repeat(2);
        assert_eq!(said, right + "check alice wrong: -13\ntaken, closed 0\n");
        assert_eq!(std::fs::read(&file).expect("the file"), b"");
    }
}

/// slapd has libldap for itself, and looks for its users in another directory.
#[test]
fn a_directory_can_ask_another() {
    let people = start();
    let conf = options(&people);
    let settings = Settings { global: "sasl-auxprops ldapdb\n", sasl: &conf, ..Settings::default() };
    for library in libraries() {
        let slapd = Slapd::start(&library, &settings, |_| ());
        for mechanism in ["SCRAM-SHA-256", "DIGEST-MD5"] {
            let who = |user, password| {
                slapd.who_am_i(&Library::stock(), &["-Q", "-Y", mechanism, "-U", user, "-w", password])
            };
            let right = who("alice", PASSWORD);
            assert_eq!((right.code, &*right.identity), (Some(0), "dn:uid=alice,ou=people,dc=rig,dc=test"), "{right:?}");
            assert_ne!(who("alice", "wrong").code, Some(0));
            assert_ne!(who("ghost", PASSWORD).code, Some(0));
        }
        assert!(slapd.alive());
    }
}

/// The library of the 1.5 interface has functions of the same names as the one that libldap is made for: it finds its own.
#[test]
fn a_program_of_the_older_interface_has_it_too() {
    if Library::under_test().is_stock() {
        return;
    }
    let slapd = start();
    let dir = TempDir::new("classic");
    let program = classic::compile("classic_check");
    let check = |options: &str, preload: &str| {
        dir.write("storetest.conf", options);
        let mut command = classic::library().command(&program);
        command.env("SASL_PATH", dir.path()).env("LDAPNOINIT", "1").env("LD_PRELOAD", preload);
        must(command.args(["alice", PASSWORD, "alice", "wrong", "ghost", PASSWORD]))
    };
    for options in [options(&slapd), bind::options(&slapd, BASE)] {
        let said = check(&options, "");
        let answers: Vec<&str> = said.lines().filter(|line| !line.starts_with("log ")).collect();
        assert_eq!(answers, ["alice: 0", "alice: -13", "ghost: -20"], "{options}: {said}");
    }
    // Where the two cannot be kept apart it says so, and lets nobody in.
    let own = dir.join("allocator.so");
    let source = dir.write("allocator.c", ALLOCATOR);
    must(Command::new("gcc").args(["-shared", "-fPIC", "-o"]).arg(&own).arg(source));
    let said = check(&options(&slapd), &own.to_string_lossy());
    assert!(said.contains("an allocator of its own") && !said.contains(": 0\n"), "{said}");
}

/// An allocator in the place of the C library's, as jemalloc is one.
const ALLOCATOR: &str = "#include <stddef.h>
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t); void __libc_free(void *);
void *malloc(size_t n) { return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { return __libc_realloc(p, n); }
void free(void *p) { __libc_free(p); }
";
