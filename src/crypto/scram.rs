//! The keys of SCRAM (RFC 5802 section 3), and the verifiers in which servers store them (RFC 5803).

use subtle::Choice;

use super::{Digest, Hash, salted_password};
use crate::b64;
use crate::secret::Secret;
use crate::text::prepared_password;

/// What a server checks a client's proof with, and proves itself with. Who has them can play the server, but not the
/// client.
pub struct ScramKeys {
    hash: Hash,
    stored: Secret,
    server: Secret,
}

impl ScramKeys {
    /// StoredKey and ServerKey, which are as long as the hash.
    #[must_use]
    pub fn new(hash: Hash, stored: Secret, server: Secret) -> Option<Self> {
        let fits = |key: &Secret| key.expose().len() == hash.len();
        (fits(&stored) && fits(&server)).then_some(ScramKeys { hash, stored, server })
    }

    /// The keys of a password, which is taken as it is.
    #[must_use]
    pub fn derive(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = salted_password(hash, password, salt, iterations);
        let stored = hash.digest(&[client_key(hash, &salted).as_ref()]);
        let server = server_key(hash, &salted);
        ScramKeys { hash, stored: Secret::from(stored.as_ref()), server: Secret::from(server.as_ref()) }
    }

    /// Whether a proof for these messages was made by somebody who knows the password.
    #[must_use]
    pub fn proves(&self, proof: &[u8], auth_message: &[&[u8]]) -> Choice {
        let client_key = self.hash.hmac(self.stored.expose(), auth_message).xor(proof);
        self.hash.digest(&[client_key.as_ref()]).matches(self.stored.expose())
    }

    /// The ServerSignature over these messages.
    #[must_use]
    pub fn sign(&self, auth_message: &[&[u8]]) -> Digest {
        self.hash.hmac(self.server.expose(), auth_message)
    }
}

/// The ClientProof for these messages, and the ServerSignature that a server which knows the password answers with.
#[must_use]
pub fn scram_proof(hash: Hash, salted: &Digest, auth_message: &[&[u8]]) -> (Digest, Digest) {
    let client_key = client_key(hash, salted);
    let stored_key = hash.digest(&[client_key.as_ref()]);
    let proof = client_key.xor(hash.hmac(stored_key.as_ref(), auth_message).as_ref());
    (proof, hash.hmac(server_key(hash, salted).as_ref(), auth_message))
}

fn client_key(hash: Hash, salted: &Digest) -> Digest {
    hash.hmac(salted.as_ref(), &[b"Client Key"])
}

fn server_key(hash: Hash, salted: &Digest) -> Digest {
    hash.hmac(salted.as_ref(), &[b"Server Key"])
}

/// What a server stores for a user in place of the password.
pub struct ScramVerifier {
    /// How often the password was hashed; not 0.
    pub iterations: u32,
    /// The salt; not empty.
    pub salt: Vec<u8>,
    /// The keys.
    pub keys: ScramKeys,
}

impl ScramVerifier {
    /// Reads `SCRAM-SHA-256$4096:SALT$STOREDKEY:SERVERKEY`, in base64, perhaps with spaces around the `$`. `None` when it
    /// is not of that form or another mechanism's.
    #[must_use]
    pub fn parse(mechanism: &str, hash: Hash, value: &[u8]) -> Option<Self> {
        let mut fields = value.split(|byte| *byte == b'$').map(<[u8]>::trim_ascii);
        let (name, info, keys, None) = (fields.next()?, fields.next()?, fields.next()?, fields.next()) else {
            return None;
        };
        let (iterations, salt) = split_at_colon(info)?;
        let (stored, server) = split_at_colon(keys)?;
        let digits = iterations.iter().all(u8::is_ascii_digit);
        let iterations = str::from_utf8(iterations).ok().filter(|_| digits)?.parse().ok()?;
        let salt = b64::decode(salt)?;
        let key = |text| b64::decode(text).map(Secret::new);
        let keys = ScramKeys::new(hash, key(stored)?, key(server)?)?;
        let sound = name == mechanism.as_bytes() && iterations > 0 && !salt.is_empty();
        sound.then_some(ScramVerifier { iterations, salt, keys })
    }

