//! GSSAPI (RFC 4752): Kerberos V5 authentication, and then an agreement on a security layer inside the context.

use std::borrow::Cow;

use super::gss_common::{
    self, Layer, MAX_SIZE, MAX_SSF, Protections, SECURITY, Sizes, authzid, available, channel_binding,
    client_credentials, display, error, identify_client, max_input, server_credentials, strength, target,
    unless_asking,
};
use super::{ClientMech, ClientStep, Facts, MechInfo, Mechanism, Outcome, ServerMech, Step};
use crate::config::{Options, is_yes};
use crate::ctx::{ClientCx, ServerCx, World};
use crate::error::{Code, Error, Result};
use crate::gss::{Context, Credentials, Mech, Name, flag};
use crate::identity::CanonFlags;
use crate::layer::SecurityLayer;
use crate::policy::{Features, Refusal, SecurityFlags};

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gssapi;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("GSSAPI"),
    plugin: Cow::Borrowed("gssapiv2"),
    max_ssf: MAX_SSF,
    security: SECURITY,
    hash_bits: 0,
    server: Some(
        Features::CLIENT_FIRST.and(Features::PROXY).and(Features::NO_USER_PASSWORD).and(Features::CHANNEL_BINDING),
    ),
    client: Some(
        Features::CLIENT_FIRST.and(Features::PROXY).and(Features::NEEDS_SERVER_FQDN).and(Features::CHANNEL_BINDING),
    ),
    prompts: Cow::Borrowed(&[]),
};

/// What stands before a message of the library.
const ERROR: &str = "GSSAPI Error";
const ACCEPT: &str = "GSSAPI Failure: gss_accept_sec_context";

/// The layers, in the first byte of the last two messages (RFC 4752 section 3.3).
const NONE: u8 = 1;
const INTEGRITY: u8 = 2;
const CONFIDENTIALITY: u8 = 4;

impl Mechanism for Gssapi {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn prepare(&self, options: &dyn Options) {
        gss_common::prepare(options);
    }

    fn available(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        available(facts)
    }

    /// The channel binding goes into the context under the one name that is registered.
    fn has_plus(&self) -> bool {
        false
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server::Start))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client::Start))
    }
}

/// Where a server stands.
#[derive(Default)]
enum Server {
    #[default]
    Failed,
    /// The client has sent nothing yet.
    Start,
    /// The context needs more tokens.
    Accepting(Context, Credentials),
    /// The client has the last token, and has to acknowledge it with an empty message.
    Accepted(Context),
    /// The client has been told which layers there are, and the longest packet.
    Offered { context: Context, offer: Protections, size: u32 },
}

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        let (next, step) = match std::mem::take(self) {
            Server::Failed => return Err(Error::protocol("the exchange has failed")),
            Server::Start => {
                let credentials = server_credentials(cx, Mech::Krb5, ERROR)?;
                let context = Context::new(Mech::Krb5).map_err(error(ERROR, Code::Fail))?;
                accept(cx, context, credentials, input)?
            }
            Server::Accepting(context, credentials) => accept(cx, context, credentials, input)?,
            Server::Accepted(context) => {
                if !input.is_empty() {
                    return Err(Error::protocol("GSSAPI: a token after the last"));
                }
                offer(cx, context)?
            }
            Server::Offered { context, offer, size } => return finish(cx, context, offer, size, input),
        };
        *self = next;
        Ok(step)
    }
}

/// Takes a token of the client. When the context is complete and there is nothing to tell the client about it, the offer
/// follows at once (RFC 4752 section 3.2).
fn accept(cx: &ServerCx<'_>, mut context: Context, credentials: Credentials, token: &[u8]) -> Result<(Server, Step)> {
    if token.is_empty() {
        return Err(Error::protocol("GSSAPI: an empty token"));
    }
    let answer = accept_token(cx, &mut context, &credentials, token)?;
    if !context.is_complete() {
        return Ok((Server::Accepting(context, credentials), Step::Continue(answer)));
    }
    if answer.is_empty() {
        return offer(cx, context);
    }
    Ok((Server::Accepted(context), Step::Continue(answer)))
}

