//! The same program with the same configuration on Debian's library with its SQL plugin, and on the library under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rig::base::{Library, must, repository};
use crate::server::{
    DB_PASSWORD, DB_PLAIN, Database, KINDS, Kind, PASSWORDS, PROPERTIES, PROPERTY_STATEMENTS, SELECT_PASSWORD,
    STORE_PASSWORD,
};

/// The libraries to compare; only the stock one when that is under test.
fn libraries() -> Vec<Library> {
    let mut libraries = vec![Library::stock()];
    if !Library::under_test().is_stock() {
        libraries.push(Library::under_test());
    }
    libraries
}

fn program(directory: &Path) -> PathBuf {
    let program = directory.join("answers");
    let mut gcc = Command::new("gcc");
    gcc.args(["-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type", "-o"])
        .arg(&program)
        .arg(repository("tests/c/store_answers.c"));
    must(gcc.arg("-lsasl2"));
    program
}

/// What the program says on a library with these options.
fn answers(database: &Database, library: &Library, options: &str, operations: &str) -> String {
    let program = program(database.dir.path());
    let place =
        database.options().replace("sql_user: sasl", &format!("sql_user: {DB_PLAIN}")).replace(DB_PASSWORD, DB_PLAIN);
    database.dir.write("storetest.conf", format!("pwcheck_method: auxprop\n{place}{options}"));
    let mut command = library.command(program);
    command.env("SASL_CONF_PATH", database.dir.path());
    must(command.args(operations.split_whitespace().map(|word| word.replace('~', " "))))
}

/// The answers of each library, which must be the same; the database is made anew for each.
fn compare(kind: Kind, statements: &str, options: &str, operations: &str) -> String {
    let mut all = Vec::new();
    for library in libraries() {
        let database = Database::start(kind, statements);
        all.push((answers(&database, &library, options, operations), library.name));
    }
    let (first, _) = all.remove(0);
    for (other, name) in all {
        assert_eq!(first, other, "{kind:?}: stock, and {name}");
    }
    first
}

#[test]
fn a_table_of_passwords_is_read_the_same() {
    let rows = "INSERT INTO users VALUES ('alice', 'host.example', 'secret'), ('al''ice', 'host.example', 'o''neil'),
        ('back', 'host.example', 'slash'), ('carol', 'other.example', 'secret'), ('x%u', 'host.example', 'percent');";
    let operations = "check alice secret check alice wrong check nobody secret check al'ice o'neil check carol secret
        check carol@other.example secret check alice@host.example secret check x%u percent check '~OR~'1'='1 secret
        check alice'~-- secret exists alice exists nobody exists carol@other.example property alice secret *userPassword";
    for kind in KINDS {
        let options = format!("{SELECT_PASSWORD}{STORE_PASSWORD}");
        // The stock plugin does not find a name with a quote in SQLite.
        let operations = if kind == Kind::Sqlite { &operations.replace("check al'ice o'neil", "") } else { operations };
        let said = compare(kind, &format!("{PASSWORDS} {rows}"), &options, operations);
        assert!(said.contains("check alice secret: 0\n"), "{said}");
        assert!(said.contains("check nobody secret: -20\n"), "{said}");
    }
}

#[test]
fn a_table_of_properties_is_read_and_written_the_same() {
    let rows = "INSERT INTO properties VALUES ('alice', 'host.example', 'userPassword', 'secret'),
        ('alice', 'host.example', 'mail', 'a@mail'), ('nopass', 'host.example', 'mail', 'n@mail');";
    let operations =
        "can check alice secret property alice secret *mail property alice secret mail property alice secret uid
        check nopass x exists nopass store alice uid 1000 property alice secret uid store fresh userPassword f'r%v\\e
        check fresh f'r%v\\e exists fresh";
    for kind in KINDS {
        // The stock plugin inserts nothing into SQLite: it always updates.
        let operations =
            if kind == Kind::Sqlite { operations.split("check nopass").next().unwrap() } else { operations };
        let said = compare(kind, &format!("{PROPERTIES} {rows}"), PROPERTY_STATEMENTS, operations);
        assert!(said.contains("property alice mail: 0 a@mail\n"), "{said}");
    }
}

