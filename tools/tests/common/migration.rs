//! Databases to be migrated, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxisasl::store::sasldb::{Format, SasldbFile};

use super::SASLMIGRATE;
use super::base::{Ran, TempDir, run};
use super::scratch::db_load;

/// The realm of the users.
pub const REALM: &str = "example.com";
/// What each user of a database that is hashed has.
pub const SECRETS: [&str; 3] = ["authPassword", "cmusaslsecretCRAM-MD5", "cmusaslsecretDIGEST-MD5"];

/// A directory with a database, and a configuration that makes hashing quick.
pub struct Site {
    pub dir: TempDir,
}

impl Site {
    pub fn new() -> Site {
        Site::with(3)
    }

    /// The hash is iterated so often.
    pub fn with(iterations: u32) -> Site {
        let dir = TempDir::new("migrate");
        dir.dir("conf");
        dir.dir("here");
        dir.write("conf/saslpasswd.conf", format!("scram_iteration_counter: {iterations}\n"));
        Site { dir }
    }

    /// The folder of the database, in which nothing else is.
    pub fn folder(&self) -> PathBuf {
        self.dir.join("here")
    }

    pub fn database(&self) -> PathBuf {
        self.folder().join("sasldb2")
    }

    pub fn backup(&self) -> PathBuf {
        self.folder().join("sasldb2.saslmigrate-backup")
    }

    /// `saslmigrate` on the database.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SASLMIGRATE);
        command.env("SASL_CONF_PATH", self.dir.join("conf")).arg("-f").arg(self.database()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments), b"")
    }

    /// The same, which must succeed; gives what it says.
    pub fn must(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "{}", ran.stdout);
        ran.stdout
    }

    /// A Berkeley DB file with so many users.
    pub fn make(&self, users: usize) {
        db_load(&self.database(), &[], &super::scratch::users(users));
    }

    /// The names in the folder of the database, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.folder())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }
}

/// All that a database has.
pub fn contents(database: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let file = SasldbFile::open(database).expect("a database");
    file.records().map(|record| record.expect("a record")).map(|(key, value)| (key, value.expose().to_vec())).collect()
}

/// Panics unless this is a database of LMDB, as LMDB's own tools see it, in which these users have secrets and no passwords.
pub fn assert_hashed(database: &Path, users: usize) {
    let file = SasldbFile::open(database).expect("a database");
    assert_eq!(file.format().expect("its format"), Format::Lmdb);
    file.verify().expect("a sound database");
    let dump = super::scratch::lmdb_dump(database);
    assert_eq!(dump.len(), users * SECRETS.len() + 1, "and the key for made-up salts");
    for user in 0..users {
        for property in SECRETS {
            assert!(dump.contains_key(format!("user{user}\0{REALM}\0{property}").as_bytes()), "{user} {property}");
        }
    }
    let bytes = fs::read(database).expect("the file");
    for at in 0..bytes.len() {
        assert!(
            !bytes[at..].starts_with(b"secret of ") && !bytes[at..].starts_with(b"userPassword"),
            "plaintext at {at}"
        );
    }
}