/// Takes a token of the client, with the channel binding of this side: the client need not use it.
///
/// # Errors
/// Why the client is not let in.
pub(super) fn accept_token(
    cx: &ServerCx<'_>,
    context: &mut Context,
    credentials: &Credentials,
    token: &[u8],
) -> Result<Vec<u8>> {
    let binding = channel_binding(cx.binding(None))?;
    let answer = context.accept(credentials, token, binding.as_deref()).map_err(|failure| {
        let code = if failure.bad_bindings { Code::BadBinding } else { Code::BadAuth };
        error(ACCEPT, code)(failure)
    })?;
    if context.is_complete() {
        cx.note_binding(binding.is_some() && context.has(flag::BOUND));
    }
    Ok(answer)
}

/// Tells the client which layers there are. Without any the size is 0 (RFC 4752 section 3.2).
fn offer(cx: &ServerCx<'_>, mut context: Context) -> Result<(Server, Step)> {
    let offer = Protections::of(&context, cx.security().layer_window(cx.external_ssf()));
    let mut layers = 0;
    for (there, bit) in
        [(offer.none, NONE), (offer.integrity, INTEGRITY), (offer.confidentiality.is_some(), CONFIDENTIALITY)]
    {
        layers |= if there { bit } else { 0 };
    }
    if layers == 0 {
        return Err(Error::new(Code::TooWeak, "GSSAPI: the security context allows no layer of the strength demanded"));
    }
    let size = if layers == NONE { 0 } else { cx.security().max_buf.min(MAX_SIZE) };
    let message = context.wrap(false, &announcement(layers, size)).map_err(error(ERROR, Code::Fail))?;
    Ok((Server::Offered { context, offer, size }, Step::Continue(message)))
}

fn announcement(layers: u8, size: u32) -> [u8; 4] {
    let [_, high, middle, low] = size.to_be_bytes();
    [layers, high, middle, low]
}

/// The layers and the size in the last message of either side, and what follows.
fn parse_announcement(message: &[u8]) -> Option<(u8, u32, &[u8])> {
    let (&[layers, high, middle, low], rest) = message.split_first_chunk::<4>()?;
    Some((layers, u32::from_be_bytes([0, high, middle, low]), rest))
}

/// Takes the client's choice, and whom it wants to act as (RFC 4752 section 3.2).
fn finish(cx: &ServerCx<'_>, mut context: Context, offer: Protections, own: u32, input: &[u8]) -> Result<Step> {
    let mut message = Vec::new();
    context.unwrap(input, &mut message).map_err(error(ERROR, Code::Fail))?;
    let (layer, size, authzid) = parse_announcement(&message).ok_or_else(|| Error::fail("token too short"))?;
    // Clients of old Windows servers name integrity with confidentiality, as those want it.
    let ssf = match layer {
        NONE if offer.none => 0,
        INTEGRITY if offer.integrity => 1,
        CONFIDENTIALITY => offer.confidentiality.ok_or_else(invalid_layer)?,
        both if both == INTEGRITY | CONFIDENTIALITY => {
            let integrity = || offer.integrity.then_some(1);
            offer.confidentiality.or_else(integrity).ok_or_else(invalid_layer)?
        }
        _ => return Err(invalid_layer()),
    };
    if authzid.contains(&0) {
        return Err(Error::protocol("GSSAPI: NULs found in the name to act as"));
    }
    let most = if ssf == 0 { 0 } else { max_input(&mut context, size, "GSSAPI")? };
    let authzid = Some(authzid).filter(|authzid| !authzid.is_empty());
    let auth = identify_client(cx, &mut context, authzid, CanonFlags::EXTERNALLY_VERIFIED, ERROR)?;
    let sizes = Sizes { own, max_input: most };
    let layer = (ssf > 0).then(|| Box::new(Layer::new(context, ssf, sizes, ERROR)) as Box<dyn SecurityLayer>);
    Ok(Step::Done(Outcome { auth, data: None, layer }))
}

fn invalid_layer() -> Error {
    Error::fail("protocol violation: client requested invalid layer")
}

/// What a client keeps while the context is being established.
pub(super) struct Initiation {
    context: Context,
    credentials: Credentials,
    target: Name,
    flags: u32,
    binding: Option<Vec<u8>>,
    authzid: Vec<u8>,
}

