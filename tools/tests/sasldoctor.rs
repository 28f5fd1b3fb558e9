//! `sasldoctor` names the cause of what people complain about most, and shows no secret.

mod common;

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;

use common::base::{Library, Ran, TempDir, run, set_mode};
use common::pty::Pty;
use common::sandbox::Sandbox;
use common::{SASLDOCTOR, SASLPASSWD2};
use serde_json::Value;

/// A machine as far as the doctor looks at it: a configuration, and what it names.
struct Clinic {
    dir: TempDir,
}

impl Clinic {
    /// `conf` is the configuration of smtpd; `@DIR@` stands for the directory.
    fn new(conf: &str) -> Clinic {
        let clinic = Clinic { dir: TempDir::new("doctor") };
        set_mode(clinic.dir.path(), 0o755);
        clinic.dir.write("smtpd.conf", clinic.fill(conf));
        clinic
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@DIR@", self.path("").trim_end_matches('/'))
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().expect("a path of text").to_owned()
    }

    fn database(&self) -> PathBuf {
        self.dir.join("sasldb2")
    }

    fn user(&self, name: &str, realm: &str, password: &str) {
        let mut command = Command::new(SASLPASSWD2);
        command
            .arg("-f")
            .arg(self.database())
            .args(["-p", "-c", "-u", realm, name])
            .env("SASL_CONF_PATH", "/nonexistent");
        assert!(run(&mut command, password.as_bytes()).status.success());
        set_mode(&self.database(), 0o640);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SASLDOCTOR);
        command.args(["--app", "smtpd", "--no-confinement", "--conf-path", &self.path(""), "--host", "rig.test"]);
        command.args(arguments).env_remove("KRB5_KTNAME");
        command
    }

    fn examine(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments), b"")
    }

    /// Examines, and finds the cause: a finding of this grade that has all these words, in it or its advice.
    fn finds(&self, arguments: &[&str], grade: &str, words: &[&str]) {
        let ran = run(&mut self.command(&[arguments, &["--json"]].concat()), b"");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let sections = report["sections"].as_array().expect("sections");
        let findings = sections.iter().flat_map(|section| section["findings"].as_array().expect("findings"));
        let fits = |finding: &&Value| {
            let text = format!("{} {}", finding["text"], finding["advice"]);
            finding["grade"] == grade && words.iter().all(|word| text.contains(&self.fill(word)))
        };
        assert!(
            findings.clone().any(|finding| fits(&finding)),
            "{grade} {words:?}: {}",
            self.examine(arguments).stdout
        );
        let problems = findings.filter(|finding| finding["grade"] == "problem").count();
        assert_eq!(report["problems"], problems, "{report}");
        assert_eq!(ran.status.code(), Some(if problems == 0 { 0 } else { 2 }), "{ran:?}");
    }
}

const SASLDB: &str = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @DIR@/sasldb2\n";

#[test]
fn a_healthy_program_has_no_problem() {
    let clinic = Clinic::new(SASLDB);
    clinic.user("anna", "rig.test", "a word");
    let mut command = clinic.command(&["--user-to-test", "anna", "--password"]);
    let ran = run(&mut command, b"a word\n");
    assert_eq!(ran.status.code(), Some(0), "{}", ran.stdout);
    for expected in
        ["smtpd.conf is read", "anna@rig.test is there", "the password is right", "no problems, no warnings"]
    {
        assert!(ran.stdout.contains(expected), "{expected}: {}", ran.stdout);
    }
    let gets_in = ran.stdout.lines().find(|line| line.contains("anna gets in by ")).expect("a line");
    for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "DIGEST-MD5", "CRAM-MD5", "PLAIN", "LOGIN"] {
        assert!(gets_in.contains(mechanism), "{gets_in}");
    }
    let wrong = run(&mut clinic.command(&["--user-to-test", "anna", "--password"]), b"another\n");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stdout.contains("the password is wrong"), "{}", wrong.stdout);
}

