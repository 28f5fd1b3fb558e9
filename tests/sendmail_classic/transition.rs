//! `auto_transition`: the passwords that PAM has accepted go into the database, and CRAM-MD5 and DIGEST-MD5 then work.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::rig::classic;
use crate::rig::sendmail::Server;

use super::methods::{JEPHE, make_accounts};
use super::site::{greeted, library, listed, try_named, with_conf};

const STACK: &str = "auth required pam_unix.so nodelay\n";

/// PAM, the database of the sandbox, and this line.
fn site(line: &str) -> Server {
    let config = with_conf(&format!("pwcheck_method: pam\nsasldb_path: @DIR@/sasldb\n{line}\n"));
    Server::start_prepared(&library(), &config, |sandbox| {
        make_accounts(sandbox, true);
        sandbox.dir.write("etc/pam.d/smtp", STACK);
    })
}

#[test]
fn a_login_by_pam_makes_the_other_mechanisms_work() {
    for name in ["LOGIN", "PLAIN"] {
        let mut server = site("auto_transition: true");
        assert_eq!(listed(&server), "LOGIN PLAIN");
        greeted(&server).expect("AUTH CRAM-MD5", 504);

        // A refused password is not stored.
        assert_eq!(try_named(&server, name, (JEPHE.0, "wrong")), 535);
        assert!(!server.sandbox.dir.join("sasldb").exists(), "a wrong password made a database");

        assert_eq!(try_named(&server, name, JEPHE), 235);
        server.sandbox.log.expect("set secret for jephe");
        let file = server.sandbox.dir.join("sasldb");
        let mode = fs::metadata(&file).expect("the database").permissions().mode();
        // Readable to others it would hide the mechanisms again.
        assert_eq!(mode & 0o077, 0, "mode {mode:o}");

        server.restart();
        assert_eq!(listed(&server), classic::MECHANISMS);
        for name in ["CRAM-MD5", "DIGEST-MD5"] {
            assert_eq!(try_named(&server, name, JEPHE), 235, "{name}");
            assert_eq!(try_named(&server, name, (JEPHE.0, "wrong")), 535, "{name}");
            assert_eq!(try_named(&server, name, ("anna", JEPHE.1)), 535, "{name}: anna was never here");
        }
        // From now on PAM is not needed.
        let conf = format!("pwcheck_method: sasldb\nsasldb_path: {}\n", file.display());
        server.sandbox.dir.write("sasl/Sendmail.conf", conf);
        fs::remove_file(server.sandbox.dir.join("etc/pam.d/smtp")).expect("the service");
        server.restart();
        for name in classic::MECHANISMS.split(' ') {
            assert_eq!(try_named(&server, name, JEPHE), 235, "{name} without PAM");
        }
        let log = server.sandbox.log.text_after(0);
        assert!(!log.contains(JEPHE.1), "the password is in the log:\n{log}");
    }
}

#[test]
fn nothing_is_stored_unless_asked_for() {
    for line in ["", "auto_transition: no", "auto_transition: false", "auto_transition: 0"] {
        let mut server = site(line);
        assert_eq!(try_named(&server, "LOGIN", JEPHE), 235);
        assert!(!server.sandbox.dir.join("sasldb").exists(), "{line:?}");
        server.restart();
        assert_eq!(listed(&server), "LOGIN PLAIN", "{line:?}");
    }
}

#[test]
fn what_cannot_be_stored_keeps_nobody_out() {
    let config = with_conf("pwcheck_method: pam\nsasldb_path: @DIR@/missing/sasldb\nauto_transition: yes\n");
    let server = Server::start_prepared(&library(), &config, |sandbox| {
        make_accounts(sandbox, true);
        sandbox.dir.write("etc/pam.d/smtp", STACK);
    });
    assert_eq!(try_named(&server, "LOGIN", JEPHE), 235);
    let line = server.sandbox.log.expect("failed to set").text;
    assert!(line.contains("jephe") && !line.contains(JEPHE.1), "{line}");
}
