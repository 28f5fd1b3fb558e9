//! GS2-KRB5 and GS2-KRB5-PLUS (RFC 5801): Kerberos V5 authentication bound to a header that tells whom the client wants to act
//! as, and to the channel underneath. There is no security layer.

use std::borrow::Cow;

use super::gss_common::{
    self, SECURITY, authzid, available, client_credentials, display, error, identify_client, server_credentials,
    target, unless_asking,
};
use super::{ClientMech, ClientStep, Facts, MechInfo, Mechanism, Outcome, ServerMech, Step};
use crate::chanbind::{BindingFlag, binding_name};
use crate::config::Options;
use crate::ctx::{BindingChoice, ClientCx, ServerCx};
use crate::error::{Code, Error, Result};
use crate::gss::{Context, Cred, Credentials, Mech, Name, flag};
use crate::identity::CanonFlags;
use crate::policy::{Features, Refusal};
use crate::prompt::{Prompt, PromptKind};
use crate::text::{escape_name, unescape_name};

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct Krb5;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("GS2-KRB5"),
    plugin: Cow::Borrowed("gs2"),
    max_ssf: 0,
    security: SECURITY,
    hash_bits: 0,
    server: Some(Features::CLIENT_FIRST.and(Features::GSS_FRAMING).and(Features::CHANNEL_BINDING)),
    client: Some(
        Features::CLIENT_FIRST
            .and(Features::GSS_FRAMING)
            .and(Features::NEEDS_SERVER_FQDN)
            .and(Features::CHANNEL_BINDING),
    ),
    prompts: Cow::Borrowed(&[]),
};

const ERROR: &str = "GS2 Error";
const ACCEPT: &str = "GS2 Failure: gss_accept_sec_context";

/// The object identifier of Kerberos V5, as the first token of a context names it.
const KRB5: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
/// What begins such a token (RFC 2743 section 3.1).
const TOKEN: u8 = 0x60;

impl Mechanism for Krb5 {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn prepare(&self, options: &dyn Options) {
        gss_common::prepare(options);
    }

    fn available(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        available(facts)
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server(None)))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client::Start))
    }
}

/// The header of a client's first message.
#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    flag: BindingFlag<'a>,
    authzid: Option<Vec<u8>>,
    /// All of it.
    text: &'a [u8],
    /// What follows it.
    token: &'a [u8],
}

/// RFC 5801 section 4. Kerberos needs no `F`, which stands for tokens of another form.
fn parse_header(input: &[u8]) -> Result<Header<'_>> {
    let malformed = || Error::protocol("GS2-KRB5: the header is malformed");
    let mut fields = input.splitn(3, |byte| *byte == b',');
    let (Some(flag_field), Some(name_field), Some(token)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(malformed());
    };
    let flag = match flag_field {
        b"n" => BindingFlag::Unsupported,
        b"y" => BindingFlag::ServerLacksIt,
        [b'p', b'=', name @ ..] => BindingFlag::Used(binding_name(name).ok_or_else(malformed)?),
        _ => return Err(malformed()),
    };
    let authzid = match name_field {
        b"" => None,
        [b'a', b'=', name @ ..] if !name.is_empty() && !name.contains(&0) => {
            Some(unescape_name(name).ok_or_else(malformed)?)
        }
        _ => return Err(malformed()),
    };
    let text = input.get(..input.len() - token.len()).unwrap_or_default();
    Ok(Header { flag, authzid, text, token })
}

/// A token with the beginning that GS2 leaves out (RFC 5801 section 3.2).
fn with_framing(token: &[u8]) -> Vec<u8> {
    let length = KRB5.len() + token.len();
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().position(|byte| *byte != 0).and_then(|at| bytes.get(at..)).unwrap_or_default();
    let mut framed = vec![TOKEN];
    match (significant, u8::try_from(significant.len())) {
        (&[short], _) if short < 0x80 => framed.push(short),
        (long, Ok(count)) => {
            framed.push(0x80 | count);
            framed.extend_from_slice(long);
        }
        _ => {}
    }
    framed.extend_from_slice(KRB5);
    framed.extend_from_slice(token);
    framed
}

/// A token without its beginning; `None` when it has another.
fn without_framing(framed: &[u8]) -> Option<&[u8]> {
    let rest = framed.strip_prefix(&[TOKEN])?;
    let (&first, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(if first < 0x80 { 0 } else { first & 0x7f })..)?;
    let token = rest.strip_prefix(KRB5)?;
    (with_framing(token) == framed).then_some(token)
}

/// What the server keeps once the client has sent its header.
struct Accepting {
    context: Context,
    credentials: Credentials,
    authzid: Option<Vec<u8>>,
    binding: Vec<u8>,
}

