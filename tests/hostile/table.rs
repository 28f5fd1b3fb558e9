//! What is known of each built-in mechanism: with whom its good exchanges are, and which changed messages mean the same.

use oxisasl::mech::{BUILTIN, Mechanism};
use oxisasl::policy::{Features, SecurityFlags, SecurityProps, SessionFlags};

use super::change::thorough;
use super::ends::{Setup, USER};
use super::meaning::{self, Changed};

/// Why a changed message may be taken, and which.
pub struct Harmless {
    pub why: &'static str,
    pub is: fn(&Changed<'_>) -> bool,
}

/// A mechanism of the table.
pub struct Entry {
    pub name: &'static str,
    /// Whether it needs a Kerberos realm.
    pub kerberos: bool,
    pub harmless: &'static [Harmless],
}

const fn entry(name: &'static str, harmless: &'static [Harmless]) -> Entry {
    Entry { name, kerberos: false, harmless }
}

const fn kerberos(name: &'static str, harmless: &'static [Harmless]) -> Entry {
    Entry { name, kerberos: true, harmless }
}

static TABLE: [Entry; 14] = [
    kerberos("GSS-SPNEGO", &meaning::SPNEGO),
    kerberos("GSSAPI", &meaning::GSSAPI),
    kerberos("GS2-KRB5", &meaning::GS2),
    entry("SCRAM-SHA-512", &meaning::SCRAM),
    entry("SCRAM-SHA-384", &meaning::SCRAM),
    entry("SCRAM-SHA-256", &meaning::SCRAM),
    entry("SCRAM-SHA-224", &meaning::SCRAM),
    entry("SCRAM-SHA-1", &meaning::SCRAM),
    entry("DIGEST-MD5", &meaning::DIGEST_MD5),
    entry("EXTERNAL", &meaning::EXTERNAL),
    entry("CRAM-MD5", &meaning::CRAM_MD5),
    entry("PLAIN", &meaning::PLAIN),
    entry("LOGIN", &meaning::LOGIN),
    entry("ANONYMOUS", &meaning::ANONYMOUS),
];

/// Every built-in mechanism with its entry; without one the test fails.
pub fn mechanisms(kerberos: bool) -> impl Iterator<Item = (&'static dyn Mechanism, &'static Entry)> {
    let entry = |mechanism: &dyn Mechanism| {
        let name = &mechanism.info().name;
        TABLE
            .iter()
            .find(|entry| entry.name == name)
            .unwrap_or_else(|| panic!("{name} is not in the table of hostile peers"))
    };
    let all = BUILTIN.iter().map(move |mechanism| (*mechanism, entry(*mechanism)));
    all.filter(move |(_, entry)| entry.kerberos == kerberos)
}

/// The connections that a mechanism is tried on.
pub fn setups(mechanism: &dyn Mechanism, entry: &Entry) -> Vec<Setup> {
    let plain = Setup::new(entry.name);
    let mut setups = vec![plain.clone()];
    if mechanism.info().client.is_some_and(|features| features.contains(Features::PROXY)) {
        setups.push(Setup { authzid: USER, flags: SessionFlags::SUCCESS_DATA, ..plain.clone() });
    }
    if mechanism.info().max_ssf > 0 && (!entry.kerberos || thorough()) {
        let security = SecurityProps { min_ssf: 100, ..plain.security };
        setups.push(Setup { security, ..plain.clone() });
    }
    if mechanism.has_plus() {
        setups.push(Setup { bound: true, ..plain });
    }
    // Those that differ in their hash only are tried on all connections where there is time.
    if mechanism.info().hash_bits > 0 && entry.name != "SCRAM-SHA-256" && !thorough() {
        setups.drain(..setups.len() - 1);
    }
    setups
}

/// Whether a client that is done knows who the server is.
pub fn is_mutual(mechanism: &dyn Mechanism) -> bool {
    mechanism.info().security.contains(SecurityFlags::MUTUAL_AUTH)
}
