//! GSS-SPNEGO: SPNEGO (RFC 4178) as Microsoft's directory uses it. The context's own guarantees decide on the security layer;
//! nothing is said about it, nor about whom the client wants to act as.

use std::borrow::Cow;

use super::gss_common::{
    self, Layer, MAX_SSF, SECURITY, Sizes, available, error, identify_client, max_input, server_credentials, strength,
    unless_asking,
};
use super::gssapi::{Initiation, accept_token, flags};
use super::{ClientMech, ClientStep, Facts, MechInfo, Mechanism, Outcome, ServerMech, Step};
use crate::config::Options;
use crate::ctx::{ClientCx, ServerCx, World};
use crate::error::{Code, Error, Result};
use crate::gss::{Context, Credentials, Mech, flag};
use crate::identity::CanonFlags;
use crate::layer::SecurityLayer;
use crate::policy::{Features, Refusal, Ssf};

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spnego;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("GSS-SPNEGO"),
    plugin: Cow::Borrowed("gssapiv2"),
    max_ssf: MAX_SSF,
    security: SECURITY,
    hash_bits: 0,
    server: Some(
        Features::CLIENT_FIRST
            .and(Features::PROXY)
            .and(Features::NO_USER_PASSWORD)
            .and(Features::CHANNEL_BINDING)
            .and(Features::HTTP),
    ),
    client: Some(
        Features::CLIENT_FIRST
            .and(Features::PROXY)
            .and(Features::NEEDS_SERVER_FQDN)
            .and(Features::CHANNEL_BINDING)
            .and(Features::HTTP),
    ),
    prompts: Cow::Borrowed(&[]),
};

const ERROR: &str = "GSSAPI Error";

impl Mechanism for Spnego {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn prepare(&self, options: &dyn Options) {
        gss_common::prepare(options);
    }

    fn available(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        available(facts)
    }

    /// As for GSSAPI.
    fn has_plus(&self) -> bool {
        false
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server(None)))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client::Start))
    }
}

/// A context that needs more tokens, once there is one.
struct Server(Option<(Context, Credentials)>);

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        if input.is_empty() {
            return Err(Error::protocol("GSS-SPNEGO: an empty token"));
        }
        let (mut context, credentials) = match self.0.take() {
            Some(under_way) => under_way,
            None => (
                Context::new(Mech::Spnego).map_err(error(ERROR, Code::Fail))?,
                server_credentials(cx, Mech::Spnego, ERROR)?,
            ),
        };
        let answer = accept_token(cx, &mut context, &credentials, input)?;
        if !context.is_complete() {
            self.0 = Some((context, credentials));
            return Ok(Step::Continue(answer));
        }
        let auth = identify_client(cx, &mut context, None, CanonFlags::default(), ERROR)?;
        let layer = layer(context, &**cx)?;
        Ok(Step::Done(Outcome { auth, data: Some(answer).filter(|answer| !answer.is_empty()), layer }))
    }
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
}

impl Client {
    fn begin(cx: &ClientCx<'_>) -> Result<Self> {
        let (initiation, token) = Initiation::begin(cx, Mech::Spnego, flags(&**cx))?;
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
        match std::mem::take(self) {
            Client::Prepared(initiation, token) => {
                *self = Client::Initiating(initiation);
                Ok(ClientStep::Continue(Some(token)))
            }
            Client::Initiating(mut initiation) => {
                let answer = initiation.next(Some(input.unwrap_or_default()))?;
                if !initiation.is_complete() {
                    *self = Client::Initiating(initiation);
                    return Ok(ClientStep::Continue(Some(answer)));
                }
                let (context, _) = initiation.identify(cx)?;
                let layer = layer(context, &**cx)?;
                Ok(ClientStep::Done { response: Some(answer).filter(|answer| !answer.is_empty()), layer })
            }
            Client::Failed | Client::Start => Err(Error::protocol("the exchange has failed")),
        }
    }
}

/// The layer that the context's guarantees stand for. The other side lays it as well, so it cannot be a weaker one; there is
/// none where the application has no place for its packets.
fn layer(mut context: Context, world: &dyn World) -> Result<Option<Box<dyn SecurityLayer>>> {
    let own = world.security().max_buf;
    let ssf = match strength(&context) {
        _ if own == 0 => 0,
        Some(ssf) if context.has(flag::INTEGRITY) => ssf,
        _ => Ssf::from(context.has(flag::INTEGRITY)),
    };
    let (min, _) = world.security().layer_window(world.external_ssf());
    if ssf < min {
        let text = format!("GSS-SPNEGO: the security context has a layer of strength {ssf}, {min} is demanded");
        return Err(Error::new(Code::TooWeak, text));
    }
    if ssf > 0 && !context.has(flag::SEQUENCE) {
        return Err(Error::protocol(
            "GSS-SPNEGO: the security context has a layer, but does not keep the order of its packets",
        ));
    }
    if ssf == 0 {
        return Ok(None);
    }
    // Nobody has told the other's limit: it is taken to be ours. Cyrus SASL does not count what a packet has more than it carries.
    let max_input = max_input(&mut context, own, "GSS-SPNEGO")?;
    let sizes = Sizes { own: own.saturating_add(own - max_input), max_input };
    Ok(Some(Box::new(Layer::new(context, ssf, sizes, ERROR))))
}
