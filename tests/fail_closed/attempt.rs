//! The states that an account or its back end can be in, the ways in, and what each must answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use oxisasl::crypto::{hmac_md5, to_hex};
use oxisasl::prompt::{Answer as Reply, Answers, Prompt, PromptKind};
use oxisasl::{Client, ClientParams, Code, Error, Progress, Result, Secret, Server, ServerParams, ServerSession};

/// The password of every account that has one.
pub const PASSWORD: &str = crate::rig::accounts::PASSWORD;
pub const HOST: &str = "host.rig.test";

/// Why nobody may come in, though the password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no such user.
    Unknown,
    /// The user is known, and has nothing to compare a password with.
    NoSecret,
    /// What is stored is the empty password, or a secret of it.
    EmptySecret,
    /// What is stored names a scheme that nobody knows.
    UnknownScheme,
    /// What is stored begins as something known, and is damaged.
    Malformed,
    /// The account is locked, disabled or over.
    Locked,
    /// The back end is down, or its file is none.
    Down,
}

pub const STATES: [State; 7] = [
    State::Unknown,
    State::NoSecret,
    State::EmptySecret,
    State::UnknownScheme,
    State::Malformed,
    State::Locked,
    State::Down,
];

/// What a plaintext password must be answered with in a state.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// This class of error.
    Is(Code),
    /// One of these: the secrets of a state are of several kinds.
    OneOf(&'static [Code]),
    /// The state cannot come about here, and why.
    Never(&'static str),
}

impl Answer {
    fn allows(self, code: Code) -> bool {
        match self {
            Answer::Is(one) => one == code,
            Answer::OneOf(some) => some.contains(&code),
            Answer::Never(_) => false,
        }
    }
}

/// What checks passwords, with accounts in it.
pub trait BackEnd {
    /// An application that asks it.
    fn server(&self) -> Arc<Server>;
    /// Users with [`PASSWORD`], who must come in.
    fn good(&self) -> Vec<&'static str>;
    /// Users in a state; none for [`State::Down`], which all are in then.
    fn users(&self, state: State) -> Vec<&'static str>;
    /// The mechanisms without a plaintext password that let the first of the good users in.
    fn mechanisms(&self) -> &'static [&'static str] {
        &[]
    }
    /// Whether names in capitals are those of the same users.
    fn folds_case(&self) -> bool {
        false
    }
    /// Stops the back end.
    fn stop(&mut self) {}
}

/// How a plaintext password comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Checkpass,
    Plain,
    Login,
}

pub const WAYS: [Way; 3] = [Way::Checkpass, Way::Plain, Way::Login];

fn session(server: &Arc<Server>) -> ServerSession {
    server.session(ServerParams::new("smtp").fqdn(HOST)).expect("a session")
}

/// Whether the server is done, however it says so.
fn came_in(session: &ServerSession, result: Result<Progress>) -> Result<()> {
    match result {
        Ok(Progress::Done(_)) => Ok(()),
        Ok(Progress::Continue(_)) => Err(Error::fail("it goes on")),
        Err(error) => {
            assert!(session.step(b"").is_err(), "a step after {error} succeeds");
            Err(error)
        }
    }
}

pub fn plaintext(server: &Arc<Server>, way: Way, user: &[u8], password: &[u8]) -> Result<()> {
    let session = session(server);
    match way {
        Way::Checkpass => session.check_password(user, &Secret::from(password)),
        Way::Plain => {
            let message = [b"\0", user, b"\0", password].concat();
            came_in(&session, session.start("PLAIN", Some(&message)))
        }
        Way::Login => {
            session.start("LOGIN", None)?;
            match session.step(user)? {
                Progress::Continue(_) => came_in(&session, session.step(password)),
                Progress::Done(_) => Ok(()),
            }
        }
    }
}

struct User<'a>(&'a str, &'a str);