struct Server(Option<Accepting>);

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        let (mut accepting, answer) = match self.0.take() {
            Some(mut accepting) => {
                let answer = accepting.accept(input)?;
                (accepting, answer)
            }
            None => {
                let header = parse_header(input)?;
                // The binding covers the header, so that nobody changes it (RFC 5801 section 5.1).
                let mut binding = header.text.to_vec();
                binding.extend(cx.check_binding(header.flag)?.map(|binding| binding.data).unwrap_or_default());
                let mut accepting = Accepting {
                    context: Context::new(Mech::Krb5).map_err(error(ERROR, Code::Fail))?,
                    credentials: server_credentials(cx, Mech::Krb5, ERROR)?,
                    authzid: header.authzid,
                    binding,
                };
                let answer = accepting.accept(&with_framing(header.token))?;
                (accepting, answer)
            }
        };
        if !accepting.context.is_complete() {
            self.0 = Some(accepting);
            return Ok(Step::Continue(answer));
        }
        // A token without a binding is accepted by the library, but could have been made for something else.
        if !accepting.context.has(flag::BOUND) {
            let text = "GS2-KRB5: the client's token is not bound to the header (MIT Kerberos tells since 1.19)";
            return Err(Error::new(Code::BadBinding, text));
        }
        let auth =
            identify_client(cx, &mut accepting.context, accepting.authzid.as_deref(), CanonFlags::default(), ERROR)?;
        Ok(Step::Done(Outcome { auth, data: Some(answer).filter(|answer| !answer.is_empty()), layer: None }))
    }
}

impl Accepting {
    fn accept(&mut self, token: &[u8]) -> Result<Vec<u8>> {
        self.context.accept(&self.credentials, token, Some(&self.binding)).map_err(|failure| {
            let code = if failure.bad_bindings { Code::BadBinding } else { Code::BadAuth };
            error(ACCEPT, code)(failure)
        })
    }
}

/// What the client keeps while the context is being established.
struct Initiating {
    context: Context,
    credentials: Credentials,
    target: Name,
    binding: Vec<u8>,
    /// Whom to act as, where the application has not told the name that the user goes by: the names are then not taken yet.
    unnamed: Option<Vec<u8>>,
}

/// Where a client stands.
#[derive(Default)]
enum Client {
    #[default]
    Failed,
    /// Nothing has been done yet.
    Start,
    /// The first message is there to be sent.
    Prepared(Initiating, Vec<u8>),
    /// The server has the last token.
    Initiating(Initiating),
}

impl Client {
    fn begin(cx: &ClientCx<'_>) -> Result<Self> {
        let authname = cx.optional(Prompt::new(PromptKind::AuthName))?;
        let authname = authname.map(|name| name.expose().to_vec()).filter(|name| !name.is_empty());
        let mut authzid = authzid(cx)?;
        if Some(&authzid) == authname.as_ref() {
            authzid.clear();
        }
        if let Some(name) = &authname {
            cx.identify(name, Some(&authzid))?;
        }
        let credentials = find_credentials(cx, authname.as_deref())?;
        let (header, binding) = header(cx, &authzid)?;
        let mut initiating = Initiating {
            context: Context::new(Mech::Krb5).map_err(error(ERROR, Code::Fail))?,
            credentials,
            target: target(cx, "GS2 Failure")?,
            binding: [&header[..], &binding].concat(),
            unnamed: authname.is_none().then_some(authzid),
        };
        let framed = initiating.next(None)?;
        let token =
            without_framing(&framed).ok_or_else(|| Error::fail("GS2-KRB5: the first token is not Kerberos V5's"))?;
        let message = [&header[..], token].concat();
        Ok(Client::Prepared(initiating, message))
    }
}

/// Tickets of the user of this name, or else those that the Kerberos server gives for a password.
fn find_credentials(cx: &ClientCx<'_>, authname: Option<&[u8]>) -> Result<Credentials> {
    let name = authname.map(Name::user).transpose().map_err(error(ERROR, Code::Fail))?;
    let missing = match client_credentials(cx, name.as_ref(), Mech::Krb5) {
        Ok(found) => return Ok(found),
        Err(failure) => error(ERROR, Code::Fail)(failure),
    };
    let Some(name) = name else { return Err(missing) };
    let Some(password) = cx.optional(Prompt::new(PromptKind::Pass))? else { return Err(missing) };
    let obtained = Cred::with_password(&name, password.expose(), Mech::Krb5);
    obtained.map(Credentials::Own).map_err(error(ERROR, Code::Fail))
}

