//! Debian's own Sendmail, unmodified, as a server and as a relay client, on a chosen library.
//!
//! The binary is a copy unpacked by `scripts/packages.sh` (the installed one would be set-gid and so deaf to
//! `LD_LIBRARY_PATH`); its configuration is made with Debian's own m4 files.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::base::{
    Daemon, Interface, Library, PATIENCE, Ran, free_port, listening, make_sasldb, must, repository, run, set_mode,
    wait_until,
};
use super::classic;
use super::mount::named;
use super::sandbox::Sandbox;
use super::smtp::Smtp;

/// The host name that the server sees, hence also its realm.
pub const HOST: &str = "mail.example.test";

/// The host name of a relay client; it connects from 127.0.0.2.
pub const CLIENT: &str = "client.example.test";

/// The users of every database that the rig makes.
pub const USERS: &[(&str, &str)] = &[("tim", "tanstaaftanstaaf"), ("ursel", "p e n c i l"), ("rené", "gruyère")];

/// Where `scripts/packages.sh` unpacked Sendmail.
fn unpacked() -> PathBuf {
    let dir = repository("target/rig/sendmail");
    assert!(dir.join("ready").exists(), "Sendmail is not there: run scripts/packages.sh check");
    dir
}

/// Debian's binary.
pub fn debian_binary() -> PathBuf {
    unpacked().join("usr/libexec/sendmail/sendmail")
}

/// How a Sendmail is to be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// The binary to run.
    pub binary: PathBuf,
    /// The option AuthMechanisms, which Sendmail intersects with what the library lists.
    pub mechanisms: String,
    /// The option AuthOptions: `p` no plain-text mechanisms, `y` no anonymous ones, `A` AUTH= only when authenticated.
    pub options: String,
    /// Further m4 lines.
    pub extra: String,
    /// The text of `Sendmail.conf`; none means that there is no such file. `@DIR@` is the sandbox.
    pub library_conf: Option<String>,
    /// Whether to make the password database with [`USERS`].
    pub database: bool,
    /// Whether to make certificates and speak TLS.
    pub tls: bool,
    /// Files and directories of the sandbox to change the mode of.
    pub modes: Vec<(String, u32)>,
    /// The mechanisms after which a client may relay, `TRUST_AUTH_MECH`; none for all of `mechanisms`.
    pub trusted: Option<String>,
    /// Whether the cf names the sandbox's own directory for `Sendmail.conf`, not the library's usual one.
    pub own_place: bool,
    /// A command that runs the binary: its words come before the binary's. `@DIR@` is the sandbox.
    pub wrapper: Vec<String>,
}

/// All mechanisms that the tests use, in the order that they ask for.
pub const MECHANISMS: &str =
    "SCRAM-SHA-512 SCRAM-SHA-384 SCRAM-SHA-256 SCRAM-SHA-224 SCRAM-SHA-1 DIGEST-MD5 CRAM-MD5 PLAIN LOGIN";

impl Default for Config {
    fn default() -> Config {
        Config {
            binary: debian_binary(),
            mechanisms: MECHANISMS.to_owned(),
            options: String::new(),
            extra: String::new(),
            library_conf: Some(
                "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @DIR@/sasldb2\n".to_owned(),
            ),
            database: true,
            tls: false,
            modes: Vec::new(),
            trusted: None,
            own_place: true,
            wrapper: Vec::new(),
        }
    }
}

