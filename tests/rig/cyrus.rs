//! Debian's unmodified Cyrus imapd on a chosen library, from a configuration, mail directory and port of its own, and `imtest`.
//!
//! Both are unpacked by `scripts/packages.sh`, with the libraries of theirs that are not installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::base::{Daemon, Library, Ran, free_port, listening, must, repository, run, set_mode};
use super::sandbox::Sandbox;

/// The host that the server believes to run on.
pub const HOST: &str = "imap.rig.test";

/// Who the server runs as.
const USER: &str = "nobody";
const GROUP: &str = "nogroup";

/// A running server.
pub struct Cyrus {
    pub port: u16,
    daemon: Daemon,
    pub sandbox: Sandbox,
}

impl Cyrus {
    /// Starts the server with these options of the library (lines of `imapd.conf`, each beginning with `sasl_`) after
    /// `prepare` has put files into its directory.
    pub fn start(library: &Library, sasl: &str, prepare: impl FnOnce(&Sandbox)) -> Cyrus {
        let sandbox = Sandbox::new("cyrus", HOST);
        let dir = &sandbox.dir;
        for name in ["conf", "spool", "proc", "lock", "socket"] {
            dir.dir(&format!("var/{name}"));
        }
        must(Command::new("chown").args(["-R", &format!("{USER}:{GROUP}")]).arg(dir.join("var")));
        prepare(&sandbox);
        let port = free_port();
        let fill = |text: &str| {
            let text = text.replace("@DIR@", &dir.path().to_string_lossy()).replace("@PORT@", &port.to_string());
            text.replace("@BIN@", &unpacked("usr/lib/cyrus/bin").to_string_lossy())
        };
        let imapd = dir.write("etc/imapd.conf", fill(IMAPD) + sasl);
        let cyrus = dir.write("etc/cyrus.conf", fill(CYRUS));
        let mut command = program(&sandbox, library, "master");
        command.arg("-D").arg("-C").arg(&imapd).arg("-M").arg(&cyrus).arg("-p").arg(dir.join("var/master.pid"));
        let mut daemon = Daemon::spawn("master", dir, &mut command);
        daemon.wait_ready(|| listening(port));
        Cyrus { port, daemon, sandbox }
    }

    /// The process id of the server, or of what it runs below.
    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// `imtest` on `library`, in the server's view of the system, until it has logged out again.
    pub fn imtest(&self, library: &Library, env: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = program(&self.sandbox, library, "imtest");
        command.envs(env.iter().copied());
        run(command.args(["-p", &self.port.to_string()]).args(arguments).arg(HOST), b"")
    }
}

/// A file of the unpacked packages.
fn unpacked(path: &str) -> PathBuf {
    let dir = repository("target/rig/cyrus");
    assert!(dir.join("ready").exists(), "Cyrus imapd is not there: run scripts/packages.sh check");
    dir.join(path)
}

/// A program of the packages, which finds their libraries, and before them this one.
fn program(sandbox: &Sandbox, library: &Library, name: &str) -> Command {
    let own = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(unpacked);
    let all: Vec<&Path> = library.dir.iter().chain(&own).map(PathBuf::as_path).collect();
    let path = std::env::join_paths(all).expect("paths without colons");
    let mut setting = std::ffi::OsString::from("LD_LIBRARY_PATH=");
    setting.push(path);
    let mut command = sandbox.command(&Library::stock(), "env");
    command.arg(setting).arg(unpacked("usr/lib/cyrus/bin").join(name));
    command
}

/// Makes a file readable for the server.
pub fn share(path: &Path) {
    set_mode(path, 0o644);
}

const IMAPD: &str = "configdirectory: @DIR@/var/conf
partition-default: @DIR@/var/spool
defaultpartition: default
admins: cyrus
cyrus_user: nobody
cyrus_group: nogroup
servername: imap.rig.test
allowplaintext: yes
mboxname_lockpath: @DIR@/var/lock
proc_path: @DIR@/var/proc
idlesocket: @DIR@/var/socket/idle
duplicate_db_path: @DIR@/var/conf/deliver.db
statuscache_db_path: @DIR@/var/conf/statuscache.db
ptscache_db_path: @DIR@/var/conf/ptscache.db
tls_sessions_db_path: @DIR@/var/conf/tls.db
";

const CYRUS: &str = "START {
  recover cmd=\"@BIN@/ctl_cyrusdb -r\"
}
SERVICES {
  imap cmd=\"@BIN@/imapd\" listen=\"127.0.0.1:@PORT@\" prefork=1 maxchild=20
}
EVENTS {
}
";