impl Initiation {
    /// Asks whom to act as, finds the credentials and makes the first token.
    ///
    /// # Errors
    /// As [`authzid`]; when there are no credentials, or the Kerberos server has no ticket for the service.
    pub(super) fn begin(cx: &ClientCx<'_>, mech: Mech, flags: u32) -> Result<(Self, Vec<u8>)> {
        let authzid = authzid(cx)?;
        let binding = channel_binding(cx.binding(None))?;
        let target = target(cx, "GSSAPI Failure")?;
        let mut credentials = client_credentials(cx, None, mech).map_err(error(ERROR, Code::Fail))?;
        if flags & flag::CONFIDENTIALITY == 0
            && let Credentials::Own(cred) = &mut credentials
        {
            cred.without_free_protection(mech).map_err(error(ERROR, Code::Fail))?;
        }
        let context = Context::new(mech).map_err(error(ERROR, Code::Fail))?;
        let mut this = Initiation { context, credentials, target, flags, binding, authzid };
        let token = this.next(None)?;
        Ok((this, token))
    }

    /// Takes the server's token, and makes the next.
    pub(super) fn next(&mut self, token: Option<&[u8]>) -> Result<Vec<u8>> {
        let (binding, target) = (self.binding.as_deref(), &self.target);
        let initiated = self.context.initiate(&self.credentials, target, self.flags, binding, token);
        initiated.map_err(error(ERROR, Code::Fail))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.context.is_complete()
    }

    /// Takes the names of a complete context.
    ///
    /// # Errors
    /// When the server has not authenticated itself.
    pub(super) fn identify(mut self, cx: &ClientCx<'_>) -> Result<(Context, Vec<u8>)> {
        if !self.context.has(flag::MUTUAL) {
            return Err(Error::new(Code::BadServ, "GSSAPI: the server has not authenticated itself"));
        }
        let parties = self.context.parties().map_err(error(ERROR, Code::Fail))?;
        let authcid = display(parties.local.as_ref(), ERROR)?;
        if self.authzid.is_empty() {
            cx.canonicalize(&authcid, CanonFlags::AUTHID.and(CanonFlags::AUTHZID))?;
        } else {
            cx.canonicalize(&self.authzid, CanonFlags::AUTHZID)?;
            cx.canonicalize(&authcid, CanonFlags::AUTHID)?;
        }
        cx.keep_parties(parties);
        Ok((self.context, self.authzid))
    }
}

/// What a client asks of a context, for a layer of at most this strength.
pub(super) fn flags(world: &dyn World) -> u32 {
    let (_, max) = world.security().layer_window(world.external_ssf());
    let mut flags = flag::MUTUAL | flag::SEQUENCE;
    flags |= if max > 0 { flag::INTEGRITY } else { 0 };
    flags |= if max > 1 { flag::INTEGRITY | flag::CONFIDENTIALITY } else { 0 };
    let delegates = world.security().flags.contains(SecurityFlags::PASS_CREDENTIALS);
    flags | if delegates { flag::DELEGATE } else { 0 }
}

/// Where a client stands.
#[derive(Default)]
enum Client {
    #[default]
    Failed,
    /// Nothing has been done yet.
    Start,
    /// The first token is there to be sent.
    Prepared(Initiation, Vec<u8>),
    /// The server has the last token.
    Initiating(Initiation),
    /// The context is complete, and the server will tell its layers.
    Established { context: Context, authzid: Vec<u8> },
}

impl Client {
    fn begin(cx: &ClientCx<'_>) -> Result<Self> {
        // The last two messages are signed, whatever the layer.
        let (initiation, token) = Initiation::begin(cx, Mech::Krb5, flags(&**cx) | flag::INTEGRITY)?;
        Ok(Client::Prepared(initiation, token))
    }
}

impl ClientMech for Client {
    fn prepare(&mut self, cx: &ClientCx<'_>) -> Result<()> {
        if let Some(prepared) = unless_asking(Client::begin(cx))? {
            *self = prepared;
        }
        Ok(())
    }

