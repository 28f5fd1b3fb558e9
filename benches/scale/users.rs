//! Users as a database has them that keeps no passwords: entries and lengths are those of real ones, the secrets are random.

use oxisasl::store::sasldb::Entry;
use oxisasl::{Result, Secret, b64};

pub const REALM: &str = "example.com";
/// The verifiers of an entry: mechanism and bytes of its keys.
const VERIFIERS: [(&str, usize); 5] =
    [("SCRAM-SHA-256", 32), ("SCRAM-SHA-1", 20), ("SCRAM-SHA-512", 64), ("SCRAM-SHA-384", 48), ("SCRAM-SHA-224", 28)];

/// The name of a user. Numbers in their order are names in their order.
pub fn name(number: u64) -> String {
    format!("user{number:08}")
}

/// All entries of so many users, in their order.
pub fn entries(users: u64) -> impl Iterator<Item = Result<(Entry, Secret)>> {
    (0..users).flat_map(|number| {
        let mut numbers = Numbers(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let entry =
            |property: &str| Entry { user: name(number).into_bytes(), realm: REALM.into(), property: property.into() };
        let verifiers: Vec<_> =
            VERIFIERS.iter().map(|(mechanism, length)| numbers.verifier(mechanism, *length)).collect();
        [
            Ok((entry("authPassword"), Secret::from(&*verifiers.join("\n")))),
            Ok((entry("cmusaslsecretCRAM-MD5"), Secret::new(numbers.bytes(32)))),
            Ok((entry("cmusaslsecretDIGEST-MD5"), Secret::new(numbers.bytes(16)))),
        ]
    })
}

/// Numbers that look random and are the same each time.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }

    fn verifier(&mut self, mechanism: &str, length: usize) -> String {
        let [salt, stored, server] = [16, length, length].map(|length| b64::encode(&self.bytes(length)));
        format!("{mechanism}$15000:{salt}${stored}:{server}")
    }
}
