//! Setting passwords and checking them: what is set is what lets in, and what cannot be set changes nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use oxisasl::config::ConfigFile;
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::sasldb::SasldbFile;
use oxisasl::store::sql::Sql;
use oxisasl::verify::{Attempt, PasswordVerifier};
use oxisasl::{Code, Result, Secret, Server};

use crate::rig::base::TempDir;
use crate::scratch;
use crate::server::{
    Database, KINDS, Kind, PASSWORDS, PROPERTIES, PROPERTY_STATEMENTS, SELECT_PASSWORD, STORE_PASSWORD,
};
use crate::{HOST, check, pairs, plain, session, shown, trimmed};

/// Users by name.
type Names = BTreeSet<Vec<u8>>;

/// Little work: what is stored is what matters.
const CHEAP: &str = "password_secrets: SCRAM-SHA-256 CRAM-MD5 DIGEST-MD5\nscram_iteration_counter: 1\n";

fn server(options: &str, sql: bool) -> Arc<Server> {
    let options = ConfigFile::parse("test.conf".as_ref(), (options.to_owned() + CHEAP).as_bytes()).expect("options");
    let server = Server::new("test").options(options).verifier(Anybody);
    Arc::new(if sql { server.store(Sql::new()) } else { server.store(Sasldb::new()) })
}

fn set(server: &Arc<Server>, user: &[u8], password: &[u8]) -> Result<()> {
    let password = Secret::from(password);
    let flags = PasswordFlags(PasswordFlags::CREATE);
    session(server).set_password(user, &PasswordChange { password: Some(&password), old: None, flags })
}

/// Lets everybody in, as a daemon might that knows all of them.
struct Anybody;

impl PasswordVerifier for Anybody {
    fn name(&self) -> &str {
        "anybody"
    }

    fn verify(&self, _: &Attempt<'_>, _: &Secret) -> Result<()> {
        Ok(())
    }

    fn user_exists(&self, _: &Attempt<'_>) -> Result<()> {
        Ok(())
    }
}

/// Sets every pair. `is_kept` tells whether what is stored is that of these names and nothing else, where that is quickly done.
fn round_trip(
    label: &str,
    server: &Arc<Server>,
    pairs: &[(Vec<u8>, Vec<u8>)],
    is_kept: Option<&dyn Fn(&Names) -> bool>,
) -> Names {
    set(server, b"victim", b"the victim's").expect("an ordinary password");
    let mut names = BTreeSet::from([b"victim".to_vec()]);
    let (mut taken, mut refused) = (0, 0);
    for (user, password) in pairs {
        let what = || format!("{label}: {} with {}", shown(user), shown(password));
        let stays = trimmed(user) == user;
        match set(server, user, password) {
            Ok(()) => {
                taken += 1;
                names.insert(user.clone());
                // A name with blanks around it is set as it is, and nobody can have it.
                let expected = if stays { Ok(()) } else { Err(Code::NoUser) };
                assert_eq!(check(server, user, password), expected, "{}", what());
                assert!(check(server, user, &[&password[..], b"x"].concat()).is_err(), "{}", what());
                if stays && user.len() + password.len() < 1000 {
                    assert_eq!(plain(server, user, password), Ok(()), "{}", what());
                }
            }
            Err(error) => {
                refused += 1;
                let codes = [Code::BadParam, Code::Fail, Code::BufOver, Code::ConstraintViolat];
                assert!(codes.contains(&error.code()) && !error.detail().is_empty(), "{}: {error:?}", what());
                assert!(!error.detail().contains("INSERT") && !error.detail().contains("UPDATE"), "{error}");
                assert!(is_kept.is_none_or(|is_kept| is_kept(&names)), "{}: {error}: a part is stored", what());
                assert!(check(server, user, password).is_err(), "{}: {error}", what());
            }
        }
    }
    assert!(taken > pairs.len() / 2 && refused > 0, "{label}: {taken} were taken, {refused} refused");
    assert_eq!(check(server, b"victim", b"the victim's"), Ok(()), "{label}");
    names
}

