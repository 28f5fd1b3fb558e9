//! Debian's unmodified `slapd` on a chosen library, from a configuration, database and port of its own, and the LDAP
//! tools that talk to it.

use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use super::base::{Daemon, Library, PATIENCE, family, free_port, listening, must, run, wait_until};
use super::mount::{Mounts, signal};
use super::sandbox::Sandbox;

/// What makes one directory differ from another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Global lines of `slapd.conf`, before the database's.
    pub global: &'a str,
    /// The library's configuration, where Debian's slapd looks: `/etc/ldap/sasl2/slapd.conf`.
    pub sasl: &'a str,
    /// Entries to load, besides the tree's two top entries.
    pub entries: &'a str,
    /// What runs the server, if anything does: a program and its arguments.
    pub below: &'a [&'a str],
}

/// A running directory.
pub struct Slapd {
    /// The TCP port on the loopback address.
    pub port: u16,
    pub mounts: Mounts,
    /// The one for TLS from the first byte on; something listens there only if it has a certificate.
    pub tls_port: u16,
    /// What starts it.
    words: Vec<String>,
    daemon: Daemon,
    pub sandbox: Sandbox,
}

/// The SASL host name and realm of every directory.
pub const HOST: &str = "ldap.rig.test";
pub const REALM: &str = "rig.test";

impl Slapd {
    /// Loads the entries and starts the server. `prepare` may put files into its directory; `@DIR@` in the settings
    /// stands for that.
    pub fn start(library: &Library, settings: &Settings, prepare: impl FnOnce(&Sandbox)) -> Slapd {
        let sandbox = Sandbox::new("slapd", HOST);
        let dir = &sandbox.dir;
        dir.dir("data");
        dir.dir("run");
        prepare(&sandbox);
        let fill = |text: &str| text.replace("@DIR@", &dir.path().to_string_lossy());
        dir.dir("etc/ldap/sasl2");
        dir.write("etc/ldap/sasl2/slapd.conf", fill(settings.sasl));
        let conf = dir.write("slapd.conf", fill(&CONF.replace("@GLOBAL@", settings.global)));
        let ldif = dir.write("entries.ldif", format!("{TREE}{}", settings.entries));
        let mounts = Mounts::new(library);
        let mut load = mounts.command(&sandbox, "/usr/sbin/slapadd");
        must(load.args(["-q", "-f"]).arg(&conf).arg("-l").arg(&ldif));

        let (port, tls_port) = (free_port(), free_port());
        let words: Vec<String> = settings.below.iter().copied().chain(["/usr/sbin/slapd"]).map(str::to_owned).collect();
        let daemon = serve(&words, &mounts, &sandbox, port, tls_port);
        Slapd { port, mounts, tls_port, words, daemon, sandbox }
    }

    /// Ends the server at once, without a word to its clients.
    pub fn kill(&mut self) {
        self.daemon.stop();
        // It is below what has been stopped, and goes a moment later.
        assert!(wait_until(PATIENCE, || !self.alive()), "slapd does not end");
    }

    /// Starts it again.
    pub fn up(&mut self) {
        self.daemon = serve(&self.words, &self.mounts, &self.sandbox, self.port, self.tls_port);
    }

    /// The process id of the server, or of what it runs below.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// Asks it to end, and waits until it has.
    pub fn end(&mut self) {
        for pid in family(self.daemon.pid()) {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            if maps.contains("libsasl2.so") {
                signal("INT", pid);
            }
        }
        self.daemon.wait_end();
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        self.daemon.output()
    }

