//! Sendmail built from Debian's source package with our headers, and run on the library under test.

use std::path::PathBuf;
use std::process::Command;

use crate::rig::base::{Library, must, repository, run};
use crate::rig::client::{DigestMd5, Protection, mechanism};
use crate::rig::sandbox::Sandbox;
use crate::rig::sendmail::{Config, HOST, MECHANISMS, Server, USERS};
use crate::rig::source::build;

fn binary() -> PathBuf {
    build(Some(&repository("include")), &Library::under_test())
}

#[test]
fn sendmail_compiles_with_our_headers() {
    let binary = binary();
    let sandbox = Sandbox::new("built", HOST);
    let version =
        run(sandbox.command(&Library::under_test(), &binary).args(["-d0.1", "-C/dev/null", "-bv", "root"]), b"");
    assert!(version.stdout.split_whitespace().any(|word| word == "SASLv2"), "{version:?}");

    // What it asks of the library, and that each is asked for by the version node of Debian's packages.
    let symbols = must(Command::new("nm").arg("-D").arg("--undefined-only").arg(&binary));
    let asked: Vec<&str> = symbols.split_whitespace().filter(|s| s.starts_with("sasl_")).collect();
    assert_eq!(asked.len(), 20, "{asked:?}");
    assert!(asked.iter().all(|s| s.ends_with("@SASL2")), "{asked:?}");
}

#[test]
fn the_built_sendmail_serves_every_mechanism() {
    let server = Server::start(&Library::under_test(), &Config { binary: binary(), ..Config::default() });
    let mut smtp = server.connect();
    assert_eq!(smtp.ehlo().expect("an AUTH line").join(" "), MECHANISMS);
    let (user, password) = USERS[0];
    for name in MECHANISMS.split(' ') {
        let mut smtp = server.connect();
        smtp.ehlo();
        assert_eq!(smtp.auth(&mut *mechanism(name, user, "wrong"), true).code, 535, "{name}");
        assert_eq!(smtp.relay("never\r\n").code, 550, "{name}");
        smtp.expect("RSET", 250);
        assert_eq!(smtp.auth(&mut *mechanism(name, user, password), true).code, 235, "{name}");
        assert_eq!(smtp.relay(&format!("by {name}\r\n")).code, 250, "{name}");
        server.sandbox.log.expect(&format!("authid=tim, mech={name}, bits=0"));
        assert!(server.queued().contains(&format!("by {name}\n")), "{name}");
    }
    let mut smtp = server.connect();
    smtp.ehlo();
    let reply = smtp.auth(&mut DigestMd5::new(user, password, Protection::Privacy("rc4")), true);
    assert_eq!(reply.code, 235, "{reply:?}");
    assert_eq!(smtp.relay("under a layer\r\n").code, 250);
    server.sandbox.log.expect("authid=tim, mech=DIGEST-MD5, bits=128");
}
