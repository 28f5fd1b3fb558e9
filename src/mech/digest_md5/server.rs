//! The server (RFC 2831 sections 2.1 and 2.2).

use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};

use super::grammar::{Challenge, Response};
use super::hash::{Key, Signed, session_key, to_latin1, user_key};
use super::layer::Layer;
use super::reauth::{self, Holder};
use super::{DEFAULT_MAXBUF, MAX_MAXBUF, MAX_RESPONSE, NONCE_BYTES, Offer, Protection, note_weak};
use crate::crypto::{MD5_LEN, StoredPassword};
use crate::ctx::{Authenticated, ServerCx};
use crate::error::{Code, Error, Result};
use crate::identity::{CanonFlags, Naming};
use crate::layer::SecurityLayer;
use crate::log::Level;
use crate::mech::{Outcome, ServerMech, Side, Step};
use crate::secret::Secret;

const PASSWORD: &str = "*userPassword";
const STORED: &str = "*cmusaslsecretDIGEST-MD5";

/// The server of one exchange: the challenge that it waits to see answered, once there is one.
#[derive(Default)]
pub struct Server {
    challenge: Option<Sent>,
}

/// What a challenge said.
struct Sent {
    nonce: String,
    offer: Offer,
}

/// A client that has proved itself.
struct Verified {
    auth: Authenticated,
    rspauth: String,
    layer: Option<Layer>,
    protection: Protection,
}

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        match self.challenge.take() {
            None => self.begin(cx, input),
            Some(sent) => finish(cx, &sent, input),
        }
    }
}

impl Server {
    /// Answers a client that comes for the first time with a challenge, and one that comes again and says so, if it
    /// is right, with success.
    fn begin(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        cx.log(Level::Debug, "DIGEST-MD5 server step 1");
        if input.len() > MAX_RESPONSE {
            return Err(Error::protocol("DIGEST-MD5 initial response too long"));
        }
        let realm = match cx.realm() {
            // Names have their realm in them: none is offered, and a client names whichever is its own.
            Some(realm) if realm.is_empty() && cx.naming() == Naming::Classic => Vec::new(),
            Some(realm) if realm.is_empty() => return Err(Error::param("user_realm is an empty string!")),
            Some(realm) => realm.into_bytes(),
            None => cx.fqdn().as_bytes().to_vec(),
        };
        let offer = Offer::of(&**cx);
        let nothing = !offer.takes(Protection::None) && !offer.takes(Protection::Integrity);
        if nothing && offer.ciphers().next().is_none() {
            let (min, max) = (offer.min, offer.max);
            let text = format!("no qop and no cipher has a strength from {min} to {max}");
            return Err(Error::new(Code::TooWeak, text));
        }
        let mut stale = false;
        if !input.is_empty() && lifetime(cx).is_some() {
            match again(cx, &offer, input) {
                Ok(Some(step)) => return Ok(step),
                Ok(None) => stale = true,
                // RFC 2831 section 2.2.2: a wrong one gets a challenge like anybody else.
                Err(error) => cx.log(Level::Fail, &format!("fast reauthentication refused: {}", error.detail())),
            }
        }
        let nonce = cx.nonce(NONCE_BYTES)?;
        let challenge = Challenge::write(&offer, &nonce, &realm, stale, cx.security().max_buf);
        self.challenge = Some(Sent { nonce, offer });
        Ok(Step::Continue(challenge))
    }
}

/// How long a nonce may be used again: the option `reauth_timeout` in minutes. `None` when it may not.
fn lifetime(cx: &ServerCx<'_>) -> Option<Duration> {
    let value = cx.option("reauth_timeout")?;
    let digits = value.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
    let minutes: u64 = digits.parse().ok()?;
    (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)))
}

/// A client that comes again. `None` when the nonce is not known any more, or is not used in turn.
fn again(cx: &ServerCx<'_>, offer: &Offer, input: &[u8]) -> Result<Option<Step>> {
    let response = Response::parse(input)?;
    let holder = holder(&response);
    if !reauth::knows(holder) {
        return Ok(None);
    }
    let verified = verify(cx, offer, &response)?;
    if !reauth::advance(holder, response.nc, &response.cnonce, verified.layer.is_some()) {
        return Ok(None);
    }
    Ok(Some(success(cx, &response, verified)))
}

fn finish(cx: &ServerCx<'_>, sent: &Sent, input: &[u8]) -> Result<Step> {
    cx.log(Level::Debug, "DIGEST-MD5 server step 2");
    let response = Response::parse(input)?;
    if *response.nonce != *sent.nonce.as_bytes() {
        return Err(Error::bad_auth("nonce changed: authentication aborted"));
    }
    if response.nc != 1 {
        return Err(Error::bad_auth("incorrect nonce-count: the first response to a challenge has 1"));
    }
    let verified = verify(cx, &sent.offer, &response)?;
    if let Some(lifetime) = lifetime(cx) {
        reauth::remember(holder(&response), &response.cnonce, lifetime);
    }
    Ok(success(cx, &response, verified))
}

fn holder<'a>(response: &'a Response<'_>) -> Holder<'a> {
    Holder {
        nonce: &response.nonce,
        username: &response.username,
        realm: response.realm.as_deref().unwrap_or_default(),
    }
}

