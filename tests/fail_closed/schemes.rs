//! Every scheme in which a password can be stored: it lets the password in and nothing else, and no damage makes it let
//! anyone in.

use std::sync::Arc;

use oxisasl::crypto::{CRYPT, Hash, SCHEMES, Scheme, ScramKeys, ScramVerifier};
use oxisasl::store::memory::Memory;
use oxisasl::{Server, b64};

use crate::attempt::{PASSWORD, WAYS, plaintext};

/// Hashes of the password by each setting of crypt(3) that needs no braces.
const CRYPTED: [&str; 9] = [
    "$y$j75$saltsalt$63YYIjyLWWSl6MUpEI6GY4/E.lZ2e1Pq2yR7DSnQpR8",
    "$gy$j75$saltsalt$bWtginh/vtlLx6Y.jM7P60HMZG5kl/.kiMBCG.9UC7/",
    "$7$CU..../....saltsalt$FWdduCoujRmtDCQhn8cSr2HNzQozL.lPwkbAkkNF.p3",
    "$2b$04$abcdefghijklmnopqrstuuVk01tjoqhIeLda8Ir/l5B4cBden/OfS",
    "$2a$04$abcdefghijklmnopqrstuuVk01tjoqhIeLda8Ir/l5B4cBden/OfS",
    "$2y$04$abcdefghijklmnopqrstuuVk01tjoqhIeLda8Ir/l5B4cBden/OfS",
    "$6$saltsalt$Z08MM/rAz/aol6EOnr76D823.Y1I5Sd6OU9bhHqkxXoMlLP04PPZVyy2VTPy0/nQHMTrAznuA5vMk3lldMGxp1",
    "$5$saltsalt$Tq8fECYEKNLyxgyXhountsvrxSSJa/t9ShDgkZjeGm3",
    "$1$saltsalt$NNJS0hmvzmU7tiYA/gB/R/",
];

fn argon2() -> String {
    let params = argon2::Params::new(64, 1, 1, Some(32)).expect("parameters");
    let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut hash = [0; 32];
    hasher.hash_password_into(PASSWORD.as_bytes(), b"saltsaltsalt", &mut hash).expect("a hash");
    format!("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0${}", b64::encode(&hash).trim_end_matches('='))
}

/// What is stored of the password in a scheme.
fn sample(scheme: Scheme) -> String {
    let base64 = |parts: &[&[u8]]| b64::encode(&parts.concat());
    match scheme {
        Scheme::Plain => PASSWORD.to_owned(),
        Scheme::Crypt => CRYPTED[8].to_owned(),
        Scheme::Argon2 => argon2(),
        Scheme::Digest(hash) => base64(&[hash.digest(&[PASSWORD.as_bytes()]).as_ref()]),
        Scheme::Salted(hash) => base64(&[hash.digest(&[PASSWORD.as_bytes(), b"salt"]).as_ref(), b"salt"]),
        Scheme::Scram(hash) => scram("", hash).trim_start_matches('$').to_owned(),
    }
}

fn scram(name: &str, hash: Hash) -> String {
    let (iterations, salt) = (2, b"saltsalt".to_vec());
    let keys = ScramKeys::derive(hash, PASSWORD.as_bytes(), &salt, iterations);
    String::from_utf8(ScramVerifier { iterations, salt, keys }.to_text(name).expose().to_vec()).expect("text")
}

/// Everything that lets the password in.
fn samples() -> Vec<String> {
    let mut all: Vec<String> = SCHEMES.iter().map(|(name, scheme)| format!("{{{name}}}{}", sample(*scheme))).collect();
    let bare = SCHEMES.iter().filter_map(|(name, scheme)| match scheme {
        Scheme::Scram(hash) => Some(scram(name, *hash)),
        _ => None,
    });
    all.extend(bare);
    for beginning in CRYPT {
        let beginning = str::from_utf8(beginning).expect("text");
        let hash = CRYPTED.iter().find(|hash| hash.starts_with(beginning));
        all.push((*hash.unwrap_or_else(|| panic!("no sample of a hash that begins with {beginning}"))).to_owned());
    }
    all.extend([argon2(), PASSWORD.to_owned()]);
    all
}

fn server(stored: &str) -> Arc<Server> {
    Arc::new(Server::new("test").store(Memory::new().user("alice", stored)))
}

#[test]
fn every_scheme_lets_the_password_in_and_nothing_else() {
    let wrong: [&[u8]; 9] = [
        b"",
        b"wrong",
        b"tr0ub4do",
        b"tr0ub4dorx",
        b"tr0ub4dor\0",
        b"tr0ub4dor\0x",
        b"\0",
        b"TR0UB4DOR",
        b"tr0ub4dor\n",
    ];
    for stored in samples() {
        let server = server(&stored);
        for way in WAYS {
            assert_eq!(plaintext(&server, way, b"alice", PASSWORD.as_bytes()), Ok(()), "{way:?} {stored}");
            for password in wrong {
                assert!(plaintext(&server, way, b"alice", password).is_err(), "{way:?} {stored} {password:?}");
            }
            if stored != PASSWORD {
                assert!(plaintext(&server, way, b"alice", stored.as_bytes()).is_err(), "{way:?} {stored} itself");
            }
        }
    }
}

/// A password that is stored as it is has no damage; of all others a part lets nobody in, and neither does another scheme's
/// name.
#[test]
fn a_damaged_secret_lets_nobody_in() {
    for stored in samples().iter().filter(|stored| !stored.ends_with(PASSWORD)) {
        let lengths: Vec<usize> = (0..stored.len()).filter(|at| at % 7 == 0 || at + 4 > stored.len()).collect();
        let mut damaged: Vec<String> = lengths.iter().map(|length| stored[..*length].to_owned()).collect();
        damaged.extend(lengths.iter().map(|at| format!("{}~{}", &stored[..*at], &stored[at + 1..])));
        if let Some((_, rest)) = stored.split_once('}') {
            damaged.extend(["{MD9}", "{}", "{SSHA999}", "{X-SCRAM-SHA-1}"].map(|scheme| format!("{scheme}{rest}")));
        }
        for damaged in damaged {
            let server = server(&damaged);
            for password in [PASSWORD, ""] {
                let result = plaintext(&server, crate::attempt::Way::Checkpass, b"alice", password.as_bytes());
                assert!(result.is_err(), "{damaged:?} {password:?}");
            }
        }
    }
}
