//! Sendmail built from Debian's source package against chosen SASL headers and a chosen library.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::base::{Library, must, repository};
use super::client::{Hash, hex};

/// The lines of `devtools/Site/site.config.m4` that an administrator writes, as Sendmail's own documentation has them.
const SITE: &str = "APPENDDEF(`confENVDEF', `-DSASL=2')\nAPPENDDEF(`conf_sendmail_LIBS', `-lsasl2')\n";

/// The lines of the classic recipe. Berkeley DB 5 makes Sendmail ask for HASFLOCK.
const CLASSIC_SITE: &str = "APPENDDEF(`confENVDEF', `-DSASL -DHASFLOCK=1')
APPENDDEF(`conf_sendmail_LIBS', `-lsasl')
APPENDDEF(`confLIBDIRS', `-L@PREFIX@/lib')
APPENDDEF(`confINCDIRS', `-I@PREFIX@/include/sasl1')
APPENDDEF(`confMAPDEF', `-DNEWDB')
APPENDDEF(`confLIBS', `-ldb')
";

/// A finished build.
pub struct Built {
    pub binary: PathBuf,
    /// All that the compiler and the linker said.
    pub log: String,
}

/// Builds Sendmail, or takes it from an earlier run: the build is kept in target/rig under a hash of the headers.
///
/// `include` holds `sasl/sasl.h`; none stands for the system's. Where it is given, the system's headers are hidden from
/// the compiler, so that none of them can slip in.
pub fn build(include: Option<&Path>, library: &Library) -> PathBuf {
    let headers = include.unwrap_or(Path::new("/usr/include")).join("sasl");
    let mut site = String::from(SITE);
    if let Some(include) = include {
        site += &format!("APPENDDEF(`confINCDIRS', `-I{}')\n", include.display());
    }
    if library.dir.is_some() {
        // The linker looks for libsasl2.so, which a library directory need not have. Which file that is, is not part of
        // the build: it needs only the names.
        let link = repository("target/rig").join(format!("link-{}", library.name));
        fs::create_dir_all(&link).expect("link directory");
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let new = link.join(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        symlink(library.file(), &new).and_then(|()| fs::rename(&new, link.join("libsasl2.so"))).expect("link");
        site += &format!("APPENDDEF(`confLIBDIRS', `-L{}')\n", link.display());
    }
    compile(&library.name, &site, &headers, include.is_some()).binary
}

/// Builds Sendmail by the classic recipe from what `make install` has put below `prefix`; the build is kept likewise.
pub fn build_classic(prefix: &Path) -> Built {
    let site = CLASSIC_SITE.replace("@PREFIX@", &prefix.display().to_string());
    compile("classic", &site, &prefix.join("include/sasl1"), true)
}

/// Builds it with this `site.config.m4`. `hide` hides the system's SASL headers.
fn compile(name: &str, site: &str, headers: &Path, hide: bool) -> Built {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let source = repository("target/rig/sendmail-source");
    assert!(source.join("ready").exists(), "Sendmail's source is not there: run scripts/packages.sh check");

    let dir = repository("target/rig/built").join(format!("{name}-{}", digest(site, headers)));
    let binary = dir.join("sendmail.built");
    let log = dir.join("build.log");
    let read_log = || String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    if binary.exists() {
        return Built { binary, log: read_log() };
    }
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("build directory");
    must(Command::new("cp").arg("-a").arg(source.join(".")).arg(&dir));
    fs::write(dir.join("devtools/Site/site.config.m4"), site).expect("site.config.m4");

    const SCRIPT: &str = "
        set -e
        if [ -n \"$1\" ] && [ -d /usr/include/sasl ]; then mount -t tmpfs none /usr/include/sasl; fi
        for part in libsm libsmutil sendmail; do (cd $part && sh ./Build); done >build.log 2>&1 || { cat build.log; exit 1; }
    ";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "build", if hide { "hide" } else { "" }]).current_dir(&dir);
    must(&mut command);
    let built = must(Command::new("sh").args(["-c", "echo obj.*/sendmail/sendmail"]).current_dir(&dir));
    // Renamed last: a build that was cut short is not taken for a finished one.
    fs::rename(dir.join(built.trim()), &binary).expect("the binary");
    Built { binary, log: read_log() }
}

/// A hash of the build's settings and of the names and contents of the headers.
fn digest(site: &str, headers: &Path) -> String {
    let entries = fs::read_dir(headers).unwrap_or_else(|e| panic!("{}: {e}", headers.display()));
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("header").path()).collect();
    files.sort();
    let mut all = site.as_bytes().to_vec();
    for file in files {
        all.extend(file.file_name().expect("name").as_encoded_bytes());
        all.extend(fs::read(file).expect("header"));
    }
    hex(&Hash::Sha256.digest(&all)[..8])
}
