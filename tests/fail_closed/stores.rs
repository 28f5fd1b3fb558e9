//! Passwords in stores: `pwcheck_method: auxprop`, and `sasldb` as Cyrus SASL 1.5 had it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use oxisasl::config::ConfigFile;
use oxisasl::crypto::{Hash, HmacMd5State, ScramKeys, ScramVerifier, salted_md5};
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::log::NoLog;
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::memory::Memory;
use oxisasl::store::sql::Sql;
use oxisasl::store::{AuxProp, Change, StoreCx};
use oxisasl::{Secret, Server, ServerParams};

use crate::attempt::{BackEnd, HOST, PASSWORD, State};
use crate::rig::accounts::hash;
use crate::rig::base::TempDir;
use crate::scratch;
use crate::server::{Database, Kind, PROPERTIES, PROPERTY_STATEMENTS};

/// An account of a store: its name, the state that it is in, or none for a good one, and one of its properties.
pub struct Account(pub &'static str, pub Option<State>, pub &'static str, pub Vec<u8>);

pub const SECRET: &str = "userPassword";
const CRAM: &str = "cmusaslsecretCRAM-MD5";
const DIGEST: &str = "cmusaslsecretDIGEST-MD5";
const OLD: &str = "cmusaslsecretPLAIN";
const VERIFIER: &str = "authPassword";

fn verifier(password: &[u8]) -> Vec<u8> {
    let (iterations, salt) = (2, b"saltsalt".to_vec());
    let keys = ScramKeys::derive(Hash::Sha256, password, &salt, iterations);
    ScramVerifier { iterations, salt, keys }.to_text("SCRAM-SHA-256").expose().to_vec()
}

fn old(password: &[u8]) -> Vec<u8> {
    salted_md5(password).expect("random bytes").expose().to_vec()
}

/// The accounts of every store. The first has the password itself, with which every mechanism works.
pub fn accounts() -> Vec<Account> {
    use State::{EmptySecret, Locked, Malformed, NoSecret, UnknownScheme};
    let text = |name, state, property, value: &str| Account(name, state, property, value.as_bytes().to_vec());
    let bytes = |name, state, property, value: Vec<u8>| Account(name, state, property, value);
    let mut zero_count = verifier(PASSWORD.as_bytes());
    zero_count[14] = b'0';
    vec![
        text("good", None, SECRET, PASSWORD),
        text("hashed", None, SECRET, hash("md5")),
        bytes("verified", None, VERIFIER, verifier(PASSWORD.as_bytes())),
        bytes("old", None, OLD, old(PASSWORD.as_bytes())),
        text("other-secret", Some(NoSecret), "cmusaslsecretOTP", "md5 0499 ke1234 0123456789abcdef 00000000"),
        text("empty", Some(EmptySecret), SECRET, ""),
        text("empty-scheme", Some(EmptySecret), SECRET, "{CLEARTEXT}"),
        text("empty-sha", Some(EmptySecret), SECRET, "{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
        text("empty-crypt", Some(EmptySecret), SECRET, "{CRYPT}$1$saltsalt$5Jhcit4zN9UlGiA0txPkO0"),
        bytes("empty-verifier", Some(EmptySecret), VERIFIER, verifier(b"")),
        bytes("empty-old", Some(EmptySecret), OLD, old(b"")),
        bytes("empty-cram", Some(EmptySecret), CRAM, HmacMd5State::new(b"").to_bytes().to_vec()),
        text("scheme", Some(UnknownScheme), SECRET, &format!("{{MD9}}{PASSWORD}")),
        text("scheme-crypt", Some(UnknownScheme), SECRET, "{CRYPT}$99$unknown$scheme"),
        text("cut-ssha", Some(Malformed), SECRET, "{SSHA}x"),
        text("cut-sha", Some(Malformed), SECRET, "{SHA}"),
        text("cut-crypt", Some(Malformed), SECRET, "{CRYPT}"),
        text("cut-argon2", Some(Malformed), SECRET, "$argon2id$v=19$m=8,t=1"),
        text("cut-scram", Some(Malformed), SECRET, "SCRAM-SHA-256$4096:c2FsdA==$"),
        bytes("zero-scram", Some(Malformed), SECRET, zero_count.clone()),
        bytes("zero-verifier", Some(Malformed), VERIFIER, zero_count),
        text("no-verifier", Some(Malformed), VERIFIER, "SCRAM-SHA-256$"),
        text("plain-verifier", Some(Malformed), VERIFIER, PASSWORD),
        bytes("cut-cram", Some(Malformed), CRAM, HmacMd5State::new(PASSWORD.as_bytes()).to_bytes()[..31].to_vec()),
        text("cut-digest", Some(Malformed), DIGEST, "0123456789abcde"),
        bytes("cut-old", Some(Malformed), OLD, old(PASSWORD.as_bytes())[..32].to_vec()),
        text("locked", Some(Locked), SECRET, &format!("{{CRYPT}}!{}", hash("md5"))),
        text("starred", Some(Locked), SECRET, "{CRYPT}*"),
        text("removed", Some(Locked), SECRET, PASSWORD),
    ]
}

/// The account that is disabled once it is there.
pub const REMOVED: &str = "removed";

/// Accounts in a store, or several stores that are asked as one.
pub struct Stored {
    server: Box<dyn Fn() -> Server>,
    accounts: Vec<Account>,
    mechanisms: &'static [&'static str],
    stop: Box<dyn FnMut()>,
}

