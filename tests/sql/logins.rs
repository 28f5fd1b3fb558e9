//! Logins with what is in a database, and what setting a password puts there.

use oxisasl::Code;

use crate::application::{Application, MECHANISMS, PASSWORD};
use crate::server::{
    Database, KINDS, Kind, PASSWORDS, PROPERTIES, PROPERTY_STATEMENTS, SELECT_PASSWORD, STORE_PASSWORD,
};

const ALICE: &str =
    "INSERT INTO users VALUES ('alice', 'host.example', 'correct horse'), ('bob', 'host.example', NULL),
    ('carol', 'other.example', 'correct horse'), ('dave', 'host.example', 'NULL'), ('erin', 'host.example', '');";

#[test]
fn every_mechanism_lets_the_right_password_in() {
    for kind in KINDS {
        let database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let application = Application::new(&(database.options() + SELECT_PASSWORD));
        assert_eq!(application.works("alice", PASSWORD), MECHANISMS, "{kind:?}");
        for mechanism in MECHANISMS {
            // Carol is of another realm, and what is NULL, or that word, or nothing, is nobody's password.
            for (user, password) in [
                ("alice", "wrong"),
                ("nobody", PASSWORD),
                ("carol", PASSWORD),
                ("bob", "NULL"),
                ("bob", PASSWORD),
                ("dave", "NULL"),
                ("erin", "NULL"),
                ("al'ice", PASSWORD),
                ("' OR '1'='1", PASSWORD),
                ("alice' -- ", PASSWORD),
            ] {
                let error = application.login(mechanism, user, password).unwrap_err();
                let code = error.code();
                assert!(matches!(code, Code::BadAuth | Code::NoUser | Code::Fail), "{kind:?} {user}: {error:?}");
                assert!(code != Code::Fail || user == "erin", "{kind:?} {mechanism} {user}: {error:?}");
            }
        }
    }
}

#[test]
fn stored_hashes_are_compared() {
    let rows = "INSERT INTO users VALUES
        ('ssha', 'host.example', '{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA=='),
        ('crypt', 'host.example', '$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA'),
        ('scram', 'host.example', 'SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE='),
        ('what', 'host.example', '{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==');";
    for kind in KINDS {
        let database = Database::start(kind, &format!("{PASSWORDS} {rows}"));
        let application = Application::new(&(database.options() + SELECT_PASSWORD));
        assert_eq!(application.works("ssha", "secret"), ["PLAIN", "LOGIN"], "{kind:?}");
        assert_eq!(application.works("crypt", "secret"), ["PLAIN", "LOGIN"], "{kind:?}");
        assert_eq!(application.works("scram", "pencil"), ["PLAIN", "LOGIN", "SCRAM-SHA-1"], "{kind:?}");
        for user in ["ssha", "crypt", "scram", "what"] {
            assert_eq!(application.works(user, "Secret"), [""; 0], "{kind:?} {user}");
        }
    }
}

#[test]
fn a_password_that_is_set_is_kept_as_secrets_where_there_is_room_for_them() {
    for kind in KINDS {
        let database = Database::start(kind, PROPERTIES);
        let application = Application::new(&(database.options() + PROPERTY_STATEMENTS));
        for password in ["first one", PASSWORD] {
            application.set("alice", Some(password)).unwrap();
            assert_eq!(application.works("alice", password), MECHANISMS, "{kind:?}");
        }
        assert_eq!(application.works("alice", "first one"), [""; 0], "{kind:?}");
        let rows = database.run("SELECT property FROM properties WHERE val IS NOT NULL ORDER BY property;");
        let names = ["authPassword", "cmusaslsecretCRAM-MD5", "cmusaslsecretDIGEST-MD5"];
        assert_eq!(rows.lines().collect::<Vec<_>>(), names, "{kind:?}");
        let all = database.run("SELECT val FROM properties;");
        assert!(!all.contains(PASSWORD), "{kind:?}: the password is in the table: {all}");
        application.set("alice", None).unwrap();
        assert_eq!(application.works("alice", PASSWORD), [""; 0], "{kind:?}");
        // As it is, for the other readers of the table.
        let options = database.options() + PROPERTY_STATEMENTS + "password_storage: plaintext\n";
        let plain = Application::new(&options);
        plain.set("alice", Some(PASSWORD)).unwrap();
        assert_eq!(plain.works("alice", PASSWORD), MECHANISMS, "{kind:?}");
        let rows = database.run("SELECT val FROM properties WHERE val IS NOT NULL;");
        assert_eq!(rows.trim_end(), PASSWORD, "{kind:?}");
    }
}

