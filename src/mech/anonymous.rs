//! ANONYMOUS (RFC 4505): nobody in particular, with a word for the log about who that might be.

use std::borrow::Cow;

use super::{ClientMech, ClientStep, MechInfo, Mechanism, ServerMech, Step};
use crate::ctx::{ClientCx, ServerCx};
use crate::error::{Error, Result};
use crate::identity::CanonFlags;
use crate::log::Level;
use crate::policy::{Features, SecurityFlags};
use crate::prompt::{Prompt, PromptKind};

/// The mechanism.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

static INFO: MechInfo = MechInfo {
    name: Cow::Borrowed("ANONYMOUS"),
    plugin: Cow::Borrowed("anonymous"),
    max_ssf: 0,
    security: SecurityFlags::NO_PLAINTEXT,
    hash_bits: 0,
    server: Some(Features::CLIENT_FIRST.and(Features::NO_USER_PASSWORD)),
    client: Some(Features::CLIENT_FIRST),
    prompts: Cow::Borrowed(&[]),
};

/// Who everybody is.
const NAME: &[u8] = b"anonymous";

/// How much of the trace information is logged, in bytes (RFC 4505 section 2).
const MAX_TRACE: usize = 255;

impl Mechanism for Anonymous {
    fn info(&self) -> &MechInfo {
        &INFO
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
        cx.log(Level::Note, &format!("ANONYMOUS login: \"{}\"", for_log(input)));
        // There is no secret to look up, so no store need know the name.
        cx.identify(NAME, None, CanonFlags::EXTERNALLY_VERIFIED)?;
        Ok(cx.anonymous().into())
    }
}

/// The trace information on one line, whatever a stranger put into it.
fn for_log(trace: &[u8]) -> String {
    let trace = trace.split(|byte| *byte == 0).next().unwrap_or_default();
    let trace = trace.get(..MAX_TRACE).unwrap_or(trace);
    String::from_utf8_lossy(trace).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

struct Client;

impl ClientMech for Client {
    fn step(&mut self, cx: &ClientCx<'_>, _: Option<&[u8]>) -> Result<ClientStep> {
        let mut prompt = Prompt::new(PromptKind::User).with_default("");
        prompt.text = "Please enter anonymous identification".into();
        let user = cx.optional(prompt)?.unwrap_or_default();
        let user = if user.expose().is_empty() { NAME } else { user.expose() };
        if user.contains(&0) {
            return Err(Error::param("ANONYMOUS cannot carry trace information with a NUL in it"));
        }
        cx.identify(NAME, None)?;
        let mut response = user.to_vec();
        if let Ok(host) = cx.host_name() {
            response.push(b'@');
            response.extend_from_slice(host.as_bytes());
        }
        Ok(ClientStep::Done { response: Some(response), layer: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::mech::test_world::{TestClient, TestServer, client_sends, server_says};

    fn logged(trace: &[u8]) -> String {
        let world = TestServer::with_password("alice", "secret");
        assert_eq!(server_says(&Anonymous, &world, &[trace]).unwrap(), b"");
        assert_eq!(world.identity_text(), ("anonymous".into(), "anonymous".into()));
        world.last_log()
    }

    /// RFC 4505 section 3 has the first.
    #[test]
    fn everybody_is_anonymous_and_the_trace_is_logged_safely() {
        let long = vec![b'x'; 70_000];
        for (trace, expected) in [
            (&b"sirhc"[..], "sirhc"),
            (b"", ""),
            (b"me\0you", "me"),
            (b"me\xff", "me\u{fffd}"),
            (b"a\"\r\nb\x1b[31m", "a\"??b?[31m"),
            ("\u{435}".as_bytes(), "\u{435}"),
            (&long, &"x".repeat(255)),
        ] {
            assert_eq!(logged(trace), format!("4 ANONYMOUS login: \"{expected}\""));
        }
    }

    #[test]
    fn the_client_says_who_and_where() {
        for (user, expected) in [("", "anonymous@client.example.com"), ("me", "me@client.example.com")] {
            let world = TestClient::new("alice", user, "secret");
            assert_eq!(client_sends(&Anonymous, &world, &[None]).unwrap(), expected.as_bytes());
            assert_eq!(world.identity_text(), ("anonymous".into(), "anonymous".into()));
        }
        let error = client_sends(&Anonymous, &TestClient::new("", "a\0b", ""), &[None]).unwrap_err();
        assert_eq!(error.code(), Code::BadParam);
    }
}
