//! What the tests of the recipe share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rig::base::Library;
use crate::rig::classic;
use crate::rig::client::{DigestMd5, Mechanism, Protection, mechanism as general};
use crate::rig::sendmail::{Config, HOST, Server, USERS};
use crate::rig::smtp::Smtp;

/// A user of the password database and its password.
pub const TIM: (&str, &str) = USERS[0];

/// The mechanisms served.
pub fn names() -> impl Iterator<Item = &'static str> {
    classic::MECHANISMS.split(' ')
}

/// The library under test.
pub fn library() -> Library {
    classic::library()
}

/// The recipe's server.
pub fn server() -> Server {
    start(&classic::config())
}

pub fn start(config: &Config) -> Server {
    Server::start(&library(), config)
}

/// The recipe with this `Sendmail.conf` and no password database.
pub fn with_conf(conf: &str) -> Config {
    Config { library_conf: Some(conf.to_owned()), database: false, ..classic::config() }
}

/// A fresh connection after EHLO.
pub fn greeted(server: &Server) -> Smtp {
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    smtp
}

/// The mechanisms that EHLO shows, as one text; empty when there is no AUTH line.
pub fn listed(server: &Server) -> String {
    server.connect().ehlo().unwrap_or_default().join(" ")
}

/// The client side of a mechanism. DIGEST-MD5 has a field of its own for the realm, and this server offers none: it is
/// what follows the `@` of the user's name, or else the host's name.
pub fn mechanism(name: &str, user: &str, password: &str) -> Box<dyn Mechanism> {
    if name != "DIGEST-MD5" {
        return general(name, user, password);
    }
    let (user, realm) = user.split_once('@').unwrap_or((user, HOST));
    Box::new(digest(user, realm, password, Protection::None))
}

pub fn digest(user: &str, realm: &str, password: &str, protection: Protection) -> DigestMd5 {
    let mut client = DigestMd5::new(user, password, protection);
    client.realm = Some(realm.to_owned());
    client
}

/// Tries one mechanism on its own connection; gives the code of the last reply.
pub fn attempt(server: &Server, mechanism: &mut dyn Mechanism) -> u16 {
    greeted(server).auth(mechanism, true).code
}

/// Tries the mechanism of this name.
pub fn try_named(server: &Server, name: &str, (user, password): (&str, &str)) -> u16 {
    attempt(server, &mut *mechanism(name, user, password))
}

/// The log line of a login, after `mark`.
pub fn authenticated(server: &Server, mark: usize) -> String {
    server.sandbox.log.after(mark, "AUTH=server").text
}

/// The log line of a refusal, after `mark`.
pub fn refused(server: &Server, mark: usize) -> String {
    server.sandbox.log.after(mark, "AUTH failure").text
}

pub fn encode(data: &[u8]) -> String {
    STANDARD.encode(data)
}

/// About 100 kB of text in lines.
pub fn long_text(line_end: &str) -> String {
    let line = "the quick brown fox jumps over the lazy dog and comes back again";
    (0..1450).map(|n| format!("{n:06} {line}{line_end}")).collect()
}