#[test]
fn a_password_that_is_changed_is_the_same_for_both() {
    let rows = "INSERT INTO users VALUES ('alice', 'host.example', 'secret');";
    for kind in KINDS {
        let options = format!("{SELECT_PASSWORD}{STORE_PASSWORD}mech_list: PLAIN SCRAM-SHA-256\n");
        let new = if kind == Kind::Sqlite { "new" } else { "it's~new" };
        for setter in libraries() {
            let database = Database::start(kind, &format!("{PASSWORDS} {rows}"));
            answers(&database, &setter, &options, &format!("set alice {new}"));
            for library in libraries() {
                let said = answers(&database, &library, &options, &format!("check alice {new} check alice secret"));
                let expected = format!("check alice {}: 0\ncheck alice secret: -13\n", new.replace('~', " "));
                assert_eq!(said, expected, "{kind:?} {}", library.name);
            }
        }
    }
}

#[test]
fn what_is_missing_is_answered_the_same() {
    let operations = "can check alice secret exists alice";
    for kind in KINDS {
        // Without a statement there is no such store, with one of the two no storing.
        compare(kind, PASSWORDS, "", operations);
        compare(
            kind,
            PASSWORDS,
            &format!("{SELECT_PASSWORD}sql_insert: INSERT INTO users (name) VALUES ('%u')\n"),
            "can",
        );
    }
}

#[test]
fn a_database_that_is_down_is_the_same_failure() {
    for kind in [Kind::Postgres, Kind::Maria] {
        for library in libraries() {
            let mut database = Database::start(kind, PASSWORDS);
            database.kill();
            let said = answers(&database, &library, SELECT_PASSWORD, "check alice secret exists alice");
            assert_eq!(said, "check alice secret: -1\nexists alice: -1\n", "{kind:?} {}", library.name);
        }
    }
}

/// A child neither uses nor ends the connection that its parent has.
#[test]
fn a_child_has_a_connection_of_its_own() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    // The password is the number of the server's process for the connection.
    let statements = [
        (Kind::Postgres, "SELECT CASE WHEN '%p' = 'mail' THEN pg_backend_pid()::text ELSE 'x' END"),
        (Kind::Maria, "SELECT IF('%p' = 'mail', CONNECTION_ID(), 'x')"),
    ];
    for (kind, statement) in statements {
        let database = Database::start(kind, "");
        let options = format!("sql_select: {statement}\n");
        let said = answers(&database, &library, &options, "property u x mail fork property u x mail property u x mail");
        let ids: Vec<&str> = said.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
        let [before, child, child_again, parent, parent_again] = ids[..] else { panic!("{said}") };
        assert_eq!((child, parent, parent_again), (child_again, before, before), "{kind:?}: {said}");
        assert_ne!(child, before, "{kind:?}: {said}");
    }
}

/// A connection whose descriptor another file has taken is not used, and that file is neither written to nor closed.
#[test]
fn a_descriptor_that_was_taken_is_left_alone() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    for kind in [Kind::Postgres, Kind::Maria] {
        let database =
            Database::start(kind, &format!("{PASSWORDS} INSERT INTO users VALUES ('u', 'host.example', 'x');"));
        let file = database.dir.join("strangers");
        let operations = format!("check u x strangers {} check u x check u y closed", file.display());
        let said = answers(&database, &library, SELECT_PASSWORD, &operations);
        assert_eq!(said, "check u x: 0\ncheck u x: 0\ncheck u y: -13\ntaken, closed 0\n", "{kind:?}");
        assert_eq!(std::fs::read(&file).expect("the file"), b"", "{kind:?}");
    }
}