    /// Whether it still takes connections.
    pub fn alive(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// An LDAP tool on `library`, aimed at this server's port, without any configuration of the system or the user.
    pub fn tool(&self, library: &Library, name: &str) -> Command {
        self.tool_at(library, name, &format!("ldap://127.0.0.1:{}", self.port))
    }

    /// The same through the server's UNIX socket.
    pub fn local_tool(&self, library: &Library, name: &str) -> Command {
        self.tool_at(library, name, &ldapi(&self.sandbox))
    }

    fn tool_at(&self, library: &Library, name: &str, url: &str) -> Command {
        let mut command = library.command(Path::new("/usr/bin").join(name));
        command.env("LDAPNOINIT", "1").args(["-H", url]);
        command
    }

    /// `ldapwhoami` with these arguments.
    pub fn who_am_i(&self, library: &Library, arguments: &[&str]) -> WhoAmI {
        who_am_i(self.tool(library, "ldapwhoami").args(["-N"]).args(arguments))
    }
}

fn serve(words: &[String], mounts: &Mounts, sandbox: &Sandbox, port: u16, tls_port: u16) -> Daemon {
    let dir = &sandbox.dir;
    let conf = dir.join("slapd.conf");
    let mut urls = format!("ldap://127.0.0.1:{port} {}", ldapi(sandbox));
    if fs::read_to_string(&conf).expect("configuration").contains("TLSCertificateFile") {
        urls += &format!(" ldaps://127.0.0.1:{tls_port}");
    }
    let mut command = mounts.command(sandbox, &words[0]);
    command.args(&words[1..]);
    // -d: in the foreground; "stats" tells of each operation.
    command.args(["-d", "stats", "-h", &urls, "-f"]).arg(&conf);
    let mut daemon = Daemon::spawn("slapd", dir, &mut command);
    let socket = dir.join("run/ldapi");
    daemon.wait_ready(|| listening(port) && UnixStream::connect(&socket).is_ok());
    daemon
}

fn ldapi(sandbox: &Sandbox) -> String {
    let path = sandbox.dir.join("run/ldapi");
    format!("ldapi://{}", path.to_string_lossy().replace('/', "%2F"))
}

/// What `ldapwhoami` found out.
#[derive(Debug)]
pub struct WhoAmI {
    /// The tool's exit status: the LDAP result code, or 256 minus a client error (250: no worthy mechanism).
    pub code: Option<i32>,
    /// The identity: `dn:...`, or `anonymous`.
    pub identity: String,
    /// "SASL username".
    pub user: String,
    /// "SASL SSF", when the tool was not told to be quiet.
    pub ssf: Option<u32>,
    pub stderr: String,
}

/// Runs an `ldapwhoami` command.
pub fn who_am_i(command: &mut Command) -> WhoAmI {
    let ran = run(command, b"");
    let value = |label: &str| ran.stderr.lines().find_map(|line| line.strip_prefix(label));
    WhoAmI {
        code: ran.status.code(),
        identity: ran.stdout.trim().to_owned(),
        user: value("SASL username: ").unwrap_or_default().to_owned(),
        ssf: value("SASL SSF: ").and_then(|ssf| ssf.parse().ok()),
        stderr: ran.stderr,
    }
}

const CONF: &str = "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile @DIR@/run/slapd.pid
argsfile @DIR@/run/slapd.args
sasl-host ldap.rig.test
sasl-realm rig.test
authz-policy to
# uid=NAME[@REALM][,cn=REALM],cn=MECHANISM,cn=auth is the entry of that name, unless the name begins with x.
authz-regexp \"^uid=([^x,@][^,@]*)(@[^,]+)?(,cn=[^,]+)?,cn=[^,]+,cn=auth$\" \"uid=$1,ou=people,dc=rig,dc=test\"
@GLOBAL@
database mdb
maxsize 33554432
suffix \"dc=rig,dc=test\"
rootdn \"cn=admin,dc=rig,dc=test\"
rootpw adminpw
directory @DIR@/data
dbnosync
access to attrs=userPassword by anonymous auth by self write by * none
access to * by users write by anonymous auth
";

const TREE: &str = "dn: dc=rig,dc=test
objectClass: dcObject
objectClass: organization
o: rig
dc: rig

dn: ou=people,dc=rig,dc=test
objectClass: organizationalUnit
ou: people

";
