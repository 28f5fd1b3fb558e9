//! The client (RFC 2831 sections 2.1 and 2.2).

use std::borrow::Cow;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::grammar::{Challenge, Response, rspauth};
use super::hash::{Signed, session_key, to_latin1, user_key};
use super::layer::{Layer, max_input};
use super::reauth::{self, Met, Target};
use super::{DEFAULT_MAXBUF, MAX_MAXBUF, NONCE_BYTES, Offer, Protection, note_weak};
use crate::ctx::ClientCx;
use crate::error::{Code, Error, Result};
use crate::identity::CanonicalName;
use crate::layer::SecurityLayer;
use crate::log::Level;
use crate::mech::{ClientMech, ClientStep, Side};
use crate::prompt::Prompt;
use crate::secret::Secret;

/// The client of one exchange.
#[derive(Default)]
pub struct Client {
    user: Option<User>,
    state: State,
}

/// Who authenticates, by canonical names.
struct User {
    authcid: CanonicalName,
    authzid: Option<CanonicalName>,
    password: Secret,
}

#[derive(Default)]
enum State {
    #[default]
    Start,
    Unchallenged,
    Answered(Box<Answered>),
}

/// A response on its way.
struct Answered {
    /// What the server proves itself with.
    rspauth: String,
    layer: Option<Layer>,
    protection: Protection,
    /// To be remembered on success.
    met: Met,
    /// Whether it was sent without a challenge, and may be answered with one.
    unasked: bool,
}

impl ClientMech for Client {
    fn step(&mut self, cx: &ClientCx<'_>, input: Option<&[u8]>) -> Result<ClientStep> {
        let Some(fqdn) = cx.fqdn() else { return Err(Error::param("DIGEST-MD5 needs the host name of the server")) };
        match (&self.state, input) {
            (State::Start, None | Some([])) => self.begin(cx, fqdn),
            (State::Start | State::Unchallenged, challenge) => self.respond(cx, fqdn, challenge.unwrap_or_default()),
            (State::Answered(answered), message) => {
                let message = message.unwrap_or_default();
                match (rspauth(message), answered.unasked) {
                    (Ok(None) | Err(_), true) => self.respond(cx, fqdn, message),
                    (proof, _) => self.finish(cx, proof?),
                }
            }
        }
    }
}

impl Client {
    /// Speaks first if the user has authenticated to this server before (RFC 2831 section 2.2.1).
    fn begin(&mut self, cx: &ClientCx<'_>, fqdn: &str) -> Result<ClientStep> {
        if reauth::has_met(cx.service(), fqdn) {
            cx.log(Level::Debug, "DIGEST-MD5 client step 1");
            let user = match self.user.take() {
                Some(user) => user,
                None => ask(cx, &[])?.0,
            };
            let offer = Offer::of(&**cx);
            let target = target(cx, fqdn, &user, offer);
            let user = self.user.insert(user);
            if let Some(mut met) = reauth::take(&target)
                && let Ok(protection) = choose(&offer, &met.challenge)
                && let Some(nc) = met.nc.checked_add(1)
            {
                met.nc = nc;
                let (response, answered) = answer(cx, user, met, protection, true)?;
                self.state = State::Answered(Box::new(answered));
                return Ok(ClientStep::Continue(Some(response)));
            }
        }
        self.state = State::Unchallenged;
        Ok(ClientStep::Continue(None))
    }

    /// Answers a challenge.
    fn respond(&mut self, cx: &ClientCx<'_>, fqdn: &str, challenge: &[u8]) -> Result<ClientStep> {
        cx.log(Level::Debug, "DIGEST-MD5 client step 2");
        let challenge = Challenge::parse(challenge)?;
        let offer = Offer::of(&**cx);
        let protection = choose(&offer, &challenge)?;
        let (user, realm) = match self.user.take() {
            Some(user) => {
                let realm = which_realm(cx, fqdn, &challenge.realms);
                (self.user.insert(user), realm?)
            }
            None => {
                let (user, realm) = ask(cx, &challenge.realms)?;
                (self.user.insert(user), realm)
            }
        };
        let met = Met { target: target(cx, fqdn, user, offer), challenge, realm, nc: 1 };
        let (response, answered) = answer(cx, user, met, protection, false)?;
        self.state = State::Answered(Box::new(answered));
        Ok(ClientStep::Continue(Some(response)))
    }

