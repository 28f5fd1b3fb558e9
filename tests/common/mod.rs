//! Clients and servers for tests that run both in one process.

#![allow(dead_code)]

use std::sync::Arc;

use oxisasl::chanbind::ChannelBinding;
use oxisasl::hooks::{Authorize, ServerHooks};
use oxisasl::identity::default_proxy_policy;
use oxisasl::policy::{SecurityProps, SessionFlags};
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::memory::Memory;
use oxisasl::{Client, ClientParams, ClientSession, Result, Secret, Server, ServerParams, ServerSession};

/// A user that the server knows, with the password `secret`.
pub const ALICE: &str = "alice";

/// A user that the server knows, who has no password.
pub const BOB: &str = "bob";

/// What a pair of sessions is made from.
#[derive(Clone)]
pub struct Setup {
    pub user: &'static str,
    pub authzid: &'static str,
    pub password: &'static str,
    pub security: SecurityProps,
    pub flags: SessionFlags,
    pub binding: Option<ChannelBinding>,
    /// Properties of alice in the server's store.
    pub stored: Vec<(&'static str, &'static str)>,
    /// Whether the server lets anybody act as anybody.
    pub anybody: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            user: ALICE,
            authzid: "",
            password: "secret",
            security: SecurityProps { min_ssf: 0, max_ssf: 256, max_buf: 65536, ..SecurityProps::default() },
            flags: SessionFlags::NONE,
            binding: None,
            stored: vec![("userPassword", "secret")],
            anybody: false,
        }
    }
}

struct Fixed {
    user: &'static str,
    authzid: &'static str,
    password: &'static str,
}

impl Answers for Fixed {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from(self.user)),
            PromptKind::User => Answer::Value(Secret::from(self.authzid)),
            PromptKind::Pass => Answer::Value(Secret::from(self.password)),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::User | PromptKind::Pass)
    }
}

/// The decision of the setup.
struct Proxies {
    anybody: bool,
}

impl ServerHooks for Proxies {
    fn authorize(&self, request: &Authorize<'_>) -> Result<()> {
        if self.anybody { Ok(()) } else { default_proxy_policy(request.user, request.authid) }
    }
}

/// Both ends of a connection.
pub struct Pair {
    pub client: ClientSession,
    pub server: ServerSession,
    /// Every message, the client's first.
    pub messages: Vec<Vec<u8>>,
}

/// Makes both ends.
pub fn pair(setup: &Setup) -> Pair {
    let mut store = Memory::new().property(BOB, "mail", "bob@example.com");
    for (name, value) in &setup.stored {
        store = store.property(ALICE, name, value);
    }
    let server = Arc::new(Server::new("test").store(store));
    let params = ServerParams::new("test").fqdn("host.example.com").flags(setup.flags);
    let server = server.session(params.hooks(Proxies { anybody: setup.anybody })).unwrap();
    let answers = Fixed { user: setup.user, authzid: setup.authzid, password: setup.password };
    let client = Arc::new(Client::new());
    let params = ClientParams::new("test", answers).fqdn("host.example.com").flags(setup.flags);
    let client = client.session(params).unwrap();
    server.set_security(setup.security).unwrap();
    client.set_security(setup.security).unwrap();
    server.set_external_id(Some(setup.user.as_bytes()));
    client.set_external_id(Some(setup.user.as_bytes()));
    if let Some(binding) = &setup.binding {
        server.add_binding(binding.clone());
        client.add_binding(binding.clone());
    }
    Pair { client, server, messages: Vec::new() }
}

/// Runs a whole exchange with one mechanism; the error is that of the side that failed first.
pub fn exchange(setup: &Setup, mechanism: &str) -> Result<Pair> {
    converse(pair(setup), mechanism, None)
}

/// Runs a whole exchange out of the mechanisms offered; the server is told the name that the client says, or another.
pub fn converse(mut pair: Pair, offered: &str, told: Option<&str>) -> Result<Pair> {
    let start = pair.client.start(offered)?;
    let mut client = start.progress;
    pair.messages.push(client.data().unwrap_or_default().to_vec());
    let mut server = pair.server.start(told.unwrap_or(&start.mechanism), client.data())?;
    while !server.is_done() || !client.is_done() {
        let challenge = server.data().unwrap_or_default().to_vec();
        pair.messages.push(challenge.clone());
        if !client.is_done() {
            client = pair.client.step(Some(&challenge))?;
        }
        if server.is_done() {
            break;
        }
        let response = if server.is_done() { None } else { client.data().map(<[u8]>::to_vec) }.unwrap_or_default();
        pair.messages.push(response.clone());
        server = pair.server.step(&response)?;
    }
    assert!(client.is_done() && server.is_done(), "{offered}: one side is not done");
    Ok(pair)
}
