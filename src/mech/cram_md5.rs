//! CRAM-MD5 (RFC 2195): a keyed hash over the server's challenge. The server needs the password itself, or the state
//! of HMAC-MD5 with it, which is as good as the password here.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{ClientMech, ClientStep, MechInfo, Mechanism, NAME_AND_PASSWORD, ServerMech, Step};
use crate::config::Options;
use crate::crypto::{HmacMd5State, StoredPassword, to_hex};
use crate::ctx::{ClientCx, ServerCx};
use crate::error::{Code, Error, Result};
use crate::identity::{Account, CanonFlags};
use crate::log::Level;
use crate::policy::{Features, SecurityFlags};
use crate::rng;
use crate::secret::Secret;

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct CramMd5;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("CRAM-MD5"),
    plugin: Cow::Borrowed("crammd5"),
    max_ssf: 0,
    security: SecurityFlags::NO_PLAINTEXT.and(SecurityFlags::NO_ANONYMOUS),
    hash_bits: 0,
    server: Some(Features::SERVER_FIRST),
    client: Some(Features::SERVER_FIRST),
    prompts: NAME_AND_PASSWORD,
};

/// The longest challenge and the longest response, in bytes.
const MAX_INPUT: usize = 1024;
const PASSWORD: &str = "*userPassword";
/// The state of HMAC-MD5 with the password ([`HmacMd5State::to_bytes`]).
const STATE: &str = "*cmusaslsecretCRAM-MD5";
const OWN_SECRET: &str = "cmusaslsecretCRAM-MD5";
const MISMATCH: &str = "incorrect digest response";

impl Mechanism for CramMd5 {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server::Start))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client))
    }

    fn own_secret(&self) -> Option<&'static str> {
        Some(OWN_SECRET)
    }

    fn derive_secret(&self, _: &dyn Options, _: &Account, password: &Secret) -> Result<Secret> {
        Ok(Secret::from(&HmacMd5State::new(password.expose()).to_bytes()[..]))
    }
}

fn check_input(input: &[u8]) -> Result<()> {
    if input.len() > MAX_INPUT {
        return Err(Error::protocol("CRAM-MD5 input longer than 1024 bytes"));
    }
    Ok(())
}

/// `user SP digest`: a name may have spaces in it, a digest not.
fn split_response(response: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut fields = response.rsplitn(2, |byte| *byte == b' ');
    match (fields.next(), fields.next()) {
        (Some(digest), Some(user)) if !user.is_empty() => Ok((user, digest)),
        _ => Err(Error::protocol("need authentication name")),
    }
}

enum Server {
    Start,
    Challenged(Vec<u8>),
}

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        match self {
            Server::Start => {
                let challenge = new_challenge(cx.fqdn())?;
                *self = Server::Challenged(challenge.clone());
                Ok(Step::Continue(challenge))
            }
            Server::Challenged(challenge) => verify(cx, challenge, input),
        }
    }
}

/// `<random.time@host>`, in the form of a message id, which no server gives twice.
fn new_challenge(fqdn: &str) -> Result<Vec<u8>> {
    let mut random = [0; 16];
    rng::fill(&mut random)?;
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(format!("<{}.{time}@{fqdn}>", u128::from_ne_bytes(random)).into_bytes())
}

fn verify(cx: &ServerCx<'_>, challenge: &[u8], response: &[u8]) -> Result<Step> {
    check_input(response)?;
    let (user, digest) = split_response(response)?;
    if user.contains(&0) {
        return Err(Error::protocol("NULs found in CRAM-MD5 input"));
    }
    // A user who is not there, or has no secret, is refused only after the same work as a wrong password.
    let found = secret_of(cx, user);
    let state = found.as_ref().map_or_else(|_| HmacMd5State::new(challenge), Clone::clone);
    let expected = Secret::new(to_hex(&state.finish(&[challenge])).into_bytes());
    let equal = expected.matches(digest);
    found?;
    Ok(cx.proof(equal, MISMATCH)?.into())
}