impl Answers for User<'_> {
    fn answer(&self, prompt: &Prompt) -> Reply {
        match prompt.kind {
            PromptKind::AuthName => Reply::Value(Secret::from(self.0)),
            PromptKind::Pass => Reply::Value(Secret::from(self.1)),
            _ => Reply::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

/// What the server says of a client that knows this password: the client's own opinion of the server is not asked.
pub fn exchange(server: &Arc<Server>, mechanism: &str, user: &'static str, password: &str) -> Result<()> {
    let session = session(server);
    let password: &'static str = Box::leak(password.to_owned().into_boxed_str());
    let client = Arc::new(Client::new()).session(ClientParams::new("smtp", User(user, password)).fqdn(HOST))?;
    let start = client.start(mechanism)?;
    let mut answer = session.start(&start.mechanism, start.progress.data());
    while let Ok(Progress::Continue(challenge)) = &answer {
        let response = client.step(Some(challenge.as_deref().unwrap_or_default()))?;
        answer = session.step(response.data().unwrap_or_default());
    }
    came_in(&session, answer)
}

/// CRAM-MD5 by hand, for keys that no client of ours has.
fn cram(server: &Arc<Server>, user: &str, key: &[u8]) -> Result<()> {
    let session = session(server);
    let challenge = session.start("CRAM-MD5", None)?;
    let digest = to_hex(&hmac_md5(key, &[challenge.data().unwrap_or_default()]));
    came_in(&session, session.step(format!("{user} {digest}").as_bytes()))
}

/// What is not the password of a good user, by what is wrong with it.
fn wrong() -> Vec<(&'static str, Vec<u8>)> {
    let right = PASSWORD.as_bytes();
    vec![
        ("empty", Vec::new()),
        ("wrong", b"wrong".to_vec()),
        ("a prefix", right[..right.len() - 1].to_vec()),
        ("the first byte", right[..1].to_vec()),
        ("longer", [right, b"x"].concat()),
        ("a NUL at the end", [right, b"\0"].concat()),
        ("a NUL and more", [right, b"\0x"].concat()),
        ("a NUL before", [b"\0", right].concat()),
        ("a NUL alone", b"\0".to_vec()),
        ("in capitals", right.to_ascii_uppercase()),
        ("a line feed at the end", [right, b"\n"].concat()),
        ("a blank at the end", [right, b" "].concat()),
        ("with no UTF-8", [right, b"\xff"].concat()),
        ("twice", right.repeat(2)),
        ("longer than any", right.repeat(8000)),
    ]
}

/// Names that are not a user's, by what makes them others.
fn strangers(user: &str) -> Vec<(&'static str, Vec<u8>)> {
    let right = user.as_bytes();
    vec![
        ("with a NUL at the end", [right, b"\0"].concat()),
        ("with a NUL and more", [right, b"\0x"].concat()),
        ("in capitals", right.to_ascii_uppercase()),
        ("with a blank within", [&right[..1], b" ", &right[1..]].concat()),
        ("with a line feed and more", [right, b"\nx"].concat()),
        ("a prefix", right[..right.len() - 1].to_vec()),
        ("longer", [right, b"x"].concat()),
        ("with no UTF-8", [right, b"\xff"].concat()),
        ("empty", Vec::new()),
    ]
}

/// What a wrong password may be answered with. The messages of PLAIN have their fields between NULs, and those of all
/// mechanisms have a limit; a daemon's protocol has one, too.
fn refusals(what: &str, way: Way) -> &'static [Code] {
    match (what, way) {
        ("longer than any", Way::Checkpass) => &[Code::BadAuth, Code::Fail],
        ("longer than any", _) => &[Code::BadAuth, Code::Fail, Code::BadProt],
        (what, Way::Plain) if what.contains("NUL") => &[Code::BadProt],
        (what, Way::Login) if what.contains("NUL") => &[Code::BadProt],
        ("empty", Way::Plain | Way::Login) => &[Code::BadAuth, Code::BadProt, Code::BadParam],
        ("with no UTF-8", Way::Plain | Way::Login) => &[Code::BadAuth, Code::BadProt],
        _ => &[Code::BadAuth],
    }
}

/// What a mechanism without a plaintext password may be answered with in a state.
const CHALLENGED: [Code; 5] = [Code::NoUser, Code::BadAuth, Code::Fail, Code::Trans, Code::NoMech];

/// How much is tried. The ways in do not know what store there is: with one of them all are tried, with the others the
/// quickest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    All,
    Less,
}

impl Effort {
    fn ways(self) -> &'static [Way] {
        if self == Effort::All { &WAYS } else { &WAYS[..1] }
    }

    /// What else than the password is tried with whoever is in a state.
    fn others(self) -> &'static [&'static [u8]] {
        const OTHERS: [&[u8]; 6] = [b"", b"NULL", b"!", b"*", b"x", b"{CLEARTEXT}"];
        if self == Effort::All { &OTHERS } else { &OTHERS[..2] }
    }

    fn passwords(self) -> &'static [&'static str] {
        if self == Effort::All { &[PASSWORD, "", "x"] } else { &[PASSWORD] }
    }
}

