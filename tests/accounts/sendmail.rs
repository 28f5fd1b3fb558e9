//! Sendmail, unmodified, whose users are the accounts of the system.

use crate::library;
use crate::rig::accounts::{PASSWORD, usual};
use crate::rig::client::{CramMd5, Login, Mechanism, Plain};
use crate::rig::sendmail::{Config, Server};

/// A server with the usual accounts and a PAM service.
fn server(conf: &str) -> Option<Server> {
    let config = Config { library_conf: Some(conf.to_owned()), database: false, ..Config::default() };
    let server = Server::start(&library()?, &config);
    usual(&server.sandbox);
    server.sandbox.dir.write("etc/pam.d/smtp", "auth required pam_unix.so nodelay\n");
    Some(server)
}

/// The code of the last reply to an authentication on a connection of its own.
fn auth(server: &Server, mechanism: &mut dyn Mechanism) -> u16 {
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    smtp.auth(mechanism, true).code
}

#[test]
fn plain_and_login_ask_pam() {
    let Some(server) = server("pwcheck_method: pam\nmech_list: PLAIN LOGIN\n") else { return };
    let mark = server.sandbox.log.mark();
    for (user, password, code) in
        [("carol", PASSWORD, 235), ("carol", "wrong", 535), ("locked", PASSWORD, 535), ("mallory", PASSWORD, 535)]
    {
        assert_eq!(auth(&server, &mut Plain::new("", user, password)), code, "PLAIN {user}");
        assert_eq!(auth(&server, &mut Login::new(user, password)), code, "LOGIN {user}");
    }
    for mechanism in ["PLAIN", "LOGIN"] {
        server.sandbox.log.after(mark, &format!("authid=carol, mech={mechanism}, bits=0"));
    }
    // The module has seen the client's address; no line has a password in it.
    let line = server.sandbox.log.after(mark, "pam_unix(smtp:auth): authentication failure").text;
    assert!(line.contains("rhost=127.0.0.2"), "{line}");
    let text = server.sandbox.log.text_after(mark);
    assert!(!text.contains(PASSWORD), "{text}");
}

#[test]
fn a_mail_is_relayed_for_who_has_logged_in() {
    let Some(server) = server("pwcheck_method: shadow\n") else { return };
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    assert_eq!(smtp.relay("refused\r\n").code, 550);
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    assert_eq!(smtp.auth(&mut Plain::new("", "carol", PASSWORD), true).code, 235);
    assert_eq!(smtp.relay("accepted\r\n").code, 250);
    assert!(server.queued().iter().any(|body| body.contains("accepted")));
}

/// After a login with PLAIN that PAM let in, CRAM-MD5 works.
#[test]
fn a_login_fills_the_database() {
    let conf = "pwcheck_method: pam\nauxprop_plugin: sasldb\nsasldb_path: @DIR@/sasldb2\nauto_transition: yes\n";
    let Some(server) = server(conf) else { return };
    let cram = || auth(&server, &mut CramMd5::new("carol", PASSWORD));
    assert_eq!(cram(), 535);
    assert_eq!(auth(&server, &mut Plain::new("", "carol", "wrong")), 535);
    assert_eq!(cram(), 535, "a wrong password was stored");
    assert_eq!(auth(&server, &mut Plain::new("", "carol", PASSWORD)), 235);
    assert_eq!(cram(), 235);
    assert_eq!(auth(&server, &mut CramMd5::new("carol", "wrong")), 535);
    // It is the database's password now; what PAM says goes on to decide for PLAIN.
    server.sandbox.dir.write("etc/pam.d/smtp", "auth required pam_deny.so\n");
    assert_eq!(auth(&server, &mut Plain::new("", "carol", PASSWORD)), 535);
    assert_eq!(cram(), 235);
}