    /// Checks that the server knows the password too.
    fn finish(&mut self, cx: &ClientCx<'_>, proof: Option<Cow<'_, [u8]>>) -> Result<ClientStep> {
        cx.log(Level::Debug, "DIGEST-MD5 client step 3");
        let State::Answered(answered) = std::mem::take(&mut self.state) else { return Err(Code::Fail.into()) };
        let proof = proof.ok_or_else(|| Error::from(Code::Fail))?;
        if !bool::from(answered.rspauth.as_bytes().ct_eq(&proof)) {
            let text = "DIGEST-MD5: This server wants us to believe that he knows shared secret";
            return Err(Error::new(Code::BadServ, text));
        }
        note_weak(&**cx, answered.protection);
        reauth::keep(answered.met);
        let layer = answered.layer.map(|layer| Box::new(layer) as Box<dyn SecurityLayer>);
        Ok(ClientStep::Done { response: None, layer })
    }
}

fn target(cx: &ClientCx<'_>, fqdn: &str, user: &User, offer: Offer) -> Target {
    Target { service: cx.service().into(), fqdn: fqdn.into(), username: user.authcid.to_vec(), offer }
}

/// Asks for the user and, where the server offers several realms, for one of them. All that has to be asked of the
/// user is asked at once.
fn ask(cx: &ClientCx<'_>, realms: &[Vec<u8>]) -> Result<(User, Vec<u8>)> {
    let fqdn = cx.fqdn().unwrap_or_default();
    let credentials = match cx.credentials(true) {
        Err(error) if error.code() == Code::Interact && realms.len() > 1 => {
            let realm = cx.ask(&[realm_prompt(fqdn, realms)]).err().filter(|error| error.code() == Code::Interact);
            let mut prompts = error.prompts().to_vec();
            prompts.extend(realm.iter().flat_map(Error::prompts).cloned());
            return Err(Error::interact(prompts));
        }
        other => other?,
    };
    let realm = which_realm(cx, fqdn, realms)?;
    cx.identify(&credentials.authcid, credentials.authzid.as_deref())?;
    let authcid = cx.authid()?;
    let authzid = credentials.authzid.and(cx.identity().user).filter(|authzid| *authzid != authcid);
    Ok((User { authcid, authzid, password: credentials.password }, realm))
}

fn realm_prompt(fqdn: &str, realms: &[Vec<u8>]) -> Prompt {
    let names: Vec<_> = realms.iter().map(|realm| String::from_utf8_lossy(realm).into_owned()).collect();
    Prompt::realm(&names, Some(fqdn))
}

/// The realm: the one that the server offers, one that the application chooses from several, or the server's host name.
/// An application that cannot choose is no reason to fail: Sendmail's callback refuses every list. Where the server offers
/// none, an application made for 1.5 may know one, but nobody is asked for it.
fn which_realm(cx: &ClientCx<'_>, fqdn: &str, realms: &[Vec<u8>]) -> Result<Vec<u8>> {
    match realms {
        [] if !cx.knows_realms() => Ok(fqdn.as_bytes().to_vec()),
        [one] => Ok(one.clone()),
        none_or_several => match cx.ask(&[realm_prompt(fqdn, none_or_several)]) {
            Ok(answers) => {
                let chosen = answers.into_iter().next().flatten();
                let chosen = chosen.map(|chosen| chosen.expose().to_vec()).filter(|chosen| !chosen.is_empty());
                Ok(chosen.unwrap_or_else(|| fqdn.as_bytes().to_vec()))
            }
            Err(error) if error.code() == Code::Interact && !none_or_several.is_empty() => Err(error),
            Err(_) => Ok(fqdn.as_bytes().to_vec()),
        },
    }
}

