//! The mechanisms over the GSS-API, in a Kerberos realm of their own. The library finds it through the environment, so that
//! these exchanges are another run of this program.

use std::process::Command;

use super::change::thorough;
use super::ends::Setup;
use super::exchange::{Used, expect_all_used, others, try_all};
use super::rig::kdc::Kdc;
use super::table::{mechanisms, setups};
use super::{layers, meaning};

const CHILD: &str = "OXISASL_HOSTILE_KERBEROS";
const HOST: &str = "host.example.com";

/// Runs one of the functions below in a Kerberos realm. Without a memory of tickets (a replay cache), since thousands of
/// exchanges would wait for the disk to keep it.
fn in_a_realm(test: &str, replay_cache: Option<&str>) {
    let (kdc, environment) = Kdc::for_programs();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", &format!("kerberos::{test}"), "--nocapture", "--test-threads=1"]);
    command.envs(environment).env(CHILD, "yes");
    if let Some(cache) = replay_cache {
        command.env("KRB5RCACHENAME", cache);
    }
    let output = command.output().expect("this program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
    println!("{text}");
    drop(kdc);
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn with_host(setup: Setup) -> Setup {
    Setup { host: Some(HOST), ..setup }
}

#[test]
fn changed_messages() {
    if !is_child() {
        return in_a_realm("changed_messages", Some("none:"));
    }
    for (mechanism, entry) in mechanisms(true) {
        let mut used = Used::new();
        let mut tried = 0;
        for setup in setups(mechanism, entry) {
            let setup = with_host(setup);
            let mut others = others(&setup);
            for (other, entry) in mechanisms(true).filter(|(_, other)| other.name != entry.name) {
                let setup = with_host(setups(other, entry).swap_remove(0));
                others.extend(setup.good().1.messages.into_iter().flatten());
            }
            tried += try_all(mechanism, entry, &setup, &others, &mut used);
        }
        expect_all_used(entry, &used);
        let outside = used[meaning::OUTSIDE];
        assert!(outside * 15 < tried, "{}: {outside} of {tried}", entry.name);
    }
}

#[test]
fn changed_packets() {
    if !is_child() {
        return in_a_realm("changed_packets", Some("none:"));
    }
    let step = if thorough() { 1 } else { 7 };
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        for ssf in [1, 256] {
            layers::try_all(&with_host(layers::setup(mechanism, ssf)), step);
        }
    }
}

/// A ticket that somebody has listened to lets nobody in a second time, however honest it is.
#[test]
fn replayed_tickets() {
    if !is_child() {
        return in_a_realm("replayed_tickets", None);
    }
    for (_, entry) in mechanisms(true) {
        let setup = with_host(Setup::new(entry.name));
        for _ in 0..3 {
            let (_, good) = setup.good();
            let first = good.messages.first().cloned().flatten();
            for _ in 0..2 {
                let ends = setup.ends();
                let again = ends.server.start(entry.name, first.as_deref());
                let error = again.map(drop).expect_err(entry.name);
                assert!(error.detail().contains("replay"), "{}: {error}", entry.name);
            }
        }
    }
}
