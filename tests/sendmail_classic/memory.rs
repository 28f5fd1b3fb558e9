//! Valgrind watches Sendmail as a server and as a client, through logins with each mechanism.

use std::fs;
use std::path::Path;

use crate::rig::base::{Library, PATIENCE, TempDir, family, wait_until};
use crate::rig::classic;
use crate::rig::client::Protection;
use crate::rig::sendmail::{AuthInfo, Config, HOST, Server, send};

use super::site::{TIM, digest, greeted, library, long_text, mechanism, names, start};

/// Reports go into a directory that outlives a client's sandbox.
fn watched(reports: &Path, config: Config) -> Config {
    let log = format!("--log-file={}/%p", reports.display());
    let words = ["valgrind", "--quiet", "--vgdb=no", "--trace-children=yes", "--num-callers=30", &log];
    Config { wrapper: words.map(str::to_owned).to_vec(), ..config }
}

/// Panics with the first report of an error. Each process has a file, which is empty when all is well.
fn assert_clean(reports: &Path) {
    let files: Vec<_> = fs::read_dir(reports).expect("reports").map(|e| e.expect("report").path()).collect();
    assert!(!files.is_empty(), "valgrind has written nothing");
    for file in files {
        let report = String::from_utf8_lossy(&fs::read(&file).expect("report")).into_owned();
        assert!(report.trim().is_empty(), "{}:\n{report}", file.display());
    }
}

#[test]
fn a_server_touches_only_its_own_memory() {
    let reports = TempDir::new("recipe-valgrind");
    let server = start(&watched(reports.path(), classic::config()));
    for name in names() {
        let mut smtp = greeted(&server);
        assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, "wrong"), true).code, 535, "{name}");
        smtp.expect(&format!("AUTH {name}"), 334);
        smtp.expect("*", 501);
        assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235, "{name}");
        assert_eq!(smtp.relay("watched\r\n").code, 250, "{name}");
        smtp.expect("QUIT", 221);
    }
    for protection in [Protection::Integrity, Protection::Privacy("rc4"), Protection::Privacy("3des")] {
        let mut smtp = greeted(&server);
        assert_eq!(smtp.auth(&mut digest(TIM.0, HOST, TIM.1, protection), true).code, 235);
        assert_eq!(smtp.relay(&long_text("\r\n")).code, 250, "{protection:?}");
        smtp.expect("QUIT", 221);
    }
    // The children end after their last reply.
    let pid = server.daemon_pid();
    assert!(wait_until(PATIENCE, || family(pid).len() <= 3), "sessions are left");
    assert_clean(reports.path());
}

#[test]
fn a_client_touches_only_its_own_memory() {
    let server = Server::start(&Library::stock(), &Config::default());
    // The wrong password goes through all mechanisms, one after the other.
    for (mechanisms, password, text) in
        [("", "wrong", ""), ("DIGEST-MD5", TIM.1, &*long_text("\n")), ("CRAM-MD5", TIM.1, ""), ("LOGIN", TIM.1, "")]
    {
        let reports = TempDir::new("recipe-valgrind");
        let auth = AuthInfo { user: TIM.0, authid: TIM.0, password, realm: HOST, mechanisms };
        let config = watched(reports.path(), Config { mechanisms: classic::MECHANISMS.into(), ..classic::config() });
        let sent = send(&library(), &config, server.port, Some(&auth), &format!("Subject: watched\n\n{text}"));
        assert_eq!(sent.ran.status.success(), password == TIM.1, "{}{}", sent.ran.stdout, sent.ran.stderr);
        assert_clean(reports.path());
    }
}