/// Several rows are several verifiers.
#[test]
fn verifiers_can_be_in_rows_of_their_own() {
    for kind in KINDS {
        let database = Database::start(kind, PROPERTIES);
        let application = Application::new(&(database.options() + PROPERTY_STATEMENTS));
        application.set("alice", Some(PASSWORD)).unwrap();
        let text = database.run("SELECT val FROM properties WHERE property = 'authPassword';");
        database.run("DELETE FROM properties;");
        for line in text.lines().filter(|line| !line.is_empty()) {
            database
                .run(&format!("INSERT INTO properties VALUES ('alice', 'host.example', 'authPassword', '{line}');"));
        }
        let expected: Vec<_> = MECHANISMS.into_iter().filter(|name| !name.ends_with("-MD5")).collect();
        assert_eq!(application.works("alice", PASSWORD), expected, "{kind:?}");
    }
}

#[test]
fn a_table_with_one_password_has_it_as_it_is() {
    for kind in KINDS {
        let database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let application = Application::new(&(database.options() + SELECT_PASSWORD + STORE_PASSWORD));
        for user in ["alice", "fresh"] {
            application.set(user, Some("another one")).unwrap();
            assert_eq!(application.works(user, "another one"), MECHANISMS, "{kind:?} {user}");
            let value = format!("SELECT password FROM users WHERE name = '{user}';");
            assert_eq!(database.run(&value).trim_end(), "another one", "{kind:?}");
            application.set(user, None).unwrap();
            assert_eq!(application.works(user, "NULL"), [""; 0], "{kind:?} {user}");
        }
        assert_eq!(database.run("SELECT count(*) FROM users;").trim_end(), "6");
        // There is no column for them, and what would be lost is told.
        let hashed =
            Application::new(&(database.options() + SELECT_PASSWORD + STORE_PASSWORD + "password_storage: hashed\n"));
        let error = hashed.set("alice", Some(PASSWORD)).unwrap_err();
        assert_eq!(error.code(), Code::ConstraintViolat, "{kind:?}");
        assert_eq!(application.works("alice", PASSWORD), [""; 0], "{kind:?}");
        assert!(application.set("alice", Some("NULL")).is_err(), "it would be nobody's");
    }
}

