//! PLAIN (RFC 4616): the password as it is, for connections that are protected otherwise.

use std::borrow::Cow;

use super::{ClientMech, ClientStep, MechInfo, Mechanism, NAME_AND_PASSWORD, ServerMech, Step};
use crate::config::Options;
use crate::crypto::{salted_md5, salted_md5_matches};
use crate::ctx::{ClientCx, ServerCx};
use crate::error::{Error, Result};
use crate::identity::{Account, CanonFlags};
use crate::policy::{Features, SecurityFlags};
use crate::secret::Secret;

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("PLAIN"),
    plugin: Cow::Borrowed("plain"),
    max_ssf: 0,
    security: SecurityFlags::NO_ANONYMOUS.and(SecurityFlags::PASS_CREDENTIALS),
    hash_bits: 0,
    server: Some(Features::CLIENT_FIRST.and(Features::PROXY)),
    client: Some(Features::CLIENT_FIRST.and(Features::PROXY)),
    prompts: NAME_AND_PASSWORD,
};

impl Mechanism for Plain {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client))
    }

    fn own_secret(&self) -> Option<&'static str> {
        Some("cmusaslsecretPLAIN")
    }

    fn derive_secret(&self, _: &dyn Options, _: &Account, password: &Secret) -> Result<Secret> {
        salted_md5(password.expose())
    }

    fn is_secret_of(&self, stored: &Secret, _: &Account, password: &Secret) -> bool {
        salted_md5_matches(stored.expose(), password.expose()).into()
    }
}

/// `message = [authzid] NUL authcid NUL passwd` (RFC 4616 section 2).
struct Message<'a> {
    authzid: Option<&'a [u8]>,
    authcid: &'a [u8],
    password: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(input: &'a [u8]) -> Result<Self> {
        let mut fields = input.split(|byte| *byte == 0);
        let authzid = fields.next().unwrap_or_default();
        let authcid = fields.next().ok_or_else(|| Error::protocol("Can only find author (no password)"))?;
        let password = fields.next().ok_or_else(|| Error::protocol("Can only find author/en (no password)"))?;
        if fields.next().is_some() {
            return Err(Error::protocol("Got more data than we were expecting in the PLAIN plugin"));
        }
        Ok(Message { authzid: Some(authzid).filter(|id| !id.is_empty()), authcid, password })
    }
}

struct Server;

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        let message = Message::parse(input)?;
        let authzid = message.authzid.filter(|authzid| *authzid != message.authcid);
        // With another authzid the stores need not be asked for the authcid's own properties as a user to act as.
        let as_user = if authzid.is_some() { CanonFlags::default() } else { CanonFlags::AUTHZID };
        cx.canonicalize(message.authcid, CanonFlags::AUTHID.and(as_user).and(CanonFlags::EXTERNALLY_VERIFIED))?;
        let auth = cx
            .check_password(&Secret::from(message.password))
            .map_err(|error| error.in_context("Password verification failed"))?;
        // The check takes the authcid for both identities, so the authzid comes after it, and with it its own properties.
        if let Some(authzid) = authzid {
            cx.props().drop_authzid();
            cx.canonicalize(authzid, CanonFlags::AUTHZID)?;
        }
        Ok(auth.into())
    }
}

struct Client;

impl ClientMech for Client {
    fn step(&mut self, cx: &ClientCx<'_>, _: Option<&[u8]>) -> Result<ClientStep> {
        let credentials = cx.credentials(true)?;
        match &credentials.authzid {
            None => cx.identify(&credentials.authcid, None)?,
            // Applications see the names in this order, which is the message's.
            Some(authzid) => {
                cx.canonicalize(authzid, CanonFlags::AUTHZID)?;
                cx.canonicalize(&credentials.authcid, CanonFlags::AUTHID)?;
            }
        }
        let identity = cx.identity();
        let authcid = cx.authid()?;
        let authzid = credentials.authzid.and(identity.user).unwrap_or_default();
        if [&authzid, &authcid, credentials.password.expose()].iter().any(|field| field.contains(&0)) {
            return Err(Error::param("PLAIN cannot carry a name or password with a NUL in it"));
        }
        let response = [&*authzid, b"\0", &authcid, b"\0", credentials.password.expose()].concat();
        Ok(ClientStep::Done { response: Some(response), layer: None })
    }
}
