//! Both ends of a DIGEST-MD5 connection, made to order.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use oxisasl::config::Options;
use oxisasl::crypto::{md5, to_hex};
use oxisasl::log::{Level, Log};
use oxisasl::policy::{SecurityProps, SessionFlags};
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::props::Props;
use oxisasl::store::{AuxProp, LookupFlags, StoreCx};
use oxisasl::{
    Client, ClientParams, ClientSession, Code, Error, Progress, Result, Secret, Server, ServerParams, ServerSession,
};

/// The strengths from `min` to `max`, with a buffer of 65536.
pub fn window(min: u32, max: u32) -> SecurityProps {
    SecurityProps { min_ssf: min, max_ssf: max, max_buf: 65536, ..SecurityProps::default() }
}

/// A name that no other test has, so that no client has met it.
pub fn fresh_host() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("h{}.example.com", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a client answers to a question.
#[derive(Clone, Debug)]
pub enum Reply {
    Value(Vec<u8>),
    AskUser,
    Unsupported,
    Fails,
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Reply::Value(text.as_bytes().to_vec())
    }
}

/// What the two ends are made from.
#[derive(Clone)]
pub struct Setup {
    pub host: String,
    pub realm: Option<&'static str>,
    pub users: Vec<(&'static str, &'static str, Vec<u8>)>,
    pub server_options: Vec<(&'static str, &'static str)>,
    pub client_options: Vec<(&'static str, &'static str)>,
    pub server_security: SecurityProps,
    pub client_security: SecurityProps,
    pub authcid: Reply,
    pub authzid: Reply,
    pub password: Reply,
    pub client_realm: Reply,
    pub flags: SessionFlags,
}

impl Default for Setup {
    fn default() -> Self {
        let password = |user, password: &str| (user, "userPassword", password.as_bytes().to_vec());
        Setup {
            host: fresh_host(),
            realm: None,
            users: vec![password("alice", "secret"), password("bob", "builder")],
            server_options: Vec::new(),
            client_options: Vec::new(),
            server_security: window(0, 256),
            client_security: window(0, 256),
            authcid: "alice".into(),
            authzid: "".into(),
            password: "secret".into(),
            client_realm: Reply::Unsupported,
            flags: SessionFlags::NONE,
        }
    }
}

impl Answers for Setup {
    fn answer(&self, prompt: &Prompt) -> Answer {
        let reply = match prompt.kind {
            PromptKind::AuthName => &self.authcid,
            PromptKind::User => &self.authzid,
            PromptKind::Pass => &self.password,
            PromptKind::Realm => &self.client_realm,
            _ => return Answer::Unsupported,
        };
        match reply {
            Reply::Value(value) => Answer::Value(Secret::from(&value[..])),
            Reply::AskUser => Answer::AskUser,
            Reply::Unsupported => Answer::Unsupported,
            Reply::Fails => Answer::Failed(Error::fail("no answer")),
        }
    }

    fn supports(&self, _: PromptKind) -> bool {
        true
    }
}

struct Fixed(Vec<(&'static str, &'static str)>);

impl Options for Fixed {
    fn get(&self, _: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| Cow::Borrowed(*value))
    }
}

struct Users(Vec<(&'static str, &'static str, Vec<u8>)>);

impl AuxProp for Users {
    fn name(&self) -> &str {
        "users"
    }

    fn lookup(&self, _: &StoreCx<'_>, user: &[u8], flags: LookupFlags, props: &Props) -> Result<()> {
        let of_user = || self.0.iter().filter(|(name, ..)| name.as_bytes() == user);
        of_user().next().ok_or_else(|| Error::from(Code::NoUser))?;
        for (requested, property) in flags.wanted(props) {
            for (.., value) in of_user().filter(|(_, name, _)| *name == property) {
                props.add(&requested, Secret::from(&value[..]))?;
            }
        }
        Ok(())
    }
}

/// The lines of one side.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    pub fn any(&self, level: Level, part: &str) -> bool {
        self.0.lock().unwrap().iter().any(|(of, line)| *of == level && line.contains(part))
    }
}

impl Log for Lines {
    fn log(&self, level: Level, line: &str) {
        self.0.lock().unwrap().push((level, line.to_owned()));
    }
}

/// Both ends.
pub struct Ends {
    pub client: ClientSession,
    pub server: ServerSession,
    pub client_log: Lines,
    pub server_log: Lines,
}

/// How an exchange failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    Client(Code, String),
    Server(Code, String),
}

impl Setup {
    pub fn ends(&self) -> Ends {
        let verbose = |options: &Vec<_>| Fixed([&options[..], &[("log_level", "6")]].concat());
        let (client_log, server_log) = (Lines::default(), Lines::default());
        let server = Server::new("test")
            .options(verbose(&self.server_options))
            .log(server_log.clone())
            .store(Users(self.users.clone()));
        let mut params = ServerParams::new("svc").fqdn(&self.host[..]).flags(self.flags);
        if let Some(realm) = self.realm {
            params = params.realm(realm);
        }
        let server = Arc::new(server).session(params).unwrap();
        let client = Client::new().options(verbose(&self.client_options)).log(client_log.clone());
        let params = ClientParams::new("svc", self.clone()).fqdn(&self.host[..]).flags(self.flags);
        let client = Arc::new(client).session(params).unwrap();
        server.set_security(self.server_security).unwrap();
        client.set_security(self.client_security).unwrap();
        Ends { client, server, client_log, server_log }
    }

