//! Which changed messages mean what they meant before.

use super::change::Change;
use super::ends::{PASSWORD, USER};
use super::table::Harmless;

/// A changed message that was taken.
pub struct Changed<'a> {
    /// The place in the exchange at which it came: those of even numbers are the client's.
    pub at: usize,
    pub change: &'a Change,
    /// What should have come.
    pub original: &'a [u8],
    pub given: &'a [u8],
}

const BLANKS: &str = "blanks around a name are no part of it";

const ACKNOWLEDGEMENT: &str = "what acknowledges the server's last message has no content";

pub static SCRAM: [Harmless; 2] = [
    Harmless { why: ACKNOWLEDGEMENT, is: |changed| changed.at >= 4 },
    Harmless {
        why: "the server's last message may have extensions (RFC 5802 section 7)",
        is: |changed| changed.at == 3 && changed.given == [changed.original, b",x=y"].concat(),
    },
];
pub static DIGEST_MD5: [Harmless; 6] = [
    Harmless { why: ACKNOWLEDGEMENT, is: |changed| changed.at >= 4 },
    Harmless {
        why: "an initial response that continues nothing gets a challenge (RFC 2831 section 2.2.1)",
        is: |changed| changed.at == 0,
    },
    Harmless {
        why: "old programs send a NUL at the end",
        is: |changed| {
            changed.given.strip_prefix(changed.original).is_some_and(|more| more.iter().all(|byte| *byte == 0))
        },
    },
    Harmless {
        why: "names of directives have no case, values need no quotes, nor a number zeros before it, and there may be blanks \
              and empty elements between them (RFC 2831 section 7.1)",
        is: |changed| directives(changed.given).is_some_and(|given| Some(given) == directives(changed.original)),
    },
    Harmless {
        why: "what a server can do, and what a client says of its buffer, is in no digest (RFC 2831 sections 2.1.1 and 2.1.2); \
              the least strength that an application demands holds all the same",
        is: |changed| {
            let given = protected(changed.given);
            given.is_some() && given == protected(changed.original)
        },
    },
    Harmless {
        why: "a server that names no realm gets its own name as the realm (RFC 2831 section 2.1.2)",
        is: |changed| {
            let (given, mut original) = (protected(changed.given), protected(changed.original));
            original.iter_mut().for_each(|original| original.retain(|(name, _)| name != "realm"));
            changed.at == 1 && given.is_some() && given == original
        },
    },
];

pub static EXTERNAL: [Harmless; 2] = [
    Harmless {
        why: "without a name one acts as oneself, and so with one's own (RFC 4422 appendix A)",
        is: |changed| changed.given.is_empty() || changed.given == USER.as_bytes(),
    },
    Harmless { why: BLANKS, is: |changed| changed.given.trim_ascii() == changed.original },
];

pub static CRAM_MD5: [Harmless; 1] = [Harmless {
    why: BLANKS,
    is: |changed| {
        let parts = |message: &[u8]| {
            let digest = message.iter().rposition(|byte| *byte == b' ').unwrap_or(0);
            [message[..digest].trim_ascii().to_vec(), message[digest..].to_vec()]
        };
        changed.at == 2 && parts(changed.given) == parts(changed.original)
    },
}];

pub static PLAIN: [Harmless; 1] = [Harmless {
    why: BLANKS,
    is: |changed| {
        let trimmed = |message: &[u8]| -> Vec<Vec<u8>> {
            let mut fields: Vec<_> = message.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
            fields.iter_mut().take(2).for_each(|name| *name = name.trim_ascii().to_vec());
            fields
        };
        trimmed(changed.given) == trimmed(changed.original)
    },
}];

pub static LOGIN: [Harmless; 3] = [
    Harmless {
        why: "the words of a challenge are for people (draft-murchison-sasl-login section 2)",
        is: |changed| changed.at % 2 == 1,
    },
    Harmless { why: BLANKS, is: |changed| changed.at == 2 && changed.given.trim_ascii() == changed.original },
    Harmless {
        why: "a password of another exchange is the password",
        is: |changed| *changed.change == Change::Dropped && changed.at == 4 && changed.given == PASSWORD.as_bytes(),
    },
];

pub static ANONYMOUS: [Harmless; 1] = [Harmless {
    why: "whatever a client says of itself, it stays anonymous (RFC 4505)",
    is: |changed| changed.at == 0,
}];

