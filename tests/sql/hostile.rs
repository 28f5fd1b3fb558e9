//! Names and passwords that would be part of a statement if they could.

use oxisasl::config::ConfigFile;
use oxisasl::log::NoLog;
use oxisasl::props::Props;
use oxisasl::store::sql::Sql;
use oxisasl::store::{AuxProp as _, Change, LookupFlags, StoreCx};
use oxisasl::{Code, Result, Secret};

use crate::corpus::hostile;
use crate::server::{Database, KINDS, Kind, PROPERTIES, PROPERTY_STATEMENTS};

struct Store {
    sql: Sql,
    options: ConfigFile,
}

impl Store {
    fn new(database: &Database, statements: &str) -> Self {
        let text = database.options() + statements;
        Store { sql: Sql::new(), options: ConfigFile::parse("x".as_ref(), text.as_bytes()).unwrap() }
    }

    fn cx<'a>(&'a self, realm: &'a [u8]) -> StoreCx<'a> {
        StoreCx {
            service: "x",
            fqdn: "host.example",
            realm: None,
            user_realm: Some(realm),
            options: &self.options,
            log: &NoLog,
            host: &(),
        }
    }

    fn put(&self, user: &[u8], realm: &[u8], value: &[u8]) -> Result<()> {
        let values = [Secret::from(value)];
        self.sql.store(&self.cx(realm), user, &[Change { name: "userPassword", values: &values }])
    }

    fn get(&self, user: &[u8], realm: &[u8]) -> Result<Option<Vec<u8>>> {
        let props = Props::new();
        props.request(["*userPassword"]);
        match self.sql.lookup(&self.cx(realm), user, LookupFlags::default(), &props) {
            Ok(()) => Ok(props.first("*userPassword").map(|value| value.expose().to_vec())),
            Err(error) if error.code() == Code::NoUser => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What is stored under a hostile name or as a hostile password comes back for that name only, or is refused; nothing else
/// changes.
#[test]
fn hostile_names_and_passwords_are_only_that() {
    for kind in KINDS {
        let database = Database::start(kind, PROPERTIES);
        let store = Store::new(&database, PROPERTY_STATEMENTS);
        store.put(b"victim", b"r", b"the victim's").unwrap();
        let mut kept = Vec::new();
        for bytes in hostile() {
            let shown = || format!("{kind:?} {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
            let is_text = str::from_utf8(&bytes).is_ok() && !bytes.contains(&0);
            // As a name, as a realm, and as a password.
            assert_eq!(store.get(&bytes, b"r").unwrap(), None, "{}", shown());
            for (user, realm, value) in
                [(&bytes[..], &b"r"[..], &b"v"[..]), (b"someone", &bytes, b"v"), (b"same", b"r", &bytes)]
            {
                let stored = store.put(user, realm, value);
                let good = is_text && value != b"NULL";
                // SQLite takes any bytes for text.
                let may = good || kind == Kind::Sqlite && !bytes.contains(&0) && value != b"NULL";
                assert!(stored.is_ok() || !good, "{}: {stored:?}", shown());
                assert!(stored.is_err() || may, "{}", shown());
                match stored {
                    Ok(()) => assert_eq!(store.get(user, realm).unwrap().as_deref(), Some(value), "{}", shown()),
                    Err(error) => {
                        let code = error.code();
                        assert!(matches!(code, Code::ConstraintViolat | Code::BadParam), "{}: {error:?}", shown());
                        assert!(!error.detail().contains("INSERT"), "{error}");
                    }
                }
            }
            if store.get(&bytes, b"r").unwrap().is_some() {
                kept.push(bytes);
            }
        }
        for bytes in &kept {
            assert_eq!(store.get(bytes, b"r").unwrap().as_deref(), Some(&b"v"[..]));
        }
        assert_eq!(store.get(b"victim", b"r").unwrap().unwrap(), b"the victim's", "{kind:?}");
        // One row for each name, `victim`, `same`, and `someone` in the realm of that name.
        let rows: usize =
            database.run("SELECT count(*) FROM properties WHERE realm = 'r';").trim_end().parse().unwrap();
        assert_eq!(rows, kept.len() + 3, "{kind:?}");
    }
}

/// The same with statements that have text around a name.
#[test]
fn hostile_names_in_longer_texts_are_only_that() {
    const STATEMENTS: &str = "sql_select: SELECT val FROM addresses WHERE address = '%u@%r' AND 'x%p' <> ''
sql_insert: INSERT INTO addresses (address, val) VALUES ('%u@%r', '%v')
sql_update: UPDATE addresses SET val = '%v' WHERE address = '%u@%r'
";
    for kind in KINDS {
        let database = Database::start(kind, "CREATE TABLE addresses (address TEXT, val TEXT);");
        let store = Store::new(&database, STATEMENTS);
        store.put(b"victim", b"r", b"the victim's").unwrap();
        let mut names: Vec<_> = hostile().into_iter().filter(|bytes| str::from_utf8(bytes).is_ok()).collect();
        names.retain(|bytes| !bytes.contains(&0));
        for bytes in &names {
            assert_eq!(store.get(bytes, b"r").unwrap(), None);
            store.put(bytes, b"r", b"v").unwrap();
        }
        for bytes in &names {
            assert_eq!(store.get(bytes, b"r").unwrap().as_deref(), Some(&b"v"[..]), "{kind:?}");
        }
        assert_eq!(store.get(b"victim", b"r").unwrap().unwrap(), b"the victim's", "{kind:?}");
        let rows: usize = database.run("SELECT count(*) FROM addresses;").trim_end().parse().unwrap();
        assert_eq!(rows, names.len() + 1, "{kind:?}");
    }
}

/// A name that cannot be what its column holds is nobody's.
#[test]
fn names_of_another_type_are_nobody_s() {
    for kind in KINDS {
        let table =
            "CREATE TABLE users (uid INTEGER, password TEXT); INSERT INTO users VALUES (7, 'secret'), (0, 'zero');";
        let database = Database::start(kind, table);
        let store = Store::new(&database, "sql_select: SELECT password FROM users WHERE uid = '%u'\n");
        assert_eq!(store.get(b"7", b"r").unwrap().unwrap(), b"secret");
        for name in [&b"8"[..], b"99999999999999999999999999", b"7'", b"\xff"] {
            let found = store.get(name, b"r").unwrap();
            // MariaDB reads the digits that a text begins with.
            assert!(found.is_none() || kind == Kind::Maria && name == b"7'", "{kind:?} {name:?}");
        }
    }
}