/// The header, and the data of the channel binding that it names.
fn header(cx: &ClientCx<'_>, authzid: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let (mut header, data) = match cx.binding_choice() {
        BindingChoice::None => (b"n,".to_vec(), Vec::new()),
        BindingChoice::ServerLacksIt => (b"y,".to_vec(), Vec::new()),
        BindingChoice::Use => {
            let unusable = || Error::new(Code::BadBinding, "GS2-KRB5: the channel binding has no name or no data");
            let binding = cx.binding(None).filter(|binding| !binding.data.is_empty()).ok_or_else(unusable)?;
            let name = binding_name(binding.name.as_bytes()).ok_or_else(unusable)?;
            (format!("p={name},").into_bytes(), binding.data)
        }
    };
    if !authzid.is_empty() {
        header.extend_from_slice(b"a=");
        escape_name(authzid, &mut header);
    }
    header.push(b',');
    Ok((header, data))
}

impl Initiating {
    fn next(&mut self, token: Option<&[u8]>) -> Result<Vec<u8>> {
        let flags = flag::MUTUAL | flag::SEQUENCE | flag::INTEGRITY;
        let initiated = self.context.initiate(&self.credentials, &self.target, flags, Some(&self.binding), token);
        initiated.map_err(error(ERROR, Code::Fail))
    }

    fn identify(mut self, cx: &ClientCx<'_>) -> Result<()> {
        if !self.context.has(flag::MUTUAL) {
            return Err(Error::new(Code::BadServ, "GS2-KRB5: the server has not authenticated itself"));
        }
        let parties = self.context.parties().map_err(error(ERROR, Code::Fail))?;
        if let Some(authzid) = &self.unnamed {
            cx.identify(&display(parties.local.as_ref(), ERROR)?, Some(authzid))?;
        }
        cx.keep_parties(parties);
        Ok(())
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
            Client::Prepared(initiating, message) => {
                *self = Client::Initiating(initiating);
                Ok(ClientStep::Continue(Some(message)))
            }
            Client::Initiating(mut initiating) => {
                let answer = initiating.next(Some(input.unwrap_or_default()))?;
                if !initiating.context.is_complete() {
                    *self = Client::Initiating(initiating);
                    return Ok(ClientStep::Continue(Some(answer)));
                }
                initiating.identify(cx)?;
                Ok(ClientStep::Done { response: Some(answer).filter(|answer| !answer.is_empty()), layer: None })
            }
            Client::Failed | Client::Start => Err(Error::protocol("the exchange has failed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_to_the_letter() {
        let read = |text: &'static [u8]| {
            parse_header(text).map(|header| (header.flag, header.authzid, header.text, header.token))
        };
        let none = BindingFlag::Unsupported;
        assert_eq!(read(b"n,,\x01,\x00").unwrap(), (none, None, &b"n,,"[..], &b"\x01,\x00"[..]));
        assert_eq!(read(b"y,,").unwrap(), (BindingFlag::ServerLacksIt, None, &b"y,,"[..], &b""[..]));
        let (flag, authzid, text, token) = read(b"p=tls-exporter,a=b=2Cc=3Dd,t").unwrap();
        assert_eq!((flag, authzid.as_deref()), (BindingFlag::Used("tls-exporter"), Some(&b"b,c=d"[..])));
        assert_eq!((text, token), (&b"p=tls-exporter,a=b=2Cc=3Dd,"[..], &b"t"[..]));
        for bad in [
            &b""[..],
            b"n",
            b"n,",
            b",,",
            b"x,,t",
            b"N,,t",
            b"nn,,t",
            b"n=,,t",
            b"p,,t",
            b"p=,,t",
            b"p=a_b,,t",
            b"F,n,,t",
            b"n,b,t",
            b"n,a,t",
            b"n,a=,t",
            b"n,a=x=2cy,t",
            b"n,a=x=,t",
            b"n,a=a\0b,t",
            b"n,a=\xff,t",
            b"n,A=b,t",
        ] {
            assert!(parse_header(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn the_beginning_of_a_token_is_cut_off_and_put_back() {
        for length in [0, 1, 100, 116, 117, 244, 245, 65_524, 65_525, 70_000] {
            let token = vec![b'x'; length];
            let framed = with_framing(&token);
            assert_eq!(without_framing(&framed), Some(&token[..]), "{length}");
            // What is cut off or goes on after the end is none.
            for at in [0, 1, 2, 5, framed.len() - 1] {
                assert_eq!(without_framing(framed.get(..at).unwrap()), None, "{length} {at}");
            }
            assert_eq!(without_framing(&[&framed[..], b"x"].concat()), None, "{length}");
        }
        assert_eq!(with_framing(b"ab"), b"\x60\x0d\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02ab");
        assert_eq!(with_framing(&[0; 200]).get(..3).unwrap(), b"\x60\x81\xd3");
        // Another mechanism's, and a length in more bytes than it needs.
        assert_eq!(without_framing(b"\x60\x08\x06\x06\x2b\x06\x01\x05\x05\x02"), None);
        assert_eq!(without_framing(b"\x60\x81\x0d\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02ab"), None);
        assert_eq!(without_framing(b"\x60\xff"), None);
    }
}
