//! A private system with accounts, PAM services and a site that checks passwords there.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::base::{Library, run};
use super::sandbox::Sandbox;
use super::saslauthd::{Checked, program};

/// The password of every account.
pub const PASSWORD: &str = "tr0ub4dor";

/// Its hash in each scheme that Debian's crypt knows.
pub const HASHES: &[(&str, &str)] = &[
    ("yescrypt", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$T3y0xj7OIxO.BIGm62wli8ka0By.uBfKCId3pXmiCm9"),
    ("sha512", "$6$saltsalt$Z08MM/rAz/aol6EOnr76D823.Y1I5Sd6OU9bhHqkxXoMlLP04PPZVyy2VTPy0/nQHMTrAznuA5vMk3lldMGxp1"),
    ("sha256", "$5$saltsalt$Tq8fECYEKNLyxgyXhountsvrxSSJa/t9ShDgkZjeGm3"),
    ("bcrypt", "$2b$05$abcdefghijklmnopqrstuuG46VdGlZM7MD48578yjdzjFxYU4ZcC2"),
    ("md5", "$1$saltsalt$NNJS0hmvzmU7tiYA/gB/R/"),
    ("des", "abvH1ziK7/mxU"),
];

/// The hash of [`PASSWORD`] in this scheme.
pub fn hash(scheme: &str) -> &'static str {
    HASHES.iter().find(|(name, _)| *name == scheme).expect(scheme).1
}

/// Adds lines to a file of the private `/etc`.
pub fn append(sandbox: &Sandbox, name: &str, text: &str) {
    let path = sandbox.dir.join("etc").join(name);
    let file = fs::OpenOptions::new().append(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

/// An account with this shadow entry: the password field, and the last day (empty for none).
pub fn add(sandbox: &Sandbox, name: &str, hash: &str, last_day: &str) {
    append(sandbox, "passwd", &format!("{name}:x:4242:4242::/nonexistent:/bin/sh\n"));
    append(sandbox, "shadow", &format!("{name}:{hash}:19000:0:99999:7::{last_day}:\n"));
}

/// Accounts for what there is to refuse: `carol` may come in, with a hash of Debian's kind.
pub fn usual(sandbox: &Sandbox) {
    let good = hash("yescrypt");
    add(sandbox, "carol", good, "");
    for (name, hash, last_day) in [
        ("locked", &*format!("!{good}"), ""),
        ("starred", &*format!("*{good}"), ""),
        ("expired", good, "19000"),
        ("lasting", good, "99999"),
        ("empty", "", ""),
        ("none", "*", ""),
        ("never", "!", ""),
        ("odd", "$99$unknown$scheme", ""),
    ] {
        add(sandbox, name, hash, last_day);
    }
}

/// A site that checks passwords, with the program `checkpass` on a library.
pub struct Site {
    pub sandbox: Sandbox,
    library: Library,
}

impl Site {
    /// With the [`usual`] accounts; `conf` is the application's configuration file.
    pub fn new(library: &Library, conf: &str) -> Site {
        let sandbox = Sandbox::new("accounts", "host.rig.test");
        sandbox.dir.dir("conf");
        usual(&sandbox);
        let site = Site { sandbox, library: library.clone() };
        site.configure(conf);
        site
    }

    /// Another configuration file.
    pub fn configure(&self, conf: &str) {
        self.sandbox.dir.write("conf/checkpass.conf", conf);
    }

    /// The file of a PAM service.
    pub fn service(&self, name: &str, text: &str) {
        self.sandbox.dir.write(&format!("etc/pam.d/{name}"), text);
    }

    /// A command on the library, which finds the site's configuration.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.sandbox.command(&self.library, program);
        command.env("SASL_CONF_PATH", self.sandbox.dir.join("conf"));
        command
    }

    /// Runs a command that ends with `checkpass` and its arguments.
    pub fn checked(&self, command: &mut Command) -> Checked {
        let start = Instant::now();
        let ran = run(command, b"");
        assert!(ran.status.success(), "{ran:?}");
        Checked::read(&ran, start.elapsed())
    }

    /// Asks about a password, as the service `smtp`.
    pub fn check(&self, user: &str, password: &str) -> Checked {
        self.checked(self.command(program()).args([user, password, "", "smtp"]))
    }

    /// Asks as this user and group of the system.
    pub fn check_as(&self, uid: u32, user: &str, password: &str) -> Checked {
        let ids = [format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()];
        self.checked(self.command("setpriv").args(ids).arg(program()).args([user, password, "", "smtp"]))
    }

    /// Asks on a system where this file has nothing in it.
    pub fn check_without(&self, file: &Path, user: &str, password: &str) -> Checked {
        const SCRIPT: &str = "mount --bind /dev/null \"$1\" || exit 126; shift; exec \"$@\"";
        let mut command = self.command("sh");
        self.checked(command.args(["-c", SCRIPT, "sh"]).arg(file).arg(program()).args([user, password, "", "smtp"]))
    }
}
