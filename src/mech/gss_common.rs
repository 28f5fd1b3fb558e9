//! What the mechanisms over the GSS-API have in common: credentials, names, and the security layer.

use super::{Facts, Side};
use crate::chanbind::ChannelBinding;
use crate::config::Options;
use crate::ctx::{Authenticated, ClientCx, ServerCx};
use crate::error::{Code, Error, Result};
use crate::gss::{self, Acceptor, Context, Cred, Credentials, Failure, Mech, Name, Usage, flag};
use crate::identity::CanonFlags;
use crate::layer::{Framer, SecurityLayer, frame};
use crate::log::Level;
use crate::policy::{Refusal, SecurityFlags, Ssf};
use crate::prompt::{Prompt, PromptKind};

/// What GSSAPI and GSS-SPNEGO guarantee, and GS2-KRB5.
pub const SECURITY: SecurityFlags = SecurityFlags::NO_ANONYMOUS
    .and(SecurityFlags::NO_PLAINTEXT)
    .and(SecurityFlags::NO_ACTIVE)
    .and(SecurityFlags::PASS_CREDENTIALS)
    .and(SecurityFlags::MUTUAL_AUTH);

/// The strength of the strongest cipher that Kerberos has.
pub const MAX_SSF: Ssf = 256;

/// What a library that does not tell the strength of a context is believed to have: the old DES.
const UNTOLD_SSF: Ssf = 56;

/// The longest packet that can be announced (RFC 4752 section 3.1: three bytes).
pub const MAX_SIZE: u32 = 0x00ff_ffff;

/// Whether there is a library, and on a server a key of the service.
///
/// # Errors
/// Why not.
pub fn available(facts: &Facts<'_>) -> Result<(), Refusal> {
    let refuse = |reason: String| Refusal::Unavailable(reason);
    if facts.side == Side::Client || facts.gss_credentials.is_some() {
        return gss::load().map_err(|failure| refuse(failure.to_string()));
    }
    let option = |name| facts.options.get(Some("GSSAPI"), name);
    let (keytab, principal) = (option("keytab"), option("service_principal"));
    let (keytab, principal) = (keytab.as_deref(), principal.as_deref());
    let acceptor = Acceptor { service: facts.service, fqdn: facts.fqdn, keytab, principal };
    acceptor.look_for().map_err(refuse)
}

/// Opens the library where a server may have a key. One that has none is spared it, and so are clients: they find their tickets
/// where they find the library.
pub fn prepare(options: &dyn Options) {
    if gss::has_keytab(options.get(Some("GSSAPI"), "keytab").as_deref()) {
        // What is missing is told to whoever needs it.
        let _ = gss::load();
    }
}

/// The error of a failed call: `GSSAPI Error: ...`, or what else stands before the colon.
pub fn error(what: &str, code: Code) -> impl Fn(Failure) -> Error {
    move |failure| Error::new(code, format!("{what}: {failure}"))
}

/// The server's own credentials: those of the application, or from the keytab.
///
/// # Errors
/// Why there are none.
pub fn server_credentials(cx: &ServerCx<'_>, mech: Mech, what: &str) -> Result<Credentials> {
    if let Some(given) = cx.gss_credentials() {
        return Ok(Credentials::Foreign(given));
    }
    let (keytab, principal) = (cx.option("keytab"), cx.option("service_principal"));
    let acceptor =
        Acceptor { service: cx.service(), fqdn: cx.fqdn(), keytab: keytab.as_deref(), principal: principal.as_deref() };
    acceptor.acquire(mech).map(Credentials::Own).map_err(error(what, Code::Fail))
}

/// The client's own credentials: those of the application, of this name, or any.
///
/// # Errors
/// Why there are none.
pub fn client_credentials(
    cx: &ClientCx<'_>,
    name: Option<&Name>,
    mech: Mech,
) -> std::result::Result<Credentials, Failure> {
    match cx.gss_credentials() {
        Some(given) => Ok(Credentials::Foreign(given)),
        None => Cred::acquire(name, Usage::Initiate, mech, None).map(Credentials::Own),
    }
}

/// The service that a client wants to reach.
///
/// # Errors
/// When the host's name is not known.
pub fn target(cx: &ClientCx<'_>, what: &str) -> Result<Name> {
    let fqdn = cx.fqdn().ok_or_else(|| Error::fail(format!("{what}: no serverFQDN")))?;
    Name::service(&format!("{}@{fqdn}", cx.service())).map_err(error(what, Code::Fail))
}

