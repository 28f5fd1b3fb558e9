//! Sendmail, Postfix and OpenLDAP compile against our headers, and to the very same object code as against the stock
//! ones: for them, the two sets of headers are one.

#[path = "support/cc.rs"]
mod cc;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A package, how its tree is made ready, and how its files that use SASL are compiled.
struct Program {
    package: &'static str,
    prepare: &'static str,
    flags: &'static [&'static str],
    files: &'static [&'static str],
}

const PROGRAMS: [Program; 3] = [
    Program {
        package: "sendmail",
        prepare: "cp include/sm/os/sm_os_linux.h include/sm_os.h",
        flags: &["-DSASL=2", "-Iinclude", "-Isendmail", "-Ilibsm"],
        files: &[
            "sendmail/conf.c",
            "sendmail/deliver.c",
            "sendmail/main.c",
            "sendmail/readcf.c",
            "sendmail/sasl.c",
            "sendmail/sfsasl.c",
            "sendmail/srvrsmtp.c",
            "sendmail/usersmtp.c",
        ],
    },
    Program {
        package: "postfix",
        prepare: "true",
        flags: &[
            "-DUSE_SASL_AUTH",
            "-DUSE_CYRUS_SASL",
            "-DLINUX5",
            "-DNO_NIS",
            "-DNO_EAI",
            "-DNO_DB",
            "-Isrc/util",
            "-Isrc/global",
            "-Isrc/xsasl",
        ],
        files: &[
            "src/xsasl/xsasl_cyrus_client.c",
            "src/xsasl/xsasl_cyrus_log.c",
            "src/xsasl/xsasl_cyrus_security.c",
            "src/xsasl/xsasl_cyrus_server.c",
        ],
    },
    Program {
        package: "openldap",
        prepare: "./configure --quiet --with-cyrus-sasl --enable-spasswd --without-tls --enable-null --disable-mdb \
                  --disable-relay && make --quiet -C include",
        flags: &["-DLDAP_LIBRARY", "-Iinclude", "-Iservers/slapd"],
        files: &["libraries/libldap/cyrus.c", "servers/slapd/sasl.c"],
    },
];

#[test]
fn mail_and_directory_servers_compile_to_the_same_code() {
    let archives = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sources");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fetch-sources.sh");
    cc::run(Command::new(script).arg(&archives).args(PROGRAMS.map(|p| p.package)));

    for program in PROGRAMS {
        let tree = unpack(&archives, program.package);
        cc::run(Command::new("sh").args(["-ec", program.prepare]).current_dir(&tree).env("CFLAGS", "-O1"));
        for file in program.files {
            // Postfix asks for <sasl.h>, the others for <sasl/sasl.h>.
            let compile = |name: &str, include: &Path| -> Vec<u8> {
                let object = tree.join(name);
                let depend = tree.join("depend");
                let mut command = Command::new("gcc");
                command.current_dir(&tree).args(["-O1", "-w", "-c", "-MD", "-MF"]).arg(&depend);
                command.arg("-I").arg(include).arg("-I").arg(include.join("sasl")).args(program.flags);
                cc::run(command.arg("-o").arg(&object).arg(file));
                let depend = fs::read_to_string(depend).unwrap();
                let used: BTreeSet<_> = depend.split_whitespace().filter(|w| w.ends_with("/sasl.h")).collect();
                assert_eq!(used, BTreeSet::from([include.join("sasl/sasl.h").to_str().unwrap()]), "{file}");
                fs::read(object).unwrap()
            };
            let stock = compile("stock.o", Path::new("/usr/include"));
            assert!(compile("ours.o", &cc::include_dir()) == stock, "{}: {file}: other code", program.package);
        }
    }
}

/// Unpacks the archive of a package; gives the folder of its source.
fn unpack(archives: &Path, package: &str) -> PathBuf {
    let archive = fs::read_dir(archives)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(&format!("{package}_")) && name.contains(".orig.tar.") && !name.ends_with(".asc")
        })
        .unwrap_or_else(|| panic!("no archive of {package} in {}", archives.display()));
    let tree = cc::scratch(package);
    cc::run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&tree).arg("--strip-components=1"));
    tree
}