pub const ALL: &[&str] = &["CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256"];

impl BackEnd for Stored {
    fn server(&self) -> Arc<Server> {
        Arc::new((self.server)())
    }

    fn good(&self) -> Vec<&'static str> {
        self.names(None)
    }

    fn users(&self, state: State) -> Vec<&'static str> {
        if state == State::Unknown { vec!["nobody", "goo", "good@other.test"] } else { self.names(Some(state)) }
    }

    fn mechanisms(&self) -> &'static [&'static str] {
        self.mechanisms
    }

    fn stop(&mut self) {
        (self.stop)();
    }
}

impl Stored {
    fn names(&self, state: Option<State>) -> Vec<&'static str> {
        self.accounts.iter().filter(|account| account.1 == state).map(|account| account.0).collect()
    }
}

pub fn options(text: &str) -> ConfigFile {
    ConfigFile::parse("test.conf".as_ref(), text.as_bytes()).expect("options")
}

/// Puts the accounts into a store, and disables the one that is to be.
fn fill(store: &dyn AuxProp, options: &ConfigFile, server: Server) {
    let cx = StoreCx { service: "x", fqdn: HOST, realm: None, user_realm: None, options, log: &NoLog, host: &() };
    for Account(user, _, property, value) in accounts() {
        let values = [Secret::new(value)];
        store.store(&cx, user.as_bytes(), &[Change { name: property, values: &values }]).expect(user);
    }
    let session = Arc::new(server).session(ServerParams::new("x").fqdn(HOST)).expect("a session");
    let change = PasswordChange { password: None, old: None, flags: PasswordFlags(PasswordFlags::DISABLE) };
    session.set_password(REMOVED.as_bytes(), &change).expect("it can be disabled");
}

/// In memory, by an application of one's own.
pub fn memory(method: &'static str) -> Box<dyn BackEnd> {
    let store = Arc::new(Memory::new());
    let text = format!("pwcheck_method: {method}\n");
    let made = options(&text);
    let server = {
        let store = Arc::clone(&store);
        move || Server::new("test").store(Shared(Arc::clone(&store))).options(options(&text))
    };
    fill(store.as_ref(), &made, server());
    Box::new(Stored { server: Box::new(server), accounts: accounts(), mechanisms: ALL, stop: Box::new(|| {}) })
}

/// A store of several servers.
struct Shared(Arc<Memory>);

impl AuxProp for Shared {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn lookup(
        &self,
        cx: &StoreCx<'_>,
        user: &[u8],
        flags: oxisasl::store::LookupFlags,
        props: &oxisasl::props::Props,
    ) -> oxisasl::Result<()> {
        self.0.lookup(cx, user, flags, props)
    }

    fn can_store(&self, cx: &StoreCx<'_>) -> oxisasl::Result<()> {
        self.0.can_store(cx)
    }

