//! Valgrind watches programs on our library: the C programs of `tests/c`, the sample pair, and a login at Postfix and at slapd.
//! A few of them unless `OXISASL_SOAK` is set, which `make soak` does.

mod rig;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rig::base::{Library, PATIENCE, TempDir, make_sasldb, must, repository, wait_until};
use rig::postfix::{AUXPROP, Postfix};
use rig::sample_smtp::Smtp;
use rig::samples::Pair;
use rig::slapd::Slapd;
use rig::{postfix, slapd};

const PASSWORD: &str = "correct horse";
const MECHANISMS: [&str; 9] = [
    "SCRAM-SHA-256",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-224",
    "SCRAM-SHA-384",
    "SCRAM-SHA-512",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
];

fn is_soak() -> bool {
    std::env::var_os("OXISASL_SOAK").is_some()
}

/// The mechanisms to try: two that have most to them, or all.
fn mechanisms() -> &'static [&'static str] {
    &MECHANISMS[..if is_soak() { MECHANISMS.len() } else { 2 }]
}

/// Where valgrind writes what it finds, a file for each process.
struct Reports(TempDir);

impl Reports {
    fn new() -> Reports {
        Reports(TempDir::new("memory"))
    }

    /// Valgrind's command line, without the program.
    fn valgrind(&self) -> Vec<String> {
        let log = format!("--log-file={}/%p", self.0.path().display());
        let words = ["valgrind", "--vgdb=no", "--num-callers=40", "--trace-children=yes", &log];
        let leaks = ["--leak-check=full", "--show-leak-kinds=definite"];
        words.iter().chain(&leaks).map(|word| (*word).to_owned()).collect()
    }

    /// How many processes have come to their end.
    fn finished(&self) -> usize {
        self.texts().iter().filter(|text| text.contains("ERROR SUMMARY:")).count()
    }

    fn texts(&self) -> Vec<String> {
        let files = fs::read_dir(self.0.path()).expect("the reports");
        files.map(|file| String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into_owned()).collect()
    }

