//! Debian's Cyrus imapd and `imtest`, each on the stock library or on the one under test.

use std::fs;
use std::path::Path;

use super::combinations;
use super::rig::base::{Library, Ran};
use super::rig::cyrus::{Cyrus, HOST, share};
use super::rig::kdc::Kdc;

fn start(kdc: &Kdc, keytab: &Path, library: &Library, options: &str) -> Cyrus {
    Cyrus::start(library, options, |sandbox| {
        fs::write(sandbox.dir.join("etc/krb5.conf"), kdc.configuration(keytab)).expect("krb5.conf");
    })
}

/// Authenticated, with this layer, and a command and its answer have gone through it.
fn expect_in(ran: &Ran, ssf: u32) {
    let said = |line: &str| ran.stdout.lines().any(|other| other.trim_end() == line);
    assert!(said("Authenticated."), "{ran:?}");
    assert!(said(&format!("Security strength factor: {ssf}")), "{ran:?}");
    assert!(said("Q01 OK Completed"), "{ran:?}");
}

#[test]
fn imap_clients_authenticate_with_every_layer() {
    let kdc = Kdc::start();
    let keytab = kdc.service(&format!("imap/{HOST}"), "keytab");
    share(&keytab);
    let cache = kdc.ticket("alice", &[]);
    let env = [("KRB5CCNAME", cache.as_str())];
    let options = "sasl_mech_list: GSSAPI GSS-SPNEGO GS2-KRB5 SCRAM-SHA-256\n";
    for (server, client) in combinations() {
        eprintln!("server on {}, client on {}", server.name, client.name);
        let cyrus = start(&kdc, &keytab, &server, options);
        for (least, most, ssf) in [("0", "256", 256), ("0", "0", 0), ("1", "1", 1), ("56", "256", 256)] {
            expect_in(&cyrus.imtest(&client, &env, &["-m", "GSSAPI", "-k", least, "-l", most]), ssf);
        }
        expect_in(&cyrus.imtest(&client, &env, &["-m", "GSS-SPNEGO"]), 256);
        expect_in(&cyrus.imtest(&client, &env, &["-m", "GS2-KRB5", "-a", "alice", "-u", "alice", "-w", "none"]), 0);
        // The mechanism is the client's choice.
        expect_in(&cyrus.imtest(&client, &env, &[]), 256);
        let nobody = cyrus.imtest(&client, &env, &["-m", "GSSAPI", "-u", "bob"]);
        assert!(!nobody.stdout.contains("Authenticated."), "{nobody:?}");
        let without = cyrus.imtest(&client, &[("KRB5CCNAME", "FILE:/nonexistent")], &["-m", "GSSAPI"]);
        assert!(!without.stdout.contains("Authenticated."), "{without:?}");
        server.assert_loaded_by(cyrus.pid());
        cyrus.sandbox.log.expect("alice");
    }
}
