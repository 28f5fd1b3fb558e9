//! EXTERNAL (RFC 4422 appendix A): the client is who the layer underneath (TLS, a Unix socket) says it is.

use std::borrow::Cow;

use super::{ClientMech, ClientStep, Facts, MechInfo, Mechanism, ServerMech, Step};
use crate::ctx::{ClientCx, ServerCx};
use crate::error::{Code, Error, Result};
use crate::identity::CanonFlags;
use crate::policy::{Features, Refusal, SecurityFlags};
use crate::prompt::{Prompt, PromptKind};

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct External;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("EXTERNAL"),
    plugin: Cow::Borrowed("EXTERNAL"),
    max_ssf: 0,
    security: SecurityFlags::NO_PLAINTEXT.and(SecurityFlags::NO_ANONYMOUS).and(SecurityFlags::NO_DICTIONARY),
    hash_bits: 0,
    server: Some(Features::CLIENT_FIRST.and(Features::PROXY)),
    client: Some(Features::CLIENT_FIRST.and(Features::PROXY)),
    prompts: Cow::Borrowed(&[]),
};

/// The longest name to act as, in bytes.
const MAX_AUTHZID: usize = 16384;

impl Mechanism for External {
    fn info(&self) -> &MechInfo {
        &INFO
    }

    fn available(&self, facts: &Facts<'_>) -> Result<(), Refusal> {
        if facts.has_external_id {
            return Ok(());
        }
        Err(Refusal::Unavailable("the layer underneath has not said who the client is".into()))
    }

    fn server(&self) -> Option<Box<dyn ServerMech>> {
        Some(Box::new(Server))
    }

    fn client(&self) -> Option<Box<dyn ClientMech>> {
        Some(Box::new(Client))
    }
}

struct Server;

impl ServerMech for Server {
    fn step(&mut self, cx: &ServerCx<'_>, input: &[u8]) -> Result<Step> {
        let (id, auth) = cx.external()?;
        if input.len() > MAX_AUTHZID {
            return Err(Error::protocol("EXTERNAL input longer than 16384 bytes"));
        }
        if input.contains(&0) {
            return Err(Error::protocol("NULs found in EXTERNAL input"));
        }
        let wants_somebody = cx.security().flags.contains(SecurityFlags::NO_ANONYMOUS);
        if wants_somebody && id.trim_ascii() == b"anonymous" {
            return Err(Error::new(Code::NoAuthz, "anonymous login not allowed"));
        }
        let verified = CanonFlags::AUTHID.and(CanonFlags::EXTERNALLY_VERIFIED);
        if input.is_empty() {
            cx.canonicalize(&id, verified.and(CanonFlags::AUTHZID))?;
        } else {
            // Nobody has verified the name to act as: a store has to know it.
            cx.canonicalize(input, CanonFlags::AUTHZID)?;
            cx.canonicalize(&id, verified)?;
        }
        Ok(auth.into())
    }
}

struct Client;

impl ClientMech for Client {
    fn step(&mut self, cx: &ClientCx<'_>, _: Option<&[u8]>) -> Result<ClientStep> {
        let id = cx.external_id().ok_or_else(|| Error::from(Code::NoMech))?;
        let user = cx.optional(Prompt::new(PromptKind::User).with_default(""))?.unwrap_or_default();
        let user = user.expose();
        if user.contains(&0) {
            return Err(Error::param("EXTERNAL cannot carry a name with a NUL in it"));
        }
        if user.is_empty() {
            cx.canonicalize(&id, CanonFlags::AUTHID.and(CanonFlags::AUTHZID))?;
        } else {
            cx.canonicalize(user, CanonFlags::AUTHZID)?;
            cx.canonicalize(&id, CanonFlags::AUTHID)?;
        }
        Ok(ClientStep::Done { response: Some(user.to_vec()), layer: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NoOptions;
    use crate::mech::Side;
    use crate::mech::test_world::{TestClient, TestServer, client_sends, server_says};

    fn server(id: &str) -> TestServer {
        let world = TestServer::with_password("bob", "secret");
        world.set_external_id(id);
        world
    }

    #[test]
    fn the_layer_underneath_decides() {
        let world = server("alice");
        assert_eq!(server_says(&External, &world, &[b""]).unwrap(), b"");
        assert_eq!(world.identity_text(), ("alice".into(), "alice".into()));
        assert_eq!(server_says(&External, &world, &[b"bob"]).unwrap(), b"");
        assert_eq!(world.identity_text(), ("bob".into(), "alice".into()));
    }

    #[test]
    fn what_is_refused_and_how() {
        let (fits, long) = (vec![b'x'; 16384], vec![b'x'; 16385]);
        for (id, authzid, code) in [
            ("", &b"bob"[..], Code::NoMech),
            ("alice", b"ghost", Code::NoUser),
            ("alice", b"b\0b", Code::BadProt),
            ("alice", b"\0", Code::BadProt),
            ("alice", b"  ", Code::Fail),
            ("alice", &fits, Code::BufOver),
            ("alice", &long, Code::BadProt),
        ] {
            assert_eq!(server_says(&External, &server(id), &[authzid]).unwrap_err().code(), code, "{id} {authzid:?}");
        }
    }

    #[test]
    fn anonymous_is_refused_where_somebody_is_demanded() {
        let world = server("anonymous");
        assert!(server_says(&External, &world, &[b""]).is_ok());
        for id in ["anonymous", " anonymous\t"] {
            let world = server(id).demanding(SecurityFlags::NO_ANONYMOUS);
            let error = server_says(&External, &world, &[b""]).unwrap_err();
            assert_eq!((error.code(), error.detail()), (Code::NoAuthz, "anonymous login not allowed"));
        }
    }

    #[test]
    fn without_an_external_name_there_is_no_external() {
        for (side, has_external_id) in [(Side::Client, false), (Side::Server, false), (Side::Server, true)] {
            let facts = Facts {
                side,
                service: "test",
                fqdn: "host.example.com",
                has_external_id,
                gss_credentials: None,
                options: &NoOptions,
                host: &(),
            };
            assert_eq!(External.available(&facts).is_ok(), has_external_id);
        }
    }

    #[test]
    fn the_client_sends_only_whom_it_wants_to_act_as() {
        let world = TestClient::new("", "bob", "");
        assert_eq!(client_sends(&External, &world, &[None]).unwrap_err().code(), Code::NoMech);
        for (user, sent, identity) in [("", "", ("ext", "ext")), (" bob", " bob", ("bob", "ext"))] {
            let world = TestClient::new("", user, "");
            world.set_external_id("ext");
            assert_eq!(client_sends(&External, &world, &[None]).unwrap(), sent.as_bytes());
            assert_eq!(world.identity_text(), (identity.0.into(), identity.1.into()));
        }
        let world = TestClient::new("", "a\0b", "");
        world.set_external_id("ext");
        assert_eq!(client_sends(&External, &world, &[None]).unwrap_err().code(), Code::BadParam);
    }
}