impl Config {
    /// Makes `mc` and `cf` in the sandbox, with the library's configuration and the queue; gives the cf's path.
    fn write(&self, library: &Library, sandbox: &Sandbox, host: &str, lines: &str) -> PathBuf {
        let dir = sandbox.dir.path().display();
        sandbox.dir.dir("sasl");
        if let Some(text) = &self.library_conf {
            sandbox.dir.write("sasl/Sendmail.conf", text.replace("@DIR@", &dir.to_string()));
        }
        for (name, mode) in &self.modes {
            set_mode(&sandbox.dir.join(name), *mode);
        }
        let tls = if self.tls { certificates(sandbox, host) } else { String::new() };
        let variable = library.interface.conf_variable();
        let place = if self.own_place { format!("E{variable}={dir}/sasl") } else { String::new() };
        let queue = sandbox.dir.dir("queue");
        set_mode(&queue, 0o700);
        sandbox.dir.write("aliases", "");
        sandbox.dir.write("statistics", "");
        sandbox.dir.write("service.switch", "hosts files\naliases files\n");
        let mc = format!(
            "divert(0)dnl\n\
             OSTYPE(`linux')dnl\n\
             define(`ALIAS_FILE', `{dir}/aliases')dnl\n\
             define(`QUEUE_DIR', `{dir}/queue')dnl\n\
             define(`STATUS_FILE', `{dir}/statistics')dnl\n\
             define(`HELP_FILE', `')dnl\n\
             define(`confPID_FILE', `{dir}/pid')dnl\n\
             define(`confSERVICE_SWITCH_FILE', `{dir}/service.switch')dnl\n\
             define(`confDOMAIN_NAME', `{host}')dnl\n\
             define(`confDEF_USER_ID', `8:8')dnl\n\
             define(`confTO_IDENT', `0')dnl\n\
             define(`confTO_CONNECT', `10s')dnl\n\
             define(`confLOG_LEVEL', `14')dnl\n\
             define(`confPRIVACY_FLAGS', `')dnl\n\
             define(`confDONT_PROBE_INTERFACES', `True')dnl\n\
             define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl\n\
             define(`confAUTH_MECHANISMS', `{mechanisms}')dnl\n\
             define(`confAUTH_OPTIONS', `{options}')dnl\n\
             TRUST_AUTH_MECH(`{trusted}')dnl\n\
             FEATURE(`no_default_msa')dnl\n\
             FEATURE(`nocanonify')dnl\n\
             FEATURE(`accept_unresolvable_domains')dnl\n\
             {lines}\n\
             {tls}\n\
             {extra}\n\
             MAILER(`smtp')dnl\n\
             LOCAL_CONFIG\n\
             {place}\n",
            mechanisms = self.mechanisms,
            trusted = self.trusted.as_ref().unwrap_or(&self.mechanisms),
            options = self.options,
            extra = self.extra.replace("@DIR@", &dir.to_string()),
        );
        let mc = sandbox.dir.write("sendmail.mc", mc);
        let m4 = unpacked().join("usr/share/sendmail/cf");
        let text =
            must(Command::new("m4").arg(format!("-D_CF_DIR_={}/", m4.display())).arg(m4.join("m4/cf.m4")).arg(mc));
        sandbox.dir.write("sendmail.cf", text)
    }

    /// A command that runs the binary in this sandbox.
    fn command(&self, library: &Library, sandbox: &Sandbox) -> Command {
        let dir = sandbox.dir.path().display().to_string();
        let mut words: Vec<OsString> = self.wrapper.iter().map(|w| w.replace("@DIR@", &dir).into()).collect();
        words.push(self.binary.clone().into());
        let mut command = sandbox.command(library, &words[0]);
        command.args(&words[1..]);
        command
    }
}

/// The directory of the common authority of all certificates, `ca.pem` with `ca.key`, and of `client.pem` for a client
/// named tim. It is made once and kept.
pub fn authority() -> PathBuf {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let dir = repository("target/rig/certificates");
        if !dir.exists() {
            let new = dir.with_extension(std::process::id().to_string());
            fs::create_dir_all(&new).expect("certificates");
            let subject = "-subj /CN=authority -keyout ca.key -out ca.pem";
            openssl(&new, &format!("req -x509 {NEW_KEY} -days 3650 {subject}"));
            certify(&new, &new, "tim", "client");
            // Another process may have been faster: its certificates are as good.
            let _ = fs::rename(&new, &dir).or_else(|_| fs::remove_dir_all(&new));
        }
        dir
    };
    DIR.get_or_init(make).clone()
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

