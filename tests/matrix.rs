//! Every built-in mechanism, client against server, in one process.

mod common;

use common::{ALICE, BOB, Setup, converse, exchange, pair};
use oxisasl::Code;
use oxisasl::chanbind::ChannelBinding;
use oxisasl::mech::{BUILTIN, Mechanism};
use oxisasl::policy::{Features, SecurityFlags, SecurityProps, SessionFlags};

/// Those that need nothing but the two sides. What stands on Kerberos needs a realm: `tests/gssapi`.
fn mechanisms() -> impl Iterator<Item = &'static dyn Mechanism> {
    let kerberos = |mechanism: &&dyn Mechanism| matches!(mechanism.info().plugin.as_ref(), "gssapiv2" | "gs2");
    BUILTIN.iter().copied().filter(move |mechanism| !kerberos(mechanism))
}

#[test]
fn every_mechanism_authenticates_and_refuses() {
    for mechanism in mechanisms() {
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
    for mechanism in mechanisms().filter(|mechanism| {
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

#[test]
fn who_may_act_as_whom() {
    for mechanism in mechanisms().filter(|mechanism| {
        let info = mechanism.info();
        info.server.is_some_and(|features| features.contains(Features::PROXY))
    }) {
        let name = mechanism.info().name.as_ref();
        for (authzid, anybody, expected) in [
            (ALICE, false, Ok(())),
            (BOB, false, Err(Code::BadAuth)),
            (BOB, true, Ok(())),
            ("ghost", true, Err(Code::NoUser)),
        ] {
            let done = exchange(&Setup { authzid, anybody, ..Setup::default() }, name);
            let ids = done.as_ref().ok().map(|pair| (pair.server.user().unwrap(), pair.server.authid().unwrap()));
            assert_eq!(done.map(drop).map_err(|error| error.code()), expected, "{name} {authzid} {anybody}");
            let names = expected.ok().map(|()| (authzid.as_bytes().to_vec(), ALICE.as_bytes().to_vec()));
            assert_eq!(ids, names, "{name} {authzid}");
        }
    }
}

/// No message that a client can send without knowing the password gets it in, whatever step it comes at, and none spoils
/// the next exchange.
#[test]
fn nonsense_gets_nobody_in() {
    let long = vec![b'x'; 70_000];
    let nonsense: [&[u8]; 14] = [
        b"",
        b"\0",
        b"\0\0",
        b"\0\0\0",
        b" ",
        b"*",
        b"alice",
        b"alice\0",
        b"\0alice\0",
        b"\xff\xfe\xfd",
        b",,,,,,,,,,,,",
        b"============",
        b"n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL",
        &long,
    ];
    for mechanism in
        mechanisms().filter(|mechanism| !matches!(mechanism.info().name.as_ref(), "ANONYMOUS" | "EXTERNAL"))
    {
        let name = mechanism.info().name.as_ref();
        let server = pair(&Setup::default()).server;
        for first in std::iter::once(None).chain(nonsense.map(Some)) {
            for then in nonsense {
                let mut progress = server.start(name, first);
                for _ in 0..4 {
                    let Ok(going_on) = &progress else { break };
                    assert!(!going_on.is_done(), "{name} {first:?} {then:?}");
                    progress = server.step(then);
                }
                assert!(progress.is_err(), "{name} {first:?} {then:?} goes on forever");
                assert_eq!(server.step(then).map(drop).map_err(|error| error.code()), Err(Code::BadProt), "{name}");
            }
        }
    }
}

const SCRAM: [&str; 5] = ["SCRAM-SHA-1", "SCRAM-SHA-224", "SCRAM-SHA-256", "SCRAM-SHA-384", "SCRAM-SHA-512"];

fn binding(name: &str, data: &str) -> ChannelBinding {
    ChannelBinding { name: name.into(), data: data.into(), critical: false }
}

/// What the client says about channel binding (RFC 5802 section 6), what the server has, and whether the `-PLUS` form is
/// asked for: all of them together.
#[test]
fn channel_bindings() {
    use Code::{BadAuth, BadBinding, BadProt, NoMech};
    let same = binding("tls-exporter", "data");
    let at_the_server = [
        ("none", None),
        ("same", Some(same.clone())),
        ("critical", Some(ChannelBinding { critical: true, ..same.clone() })),
        ("other data", Some(binding("tls-exporter", "Data"))),
        ("other name", Some(binding("tls-unique", "data"))),
    ];
    // For each flag the answers, without and with -PLUS, in the order above.
    type Answers = [Result<(), Code>; 5];
    let rows: [(&str, Answers, Answers); 3] = [
        (
            "n",
            [Ok(()), Ok(()), Err(BadBinding), Ok(()), Ok(())],
            [Err(NoMech), Err(BadProt), Err(BadProt), Err(BadProt), Err(BadProt)],
        ),
        (
            "y",
            [Ok(()), Err(BadAuth), Err(BadAuth), Err(BadAuth), Err(BadAuth)],
            [Err(NoMech), Err(BadProt), Err(BadProt), Err(BadProt), Err(BadProt)],
        ),
        (
            "p=tls-exporter",
            [Err(BadBinding), Ok(()), Ok(()), Err(BadProt), Err(BadBinding)],
            [Err(NoMech), Ok(()), Ok(()), Err(BadProt), Err(BadBinding)],
        ),
    ];
    for name in SCRAM {
        for (flag, without, with) in &rows {
            for (plus, expected) in [("", without), ("-PLUS", with)] {
                for ((what, server_binding), expected) in at_the_server.iter().zip(expected) {
                    let pair = pair(&Setup::default());
                    if *flag != "n" {
                        pair.client.add_binding(same.clone());
                    }
                    if let Some(binding) = server_binding {
                        pair.server.add_binding(binding.clone());
                    }
                    let offered = match *flag {
                        "y" => format!("PLAIN {name}"),
                        "n" => name.to_owned(),
                        _ => format!("{name} {name}-PLUS"),
                    };
                    let done = converse(pair, &offered, Some(&format!("{name}{plus}")));
                    if let Ok(done) = &done {
                        assert!(done.messages[0].starts_with(format!("{flag},,n=alice,").as_bytes()));
                    }
                    let code = done.map(drop).map_err(|error| error.code());
                    assert_eq!(code, *expected, "{name}{plus}: the client says {flag}, the server has: {what}");
                }
            }
        }
    }
}

#[test]
fn the_strongest_form_is_offered_chosen_and_named() {
    let setup = Setup { binding: Some(binding("tls-exporter", "data")), ..Setup::default() };
    let ends = pair(&setup);
    let offered = ends.server.mechanisms().unwrap().join(" ");
    assert!(offered.starts_with("SCRAM-SHA-512-PLUS SCRAM-SHA-512 SCRAM-SHA-384-PLUS"), "{offered}");
    let done = converse(ends, &offered, None).unwrap();
    assert_eq!(done.client.chosen_name(), "SCRAM-SHA-512-PLUS");
    assert!(done.messages[0].starts_with(b"p=tls-exporter,,"));
}

/// The stored keys are of the password `pencil`: those of RFC 5802 section 5 and RFC 7677 section 3.
#[test]
fn verifiers_instead_of_passwords() {
    let sha1 = (
        "authPassword",
        "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:\
                                 D+CSWLOshSulAsxiupA+qs2/fTE=",
    );
    let sha256 = (
        "authPassword",
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                                   wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
    let password = ("userPassword", "secret");
    for (stored, typed, works) in [
        (vec![sha1, sha256], "pencil", &["SCRAM-SHA-1", "SCRAM-SHA-256"][..]),
        (vec![sha256, sha1], "pencil", &["SCRAM-SHA-1", "SCRAM-SHA-256"]),
        (vec![sha1], "pencil", &["SCRAM-SHA-1"]),
        (vec![sha1], "Pencil", &[]),
        (vec![sha1, sha256, password], "secret", &SCRAM),
        (vec![sha1, sha256, password], "pencil", &[]),
        (vec![("authPassword", "{SSHA}x"), sha256], "pencil", &["SCRAM-SHA-256"]),
        (vec![("userPassword", "")], "", &[]),
    ] {
        for name in SCRAM {
            let setup = Setup { stored: stored.clone(), password: typed, ..Setup::default() };
            assert_eq!(exchange(&setup, name).is_ok(), works.contains(&name), "{name} {typed} {stored:?}");
        }
    }
}

#[test]
fn the_last_message_comes_with_the_success_where_the_protocol_carries_it() {
    for name in SCRAM {
        for (flags, messages) in [(SessionFlags::NONE, 5), (SessionFlags::SUCCESS_DATA, 4)] {
            let done = exchange(&Setup { flags, ..Setup::default() }, name).unwrap();
            assert_eq!(done.messages.len(), messages, "{name}");
            assert!(done.messages[3].starts_with(b"v="));
        }
    }
}

#[test]
fn after_a_listing_the_detail_tells_what_is_missing_and_why() {
    let ends = pair(&Setup {
        security: SecurityProps { flags: SecurityFlags::NO_PLAINTEXT, ..Setup::default().security },
        ..Setup::default()
    });
    let told = |detail: String, word: &str| {
        assert!(detail.starts_with(&format!("SASL(0): successful result: {word}: ")), "{detail}");
        assert!(detail.contains("PLAIN (security flags do not match required: NO_PLAINTEXT is missing)"), "{detail}");
        assert!(!detail.contains("CRAM-MD5"), "{detail}");
    };
    assert!(!ends.server.mechanisms().unwrap().contains(&"PLAIN".to_owned()));
    told(ends.server.error_detail(), "not offered");
    assert!(!ends.client.mechanisms().contains(&"PLAIN".to_owned()));
    told(ends.client.error_detail(), "not usable");
    ends.server.start("CRAM-MD5", None).unwrap();
    assert_eq!(ends.server.error_detail(), "SASL(0): successful result: ");
}
