//! What is remembered for subsequent authentication (RFC 2831 section 2.2): a client that has authenticated before sends
//! its response at once, with the nonce that it was given then and the next count.
//!
//! Nothing here is secret. RFC 2831 has the client send its old cnonce as well, which makes the keys of the layer those
//! of the first connection; with RC4 two texts would be enciphered with one key stream. So this client sends a new
//! cnonce, and this server takes no cnonce twice when a layer comes of it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Offer;
use super::grammar::Challenge;
use crate::crypto::{MD5_LEN, md5};

/// The most that a process remembers; the oldest goes first.
const MOST_SESSIONS: usize = 256;
const MOST_CHALLENGES: usize = 64;
/// The most connections with one nonce; a new challenge is cheap.
const MOST_USES: usize = 64;

/// A server's memory of a client that has authenticated.
struct Session {
    nonce: Vec<u8>,
    username: Vec<u8>,
    realm: Vec<u8>,
    next: u32,
    until: Instant,
    cnonces: Vec<[u8; MD5_LEN]>,
}

static SESSIONS: Mutex<VecDeque<Session>> = Mutex::new(VecDeque::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who uses a nonce.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    pub nonce: &'a [u8],
    pub username: &'a [u8],
    pub realm: &'a [u8],
}

impl Session {
    fn is_of(&self, holder: Holder<'_>) -> bool {
        self.nonce == holder.nonce && self.username == holder.username && self.realm == holder.realm
    }
}

/// Remembers the first authentication with a nonce.
pub fn remember(holder: Holder<'_>, cnonce: &[u8], lifetime: Duration) {
    let now = Instant::now();
    let Some(until) = now.checked_add(lifetime) else { return };
    let mut sessions = lock(&SESSIONS);
    sessions.retain(|session| session.until > now);
    if sessions.len() >= MOST_SESSIONS {
        sessions.pop_front();
    }
    sessions.push_back(Session {
        nonce: holder.nonce.to_vec(),
        username: holder.username.to_vec(),
        realm: holder.realm.to_vec(),
        next: 2,
        until,
        cnonces: vec![md5(&[cnonce])],
    });
}

/// Whether this user has authenticated with this nonce not long ago.
pub fn knows(holder: Holder<'_>) -> bool {
    let now = Instant::now();
    lock(&SESSIONS).iter().any(|session| session.is_of(holder) && session.until > now)
}

/// Takes the next use of a nonce, once its response has been found right. `false` when it is not the next, or when the
/// layer would repeat keys; nothing has changed then (RFC 2831 section 2.2.2).
pub fn advance(holder: Holder<'_>, nc: u32, cnonce: &[u8], layer: bool) -> bool {
    let now = Instant::now();
    let cnonce = md5(&[cnonce]);
    let mut sessions = lock(&SESSIONS);
    let Some(session) = sessions.iter_mut().find(|session| session.is_of(holder) && session.until > now) else {
        return false;
    };
    let repeats = session.cnonces.contains(&cnonce);
    if session.next != nc || session.cnonces.len() >= MOST_USES || (repeats && layer) {
        return false;
    }
    let Some(next) = nc.checked_add(1) else { return false };
    session.next = next;
    session.cnonces.push(cnonce);
    true
}

/// What a client's memory goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub service: String,
    pub fqdn: String,
    pub username: Vec<u8>,
    /// What the connection demanded. One that demands more, or allows more, is negotiated anew: with what a server
    /// offered below TLS, say, a connection without it would get no layer.
    pub offer: Offer,
}

/// A client's memory of a challenge that it has met.
pub struct Met {
    pub target: Target,
    pub challenge: Challenge,
    /// The realm that was used.
    pub realm: Vec<u8>,
    /// The count of its last use.
    pub nc: u32,
}

static CHALLENGES: Mutex<VecDeque<Met>> = Mutex::new(VecDeque::new());

/// Whether anyone has authenticated to this service on this host.
pub fn has_met(service: &str, fqdn: &str) -> bool {
    lock(&CHALLENGES).iter().any(|met| met.target.service == service && met.target.fqdn == fqdn)
}

/// Takes the challenge out: a use that fails is not tried again, and no two connections use the same count.
pub fn take(target: &Target) -> Option<Met> {
    let mut challenges = lock(&CHALLENGES);
    let at = challenges.iter().position(|met| met.target == *target)?;
    challenges.remove(at)
}

/// Puts one in, after a success.
pub fn keep(met: Met) {
    let mut challenges = lock(&CHALLENGES);
    challenges.retain(|known| known.target != met.target);
    if challenges.len() >= MOST_CHALLENGES {
        challenges.pop_front();
    }
    challenges.push_back(met);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn holder<'a>(nonce: &'a str, username: &'a str) -> Holder<'a> {
        Holder { nonce: nonce.as_bytes(), username: username.as_bytes(), realm: b"realm" }
    }

    #[test]
    fn a_count_is_used_once_and_in_order() {
        let joe = holder("order", "joe");
        assert!(!knows(joe));
        assert!(!advance(joe, 2, b"c", false));
        remember(joe, b"c1", HOUR);
        assert!(knows(joe));
        for nc in [0, 1, 3, u32::MAX] {
            assert!(!advance(joe, nc, b"c2", false), "{nc}");
        }
        assert!(advance(joe, 2, b"c2", false));
        assert!(!advance(joe, 2, b"c2", false));
        assert!(advance(joe, 3, b"c3", false));
        for other in [holder("order", "ann"), holder("other", "joe"), Holder { realm: b"r", ..joe }] {
            assert!(!knows(other) && !advance(other, 4, b"c", false));
        }
    }

    #[test]
    fn no_cnonce_twice_with_a_layer() {
        let joe = holder("cnonce", "joe");
        remember(joe, b"c1", HOUR);
        assert!(!advance(joe, 2, b"c1", true));
        assert!(advance(joe, 2, b"c1", false));
        assert!(advance(joe, 3, b"c2", true));
        assert!(!advance(joe, 4, b"c1", true));
        assert!(!advance(joe, 4, b"c2", true));
    }

    #[test]
    fn sessions_end() {
        let joe = holder("end", "joe");
        remember(joe, b"c1", Duration::ZERO);
        assert!(!knows(joe) && !advance(joe, 2, b"c", false));
        remember(joe, b"c1", HOUR);
        let uses = (2..1000u32).take_while(|nc| advance(joe, *nc, &nc.to_be_bytes(), true)).count();
        assert_eq!(uses, MOST_USES - 1);
    }

    #[test]
    fn a_client_uses_what_it_keeps_once() {
        let offer = |max| Offer { min: 0, max, weak: true };
        let target = |user: &str| Target {
            service: "reauth".into(),
            fqdn: "h".into(),
            username: user.into(),
            offer: offer(128),
        };
        let met = |user: &str, nc| Met { target: target(user), challenge: Challenge::default(), realm: vec![], nc };
        keep(met("joe", 1));
        keep(met("joe", 7));
        assert!(has_met("reauth", "h") && !has_met("reauth", "i") && !has_met("other", "h"));
        assert!(take(&target("ann")).is_none());
        assert!(take(&Target { offer: offer(256), ..target("joe") }).is_none());
        assert_eq!(take(&target("joe")).map(|met| met.nc), Some(7));
        assert!(take(&target("joe")).is_none());
    }
}
