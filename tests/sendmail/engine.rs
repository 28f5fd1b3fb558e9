//! This crate's own client (`examples/smtp_auth.rs`) against Sendmail, on the stock library and on ours.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::rig::base::{Library, Ran, must, repository, run, target_dir};
use crate::rig::sendmail::{Config, MECHANISMS, Server, USERS};

/// The example, built by cargo.
fn example() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--example", "smtp_auth", "--target-dir"]).arg(target_dir());
        must(cargo.current_dir(repository("")));
        target_dir().join("debug/examples/smtp_auth")
    };
    BUILT.get_or_init(build).clone()
}

fn authenticate(server: &Server, mechanism: &str, user: &str, password: &str) -> Ran {
    let mut command = Command::new(example());
    command.arg(format!("127.0.0.1:{}", server.port)).arg(user);
    if !mechanism.is_empty() {
        command.arg(mechanism);
    }
    run(&mut command, password.as_bytes())
}

#[test]
fn our_client_and_sendmail_agree() {
    for library in [Library::stock(), Library::under_test()] {
        let server = Server::start(&library, &Config::default());
        for mechanism in MECHANISMS.split(' ') {
            for (user, password) in USERS {
                let ran = authenticate(&server, mechanism, user, password);
                assert!(ran.status.success(), "{mechanism} {user}: {}{}", ran.stdout, ran.stderr);
                // DIGEST-MD5 takes the strongest layer that both have, and the rest of the session runs under it.
                let bits = if mechanism == "DIGEST-MD5" { 128 } else { 0 };
                assert!(
                    ran.stdout.contains(&format!("with {mechanism}, security layer of {bits} bits")),
                    "{}",
                    ran.stdout
                );
                let user = user.replace('é', "+C3+A9");
                server.sandbox.log.expect(&format!("authid={user}, mech={mechanism}, bits={bits}"));

                let ran = authenticate(&server, mechanism, "tim", "wrong");
                assert!(!ran.status.success() && ran.stdout.contains("S: 535"), "{mechanism}: {}", ran.stdout);
            }
        }
        let ran = authenticate(&server, "", USERS[0].0, USERS[0].1);
        assert!(ran.stdout.contains("authenticated with SCRAM-SHA-512,"), "{}{}", ran.stdout, ran.stderr);
    }
}
