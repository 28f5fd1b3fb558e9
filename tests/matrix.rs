//! Every built-in mechanism, client against server, in one process.

mod common;

use common::{ALICE, Setup, exchange};
use oxisasl::Code;
use oxisasl::mech::BUILTIN;

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
