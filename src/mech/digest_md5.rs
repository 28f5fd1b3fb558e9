//! DIGEST-MD5 (RFC 2831): a challenge and response over MD5, with mutual authentication and security layers. RFC 6331
//! calls it historic; it is here for the clients and servers that have nothing better, among them those that need a
//! layer without TLS.
//!
//! Its ciphers are as old as it is. `digest_weak_ciphers: no` refuses those that can be searched through (`rc4-40`,
//! `rc4-56`, `des`) on both sides. HTTP's use of the mechanism (RFC 2617) is not implemented.

use std::borrow::Cow;

use super::{ClientMech, MechInfo, Mechanism, NAME_AND_PASSWORD, ServerMech};
use crate::config::Options;
use crate::ctx::World;
use crate::error::Result;
use crate::identity::Account;
use crate::log::Level;
use crate::policy::{Features, SecurityFlags, Ssf};
use crate::secret::Secret;

mod client;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod grammar;
mod hash;
mod layer;
mod reauth;
mod server;

use layer::Cipher;

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct DigestMd5;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("DIGEST-MD5"),
    plugin: Cow::Borrowed("digestmd5"),
    max_ssf: 128,
    security: SecurityFlags::NO_PLAINTEXT.and(SecurityFlags::NO_ANONYMOUS).and(SecurityFlags::MUTUAL_AUTH),
    hash_bits: 0,
    server: Some(Features::PROXY),
    client: Some(Features::PROXY.and(Features::NEEDS_SERVER_FQDN)),
    prompts: NAME_AND_PASSWORD,
};

impl Mechanism for DigestMd5 {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(server::Server::default()))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(client::Client::default()))
    }

    fn own_secret(&self) -> Option<&'static str> {
        Some("cmusaslsecretDIGEST-MD5")
    }

    fn derive_secret(&self, _: &dyn Options, account: &Account, password: &Secret) -> Result<Secret> {
        let password = zeroize::Zeroizing::new(hash::to_latin1(password.expose()).into_owned());
        let key = hash::user_key(&hash::to_latin1(&account.user), &hash::to_latin1(&account.realm), &password);
        Ok(Secret::from(&key[..]))
    }
}

/// What both sides must not send more of: the longest challenge and the longest response, in bytes (RFC 2831 sections
/// 2.1.1 and 2.1.2).
const MAX_CHALLENGE: usize = 2048;
const MAX_RESPONSE: usize = 4096;
/// The largest buffer that a side may announce, and the one it has when it announces none.
const MAX_MAXBUF: u32 = 16_777_215;
const DEFAULT_MAXBUF: u32 = 65_536;
/// A buffer must be larger than this.
const MIN_MAXBUF: u32 = 16;
/// The random bytes of a nonce.
const NONCE_BYTES: usize = 32;

/// The qop that was agreed on (RFC 2831 section 2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// `auth`: no layer.
    None,
    /// `auth-int`.
    Integrity,
    /// `auth-conf` with a cipher.
    Privacy(Cipher),
}

impl Protection {
    fn name(self) -> &'static str {
        match self {
            Protection::None => "auth",
            Protection::Integrity => "auth-int",
            Protection::Privacy(_) => "auth-conf",
        }
    }
}

/// What one side takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    min: Ssf,
    max: Ssf,
    weak: bool,
}

impl Offer {
    /// What the connection demands and the options allow.
    fn of(world: &dyn World) -> Self {
        let (min, max) = world.security().layer_window(world.external_ssf());
        Offer { min, max, weak: weak_ciphers(world) }
    }

    fn takes(&self, protection: Protection) -> bool {
        let (ssf, weak) = match protection {
            Protection::None => (0, false),
            Protection::Integrity => (1, false),
            Protection::Privacy(cipher) => (cipher.ssf(), cipher.is_weak()),
        };
        (self.min..=self.max).contains(&ssf) && (self.weak || !weak)
    }

    /// The ciphers, in the order in which they are announced.
    fn ciphers(&self) -> impl Iterator<Item = Cipher> {
        Cipher::ALL.into_iter().filter(|cipher| self.takes(Protection::Privacy(*cipher)))
    }
}

/// The option `digest_weak_ciphers`: yes unless it is set; a value that is not understood means no.
fn weak_ciphers(world: &dyn World) -> bool {
    const NAME: &str = "digest_weak_ciphers";
    match world.option(NAME).as_deref().map(str::trim) {
        None => true,
        Some(value) if ["yes", "y", "true", "t", "on", "1"].iter().any(|yes| value.eq_ignore_ascii_case(yes)) => true,
        Some(value) if ["no", "n", "false", "f", "off", "0"].iter().any(|no| value.eq_ignore_ascii_case(no)) => false,
        Some(value) => {
            let line = format!("{NAME} is \"{}\", which is neither yes nor no: taken as no", value.escape_debug());
            world.log(Level::Warn, &line);
            false
        }
    }
}

/// Notes that a layer is weak.
fn note_weak(world: &dyn World, protection: Protection) {
    if let Protection::Privacy(cipher) = protection
        && cipher.is_weak()
        && world.logs(Level::Note)
    {
        world.log(Level::Note, &format!("DIGEST-MD5 uses the weak cipher {}", cipher.name()));
    }
}
