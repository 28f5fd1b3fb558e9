//! Both ends of a connection, and what comes of an exchange between them when a message is changed on its way.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use oxisasl::chanbind::ChannelBinding;
use oxisasl::config::Options;
use oxisasl::log::{Level, Log};
use oxisasl::policy::{SecurityProps, SessionFlags};
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::memory::Memory;
use oxisasl::{
    Client, ClientParams, ClientSession, Code, Error, Progress, Result, Secret, Server, ServerParams, ServerSession,
};

use super::change::Change;
use super::counting;

pub const USER: &str = "alice";
pub const PASSWORD: &str = "correct horse";

/// No exchange of a built-in mechanism has as many messages.
const MOST_MESSAGES: usize = 16;

/// What the two ends have in common.
#[derive(Clone, Debug)]
pub struct Setup {
    pub mechanism: &'static str,
    /// The user to act as, whom the client names.
    pub authzid: &'static str,
    /// Whether both sides have the same channel binding.
    pub bound: bool,
    pub flags: SessionFlags,
    pub security: SecurityProps,
    /// The host's name; a new one for each connection without.
    pub host: Option<&'static str>,
    pub service: &'static str,
}

impl Setup {
    pub fn new(mechanism: &'static str) -> Self {
        let security = SecurityProps { min_ssf: 0, max_ssf: 256, max_buf: 65536, ..SecurityProps::default() };
        Setup { mechanism, authzid: "", bound: false, flags: SessionFlags::NONE, security, host: None, service: "svc" }
    }
}

impl Answers for Setup {
    fn answer(&self, prompt: &Prompt) -> Answer {
        Answer::Value(Secret::from(match prompt.kind {
            PromptKind::AuthName => USER,
            PromptKind::User => self.authzid,
            PromptKind::Pass => PASSWORD,
            _ => return Answer::Unsupported,
        }))
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::User | PromptKind::Pass)
    }
}

/// Few iterations, so that thousands of exchanges cost little.
struct Few;

impl Options for Few {
    fn get(&self, _: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "scram_iteration_counter" => Some("2".into()),
            "scram_minimum_iterations" => Some("1".into()),
            _ => None,
        }
    }
}

/// The lines of both logs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Log for Lines {
    fn log(&self, _: Level, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// Both ends.
pub struct Ends {
    pub client: ClientSession,
    pub server: ServerSession,
    lines: Lines,
}

/// What came of an exchange.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The users that the server let in: to act as, and whose credentials they were.
    pub server: Option<(Vec<u8>, Vec<u8>)>,
    pub client_done: bool,
    /// What the side said that had enough, and whether that was the server.
    pub errors: Vec<(bool, Code, String)>,
    /// The messages as they were sent.
    pub messages: Vec<Option<Vec<u8>>>,
    /// What arrived that should not have, and whether the server got it.
    pub given: Option<Vec<u8>>,
    pub to_server: bool,
    /// Whether each side was done when that came: the client, the server.
    pub done_before: (bool, bool),
    /// The most bytes that were held while it was looked at.
    pub held: usize,
    pub endless: bool,
}

impl Setup {
    pub fn ends(&self) -> Ends {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let lines = Lines::default();
        let store = Memory::new().property(USER, "userPassword", PASSWORD).property("bob", "mail", "bob@example.com");
        let server = Arc::new(Server::new("test").options(Few).log(lines.clone()).store(store));
        // A client remembers the servers that it has met.
        let host = self
            .host
            .map_or_else(|| format!("h{:08}.example.com", NEXT.fetch_add(1, Ordering::Relaxed)), str::to_owned);
        let server = server.session(ServerParams::new(self.service).fqdn(&*host).flags(self.flags)).unwrap();
        let client = Arc::new(Client::new().options(Few).log(lines.clone()));
        let params = ClientParams::new(self.service, self.clone()).fqdn(&*host).flags(self.flags);
        let client = client.session(params).unwrap();
        server.set_security(self.security).unwrap();
        client.set_security(self.security).unwrap();
        server.set_external_id(Some(USER.as_bytes()));
        client.set_external_id(Some(USER.as_bytes()));
        if self.bound {
            let data = b"of this connection".to_vec();
            let binding = ChannelBinding { name: "tls-exporter".into(), data, critical: false };
            server.add_binding(binding.clone());
            client.add_binding(binding);
        }
        Ends { client, server, lines }
    }

