//! What modules of PAM are given: Debian's `pam_exec` hands it to a program that writes it down.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use oxisasl::Server;

use crate::rig::base::{Library, run, set_mode};
use crate::rig::sandbox::Sandbox;
use crate::{HOST, check, pairs, shown, trimmed};

const INSIDE: &str = "OXISASL_INSIDE";
const SEEN: &str = "/etc/seen";
/// What `pam_exec` passes on of a password.
const MOST: usize = 511;

#[test]
fn pam_is_given_the_name_and_the_password() {
    let sandbox = Sandbox::new("injection", HOST);
    // Written beside and renamed: the file is there whole or not at all.
    let program = format!("#!/bin/sh\n{{ printf '%s\\0' \"$PAM_USER\"; cat; }} >{SEEN}.new && mv {SEEN}.new {SEEN}\n");
    set_mode(&sandbox.dir.write("etc/write-down", program), 0o755);
    sandbox.dir.write("etc/pam.d/smtp", "auth required pam_exec.so expose_authtok quiet /etc/write-down\n");
    let mut command: Command = sandbox.command(&Library::stock(), env::current_exe().expect("this program"));
    command.args(["--exact", "modules::inside", "--nocapture", "--test-threads=1"]).env(INSIDE, "yes");
    let ran = run(&mut command, b"");
    assert!(ran.status.success() && ran.stdout.contains("pairs were tried"), "{}{}", ran.stdout, ran.stderr);
}

/// Not a test of its own: what the one above runs in its private `/etc`.
#[test]
fn inside() {
    if env::var_os(INSIDE).is_none() {
        return;
    }
    let server = Arc::new(Server::new("test").options([("pwcheck_method", "pam")]));
    let (mut asked, mut refused) = (0, 0);
    for (user, password) in pairs() {
        let what = || format!("{} with {}", shown(&user), shown(&password));
        match check(&server, &user, &password) {
            Ok(()) => {
                asked += 1;
                let seen = fs::read(SEEN).unwrap_or_else(|error| panic!("{}: {error}", what()));
                let password = &password[..password.len().min(MOST)];
                let expected = [trimmed(&user), b"\0", password].concat();
                // A NUL ends what the program reads, if there is one.
                let seen = seen.strip_suffix(b"\0").unwrap_or(&seen);
                assert_eq!(shown(seen), shown(&expected), "{}", what());
                assert!(seen == expected, "{}", what());
                fs::remove_file(SEEN).expect("what was seen");
            }
            Err(_) => {
                refused += 1;
                assert!(!Path::new(SEEN).exists(), "{}: a module was asked", what());
            }
        }
    }
    assert!(asked > 500 && refused > 5, "{asked} asked, {refused} refused");
    println!("\n{} pairs were tried", asked + refused);
}
