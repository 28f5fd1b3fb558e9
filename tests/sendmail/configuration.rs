//! What Sendmail's options and the library's configuration file do to the server.

use crate::rig::base::{Library, make_sasldb};
use crate::rig::client::{DigestMd5, Mechanism, Plain, Protection, mechanism};
use crate::rig::sendmail::{Config, HOST, MECHANISMS, Server, USERS};
use crate::rig::smtp::Smtp;

fn start(config: &Config) -> Server {
    Server::start(&Library::under_test(), config)
}

fn greeted(server: &Server) -> Smtp {
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    smtp
}

fn attempt(server: &Server, mechanism: &mut dyn Mechanism) -> u16 {
    greeted(server).auth(mechanism, true).code
}

const PASSWORD: &str = USERS[0].1;

#[test]
fn auth_options_become_security_flags() {
    for (options, hidden) in [
        ("", &[][..]),
        ("A", &[]),
        ("y", &["ANONYMOUS"]),
        ("p", &["PLAIN", "LOGIN"]),
        ("p,y", &["PLAIN", "LOGIN", "ANONYMOUS"]),
        // No active attacks: SCRAM alone is safe from them.
        ("a", &["DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"]),
        // Mutual authentication.
        ("m", &["CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"]),
    ] {
        let all = format!("{MECHANISMS} ANONYMOUS");
        let server = start(&Config { options: options.to_owned(), mechanisms: all.clone(), ..Config::default() });
        let expected: Vec<&str> = all.split(' ').filter(|m| !hidden.contains(m)).collect();
        assert_eq!(greeted_list(&server), expected, "AuthOptions={options}");
        for name in hidden {
            greeted(&server).expect(&format!("AUTH {name}"), 504);
        }
    }
    // No password mechanism resists a dictionary or has forward secrecy: no AUTH line and no AUTH command at all.
    for options in ["d", "f"] {
        let server = start(&Config { options: options.to_owned(), ..Config::default() });
        let mut smtp = server.connect();
        assert_eq!(smtp.ehlo(), None, "AuthOptions={options}");
        let reply = smtp.command("AUTH PLAIN");
        if options == "d" {
            server.sandbox.log.expect("AUTH warning: no mechanisms");
            assert_eq!(reply.code, 503, "{reply:?}");
        } else {
            // The plugin for one-time passwords has forward secrecy: where it is installed the command is there, but
            // nothing that this server may use.
            assert!([503, 504].contains(&reply.code), "{reply:?}");
        }
    }
}

fn greeted_list(server: &Server) -> Vec<String> {
    server.connect().ehlo().expect("an AUTH line")
}

#[test]
fn anonymous_is_let_in_where_it_is_allowed() {
    let server = start(&Config { mechanisms: "ANONYMOUS CRAM-MD5".to_owned(), ..Config::default() });
    let mut smtp = greeted(&server);
    smtp.expect("AUTH ANONYMOUS c2lyaGM=", 235);
    server.sandbox.log.expect("authid=anonymous, mech=ANONYMOUS, bits=0");
    assert_eq!(smtp.relay("from nobody\r\n").code, 250);
    // The same server without it does not know the name.
    greeted(&start(&Config::default())).expect("AUTH ANONYMOUS c2lyaGM=", 504);
}

#[test]
fn a_broken_configuration_stops_the_server() {
    for broken in
        ["pwcheck_method auxprop\n", "pwcheck_method:\n", "pwcheck_method : auxprop\n", "\u{feff}log_level: 1\n"]
    {
        let config = Config { library_conf: Some(broken.to_owned()), ..Config::default() };
        let (status, log) = Server::start_failing(&Library::under_test(), &config);
        // EX_OSERR: Sendmail does not serve at all rather than without what the file asks for.
        assert_eq!(status, Some(71), "{broken:?}: {log}");
        assert!(log.contains("sasl_server_init failed! [error when parsing configuration file]"), "{log}");
    }
}

#[test]
fn a_missing_configuration_means_the_defaults() {
    let config = Config { library_conf: None, database: false, ..Config::default() };
    let library = Library::under_test();
    let server = Server::start(&library, &config);
    // The system's default place, which is the sandbox's own here.
    make_sasldb(&library, &server.sandbox.dir.join("etc/sasldb2"), HOST, USERS);
    for name in MECHANISMS.split(' ') {
        assert_eq!(attempt(&server, &mut *mechanism(name, "tim", PASSWORD)), 235, "{name}");
        assert_eq!(attempt(&server, &mut *mechanism(name, "tim", "wrong")), 535, "{name}");
    }
}