/// The name that a client wants to act as, as the application gives it; empty for none.
///
/// # Errors
/// As [`ClientWorld::ask`](crate::ctx::ClientWorld::ask); for a name with a NUL in it.
pub fn authzid(cx: &ClientCx<'_>) -> Result<Vec<u8>> {
    let user = cx.optional(Prompt::new(PromptKind::User).with_default(""))?.unwrap_or_default();
    if user.expose().contains(&0) {
        return Err(Error::param("a name to act as with a NUL in it"));
    }
    Ok(user.expose().to_vec())
}

/// What was begun before the first step, or nothing where the user has to be asked first.
///
/// # Errors
/// Any other.
pub fn unless_asking<T>(begun: Result<T>) -> Result<Option<T>> {
    match begun {
        Err(error) if error.code() == Code::Interact => Ok(None),
        other => other.map(Some),
    }
}

/// The channel binding of this side, if the application gave one.
///
/// # Errors
/// [`Code::BadBinding`] for one without data, which would bind nothing.
pub fn channel_binding(binding: Option<ChannelBinding>) -> Result<Option<Vec<u8>>> {
    match binding {
        Some(binding) if binding.data.is_empty() => {
            Err(Error::new(Code::BadBinding, format!("the channel binding {} is empty", binding.name)))
        }
        other => Ok(other.map(|binding| binding.data)),
    }
}

/// The name of a client as a server knows it: without the realm where that is the server's own.
///
/// # Errors
/// When the library cannot write it, or it has a NUL in it.
pub fn local_name(peer: &Name, what: &str) -> Result<Vec<u8>> {
    let full = display(Some(peer), what)?;
    let bare =
        full.iter().rposition(|byte| *byte == b'@').and_then(|at| full.get(..at)).filter(|bare| !bare.is_empty());
    match bare {
        Some(bare) if Name::user(bare).is_ok_and(|name| name.is_same(peer)) => Ok(bare.to_vec()),
        _ => Ok(full),
    }
}

/// A name in full.
///
/// # Errors
/// As [`local_name`].
pub fn display(name: Option<&Name>, what: &str) -> Result<Vec<u8>> {
    let name = name.ok_or_else(|| Error::fail(format!("{what}: the security context has no name")))?;
    let full = name.display().map_err(error(what, Code::Fail))?;
    if full.contains(&0) {
        return Err(Error::bad_auth(format!("{what}: a name with a NUL in it")));
    }
    Ok(full)
}

/// Takes the names of a client that a context has authenticated, keeps the context's for the application, and gives the proof.
/// `how` is how far the name to act as is vouched for.
///
/// # Errors
/// As [`ServerCx::identify`] and [`ServerCx::accepted`].
pub fn identify_client(
    cx: &ServerCx<'_>,
    context: &mut Context,
    authzid: Option<&[u8]>,
    how: CanonFlags,
    what: &str,
) -> Result<Authenticated> {
    let auth = cx.accepted(context)?;
    let parties = context.parties().map_err(error(what, Code::Fail))?;
    let peer = parties.peer.as_ref().ok_or_else(|| Error::bad_auth(format!("{what}: the client has no name")))?;
    let authcid = local_name(peer, what)?;
    // Kerberos vouches for the client: the stores need not know it.
    let verified = CanonFlags::EXTERNALLY_VERIFIED;
    match authzid {
        None => cx.canonicalize(&authcid, CanonFlags::AUTHID.and(CanonFlags::AUTHZID).and(verified))?,
        Some(authzid) => {
            cx.canonicalize(authzid, CanonFlags::AUTHZID.and(how))?;
            cx.canonicalize(&authcid, CanonFlags::AUTHID.and(verified))?;
        }
    }
    if let (Some(delegated), Some(template)) = (&parties.delegated, cx.option("ccache_store"))
        && let Err(reason) = store(delegated, &template, &authcid)
    {
        cx.log(Level::Err, &format!("ccache_store: the delegated credentials are not stored: {reason}"));
    }
    cx.keep_parties(parties);
    Ok(auth)
}

/// Puts delegated credentials where the option `ccache_store` says: `%u` is the client's name, `%e` the effective user ID and
/// `%p` the process ID.
fn store(delegated: &Cred, template: &str, user: &[u8]) -> std::result::Result<(), String> {
    let cache = cache_name(template, user)?;
    delegated.store(&cache).map_err(|failure| format!("{cache}: {failure}"))
}