fn success(cx: &ServerCx<'_>, response: &Response<'_>, verified: Verified) -> Step {
    note_weak(&**cx, verified.protection);
    // A host of several names is common, so this is no reason to refuse.
    if let Some((_, host)) = uri_parts(&response.uri)
        && !host.eq_ignore_ascii_case(cx.fqdn().as_bytes())
        && cx.logs(Level::Warn)
    {
        let line = format!("DIGEST-MD5: the client means the host \"{}\", this is {}", host.escape_ascii(), cx.fqdn());
        cx.log(Level::Warn, &line);
    }
    Step::Done(Outcome {
        auth: verified.auth,
        data: Some(format!("rspauth={}", verified.rspauth).into_bytes()),
        layer: verified.layer.map(|layer| Box::new(layer) as Box<dyn SecurityLayer>),
    })
}

/// The service and the host of `serv-type "/" host [ "/" serv-name ]`.
fn uri_parts(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = uri.splitn(3, |byte| *byte == b'/');
    parts.next().zip(parts.next())
}

/// Checks a response, whose nonce and count are already known to be right.
fn verify(cx: &ServerCx<'_>, offer: &Offer, response: &Response<'_>) -> Result<Verified> {
    if !uri_parts(&response.uri).is_some_and(|(service, _)| service.eq_ignore_ascii_case(cx.service().as_bytes())) {
        return Err(Error::bad_auth("bad digest-uri: doesn't match service"));
    }
    let protection = response.protection(offer)?;
    let keys = Keys { response, protection };
    let (candidates, otherwise) = candidates(cx, &keys).inspect_err(|_| {
        // As much work as for a user who exists.
        let _ = keys.check(keys.of_password(b"no such user"));
    })?;
    let (right, key) = keys.check(candidates);
    let auth = cx.proof(right, otherwise)?;
    let rspauth = keys.signed().rspauth(&key);
    let own = cx.security().max_buf.min(MAX_MAXBUF);
    let peer = response.maxbuf.unwrap_or(DEFAULT_MAXBUF);
    let layer = Layer::new(Side::Server, protection, &key, own, peer)?;
    Ok(Verified { auth, rspauth, layer, protection })
}

/// What the user key may be, and what is said when it is not.
fn candidates(cx: &ServerCx<'_>, keys: &Keys<'_>) -> Result<(Vec<Key>, &'static str)> {
    let (password, stored) = look_up(cx, keys.response)?;
    let password = password.as_ref().and_then(|stored| StoredPassword::parse(stored.expose()).plain());
    match (password, stored) {
        (Some(b""), _) => Err(Error::fail("empty secret")),
        (Some(password), _) => {
            let text = "client response doesn't match what we generated (tried bogus)";
            Ok((keys.of_password(password), text))
        }
        (None, Some(stored)) => match <[u8; MD5_LEN]>::try_from(stored.expose()) {
            Ok(_) if keys.of_password(b"").iter().any(|empty| stored.matches(&empty[..]).into()) => {
                Err(Error::fail("empty secret"))
            }
            Ok(key) => Ok((vec![Key::new(key)], "client response doesn't match what we generated")),
            Err(_) => Err(Error::fail("the stored secret for DIGEST-MD5 is not one of 16 bytes")),
        },
        (None, None) => Err(cx.no_secret()),
    }
}

/// Identifies the user and looks up the password and the stored secret, which do not stay with the connection. A client may
/// name a realm that was not offered: many are configured to. The user is then that of the realm, whose own password must be
/// known.
fn look_up(cx: &ServerCx<'_>, response: &Response<'_>) -> Result<(Option<Secret>, Option<Secret>)> {
    cx.props().request([PASSWORD, STORED]);
    let realm = response.realm.as_deref().unwrap_or_default();
    let identified =
        cx.identify_in(Some(realm), &response.username, response.authzid.as_deref(), CanonFlags::default());
    let found = (cx.props().first(PASSWORD), cx.props().first(STORED));
    cx.props().erase(PASSWORD);
    cx.props().erase(STORED);
    identified.map_err(|error| error.in_context("unable to canonify user and get auxprops"))?;
    Ok(found)
}

struct Keys<'a> {
    response: &'a Response<'a>,
    protection: Protection,
}

impl<'a> Keys<'a> {
    /// What the user key may be, given the password: RFC 2831 hashes names and passwords in ISO 8859-1 where they fit
    /// into it, but many clients hash them as they are.
    fn of_password(&self, password: &[u8]) -> Vec<Key> {
        let Response { username, realm, .. } = self.response;
        let realm = realm.as_deref().unwrap_or_default();
        let latin1 = zeroize::Zeroizing::new(to_latin1(password).into_owned());
        let mut keys = vec![user_key(&to_latin1(username), &to_latin1(realm), &latin1)];
        if !(username.is_ascii() && realm.is_ascii() && password.is_ascii()) {
            keys.push(user_key(username, realm, password));
        }
        keys
    }

    /// Whether the response is one of these keys', and the session key of that.
    fn check(&self, candidates: Vec<Key>) -> (Choice, Key) {
        let Response { nonce, cnonce, authzid, digest, .. } = self.response;
        let signed = self.signed();
        let (mut any, mut session) = (Choice::from(0), Key::default());
        for candidate in candidates {
            let key = session_key(&candidate, nonce, cnonce, authzid.as_deref());
            let right = signed.response(&key).as_bytes().ct_eq(digest);
            if bool::from(right) {
                session = key;
            }
            any |= right;
        }
        (any, session)
    }

    fn signed(&self) -> Signed<'a> {
        Signed {
            nonce: &self.response.nonce,
            cnonce: &self.response.cnonce,
            nc: self.response.nc,
            qop: self.response.qop.as_deref().unwrap_or(b"auth"),
            uri: &self.response.uri,
            layer: self.protection != Protection::None,
        }
    }
}