#[test]
fn a_missing_database_lets_nobody_in() {
    let server = start(&Config { database: false, ..Config::default() });
    for name in MECHANISMS.split(' ') {
        assert_eq!(attempt(&server, &mut *mechanism(name, "tim", PASSWORD)), 535, "{name}");
        assert_eq!(attempt(&server, &mut *mechanism(name, "tim", "")), 535, "{name}");
    }
    // It may come later: the library opens it anew for each login.
    make_sasldb(&server.library, &server.sandbox.dir.join("sasldb2"), HOST, USERS);
    for name in MECHANISMS.split(' ') {
        assert_eq!(attempt(&server, &mut *mechanism(name, "tim", PASSWORD)), 235, "{name}");
    }
}

#[test]
fn a_damaged_database_lets_nobody_in() {
    let server = start(&Config { database: false, ..Config::default() });
    for contents in [&b""[..], b"\0", b"tim\0mail.example.test\0userPassword", &[0; 4096], &[0xff; 8192]] {
        server.sandbox.dir.write("sasldb2", contents);
        for name in MECHANISMS.split(' ') {
            for password in [PASSWORD, ""] {
                assert_eq!(attempt(&server, &mut *mechanism(name, "tim", password)), 535, "{name}");
            }
        }
    }
}

#[test]
fn a_changed_password_counts_at_once() {
    let server = start(&Config::default());
    let file = server.sandbox.dir.join("sasldb2");
    for password in ["first", "second"] {
        make_sasldb(&server.library, &file, HOST, &[("tim", password)]);
        for name in MECHANISMS.split(' ') {
            assert_eq!(attempt(&server, &mut *mechanism(name, "tim", password)), 235, "{name}");
            assert_eq!(attempt(&server, &mut *mechanism(name, "tim", PASSWORD)), 535, "{name}");
        }
    }
}

#[test]
fn auth_realm_is_the_realm() {
    let realm = "realm.example.test";
    let extra = format!("define(`confAUTH_REALM', `{realm}')dnl");
    let server = start(&Config { extra, ..Config::default() });
    let file = server.sandbox.dir.join("sasldb2");
    make_sasldb(&server.library, &file, realm, &[("tim", "of the realm"), ("otto", "only here")]);
    for name in MECHANISMS.split(' ') {
        assert_eq!(attempt(&server, &mut *mechanism(name, "tim", "of the realm")), 235, "{name}");
        assert_eq!(attempt(&server, &mut *mechanism(name, "tim", PASSWORD)), 535, "{name}");
        // A full name reaches the other realm; what is stored for DIGEST-MD5 is good for names without a realm only.
        if name == "DIGEST-MD5" && server.library.dir.is_some() {
            continue;
        }
        let mark = server.sandbox.log.mark();
        assert_eq!(attempt(&server, &mut *mechanism(name, &format!("tim@{HOST}"), PASSWORD)), 235, "{name}");
        server.sandbox.log.after(mark, &format!("authid=tim@{HOST}, mech={name},"));
    }
    let mut client = DigestMd5::new("otto", "only here", Protection::None);
    assert_eq!(attempt(&server, &mut client), 235);
    assert_eq!(client.directive("realm"), Some(realm));
    // DIGEST-MD5 has a field of its own for the realm; a client may name another than the one offered.
    let mark = server.sandbox.log.mark();
    let mut client = DigestMd5::new("tim", PASSWORD, Protection::None);
    client.realm = Some(HOST.to_owned());
    assert_eq!(attempt(&server, &mut client), 235);
    server.sandbox.log.after(mark, &format!("authid=tim@{HOST}, mech=DIGEST-MD5,"));
}

#[test]
fn another_identity_may_be_asked_for() {
    let server = start(&Config::default());
    // Sendmail's own policy lets everybody be anybody, and takes the authenticated name.
    assert_eq!(attempt(&server, &mut Plain::new("ursel", "tim", PASSWORD)), 235);
    let line = server.sandbox.log.expect("AUTH=server").text;
    assert!(line.contains("authid=tim,"), "{line}");
    assert_eq!(attempt(&server, &mut Plain::new("nobody at all", "tim", PASSWORD)), 235);
    assert_eq!(attempt(&server, &mut Plain::new("tim", "ursel", PASSWORD)), 535);
}

#[test]
fn unsafe_configuration_files_are_not_read() {
    for (name, mode, read) in [
        ("sasl/Sendmail.conf", 0o644, true),
        ("sasl/Sendmail.conf", 0o640, true),
        ("sasl/Sendmail.conf", 0o666, false),
        ("sasl", 0o777, false),
    ] {
        let mut config = Config::default();
        config.library_conf.as_mut().expect("configuration").push_str("mech_list: CRAM-MD5\n");
        config.modes.push((name.to_owned(), mode));
        let server = start(&config);
        // Sendmail's VERIFYFILE callback refuses the file; the library goes on as if there were none.
        let expected: Vec<&str> = if read { vec!["CRAM-MD5"] } else { MECHANISMS.split(' ').collect() };
        assert_eq!(greeted_list(&server), expected, "{name} {mode:o}");
        if !read {
            server.sandbox.log.expect("/sasl/Sendmail.conf) failed: ");
        }
    }
}
