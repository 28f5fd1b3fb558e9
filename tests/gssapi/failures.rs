//! Tickets, keys and clocks that are not as they should be: each is refused, says why, and leaves other mechanisms usable.

use std::fs;

use super::rig::base::{Library, set_mode};
use super::rig::kdc::REALM;
use super::{Extra, HOST, MECHANISMS, NOTHING, Site, combinations, expect_failure, expect_success};

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// What a client that passes over Kerberos chooses instead.
const OTHERS: &str = "mech_list: GSSAPI GSS-SPNEGO GS2-KRB5 SCRAM-SHA-256 PLAIN\n";

/// Both ends on the library under test: what it does beyond the stock one.
fn ours() -> Option<(Library, Library)> {
    let library = Library::under_test();
    (!library.is_stock()).then(|| (library.clone(), library))
}

#[test]
fn without_a_ticket_the_client_says_so() {
    let site = Site::new();
    let cache = format!("FILE:{}", site.kdc.dir.join("nothing-here").display());
    for libraries in combinations() {
        for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
            let exchange = site.run(&libraries, Some(mechanism), &cache, &NOTHING);
            expect_failure(&exchange, "No credentials were supplied");
        }
    }
}

#[test]
fn without_a_ticket_the_next_mechanism_is_used() {
    let Some(libraries) = ours() else { return };
    let site = Site::new().with_passwords(&libraries.0, OTHERS);
    let missing = format!("FILE:{}", site.kdc.dir.join("nothing-here").display());
    let exchange = site.run(&libraries, None, &missing, &NOTHING);
    expect_success(&exchange, "alice", 0);
    assert_eq!(exchange.client.value("Using mechanism "), Some("SCRAM-SHA-256"), "{exchange:#?}");
    // With one it is Kerberos.
    let exchange = site.run(&libraries, None, &site.kdc.ticket("alice", &[]), &NOTHING);
    expect_success(&exchange, "alice", 256);
    assert_eq!(exchange.client.value("Using mechanism "), Some("GSS-SPNEGO"), "{exchange:#?}");
}

/// Both programs see a clock that is two hours ahead; the Kerberos server, which is not asked again, sees the right one.
#[test]
fn an_expired_ticket_is_as_good_as_none() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &["-l", "10m"]);
    let env = [("LD_PRELOAD", FAKETIME), ("FAKETIME", "+2h")];
    for libraries in combinations() {
        let exchange = site.run(&libraries, Some("GSSAPI"), &cache, &Extra { env: &env, ..NOTHING });
        expect_failure(&exchange, "Ticket expired");
        expect_success(&site.run(&libraries, Some("GSSAPI"), &cache, &NOTHING), "alice", 256);
    }
    if let Some(libraries) = ours() {
        let site = site.with_passwords(&libraries.0, OTHERS);
        let exchange = site.run(&libraries, None, &cache, &Extra { env: &env, ..NOTHING });
        assert_eq!(exchange.client.value("Using mechanism "), Some("SCRAM-SHA-256"), "{exchange:#?}");
        expect_success(&exchange, "alice", 0);
    }
}

#[test]
fn a_service_that_kerberos_does_not_know() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    let extra = Extra { client: &["-n", "elsewhere.rig.test"], ..NOTHING };
    for libraries in combinations() {
        for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
            let exchange = site.run(&libraries, Some(mechanism), &cache, &extra);
            expect_failure(&exchange, "not found in Kerberos database");
        }
    }
    if let Some(libraries) = ours() {
        let site = site.with_passwords(&libraries.0, OTHERS);
        let exchange = site.run(&libraries, None, &cache, &extra);
        assert_eq!(exchange.client.value("Using mechanism "), Some("SCRAM-SHA-256"), "{exchange:#?}");
    }
}

/// The ticket is for another service of the same realm, whose key the server has not.
#[test]
fn a_ticket_for_another_service() {
    let site = Site::new();
    site.kdc.service("smtp/other.rig.test", "other-keytab");
    let cache = site.kdc.ticket("alice", &[]);
    let extra = Extra { client: &["-n", "other.rig.test"], ..NOTHING };
    for libraries in combinations() {
        for mechanism in MECHANISMS {
            let exchange = site.run(&libraries, Some(mechanism), &cache, &extra);
            assert!(!exchange.succeeded(), "{exchange:#?}");
            assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
            if !libraries.0.is_stock() {
                expect_failure(&exchange, "authentication failure");
            }
        }
    }
}

