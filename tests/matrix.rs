//! Every built-in mechanism, client against server, in one process.

mod common;

use common::{ALICE, Setup, exchange};
use oxisasl::Code;
use oxisasl::mech::BUILTIN;
use oxisasl::policy::Features;

#[test]
fn every_mechanism_authenticates_and_refuses() {
    for mechanism in BUILTIN {
        let name = mechanism.info().name.as_ref();
        let setup = Setup::default();
        let done = exchange(&setup, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = if name == "ANONYMOUS" { &b"anonymous"[..] } else { ALICE.as_bytes() };
        assert_eq!(done.server.user().as_deref(), Some(expected), "{name}");
        if matches!(name, "ANONYMOUS" | "EXTERNAL") {
            continue;
        }
        for (user, password) in [(ALICE, "wrong"), ("nobody", "secret"), (ALICE, "secretsecret"), (ALICE, "secre")] {
            let setup = Setup { user, password, ..Setup::default() };
            let error = exchange(&setup, name).map(|_| ()).expect_err(name);
            assert!(matches!(error.code(), Code::BadAuth | Code::NoUser), "{name} {user} {password}: {error:?}");
        }
    }
}

#[test]
fn nobody_acts_as_another_unless_the_application_says_so() {
    let mut tried = 0;
    for mechanism in BUILTIN.iter().filter(|mechanism| {
        let info = mechanism.info();
        info.server.is_some_and(|features| features.contains(Features::PROXY)) && info.name != "EXTERNAL"
    }) {
        let name = mechanism.info().name.as_ref();
        let setup = Setup { authzid: "bob", ..Setup::default() };
        let error = exchange(&setup, name).map(|_| ()).expect_err(name);
        assert!(matches!(error.code(), Code::BadAuth | Code::NoUser), "{name}: {error:?}");
        tried += 1;
    }
    assert!(tried >= 7, "{tried}");
}