#[test]
fn a_property_can_be_the_name_of_a_column() {
    const STATEMENTS: &str = "sql_select: SELECT %p FROM users WHERE name = '%u' AND realm = '%r'
sql_insert: INSERT INTO users (name, realm, %p) VALUES ('%u', '%r', '%v')
sql_update: UPDATE users SET %p = '%v' WHERE name = '%u' AND realm = '%r'
";
    for kind in KINDS {
        let table = "CREATE TABLE users (name TEXT, realm TEXT, userPassword TEXT, mail TEXT);
            INSERT INTO users VALUES ('alice', 'host.example', 'correct horse', 'a@mail');";
        let database = Database::start(kind, table);
        let application = Application::new(&(database.options() + STATEMENTS));
        assert_eq!(application.works("alice", PASSWORD), MECHANISMS, "{kind:?}");
        assert_eq!(application.property("alice", "mail").as_deref(), Some("a@mail"), "{kind:?}");
        assert_eq!(application.property("alice", "uidNumber"), None, "{kind:?}");
        assert_eq!(application.property("alice", "mail, userPassword"), None, "{kind:?}");
        assert_eq!(application.login("PLAIN", "nobody", PASSWORD).unwrap_err().code(), Code::NoUser);
        application.set("fresh", Some(PASSWORD)).unwrap();
        assert_eq!(application.works("fresh", PASSWORD), MECHANISMS, "{kind:?}");
        // The columns of secrets, which are to be emptied, are not there.
        let plain = Application::new(&(database.options() + STATEMENTS + "password_storage: plaintext\n"));
        plain.set("alice", Some("another one")).unwrap();
        assert_eq!(plain.works("alice", "another one"), MECHANISMS, "{kind:?}");
        // With columns for them there are secrets.
        for column in ["authPassword", "cmusaslsecretCRAM-MD5", "cmusaslsecretDIGEST-MD5"] {
            let name = match kind {
                Kind::Postgres if column.contains('-') => format!("\"{column}\""),
                Kind::Maria | Kind::Sqlite => format!("`{column}`"),
                Kind::Postgres => column.to_owned(),
            };
            database.run(&format!("ALTER TABLE users ADD COLUMN {name} TEXT;"));
        }
        let hashed = Application::new(
            &(database.options()
                + STATEMENTS
                + "password_storage: hashed\npassword_secrets: SCRAM-SHA-1 CRAM-MD5 DIGEST-MD5\n"),
        );
        for user in ["alice", "newer"] {
            hashed.set(user, Some("hashed now")).unwrap();
            let works = hashed.works(user, "hashed now");
            assert_eq!(works, ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1"], "{kind:?}");
        }
        assert_eq!(database.run("SELECT count(*) FROM users;").trim_end(), "3", "{kind:?}");
        let passwords = "SELECT count(*) FROM users WHERE userPassword IS NOT NULL;";
        assert_eq!(database.run(passwords).trim_end(), "1", "{kind:?}: only that of fresh");
    }
}

#[test]
fn without_statements_that_store_nothing_is_stored() {
    let database = Database::start(Kind::Sqlite, &format!("{PASSWORDS} {ALICE}"));
    let application = Application::new(&(database.options() + SELECT_PASSWORD));
    let error = application.set("alice", Some("x")).unwrap_err();
    assert_eq!(error.code(), Code::BadParam);
    assert!(error.detail().contains("sql_insert"), "{error}");
    assert_eq!(application.works("alice", PASSWORD), MECHANISMS);
}

/// Without options for it, it is as if there were no such store.
#[test]
fn what_is_not_configured_is_not_asked() {
    let application = Application::new("sql_engine: sqlite\n");
    assert_eq!(application.server.configured_stores().count(), 0);
    assert_eq!(application.login("PLAIN", "alice", PASSWORD).unwrap_err().code(), Code::NoMech);
    let database = Database::start(Kind::Sqlite, &format!("{PASSWORDS} {ALICE}"));
    let options = database.options().replace("auxprop_plugin: sql\n", "") + SELECT_PASSWORD;
    let old_name = options.replace("sql_select:", "sql_statement:");
    for options in [options, old_name] {
        assert_eq!(Application::new(&options).works("alice", PASSWORD), MECHANISMS);
    }
}

/// What an application of SASL 1.5 stores and finds.
#[test]
fn the_older_interface_keeps_its_secrets_there_too() {
    for kind in KINDS {
        let rows = "INSERT INTO properties VALUES ('alice', 'host.example', 'userPassword', 'of the other form');";
        let database = Database::start(kind, &format!("{PROPERTIES} {rows}"));
        let application = Application::classic(&(database.options() + PROPERTY_STATEMENTS));
        assert_eq!(application.works("alice", "of the other form").len(), 4, "{kind:?}");
        for password in ["first one", PASSWORD] {
            application.set("alice", Some(password)).unwrap();
            assert_eq!(application.works("alice", password), ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"], "{kind:?}");
        }
        assert_eq!(application.works("alice", "first one"), [""; 0], "{kind:?}");
        assert_eq!(application.works("alice", "of the other form"), [""; 0], "{kind:?}");
        let all = database.run("SELECT val FROM properties;");
        assert!(!all.contains(PASSWORD), "{kind:?}: {all}");
        application.set("alice", None).unwrap();
        assert_eq!(application.works("alice", PASSWORD), [""; 0], "{kind:?}");
        let other = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let application = Application::classic(&(other.options() + SELECT_PASSWORD));
        assert_eq!(application.works("alice", PASSWORD), ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"], "{kind:?}");
        assert_eq!(application.works("alice", "wrong"), [""; 0], "{kind:?}");
    }
}