    /// Runs an exchange that must succeed, and gives the messages too.
    pub fn connect(&self) -> (Ends, Vec<String>) {
        let ends = self.ends();
        match ends.run() {
            Ok(messages) => (ends, messages),
            Err(failure) => panic!("{failure:?}"),
        }
    }

    /// Runs one that must fail.
    pub fn fail(&self) -> Failure {
        match self.ends().run() {
            Ok(_) => panic!("succeeded"),
            Err(failure) => failure,
        }
    }
}

impl Ends {
    /// Runs an exchange; the messages, the client's first (perhaps empty).
    pub fn run(&self) -> Result<Vec<String>, Failure> {
        let of_client = |error: Error| Failure::Client(error.code(), error.detail().to_owned());
        let of_server = |error: Error| Failure::Server(error.code(), error.detail().to_owned());
        let text = |progress: &Progress| String::from_utf8_lossy(progress.data().unwrap_or_default()).into_owned();
        let start = self.client.start("DIGEST-MD5").map_err(of_client)?;
        let mut client = start.progress;
        let mut messages = vec![text(&client)];
        let mut server = self.server.start(&start.mechanism, client.data()).map_err(of_server)?;
        loop {
            messages.push(text(&server));
            if !client.is_done() {
                client = self.client.step(server.data()).map_err(of_client)?;
            }
            if server.is_done() {
                assert!(client.is_done());
                return Ok(messages);
            }
            messages.push(text(&client));
            server = self.server.step(client.data().unwrap_or_default()).map_err(of_server)?;
        }
    }

    /// The response of the client to the server's challenge, which waits for it.
    pub fn response(&self) -> String {
        let start = self.client.start("DIGEST-MD5").unwrap();
        assert_eq!(start.progress, Progress::Continue(None));
        let challenge = self.server.start("DIGEST-MD5", None).unwrap();
        let response = self.client.step(Some(challenge.data().unwrap())).unwrap();
        String::from_utf8(response.data().unwrap().to_vec()).unwrap()
    }

    /// What is sent by one end comes out at the other, in pieces of `cut` bytes.
    pub fn carries(&self, text: &[u8], cut: usize) {
        let (mut packets, mut out) = (Vec::new(), Vec::new());
        self.client.encode(&[text], &mut packets).unwrap();
        packets.chunks(cut).for_each(|piece| self.server.decode(piece, &mut out).unwrap());
        assert!(out == text, "to the server: {} of {} bytes", out.len(), text.len());
        packets.clear();
        out.clear();
        self.server.encode(&[text], &mut packets).unwrap();
        packets.chunks(cut).for_each(|piece| self.client.decode(piece, &mut out).unwrap());
        assert!(out == text, "to the client: {} of {} bytes", out.len(), text.len());
    }
}

/// The value of a directive that is known to be simple.
pub fn value<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    loop {
        let at = from + message[from..].find(&format!("{name}="))?;
        if at == 0 || message.as_bytes()[at - 1] == b',' {
            let rest = &message[at + name.len() + 1..];
            let quoted = rest.strip_prefix('"').map(|rest| rest.split('"').next().unwrap());
            return quoted.or_else(|| rest.split(',').next());
        }
        from = at + 1;
    }
}

/// A response made by hand, by the words of RFC 2831.
#[derive(Clone)]
pub struct Handmade<'a> {
    pub username: &'a [u8],
    pub password: &'a [u8],
    pub realm: Option<&'a [u8]>,
    pub authzid: Option<&'a [u8]>,
    pub cnonce: &'a str,
    pub nc: &'a str,
    pub uri: &'a str,
    /// Name, realm and password as they are hashed, where that is something else.
    pub hashed: Option<[&'a [u8]; 3]>,
    /// More directives, each with a comma before it.
    pub more: &'a str,
}

impl Handmade<'_> {
    pub fn message(&self, nonce: &str) -> Vec<u8> {
        let [username, realm, password] =
            self.hashed.unwrap_or([self.username, self.realm.unwrap_or_default(), self.password]);
        let qop = value(self.more.trim_start_matches(','), "qop").unwrap_or("auth");
        let user = md5(&[username, b":", realm, b":", password]);
        let authzid = self.authzid.map(|authzid| [b":", authzid].concat()).unwrap_or_default();
        let a1 = md5(&[&user, b":", nonce.as_bytes(), b":", self.cnonce.as_bytes(), &authzid]);
        let body: &[u8] = if qop == "auth" { b"" } else { b":00000000000000000000000000000000" };
        let a2 = md5(&[b"AUTHENTICATE:", self.uri.as_bytes(), body]);
        let middle = format!(":{nonce}:{:0>8}:{}:{qop}:", self.nc, self.cnonce);
        let digest = md5(&[to_hex(&a1).as_bytes(), middle.as_bytes(), to_hex(&a2).as_bytes()]);
        let mut out = [b"username=\"", self.username, b"\""].concat();
        for (name, value) in [("realm", self.realm), ("authzid", self.authzid)] {
            if let Some(value) = value {
                out.extend(format!(",{name}=\"").bytes().chain(value.iter().copied()).chain(*b"\""));
            }
        }
        let tail = format!(
            ",nonce=\"{nonce}\",cnonce=\"{}\",nc={},digest-uri=\"{}\"{},response={}",
            self.cnonce,
            self.nc,
            self.uri,
            self.more,
            to_hex(&digest)
        );
        out.extend(tail.bytes());
        out
    }
}
