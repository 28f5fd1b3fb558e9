//! Two processes that authenticate to each other, each on a library and with plugins of its own: `tests/c/peer.c`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

use crate::cc;
use crate::rig::base::{Library, make_sasldb, run};

/// Where Debian puts plugins.
pub const DEBIAN: &str = "/usr/lib/x86_64-linux-gnu/sasl2";

/// The name of every server, and the realm of its users.
pub const HOST: &str = "host.example.com";

/// The compiled program.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = cc::scratch("peer").join("peer");
        let mut compiler = Command::new("gcc");
        compiler.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-o"]);
        cc::run(compiler.arg(&program).arg(cc::c_dir().join("peer.c")).arg("-lsasl2"));
        program
    })
}

/// One end: its library, what it is told, and programs that it runs below.
#[derive(Clone)]
pub struct End {
    pub library: Library,
    pub told: Vec<String>,
    pub below: &'static [&'static str],
}

impl End {
    /// An end on a library, with Debian's plugins.
    pub fn new(library: &Library) -> End {
        End { library: library.clone(), told: vec![format!("path={DEBIAN}")], below: &[] }
    }

    /// Told these as well; a later one for the same name counts.
    pub fn with(mut self, told: &[&str]) -> End {
        self.told.extend(told.iter().map(|line| (*line).to_owned()));
        self
    }

    fn command(&self, side: &str, mechanism: &str) -> Command {
        let mut command = Command::new("timeout");
        command.arg("120").args(self.below).arg(program()).args([side, mechanism]).args(&self.told).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/bin").env("USER", "tester").env("SASL_CONF_PATH", "/nonexistent");
        command.env("LDAPNOINIT", "1");
        if let Some(dir) = &self.library.dir {
            command.env("LD_LIBRARY_PATH", dir);
        }
        command
    }
}

/// What one end said.
#[derive(Debug)]
pub struct Said {
    pub status: Option<i32>,
    pub lines: Vec<String>,
}

impl Said {
    /// The rest of the first line that begins so.
    pub fn value(&self, label: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(label))
    }

    /// The file in which a mechanism or a store is.
    pub fn file_of(&self, name: &str) -> &str {
        self.value(&format!("code of {name} in ")).unwrap_or_default()
    }

    /// Whether a line holds this.
    pub fn has(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

/// What both said.
#[derive(Debug)]
pub struct Talk {
    pub server: Said,
    pub client: Said,
}

impl Talk {
    /// Both ends agree that this user is in, on the strength of the layer, and text went through it both ways.
    pub fn expect(&self, user: &str, ssf: u32) {
        let ssf = ssf.to_string();
        for end in [&self.server, &self.client] {
            assert_eq!((end.status, end.value("ssf ")), (Some(0), Some(&*ssf)), "{self:#?}");
            assert!(end.has("text carried"), "{self:#?}");
        }
        assert_eq!(self.server.value("user "), Some(user), "{self:#?}");
    }

    /// The server let nobody in.
    pub fn expect_refusal(&self) {
        assert_eq!(self.server.status, Some(1), "{self:#?}");
        assert!(!self.server.has("text carried"), "{self:#?}");
    }
}

/// Lets two ends talk.
pub fn talk(mechanism: &str, server: &End, client: &End) -> Talk {
    let mut serving = start(server.command("server", mechanism).stdin(Stdio::piped()).stdout(Stdio::piped()));
    let (to, from) = (serving.child.stdin.take().expect("stdin"), serving.child.stdout.take().expect("stdout"));
    let asking = start(client.command("client", mechanism).stdin(from).stdout(to));
    let client = asking.end();
    Talk { server: serving.end(), client }
}

struct Running {
    child: Child,
    errors: JoinHandle<Vec<u8>>,
}

fn start(command: &mut Command) -> Running {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stderr = child.stderr.take().expect("stderr");
    let errors = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).expect("stderr");
        text
    });
    Running { child, errors }
}

impl Running {
    fn end(mut self) -> Said {
        let status = self.child.wait().expect("wait").code();
        let text = String::from_utf8_lossy(&self.errors.join().expect("reader")).into_owned();
        Said { status, lines: text.lines().map(str::to_owned).collect() }
    }
}

/// A password database with alice, whose password is `secret`, made by a library's `saslpasswd2`.
pub fn database(library: &Library, file: &Path) -> String {
    make_sasldb(library, file, HOST, &[("alice", "secret")]);
    format!("sasldb_path={}", file.display())
}

/// One that holds the password itself, which is what some mechanisms need.
pub fn plaintext_database(library: &Library, dir: &Path) -> String {
    let file = dir.join("plaintext");
    let config = format!("sasldb_path: {}\npassword_storage: plaintext\n", file.display());
    std::fs::write(dir.join("saslpasswd.conf"), config).expect("configuration");
    let mut passwd = library.command("/usr/sbin/saslpasswd2");
    passwd.args(["-p", "-c", "-u", HOST, "alice"]).env("SASL_CONF_PATH", dir);
    let made = run(&mut passwd, b"secret");
    assert!(made.status.success(), "{made:?}");
    format!("sasldb_path={}", file.display())
}