    /// Panics with the errors and leaks that are ours.
    fn assert_clean(&self) {
        assert!(self.finished() > 0, "valgrind has written no summary");
        let texts = self.texts();
        let found: Vec<String> = texts.iter().flat_map(|text| blocks(text)).filter(|block| is_ours(block)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// Whether it happened in a function of ours, or in one of a library that ours called. What a callback or a plugin allocates
/// is theirs to free.
fn is_ours(block: &str) -> bool {
    let ours = |line: &&str| ["oxisasl", "libsasl2", "sasl2::"].iter().any(|name| line.contains(name));
    let program =
        |line: &&str| ["/sbin/", "/bin/", "/postfix/", "/sasl2/", "(abi_"].iter().any(|place| line.contains(place));
    let first = block.lines().position(|line| ours(&line));
    first.is_some_and(|first| !block.lines().take(first).any(|line| program(&line)))
}

/// The errors of a report: what is said with a stack behind it.
fn blocks(report: &str) -> Vec<String> {
    let mut blocks: Vec<String> = vec![String::new()];
    for line in report.lines() {
        // ==PID== TEXT
        let text = line.splitn(3, "==").nth(2).unwrap_or_default();
        match (text.trim().is_empty(), blocks.last_mut()) {
            (false, Some(block)) => *block += &format!("{text}\n"),
            _ => blocks.push(String::new()),
        }
    }
    blocks.into_iter().filter(|block| block.contains("   at 0x")).collect()
}

/// `tests/c/abi_*.c`, but for those about Kerberos, which `tests/gssapi` watches.
fn programs() -> Vec<String> {
    let few = ["abi_life", "abi_state", "abi_prophold"];
    let mut names: Vec<String> = fs::read_dir(repository("tests/c"))
        .expect("the sources")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".c")?.to_owned()))
        .filter(|name| name.starts_with("abi_") && !name.starts_with("abi_gss"))
        .filter(|name| is_soak() || few.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

fn compile(name: &str, directory: &Path) -> PathBuf {
    let program = directory.join(name);
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-g", "-Wno-cast-function-type", "-o"]).arg(&program);
    must(compiler.arg(repository("tests/c").join(name).with_extension("c")).args(["-lsasl2", "-lpthread"]));
    program
}

#[test]
fn c_programs() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let names = programs();
    assert!(names.len() >= 3);
    for name in names {
        let (reports, own) = (Reports::new(), TempDir::new("memory-program"));
        let program = compile(&name, own.path());
        let (plugins, conf) = (own.dir("none"), own.dir("conf"));
        let valgrind = reports.valgrind();
        let mut command = library.command("timeout");
        command.arg("600").args(valgrind).arg(program).current_dir(own.path());
        command.env("USER", "tester").env("SASL_PATH", plugins).env("SASL_CONF_PATH", conf);
        must(&mut command);
        eprintln!("{name}");
        reports.assert_clean();
    }
}

#[test]
fn the_sample_pair() {
    let library = Library::under_test();
    let (reports, dir) = (Reports::new(), TempDir::new("memory-samples"));
    let database = dir.join("sasldb2");
    make_sasldb(&library, &database, "host.rig.test", &[("alice", PASSWORD)]);
    dir.write(
        "sample.conf",
        format!("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\n", database.display()),
    );
    let (path, valgrind) = (dir.path().to_string_lossy(), reports.valgrind());
    let below: Vec<&str> = valgrind.iter().map(String::as_str).collect();
    for mechanism in mechanisms() {
        for password in [PASSWORD, "wrong"] {
            let pair = Pair {
                server: &library,
                client: &library,
                server_args: &["-s", "smtp", "-d", "host.rig.test", "-m", mechanism],
                client_args: &["-s", "smtp", "-n", "host.rig.test", "-m", mechanism, "-a", "alice", "-u", "alice"],
                env: &[("SASL_CONF_PATH", &path)],
                password,
            };
            let exchange = pair.run_below(&below);
            assert_eq!(exchange.succeeded(), password == PASSWORD, "{mechanism}: {exchange:#?}");
        }
    }
    reports.assert_clean();
}

#[test]
fn a_login_at_postfix() {
    let reports = Reports::new();
    let mut valgrind = reports.valgrind();
    let others = ["qmgr", "pickup", "cleanup", "trivial-rewrite", "anvil", "postlogd", "proxymap", "virtual", "bounce"];
    valgrind.push(format!("--trace-children-skip={}", others.map(|name| format!("*/{name}")).join(",")));
    let below: Vec<&str> = valgrind.iter().map(String::as_str).collect();
    // Each process serves one client and ends: only then does valgrind look for leaks.
    let settings = postfix::Settings {
        sasl: AUXPROP,
        main: "max_use = 1\n",
        users: &[("alice", PASSWORD)],
        below: &below,
        ..postfix::Settings::default()
    };
    let postfix = Postfix::start(&Library::under_test(), &settings);
    for mechanism in mechanisms() {
        for (password, code) in [(PASSWORD, 235), ("wrong", 535)] {
            let mut smtp = Smtp::connect(postfix.port);
            smtp.ehlo();
            assert_eq!(smtp.auth(&Library::stock(), mechanism, "alice", password).code, code, "{mechanism}");
            assert_eq!(smtp.command("QUIT").code, 221);
        }
    }
    let logins = 2 * mechanisms().len();
    assert!(wait_until(4 * PATIENCE, || reports.finished() >= logins), "{:#?}", reports.texts());
    reports.assert_clean();
}

#[test]
fn a_login_at_slapd() {
    let (reports, library) = (Reports::new(), Library::under_test());
    let valgrind = reports.valgrind();
    let below: Vec<&str> = valgrind.iter().map(String::as_str).collect();
    let entries = "dn: uid=bob,ou=people,dc=rig,dc=test\nobjectClass: inetOrgPerson\nuid: bob\ncn: Bob\nsn: B\n\
                   userPassword: correct horse\n\n";
    let settings = slapd::Settings { entries, below: &below, ..slapd::Settings::default() };
    let mut slapd = Slapd::start(&library, &settings, |_| ());
    for mechanism in mechanisms().iter().filter(|mechanism| !matches!(**mechanism, "PLAIN" | "LOGIN")) {
        for (password, code) in [(PASSWORD, 0), ("wrong", 49)] {
            let who = slapd.who_am_i(&Library::stock(), &["-Y", mechanism, "-U", "bob", "-w", password]);
            assert_eq!(who.code, Some(code), "{mechanism}: {who:?}");
        }
    }
    slapd.end();
    reports.assert_clean();
}

/// What is looked for in reports is found in one: the test of the tests.
#[test]
fn an_error_and_a_leak_are_found() {
    let own = TempDir::new("memory-bad");
    let text = "#include <stdlib.h>\nvoid *oxisasl_lost;\nint main(void) { int *p = malloc(4); int bad = p[0]; \
                oxisasl_lost = malloc(9); oxisasl_lost = 0; if (bad) exit(0); free(p); return 0; }\n";
    let (source, program) = (own.write("oxisasl_bad.c", text), own.join("bad"));
    must(Command::new("gcc").args(["-g", "-O0", "-w", "-o"]).arg(&program).arg(source));
    let reports = Reports::new();
    let valgrind = reports.valgrind();
    must(Command::new(&valgrind[0]).args(&valgrind[1..]).arg(&program));
    let found: Vec<String> = reports.texts().iter().flat_map(|text| blocks(text)).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("uninitialised") && found[1].contains("definitely lost"), "{found:#?}");
    assert!(found.iter().all(|block| is_ours(block)));
    let callback = "   at 0x1: malloc (in /usr/libexec/valgrind/x.so)\n   by 0x2: ??? (in /usr/sbin/slapd)\n\
                    \x20  by 0x3: oxisasl::x (x.rs:1)\n";
    assert!(!is_ours(callback));
}