    /// The mechanisms that the client is told of.
    fn offered(&self) -> String {
        if self.bound { format!("{0} {0}-PLUS", self.mechanism) } else { self.mechanism.to_owned() }
    }

    /// An exchange as it should be.
    pub fn good(&self) -> (Ends, Verdict) {
        let ends = self.ends();
        let verdict = self.exchange(&ends, None, &[]);
        assert!(verdict.client_done && verdict.server.is_some(), "{self:?}: {verdict:?}");
        (ends, verdict)
    }

    /// An exchange; the message with a number is changed, `recorded` are the messages of another exchange.
    pub fn exchange(&self, ends: &Ends, change: Option<(usize, &Change)>, recorded: &[Option<Vec<u8>>]) -> Verdict {
        let mut verdict = Verdict::default();
        let start = ends.client.start(&self.offered()).unwrap_or_else(|error| panic!("{}: {error}", self.mechanism));
        let mut client_done = start.progress.is_done();
        let mut message = start.progress.data().map(<[u8]>::to_vec);
        let (mut started, mut server_done) = (false, false);
        loop {
            let at = verdict.messages.len();
            if at > MOST_MESSAGES {
                verdict.endless = true;
                break;
            }
            verdict.messages.push(message.clone());
            let to_server = at % 2 == 0;
            let now = change.filter(|(number, _)| *number == at).map(|(_, change)| change);
            let deliver = |message: Option<&[u8]>, started: &mut bool| {
                if !to_server {
                    return ends.client.step(message);
                }
                if std::mem::replace(started, true) {
                    return ends.server.step(message.unwrap_or_default());
                }
                ends.server.start(&start.mechanism, message)
            };
            let other = |number: usize| recorded.get(number).cloned().flatten();
            // What is delivered, and which of it no honest peer has sent now.
            let (arriving, bad) = match now {
                None => (vec![message], usize::MAX),
                Some(Change::Missing) => (vec![None], 0),
                Some(Change::Twice) => (vec![message.clone(), message], 1),
                Some(Change::Reordered) => (vec![other(at + 2), message], 0),
                Some(Change::Dropped) => (Vec::new(), 0),
                Some(change) => (vec![change.apply(message.as_deref().unwrap_or_default())], 0),
            };
            let mut reply = Ok(Progress::Continue(other(at + 1)));
            if now == Some(&Change::Dropped) {
                verdict.given = other(at + 1);
                verdict.to_server = !to_server;
                verdict.done_before = (client_done, server_done);
            }
            for (number, message) in arriving.into_iter().enumerate() {
                if number == bad {
                    verdict.given.clone_from(&message);
                    verdict.to_server = to_server;
                    verdict.done_before = (client_done, server_done);
                }
                let (result, held) = counting::most_held(|| deliver(message.as_deref(), &mut started));
                if now.is_some() {
                    verdict.held = verdict.held.max(held);
                }
                reply = result;
                match &reply {
                    Ok(progress) if to_server => server_done |= progress.is_done(),
                    Ok(progress) => client_done |= progress.is_done(),
                    Err(error) => verdict.errors.push((to_server, error.code(), error.detail().to_owned())),
                }
            }
            let Ok(progress) = reply else { break };
            message = progress.data().map(<[u8]>::to_vec);
            let next_is_done = if to_server { client_done } else { server_done };
            if (client_done && server_done) || next_is_done || (to_server && server_done && message.is_none()) {
                break;
            }
        }
        verdict.client_done = client_done;
        verdict.server =
            server_done.then(|| (ends.server.user().unwrap_or_default(), ends.server.authid().unwrap_or_default()));
        verdict
    }
}

impl Ends {
    /// The lines that were logged, and the last errors.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = self.lines.0.lock().unwrap().clone();
        texts.extend([self.client.error_detail(), self.server.error_detail()]);
        texts
    }

    /// Whether one side takes another message.
    pub fn goes_on(&self, server: bool, message: &[u8]) -> Result<Progress, Error> {
        if server { self.server.step(message) } else { self.client.step(Some(message)) }
    }
}