/// "No mechanism available", "no worthy mechs found" and their like: what is behind them is in the configuration.
#[test]
fn causes_in_the_configuration_are_named() {
    for (conf, arguments, grade, words) in [
        ("mech_list: PLAIN,LOGIN\n", &[][..], "problem", &["smtpd.conf:1", "mech_list", "comma"][..]),
        ("mech_list: PLAIN,LOGIN\n", &[], "problem", &["no mechanism is left"]),
        ("mechlist: PLAIN\n", &[], "warning", &["smtpd.conf:1", "did you mean mech_list?"]),
        ("pwcheck_metod: saslauthd\n", &[], "warning", &["smtpd.conf:1", "did you mean pwcheck_method?"]),
        ("pwcheck_method saslauthd\n", &[], "problem", &["smtpd.conf:1", "colon"]),
        ("pwcheck_method: saslauth\n", &[], "problem", &["saslauth", "did you mean saslauthd?"]),
        ("pwcheck_method: auxprop-hashed\n", &[], "problem", &["auxprop-hashed", "use auxprop"]),
        ("pwcheck_method: alwaystrue\n", &[], "problem", &["alwaystrue"]),
        ("pwcheck_method: kerberos_v4\n", &[], "problem", &["kerberos_v4", "use pam"]),
        (
            "pwcheck_method: auxprop\npwcheck_method: saslauthd\n",
            &[],
            "problem",
            &["smtpd.conf:2", "set in line 1 already"],
        ),
        ("mech_list: PLAIN XOAUTH2\n", &[], "warning", &["XOAUTH2", "plugin"]),
        ("mech_list: PLAIN NTLM\n", &[], "warning", &["NTLM", "libsasl2-modules"]),
        ("mech_list: PLAIN SCRAMSHA256\n", &[], "warning", &["SCRAMSHA256", "SCRAM-SHA-256"]),
        ("auxprop_plugin: sasldb2\n", &[], "problem", &["sasldb2", "not built in", "sasldb"]),
        ("auxprop_plugin: sql\n", &[], "problem", &["sql", "options are missing", "docs/sql.md"]),
        ("pwcheck_method: ldap\n", &[], "note", &["ldap://localhost/"]),
        ("mech_list: PLAIN LOGIN\n", &["--no-plaintext"], "problem", &["no mechanism is offered"]),
        ("mech_list: PLAIN LOGIN\n", &["--no-plaintext"], "warning", &["PLAIN is not offered", "offer TLS"]),
        ("mech_list: PLAIN\n", &["--min-ssf", "56"], "warning", &["PLAIN is not offered", "SSF 56 is needed"]),
        ("mech_list: GSSAPI PLAIN\nkeytab: @DIR@/none\n", &[], "note", &["GSSAPI is not offered", "@DIR@/none"]),
        ("log_level: high\n", &[], "warning", &["log_level is a number"]),
        ("auto_transition: Yes\n", &[], "warning", &["auto_transition", "lower case"]),
    ] {
        Clinic::new(conf).finds(arguments, grade, words);
    }
}

#[test]
fn a_file_in_the_wrong_place_is_found() {
    let clinic = Clinic::new("mech_list: PLAIN\n");
    let second = clinic.dir.dir("second");
    clinic.dir.write("second/smtpd.conf", "mech_list: LOGIN\n");
    let both = format!("{}:{}", clinic.path(""), second.display());
    clinic.finds(&["--conf-path", &both], "warning", &["second/smtpd.conf is not read"]);
    // Nowhere at all.
    clinic.finds(
        &["--conf-path", &clinic.path("nowhere"), "--app", "doctor-test"],
        "warning",
        &["there is no configuration"],
    );
    // What comes after the file that counts is not read, and so may be anything.
    clinic.dir.write("second/smtpd.conf", "no option at all\n");
    clinic.finds(&["--conf-path", &both], "warning", &["second/smtpd.conf is not read"]);
    assert!(!clinic.examine(&["--conf-path", &both]).stdout.contains("colon"));
    // Where the library looks by itself, but this program does not.
    let sandbox = Sandbox::new("doctor", "rig.test");
    sandbox.dir.dir("etc/sasl2");
    sandbox.dir.write("etc/sasl2/doctor-test.conf", "mech_list: PLAIN\n");
    let mut command = sandbox.command(&Library::stock(), SASLDOCTOR);
    let ran = run(command.args(["--app", "doctor-test", "--conf-path", "/nowhere"]), b"");
    let expected = "problem  /etc/sasl2/doctor-test.conf is never read by this program";
    assert!(ran.status.code() == Some(2) && ran.stdout.contains(expected), "{ran:?}");
}

const SASLAUTHD: &str = "pwcheck_method: saslauthd\nsaslauthd_path: @DIR@/run/mux\n";