fn secret_of(cx: &ServerCx<'_>, user: &[u8]) -> Result<HmacMd5State> {
    cx.props().request([PASSWORD, STATE]);
    let (user, realm) = cx.split_name(user);
    let looked_up = cx.identify_in(realm.as_deref(), &user, None, CanonFlags::default());
    let password = cx.props().first(PASSWORD);
    let state = cx.props().first(STATE);
    cx.props().erase(PASSWORD);
    cx.props().erase(STATE);
    match looked_up {
        Err(error) if error.code() == Code::NoUser => return Err(error.in_context(MISMATCH)),
        other => other?,
    }
    let missing = |text: &str| cx.log(Level::Fail, text);
    let password = password.as_ref().and_then(|stored| StoredPassword::parse(stored.expose()).plain());
    match (password, state) {
        (Some(b""), _) => Err(Error::fail("empty secret")),
        (Some(password), _) => Ok(HmacMd5State::new(password)),
        (None, Some(state)) => match state.expose().try_into() {
            Ok(_) if state.matches(&HmacMd5State::new(b"").to_bytes()[..]).into() => Err(Error::fail("empty secret")),
            Ok(bytes) => Ok(HmacMd5State::from_bytes(bytes)),
            Err(_) => {
                missing("the property cmusaslsecretCRAM-MD5 is not 32 bytes long");
                Err(cx.no_secret().in_context(MISMATCH))
            }
        },
        (None, None) => {
            let error = cx.no_secret();
            missing(error.detail());
            Err(error.in_context(MISMATCH))
        }
    }
}

struct Client;

