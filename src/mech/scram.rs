//! SCRAM over SHA-1 (RFC 5802), SHA-256 (RFC 7677) and their relatives SHA-224, SHA-384 and SHA-512, with and without
//! channel binding (`-PLUS`).
//!
//! The server needs the password, or a verifier that helps nobody to log in. A user who is not there, or has neither, gets
//! a salt that is the same every time, does the same work and is refused at the end as for a wrong password.

use std::borrow::Cow;

use subtle::{Choice, ConstantTimeEq};

use super::{ClientMech, ClientStep, MechInfo, Mechanism, NAME_AND_PASSWORD, Outcome, ServerMech, Step};
use crate::b64;
use crate::chanbind::binding_name;
use crate::config::Options;
use crate::crypto::{Digest, Hash, ScramKeys, ScramVerifier, StoredPassword, salted_password, scram_proof};
use crate::ctx::{BindingChoice, ClientCx, ServerCx};
use crate::error::{Code, Error, Result};
use crate::identity::{Account, CanonFlags};
use crate::log::Level;
use crate::policy::{Features, SecurityFlags};
use crate::rng;
use crate::secret::Secret;
use crate::text::{escape_name, prepared_password, saslprep};

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod grammar;
#[cfg(test)]
mod tests;

use grammar::{ClientFinal, ClientFirst, ServerFirst, parse_count, parse_server_final};

/// One of the mechanisms.
#[derive(Debug)]
pub struct Scram {
    kind: Kind,
    info: MechInfo,
}

/// SCRAM-SHA-1.
pub static SHA1: Scram = Scram::new("SCRAM-SHA-1", Hash::Sha1);
/// SCRAM-SHA-224.
pub static SHA224: Scram = Scram::new("SCRAM-SHA-224", Hash::Sha224);
/// SCRAM-SHA-256.
pub static SHA256: Scram = Scram::new("SCRAM-SHA-256", Hash::Sha256);
/// SCRAM-SHA-384.
pub static SHA384: Scram = Scram::new("SCRAM-SHA-384", Hash::Sha384);
/// SCRAM-SHA-512.
pub static SHA512: Scram = Scram::new("SCRAM-SHA-512", Hash::Sha512);

/// The longest message that either side takes, in bytes.
const MAX_INPUT: usize = 2048;
/// The shortest first message of either side.
const MIN_FIRST: usize = 10;
/// The random bytes of a nonce.
const NONCE_BYTES: usize = 24;
/// The number of iterations that a server asks for, and the least that a client computes, unless options say otherwise
/// (RFC 7677 section 4).
const ITERATIONS: u32 = 4096;
/// A server that asks for more iterations wants to keep the client busy.
const MAX_ITERATIONS: u32 = 65536;
/// The number of iterations in the verifiers that are made, unless an option says otherwise: it is paid once for each
/// password that is set, and by clients.
const VERIFIER_ITERATIONS: u32 = 15_000;
/// The length of the salt in the verifiers that are made for this library, in bytes.
const VERIFIER_SALT: usize = 16;

const PASSWORD: &str = "*userPassword";
const VERIFIERS: &str = "*authPassword";
const OWN_SECRET: &str = "authPassword";
const MISMATCH: &str = "StoredKey mismatch";

impl Scram {
    const fn new(name: &'static str, hash: Hash) -> Self {
        let features = Features::PROXY.and(Features::HTTP).and(Features::CHANNEL_BINDING);
        let info = MechInfo {
            name: Cow::Borrowed(name),
            plugin: Cow::Borrowed("scram"),
            max_ssf: 0,
            security: SecurityFlags::NO_PLAINTEXT
                .and(SecurityFlags::NO_ACTIVE)
                .and(SecurityFlags::NO_ANONYMOUS)
                .and(SecurityFlags::MUTUAL_AUTH),
            hash_bits: hash.len() as u32 * 8,
            server: Some(features),
            client: Some(features),
            prompts: NAME_AND_PASSWORD,
        };
        Scram { kind: Kind { name, hash }, info }
    }
}