    fn step(&mut self, cx: &ClientCx<'_>, input: Option<&[u8]>) -> Result<ClientStep> {
        if matches!(self, Client::Start) {
            *self = Client::begin(cx)?;
        }
        let (next, step) = match (std::mem::take(self), input) {
            (Client::Prepared(initiation, token), _) => {
                (Client::Initiating(initiation), ClientStep::Continue(Some(token)))
            }
            (Client::Initiating(initiation), input) => initiate(cx, initiation, input.unwrap_or_default())?,
            (Client::Established { context, authzid }, input) => {
                return choose(cx, context, &authzid, input.unwrap_or_default());
            }
            (Client::Failed | Client::Start, _) => return Err(Error::protocol("the exchange has failed")),
        };
        *self = next;
        Ok(step)
    }
}

fn initiate(cx: &ClientCx<'_>, mut initiation: Initiation, token: &[u8]) -> Result<(Client, ClientStep)> {
    let answer = initiation.next(Some(token))?;
    // What has no token is still a response, an empty one.
    let step = ClientStep::Continue(Some(answer).filter(|answer| !answer.is_empty()));
    if !initiation.is_complete() {
        return Ok((Client::Initiating(initiation), step));
    }
    let (context, authzid) = initiation.identify(cx)?;
    Ok((Client::Established { context, authzid }, step))
}

/// Takes the layers that the server offers, and answers with the strongest that the connection may have
/// (RFC 4752 section 3.1).
fn choose(cx: &ClientCx<'_>, mut context: Context, authzid: &[u8], input: &[u8]) -> Result<ClientStep> {
    let mut message = Vec::new();
    context.unwrap(input, &mut message).map_err(error(ERROR, Code::Fail))?;
    let (offered, size) = match parse_announcement(&message) {
        Some((offered, size, [])) => (offered, size),
        Some(_) => return Err(Error::fail("token too long")),
        None => return Err(Error::fail("token too short")),
    };
    let mine = Protections::of(&context, cx.security().layer_window(cx.external_ssf()));
    let offers = |bit| offered & bit != 0;
    let (layer, ssf) = match mine.confidentiality {
        Some(ssf) if offers(CONFIDENTIALITY) => (CONFIDENTIALITY, ssf),
        _ if mine.integrity && offers(INTEGRITY) => (INTEGRITY, 1),
        _ if mine.none && offers(NONE) => (NONE, 0),
        _ => return Err(too_weak(offered, strength(&context))),
    };
    let compatible = layer == CONFIDENTIALITY && cx.option("ad_compat").is_some_and(|value| is_yes(&value));
    let (own, most) = match ssf {
        0 => (0, 0),
        _ => (cx.security().max_buf.min(MAX_SIZE), max_input(&mut context, size, "GSSAPI")?),
    };
    let chosen = if compatible { layer | INTEGRITY } else { layer };
    let response = [&announcement(chosen, own)[..], authzid].concat();
    let response = context.wrap(false, &response).map_err(error(ERROR, Code::Fail))?;
    let layer = (ssf > 0).then(|| {
        let layer = Layer::new(context, ssf, Sizes { own, max_input: most }, ERROR);
        Box::new(if compatible { layer.tolerating_signed_packets() } else { layer }) as Box<dyn SecurityLayer>
    });
    Ok(ClientStep::Done { response: Some(response), layer })
}

fn too_weak(offered: u8, strength: Option<u32>) -> Error {
    let strength = strength.unwrap_or(0);
    let named = [(NONE, "none"), (INTEGRITY, "integrity"), (CONFIDENTIALITY, "confidentiality")];
    let names =
        named.iter().filter(|(bit, _)| offered & bit != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    Error::new(
        Code::TooWeak,
        format!(
            "GSSAPI: no layer of the strength demanded; the server offers: {names}; the context has {strength} bits"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_and_size_are_one_byte_and_three() {
        assert_eq!(announcement(7, 0x01_02_03), [7, 1, 2, 3]);
        assert_eq!(announcement(1, MAX_SIZE), [1, 0xff, 0xff, 0xff]);
        assert_eq!(parse_announcement(b"\x04\x00\x10\x00bob"), Some((4, 4096, &b"bob"[..])));
        assert_eq!(parse_announcement(b"\xff\xff\xff\xff"), Some((0xff, MAX_SIZE, &b""[..])));
        for short in [&b""[..], b"\x01", b"\x01\x00", b"\x01\x00\x00"] {
            assert_eq!(parse_announcement(short), None);
        }
    }
}