    /// Whether this is the verifier of a password: prepared, as it should be, or as it is.
    #[must_use]
    pub fn is_of(&self, hash: Hash, password: &Secret) -> Choice {
        let derived = |password: &[u8]| {
            ScramKeys::derive(hash, password, &self.salt, self.iterations).stored.matches(self.keys.stored.expose())
        };
        let prepared = prepared_password(password.expose());
        let mut right = derived(prepared.expose());
        if prepared.expose() != password.expose() {
            right |= derived(password.expose());
        }
        right
    }

    /// The form that [`ScramVerifier::parse`] reads.
    #[must_use]
    pub fn to_text(&self, mechanism: &str) -> Secret {
        let [salt, stored, server] =
            [&self.salt[..], self.keys.stored.expose(), self.keys.server.expose()].map(b64::encode);
        Secret::new(format!("{mechanism}${}:{salt}${stored}:{server}", self.iterations).into_bytes())
    }
}

fn split_at_colon(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = text.splitn(2, |byte| *byte == b':');
    Some((parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RFC 5802 section 5 and RFC 7677 section 3 lead to.
    const SHA1: &str = "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=";
    const SHA256: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                          wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn keys_of_the_rfcs() {
        for (mechanism, hash, salt, text) in [
            ("SCRAM-SHA-1", Hash::Sha1, "QSXCR+Q6sek8bf92", SHA1),
            ("SCRAM-SHA-256", Hash::Sha256, "W22ZaJ0SNY7soEsUEjb6gQ==", SHA256),
        ] {
            let salt = b64::decode(salt.as_bytes()).unwrap();
            let keys = ScramKeys::derive(hash, b"pencil", &salt, 4096);
            let made = ScramVerifier { iterations: 4096, salt, keys }.to_text(mechanism);
            assert_eq!(made.expose(), text.as_bytes());
            let read = ScramVerifier::parse(mechanism, hash, text.as_bytes()).unwrap();
            assert_eq!(read.to_text(mechanism).expose(), text.as_bytes());
        }
    }

    #[test]
    fn proof_and_signature_fit_the_keys() {
        let (salt, message): (&[u8], [&[u8]; 2]) = (b"salt", [b"auth", b"message"]);
        for hash in [Hash::Sha1, Hash::Sha224, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let keys = ScramKeys::derive(hash, b"secret", salt, 3);
            let (proof, signature) = scram_proof(hash, &salted_password(hash, b"secret", salt, 3), &message);
            assert!(bool::from(keys.proves(proof.as_ref(), &message)));
            assert!(bool::from(keys.sign(&message).matches(signature.as_ref())));
            let (proof, signature) = scram_proof(hash, &salted_password(hash, b"Secret", salt, 3), &message);
            assert!(!bool::from(keys.proves(proof.as_ref(), &message)));
            assert!(!bool::from(keys.sign(&message).matches(signature.as_ref())));
        }
    }

    #[test]
    fn spaces_around_the_dollars_are_no_matter() {
        let spaced = SHA1.replace('$', " $  ");
        let read = ScramVerifier::parse("SCRAM-SHA-1", Hash::Sha1, spaced.as_bytes()).unwrap();
        assert_eq!(read.to_text("SCRAM-SHA-1").expose(), SHA1.as_bytes());
    }

    #[test]
    fn anything_else_is_no_verifier() {
        let wrong = [
            SHA1.replace("SHA-1", "SHA-256"),
            SHA1.replace("SCRAM", "scram"),
            SHA1.replace("4096", "0"),
            SHA1.replace("4096", ""),
            SHA1.replace("4096", "-4096"),
            SHA1.replace("4096", "+4096"),
            SHA1.replace("4096", "4294967296"),
            SHA1.replace("QSXCR+Q6sek8bf92", ""),
            SHA1.replace("QSXCR+Q6sek8bf92", "QSXCR+Q6sek8bf9"),
            SHA1.replace("K9Y=:", "K9Y:"),
            SHA1.replace("6dlG", ""),
            SHA1.replace("6dlG", "6dlG6dlG"),
            SHA1.replace("D+CS", "D*CS"),
            SHA1.replace("Y=:D", "Y=$D"),
            format!("{SHA1}$"),
            SHA1.trim_end_matches('=').to_owned(),
            SHA1.replace('$', ":"),
            "SCRAM-SHA-1".into(),
            "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$".into(),
            "secret".into(),
            String::new(),
        ];
        for text in wrong {
            assert!(ScramVerifier::parse("SCRAM-SHA-1", Hash::Sha1, text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(ScramVerifier::parse("SCRAM-SHA-256", Hash::Sha256, SHA1.as_bytes()).is_none());
    }
}