/// Makes `name`.pem in `dir`, key and certificate, for the subject; the authority is in `ca`.
pub fn certify(ca: &Path, dir: &Path, subject: &str, name: &str) {
    let kind = if subject.parse::<std::net::IpAddr>().is_ok() { "IP" } else { "DNS" };
    let subject = format!("-subj /CN={subject} -addext subjectAltName={kind}:{subject}");
    openssl(dir, &format!("req {NEW_KEY} {subject} -keyout {name}.pem -out {name}.csr"));
    let ca = ca.display();
    openssl(
        dir,
        &format!(
            "x509 -req -copy_extensions copy -days 3650 -in {name}.csr -CA {ca}/ca.pem -CAkey {ca}/ca.key -set_serial 1 -out {name}.crt"
        ),
    );
    let pem = dir.join(format!("{name}.pem"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    fs::write(&pem, read(&pem) + &read(&dir.join(format!("{name}.crt")))).expect("key and certificate");
    set_mode(&pem, 0o600);
}

fn openssl(dir: &Path, arguments: &str) {
    must(Command::new("openssl").args(arguments.split_whitespace()).current_dir(dir));
}

/// Makes a certificate for `host` in the sandbox; gives the m4 lines for it.
fn certificates(sandbox: &Sandbox, host: &str) -> String {
    let dir = sandbox.dir.path();
    certify(&authority(), dir, host, "own");
    sandbox.dir.write("ca.pem", fs::read(authority().join("ca.pem")).expect("authority"));
    let options = ["SERVER_CERT", "SERVER_KEY", "CLIENT_CERT", "CLIENT_KEY"];
    let dir = dir.display();
    let lines = options.iter().map(|o| format!("define(`conf{o}', `{dir}/own.pem')dnl\n")).collect::<String>();
    format!("define(`confCACERT', `{dir}/ca.pem')dnl\ndefine(`confCACERT_PATH', `{dir}')dnl\n{lines}")
}

/// A running Sendmail that takes SMTP on a loopback port.
pub struct Server {
    pub port: u16,
    // Dropped first: the sandbox under it goes after.
    daemon: Daemon,
    pub sandbox: Sandbox,
    pub library: Library,
    config: Config,
}

impl Server {
    /// Starts it and waits until it answers.
    pub fn start(library: &Library, config: &Config) -> Server {
        Server::start_prepared(library, config, |_| ())
    }

    /// Starts it after `prepare` has filled the sandbox.
    pub fn start_prepared(library: &Library, config: &Config, prepare: impl FnOnce(&Sandbox)) -> Server {
        let mut server = Server::launch(library, config, prepare);
        server.wait_ready();
        server
    }

    /// Starts one that is expected to give up by itself; gives its exit status and what it logged.
    pub fn start_failing(library: &Library, config: &Config) -> (Option<i32>, String) {
        let mut server = Server::launch(library, config, |_| ());
        let status = server.daemon.wait_end();
        server.sandbox.log.expect("sasl_server_init");
        (status.code(), server.sandbox.log.text_after(0))
    }

    /// Stops it and starts it again with what is in the sandbox now.
    pub fn restart(&mut self) {
        self.daemon.stop();
        // What ran below it goes a little later.
        assert!(wait_until(PATIENCE, || !listening(self.port)), "port {} is still served", self.port);
        self.daemon = spawn(&self.library, &self.config, &self.sandbox);
        self.wait_ready();
    }

    fn launch(library: &Library, config: &Config, prepare: impl FnOnce(&Sandbox)) -> Server {
        let sandbox = Sandbox::new("sendmail", HOST);
        let port = free_port();
        let listen = format!("DAEMON_OPTIONS(`Port={port}, Addr=127.0.0.1, Name=MTA')dnl");
        config.write(library, &sandbox, HOST, &listen);
        if config.database {
            make_database(library, &sandbox);
        }
        prepare(&sandbox);
        let daemon = spawn(library, config, &sandbox);
        Server { port, daemon, sandbox, library: library.clone(), config: config.clone() }
    }

    fn wait_ready(&mut self) {
        let port = self.port;
        self.daemon.wait_ready(|| listening(port));
        self.library.assert_loaded_by(self.daemon.pid());
    }

    /// The process above all of its processes.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// The process that listens.
    pub fn pid(&self) -> u32 {
        let name = self.config.binary.file_name().expect("a binary").to_string_lossy();
        let found = named(self.daemon.pid(), &name[..name.len().min(15)]);
        *found.first().unwrap_or_else(|| panic!("no {name} below {}", self.daemon.pid()))
    }

    /// A connection from 127.0.0.2: from 127.0.0.1 a Sendmail relays without any authentication.
    pub fn connect(&self) -> Smtp {
        Smtp::connect(self.port)
    }

    /// The bodies of all messages in the queue.
    pub fn queued(&self) -> Vec<String> {
        queued(&self.sandbox.dir.join("queue"))
    }
}

/// Starts the daemon of a sandbox that is filled.
fn spawn(library: &Library, config: &Config, sandbox: &Sandbox) -> Daemon {
    // -bD: a daemon that stays in the foreground. Mail stays in the queue, where the tests read it.
    let mut command = config.command(library, sandbox);
    command.args(["-bD", "-L", "sm-mta", "-ODeliveryMode=queueonly"]).arg("-C").arg(sandbox.dir.join("sendmail.cf"));
    Daemon::spawn("sendmail", &sandbox.dir, &mut command)
}

/// Makes the database of [`USERS`] where the default configurations look for it.
fn make_database(library: &Library, sandbox: &Sandbox) {
    match library.interface {
        Interface::V2 => make_sasldb(library, &sandbox.dir.join("sasldb2"), HOST, USERS),
        Interface::V1 => classic::make_sasldb(library, &sandbox.dir.join("sasldb"), HOST, USERS),
    }
}

/// Runs the server on its standard input and output, `-bs`, in a sandbox; `input` is all that the client says.
pub fn speak(library: &Library, config: &Config, sandbox: &Sandbox, input: &str) -> Ran {
    let cf = config.write(library, sandbox, HOST, "");
    let mut command = config.command(library, sandbox);
    command.args(["-bs", "-L", "sm-stdin", "-ODeliveryMode=queueonly"]).arg("-C").arg(cf);
    run(&mut command, input.as_bytes())
}

/// The bodies of all messages in this queue directory.
fn queued(dir: &Path) -> Vec<String> {
    let mut bodies = Vec::new();
    for entry in fs::read_dir(dir).expect("queue") {
        let entry = entry.expect("queue entry");
        if entry.file_name().to_string_lossy().starts_with("df") {
            bodies.push(fs::read_to_string(entry.path()).expect("message"));
        }
    }
    bodies
}

/// Who a relay client says it is; empty fields are left out of its map.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthInfo<'a> {
    /// The authorisation identity, `U:`.
    pub user: &'a str,
    /// The authentication identity, `I:`.
    pub authid: &'a str,
    /// `P:`.
    pub password: &'a str,
    /// `R:`.
    pub realm: &'a str,
    /// `M:`, the mechanisms it may use; none for the library's choice among Sendmail's list.
    pub mechanisms: &'a str,
}

impl AuthInfo<'_> {
    fn entry(&self) -> String {
        let fields =
            [("U", self.user), ("I", self.authid), ("P", self.password), ("R", self.realm), ("M", self.mechanisms)];
        let fields = fields.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("\"{k}:{v}\""));
        format!("AuthInfo:[127.0.0.1]\t{}\n", fields.collect::<Vec<_>>().join(" "))
    }
}