/// Without those that are a byte between quotes, or a letter: what quotes do is in the tests of the statements.
fn unquoted() -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = pairs();
    let tame = |text: &[u8]| matches!(text, [b'\'', _, b'\''] | [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9']);
    pairs.retain(|(user, password)| !tame(user) && !tame(password));
    pairs
}

fn names_in(path: &Path) -> Names {
    let entries = SasldbFile::open(path).expect("the database").users().expect("its users").into_iter();
    let names = entries.filter(|entry| entry.property != b"oxisaslSaltKey").map(|entry| match entry.realm {
        realm if realm == HOST.as_bytes() => entry.user,
        realm => [&entry.user[..], b"@", &realm].concat(),
    });
    names.collect()
}

#[test]
fn sasldb_takes_hostile_text_as_it_is() {
    for berkeley in [false, true] {
        let dir = TempDir::new("injection");
        let path = dir.join("db");
        if berkeley {
            scratch::db_load(&path, &[], &[(b"victim\0host.rig.test\0userPassword".to_vec(), b"x".to_vec())]);
        }
        let server = server(&format!("sasldb_path: {}\n", path.display()), false);
        // Each has a password, or three secrets; and there is the key of made-up salts.
        let is_kept = |names: &Names| {
            let entries = SasldbFile::open(&path).expect("the database").users().expect("its users").len();
            entries == if berkeley { names.len() } else { 3 * names.len() + 1 }
        };
        let pairs = if berkeley { unquoted() } else { pairs() };
        let names = round_trip(if berkeley { "Berkeley DB" } else { "LMDB" }, &server, &pairs, Some(&is_kept));
        assert!(is_kept(&names));
        assert_eq!(names, names_in(&path));
    }
}

#[test]
fn sql_takes_hostile_text_as_it_is() {
    let pairs = unquoted();
    for kind in KINDS {
        let database = Database::start(kind, &format!("{PASSWORDS} {PROPERTIES}"));
        let options = database.options();
        for (table, statements) in
            [("users", SELECT_PASSWORD.to_owned() + STORE_PASSWORD), ("properties", PROPERTY_STATEMENTS.to_owned())]
        {
            let server = server(&(options.clone() + &statements), true);
            // A byte is a byte in either table.
            let few = pairs.iter().filter(|(user, password)| table == "users" || user.len() > 1 && password.len() > 1);
            let few: Vec<_> = few.cloned().collect();
            let names = round_trip(&format!("{kind:?} {table}"), &server, &few, None);
            let realm = format!("SELECT count(DISTINCT name) FROM {table} WHERE realm = '{HOST}';");
            let count: usize = database.run(&realm).trim().parse().expect("a number");
            let divided = names.iter().filter(|name| name.contains(&b'@')).count();
            assert!((names.len() - divided..=names.len()).contains(&count), "{kind:?} {table}: {count}");
        }
    }
}

/// What a login moves into a store is the same: the name that came in has that password, and no other has.
#[test]
fn a_login_moves_hostile_text_as_it_is() {
    let dir = TempDir::new("injection");
    let sqlite = Database::start(Kind::Sqlite, PROPERTIES);
    for sql in [false, true] {
        let place = if sql {
            sqlite.options() + PROPERTY_STATEMENTS
        } else {
            format!("sasldb_path: {}\n", dir.join("db").display())
        };
        let moving = server(&format!("{place}pwcheck_method: anybody\nauto_transition: yes\n"), sql);
        let checking = server(&place, sql);
        set(&checking, b"victim", b"the victim's").expect("an ordinary password");
        for (user, password) in unquoted() {
            let what = || format!("{sql}: {} with {}", shown(&user), shown(&password));
            let came_in = check(&moving, &user, &password);
            let moved = check(&checking, &user, &password);
            // The longest do not fit into a store, and whoever comes in is not kept out for that.
            let fits = user.len() < 300 && !password.is_empty() && !user.contains(&0) && !password.contains(&0);
            if came_in.is_ok() && fits {
                assert_eq!(moved, Ok(()), "{}", what());
            }
            assert!(check(&checking, &user, &[&password[..], b"x"].concat()).is_err(), "{}", what());
        }
        assert_eq!(check(&checking, b"victim", b"the victim's"), Ok(()));
    }
}
