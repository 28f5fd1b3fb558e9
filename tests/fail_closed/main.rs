//! Every verifier of passwords, over every store, in every state that an account and a back end can be in, by every way in:
//! nobody comes in who is not to, and the class of the error is the one in the table. Whoever is to come in does, so that a
//! refusal means something.
//!
//! A new verifier or store needs a row of [`TABLE`]: its word of `pwcheck_method`, the type of its store, a function that makes
//! it with [accounts](attempt::BackEnd) in every state, and what it answers. A new scheme needs a sample in `schemes.rs`.

#[path = "../rig/mod.rs"]
mod rig;
#[path = "../scratch/mod.rs"]
mod scratch;
#[path = "../sql/server.rs"]
#[allow(dead_code)]
mod server;

mod accounts;
mod attempt;
mod directory;
mod schemes;
mod stores;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;

use attempt::{Answer, BackEnd, Effort, STATES, State};
use oxisasl::Code;
use rig::base::{Library, repository, run};
use rig::sandbox::Sandbox;

/// Who checks passwords, and over what.
struct Row {
    /// The rows of a group are tried one after the other.
    group: Group,
    /// The word of `pwcheck_method`.
    method: &'static str,
    /// The type of the store, if it asks one.
    store: &'static str,
    /// What is special about the row.
    of: &'static str,
    /// Makes it, with its accounts.
    make: fn(&'static str) -> Box<dyn BackEnd>,
    /// What it answers.
    answers: fn(State) -> Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Files,
    Databases,
    Accounts,
    Daemons,
}

#[rustfmt::skip]
const TABLE: &[Row] = {
    use Group::{Accounts, Daemons, Databases, Files};
    &[
    Row { group: Files, method: "auxprop", store: "Memory", of: "", make: stores::memory, answers: in_memory },
    Row { group: Files, method: "auxprop", store: "Sasldb", of: "LMDB", make: stores::lmdb, answers: stored },
    Row { group: Files, method: "auxprop", store: "Sasldb", of: "Berkeley", make: stores::berkeley, answers: with_passwords },
    Row { group: Files, method: "auxprop", store: "Sasldb", of: "GDBM", make: stores::gdbm, answers: with_passwords },
    Row { group: Files, method: "sasldb", store: "Sasldb", of: "LMDB", make: stores::lmdb, answers: stored },
    Row { group: Files, method: "sasldb", store: "Sasldb", of: "that of 1.5", make: stores::classic, answers: classic },
    Row { group: Databases, method: "auxprop", store: "Sql", of: "SQLite", make: stores::sqlite, answers: stored },
    Row { group: Databases, method: "auxprop", store: "Sql", of: "PostgreSQL", make: stores::postgres, answers: stored },
    Row { group: Databases, method: "auxprop", store: "Sql", of: "MariaDB", make: stores::mariadb, answers: stored },
    Row { group: Databases, method: "auxprop", store: "Ldapdb", of: "", make: directory::store, answers: in_a_directory },
    Row { group: Databases, method: "ldap", store: "", of: "", make: directory::bind, answers: bound },
    Row { group: Accounts, method: "shadow", store: "", of: "", make: accounts::shadow, answers: shadow },
    Row { group: Accounts, method: "passwd", store: "", of: "", make: accounts::passwd, answers: passwd },
    Row { group: Accounts, method: "pam", store: "", of: "pam_unix", make: accounts::pam, answers: yes_or_no },
    Row { group: Accounts, method: "kerberos_v4", store: "", of: "", make: accounts::nothing, answers: nobody },
    Row { group: Accounts, method: "kerberos_v5", store: "", of: "", make: accounts::nothing, answers: nobody },
    Row { group: Accounts, method: "sia", store: "", of: "", make: accounts::nothing, answers: nobody },
    Row { group: Daemons, method: "saslauthd", store: "", of: "shadow", make: accounts::saslauthd, answers: yes_or_no },
    Row { group: Daemons, method: "pwcheck", store: "", of: "shadow", make: accounts::pwcheck, answers: yes_or_no },
    Row { group: Daemons, method: "authdaemond", store: "", of: "authpam", make: accounts::authdaemond, answers: yes_or_no },
    ]
};

/// A store that can fail. Whoever has nothing that a password is compared with is nobody to a verifier.
fn stored(state: State) -> Answer {
    match state {
        State::Unknown | State::NoSecret => Answer::Is(Code::NoUser),
        State::EmptySecret | State::UnknownScheme => Answer::Is(Code::BadAuth),
        // A secret of another mechanism is none to compare with, however it is damaged.
        State::Malformed => Answer::OneOf(&[Code::BadAuth, Code::NoUser]),
        State::Locked => Answer::OneOf(&[Code::BadAuth, Code::NoUser]),
        State::Down => Answer::Is(Code::Fail),
    }
}

/// Where passwords are kept as they are, the secret of another mechanism is not compared with.
fn with_passwords(state: State) -> Answer {
    if state == State::EmptySecret { Answer::OneOf(&[Code::BadAuth, Code::NoUser]) } else { stored(state) }
}

fn in_a_directory(state: State) -> Answer {
    if state == State::Down { Answer::Is(Code::Unavail) } else { stored(state) }
}

/// The directory compares, and says no more than that.
fn bound(state: State) -> Answer {
    match state {
        State::Unknown => Answer::Is(Code::NoUser),
        State::Down => Answer::Is(Code::Unavail),
        _ => Answer::Is(Code::BadAuth),
    }
}

fn in_memory(state: State) -> Answer {
    if state == State::Down { Answer::Never("it is this process") } else { stored(state) }
}

fn classic(state: State) -> Answer {
    match state {
        State::UnknownScheme => Answer::Never("its secrets have no schemes"),
        other => stored(other),
    }
}

/// The system's files, which say that an account is locked, and not why to whoever asks.
fn shadow(state: State) -> Answer {
    if state == State::Down { Answer::Is(Code::Fail) } else { Answer::Is(Code::BadAuth) }
}

fn passwd(state: State) -> Answer {
    if state == State::Unknown { Answer::Is(Code::NoUser) } else { shadow(state) }
}

/// Whoever can only say yes or no.
fn yes_or_no(state: State) -> Answer {
    if state == State::Down { Answer::Is(Code::Fail) } else { Answer::Is(Code::BadAuth) }
}

/// What is refused with the reason, whoever asks.
fn nobody(state: State) -> Answer {
    if state == State::Down { Answer::Never("there is none") } else { Answer::Is(Code::NoMech) }
}

impl Row {
    fn label(&self) -> String {
        [self.method, self.store, self.of].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

const GROUP: &str = "OXISASL_GROUP";

/// Tries the rows of a group in a private system, where this very program is run once more.
fn try_group(group: Group) {
    let sandbox = Sandbox::new("closed", attempt::HOST);
    let mut command = sandbox.command(&Library::stock(), env::current_exe().expect("this program"));
    command.args(["--exact", "in_the_private_system", "--nocapture", "--test-threads=1"]);
    let ran = run(command.env(GROUP, format!("{group:?}")), b"");
    assert!(ran.status.success(), "{}{}", ran.stdout, ran.stderr);
    let count = ran.stdout.lines().filter(|line| line.contains(" attempts at ")).count();
    assert_eq!(count, TABLE.iter().filter(|row| row.group == group).count(), "{}", ran.stdout);
    println!("{}", ran.stdout);
}

/// Not a test of its own: what [`try_group`] runs.
#[test]
fn in_the_private_system() {
    let Ok(group) = env::var(GROUP) else { return };
    for row in TABLE.iter().filter(|row| format!("{:?}", row.group) == group) {
        let first =
            TABLE.iter().find(|other| other.method == row.method).is_some_and(|other| other.label() == row.label());
        let effort = if first { Effort::All } else { Effort::Less };
        let tried = attempt::judge(&row.label(), effort, (row.make)(row.method), row.answers);
        println!("\n{tried} attempts at {}", row.label());
    }
}

#[test]
fn files_fail_closed() {
    try_group(Group::Files);
}

#[test]
fn databases_fail_closed() {
    try_group(Group::Databases);
}

#[test]
fn accounts_fail_closed() {
    try_group(Group::Accounts);
}

#[test]
fn daemons_fail_closed() {
    try_group(Group::Daemons);
}

/// What the table has, and what there is.
#[test]
fn every_verifier_and_every_store_is_in_the_table() {
    let verifiers: BTreeSet<String> =
        oxisasl::verify::builtin().iter().map(|verifier| verifier.name().to_owned()).collect();
    let rows: BTreeSet<String> = TABLE.iter().map(|row| row.method.to_owned()).collect();
    assert_eq!(rows, verifiers, "the verifiers of the table and those of verify::builtin");
    let mut stores = BTreeSet::new();
    implementations(&repository("src/store"), &mut stores);
    let rows: BTreeSet<String> =
        TABLE.iter().map(|row| row.store.to_owned()).filter(|store| !store.is_empty()).collect();
    assert_eq!(rows, stores, "the stores of the table and those of src/store");
}

/// The types below a folder that are stores.
fn implementations(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder").flatten() {
        if entry.path().is_dir() {
            implementations(&entry.path(), found);
            continue;
        }
        let text = fs::read_to_string(entry.path()).expect("a source");
        let names = text.lines().filter_map(|line| line.strip_prefix("impl AuxProp for "));
        found.extend(names.map(|name| name.split([' ', '<']).next().unwrap_or(name).to_owned()));
    }
}

#[test]
fn the_table_says_something_of_every_state() {
    for row in TABLE {
        for state in STATES {
            if let Answer::OneOf(codes) = (row.answers)(state) {
                assert!(!codes.is_empty(), "{} {state:?}", row.label());
            }
            if let Answer::Never(why) = (row.answers)(state) {
                assert!(!why.is_empty(), "{} {state:?}", row.label());
            }
        }
    }
}
