//! `make install` into a folder, and C programs that are built with what it put there: shared and static.

#[path = "support/cc.rs"]
mod cc;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

const LIBDIR: &str = "/usr/lib/x86_64-linux-gnu";

/// A library as it is installed: its name, its soname, the file that holds it, and the program that shows that it works.
struct Installed {
    name: &'static str,
    soname: &'static str,
    file: &'static str,
    headers: &'static str,
    program: &'static str,
    last_line: &'static str,
}

const LIBRARIES: [Installed; 2] = [
    Installed {
        name: "libsasl2",
        soname: "libsasl2.so.2",
        file: "libsasl2.so.2.0.25",
        headers: "usr/include/sasl/saslplug.h",
        program: "c/smoke.c",
        last_line: "ok: done\n",
    },
    Installed {
        name: "libsasl",
        soname: "libsasl.so.7",
        file: "libsasl.so.7.1.11",
        headers: "usr/include/sasl1/saslplug.h",
        program: "c1/smoke.c",
        last_line: "all is well\n",
    },
];

/// One at a time: what is built is put in one place before it is installed.
static TURN: Mutex<()> = Mutex::new(());

fn make(target: &str, root: &Path, more: &[&str]) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut make = Command::new("make");
    make.current_dir(env!("CARGO_MANIFEST_DIR")).args(["--silent", target, "PREFIX=/usr"]);
    make.arg(format!("LIBDIR={LIBDIR}"))
        .arg(format!("DESTDIR={}", root.display()))
        .arg(format!("CARGO={}", env!("CARGO")));
    cc::run(make.args(more));
}

/// What pkg-config says, looking at nothing but the installation.
fn flags(root: &Path, library: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_LIBDIR", root.join(&LIBDIR[1..]).join("pkgconfig"));
    command.env("PKG_CONFIG_SYSROOT_DIR", root).env_remove("PKG_CONFIG_PATH").args(arguments).arg(library);
    cc::run(&mut command).split_whitespace().map(str::to_owned).collect()
}

/// Every file and link below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn what_is_installed_builds_and_runs_programs() {
    let root = cc::scratch("install-root");
    make("install", &root, &[]);
    let libraries = root.join(&LIBDIR[1..]);
    for Installed { name, soname, file, headers, program, last_line } in LIBRARIES {
        let dir = cc::scratch("install-programs");
        let source = cc::c_dir().parent().expect("a folder of folders").join(program);
        assert!(root.join(headers).exists(), "{headers}");
        assert_eq!(fs::read_link(libraries.join(soname)).expect("a link"), Path::new(file));
        assert_eq!(fs::read_link(libraries.join(format!("{name}.so"))).expect("a link"), Path::new(soname));

        let shared = dir.join("shared");
        let both = flags(&root, name, &["--cflags", "--libs"]);
        cc::run(Command::new("gcc").arg(&source).args(both).arg("-o").arg(&shared));
        let needed = cc::run(Command::new("readelf").arg("-dW").arg(&shared));
        assert!(needed.contains(&format!("[{soname}]")), "{needed}");
        let output = cc::run(Command::new(&shared).env("LD_LIBRARY_PATH", &libraries));
        assert!(output.ends_with(last_line), "{output}");

        let contained = dir.join("contained");
        let cflags = flags(&root, name, &["--cflags"]);
        let archive = libraries.join(format!("{name}.a"));
        let private = ["-lgcc_s", "-lc"];
        cc::run(Command::new("gcc").arg(&source).args(cflags).arg(archive).args(private).arg("-o").arg(&contained));
        let needed = cc::run(Command::new("readelf").arg("-dW").arg(&contained));
        assert!(!needed.contains(name), "{needed}");
        let output = cc::run(&mut Command::new(&contained));
        assert!(output.ends_with(last_line), "{output}");
    }
    make("uninstall", &root, &[]);
    assert_eq!(files(&root), Vec::<PathBuf>::new());
}

/// Whoever has programs that look for `<sasl.h>` elsewhere puts it there.
#[test]
fn the_headers_of_1_5_go_where_they_are_wanted() {
    let root = cc::scratch("install-elsewhere");
    let chosen = ["SASL1_INCLUDEDIR=/opt/sasl/include"];
    make("install", &root, &chosen);
    let include = root.join("opt/sasl/include");
    assert!(include.join("sasl.h").exists() && !root.join("usr/include/sasl1").exists());
    assert_eq!(flags(&root, "libsasl", &["--cflags"]), [format!("-I{}", include.display())]);
    assert_eq!(flags(&root, "libsasl", &["--modversion"]), ["1.5.28"]);
    make("uninstall", &root, &chosen);
    assert_eq!(files(&root), Vec::<PathBuf>::new());
}
