//! The driver, compiled once, and started on either library.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::library;

const STOCK_PLUGINS: &str = "/usr/lib/x86_64-linux-gnu/sasl2";
const USUAL: &[&str] = &["anonymous", "crammd5", "digestmd5", "login", "plain", "scram", "sasldb"];
const KERBEROS: &[&str] = &["gssapiv2", "gs2"];

/// Which library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Stock,
    Ours,
}

/// A directory of this program's own below the target directory.
pub fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential").join(name)
}

/// The compiled driver.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/driver");
        let mut files: Vec<PathBuf> = fs::read_dir(&sources)
            .expect("the driver's sources")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
            .collect();
        files.sort();
        let made = place("driver");
        fs::create_dir_all(place("")).expect("the target directory can be written");
        let output = Command::new("gcc")
            .args(["-std=gnu11", "-O1", "-g", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wno-cast-function-type"])
            .args(["-Wno-format-truncation", "-Werror", "-o"])
            .arg(&made)
            .args(files)
            .arg("-lsasl2")
            .output()
            .expect("gcc runs (Debian packages: gcc, libsasl2-dev)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        made
    })
}

/// A fresh directory of the plugins that do what ours has built in.
fn plugins(directory: &Path, realm: bool) {
    fs::create_dir_all(directory).expect("a directory can be made");
    for name in USUAL.iter().chain(KERBEROS.iter().filter(|_| realm)) {
        let file = format!("lib{name}.so");
        symlink(Path::new(STOCK_PLUGINS).join(&file), directory.join(file)).expect("a link can be made");
    }
}

/// A driver that is ready to be started in directories of its own.
pub struct Driver {
    directory: PathBuf,
    realm: Option<Vec<(String, String)>>,
}

impl Driver {
    /// `name` tells this one's directories from those of others; `realm` is the environment of a Kerberos realm, without which
    /// both libraries run as on a machine without Kerberos.
    pub fn new(name: &str, realm: Option<Vec<(String, String)>>) -> Driver {
        let directory = place(name);
        if directory.exists() {
            fs::remove_dir_all(&directory).expect("the directory of the last run can be removed");
        }
        plugins(&directory.join("plugins"), realm.is_some());
        for name in ["none", "conf", "without-kerberos", "stock", "ours"] {
            fs::create_dir_all(directory.join(name)).expect("a directory can be made");
        }
        // The loader looks here first, and finds no library in it.
        fs::write(directory.join("without-kerberos/libgssapi_krb5.so.2"), "").expect("a file can be made");
        binary();
        Driver { directory, realm }
    }

    /// Carries out a script, and gives what was printed. The stock library's place may be taken by ours or the other way round
    /// with `OXISASL_RIG_LIBRARY=stock`.
    pub fn run(&self, side: Side, options: &[&str], script: &str) -> String {
        let ours = (side == Side::Ours).then(library::ours).flatten();
        let own = self.directory.join(if side == Side::Ours { "ours" } else { "stock" });
        let mut command = Command::new(binary());
        command.args(options).current_dir(own).env_clear().env("PATH", "/usr/bin:/bin").env("USER", "tester");
        command.env("SASL_CONF_PATH", self.directory.join("conf"));
        command.env("SASL_PATH", self.directory.join(if ours.is_some() { "none" } else { "plugins" }));
        if let Some(library) = ours {
            let hidden = if self.realm.is_some() { "none" } else { "without-kerberos" };
            let hidden = self.directory.join(hidden);
            command.env("LD_LIBRARY_PATH", format!("{}:{}", hidden.display(), library.display()));
        }
        for (name, value) in self.realm.iter().flatten() {
            command.env(name, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the driver starts");
        let mut input = child.stdin.take().expect("its input");
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A driver that ends early shows in its output.
                let _ = input.write_all(script.as_bytes());
            });
            child.wait_with_output().expect("the driver ends")
        });
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
