//! The forms in which databases have passwords: as they are, or as a hash that says of itself which one it is.
//!
//! A scheme in braces stands before the value as LDAP servers have it (`{SSHA}`, `{CRYPT}`, `{ARGON2}`); the hashes of
//! `crypt(3)`, Argon2's and SCRAM verifiers (RFC 5803, PostgreSQL) need none. Everything else is the password itself, but
//! for what looks like a scheme and is none that is known: that is nobody's password.

use super::{Hash, ScramKeys, ScramVerifier};
use crate::b64;
use crate::secret::Secret;

/// A stored password.
pub enum StoredPassword<'a> {
    /// The password itself, which may be empty.
    Plain(&'a [u8]),
    /// A digest of the password and a salt, which may be empty.
    Digest {
        /// Which.
        hash: Hash,
        /// The digest.
        digest: Vec<u8>,
        /// What was hashed behind the password.
        salt: Vec<u8>,
    },
    /// A verifier of SCRAM.
    Scram(Hash, ScramVerifier),
    /// A hash of `crypt(3)`.
    Crypt(&'a [u8]),
    /// A hash of Argon2, in the form `$argon2id$v=19$m=...,t=...,p=...$salt$hash`.
    Argon2(&'a str),
    /// One that nothing can be compared with, and why.
    Unusable(&'static str),
}

/// What a scheme in braces says of the value behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The password itself.
    Plain,
    /// A hash of `crypt(3)`.
    Crypt,
    /// A hash of Argon2.
    Argon2,
    /// The base64 of a digest.
    Digest(Hash),
    /// The base64 of a digest of password and salt, and of the salt.
    Salted(Hash),
    /// A verifier of SCRAM.
    Scram(Hash),
}

/// Every scheme that is known, without its braces; a value may have it in any case.
pub const SCHEMES: &[(&str, Scheme)] = &[
    ("PLAIN", Scheme::Plain),
    ("CLEAR", Scheme::Plain),
    ("CLEARTEXT", Scheme::Plain),
    ("CRYPT", Scheme::Crypt),
    ("DES-CRYPT", Scheme::Crypt),
    ("MD5-CRYPT", Scheme::Crypt),
    ("SHA256-CRYPT", Scheme::Crypt),
    ("SHA512-CRYPT", Scheme::Crypt),
    ("BLF-CRYPT", Scheme::Crypt),
    ("ARGON2", Scheme::Argon2),
    ("ARGON2I", Scheme::Argon2),
    ("ARGON2ID", Scheme::Argon2),
    ("SHA", Scheme::Digest(Hash::Sha1)),
    ("SSHA", Scheme::Salted(Hash::Sha1)),
    ("SHA256", Scheme::Digest(Hash::Sha256)),
    ("SSHA256", Scheme::Salted(Hash::Sha256)),
    ("SHA384", Scheme::Digest(Hash::Sha384)),
    ("SSHA384", Scheme::Salted(Hash::Sha384)),
    ("SHA512", Scheme::Digest(Hash::Sha512)),
    ("SSHA512", Scheme::Salted(Hash::Sha512)),
    ("SCRAM-SHA-1", Scheme::Scram(Hash::Sha1)),
    ("SCRAM-SHA-224", Scheme::Scram(Hash::Sha224)),
    ("SCRAM-SHA-256", Scheme::Scram(Hash::Sha256)),
    ("SCRAM-SHA-384", Scheme::Scram(Hash::Sha384)),
    ("SCRAM-SHA-512", Scheme::Scram(Hash::Sha512)),
];

/// The verifiers of SCRAM, which need no braces.
fn scram() -> impl Iterator<Item = (&'static str, Hash)> {
    SCHEMES.iter().filter_map(|(name, scheme)| match scheme {
        Scheme::Scram(hash) => Some((*name, *hash)),
        _ => None,
    })
}

/// What hashes of `crypt(3)` begin with that need no braces.
pub const CRYPT: [&[u8]; 9] = [b"$y$", b"$gy$", b"$7$", b"$2b$", b"$2a$", b"$2y$", b"$6$", b"$5$", b"$1$"];
/// The shortest of them with such a beginning, in bytes.
const CRYPT_MIN: usize = 20;

impl<'a> StoredPassword<'a> {
    /// What a stored value is.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        match scheme(value) {
            Some((name, rest)) => Self::of_scheme(name, rest),
            None => Self::without_scheme(value),
        }
    }

    /// The password itself, if that is what is stored.
    #[must_use]
    pub fn plain(&self) -> Option<&'a [u8]> {
        match self {
            StoredPassword::Plain(password) => Some(password),
            _ => None,
        }
    }

    fn of_scheme(name: &str, rest: &'a [u8]) -> Self {
        let Some((name, scheme)) = SCHEMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            return StoredPassword::Unusable("the scheme of the stored password is unknown");
        };
        match *scheme {
            Scheme::Plain => StoredPassword::Plain(rest),
            Scheme::Crypt if rest.is_empty() => MALFORMED,
            Scheme::Crypt => StoredPassword::Crypt(rest),
            Scheme::Argon2 => Self::argon2(rest),
            Scheme::Digest(hash) => Self::digest(hash, false, rest),
            Scheme::Salted(hash) => Self::digest(hash, true, rest),
            Scheme::Scram(hash) => {
                let verifier = four_fields(hash, rest).or_else(|| {
                    let text = [name.as_bytes(), b"$", rest].concat();
                    ScramVerifier::parse(name, hash, &text)
                });
                verifier.map_or(MALFORMED, |verifier| StoredPassword::Scram(hash, verifier))
            }
        }
    }

    fn digest(hash: Hash, salted: bool, rest: &[u8]) -> Self {
        let Some(mut digest) = b64::decode(rest).filter(|bytes| bytes.len() >= hash.len()) else { return MALFORMED };
        let salt = digest.split_off(hash.len());
        // A salted hash has a salt, and one without has none.
        if salted == salt.is_empty() { MALFORMED } else { StoredPassword::Digest { hash, digest, salt } }
    }

    fn without_scheme(value: &'a [u8]) -> Self {
        if let Some((name, hash)) = scram().find(|(name, _)| {
            value.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"$"))
        }) {
            let verifier = ScramVerifier::parse(name, hash, value);
            return verifier.map_or(MALFORMED, |verifier| StoredPassword::Scram(hash, verifier));
        }
        if value.starts_with(b"$argon2") {
            return Self::argon2(value);
        }
        let is_crypt = CRYPT.iter().any(|beginning| value.starts_with(beginning))
            && value.len() >= CRYPT_MIN
            && value.iter().filter(|byte| **byte == b'$').count() >= 3
            && value.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':');
        if is_crypt { StoredPassword::Crypt(value) } else { StoredPassword::Plain(value) }
    }

    fn argon2(value: &'a [u8]) -> Self {
        match str::from_utf8(value) {
            Ok(text) if text.starts_with("$argon2") => StoredPassword::Argon2(text),
            _ => MALFORMED,
        }
    }
}

