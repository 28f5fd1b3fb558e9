use super::*;
use crate::ctx::ServerWorld as _;
use crate::mech::test_world::{TestClient, TestServer, ask_client, client_sends, respond, server_says};

mod bindings;

const ALL: [&Scram; 5] = [&SHA1, &SHA224, &SHA256, &SHA384, &SHA512];

fn alice() -> TestServer {
    TestServer::with_password("alice", "secret")
}

/// A client that takes any count of iterations, so that tests need not compute thousands.
fn client_of(name: &str, password: &str) -> TestClient {
    TestClient::new(name, "", password).option("scram_minimum_iterations", "1")
}

/// All messages of an exchange, the client's first.
fn talk(mech: &Scram, client: &TestClient, server: &TestServer) -> Result<[Vec<u8>; 4]> {
    let (mut c, mut s) = (mech.client().unwrap(), mech.server().unwrap());
    let first = ask_client(c.as_mut(), client, None)?;
    let challenge = respond(s.as_mut(), server, &first)?;
    let proof = ask_client(c.as_mut(), client, Some(&challenge))?;
    let signature = respond(s.as_mut(), server, &proof)?;
    ask_client(c.as_mut(), client, Some(&signature))?;
    Ok([first, challenge, proof, signature])
}

fn assert_error<T>(result: Result<T>, code: Code, text: &str, what: &dyn std::fmt::Debug) {
    let error = result.err().unwrap_or_else(|| panic!("{what:?} was taken"));
    assert_eq!((error.code(), error.detail()), (code, text), "{what:?}");
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// The messages after `n,,` of a client that has a password as it is, up to its final one, and the signature it expects.
fn prove(mech: &Scram, world: &TestServer, bare: &str, password: &[u8], extension: &str) -> (Result<Vec<u8>>, Vec<u8>) {
    let mut s = mech.server().unwrap();
    let challenge = respond(s.as_mut(), world, format!("n,,{bare}").as_bytes()).unwrap();
    let parsed = ServerFirst::parse(mech.kind, &challenge).unwrap();
    let without_proof = format!("c=biws,r={}{extension}", text(parsed.nonce));
    let salted = salted_password(mech.kind.hash, password, &parsed.salt, parsed.iterations);
    let message: [&[u8]; 5] = [bare.as_bytes(), b",", &challenge, b",", without_proof.as_bytes()];
    let (proof, signature) = scram_proof(mech.kind.hash, &salted, &message);
    let last = format!("{without_proof},p={}", b64::encode(proof.as_ref()));
    let expected = format!("v={}", b64::encode(signature.as_ref())).into_bytes();
    (respond(s.as_mut(), world, last.as_bytes()), expected)
}

fn verifier(mech: &Scram, password: &str, salt: &str) -> Vec<u8> {
    let salt = b64::decode(salt.as_bytes()).unwrap();
    let keys = ScramKeys::derive(mech.kind.hash, password.as_bytes(), &salt, 4096);
    ScramVerifier { iterations: 4096, salt, keys }.to_text(mech.kind.name).expose().to_vec()
}

// ---- Vectors ----

/// Mechanism, nonces of client and server, proof, signature. The last is none of an RFC: the inputs of RFC 7677
/// with another hash.
const VECTORS: [(&Scram, [&str; 2], &str, &str); 3] = [
    (
        &SHA1,
        ["fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j"],
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    (
        &SHA256,
        ["rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"],
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
    (
        &SHA512,
        ["rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"],
        "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
        "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
    ),
];

/// RFC 5802 section 5, RFC 7677 section 3.
#[test]
fn vectors_of_the_rfcs() {
    for (mech, nonces, proof, signature) in VECTORS {
        let salt = if mech.kind.hash == Hash::Sha1 { "QSXCR+Q6sek8bf92" } else { "W22ZaJ0SNY7soEsUEjb6gQ==" };
        let server = TestServer::with("user", "authPassword", &verifier(mech, "pencil", salt)).nonce(nonces[1]);
        let client = client_of("user", "pencil").nonce(nonces[0]);
        let nonce = nonces.concat();
        let messages = talk(mech, &client, &server).unwrap();
        assert_eq!(
            messages.each_ref().map(|message| text(message)),
            [
                &*format!("n,,n=user,r={}", nonces[0]),
                &*format!("r={nonce},s={salt},i=4096"),
                &*format!("c=biws,r={nonce},p={proof}"),
                &*format!("v={signature}"),
            ]
        );
        assert_eq!(server.identity_text(), ("user".into(), "user".into()));
    }
}

#[test]
fn every_hash_with_every_kind_of_secret() {
    for mech in ALL {
        let stored = verifier(mech, "secret", "QSXCR+Q6sek8bf92");
        let with_verifier = TestServer::with("alice", "authPassword", &stored);
        for (server, salt_len) in [(alice(), mech.kind.hash.len()), (with_verifier, 12)] {
            let [_, challenge, ..] = talk(mech, &client_of("alice", "secret"), &server).unwrap();
            assert_eq!(ServerFirst::parse(mech.kind, &challenge).unwrap().salt.len(), salt_len);
            for password in ["Secret", "secre", "secretsecret", "secret ", ""] {
                let refused = talk(mech, &client_of("alice", password), &server);
                assert_error(refused, Code::BadAuth, MISMATCH, &password);
            }
        }
    }
}

// ---- The server's grammar ----

fn first(message: &[u8]) -> Result<Vec<u8>> {
    server_says(&SHA256, &alice(), &[message])
}

#[test]
fn first_messages_that_are_refused_and_how() {
    let p = Code::BadProt;
    let cases: [(&[u8], &str); 33] = [
        (b"n,,n=a,r=", "Invalid SCRAM-SHA-256 input"),
        (b"n", "Invalid SCRAM-SHA-256 input"),
        (b"p,,n=alice,r=0123456789", "The initial 'p' needs to be followed by '=' in SCRAM-SHA-256 input"),
        (b"p=,,n=alice,r=0123456789", "Invalid channel binding name in SCRAM-SHA-256 input"),
        (b"p=tls unique,,n=alice,r=0123456789", "Invalid channel binding name in SCRAM-SHA-256 input"),
        (b"x,,n=alice,r=0123456789", "The initial SCRAM-SHA-256 client response needs to start with 'y', 'n' or 'p'"),
        (b"N,,n=alice,r=0123456789", "The initial SCRAM-SHA-256 client response needs to start with 'y', 'n' or 'p'"),
        (b",,n=alice,r=0123456789", "The initial SCRAM-SHA-256 client response needs to start with 'y', 'n' or 'p'"),
        (b"nn,,n=alice,r=0123456789", "',' expected in SCRAM-SHA-256 input"),
        (b"n,b=bob,n=alice,r=0123456789", "',' expected in SCRAM-SHA-256 input"),
        (b"n,n=alice,r=0123456789", "',' expected in SCRAM-SHA-256 input"),
        (b"nnnnnnnnnnnn", "',' expected in SCRAM-SHA-256 input"),
        (b"n,a=a=b,n=alice,r=0123456789", "Invalid authorization identity encoding in SCRAM-SHA-256 input"),
        (b"n,a=\xff,n=alice,r=0123456789", "Invalid authorization identity encoding in SCRAM-SHA-256 input"),
        (b"n,,m=x,n=alice,r=0123456789", "Unsupported mandatory extension to SCRAM-SHA-256"),
        (b"n,,r=0123456789,n=alice", "Username (n=) expected in SCRAM-SHA-256 input"),
        (b"n,a=aaaaaaaaaaa", "',' expected in SCRAM-SHA-256 input"),
        (b"n,a=aaaaaaaaaaa,", "Username (n=) expected in SCRAM-SHA-256 input"),
        (b"n,,n=a=2cb,r=0123456789", "Invalid username encoding in SCRAM-SHA-256 input"),
        (b"n,,n=a=b,r=0123456789", "Invalid username encoding in SCRAM-SHA-256 input"),
        (b"n,,n=a=,r=0123456789", "Invalid username encoding in SCRAM-SHA-256 input"),
        (b"n,,n=al\xff,r=0123456789", "Invalid username encoding in SCRAM-SHA-256 input"),
        (b"n,,n=al\x07ce,r=0123456789", "Invalid username in SCRAM-SHA-256 input"),
        (b"n,,n=\xc2\xad,r=0123456789", "Invalid username in SCRAM-SHA-256 input"),
        (b"n,,n=alice", "Nonce expected after the username in SCRAM-SHA-256 input"),
        (b"n,,n=alice,", "Nonce expected after the username in SCRAM-SHA-256 input"),
        (b"n,,n=alice,r=", "Invalid nonce in SCRAM-SHA-256 input"),
        (b"n,,n=alice,r=01\x01\x7f\xff", "Invalid nonce in SCRAM-SHA-256 input"),
        (b"n,,n=alice,r=0123 56789", "Invalid nonce in SCRAM-SHA-256 input"),
        (b"n,,n=alice,r=0123456789,m=x", "Unsupported mandatory extension to SCRAM-SHA-256"),
        (b"n,,n=alice,r=0123456789,", "Invalid extension in SCRAM-SHA-256 input"),
        (b"n,,n=alice,r=0123456789\0", "NULs found in SCRAM-SHA-256 input"),
        (b"n,,n=al\0ice,r=0123456789", "NULs found in SCRAM-SHA-256 input"),
    ];
    for (message, expected) in cases {
        assert_error(first(message), p, expected, &message.escape_ascii().to_string());
    }
    let all_blank = "unable to canonify user and get auxprops: All-whitespace username.";
    assert_error(first(b"n,,n=,r=0123456789"), Code::Fail, all_blank, &"no name");
    assert_error(first(b"n,,n= ,r=0123456789"), Code::Fail, all_blank, &"blank name");
    let long_name = [&b"n,,n="[..], &[b'x'; 1025], b",r=0123456789"].concat();
    assert_eq!(first(&long_name).unwrap_err().code(), Code::BufOver);
    let sized = |size: usize| [&b"n,,n=alice,r="[..], &vec![b'x'; size - 13]].concat();
    assert!(first(&sized(2048)).is_ok());
    assert_error(first(&sized(2049)), p, "SCRAM-SHA-256 input longer than (MAX_CLIENTIN_LEN) bytes", &2049);
}

#[test]
fn first_messages_that_are_taken() {
    for (message, user, authid) in [
        ("n,,n=alice,r=0123456789", "alice", "alice"),
        ("y,,n=alice,r=0123456789", "alice", "alice"),
        ("n,a=,n=alice,r=0123456789", "alice", "alice"),
        ("n,a=alice,n=alice,r=0123456789", "alice", "alice"),
        ("n,a=a=2Cb=3Dc,n=alice,r=0123456789", "a,b=c", "alice"),
        ("n,,n=a=2Cb=3Dc,r=0123456789", "a,b=c", "a,b=c"),
        ("n,,n=\u{2168},r=0123456789", "IX", "IX"),
        ("n,,n=alice,r=!-+<~,x=y,Z==", "alice", "alice"),
        ("n,,n=alice,r=0", "alice", "alice"),
    ] {
        let world = alice();
        let challenge = server_says(&SHA256, &world, &[message.as_bytes()]).unwrap_or_else(|e| panic!("{message} {e}"));
        assert_eq!(world.identity_text(), (user.into(), authid.into()), "{message}");
        let nonce = message.split("r=").nth(1).unwrap().split(',').next().unwrap();
        let tail = text(&challenge).strip_prefix(&format!("r={nonce}")).unwrap().split(',').collect::<Vec<_>>();
        assert_eq!((tail[0].len(), tail[1].len(), tail[2]), (32, 46, "i=4096"), "{message}");
    }
}

#[test]
fn the_client_may_be_told_to_speak() {
    let mut server = SHA256.server().unwrap();
    assert_eq!(respond(server.as_mut(), &alice(), b"").unwrap(), b"");
    assert!(respond(server.as_mut(), &alice(), b"n,,n=alice,r=0123456789").is_ok());
    for (input, expected) in [(&b""[..], "SCRAM-SHA-1 input expected"), (b"garbage", "Invalid SCRAM-SHA-1 input")] {
        assert_error(server_says(&SHA1, &alice(), &[b"", input]), Code::BadProt, expected, &input);
    }
}

/// The answer to the final message that `change` makes of the right one.
fn with_final(change: impl Fn(&str) -> Vec<u8>) -> Result<Vec<u8>> {
    let (client, server) = (client_of("alice", "secret"), alice());
    let (mut c, mut s) = (SHA256.client().unwrap(), SHA256.server().unwrap());
    let challenge = respond(s.as_mut(), &server, &ask_client(c.as_mut(), &client, None)?)?;
    let proof = ask_client(c.as_mut(), &client, Some(&challenge))?;
    let result = respond(s.as_mut(), &server, &change(text(&proof)));
    if result.is_err() {
        assert!(respond(s.as_mut(), &server, &proof).is_err(), "a second try after a failure");
    }
    result
}

#[test]
fn final_messages_that_are_refused_and_how() {
    let prefix = "Channel bindings prefix doesn't match the one received in the GS2 header of SCRAM-SHA-256. Expected \
                  \"n,,\"";
    let replaced = |from: &str, to: &str, text: &str| {
        assert!(text.contains(from));
        text.replacen(from, to, 1).into_bytes()
    };
    for (from, to, code, expected) in [
        ("c=biws", "c=eSws", Code::BadProt, prefix),
        ("c=biws", "c=", Code::BadProt, prefix),
        ("c=biws", "c=biwsQUJD", Code::BadProt, prefix),
        ("c=biws", "c=b*ws", Code::BadProt, "Invalid base64 encoding of the channel bindings in SCRAM-SHA-256"),
        ("c=biws", "c=biw", Code::BadProt, "Invalid base64 encoding of the channel bindings in SCRAM-SHA-256"),
        ("c=biws,", "", Code::BadProt, "Channel binding expected in SCRAM-SHA-256 input"),
        ("c=", "C=", Code::BadProt, "Channel binding expected in SCRAM-SHA-256 input"),
        ("r=", "r=x", Code::BadProt, "Nonce mismatch SCRAM-SHA-256 input"),
        (",p=", "x,p=", Code::BadProt, "Nonce mismatch SCRAM-SHA-256 input"),
        (",r=", ",q=", Code::BadProt, "Nonce expected in SCRAM-SHA-256 input"),
        (",p=", ",x=y,p=", Code::BadAuth, MISMATCH),
        (",p=", ",x,p=", Code::BadProt, "Invalid extension in SCRAM-SHA-256 input"),
        (",p=", ",m=y,p=", Code::BadProt, "Unsupported mandatory extension to SCRAM-SHA-256"),
        (",p=", ",q=", Code::BadProt, "Client proof is expected in SCRAM-SHA-256 input"),
        (",p=", ",\0p=", Code::BadProt, "NULs found in SCRAM-SHA-256 input"),
        (",p=", ",p=AAAA", Code::BadProt, "Invalid client proof length in SCRAM-SHA-256 input"),
    ] {
        assert_error(with_final(|text| replaced(from, to, text)), code, expected, &(from, to));
    }
    let input = |text: &str| format!("{text} in SCRAM-SHA-256 input");
    for (change, expected) in [
        (&(|_: &str| Vec::new()) as &dyn Fn(&str) -> Vec<u8>, "SCRAM-SHA-256 input expected".into()),
        (&|_| b"c=biws".to_vec(), input("At least nonce is expected")),
        (&|_| vec![b'x'; 2048], "Invalid SCRAM-SHA-256 input".into()),
        (&|_| vec![b'x'; 2049], "SCRAM-SHA-256 input longer than (MAX_CLIENTIN_LEN) bytes".into()),
        (&|text| [text, ",x=y"].concat().into(), input("No extension data is allowed after the client proof")),
        (&|text| [text, ","].concat().into(), input("No extension data is allowed after the client proof")),
        (&|text| [text, "AAAA"].concat().into(), input("Invalid client proof length")),
        (&|text| text[..text.len() - 4].into(), input("Invalid client proof length")),
        (&|text| [&text[..text.len() - 1], "A"].concat().into(), input("Invalid client proof length")),
        (
            &|text| [&text[..text.len() - 9], "*", &text[text.len() - 8..]].concat().into(),
            input("Invalid base64 encoding of the client proof"),
        ),
    ] {
        assert_error(with_final(change), Code::BadProt, &expected, &expected);
    }
    assert!(with_final(|text| text.into()).is_ok());
}

/// An extension that both sides have signed is no reason to refuse.
#[test]
fn an_extension_in_the_final_message_is_signed_and_ignored() {
    let (answer, signature) = prove(&SHA256, &alice(), "n=alice,r=0123456789", b"secret", ",x=y");
    assert_eq!(answer.unwrap(), signature);
}

/// CVE-2024-56128 and its kind: nothing in the final message may be changed, and nothing be used twice.
#[test]
fn no_byte_of_the_final_message_can_be_changed() {
    let length = with_final(|text| text.into()).map(|_| "c=biws,r=,p=".len() + 64 + 44).unwrap();
    let fast = |at: usize, bit: u8| {
        let server = alice().option("scram_iteration_counter", "1");
        let client = client_of("alice", "secret");
        let (mut c, mut s) = (SHA256.client().unwrap(), SHA256.server().unwrap());
        let challenge = respond(s.as_mut(), &server, &ask_client(c.as_mut(), &client, None).unwrap()).unwrap();
        let mut proof = ask_client(c.as_mut(), &client, Some(&challenge)).unwrap();
        assert_eq!(proof.len(), length);
        proof[at] ^= 1 << bit;
        respond(s.as_mut(), &server, &proof).is_err() && respond(s.as_mut(), &server, &proof[..at]).is_err()
    };
    for at in 0..length {
        for bit in 0..8 {
            assert!(fast(at, bit), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn an_exchange_cannot_be_replayed() {
    let server = alice().option("scram_iteration_counter", "1");
    let [first, _, proof, _] = talk(&SHA1, &client_of("alice", "secret"), &server).unwrap();
    let again = server_says(&SHA1, &server, &[&first, &proof]);
    assert_error(again, Code::BadProt, "Nonce mismatch SCRAM-SHA-1 input", &"replay");
}

// ---- What the server knows of users ----

#[test]
fn an_unknown_user_is_told_the_same_as_a_wrong_password() {
    for mech in ALL {
        let hello =
            |name: &str| server_says(mech, &alice(), &[format!("n,,n={name},r=0123456789").as_bytes()]).unwrap();
        let tail = |challenge: Vec<u8>| text(&challenge).split_once(',').unwrap().1.to_owned();
        let (real, made_up) = (tail(hello("alice")), tail(hello("nobody")));
        assert_eq!(real.len(), made_up.len());
        assert_eq!(made_up, tail(hello("nobody")));
        assert_eq!(real, tail(hello("alice")));
        assert_ne!(made_up, tail(hello("somebody")));
        let server = alice();
        let refused = talk(mech, &client_of("nobody", "secret"), &server);
        assert_error(refused, Code::NoUser, MISMATCH, &mech.kind.name);
        assert_eq!(server.identity_text(), ("nobody".into(), "nobody".into()));
    }
}

/// Where verifiers are made, the made-up salt is as long as theirs.
#[test]
fn an_unknown_user_looks_like_one_with_a_verifier_where_these_are_made() {
    let server = alice().option("scram_secret_generate", "yes").option("scram_iteration_counter", "5000");
    let challenge = server_says(&SHA512, &server, &[b"n,,n=nobody,r=0123456789"]).unwrap();
    let parsed = ServerFirst::parse(SHA512.kind, &challenge).unwrap();
    assert_eq!((parsed.salt.len(), parsed.iterations), (16, 5000));
    assert_error(talk(&SHA512, &client_of("nobody", ""), &server), Code::NoUser, MISMATCH, &"verifier");
}

/// Whoever guessed what a made-up user is compared with would be refused all the same.
#[test]
fn nobody_gets_in_as_a_user_who_is_not_there() {
    for (server, code) in [
        (alice(), Code::NoUser),
        (TestServer::with("nobody", "mail", b"x"), Code::NoUser),
        (TestServer::with("nobody", "mail", b"x").transitioning(), Code::Trans),
        (TestServer::with("nobody", "authPassword", b"garbage"), Code::NoUser),
        (TestServer::with_password("nobody", ""), Code::Fail),
    ] {
        let key = rng::process_key().unwrap();
        let (answer, _) = prove(&SHA1, &server, "n=nobody,r=0123456789", key, "");
        assert_eq!(answer.unwrap_err().code(), code);
    }
}

#[test]
fn users_without_a_usable_secret() {
    let other = &verifier(&SHA256, "secret", "AAAA")[..];
    for (server, code, expected, log) in [
        (TestServer::with("alice", "mail", b"x"), Code::NoUser, MISMATCH, "2 no secret in database"),
        (TestServer::with("alice", "mail", b"x").transitioning(), Code::Trans, MISMATCH, "2 no secret in database"),
        (
            TestServer::with("alice", "authPassword", b"x"),
            Code::NoUser,
            MISMATCH,
            "2 No valid SCRAM-SHA-1 secret found",
        ),
        (
            TestServer::with("alice", "authPassword", other),
            Code::NoUser,
            MISMATCH,
            "2 No valid SCRAM-SHA-1 secret found",
        ),
        (TestServer::with_password("alice", ""), Code::Fail, "empty secret", ""),
    ] {
        for password in ["secret", ""] {
            assert_error(talk(&SHA1, &client_of("alice", password), &server), code, expected, &log);
        }
        assert_eq!(server.last_log(), log);
    }
}

#[test]
fn the_first_verifier_of_the_mechanism_counts_and_a_password_before_all() {
    let [sha1, sha256] = [&SHA1, &SHA256].map(|mech| verifier(mech, "pencil", "AAAA"));
    let pencil = client_of("alice", "pencil");
    let several = TestServer::with("alice", "authPassword", b"garbage").and("authPassword", &sha256);
    let several = several.and("authPassword", &sha1).and("authPassword", b"SCRAM-SHA-1$1:AAAA$AAAA:AAAA");
    for mech in [&SHA1, &SHA256] {
        talk(mech, &pencil, &several).unwrap();
    }
    let both = alice().and("authPassword", &sha1);
    assert_error(talk(&SHA1, &pencil, &both), Code::BadAuth, MISMATCH, &"the verifier's password");
    talk(&SHA1, &client_of("alice", "secret"), &both).unwrap();
    assert!(
        both.props().first(PASSWORD).is_none() && both.props().first(VERIFIERS).is_none(),
        "secrets stay in memory"
    );
}

#[test]
fn a_store_that_fails_is_no_unknown_user() {
    for code in [Code::Fail, Code::Unavail, Code::NoMech, Code::NoVerify, Code::Disabled] {
        let mut server = alice();
        server.store_error = Some(code);
        let error = server_says(&SHA1, &server, &[b"n,,n=alice,r=0123456789"]).unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!(error.detail(), "unable to canonify user and get auxprops: the store is broken");
    }
}

#[test]
fn an_unknown_name_to_act_as_is_told_to_the_right_client_only() {
    let act_as = |user: &str, name: &str, password: &str| talk(&SHA1, &TestClient::new(name, user, password), &alice());
    act_as("alice", "alice", "secret").unwrap();
    assert_error(act_as("ghost", "alice", "secret"), Code::NoUser, "unable to canonify authorization ID", &"right");
    assert_error(act_as("ghost", "alice", "wrong"), Code::BadAuth, MISMATCH, &"wrong");
    assert_error(act_as("alice", "nobody", "secret"), Code::NoUser, MISMATCH, &"unknown");
    assert_error(act_as("ghost", "nobody", "secret"), Code::NoUser, MISMATCH, &"both unknown");
}

#[test]
fn the_option_for_the_iterations() {
    for (value, iterations, logged) in [
        ("1", 1, false),
        (" 5000 ", 5000, false),
        ("65536", 65536, false),
        ("0", 4096, true),
        ("-1", 4096, true),
        ("junk", 4096, true),
        ("", 4096, true),
        ("4096x", 4096, true),
        ("65537", 65536, true),
        ("99999999999999999999", 65536, true),
    ] {
        let server = alice().option("scram_iteration_counter", value);
        let challenge = server_says(&SHA1, &server, &[b"n,,n=alice,r=0123456789"]).unwrap();
        assert!(text(&challenge).ends_with(&format!(",i={iterations}")), "{value:?}");
        assert_eq!(server.last_log().starts_with("1 scram_iteration_counter \""), logged, "{value:?}");
    }
}

// ---- SASLprep ----

#[test]
fn passwords_are_prepared_where_they_can_be() {
    // What is typed, and what is stored.
    let same = [
        ("\u{2168}", "IX"),
        ("IX", "\u{2168}"),
        ("pass\u{a0}word", "pass word"),
        ("e\u{301}", "\u{e9}"),
        ("\u{1f600}", "\u{1f600}"),
        ("\u{ad}", "\u{ad}"),
        ("tab\t", "tab\t"),
    ];
    for (typed, stored) in same {
        talk(&SHA1, &client_of("alice", typed), &TestServer::with_password("alice", stored)).unwrap();
    }
    for (typed, stored) in [("\u{1f600}", "\u{1f601}"), ("\u{ad}", ""), ("", "\u{ad}"), ("ix", "\u{2168}")] {
        let server = TestServer::with_password("alice", stored);
        assert!(talk(&SHA1, &client_of("alice", typed), &server).is_err(), "{typed:?} {stored:?}");
    }
}

/// Clients that do not prepare the password, such as those of the stock library, get in as well.
#[test]
fn an_unprepared_password_is_taken_too() {
    let server = TestServer::with_password("alice", "\u{2168}");
    for (password, taken) in [("\u{2168}", true), ("IX", true), ("ix", false)] {
        let (answer, signature) = prove(&SHA1, &server, "n=alice,r=0123456789", password.as_bytes(), "");
        assert_eq!(answer.ok(), taken.then_some(signature));
    }
}

// ---- The client ----

const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";

fn given(world: &TestClient, messages: &[&str]) -> Result<Vec<u8>> {
    let inputs: Vec<_> = messages.iter().map(|message| message.replace('%', NONCE).into_bytes()).collect();
    let inputs: Vec<_> = std::iter::once(None).chain(inputs.iter().map(|input| Some(&input[..]))).collect();
    client_sends(&SHA256, world, &inputs)
}

fn the_client() -> TestClient {
    client_of("alice", "secret").nonce(NONCE)
}

#[test]
fn what_the_client_sends_first() {
    for (name, user, expected) in [
        ("alice", "", "n,,n=alice,r=*"),
        (" alice ", "alice", "n,a=alice,n=alice,r=*"),
        ("a,b=c", "b,", "n,a=b=2C,n=a=2Cb=3Dc,r=*"),
        ("\u{2168}", "\u{2168}", "n,a=\u{2168},n=IX,r=*"),
    ] {
        let world = TestClient::new(name, user, "x").nonce(NONCE);
        assert_eq!(text(&given(&world, &[]).unwrap()), expected.replace('*', NONCE));
    }
    let nonce = |message: Vec<u8>| text(&message).split("r=").nth(1).unwrap().to_owned();
    let [a, b] = [(); 2].map(|()| nonce(client_sends(&SHA1, &client_of("alice", "x"), &[None]).unwrap()));
    assert_ne!(a, b);
    assert_eq!(a.len(), 32);
    for (name, user, code) in [
        ("", "", Code::Fail),
        ("a\u{7}", "", Code::BadParam),
        ("a\0", "", Code::BadParam),
        ("\u{ad}", "", Code::BadParam),
        ("alice", "a\0b", Code::BadParam),
    ] {
        assert_eq!(given(&TestClient::new(name, user, "x"), &[]).unwrap_err().code(), code, "{name:?} {user:?}");
    }
}

#[test]
fn challenges_that_the_client_refuses_and_how() {
    let nonce = "The nonce received from the server doesn't start from the nonce sent by the client";
    let cases = [
        ("", "SCRAM-SHA-256 input expected"),
        ("garbage", "Invalid SCRAM-SHA-256 input"),
        ("garbage garbage", "Invalid SCRAM-SHA-256 input"),
        ("s=AAAA,r=%abc,i=4096", "Nonce (r=) expected in SCRAM-SHA-256 input"),
        ("m=x,r=%abc,s=AAAA,i=4096", "Unsupported mandatory extension to SCRAM-SHA-256"),
        ("r=%,s=AAAA,i=4096", nonce),
        ("r=abcdefghijklmnopqrstuvwxyz,s=AAAA,i=4096", nonce),
        ("r=x%abc,s=AAAA,i=4096", nonce),
        ("r=,s=AAAA,i=4096", "Invalid nonce in SCRAM-SHA-256 input"),
        ("r=%\u{e9},s=AAAA,i=4096", "Invalid nonce in SCRAM-SHA-256 input"),
        ("r=%abc,i=4096", "Salt expected after the nonce in SCRAM-SHA-256 input"),
        ("r=%abc,s=A*AA,i=4096", "Invalid base64 encoding of the salt"),
        ("r=%abc,s=AAA,i=4096", "Invalid base64 encoding of the salt"),
        ("r=%abc,s=,i=4096", "The salt can't be empty"),
        ("r=%abc,s=AAAA", "iteration-count expected after the salt in SCRAM-SHA-256 input"),
        ("r=%abc,s=AAAA,i=", "Invalid iteration-count in SCRAM-SHA-256 input"),
        ("r=%abc,s=AAAA,i=junk", "Invalid iteration-count in SCRAM-SHA-256 input"),
        ("r=%abc,s=AAAA,i=4096x", "Invalid iteration-count in SCRAM-SHA-256 input"),
        ("r=%abc,s=AAAA,i=-1", "Invalid iteration-count in SCRAM-SHA-256 input"),
        ("r=%abc,s=AAAA,i=+1", "Invalid iteration-count in SCRAM-SHA-256 input"),
        ("r=%abc,s=AAAA,i=65537", "iteration-count is too big, refusing to compute"),
        ("r=%abc,s=AAAA,i=4294967297", "iteration-count is too big, refusing to compute"),
        ("r=%abc,s=AAAA,i=99999999999999999999999", "iteration-count is too big, refusing to compute"),
        ("r=%abc,s=AAAA,i=0", "iteration-count is too small, refusing to compute"),
        ("r=%abc,s=AAAA,i=4096,m=x", "Unsupported mandatory extension to SCRAM-SHA-256"),
        ("r=%abc,s=AAAA,i=4096,", "Invalid extension in SCRAM-SHA-256 input"),
        ("r=%abc,s=AAAA,i=4096\0", "NULs found in SCRAM-SHA-256 input"),
    ];
    for (challenge, expected) in cases {
        assert_error(given(&the_client(), &[challenge]), Code::BadProt, expected, &challenge);
    }
    let long = "x".repeat(2049);
    let expected = "SCRAM-SHA-256 input longer than (MAX_SERVERIN_LEN) bytes";
    assert_error(given(&the_client(), &[&long]), Code::BadProt, expected, &2049);
    let answer = given(&the_client(), &["r=%abc,s=AAAA,i=4096,x=y"]).unwrap();
    assert!(text(&answer).starts_with(&format!("c=biws,r={NONCE}abc,p=")));
}

#[test]
fn how_many_iterations_the_client_accepts() {
    for (option, count, accepted) in [
        (None, 1, false),
        (None, 4095, false),
        (Some("1"), 1, true),
        (Some("1"), 4095, true),
        (None, 4096, true),
        (Some("4096"), 4095, false),
        (Some("4096"), 4096, true),
        (Some("0"), 0, false),
        (Some("10000"), 4096, false),
    ] {
        let mut world = TestClient::new("alice", "", "secret").nonce(NONCE);
        if let Some(option) = option {
            world = world.option("scram_minimum_iterations", option);
        }
        let result = given(&world, &[&format!("r=%abc,s=AAAA,i={count}")]);
        assert_eq!(result.is_ok(), accepted, "{option:?} {count}");
        let warned = world.last_log().starts_with("3 the server asks for");
        assert_eq!(warned, accepted && count < 4096, "{option:?} {count}");
    }
    let world = TestClient::new("alice", "", "secret").nonce(NONCE).option("scram_minimum_iterations", "many");
    let text = "scram_minimum_iterations \"many\" is not a number";
    assert_error(given(&world, &["r=%abc,s=AAAA,i=4096"]), Code::Fail, text, &"option");
}

#[test]
fn the_server_has_to_prove_itself() {
    let challenge = "r=%abc,s=AAAA,i=1";
    let wrong = "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (last, code, expected) in [
        ("", Code::BadProt, "Invalid SCRAM-SHA-256 input expected"),
        ("x", Code::BadProt, "Invalid SCRAM-SHA-256 input expected"),
        ("v=", Code::BadProt, "Invalid SCRAM-SHA-256 input expected"),
        ("v=AAAA", Code::BadAuth, "ServerSignature mismatch"),
        (wrong, Code::BadAuth, "ServerSignature mismatch"),
        ("v=,x=y", Code::BadAuth, "ServerSignature mismatch"),
        ("v=A*AA", Code::BadProt, "Invalid base64 encoding of the server proof in SCRAM-SHA-256 input"),
        ("v=AAAA,m=x", Code::BadProt, "Unsupported mandatory extension to SCRAM-SHA-256"),
        ("v=AAAA,,", Code::BadProt, "Invalid extension in SCRAM-SHA-256 input"),
        ("w=AAAA", Code::BadProt, "ServerSignature expected in SCRAM-SHA-256 input"),
        ("v=AAAA\0", Code::BadProt, "NULs found in SCRAM-SHA-256 input"),
        ("e=invalid-proof", Code::BadAuth, "the server refused the authentication: invalid-proof"),
        ("e=a\r\nb\u{e9},x=y", Code::BadAuth, "the server refused the authentication: a??b??"),
    ] {
        assert_error(given(&the_client(), &[challenge, last]), code, expected, &last);
    }
    let refused = "the server refused the authentication: unknown-user";
    assert_error(given(&the_client(), &["e=unknown-user"]), Code::BadAuth, refused, &"e= instead of a challenge");
}

/// An extension after `v=` is allowed (RFC 5802 section 7), and the exchange is over then.
#[test]
fn the_server_may_add_extensions_to_its_proof() {
    for (extension, fine) in [("", true), (",x=y", true), (",x=y,Z=a b=", true), (",x", false), (",", false)] {
        let (client, server) = (client_of("alice", "secret"), alice());
        let (mut c, mut s) = (SHA1.client().unwrap(), SHA1.server().unwrap());
        let challenge = respond(s.as_mut(), &server, &ask_client(c.as_mut(), &client, None).unwrap()).unwrap();
        let proof = ask_client(c.as_mut(), &client, Some(&challenge)).unwrap();
        let last = [&respond(s.as_mut(), &server, &proof).unwrap()[..], extension.as_bytes()].concat();
        assert_eq!(ask_client(c.as_mut(), &client, Some(&last)).is_ok(), fine, "{extension:?}");
        assert!(ask_client(c.as_mut(), &client, Some(&last)).is_err(), "a step after the last");
        assert!(respond(s.as_mut(), &server, &proof).is_err(), "a step after the last");
    }
}

// ---- Anything at all ----

/// Every beginning of every message, and every message with a byte changed, is either refused or harmless: nothing
/// panics, and nobody is let in.
#[test]
fn cut_and_changed_messages() {
    let world = || alice().option("scram_iteration_counter", "1");
    let [first, challenge, proof, signature] = talk(&SHA1, &client_of("alice", "secret"), &world()).unwrap();
    let mut inputs = Vec::new();
    for message in [&first, &challenge, &proof, &signature] {
        for at in 0..message.len() {
            inputs.push(message[..at].to_vec());
            for byte in [0, b',', b'=', 0xff, b'A'] {
                let mut changed = message.clone();
                changed[at] = byte;
                inputs.push(changed);
            }
        }
    }
    for input in &inputs {
        let _ = server_says(&SHA1, &world(), &[input]);
        assert!(server_says(&SHA1, &world(), &[&first, input]).is_err());
        let client = client_of("alice", "secret");
        assert!(client_sends(&SHA1, &client, &[None, Some(input)]).is_err());
        assert!(client_sends(&SHA1, &client, &[None, Some(input), Some(&signature)]).is_err());
    }
}
