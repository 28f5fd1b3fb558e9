//! Databases of the three kinds, from Debian's packages, with data, sockets and ports of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::base::{Daemon, PATIENCE, TempDir, free_port, must, run, target_dir, wait_until};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Maria,
    Sqlite,
}

pub const KINDS: [Kind; 3] = [Kind::Postgres, Kind::Maria, Kind::Sqlite];

/// The password of the database's user `sasl`, with what a connection string would have to quote.
pub const DB_PASSWORD: &str = r"it's \ a %u";

/// Another of its users, whose password is the name: that of Debian's plugin cannot have quotes.
pub const DB_PLAIN: &str = "plain";

/// A table with a password for each user.
pub const PASSWORDS: &str = "CREATE TABLE users (name TEXT, realm TEXT, password TEXT);";
pub const SELECT_PASSWORD: &str = "sql_select: SELECT password FROM users WHERE name = '%u' AND realm = '%r'\n";
pub const STORE_PASSWORD: &str = "sql_insert: INSERT INTO users (name, realm, password) VALUES ('%u', '%r', '%v');
sql_update: UPDATE users SET password = '%v' WHERE name = '%u' AND realm = '%r'
";

/// A table with a row for each property.
pub const PROPERTIES: &str = "CREATE TABLE properties (name TEXT, realm TEXT, property TEXT, val TEXT);";
pub const PROPERTY_STATEMENTS: &str =
    "sql_select: SELECT val FROM properties WHERE name = '%u' AND realm = '%r' AND property = '%p'
sql_insert: INSERT INTO properties (name, realm, property, val) VALUES ('%u', '%r', '%p', '%v')
sql_update: UPDATE properties SET val = '%v' WHERE name = '%u' AND realm = '%r' AND property = '%p'
";

/// A running database. It is stopped, and its files go, when this does.
pub struct Database {
    pub kind: Kind,
    pub port: u16,
    pub dir: TempDir,
    daemon: Option<Daemon>,
}

impl Database {
    /// Makes one, starts it, and runs statements in it. Text is compared byte by byte.
    pub fn start(kind: Kind, statements: &str) -> Database {
        let mut database = Database { kind, port: free_port(), dir: TempDir::new("sql"), daemon: None };
        let data = database.dir.join("data");
        match kind {
            Kind::Postgres => {
                own(database.dir.path(), "postgres");
                copy_of("postgres", &data, |new| {
                    let mut initdb = user_command("postgres", &postgres_program("initdb"));
                    must(initdb.args(["-A", "trust", "-N", "-E", "UTF8", "--locale=C", "-D"]).arg(new));
                });
                let access = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
                database.dir.write("data/pg_hba.conf", access);
            }
            Kind::Maria => {
                own(&database.dir.dir("tmp"), "mysql");
                own(database.dir.path(), "mysql");
                copy_of("mysql", &data, |new| {
                    let mut install = Command::new("mariadb-install-db");
                    install.args(["--no-defaults", "--user=mysql", "--skip-test-db", "--innodb-log-file-size=8M"]);
                    install.arg("--auth-root-authentication-method=normal");
                    install.arg(format!("--tmpdir={}", new.parent().expect("a directory").display()));
                    must(install.arg(format!("--datadir={}", new.display())));
                });
            }
            Kind::Sqlite => {}
        }
        database.up();
        match kind {
            Kind::Postgres => database.run(&format!(
                "CREATE USER sasl PASSWORD '{}'; CREATE USER plain PASSWORD 'plain';
                 ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO sasl, plain;",
                DB_PASSWORD.replace('\'', "''")
            )),
            Kind::Maria => database.run(&format!(
                "CREATE DATABASE sasl CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
                 CREATE USER sasl IDENTIFIED BY '{}'; GRANT ALL ON sasl.* TO sasl;
                 CREATE USER plain IDENTIFIED BY 'plain'; GRANT ALL ON sasl.* TO plain;",
                DB_PASSWORD.replace('\\', r"\\").replace('\'', "''")
            )),
            Kind::Sqlite => String::new(),
        };
        // 64 KiB are more than TEXT has room for there.
        database.run(&if kind == Kind::Maria {
            statements.replace(" TEXT", " LONGTEXT")
        } else {
            statements.to_owned()
        });
        database
    }