impl Mechanism for Scram {
    fn info(&self) -> &MechInfo {
        &self.info
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server { kind: self.kind, state: ServerState::Silent }))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client { kind: self.kind, state: ClientState::Start }))
    }

    fn own_secret(&self) -> Option<&'static str> {
        Some(OWN_SECRET)
    }

    /// A verifier (RFC 5803).
    fn derive_secret(&self, options: &dyn Options, _: &Account, password: &Secret) -> Result<Secret> {
        let Kind { name, hash } = self.kind;
        let mut salt = vec![0; VERIFIER_SALT];
        rng::fill(&mut salt)?;
        let iterations = verifier_iterations(options.get(None, ITERATIONS_OPTION).as_deref());
        let keys = ScramKeys::derive(hash, prepared_password(password.expose()).expose(), &salt, iterations);
        Ok(ScramVerifier { iterations, salt, keys }.to_text(name))
    }

    fn is_secret_of(&self, stored: &Secret, _: &Account, password: &Secret) -> bool {
        match StoredPassword::parse(stored.expose()) {
            StoredPassword::Scram(hash, verifier) => hash == self.kind.hash && verifier.is_of(hash, password).into(),
            _ => false,
        }
    }
}

/// The option for the number of iterations.
const ITERATIONS_OPTION: &str = "scram_iteration_counter";

/// The number of iterations of new verifiers, given the value of the option.
fn verifier_iterations(option: Option<&str>) -> u32 {
    let count = option.and_then(|value| parse_count(value.trim().as_bytes())).filter(|count| *count > 0);
    count.map_or(VERIFIER_ITERATIONS, |count| count.min(MAX_ITERATIONS))
}

/// What the mechanisms differ in.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    hash: Hash,
}

// ---- Server ----

struct Server {
    kind: Kind,
    state: ServerState,
}

enum ServerState {
    /// The client may speak first.
    Silent,
    /// The client was told to speak.
    Asked,
    /// The client has a salt, and is to send its proof.
    Challenged(Box<Challenged>),
    /// An earlier step failed or was the last.
    Over,
}

struct Challenged {
    known: Known,
    /// Why the client may not act as whom it wants to, which only a client with the right password is told.
    no_authzid: Option<Error>,
    /// What `c=` must stand for.
    binding: Vec<u8>,
    header_len: usize,
    nonce: Vec<u8>,
    client_first_bare: Vec<u8>,
    server_first: Vec<u8>,
}

/// What the server knows of a user.
struct Known {
    salt: Vec<u8>,
    iterations: u32,
    /// A proof made with any of these will do.
    keys: Vec<ScramKeys>,
    /// Why no proof will do, though there are keys to compare it with.
    refusal: Option<Error>,
}

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        match std::mem::replace(&mut self.state, ServerState::Over) {
            ServerState::Silent if input.is_empty() => {
                self.state = ServerState::Asked;
                Ok(Step::Continue(Vec::new()))
            }
            ServerState::Silent | ServerState::Asked => {
                let challenged = challenge(self.kind, cx, input)?;
                let message = challenged.server_first.clone();
                self.state = ServerState::Challenged(Box::new(challenged));
                Ok(Step::Continue(message))
            }
            ServerState::Challenged(challenged) => challenged.verify(self.kind, cx, input),
            ServerState::Over => Err(Error::fail("the exchange is over")),
        }
    }
}

fn challenge(kind: Kind, cx: &ServerCx<'_>, input: &[u8]) -> Result<Challenged> {
    let message = ClientFirst::parse(kind, input)?;
    let user = match saslprep(&message.user) {
        Ok(prepared) if !prepared.is_empty() || message.user.is_empty() => prepared,
        _ => return Err(kind.bad("Invalid username")),
    };
    let mut binding = message.header.to_vec();
    if let Some(channel) = cx.check_binding(message.flag)? {
        binding.extend_from_slice(&channel.data);
    }
    let (known, no_authzid) = look_up(kind, cx, &user, message.authzid.as_deref())?;
    let nonce = [message.nonce, cx.nonce(NONCE_BYTES)?.as_bytes()].concat();
    let tail = format!(",s={},i={}", b64::encode(&known.salt), known.iterations);
    Ok(Challenged {
        known,
        no_authzid,
        binding,
        header_len: message.header.len(),
        server_first: [b"r=", &nonce[..], tail.as_bytes()].concat(),
        nonce,
        client_first_bare: message.bare.to_vec(),
    })
}