const MALFORMED: StoredPassword<'static> = StoredPassword::Unusable("the stored password is malformed");

/// `{name}rest`.
fn scheme(value: &[u8]) -> Option<(&str, &[u8])> {
    let (name, rest) =
        value.strip_prefix(b"{")?.split_at_checked(value.iter().position(|byte| *byte == b'}')?.checked_sub(1)?)?;
    let plausible = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    Some((str::from_utf8(name).ok().filter(|_| plausible)?, rest.get(1..)?))
}

/// `iterations,salt,StoredKey,ServerKey`, as Dovecot has it behind its scheme.
fn four_fields(hash: Hash, text: &[u8]) -> Option<ScramVerifier> {
    let mut fields = text.split(|byte| *byte == b',');
    let (count, salt, stored, server, None) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next())
    else {
        return None;
    };
    let digits = !count.is_empty() && count.iter().all(u8::is_ascii_digit);
    let iterations: u32 = str::from_utf8(count).ok().filter(|_| digits)?.parse().ok()?;
    let salt = b64::decode(salt)?;
    let keys = ScramKeys::new(hash, Secret::new(b64::decode(stored)?), Secret::new(b64::decode(server)?))?;
    (iterations > 0 && !salt.is_empty()).then_some(ScramVerifier { iterations, salt, keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(value: &str) -> String {
        match StoredPassword::parse(value.as_bytes()) {
            StoredPassword::Plain(text) => format!("plain {}", str::from_utf8(text).unwrap()),
            StoredPassword::Digest { hash, salt, .. } => format!("{hash:?} {}", salt.len()),
            StoredPassword::Scram(hash, verifier) => format!("scram {hash:?} {}", verifier.iterations),
            StoredPassword::Crypt(hash) => format!("crypt {}", hash.len()),
            StoredPassword::Argon2(_) => "argon2".into(),
            StoredPassword::Unusable(why) => why.into(),
        }
    }

    const SCRAM_TAIL: &str = "4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                              wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn what_is_no_known_form_is_the_password() {
        for text in
            ["", "secret", "{", "{}", "{}x", "{a b}x", "$", "$6$", "$6$short$x", "SCRAM-SHA-1", "a{SHA}b", "\u{e9}{"]
        {
            assert_eq!(kind(text), format!("plain {text}"));
        }
        assert_eq!(kind("{CLEARTEXT}{SHA}x"), "plain {SHA}x");
    }

    #[test]
    fn schemes() {
        assert_eq!(kind("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="), "Sha1 0");
        assert_eq!(kind("{ssha}5en6G6MezRroT3XKqkdPOmY/BfRzYWx0"), "Sha1 4");
        assert_eq!(kind("{CRYPT}$6$rounds=1000$salt$hash"), "crypt 24");
        assert_eq!(kind("$6$saltsalt$0123456789abcdef"), "crypt 28");
        assert_eq!(kind("{ARGON2}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x"), "argon2");
        assert_eq!(kind("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x"), "argon2");
        assert_eq!(kind(&format!("SCRAM-SHA-256${SCRAM_TAIL}")), "scram Sha256 4096");
        assert_eq!(kind(&format!("{{SCRAM-SHA-256}}{SCRAM_TAIL}")), "scram Sha256 4096");
        assert_eq!(kind(&format!("{{SCRAM-SHA-256}}{}", SCRAM_TAIL.replace([':', '$'], ","))), "scram Sha256 4096");
    }

    #[test]
    fn what_looks_like_a_form_and_is_none_is_nobodys() {
        let malformed = "the stored password is malformed";
        for text in [
            "{SHA}",
            "{SHA}x",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfRzYWx0",
            "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{SSHA512}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{CRYPT}",
            "{ARGON2}secret",
            "SCRAM-SHA-256$4096",
            "{SCRAM-SHA-1}4096,a,b,c",
            "{SCRAM-SHA-256}0,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d,wfPL",
        ] {
            assert_eq!(kind(text), malformed, "{text}");
        }
        assert_eq!(kind("{MD5}x"), "the scheme of the stored password is unknown");
        assert_eq!(kind("{whatever}secret"), "the scheme of the stored password is unknown");
    }
}