impl ClientMech for Client {
    fn step(&mut self, cx: &ClientCx<'_>, input: Option<&[u8]>) -> Result<ClientStep> {
        let challenge = input.unwrap_or_default();
        check_input(challenge)?;
        let credentials = cx.credentials(false)?;
        cx.identify(&credentials.authcid, None)?;
        let state = HmacMd5State::new(credentials.password.expose());
        let response = [&cx.authid()?[..], b" ", to_hex(&state.finish(&[challenge])).as_bytes()].concat();
        Ok(ClientStep::Done { response: Some(response), layer: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctx::ServerWorld;
    use crate::mech::test_world::{TestClient, TestServer, client_sends, respond, server_says};

    /// RFC 2195 section 2.
    const CHALLENGE: &[u8] = b"<1896.697170952@postoffice.reston.mci.net>";
    const RESPONSE: &[u8] = b"tim b913a602c7eda7a495b4e6e7334d3890";

    fn check(world: &TestServer, response: &[u8]) -> Result<()> {
        respond(&mut Server::Challenged(CHALLENGE.to_vec()), world, response).map(drop)
    }

    fn tim() -> TestServer {
        TestServer::with_password("tim", "tanstaaftanstaaf")
    }

    #[test]
    fn vector_of_rfc_2195() {
        let world = tim();
        check(&world, RESPONSE).unwrap();
        assert_eq!(world.identity_text(), ("tim".into(), "tim".into()));
        assert!(world.props().first(PASSWORD).is_none(), "the password stays in memory");
        let client = TestClient::new("tim", "ignored", "tanstaaftanstaaf");
        assert_eq!(client_sends(&CramMd5, &client, &[Some(CHALLENGE)]).unwrap(), RESPONSE);
    }

    #[test]
    fn the_state_of_the_hmac_is_enough() {
        let state = HmacMd5State::new(b"tanstaaftanstaaf").to_bytes();
        let world = TestServer::with("tim", "cmusaslsecretCRAM-MD5", &*state);
        check(&world, RESPONSE).unwrap();
        for bad in [&state[..31], &[&state[..], b"\0"].concat(), b""] {
            let world = TestServer::with("tim", "cmusaslsecretCRAM-MD5", bad);
            let error = check(&world, RESPONSE).unwrap_err();
            assert_eq!((error.code(), error.detail()), (Code::NoUser, MISMATCH), "{bad:?}");
        }
    }

    /// A key longer than a block is hashed; the NULs of such a hash are not the end of anything.
    #[test]
    fn long_passwords() {
        for length in 63..=300 {
            let password = "x".repeat(length);
            let client = TestClient::new("tim", "", &password);
            let response = client_sends(&CramMd5, &client, &[Some(CHALLENGE)]).unwrap();
            check(&TestServer::with_password("tim", &password), &response).unwrap();
            check(&TestServer::with_password("tim", &password[1..]), &response).unwrap_err();
        }
    }

    #[test]
    fn what_is_refused_and_how() {
        let digest = &RESPONSE[4..];
        let with = |user: &[u8], digest: &[u8]| [user, b" ", digest].concat();
        let (fits, long) = (with(&[b'x'; 991], digest), with(&[b'x'; 992], digest));
        for (response, code, text) in [
            (with(b"tim", b"00000000000000000000000000000000"), Code::BadAuth, MISMATCH),
            (with(b"tim", &digest[..31]), Code::BadAuth, MISMATCH),
            (with(b"tim", &[digest, b"0"].concat()), Code::BadAuth, MISMATCH),
            (with(b"tim", &[digest, b"\0"].concat()), Code::BadAuth, MISMATCH),
            (with(b"tim", &digest.to_ascii_uppercase()), Code::BadAuth, MISMATCH),
            (with(b"tim", b""), Code::BadAuth, MISMATCH),
            (with(b"nobody", digest), Code::NoUser, MISMATCH),
            (with(b"al\xff", digest), Code::NoUser, MISMATCH),
            (fits, Code::NoUser, MISMATCH),
            (b"tim".to_vec(), Code::BadProt, "need authentication name"),
            (b"*".to_vec(), Code::BadProt, "need authentication name"),
            (Vec::new(), Code::BadProt, "need authentication name"),
            (with(b"", digest), Code::BadProt, "need authentication name"),
            (with(b" ", digest), Code::Fail, "All-whitespace username."),
            (with(b"tim\0x", digest), Code::BadProt, "NULs found in CRAM-MD5 input"),
            (long, Code::BadProt, "CRAM-MD5 input longer than 1024 bytes"),
        ] {
            let error = check(&tim(), &response).unwrap_err();
            assert_eq!((error.code(), error.detail()), (code, text), "{:?}", response.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_user_without_a_secret_is_refused_as_one_with_another() {
        let empty = client_sends(&CramMd5, &TestClient::new("tim", "", ""), &[Some(CHALLENGE)]).unwrap();
        let error = check(&TestServer::with_password("tim", ""), &empty).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::Fail, "empty secret"));
        let world = TestServer::with("tim", "mail", b"tim@example.com");
        let error = check(&world, RESPONSE).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::NoUser, MISMATCH));
        assert_eq!(world.last_log(), "2 no secret in database");
        // What the comparison is made with in their stead must not be something that a client can use.
        let keyed_with_challenge = to_hex(&HmacMd5State::new(CHALLENGE).finish(&[CHALLENGE]));
        for world in [world, tim()] {
            check(&world, format!("tim {keyed_with_challenge}").as_bytes()).unwrap_err();
            check(&world, format!("nobody {keyed_with_challenge}").as_bytes()).unwrap_err();
        }
        let world = TestServer::with("tim", "mail", b"tim@example.com").transitioning();
        assert_eq!(check(&world, RESPONSE).unwrap_err().code(), Code::Trans);
    }

    #[test]
    fn no_challenge_comes_twice() {
        let world = tim();
        let challenges =
            [server_says(&CramMd5, &world, &[b""]).unwrap(), server_says(&CramMd5, &world, &[b""]).unwrap()];
        assert_ne!(challenges[0], challenges[1]);
        let text = str::from_utf8(&challenges[0]).unwrap();
        let (numbers, host) = text.strip_prefix('<').unwrap().strip_suffix('>').unwrap().split_once('@').unwrap();
        assert_eq!(host, "host.example.com");
        let (random, time) = numbers.split_once('.').unwrap();
        assert!(random.bytes().all(|byte| byte.is_ascii_digit()) && time.parse::<u64>().unwrap() > 1_700_000_000);
    }

    #[test]
    fn the_client_refuses_a_challenge_that_is_too_long() {
        let client = TestClient::new("tim", "", "secret");
        assert!(client_sends(&CramMd5, &client, &[Some(&[b'x'; 1024])]).is_ok());
        let error = client_sends(&CramMd5, &client, &[Some(&[b'x'; 1025])]).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::BadProt, "CRAM-MD5 input longer than 1024 bytes"));
    }
}