#[test]
fn a_daemon_out_of_reach_is_named_with_the_reason() {
    let clinic = Clinic::new(SASLAUTHD);
    clinic.finds(&[], "problem", &["@DIR@/run/mux", "No such file or directory", "Start the daemon"]);
    let run = clinic.dir.dir("run");
    let listener = UnixListener::bind(run.join("mux")).expect("a socket");
    set_mode(&run.join("mux"), 0o777);
    clinic.finds(&[], "ok", &["the daemon at @DIR@/run/mux takes questions"]);
    // By its directory, as Debian's README has it.
    clinic.dir.write("smtpd.conf", clinic.fill(&SASLAUTHD.replace("/mux", "")));
    clinic.finds(&[], "ok", &["the daemon at @DIR@/run/mux takes questions"]);
    // For some only: Debian's directory is for the group sasl.
    set_mode(&run, 0o710);
    clinic.finds(&["--user", "nobody"], "problem", &["@DIR@/run", "Permission denied", "adduser nobody sasl"]);
    set_mode(&run, 0o755);
    clinic.finds(&["--user", "nobody"], "ok", &["takes questions"]);
    drop(listener);
    clinic.finds(&[], "problem", &["Connection refused", "start the daemon"]);
}

/// The commonest of all on Debian, whose Postfix confines itself.
#[test]
fn a_program_in_its_own_root_does_not_see_the_daemon_and_the_database() {
    let clinic = Clinic::new("pwcheck_method: saslauthd\n");
    let jail = clinic.dir.dir("jail");
    let jail = jail.to_str().expect("a path of text");
    clinic.finds(
        &["--chroot", jail],
        "problem",
        &["/var/run/saslauthd/mux", jail, "saslauthd -m", "jail/var/run/saslauthd"],
    );

    let clinic = Clinic::new(SASLDB);
    clinic.user("anna", "rig.test", "a word");
    let jail = clinic.dir.dir("jail");
    let jail = jail.to_str().expect("a path of text");
    clinic.finds(&["--chroot", jail], "problem", &["@DIR@/sasldb2", jail, "put a copy there"]);
}

#[test]
fn causes_in_the_database_are_named() {
    let clinic = Clinic::new(SASLDB);
    clinic.finds(&[], "problem", &["@DIR@/sasldb2", "No such file or directory", "saslpasswd2 -c"]);
    clinic.user("anna", "rig.test", "a word");
    clinic.finds(&[], "ok", &["@DIR@/sasldb2 can be read", "LMDB"]);
    set_mode(&clinic.database(), 0o600);
    clinic.finds(&["--user", "nobody"], "problem", &["@DIR@/sasldb2", "Permission denied", "chmod 640"]);
    set_mode(&clinic.database(), 0o644);
    clinic.finds(&[], "warning", &["everyone on this machine may read @DIR@/sasldb2"]);
    // The user, in another realm than the program thinks.
    clinic.finds(&["--user-to-test", "anna"], "ok", &["anna@rig.test is there"]);
    let elsewhere = ["--user-to-test", "anna", "--realm", "example.org"];
    clinic.finds(
        &elsewhere,
        "problem",
        &["there is no anna@example.org", "There is anna@rig.test", "example.org here"],
    );
    clinic.finds(
        &["--user-to-test", "nobody"],
        "problem",
        &["there is no nobody@rig.test", "saslpasswd2 -c -u rig.test nobody"],
    );
    fs::write(clinic.database(), "not a database\n").expect("write");
    clinic.finds(&[], "problem", &["@DIR@/sasldb2", "Restore it"]);
}

#[test]
fn secrets_that_a_mechanism_lacks_are_named() {
    let clinic = Clinic::new(SASLDB);
    clinic.dir.write("saslpasswd.conf", "password_secrets: SCRAM-SHA-256\n");
    let set = |conf: &str, user: &str| {
        let mut command = Command::new(SASLPASSWD2);
        command.arg("-f").arg(clinic.database()).args(["-p", "-c", "-u", "rig.test", user]).env("SASL_CONF_PATH", conf);
        assert!(run(&mut command, b"a word").status.success());
    };
    set(&clinic.path(""), "scarce");
    clinic.finds(
        &["--user-to-test", "scarce"],
        "warning",
        &["CRAM-MD5 is offered, but scarce@rig.test has no secret for it"],
    );
    clinic.finds(&["--user-to-test", "scarce"], "warning", &["SCRAM-SHA-1 is offered, but scarce@rig.test"]);
    let ran = clinic.examine(&["--user-to-test", "scarce"]);
    assert!(!ran.stdout.contains("SCRAM-SHA-256 is offered, but"), "{}", ran.stdout);
    clinic.dir.write("saslpasswd.conf", "password_storage: plaintext\n");
    set(&clinic.path(""), "plain");
    clinic.finds(&["--user-to-test", "plain"], "warning", &["the password is stored as it is", "saslmigrate --hash"]);
}

