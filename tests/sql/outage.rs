//! Servers that go away, come back, do not answer or are not there.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use oxisasl::Code;

use crate::application::{Application, PASSWORD};
use crate::rig::base::{PATIENCE, free_port, wait_until};
use crate::server::{DB_PASSWORD, Database, KINDS, Kind, PASSWORDS, PROPERTIES, PROPERTY_STATEMENTS, SELECT_PASSWORD};

const ALICE: &str = "INSERT INTO users VALUES ('alice', 'host.example', 'correct horse');";
const SERVERS: [Kind; 2] = [Kind::Postgres, Kind::Maria];

/// No answer is wrong while the server is killed and started again, and then logins go on.
#[test]
fn a_server_that_is_killed_under_load_costs_no_wrong_answer() {
    for kind in SERVERS {
        let mut database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let application = Application::new(&(database.options() + SELECT_PASSWORD + "sql_timeout: 5\n"));
        let over = AtomicBool::new(false);
        let (good, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for worker in 0..4 {
                let (application, over, good, failed) = (&application, &over, &good, &failed);
                scope.spawn(move || {
                    let mechanism = ["PLAIN", "CRAM-MD5", "DIGEST-MD5", "PLAIN"][worker];
                    while !over.load(Ordering::Relaxed) {
                        for (user, password, expected) in [
                            ("alice", PASSWORD, None),
                            ("alice", "wrong", Some(Code::BadAuth)),
                            ("nobody", PASSWORD, Some(Code::NoUser)),
                        ] {
                            match application.login(mechanism, user, password) {
                                Ok(()) if expected.is_none() => good.fetch_add(1, Ordering::Relaxed),
                                Err(error) if Some(error.code()) == expected => 0,
                                Err(error) if error.code() == Code::Fail => failed.fetch_add(1, Ordering::Relaxed),
                                other => panic!("{kind:?} {mechanism} {user} {password}: {other:?}"),
                            };
                        }
                    }
                });
            }
            for _ in 0..3 {
                let seen = |counter: &AtomicUsize| {
                    let before = counter.load(Ordering::Relaxed);
                    wait_until(PATIENCE, || counter.load(Ordering::Relaxed) > before + 20)
                };
                let up = seen(&good);
                database.kill();
                let down = seen(&failed);
                database.up();
                if !(up && down && seen(&good)) {
                    over.store(true, Ordering::Relaxed);
                    panic!("{kind:?}: up {up} down {down}");
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        let log = application.log();
        let engine = if kind == Kind::Postgres { "PostgreSQL" } else { "MySQL" };
        assert!(log.contains(&format!("{engine} at 127.0.0.1:{}", database.port)), "{log}");
        for secret in [DB_PASSWORD, PASSWORD, "SELECT", "wrong"] {
            assert!(!log.contains(secret), "{secret} is in the log");
        }
    }
}

/// One that is started again between two logins costs none of them.
#[test]
fn a_restart_between_logins_is_not_seen() {
    for kind in SERVERS {
        let mut database = Database::start(kind, PROPERTIES);
        let application = Application::new(&(database.options() + PROPERTY_STATEMENTS));
        application.set("alice", Some(PASSWORD)).unwrap();
        for _ in 0..2 {
            application.login("PLAIN", "alice", PASSWORD).unwrap();
            database.kill();
            database.up();
            application.login("SCRAM-SHA-256", "alice", PASSWORD).unwrap();
            database.kill();
            let error = application.login("PLAIN", "alice", PASSWORD).unwrap_err();
            assert_eq!(error.code(), Code::Fail, "{kind:?}: {error:?}");
            database.up();
            application.set("alice", Some(PASSWORD)).unwrap();
        }
    }
}

#[test]
fn connections_are_kept() {
    let database = Database::start(Kind::Postgres, &format!("{PASSWORDS} {ALICE}"));
    let application = Application::new(&(database.options() + SELECT_PASSWORD));
    let count = || database.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'sasl';").trim().to_owned();
    let pid = || database.run("SELECT pid FROM pg_stat_activity WHERE usename = 'sasl';");
    application.login("PLAIN", "alice", PASSWORD).unwrap();
    let first = pid();
    for _ in 0..5 {
        application.login("PLAIN", "alice", PASSWORD).unwrap();
    }
    assert_eq!((count().as_str(), pid()), ("1", first));
    drop(application);
    database.wait_idle();
}

#[test]
fn the_next_host_is_asked_when_one_is_down() {
    for kind in SERVERS {
        let database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let (dead, other) = (free_port(), free_port());
        let hosts = format!("127.0.0.1:{dead}, 127.0.0.1:{}", database.port);
        let application = Application::new(&(database.options_with(&hosts) + SELECT_PASSWORD));
        application.login("PLAIN", "alice", PASSWORD).unwrap();
        let hosts = format!("127.0.0.1:{dead},127.0.0.1:{other}");
        let error = Application::new(&(database.options_with(&hosts) + SELECT_PASSWORD))
            .login("PLAIN", "alice", PASSWORD)
            .unwrap_err();
        assert_eq!(error.code(), Code::Fail);
        for port in [dead, other] {
            assert!(error.detail().contains(&format!("127.0.0.1:{port}: ")), "{error}");
        }
    }
}

#[test]
fn the_socket_of_a_server_is_a_host_too() {
    for kind in SERVERS {
        let database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let socket = match kind {
            Kind::Maria => database.dir.join("socket").display().to_string(),
            _ => format!("{}:{}", database.dir.path().display(), database.port),
        };
        let application = Application::new(&(database.options_with(&socket) + SELECT_PASSWORD));
        application.login("PLAIN", "alice", PASSWORD).unwrap();
    }
}

/// A host that takes connections and says nothing holds nobody up for longer than the option says.
#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for kind in SERVERS {
        let database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let hosts = format!("{}, 127.0.0.1:{}", silent.local_addr().unwrap(), database.port);
        let options = database.options_with(&hosts) + SELECT_PASSWORD + "sql_timeout: 1\n";
        let start = Instant::now();
        Application::new(&options).login("PLAIN", "alice", PASSWORD).unwrap();
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(8), "{kind:?}: {took:?}");
    }
}