fn cache_name(template: &str, user: &[u8]) -> std::result::Result<String, String> {
    let user = str::from_utf8(user).map_err(|_| "the client's name is not UTF-8".to_owned())?;
    let mut cache = String::new();
    let mut rest = template.chars();
    while let Some(next) = rest.next() {
        match (next, if next == '%' { rest.next() } else { None }) {
            ('%', Some('u')) if user.contains(['/', ':']) || user.starts_with('.') => {
                return Err(format!("the name {user:?} cannot be in that of a file"));
            }
            ('%', Some('u')) => cache.push_str(user),
            ('%', Some('e')) => cache.push_str(&gss::effective_user()),
            ('%', Some('p')) => cache.push_str(&std::process::id().to_string()),
            ('%', Some('%')) => cache.push('%'),
            ('%', other) => return Err(format!("%{} is not known", other.map(String::from).unwrap_or_default())),
            (other, _) => cache.push(other),
        }
    }
    Ok(cache)
}

/// What a security layer of a context can be, between these limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protections {
    /// No layer.
    pub none: bool,
    /// Integrity.
    pub integrity: bool,
    /// Confidentiality of this strength.
    pub confidentiality: Option<Ssf>,
}

impl Protections {
    /// Those that the context has and the limits of the connection allow.
    pub fn of(context: &Context, (min, max): (Ssf, Ssf)) -> Self {
        // Without it messages that were left out, or sent again, would not be noticed.
        let has = |flags| context.has(flags | flag::SEQUENCE);
        let strength = strength(context).filter(|_| has(flag::CONFIDENTIALITY | flag::INTEGRITY));
        Protections {
            none: min == 0,
            integrity: min <= 1 && max >= 1 && has(flag::INTEGRITY),
            confidentiality: strength.filter(|ssf| (min..=max).contains(ssf)),
        }
    }
}

/// The strength of the context's cipher, if it has one.
pub fn strength(context: &Context) -> Option<Ssf> {
    let ssf = context.ssf().unwrap_or(UNTOLD_SSF);
    (ssf > 1 && context.has(flag::CONFIDENTIALITY)).then_some(ssf)
}

/// A security layer: each packet is a message of the context.
pub struct Layer {
    context: Context,
    ssf: Ssf,
    max_input: u32,
    must_be_encrypted: bool,
    framer: Framer,
    what: &'static str,
}

/// How large packets may be.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// The longest packet that this side takes.
    pub own: u32,
    /// The most that one packet can carry.
    pub max_input: u32,
}

/// The most that a packet of at most so many bytes can carry.
///
/// # Errors
/// When that is nothing.
pub fn max_input(context: &mut Context, size: u32, what: &str) -> Result<u32> {
    match context.wrap_size_limit(true, size).map_err(error(what, Code::Fail))? {
        0 => Err(Error::protocol(format!(
            "{what}: the other side takes packets of {size} bytes, which can carry nothing"
        ))),
        most => Ok(most),
    }
}

impl Layer {
    /// A layer of this strength over an established context.
    pub fn new(context: Context, ssf: Ssf, sizes: Sizes, what: &'static str) -> Self {
        let Sizes { own, max_input } = sizes;
        Layer { context, ssf, max_input, must_be_encrypted: ssf > 1, framer: Framer::new(own), what }
    }

    /// For a peer that may take the choice of confidentiality for one of integrity.
    pub fn tolerating_signed_packets(mut self) -> Self {
        self.must_be_encrypted = false;
        self
    }
}

impl SecurityLayer for Layer {
    fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        frame(out, |out| {
            let packet = self.context.wrap(self.ssf > 1, input).map_err(error(self.what, Code::Fail))?;
            out.extend_from_slice(&packet);
            Ok(())
        })
    }

    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let (context, must_be_encrypted, what) = (&mut self.context, self.must_be_encrypted, self.what);
        self.framer.decode(input, out, |packet, out| {
            let encrypted = context.unwrap(packet, out).map_err(error(what, Code::Fail))?;
            if must_be_encrypted && !encrypted {
                return Err(Error::fail(format!("{what}: a packet is not encrypted, although that was agreed on")));
            }
            Ok(())
        })
    }

    fn ssf(&self) -> u32 {
        self.ssf
    }

    fn max_input(&self) -> u32 {
        self.max_input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_of_delegated_credentials_is_named_by_its_template() {
        let pid = std::process::id();
        assert_eq!(cache_name("FILE:/tmp/cc_%u_%p%%", b"alice").unwrap(), format!("FILE:/tmp/cc_alice_{pid}%"));
        assert_eq!(cache_name("MEMORY:%e", b"a/b").unwrap(), format!("MEMORY:{}", gss::effective_user()));
        for (template, user) in
            [("%u", &b"a/b"[..]), ("%u", b".."), ("%u", b"DIR:x"), ("%u", b"\xff"), ("%E", b"a"), ("a%", b"a")]
        {
            assert!(cache_name(template, user).is_err(), "{template} {user:?}");
        }
    }
}