#[test]
fn proofs_that_the_daemon_cannot_check_are_named() {
    let clinic = Clinic::new(SASLAUTHD);
    clinic.finds(
        &[],
        "warning",
        &["CRAM-MD5", "SCRAM-SHA-256", "saslauthd cannot give them", "mech_list: PLAIN LOGIN"],
    );
    let clinic = Clinic::new(&format!("{SASLAUTHD}mech_list: PLAIN LOGIN\n"));
    assert!(!clinic.examine(&[]).stdout.contains("cannot give them"));
}

#[test]
fn the_systems_own_passwords_are_for_root() {
    let clinic = Clinic::new("pwcheck_method: shadow\n");
    clinic.finds(&["--user", "nobody"], "problem", &["/etc/shadow", "Permission denied", "saslauthd -a shadow"]);
    clinic.finds(&[], "ok", &["/etc/shadow can be read"]);
    let clinic = Clinic::new("pwcheck_method: pam\n");
    clinic.finds(
        &["--service", "no-such-service"],
        "warning",
        &["there is no /etc/pam.d/no-such-service", "/etc/pam.d/other"],
    );
    clinic.finds(&["--user", "nobody"], "warning", &["pam_unix", "saslauthd -a pam"]);
}

#[test]
fn a_store_that_does_not_answer_is_named() {
    let conf = "auxprop_plugin: sql\nsql_engine: sqlite\nsql_database: @DIR@/none/users.db\nsql_passwd: hunter2\n\
                scram_salt_key: hunter2\nsql_pasword: hunter2\n\
                sql_select: select password from users where name = '%u'\n";
    let clinic = Clinic::new(conf);
    clinic.finds(&["--user-to-test", "anna"], "problem", &["cannot look for anna@rig.test", "@DIR@/none/users.db"]);
    let ran = clinic.examine(&["--user-to-test", "anna"]);
    assert!(!ran.stdout.contains("hunter2") && ran.stdout.contains("sql_passwd: (not shown)"), "{}", ran.stdout);
}

#[test]
fn no_secret_is_shown() {
    let clinic = Clinic::new(SASLDB);
    clinic.dir.write("saslpasswd.conf", "password_storage: both\n");
    let mut command = Command::new(SASLPASSWD2);
    command.arg("-f").arg(clinic.database()).args(["-p", "-c", "-u", "rig.test", "anna"]);
    assert!(run(command.env("SASL_CONF_PATH", clinic.path("")), b"unmistakable").status.success());
    for arguments in
        [&["--user-to-test", "anna", "--password"][..], &["--user-to-test", "anna", "--password", "--json"]]
    {
        let ran = run(&mut clinic.command(arguments), b"unmistakable");
        assert!(ran.stdout.contains("the password is right"), "{}", ran.stdout);
        for secret in ["unmistakable", "SCRAM-SHA-256$"] {
            assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{ran:?}");
        }
    }
}

#[test]
fn it_is_coloured_on_a_terminal_only() {
    let clinic = Clinic::new("mech_list: PLAIN\n");
    assert!(!clinic.examine(&[]).stdout.contains('\x1b'));
    let mut command = clinic.command(&[]);
    let mut pty = Pty::run(command.env("TERM", "xterm"));
    let _ = pty.wait();
    assert!(pty.screen().contains("\x1b[32mok"), "{}", pty.screen());
    let mut pty = Pty::run(clinic.command(&[]).env("NO_COLOR", "1"));
    let _ = pty.wait();
    assert!(!pty.screen().contains('\x1b'), "{}", pty.screen());
}

#[test]
fn what_cannot_be_looked_at_is_an_error() {
    for (arguments, expected) in [
        (&[][..], "--app is missing"),
        (&["--app", "../smtpd"], "filename must not contain /"),
        (&["--app", "smtpd", "--user", "no-such-user"], "there is no user no-such-user here"),
        (&["--app", "smtpd", "--password"], "--password is that of --user-to-test"),
        (&["--app", "smtpd", "--min-ssf", "much"], "no number"),
        (&["--app", "x", "--chroot", "/nonexistent-root"], "cannot enter /nonexistent-root"),
    ] {
        let ran = run(Command::new(SASLDOCTOR).args(arguments), b"");
        assert_eq!(ran.status.code(), Some(1), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {ran:?}");
    }
}