/// The strongest protection that the server offers and the connection may have.
fn choose(offer: &Offer, challenge: &Challenge) -> Result<Protection> {
    let ciphers = challenge.ciphers.iter().copied().filter(|_| challenge.privacy);
    let cipher = ciphers.filter(|cipher| offer.takes(Protection::Privacy(*cipher))).max_by_key(|cipher| cipher.ssf());
    let protection = match cipher {
        Some(cipher) => Protection::Privacy(cipher),
        None if challenge.integrity && offer.takes(Protection::Integrity) => Protection::Integrity,
        None if challenge.auth && offer.takes(Protection::None) => Protection::None,
        None if offer.min > 0 => return Err(Error::new(Code::TooWeak, "Can't find an acceptable layer")),
        None => return Err(Error::fail("Server doesn't support \"no layer\"")),
    };
    let maxbuf = challenge.maxbuf.unwrap_or(DEFAULT_MAXBUF);
    if max_input(Side::Client, protection, maxbuf).is_none() {
        let text = format!("Invalid maxbuf parameter received from server (too small: {maxbuf})");
        return Err(Error::bad_auth(text));
    }
    Ok(protection)
}

/// The response to a challenge, and what is to come of it.
fn answer(
    cx: &ClientCx<'_>,
    user: &User,
    met: Met,
    protection: Protection,
    unasked: bool,
) -> Result<(Vec<u8>, Answered)> {
    let Met { target, challenge, realm, nc } = &met;
    let cnonce = cx.nonce(NONCE_BYTES)?;
    let uri = format!("{}/{}", target.service, target.fqdn);
    // RFC 2831 section 2.1.2: what is sent is UTF-8 if the server knows that, else ISO 8859-1; what is hashed is ISO
    // 8859-1 where that is possible.
    let hashed_realm = if challenge.utf8 { to_latin1(realm) } else { Cow::Borrowed(&realm[..]) };
    let hashed_name = to_latin1(&user.authcid);
    let hashed_password = Zeroizing::new(to_latin1(user.password.expose()).into_owned());
    let user_key = user_key(&hashed_name, &hashed_realm, &hashed_password);
    let authzid = user.authzid.as_deref();
    let key = session_key(&user_key, &challenge.nonce, cnonce.as_bytes(), authzid);
    let signed = Signed {
        nonce: &challenge.nonce,
        cnonce: cnonce.as_bytes(),
        nc: *nc,
        qop: protection.name().as_bytes(),
        uri: uri.as_bytes(),
        layer: protection != Protection::None,
    };
    let ascii = user.authcid.is_ascii() && realm.is_ascii() && user.password.expose().is_ascii();
    let own = cx.security().max_buf.min(MAX_MAXBUF);
    let digest = signed.response(&key);
    let response = Response {
        username: if challenge.utf8 { Cow::Borrowed(&user.authcid[..]) } else { hashed_name },
        realm: Some(Cow::Borrowed(realm)),
        authzid: authzid.map(Cow::Borrowed),
        nonce: Cow::Borrowed(&challenge.nonce),
        cnonce: Cow::Borrowed(cnonce.as_bytes()),
        nc: *nc,
        qop: Some(Cow::Borrowed(signed.qop)),
        cipher: match protection {
            Protection::Privacy(cipher) => Some(Cow::Borrowed(cipher.name().as_bytes())),
            _ => None,
        },
        maxbuf: Some(own).filter(|own| *own > 0),
        uri: Cow::Borrowed(uri.as_bytes()),
        digest: Cow::Borrowed(digest.as_bytes()),
        utf8: challenge.utf8 && !ascii,
    }
    .write();
    let rspauth = signed.rspauth(&key);
    let peer = challenge.maxbuf.unwrap_or(DEFAULT_MAXBUF);
    let layer = Layer::new(Side::Client, protection, &key, own, peer)?;
    Ok((response, Answered { rspauth, layer, protection, met, unasked }))
}