/// The service got a new key after the client its ticket; the keytab has only the new one.
#[test]
fn a_ticket_under_an_old_key() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    for libraries in combinations() {
        expect_success(&site.run(&libraries, Some("GSSAPI"), &cache, &NOTHING), "alice", 256);
    }
    let fresh = site.kdc.dir.join("fresh-keytab");
    site.kdc.administer(REALM, &format!("ktadd -k {} smtp/{HOST}", fresh.display()));
    for libraries in combinations() {
        for mechanism in MECHANISMS {
            let exchange = site.run_with(&libraries, Some(mechanism), &fresh, &cache, &NOTHING);
            assert!(!exchange.succeeded(), "{exchange:#?}");
            assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
        }
    }
    expect_success(
        &site.run_with(
            &ours().unwrap_or_else(|| combinations().remove(0)),
            Some("GSSAPI"),
            &fresh,
            &site.kdc.ticket("alice", &[]),
            &NOTHING,
        ),
        "alice",
        256,
    );
}

#[test]
fn without_a_keytab_a_server_offers_other_mechanisms_and_says_why() {
    let Some(libraries) = ours() else { return };
    let site = Site::new().with_passwords(&libraries.0, OTHERS);
    let cache = site.kdc.ticket("alice", &[]);
    let other = site.kdc.service("imap/other.rig.test", "imap-keytab");
    let unreadable = site.kdc.dir.join("unreadable");
    fs::write(&unreadable, "no keytab").expect("a file");
    set_mode(&unreadable, 0o600);
    for (keytab, reason) in [
        (site.kdc.dir.join("nothing-here"), "nothing-here"),
        (other, "No key table entry found matching smtp/host.rig.test"),
        (unreadable, "unreadable is nonexistent or empty"),
    ] {
        let exchange = site.run_with(&libraries, None, &keytab, &cache, &NOTHING);
        expect_success(&exchange, "alice", 0);
        assert_eq!(exchange.client.value("Using mechanism "), Some("SCRAM-SHA-256"), "{exchange:#?}");
        let exchange = site.run_with(&libraries, Some("GSSAPI"), &keytab, &cache, &NOTHING);
        expect_failure(&exchange, reason);
    }
}

#[test]
fn the_keytab_may_be_named_by_an_option() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    let nowhere = site.kdc.dir.join("nothing-here");
    site.conf.write("sample.conf", format!("keytab: {}\n", site.keytab.display()));
    for libraries in combinations() {
        for mechanism in MECHANISMS {
            let exchange = site.run_with(&libraries, Some(mechanism), &nowhere, &cache, &NOTHING);
            assert!(exchange.succeeded(), "{mechanism}: {exchange:#?}");
        }
    }
    // An option that names a file which is not there is no reason to take another.
    site.conf.write("sample.conf", format!("keytab: {}\n", nowhere.display()));
    for libraries in combinations() {
        let exchange = site.run(&libraries, Some("GSSAPI"), &cache, &NOTHING);
        assert!(!exchange.succeeded(), "{exchange:#?}");
    }
}

#[test]
fn the_service_s_principal_may_be_named_by_an_option() {
    let Some(libraries) = ours() else { return };
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    site.kdc.service("smtp/alias.rig.test", "keytab");
    let alias = Extra { client: &["-n", "alias.rig.test"], ..NOTHING };
    for (option, works) in [
        ("", false),
        ("service_principal: smtp@alias.rig.test\n", true),
        ("service_principal: smtp/alias.rig.test\n", true),
        ("service_principal: *\n", true),
        ("service_principal: smtp@host.rig.test\n", false),
        ("service_principal: nobody@alias.rig.test\n", false),
    ] {
        site.conf.write("sample.conf", option);
        for mechanism in MECHANISMS {
            let exchange = site.run(&libraries, Some(mechanism), &cache, &alias);
            assert_eq!(exchange.succeeded(), works, "{mechanism} {option}: {exchange:#?}");
        }
    }
}

#[test]
fn delegated_credentials_are_stored_where_an_option_says() {
    let Some(libraries) = ours() else { return };
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &["-f"]);
    let stored = site.kdc.dir.join("delegated-alice");
    site.conf.write("sample.conf", format!("ccache_store: FILE:{}/delegated-%u\n", site.kdc.dir.path().display()));
    let passes = Extra { client: &["-f", "passcred"], ..NOTHING };
    expect_success(&site.run(&libraries, Some("GSSAPI"), &cache, &NOTHING), "alice", 256);
    assert!(!stored.exists(), "nothing was delegated");
    expect_success(&site.run(&libraries, Some("GSSAPI"), &cache, &passes), "alice", 256);
    // It is a cache like the other: a client can use it.
    let stored = format!("FILE:{}", stored.display());
    expect_success(&site.run(&libraries, Some("GSSAPI"), &stored, &NOTHING), "alice", 256);
}
