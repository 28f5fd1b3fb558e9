//! Hostile names and passwords, through everything that keeps or checks them: they are names and passwords and nothing else.
//! (`tests/sql` has the same for the statements of SQL stores.)

#[path = "../sql/corpus.rs"]
mod corpus;
#[path = "../rig/mod.rs"]
mod rig;
#[path = "../scratch/mod.rs"]
mod scratch;
#[path = "../sql/server.rs"]
#[allow(dead_code)]
mod server;

mod daemons;
mod modules;
mod stores;

use std::sync::{Arc, Mutex};

use oxisasl::log::{Level, Log};
use oxisasl::{Code, Result, Secret, Server, ServerParams, ServerSession};

const HOST: &str = "host.rig.test";

fn session(server: &Arc<Server>) -> ServerSession {
    server.session(ServerParams::new("smtp").fqdn(HOST)).expect("a session")
}

fn check(server: &Arc<Server>, user: &[u8], password: &[u8]) -> Result<(), Code> {
    session(server).check_password(user, &Secret::from(password)).map_err(|error| error.code())
}

/// The same by PLAIN, as whoever the client says it is.
fn plain(server: &Arc<Server>, user: &[u8], password: &[u8]) -> Result<(), Code> {
    let message = [b"\0", user, b"\0", password].concat();
    session(server).start("PLAIN", Some(&message)).map(drop).map_err(|error| error.code())
}

/// Some of it, for a message.
fn shown(bytes: &[u8]) -> String {
    format!("{:?} of {} bytes", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]), bytes.len())
}

/// Pairs of a name and a password: each hostile text as either, and each of those that stand for something as both.
fn pairs() -> Vec<(Vec<u8>, Vec<u8>)> {
    const STANDING: [&str; 13] = ["%u", "%p", "%r", "%v", "%%u", "'", "\\", "$1", "?", ":v", "{}", "{0}", "%u@%r"];
    let mut pairs = Vec::new();
    for text in corpus::hostile() {
        pairs.push((text.clone(), b"secret".to_vec()));
        pairs.push((b"alice".to_vec(), text));
    }
    for user in STANDING {
        pairs.extend(STANDING.map(|password| (user.as_bytes().to_vec(), password.as_bytes().to_vec())));
    }
    pairs
}

/// The name without the blanks around it, which are none of its.
fn trimmed(name: &[u8]) -> &[u8] {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = name.iter().position(|byte| !blank(byte)).unwrap_or(name.len());
    let end = name.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &name[start..end]
}

/// Every line that is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Log for Lines {
    fn log(&self, _: Level, line: &str) {
        self.0.lock().expect("the log").push(line.to_owned());
    }
}
