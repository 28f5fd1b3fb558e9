//! What several servers, and several writers at once, have in common.

use std::sync::Arc;
use std::thread;

use oxisasl::ServerParams;

use crate::application::{Application, HOST, PASSWORD};
use crate::server::{Database, KINDS, Kind, PASSWORDS, PROPERTIES, PROPERTY_STATEMENTS, SELECT_PASSWORD};

/// What a server says first to somebody who wants in by SCRAM, after the nonce.
fn salt_and_count(application: &Application, user: &str) -> String {
    let session = Arc::clone(&application.server).session(ServerParams::new("test").fqdn(HOST)).unwrap();
    let progress = session.start("SCRAM-SHA-256", Some(format!("n,,n={user},r=0123456789").as_bytes())).unwrap();
    let text = String::from_utf8(progress.data().unwrap().to_vec()).unwrap();
    text.split_once(',').unwrap().1.to_owned()
}

/// The salt of a user who is not there is a function of the option and the name, in any process.
#[test]
fn made_up_salts_come_from_the_option() {
    let database = Database::start(Kind::Sqlite, PASSWORDS);
    let options = database.options() + SELECT_PASSWORD;
    let with = |key: &str| Application::new(&format!("{options}scram_salt_key: {key}\n"));
    let one = with("a text of more than twenty characters");
    let salt = "s=fNoDrBYTJ9BgkE0NbAtqIDYqTMVuw64md0wrcXtvaKQ=,i=4096";
    assert_eq!(salt_and_count(&one, "nobody"), salt);
    assert_ne!(salt_and_count(&one, "nobody2"), salt);
    let other = with("another text of more than twenty characters");
    assert_ne!(salt_and_count(&other, "nobody"), salt);
    // One that could be guessed is not used.
    let short = with("short");
    let without = Application::new(&options);
    assert_eq!(salt_and_count(&short, "nobody"), salt_and_count(&without, "nobody"));
    assert!(short.log().contains("scram_salt_key has less than 20 characters"), "{}", short.log());
    assert!(!one.log().contains("scram_salt_key"), "{}", one.log());
}

/// Writers who are first at the same time: with a key in the table there is one row for each property, and with the statement of
/// `docs/sql.md` nobody fails.
#[test]
fn two_first_passwords_at_once_make_one_row() {
    for kind in KINDS {
        let key = "ALTER TABLE properties ADD CONSTRAINT one UNIQUE (name, realm, property);";
        let (table, conflict) = match kind {
            Kind::Postgres => (format!("{PROPERTIES} {key}"), "ON CONFLICT (name, realm, property) DO UPDATE SET"),
            Kind::Maria => {
                let short = PROPERTIES.replacen(" TEXT", " VARCHAR(100)", 3);
                (format!("{short} {key}"), "ON DUPLICATE KEY UPDATE")
            }
            Kind::Sqlite => {
                let table = PROPERTIES.replace(");", ", UNIQUE (name, realm, property));");
                (table, "ON CONFLICT (name, realm, property) DO UPDATE SET")
            }
        };
        let database = Database::start(kind, &table);
        let cheap = "scram_iteration_counter: 1\n";
        for (statements, all_succeed) in [
            (PROPERTY_STATEMENTS.to_owned(), false),
            (PROPERTY_STATEMENTS.replace("'%p', '%v')", &format!("'%p', '%v') {conflict} val = '%v'")), true),
        ] {
            let application = Application::new(&(database.options() + &statements + cheap));
            database.run("DELETE FROM properties;");
            for round in 0..5 {
                let user = format!("user{round}");
                let results: Vec<_> = thread::scope(|scope| {
                    let writers: Vec<_> =
                        (0..4).map(|_| scope.spawn(|| application.clone().set(&user, Some(PASSWORD)))).collect();
                    writers.into_iter().map(|writer| writer.join().unwrap()).collect()
                });
                assert!(results.iter().any(Result::is_ok), "{kind:?} {user}: {results:?}");
                // MariaDB ends one of two transactions that wait for each other.
                let deadlocks = kind == Kind::Maria;
                assert!(!all_succeed || deadlocks || results.iter().all(Result::is_ok), "{kind:?} {user}: {results:?}");
                let works = application.works(&user, PASSWORD);
                assert!(works.contains(&"PLAIN"), "{kind:?} {user}: {works:?}");
            }
            let doubles = "SELECT count(*) FROM (SELECT name FROM properties GROUP BY name, realm, property \
                           HAVING count(*) > 1) AS x;";
            assert_eq!(database.run(doubles).trim(), "0", "{kind:?}");
        }
    }
}