type Directives = Vec<(String, Vec<u8>)>;

/// The directives of a message of DIGEST-MD5, in the order of their names; names in lower case, values without quotes. None
/// when it is not such a list.
fn directives(message: &[u8]) -> Option<Directives> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let mut found = Directives::new();
    let mut rest = message;
    loop {
        let at = rest.iter().position(|byte| !blank(byte) && *byte != b',').unwrap_or(rest.len());
        rest = &rest[at..];
        if rest.is_empty() {
            found.sort();
            return Some(found);
        }
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = rest[..equals].trim_ascii().to_ascii_lowercase().escape_ascii().to_string();
        rest = rest[equals + 1..].trim_ascii_start();
        let mut value = Vec::new();
        if rest.first() == Some(&b'"') {
            let mut bytes = rest[1..].iter();
            loop {
                match bytes.next()? {
                    b'"' => break,
                    b'\\' => value.push(*bytes.next()?),
                    byte => value.push(*byte),
                }
            }
            rest = bytes.as_slice();
        } else {
            let end = rest.iter().position(|byte| blank(byte) || *byte == b',').unwrap_or(rest.len());
            value = rest[..end].to_vec();
            rest = &rest[end..];
        }
        // A list of two names is what a directive is not.
        if name.is_empty() || name.contains([' ', ',']) {
            return None;
        }
        // These values are a word that has no case, and a number.
        match &*name {
            "algorithm" => value.make_ascii_lowercase(),
            "nc" => value = value.trim_ascii().iter().copied().skip_while(|digit| *digit == b'0').collect(),
            _ => {}
        }
        found.push((name, value));
    }
}

/// Those directives that a digest covers.
fn protected(message: &[u8]) -> Option<Directives> {
    const NAMES: [&str; 10] =
        ["username", "realm", "nonce", "cnonce", "nc", "digest-uri", "response", "authzid", "algorithm", "rspauth"];
    let mut found = directives(message)?;
    found.retain(|(name, _)| NAMES.contains(&&**name));
    Some(found)
}

/// The part of such changes that is taken is counted (`kerberos.rs`): it stays small.
pub const OUTSIDE: &str = "some tags and lengths of DER are as good as others for MIT Kerberos, and what a ticket has outside of its \
                           encryption is not protected (RFC 4120 section 5.3)";

const BYTES_OF_A_TOKEN: Harmless =
    Harmless { why: OUTSIDE, is: |changed| changed.at <= 1 && matches!(changed.change, Change::Flip(..)) };

const EMPTY_ANSWER: Harmless = Harmless { why: ACKNOWLEDGEMENT, is: |changed| changed.at == 2 };

pub static GSSAPI: [Harmless; 2] = [
    BYTES_OF_A_TOKEN,
    Harmless {
        why: "how far a wrapped token is rotated is not protected, and all the way round is not at all (RFC 4121 section 4.2.5)",
        is: |changed| {
            let rotation = |token: &[u8]| {
                let (header, body) = token.split_at_checked(16)?;
                Some((usize::from(header[6]) * 256 + usize::from(header[7])) % body.len())
            };
            let rest = |token: &[u8]| [&token[..6], &token[8..]].concat();
            let (given, original) = (changed.given, changed.original);
            changed.at >= 3 && rotation(given) == rotation(original) && rest(given) == rest(original)
        },
    },
];

pub static SPNEGO: [Harmless; 4] = [
    BYTES_OF_A_TOKEN,
    EMPTY_ANSWER,
    Harmless {
        why: "MIT Kerberos does not look at what follows the answer of a server",
        is: |changed| changed.at == 1 && changed.given.starts_with(changed.original),
    },
    Harmless {
        why: "a token of Kerberos may come without SPNEGO around it",
        is: |changed| changed.at == 0 && matches!(changed.change, Change::Other(token) if token.starts_with(&[0x60])),
    },
];

pub static GS2: [Harmless; 3] = [
    BYTES_OF_A_TOKEN,
    EMPTY_ANSWER,
    Harmless {
        why: "MIT Kerberos does not look at what follows a ticket, which has no frame in GS2",
        is: |changed| changed.at == 0 && changed.given.starts_with(changed.original),
    },
];