#[test]
fn a_statement_that_takes_too_long_is_given_up() {
    for kind in KINDS {
        let database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let slow = match kind {
            Kind::Postgres => "SELECT password FROM users, pg_sleep(60) WHERE name = '%u'",
            Kind::Maria => "SELECT IF(SLEEP(60), password, password) FROM users WHERE name = '%u'",
            Kind::Sqlite => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n WHERE '%u' <> ''"
            }
        };
        let options = database.options() + &format!("sql_select: {slow}\nsql_timeout: 1\n");
        let start = Instant::now();
        let error = Application::new(&options).login("PLAIN", "alice", PASSWORD).unwrap_err();
        let took = start.elapsed();
        assert_eq!(error.code(), Code::Fail, "{kind:?}: {error:?}");
        assert!(error.detail().contains("sql_timeout"), "{kind:?}: {error:?}");
        assert!(took < Duration::from_secs(8), "{kind:?}: {took:?}");
    }
}

/// A database file that another process has locked is waited for, and then is an error.
#[test]
fn a_file_that_is_locked_is_an_error() {
    let database = Database::start(Kind::Sqlite, &format!("{PASSWORDS} {ALICE}"));
    let application = Application::new(&(database.options() + SELECT_PASSWORD + "sql_timeout: 1\n"));
    application.login("PLAIN", "alice", PASSWORD).unwrap();
    let mut other = std::process::Command::new("sqlite3");
    other.arg(database.dir.join("db")).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut other = other.spawn().unwrap();
    let mut input = other.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"BEGIN EXCLUSIVE;\nSELECT 'locked';\n").unwrap();
    let mut line = [0; 7];
    std::io::Read::read_exact(&mut other.stdout.take().unwrap(), &mut line).unwrap();
    let error = application.login("PLAIN", "alice", PASSWORD).unwrap_err();
    assert_eq!(error.code(), Code::Fail, "{error:?}");
    drop(input);
    other.wait().unwrap();
    application.login("PLAIN", "alice", PASSWORD).unwrap();
}

/// A file that takes the place of the one that is open is the database from then on.
#[test]
fn a_file_that_is_replaced_is_read_anew() {
    let database = Database::start(Kind::Sqlite, &format!("{PASSWORDS} {ALICE}"));
    let other = Database::start(
        Kind::Sqlite,
        &format!("{PASSWORDS} INSERT INTO users VALUES ('alice', 'host.example', 'changed');"),
    );
    let application = Application::new(&(database.options() + SELECT_PASSWORD));
    application.login("PLAIN", "alice", PASSWORD).unwrap();
    std::fs::rename(other.dir.join("db"), database.dir.join("db")).unwrap();
    application.login("PLAIN", "alice", PASSWORD).unwrap_err();
    application.login("PLAIN", "alice", "changed").unwrap();
    std::fs::remove_file(database.dir.join("db")).unwrap();
    let error = application.login("PLAIN", "alice", "changed").unwrap_err();
    assert_eq!(error.code(), Code::Fail, "no file is no empty file: {error:?}");
    assert!(!database.dir.join("db").exists());
}

#[test]
fn what_is_wrong_is_named_without_secrets() {
    for kind in KINDS {
        let database = Database::start(kind, &format!("{PASSWORDS} {ALICE}"));
        let good = database.options();
        let bad = |options: String, what: &str| {
            let application = Application::new(&options);
            let error = application.login("PLAIN", "alice", PASSWORD).unwrap_err();
            let code = error.code();
            assert!(matches!(code, Code::Fail | Code::ConfigErr), "{kind:?} {what}: {error:?}");
            for text in [error.detail().to_owned(), application.log()] {
                assert!(text.contains(what), "{kind:?}: {text:?} does not name {what}");
                for secret in [DB_PASSWORD, "hunter2", PASSWORD, "WHERE", "alice"] {
                    assert!(!text.contains(secret), "{kind:?}: {secret} is in {text:?}");
                }
            }
        };
        bad(good.clone() + "sql_select: SELECT password FROM missing WHERE name = '%u'\n", "missing");
        bad(good.clone() + "sql_select: SELECT secretly FROM users WHERE name = '%u'\n", "secretly");
        bad(good.clone() + "sql_select: SELECT hunter2 hunter2 hunter2 '%u'\n", "syntax error");
        bad(good.clone() + "sql_select: SELECT x FROM users_%r\n", "sql_select: ");
        if kind != Kind::Sqlite {
            let wrong = good.replace(DB_PASSWORD, "hunter2");
            bad(wrong + SELECT_PASSWORD, "sasl");
            // The server has no certificate.
            let what = if kind == Kind::Postgres { "SSL" } else { "sql_usessl" };
            bad(good.clone() + "sql_usessl: yes\n" + SELECT_PASSWORD, what);
        }
    }
}