    /// Starts the server again.
    pub fn up(&mut self) {
        let dir = &self.dir;
        let path = dir.path().display();
        let mut command = match self.kind {
            Kind::Sqlite => return,
            Kind::Postgres => {
                let mut command = user_command("postgres", &postgres_program("postgres"));
                command.arg("-D").arg(dir.join("data")).args(["-h", "127.0.0.1", "-k"]).arg(dir.path());
                command.args(["-c", "fsync=off", "-p"]);
                command.arg(self.port.to_string());
                command
            }
            Kind::Maria => {
                let mut command = user_command("mysql", "/usr/sbin/mariadbd");
                command.args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-log-file-size=8M"]);
                command.args(["--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=2"]);
                command.args([format!("--datadir={path}/data"), format!("--socket={path}/socket")]);
                command.arg(format!("--tmpdir={path}/tmp"));
                command.args([format!("--port={}", self.port), format!("--pid-file={path}/pid")]);
                command
            }
        };
        let mut daemon = Daemon::spawn("server", dir, &mut command);
        daemon.wait_ready(|| run(&mut self.client(), b"SELECT 1;").status.success());
        self.daemon = Some(daemon);
    }

    /// Ends the server at once, without a word to its clients.
    pub fn kill(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        if self.kind == Kind::Postgres {
            // This one has processes of its own, which it takes along when it is told to end at once.
            must(Command::new("kill").args(["-QUIT", &daemon.pid().to_string()]));
            daemon.wait_end();
        }
        daemon.stop();
    }

    /// Waits until nobody but its administrator is connected to a PostgreSQL server.
    pub fn wait_idle(&self) {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sasl';";
        assert!(wait_until(PATIENCE, || self.run(count).trim() == "0"));
    }

    /// Runs statements as an administrator does; what they print.
    pub fn run(&self, statements: &str) -> String {
        let ran = run(&mut self.client(), statements.as_bytes());
        assert!(ran.status.success(), "{statements}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    fn client(&self) -> Command {
        match self.kind {
            Kind::Postgres => {
                let mut command = Command::new("psql");
                command.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"]);
                command.arg(self.dir.path()).arg("-p").arg(self.port.to_string());
                command
            }
            Kind::Maria => {
                let mut command = Command::new("mariadb");
                command.args(["--no-defaults", "-N", "-r", "-B", "-u", "root", "-S"]).arg(self.dir.join("socket"));
                if self.daemon.is_some() && self.dir.join("data/sasl").exists() {
                    command.args(["-D", "sasl"]);
                }
                command
            }
            Kind::Sqlite => {
                let mut command = Command::new("sqlite3");
                command.arg("-bail").arg(self.dir.join("db"));
                command
            }
        }
    }

    /// The options that say where this is, with these hosts.
    pub fn options_with(&self, hosts: &str) -> String {
        let (engine, database) = match self.kind {
            Kind::Postgres => ("pgsql", "postgres".to_owned()),
            Kind::Maria => ("mysql", "sasl".to_owned()),
            Kind::Sqlite => ("sqlite3", self.dir.join("db").display().to_string()),
        };
        format!(
            "auxprop_plugin: sql\nsql_engine: {engine}\nsql_hostnames: {hosts}\nsql_database: {database}\n\
             sql_user: sasl\nsql_passwd: {DB_PASSWORD}\n"
        )
    }

    /// The options that say where this is.
    pub fn options(&self) -> String {
        self.options_with(&format!("127.0.0.1:{}", self.port))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Copies a fresh data directory, which `make` makes as the user when there is none from an earlier test.
fn copy_of(user: &str, to: &Path, make: impl FnOnce(&Path)) {
    let kept = target_dir().join("rig").join(format!("fresh-{user}"));
    if !kept.exists() {
        let new = TempDir::new("fresh");
        own(new.path(), user);
        make(&new.join("data"));
        fs::create_dir_all(target_dir().join("rig")).expect("rig directory");
        // Several tests may come here at once: it is put in its place whole, by one of them.
        let whole = kept.with_extension(format!("{}-{:?}", std::process::id(), std::thread::current().id()));
        must(Command::new("cp").arg("-a").arg(new.join("data")).arg(&whole));
        if fs::rename(&whole, &kept).is_err() {
            fs::remove_dir_all(&whole).expect("the copy");
        }
    }
    must(Command::new("cp").arg("-a").arg(&kept).arg(to));
}

fn own(dir: &Path, user: &str) {
    must(Command::new("chown").arg(user).arg(dir));
}

/// A command that runs as another user, in this very process.
fn user_command(user: &str, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".into(), program.into()]);
    command
}

/// A program of the newest version of PostgreSQL that is installed.
fn postgres_program(name: &str) -> String {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Debian's package postgresql").flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    format!("/usr/lib/postgresql/{}/bin/{name}", newest.expect("Debian's package postgresql"))
}
