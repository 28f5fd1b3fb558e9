//! What the tests of the tools share: the tools, terminals to run them at, and logins with what they stored.
#![allow(dead_code, unused_imports)] // each test file uses its part

#[path = "../../../tests/rig/base.rs"]
pub mod base;
pub mod login;
pub mod pty;
#[path = "../../../tests/rig/sandbox.rs"]
pub mod sandbox;

use std::path::PathBuf;
use std::process::Command;

use base::{Ran, TempDir, run};

pub const SASLPASSWD: &str = env!("CARGO_BIN_EXE_saslpasswd");
pub const SASLDBLISTUSERS: &str = env!("CARGO_BIN_EXE_sasldblistusers");
pub const SASLPASSWD2: &str = env!("CARGO_BIN_EXE_saslpasswd2");
pub const SASLDBLISTUSERS2: &str = env!("CARGO_BIN_EXE_sasldblistusers2");
pub const TESTSASLAUTHD: &str = env!("CARGO_BIN_EXE_testsaslauthd");

/// A realm for all tests that need one.
pub const REALM: &str = "smtp.domain.com";
/// How `saslpasswd` is used.
pub const USAGE: &str = "usage: saslpasswd [-a appname] [-p] [-c] [-d] [-f dbfile] [-u domain] userid\n";

/// A directory with a database, or with none yet.
pub struct Place {
    pub dir: TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { dir: TempDir::new("tools") }
    }

    pub fn database(&self) -> PathBuf {
        self.dir.join("sasldb")
    }

    /// `saslpasswd` on the database.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SASLPASSWD);
        command.env_remove("SASL_PATH").arg("-f").arg(self.database()).args(arguments);
        command
    }

    /// Runs `saslpasswd` on the database with this on standard input.
    pub fn saslpasswd(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ran {
        run(&mut self.command(arguments), input.as_ref())
    }

    /// Sets a password, which must succeed.
    pub fn set(&self, user: &str, password: &str) {
        let ran = self.saslpasswd(&["-c", "-u", REALM, user], password);
        assert_eq!(told(&ran), (Some(0), "", ""), "{user}");
    }

    /// What `sasldblistusers` prints, sorted.
    pub fn list(&self) -> Vec<String> {
        let ran = run(Command::new(SASLDBLISTUSERS).arg(self.database()), b"");
        assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""));
        let mut lines: Vec<_> = ran.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

/// The lines of users who have all their secrets, sorted.
pub fn lines(users: &[&str]) -> Vec<String> {
    let mechanisms = ["CRAM-MD5", "DIGEST-MD5", "PLAIN"];
    let mut lines: Vec<_> = users
        .iter()
        .flat_map(|user| mechanisms.map(|mechanism| format!("user: {user} realm: {REALM} mech: {mechanism}")))
        .collect();
    lines.sort();
    lines
}

/// How a program ended and what it said.
pub fn told(ran: &Ran) -> (Option<i32>, &str, &str) {
    (ran.status.code(), &ran.stdout, &ran.stderr)
}