/// What a relay client did with its message.
pub struct Sent {
    pub ran: Ran,
    /// Its log.
    pub log: String,
    /// The messages left in its queue.
    pub queued: Vec<String>,
}

impl Sent {
    /// The mechanisms that it tried, in order.
    pub fn tried(&self) -> Vec<&str> {
        let commands = self.ran.stdout.lines().filter_map(|l| l.strip_prefix(">>> AUTH "));
        commands.map(|c| c.split(' ').next().unwrap_or_default()).collect()
    }
}

/// Sends a message to `port` on the loopback address with Sendmail as the client, authenticating from an authinfo map.
pub fn send(library: &Library, config: &Config, port: u16, auth: Option<&AuthInfo<'_>>, message: &str) -> Sent {
    let sandbox = Sandbox::new("sendmail-client", CLIENT);
    let map = auth.map_or(String::new(), AuthInfo::entry);
    let file = sandbox.dir.join("authinfo");
    let made = run(
        Command::new(unpacked().join("usr/libexec/sendmail/makemap")).args(["-C", "/dev/null", "hash"]).arg(&file),
        map.as_bytes(),
    );
    assert!(made.status.success(), "makemap: {}{}", made.stdout, made.stderr);
    let config = Config {
        extra: format!(
            "define(`SMART_HOST', `relay:[127.0.0.1]')dnl\n\
             define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl\n\
             FEATURE(`authinfo', `hash {}')dnl\n{}",
            file.display(),
            config.extra
        ),
        ..config.clone()
    };
    let cf = config.write(library, &sandbox, CLIENT, "CLIENT_OPTIONS(`Family=inet, Address=127.0.0.2')dnl");
    let mut command = config.command(library, &sandbox);
    // -odi: deliver now, in the foreground; -v prints the dialogue.
    command.args(["-bm", "-odi", "-oem", "-v", "-L", "sm-client", "-f", "sender@client.example.test"]);
    command.arg("-C").arg(cf).arg("someone@elsewhere.example");
    let ran = run(&mut command, message.as_bytes());
    let queued = queued(&sandbox.dir.join("queue"));
    sandbox.log.settle();
    Sent { ran, log: sandbox.log.text_after(0), queued }
}