/// Takes the names and finds what to check the proof with. That there is no such user comes out at the end only.
fn look_up(kind: Kind, cx: &ServerCx<'_>, user: &[u8], authzid: Option<&[u8]>) -> Result<(Known, Option<Error>)> {
    const AS_USER: &str = "unable to canonify user and get auxprops";
    const AS_AUTHZID: &str = "unable to canonify authorization ID";
    let known_to_store = |result: Result<()>, what| match result {
        Err(error) if error.code() == Code::NoUser => Ok(false),
        Err(error) => Err(error.in_context(what)),
        Ok(()) => Ok(true),
    };
    cx.props().request([PASSWORD, VERIFIERS]);
    let both = if authzid.is_none() { CanonFlags::AUTHZID } else { CanonFlags::default() };
    let found = known_to_store(cx.canonicalize(user, CanonFlags::AUTHID.and(both)), AS_USER);
    let password = cx.props().first(PASSWORD);
    let verifiers = cx.props().all(VERIFIERS);
    let authzid_found = match authzid {
        Some(authzid) if found.is_ok() => known_to_store(cx.canonicalize(authzid, CanonFlags::AUTHZID), AS_AUTHZID),
        _ => Ok(true),
    };
    cx.props().erase(PASSWORD);
    cx.props().erase(VERIFIERS);
    let known = if found? {
        kind.known(cx, user, password, &verifiers)?
    } else {
        cx.log(Level::Debug, "user not found, going on with a made-up salt");
        kind.made_up(cx, user, Error::new(Code::NoUser, MISMATCH))?
    };
    let no_authzid = (!authzid_found?).then(|| Error::new(Code::NoUser, AS_AUTHZID));
    Ok((known, no_authzid))
}

impl Kind {
    fn known(self, cx: &ServerCx<'_>, user: &[u8], password: Option<Secret>, verifiers: &[Secret]) -> Result<Known> {
        let password = password.as_ref();
        if let Some(password) = password.and_then(|stored| StoredPassword::parse(stored.expose()).plain()) {
            return self.of_password(cx, user, password);
        }
        let verifier = |value: &Secret| match StoredPassword::parse(value.expose()) {
            StoredPassword::Scram(hash, verifier) if hash == self.hash => Some(verifier),
            _ => None,
        };
        if let Some(ScramVerifier { iterations, salt, keys }) = verifiers.iter().chain(password).find_map(verifier) {
            return Ok(Known { salt, iterations, keys: vec![keys], refusal: None });
        }
        let error = cx.no_secret();
        match (verifiers, password) {
            ([], None) => cx.log(Level::Fail, error.detail()),
            _ => cx.log(Level::Fail, &format!("No valid {} secret found", self.name)),
        }
        self.made_up(cx, user, error.in_context(MISMATCH))
    }

    fn of_password(self, cx: &ServerCx<'_>, user: &[u8], password: &[u8]) -> Result<Known> {
        if password.is_empty() {
            return self.made_up(cx, user, Error::fail("empty secret"));
        }
        let salt = self.salt(cx, user)?;
        let iterations = self.iterations(cx);
        let mut keys = vec![ScramKeys::derive(self.hash, password, &salt, iterations)];
        let prepared = prepared_password(password);
        if prepared.expose() != password {
            // Clients that follow RFC 5802 prepare the password, others do not.
            keys.push(ScramKeys::derive(self.hash, prepared.expose(), &salt, iterations));
        }
        Ok(Known { salt, iterations, keys, refusal: None })
    }

    /// What a user without a secret is told and compared with, in the form that new secrets have here: a password, or a
    /// verifier.
    fn made_up(self, cx: &ServerCx<'_>, user: &[u8], refusal: Error) -> Result<Known> {
        let mut salt = self.salt(cx, user)?;
        let (iterations, keys) = if cx.stores_verifiers() {
            salt.truncate(VERIFIER_SALT);
            let key = Secret::from(self.hash.hmac(rng::process_key()?, &[&salt]).as_ref());
            let iterations = verifier_iterations(cx.option(ITERATIONS_OPTION).as_deref());
            (iterations, ScramKeys::new(self.hash, key.clone(), key).into_iter().collect())
        } else {
            let iterations = self.iterations(cx);
            (iterations, vec![ScramKeys::derive(self.hash, rng::process_key()?, &salt, iterations)])
        };
        Ok(Known { salt, iterations, keys, refusal: Some(refusal) })
    }

