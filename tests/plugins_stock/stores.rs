//! Debian's property stores: a password database of Berkeley DB, SQL and LDAP.

use std::process::Command;

use crate::pair::{DEBIAN, End, HOST, database, talk};
use crate::rig::base::{Daemon, Library, TempDir, must, run};
use crate::rig::slapd::{Settings, Slapd};

const STORE: &str = "libsasldb.so";

/// Logs in with a proof, and with a password, from the server's stores, which the stock client does not know.
fn expect_users_of(server: &End, store: &str, file: &str) {
    for mechanism in ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"] {
        let right = talk(mechanism, server, &End::new(&Library::stock()));
        right.expect("alice", 0);
        assert_eq!(right.server.file_of(store), format!("{DEBIAN}/{file}"), "{right:#?}");
        talk(mechanism, server, &End::new(&Library::stock()).with(&["pass=wrong"])).expect_refusal();
        talk(mechanism, server, &End::new(&Library::stock()).with(&["user=nobody"])).expect_refusal();
    }
}

#[test]
fn a_berkeley_database_is_read_through_its_plugin_and_without() {
    let library = Library::under_test();
    let dir = TempDir::new("bdb");
    let database = database(&Library::stock(), &dir.join("sasldb2"));
    let server = End::new(&library).with(&["auxprop_plugin=sasldb", &database]);
    expect_users_of(&server.clone().with(&["prefer_plugins=sasldb"]), "sasldb", STORE);
    if !library.is_stock() {
        let own = talk("SCRAM-SHA-1", &server, &End::new(&Library::stock()));
        own.expect("alice", 0);
        assert!(!own.server.file_of("sasldb").starts_with(DEBIAN), "{own:#?}");
    }
}

const SELECT: &str = "select value from properties where name = '%u' and realm = '%r' and property = '%p'";
/// The plugin decides by chance which of its two statements it uses, so that this is both.
const STORE_VALUE: &str = "insert into properties values ('%u', '%r', '%p', '%v') \
                           on conflict (name, realm, property) do update set value = excluded.value";
const TABLE: &str =
    "create table properties (name varchar(99), realm varchar(99), property varchar(99), value varchar(99),
unique (name, realm, property));
insert into properties values ('alice', 'host.example.com', 'userPassword', 'secret');";

/// Users of a database, and a new one that is stored in it.
fn expect_sql(told: &[&str], dir: &TempDir) {
    let library = Library::under_test();
    let select = format!("sql_select={SELECT}");
    let server = End::new(&library).with(&["auxprop_plugin=sql", "prefer_plugins=sql", &select]).with(told);
    expect_users_of(&server, "sql", "libsql.so");
    let mut config = "prefer_plugins: sql\n".to_owned();
    config +=
        &format!("auxprop_plugin: sql\nsql_select: {SELECT}\nsql_insert: {STORE_VALUE}\nsql_update: {STORE_VALUE}\n");
    for line in told {
        config += &(line.replacen('=', ": ", 1) + "\n");
    }
    dir.write("saslpasswd.conf", config);
    for password in ["first", "second"] {
        let mut passwd = library.command("/usr/sbin/saslpasswd2");
        passwd.args(["-p", "-c", "-u", HOST, "bob"]).env("SASL_CONF_PATH", dir.path());
        let made = run(&mut passwd, password.as_bytes());
        assert!(made.status.success(), "{made:?}");
    }
    for (password, right) in [("first", false), ("second", true)] {
        let client = End::new(&Library::stock()).with(&["user=bob", &format!("pass={password}")]);
        let talk = talk("SCRAM-SHA-256", &server, &client);
        if right { talk.expect("bob", 0) } else { talk.expect_refusal() }
    }
}

#[test]
fn sqlite_serves_users() {
    let dir = TempDir::new("sqlite");
    let file = dir.join("users.db");
    must(Command::new("sqlite3").arg(&file).arg(TABLE));
    expect_sql(&["sql_engine=sqlite3", &format!("sql_database={}", file.display())], &dir);
}

/// A server of its own, in a directory of its own, that only listens there.
#[test]
fn postgresql_serves_users() {
    let dir = TempDir::new("postgresql");
    let data = dir.dir("data");
    must(Command::new("chown").arg("postgres:postgres").args([dir.path(), &data]));
    let programs = must(Command::new("sh").args(["-c", "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1"]));
    let own = |program: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command.arg(format!("{}/{program}", programs.trim())).current_dir(dir.path());
        command
    };
    must(own("initdb").args(["--no-sync", "--auth=trust", "--username=rig", "-D"]).arg(&data));
    let mut server = own("postgres");
    server.arg("-D").arg(&data).args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"]).arg(dir.path());
    let mut daemon = Daemon::spawn("postgres", &dir, &mut server);
    let ask = |statement: &str| {
        let mut command = Command::new("psql");
        command.arg("-h").arg(dir.path()).args(["-U", "rig", "-d", "postgres", "-qc", statement]);
        run(&mut command, b"")
    };
    daemon.wait_ready(|| ask("select 1").status.success());
    let made = ask(TABLE);
    assert!(made.status.success(), "{made:?}");
    let host = format!("sql_hostnames={}", dir.path().display());
    expect_sql(&["sql_engine=pgsql", &host, "sql_user=rig", "sql_passwd=none", "sql_database=postgres"], &dir);
}

const PEOPLE: &str = "dn: uid=proxy,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: proxy
cn: Proxy
sn: P
userPassword: for others
authzTo: dn.regex:^uid=[^,]+,ou=people,dc=rig,dc=test$

dn: uid=alice,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
mail: wonderland
userPassword: secret

";

/// The plugin is a client of the directory, through the very library whose server's step it runs in.
#[test]
fn a_directory_serves_users() {
    let library = Library::under_test();
    let slapd = Slapd::start(&library, &Settings { entries: PEOPLE, ..Settings::default() }, |_| ());
    let uri = format!("ldapdb_uri=ldap://127.0.0.1:{}", slapd.port);
    let proxy = ["ldapdb_id=proxy", "ldapdb_pw=for others", "ldapdb_mech=DIGEST-MD5"];
    let own = End::new(&library).with(&["auxprop_plugin=ldapdb", &uri]).with(&proxy);
    let server = own.clone().with(&["prefer_plugins=ldapdb"]);
    expect_users_of(&server, "ldapdb", "libldapdb.so");
    if !library.is_stock() {
        let built_in = talk("SCRAM-SHA-1", &own, &End::new(&Library::stock()));
        built_in.expect("alice", 0);
        assert!(!built_in.server.file_of("ldapdb").starts_with(DEBIAN), "{built_in:#?}");
    }
    // As a canonicaliser it gives the user another name, which the client then is.
    let canon = server.with(&["canon_user_plugin=ldapdb", "ldapdb_canon_attr=mail", "auxprop_plugin=sasldb"]);
    let dir = TempDir::new("canon");
    let file = dir.join("sasldb2");
    crate::rig::base::make_sasldb(&library, &file, HOST, &[("wonderland", "secret")]);
    let canon = canon.with(&[&format!("sasldb_path={}", file.display())]);
    talk("SCRAM-SHA-1", &canon, &End::new(&Library::stock())).expect("wonderland", 0);
}
