//! The password database: what hides CRAM-MD5 and DIGEST-MD5, and what brings them back.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use crate::rig::base::{must, repository, run, set_mode, target_dir};
use crate::rig::classic::{self, make_sasldb};
use crate::rig::sendmail::{Config, HOST, Server, USERS};

use super::site::{TIM, greeted, library, listed, names, start, try_named};

const ALL: &str = classic::MECHANISMS;
const HIDDEN: &str = "LOGIN PLAIN";

fn file(server: &Server) -> PathBuf {
    server.sandbox.dir.join("sasldb")
}

/// Which mechanisms are listed and work after a restart.
fn after_restart(server: &mut Server) -> String {
    server.restart();
    let listed = listed(server);
    for name in names() {
        if listed.split(' ').any(|l| l == name) {
            assert_eq!(try_named(server, name, TIM), 235, "{name}");
        } else {
            greeted(server).expect(&format!("AUTH {name}"), 504);
        }
    }
    listed
}

/// The recipe's answer to clients that try CRAM-MD5 or DIGEST-MD5 and do not go on to LOGIN.
#[test]
fn the_files_mode_hides_the_mechanisms_of_stored_secrets() {
    let mut server = start(&classic::config());
    for (mode, expected) in
        [(0o600, ALL), (0o440, HIDDEN), (0o400, ALL), (0o640, HIDDEN), (0o604, HIDDEN), (0o666, HIDDEN), (0o600, ALL)]
    {
        set_mode(&file(&server), mode);
        assert_eq!(after_restart(&mut server), expected, "mode {mode:o}");
    }
}

#[test]
fn sendmail_can_be_told_to_take_a_group_readable_database() {
    let extra = "define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit,GroupReadableSASLDBFile')dnl".to_owned();
    let mut server = start(&Config { extra, ..classic::config() });
    for (mode, expected) in [(0o600, ALL), (0o440, ALL), (0o640, ALL), (0o644, HIDDEN)] {
        set_mode(&file(&server), mode);
        assert_eq!(after_restart(&mut server), expected, "mode {mode:o}");
    }
}

#[test]
fn a_missing_database_hides_them_until_there_is_one() {
    let mut server = start(&Config { database: false, ..classic::config() });
    assert_eq!(listed(&server), HIDDEN);
    for name in names() {
        assert_ne!(try_named_if_listed(&server, name), 235, "{name}");
    }
    make_sasldb(&library(), &file(&server), HOST, USERS);
    assert_eq!(after_restart(&mut server), ALL);
    fs::remove_file(file(&server)).expect("the database");
    server.restart();
    assert_eq!(listed(&server), HIDDEN);
    for name in names() {
        assert_ne!(try_named_if_listed(&server, name), 235, "{name}");
    }
}

fn try_named_if_listed(server: &Server, name: &str) -> u16 {
    match greeted(server).command(&format!("AUTH {name}")).code {
        334 => try_named(server, name, TIM),
        code => code,
    }
}

#[test]
fn a_database_that_is_none_hides_them() {
    let mut server = start(&Config { database: false, ..classic::config() });
    for contents in [&b""[..], b"\0", b"tim\0mail.example.test\0PLAIN", &[0; 4096], &[0xff; 8192]] {
        fs::write(file(&server), contents).expect("the file");
        set_mode(&file(&server), 0o600);
        server.restart();
        assert_eq!(listed(&server), HIDDEN, "{} bytes", contents.len());
        for name in ["LOGIN", "PLAIN"] {
            for password in [TIM.1, ""] {
                assert_eq!(try_named(&server, name, (TIM.0, password)), 535, "{name}");
            }
        }
    }
}

/// A directory in the database's place cannot be read by anybody, root included.
#[test]
fn an_unreadable_database_hides_them() {
    let mut server = start(&Config { database: false, ..classic::config() });
    fs::create_dir(file(&server)).expect("a directory");
    set_mode(&file(&server), 0o700);
    server.restart();
    assert_eq!(listed(&server), HIDDEN);
    assert_eq!(try_named(&server, "LOGIN", TIM), 535);
    fs::remove_dir(file(&server)).expect("the directory");
    make_sasldb(&library(), &file(&server), HOST, USERS);
    assert_eq!(after_restart(&mut server), ALL);
}

#[test]
fn a_changed_password_counts_at_once() {
    let server = start(&classic::config());
    for password in ["first", "second"] {
        make_sasldb(&library(), &file(&server), HOST, &[("tim", password)]);
        for name in names() {
            assert_eq!(try_named(&server, name, ("tim", password)), 235, "{name}");
            assert_eq!(try_named(&server, name, TIM), 535, "{name}");
        }
    }
}

/// A database that `saslpasswd` has made, and each change of it, as the recipe has them.
#[test]
fn saslpasswd_and_the_server_agree() {
    let mut server = start(&Config { database: false, ..classic::config() });
    server.sandbox.dir.write("sasl/saslpasswd.conf", format!("sasldb_path: {}\n", file(&server).display()));
    let conf = server.sandbox.dir.join("sasl");
    let saslpasswd = |arguments: &[&str], password: &str| {
        let mut command = Command::new(tool("saslpasswd"));
        command.env("SASL_PATH", &conf).args(["-p", "-u", HOST]).args(arguments);
        let ran = run(&mut command, format!("{password}\n").as_bytes());
        assert!(ran.status.success(), "{ran:?}");
    };
    saslpasswd(&["-c", TIM.0], TIM.1);
    let mode = fs::metadata(file(&server)).expect("the database").permissions().mode();
    assert_eq!(mode & 0o077, 0, "mode {mode:o}");
    // That there is a database at all counts after a restart, what is in it at once.
    assert_eq!(after_restart(&mut server), ALL);
    saslpasswd(&["-c", "ursel"], "first");
    saslpasswd(&["ursel"], "second");
    let (ursel, before) = (("ursel", "second"), ("ursel", "first"));
    for name in names() {
        for (who, code) in [(TIM, 235), (ursel, 235), (before, 535)] {
            assert_eq!(try_named(&server, name, who), code, "{name} {who:?}");
        }
    }
    saslpasswd(&["-d", "ursel"], "");
    for name in names() {
        assert_eq!(try_named(&server, name, ursel), 535, "{name}");
    }
}

/// One of our tools, built by cargo.
fn tool(name: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "oxisasl-tools", "--bin", name, "--target-dir"]).arg(target_dir());
    must(cargo.current_dir(repository("")));
    target_dir().join("debug").join(name)
}

/// Sendmail looks at the mode as if root were anybody: it takes no file that only another user may read.
#[test]
fn a_database_of_another_user_hides_them() {
    let mut server = start(&classic::config());
    chown(file(&server), Some(8), Some(8)).expect("chown");
    server.restart();
    assert_eq!(listed(&server), HIDDEN);
    server.sandbox.log.expect("/sasldb) failed: Permission denied");
    chown(file(&server), Some(0), Some(0)).expect("chown");
    assert_eq!(after_restart(&mut server), ALL);
}