    /// The salt of a user whose password is stored as it is, or who is not there: always the same, since otherwise asking
    /// twice would tell one from the other.
    fn salt(self, cx: &ServerCx<'_>, user: &[u8]) -> Result<Vec<u8>> {
        let user = cx.identity().authid.unwrap_or_else(|| user.into());
        let key = cx.salt_key()?;
        Ok(self.hash.hmac(key.expose(), &[b"salt", self.name.as_bytes(), b"\0", &user]).as_ref().to_vec())
    }

    fn iterations(self, cx: &ServerCx<'_>) -> u32 {
        const OPTION: &str = ITERATIONS_OPTION;
        let Some(value) = cx.option(OPTION) else { return ITERATIONS };
        let (iterations, why) = match parse_count(value.trim().as_bytes()) {
            None | Some(0) => (ITERATIONS, "not a positive number"),
            Some(count) if count <= MAX_ITERATIONS => return count,
            Some(_) => (MAX_ITERATIONS, "more than clients compute"),
        };
        cx.log(Level::Err, &format!("{OPTION} \"{value}\" is {why}, using {iterations}"));
        iterations
    }
}

impl Challenged {
    fn verify(self, kind: Kind, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        let message = ClientFinal::parse(kind, input)?;
        self.check_binding(kind, &message.binding)?;
        if message.nonce != self.nonce {
            return Err(Error::protocol(format!("Nonce mismatch {} input", kind.name)));
        }
        let auth_message: [&[u8]; 5] = [&self.client_first_bare, b",", &self.server_first, b",", message.without_proof];
        let mut equal = Choice::from(0);
        let mut signature = None;
        for keys in &self.known.keys {
            let proved = keys.proves(&message.proof, &auth_message);
            if signature.is_none() || bool::from(proved) {
                signature = Some(keys.sign(&auth_message));
            }
            equal |= proved;
        }
        if let Some(refusal) = self.known.refusal {
            return Err(refusal);
        }
        let auth = cx.proof(equal, MISMATCH)?;
        if let Some(error) = self.no_authzid {
            return Err(error);
        }
        let data = signature.map(|signature| format!("v={}", b64::encode(signature.as_ref())).into_bytes());
        Ok(Step::Done(Outcome { auth, data, layer: None }))
    }

    fn check_binding(&self, kind: Kind, theirs: &[u8]) -> Result<()> {
        if bool::from(self.binding.ct_eq(theirs)) {
            return Ok(());
        }
        let header = self.binding.get(..self.header_len).unwrap_or_default();
        Err(Error::protocol(if theirs.starts_with(header) && self.binding.len() > header.len() {
            format!("Channel bindings mismatch in {}", kind.name)
        } else {
            format!(
                "Channel bindings prefix doesn't match the one received in the GS2 header of {}. Expected \"{}\"",
                kind.name,
                header.escape_ascii()
            )
        }))
    }
}

// ---- Client ----

struct Client {
    kind: Kind,
    state: ClientState,
}

enum ClientState {
    Start,
    /// Waits for salt and iteration count.
    Hello(Box<Hello>),
    /// Waits for the server's signature, which must be this.
    Proved(Digest),
    /// An earlier step failed or was the last.
    Over,
}

struct Hello {
    password: Secret,
    /// What `c=` stands for.
    binding: Vec<u8>,
    bare: Vec<u8>,
    nonce: String,
}

impl ClientMech for Client {
    fn step(&mut self, cx: &ClientCx<'_>, input: Option<&[u8]>) -> Result<ClientStep> {
        match std::mem::replace(&mut self.state, ClientState::Over) {
            ClientState::Start => {
                // A question to the user comes before anything else, and then this step once more.
                self.state = ClientState::Start;
                let (hello, message) = hello(cx)?;
                self.state = ClientState::Hello(Box::new(hello));
                Ok(ClientStep::Continue(Some(message)))
            }
            ClientState::Hello(hello) => {
                let (message, signature) = hello.prove(self.kind, cx, input.unwrap_or_default())?;
                self.state = ClientState::Proved(signature);
                Ok(ClientStep::Continue(Some(message)))
            }
            ClientState::Proved(signature) => {
                let theirs = parse_server_final(self.kind, input.unwrap_or_default())?;
                if !bool::from(signature.matches(&theirs)) {
                    return Err(Error::bad_auth("ServerSignature mismatch"));
                }
                Ok(ClientStep::Done { response: None, layer: None })
            }
            ClientState::Over => Err(Error::fail("the exchange is over")),
        }
    }
}

