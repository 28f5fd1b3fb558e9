//! A Kerberos realm of MIT's programs on the loopback address: its server, users, services with a keytab, and tickets. All of
//! it lives in one directory, and programs find it through the environment or a private `/etc/krb5.conf`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::base::{Daemon, TempDir, free_port, listening, must, run};

/// The realm, and another that it trusts.
pub const REALM: &str = "RIG.TEST";
pub const OTHER_REALM: &str = "OTHER.TEST";

/// The password of every user.
pub const PASSWORD: &str = "kerberos";

/// The realm's server, running, with `alice` and `bob` of the realm and `olga` of the other.
pub struct Kdc {
    pub dir: TempDir,
    pub port: u16,
    _daemon: Daemon,
    /// `kadmin.local` locks the database for a moment, and then fails where another holds it.
    administration: Mutex<u32>,
}

impl Kdc {
    /// Makes both realms and starts the server.
    pub fn start() -> Kdc {
        let dir = TempDir::new("kdc");
        let port = free_port();
        dir.write("krb5.conf", krb5_conf(dir.path(), port));
        dir.write("kdc.conf", kdc_conf(dir.path(), port));
        for realm in [REALM, OTHER_REALM] {
            let mut create = Command::new("/usr/sbin/kdb5_util");
            must(settings(&mut create, dir.path()).args(["create", "-s", "-P", "master", "-r", realm]));
        }
        let mut server = Command::new("/usr/sbin/krb5kdc");
        settings(&mut server, dir.path()).args(["-n", "-r", REALM, "-r", OTHER_REALM]);
        let mut daemon = Daemon::spawn("krb5kdc", &dir, &mut server);
        daemon.wait_ready(|| listening(port));
        let kdc = Kdc { dir, port, _daemon: daemon, administration: Mutex::new(0) };
        for user in ["alice", "bob"] {
            kdc.administer(REALM, &format!("addprinc -pw {PASSWORD} {user}"));
        }
        kdc.administer(OTHER_REALM, &format!("addprinc -pw {PASSWORD} olga"));
        for realm in [REALM, OTHER_REALM] {
            kdc.administer(realm, &format!("addprinc -pw trust krbtgt/{REALM}@{OTHER_REALM}"));
        }
        kdc
    }

    /// A realm for the programs `tests/c/abi_gss*.c`, and the environment that they want.
    pub fn for_programs() -> (Kdc, Vec<(String, String)>) {
        let kdc = Kdc::start();
        let keytab = kdc.service("svc/host.example.com", "keytab");
        kdc.administer(REALM, &format!("addprinc -pw {PASSWORD} ghost/admin"));
        let mut environment = kdc.environment(&keytab, &kdc.ticket("alice", &["-F"]));
        for (name, user, options) in [
            ("CACHE_BOB", "bob", &["-F"]),
            ("CACHE_OLGA", "olga@OTHER.TEST", &["-F"]),
            ("CACHE_GHOST", "ghost/admin", &["-F"]),
            ("CACHE_FORWARD", "alice", &["-f"]),
        ] {
            environment.push((name.to_owned(), kdc.ticket(user, options)));
        }
        (kdc, environment)
    }

    /// Runs a command of `kadmin.local` on a realm's database.
    pub fn administer(&self, realm: &str, query: &str) -> String {
        let _alone = self.administration.lock().expect("administration");
        let mut command = Command::new("/usr/sbin/kadmin.local");
        let ran = run(settings(&mut command, self.dir.path()).args(["-r", realm, "-q", query]), b"");
        // It ends well whatever came of the command.
        let errors: String = ran.stderr.lines().filter(|line| !line.contains("defaulting to no policy")).collect();
        assert!(ran.status.success() && errors.is_empty(), "{query}: {}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Makes a service, `name/host`, and adds its keys to the keytab of this name.
    pub fn service(&self, principal: &str, keytab: &str) -> PathBuf {
        self.administer(REALM, &format!("addprinc -randkey {principal}"));
        let path = self.dir.join(keytab);
        self.administer(REALM, &format!("ktadd -k {} {principal}", path.display()));
        path
    }

    /// Gets a user's ticket (`alice`, `olga@OTHER.TEST`) into a credential cache of its own, with these options of `kinit`.
    pub fn ticket(&self, user: &str, options: &[&str]) -> String {
        let number = {
            let mut count = self.administration.lock().expect("administration");
            *count += 1;
            *count
        };
        let cache = format!("FILE:{}", self.dir.join(format!("cc{number}")).display());
        let mut command = Command::new("/usr/bin/kinit");
        settings(&mut command, self.dir.path()).args(options).args(["-c", &cache, user]);
        let ran = run(&mut command, format!("{PASSWORD}\n").as_bytes());
        assert!(ran.status.success(), "kinit {user}: {}{}", ran.stdout, ran.stderr);
        cache
    }

    /// What programs are told in their environment so that they use this realm: a server's keytab, and a client's tickets.
    pub fn environment(&self, keytab: &Path, cache: &str) -> Vec<(String, String)> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("KRB5_CONFIG".to_owned(), path(&self.dir.join("krb5.conf"))),
            ("KRB5_KTNAME".to_owned(), format!("FILE:{}", path(keytab))),
            ("KRB5CCNAME".to_owned(), cache.to_owned()),
            ("KRB5RCACHEDIR".to_owned(), path(self.dir.path())),
        ]
    }

    /// The configuration as a text for a private `/etc/krb5.conf`, with this keytab for servers.
    pub fn configuration(&self, keytab: &Path) -> String {
        let text = fs::read_to_string(self.dir.join("krb5.conf")).expect("krb5.conf");
        text.replacen("[libdefaults]\n", &format!("[libdefaults]\ndefault_keytab_name = {}\n", keytab.display()), 1)
    }
}

fn settings<'a>(command: &'a mut Command, dir: &Path) -> &'a mut Command {
    command.env("KRB5_CONFIG", dir.join("krb5.conf")).env("KRB5_KDC_PROFILE", dir.join("kdc.conf"))
}

/// Names are taken as they are: nothing is looked up. No time is taken from the Kerberos server, so that a clock that is wrong
/// stays wrong.
fn krb5_conf(dir: &Path, port: u16) -> String {
    let realm = |name| format!(" {name} = {{\n  kdc = 127.0.0.1:{port}\n }}\n");
    format!(
        "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n\
         dns_canonicalize_hostname = false\nrdns = false\nkdc_timesync = 0\nudp_preference_limit = 1\nforwardable = true\n\
         default_ccache_name = FILE:{}/no-such-cache\n\
         [realms]\n{}{}[domain_realm]\n rig.test = {REALM}\n .rig.test = {REALM}\n .example.com = {REALM}\n",
        dir.display(),
        realm(REALM),
        realm(OTHER_REALM)
    )
}

fn kdc_conf(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    let realm = |name| {
        format!(
            " {name} = {{\n  database_name = {dir}/{name}\n  key_stash_file = {dir}/{name}.stash\n  acl_file = {dir}/acl\n \
             max_life = 1d\n }}\n"
        )
    };
    format!(
        "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n{}{}\
         [logging]\nkdc = FILE:{dir}/kdc.log\n",
        realm(REALM),
        realm(OTHER_REALM)
    )
}