    fn store(&self, cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> oxisasl::Result<()> {
        self.0.store(cx, user, changes)
    }
}

/// A file of the password database, of which nothing is left when it is to stop.
fn sasldb(method: &'static str, make: impl FnOnce(&Path, &ConfigFile, &dyn Fn() -> Server)) -> Box<dyn BackEnd> {
    let dir = TempDir::new("closed");
    let path = dir.join("db");
    let text = format!("pwcheck_method: {method}\nsasldb_path: {}\n", path.display());
    let made = options(&text);
    let server = move || Server::new("test").store(Sasldb::new()).options(options(&text));
    make(&path, &made, &server);
    let stop = move || spoil(&dir, &path);
    Box::new(Stored { server: Box::new(server), accounts: accounts(), mechanisms: ALL, stop: Box::new(stop) })
}

/// Puts something that is no database in the place of one.
fn spoil(dir: &TempDir, path: &Path) {
    let new = dir.write("new", "no database at all ".repeat(500));
    fs::rename(new, path).expect("another file");
}

pub fn lmdb(method: &'static str) -> Box<dyn BackEnd> {
    sasldb(method, |_, options, server| fill(&Sasldb::new(), options, server()))
}

pub fn berkeley(method: &'static str) -> Box<dyn BackEnd> {
    sasldb(method, |path, options, server| {
        scratch::db_load(path, &[], &[(b"first".to_vec(), b"x".to_vec())]);
        fill(&Sasldb::new(), options, server());
    })
}

/// Made by its own library, since it is only read here.
pub fn gdbm(method: &'static str) -> Box<dyn BackEnd> {
    sasldb(method, |path, _, _| {
        let lines = accounts().into_iter().filter(|account| account.0 != REMOVED).map(|account| {
            let key = [account.0.as_bytes(), HOST.as_bytes(), account.2.as_bytes()].join(&0);
            let value = if account.3.is_empty() { "-".to_owned() } else { scratch::hex(&account.3) };
            format!("{} {value}\n", scratch::hex(&key))
        });
        let lines: String = lines.collect();
        let program: PathBuf = crate::rig::saslauthd::compile("gdbm_make", &["-lgdbm"]);
        scratch::run(Command::new(program).arg(path).args(["0", "plain", "load", "0"]), lines.as_bytes());
    })
}

/// The database of Cyrus SASL 1.5, with its verifier.
pub fn classic(method: &'static str) -> Box<dyn BackEnd> {
    let dir = TempDir::new("closed");
    let path = dir.join("db");
    let text = format!("pwcheck_method: {method}\nsasldb_path: {}\n", path.display());
    let made = options(&text);
    let server = move || Server::classic("test").store(Sasldb::classic()).options(options(&text));
    let session = Arc::new(server()).session(ServerParams::new("x").fqdn(HOST)).expect("a session");
    let set = |user: &str| {
        let password = Secret::from(PASSWORD);
        let flags = PasswordFlags(PasswordFlags::CREATE);
        session.set_password(user.as_bytes(), &PasswordChange { password: Some(&password), old: None, flags })
    };
    set("good").expect("it can be stored");
    let of_old = |account: &Account| account.2.starts_with("cmusaslsecret") && account.2 != "cmusaslsecretOTP";
    let mut all: Vec<Account> = accounts().into_iter().filter(of_old).collect();
    let cx =
        StoreCx { service: "x", fqdn: HOST, realm: None, user_realm: None, options: &made, log: &NoLog, host: &() };
    for Account(user, _, property, value) in &all {
        let values = [Secret::from(&value[..])];
        Sasldb::classic().store(&cx, user.as_bytes(), &[Change { name: property, values: &values }]).expect(user);
    }
    set(REMOVED).expect("it can be stored");
    let change = PasswordChange { password: None, old: None, flags: PasswordFlags(PasswordFlags::DISABLE) };
    session.set_password(REMOVED.as_bytes(), &change).expect("it can be disabled");
    all.insert(0, Account("good", None, "", Vec::new()));
    all.push(Account(REMOVED, Some(State::Locked), "", Vec::new()));
    all.retain(|account| account.0 != "cut-digest");
    all.push(Account("cut-digest", Some(State::NoSecret), "", Vec::new()));
    let stop = move || spoil(&dir, &path);
    let mechanisms = &["CRAM-MD5", "DIGEST-MD5"];
    Box::new(Stored { server: Box::new(server), accounts: all, mechanisms, stop: Box::new(stop) })
}

fn sql(method: &'static str, kind: Kind) -> Box<dyn BackEnd> {
    let rows = format!(
        "INSERT INTO properties VALUES ('null', '{HOST}', '{SECRET}', NULL), ('word', '{HOST}', '{SECRET}', 'NULL');"
    );
    let mut database = Database::start(kind, &format!("{PROPERTIES} {rows}"));
    let text = format!("pwcheck_method: {method}\nsql_timeout: 3\n{}{PROPERTY_STATEMENTS}", database.options());
    let made = options(&text);
    let server = move || Server::new("test").store(Sql::new()).options(options(&text));
    fill(&Sql::new(), &made, server());
    let mut accounts = accounts();
    accounts.push(Account("null", Some(State::Locked), "", Vec::new()));
    accounts.push(Account("word", Some(State::Locked), "", Vec::new()));
    let stop = move || match kind {
        Kind::Sqlite => spoil(&database.dir, &database.dir.join("db")),
        _ => database.kill(),
    };
    Box::new(Stored { server: Box::new(server), accounts, mechanisms: ALL, stop: Box::new(stop) })
}

pub fn sqlite(method: &'static str) -> Box<dyn BackEnd> {
    sql(method, Kind::Sqlite)
}

pub fn postgres(method: &'static str) -> Box<dyn BackEnd> {
    sql(method, Kind::Postgres)
}

pub fn mariadb(method: &'static str) -> Box<dyn BackEnd> {
    sql(method, Kind::Maria)
}