/// What the client says first, and what it must remember of it.
fn hello(cx: &ClientCx<'_>) -> Result<(Hello, Vec<u8>)> {
    let credentials = cx.credentials(true)?;
    cx.identify(&credentials.authcid, credentials.authzid.as_deref())?;
    let authcid = cx.authid()?;
    let authcid = match saslprep(&authcid) {
        Ok(prepared) if !prepared.is_empty() => prepared,
        _ => return Err(Error::param("the user name is not UTF-8, or has characters that SASLprep prohibits")),
    };
    let (flag, data) = binding(cx)?;
    let mut header = [&flag[..], b","].concat();
    if let Some(authzid) = credentials.authzid.and(cx.identity().user) {
        if authzid.contains(&0) || str::from_utf8(&authzid).is_err() {
            return Err(Error::param("the authorization name is not UTF-8, or has a NUL in it"));
        }
        header.extend_from_slice(b"a=");
        escape_name(&authzid, &mut header);
    }
    header.push(b',');
    let nonce = cx.nonce(NONCE_BYTES)?;
    let mut bare = b"n=".to_vec();
    escape_name(&authcid, &mut bare);
    bare.extend_from_slice(b",r=");
    bare.extend_from_slice(nonce.as_bytes());
    let message = [&header[..], &bare].concat();
    let password = prepared_password(credentials.password.expose());
    header.extend_from_slice(&data);
    Ok((Hello { password, binding: header, bare, nonce }, message))
}

/// The flag of the GS2 header, and the data of the channel binding.
fn binding(cx: &ClientCx<'_>) -> Result<(Vec<u8>, Vec<u8>)> {
    match cx.binding_choice() {
        BindingChoice::None => Ok((b"n".to_vec(), Vec::new())),
        BindingChoice::ServerLacksIt => Ok((b"y".to_vec(), Vec::new())),
        BindingChoice::Use => {
            let failed = |text| Error::new(Code::BadBinding, text);
            let binding = cx.binding(None).ok_or_else(|| failed("there is no channel binding to use"))?;
            if binding.data.is_empty() {
                return Err(failed("the channel binding is empty"));
            }
            let name = binding_name(binding.name.as_bytes());
            let name = name.ok_or_else(|| Error::param("the name of the channel binding has illegal characters"))?;
            Ok(([b"p=", name.as_bytes()].concat(), binding.data))
        }
    }
}

impl Hello {
    /// The proof, and the signature that the server has to answer with.
    fn prove(&self, kind: Kind, cx: &ClientCx<'_>, server_first: &[u8]) -> Result<(Vec<u8>, Digest)> {
        let message = ServerFirst::parse(kind, server_first)?;
        if message.nonce.len() <= self.nonce.len() || !message.nonce.starts_with(self.nonce.as_bytes()) {
            let text = "The nonce received from the server doesn't start from the nonce sent by the client";
            return Err(Error::protocol(text));
        }
        check_iterations(cx, message.iterations)?;
        let without_proof = [b"c=", b64::encode(&self.binding).as_bytes(), b",r=", message.nonce].concat();
        let auth_message: [&[u8]; 5] = [&self.bare, b",", server_first, b",", &without_proof];
        let salted = salted_password(kind.hash, self.password.expose(), &message.salt, message.iterations);
        let (proof, signature) = scram_proof(kind.hash, &salted, &auth_message);
        let response = [&without_proof[..], b",p=", b64::encode(proof.as_ref()).as_bytes()].concat();
        Ok((response, signature))
    }
}

/// Few iterations make a proof that is easy to guess passwords with, so a server that asks for them is refused (RFC 7677
/// section 4). The option `scram_minimum_iterations` lets in those that are set to fewer, with a warning.
fn check_iterations(cx: &ClientCx<'_>, iterations: u32) -> Result<()> {
    const OPTION: &str = "scram_minimum_iterations";
    let minimum = match cx.option(OPTION) {
        None => ITERATIONS,
        Some(value) => parse_count(value.trim().as_bytes())
            .ok_or_else(|| Error::fail(format!("{OPTION} \"{value}\" is not a number")))?
            .max(1),
    };
    if iterations < minimum {
        return Err(Error::protocol("iteration-count is too small, refusing to compute"));
    }
    if iterations < ITERATIONS {
        cx.log(Level::Warn, &format!("the server asks for {iterations} iterations only, {ITERATIONS} are the least"));
    }
    Ok(())
}
