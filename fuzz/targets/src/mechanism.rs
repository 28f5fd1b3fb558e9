//! Every mechanism, as an application meets it: through sessions.

use std::sync::Arc;

use crate::c;
use oxisasl::fuzzing;
use oxisasl::mech::BUILTIN;
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::memory::Memory;
use oxisasl::{Client, ClientParams, Progress, Secret, Server, ServerParams};

const PASSWORD: &str = "Tr0ub4dor & 3: a battery, a staple, a horse";
const HOST: &str = "localhost";
/// What keeps the messages of an input apart.
const BREAK: u8 = 0xfe;

/// The mechanisms without much of their own.
const SMALL: [&str; 4] = ["CRAM-MD5", "LOGIN", "PLAIN", "ANONYMOUS"];

/// The first byte picks one of the small mechanisms and the side, the rest is what comes from the peer.
pub fn small(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let name = SMALL[usize::from(choice / 2) % SMALL.len()];
    if choice % 2 == 0 { fuzzing::server(name, rest) } else { fuzzing::client(name, rest) }
}

/// The first byte picks any mechanism that is built in and the side, the rest is what comes from the peer.
pub fn session(data: &[u8]) {
    c::without_network();
    let Some((choice, rest)) = data.split_first() else { return };
    let name = BUILTIN[usize::from(choice / 2) % BUILTIN.len()].info().name.as_ref();
    let messages = rest.split(|byte| *byte == BREAK).take(8);
    if choice % 2 == 0 { server(name, messages, data) } else { client(name, messages) }
}

/// Nobody gets in who does not know the password.
fn server<'a>(name: &str, mut messages: impl Iterator<Item = &'a [u8]>, data: &[u8]) {
    let server = Server::new("fuzz").options([("scram_iteration_counter", "1"), ("pwcheck_method", "auxprop")]);
    let server = Arc::new(server.store(Memory::new().user("alice", PASSWORD)));
    let session = server.session(ServerParams::new("test").fqdn(HOST)).expect("a session");
    let mut progress = session.start(name, messages.next());
    while let Ok(Progress::Continue(_)) = progress {
        let Some(message) = messages.next() else { return };
        progress = session.step(message);
    }
    let known = data.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
    match progress {
        Ok(_) => {
            assert!(known || name == "ANONYMOUS", "{name} lets {:?} in", session.user());
        }
        Err(error) => {
            assert!(known || !(error.detail().contains(PASSWORD) || session.error_detail().contains(PASSWORD)));
            assert!(session.step(b"").is_err(), "what has failed does not go on");
        }
    }
}

struct Alice;

impl Answers for Alice {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from("alice")),
            PromptKind::Pass => Answer::Value(Secret::from(PASSWORD)),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

/// Whoever sends nonsense to a client is not taken for the server by a mechanism that makes sure of it. The first message is
/// what the server offers, so the mechanism may be another.
fn client<'a>(name: &str, mut messages: impl Iterator<Item = &'a [u8]>) {
    let client = Arc::new(Client::new());
    let session = client.session(ClientParams::new("test", Alice).fqdn(HOST)).expect("a session");
    let offered = String::from_utf8_lossy(messages.next().unwrap_or_default());
    let Ok(begun) = session.start(&format!("{name} {offered}")) else { return };
    let mut progress = Ok(begun.progress);
    for message in messages {
        let Ok(Progress::Continue(_)) = progress else { break };
        progress = session.step(Some(message));
    }
    let mutual = begun.mechanism.starts_with("SCRAM") || begun.mechanism == "DIGEST-MD5";
    assert!(!mutual || !progress.is_ok_and(|progress| progress.is_done()), "{} is deceived", begun.mechanism);
}