/// Tries the ways in at a back end in every state, and gives how many attempts that were.
pub fn judge(label: &str, effort: Effort, mut back_end: Box<dyn BackEnd>, expected: impl Fn(State) -> Answer) -> usize {
    let server = back_end.server();
    let mut tried = 0;
    let mut faults = BTreeSet::new();
    let mut check = |result: Result<()>, allowed: &dyn Fn(Code) -> bool, what: String| {
        tried += 1;
        match result {
            Ok(()) => drop(faults.insert(format!("{label}: {what} comes in"))),
            Err(error) if !allowed(error.code()) => drop(faults.insert(format!("{label}: {what}: {error:?}"))),
            Err(_) => {}
        }
    };
    controls(label, &server, back_end.as_ref());
    for user in back_end.good() {
        for (what, password) in wrong() {
            for &way in effort.ways() {
                let result = plaintext(&server, way, user.as_bytes(), &password);
                let allowed = |code| refusals(what, way).contains(&code);
                check(result, &allowed, format!("{way:?} of {user} with a password that is {what}"));
            }
        }
    }
    for user in back_end.good() {
        let others = strangers(user);
        for (what, user) in others.into_iter().filter(|(what, _)| !(back_end.folds_case() && *what == "in capitals")) {
            for &way in effort.ways() {
                let result = plaintext(&server, way, &user, PASSWORD.as_bytes());
                check(result, &|_| true, format!("{way:?} of a name that is {what}"));
            }
        }
    }
    for mechanism in back_end.mechanisms() {
        let user = back_end.good()[0];
        for (what, password) in wrong().into_iter().take(if effort == Effort::All { usize::MAX } else { 3 }) {
            // The keys of HMAC (RFC 2104 section 2) are filled up with NULs: with some behind it, a key is the same key.
            let Ok(password) = String::from_utf8(password) else { continue };
            if password.trim_end_matches('\0') == PASSWORD {
                continue;
            }
            let result = exchange(&server, mechanism, user, &password);
            let allowed = |code| CHALLENGED.contains(&code) || matches!(code, Code::BadParam | Code::BadProt);
            check(result, &allowed, format!("{mechanism} of {user} with a password that is {what}"));
        }
    }
    for state in STATES.into_iter().filter(|state| *state != State::Down) {
        let (answer, users) = (expected(state), back_end.users(state));
        let never = matches!(answer, Answer::Never(_));
        assert_eq!(users.is_empty(), never, "{label}: the table and the accounts in the state {state:?}");
        for user in users {
            for &way in effort.ways() {
                let result = plaintext(&server, way, user.as_bytes(), PASSWORD.as_bytes());
                check(result, &|code| answer.allows(code), format!("{way:?} of {user} ({state:?})"));
                for &other in effort.others() {
                    let what = format!("{way:?} of {user} ({state:?}) with {:?}", String::from_utf8_lossy(other));
                    check(plaintext(&server, way, user.as_bytes(), other), &|_| true, what);
                }
            }
            for mechanism in back_end.mechanisms() {
                for &password in effort.passwords() {
                    let result = exchange(&server, mechanism, user, password);
                    let allowed = |code| CHALLENGED.contains(&code) || matches!(code, Code::BadParam | Code::BadProt);
                    check(result, &allowed, format!("{mechanism} of {user} ({state:?}) with {password:?}"));
                }
            }
            if back_end.mechanisms().contains(&"CRAM-MD5") {
                check(cram(&server, user, b""), &|_| true, format!("CRAM-MD5 of {user} ({state:?}) with an empty key"));
            }
        }
    }
    // The accounts in another state have done no harm to the good ones.
    controls(label, &server, back_end.as_ref());
    let down = expected(State::Down);
    if !matches!(down, Answer::Never(_)) {
        back_end.stop();
        for server in [&server, &back_end.server()] {
            for user in back_end.good() {
                for way in WAYS {
                    let result = plaintext(server, way, user.as_bytes(), PASSWORD.as_bytes());
                    check(result, &|code| down.allows(code), format!("{way:?} of {user} (Down)"));
                    let result = plaintext(server, way, user.as_bytes(), b"");
                    check(result, &|_| true, format!("{way:?} of {user} (Down) with an empty password"));
                }
                for mechanism in back_end.mechanisms() {
                    let result = exchange(server, mechanism, user, PASSWORD);
                    check(
                        result,
                        &|code| matches!(code, Code::Fail | Code::NoMech) || down.allows(code),
                        format!("{mechanism} of {user} (Down)"),
                    );
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
    tried
}

/// Whoever is to come in does: otherwise a refusal means nothing.
fn controls(label: &str, server: &Arc<Server>, back_end: &dyn BackEnd) {
    for user in back_end.good() {
        for way in WAYS {
            let result = plaintext(server, way, user.as_bytes(), PASSWORD.as_bytes());
            assert_eq!(result, Ok(()), "{label}: {way:?} of {user}");
        }
    }
    for mechanism in back_end.mechanisms() {
        let user = back_end.good()[0];
        assert_eq!(exchange(server, mechanism, user, PASSWORD), Ok(()), "{label}: {mechanism} of {user}");
    }
}
