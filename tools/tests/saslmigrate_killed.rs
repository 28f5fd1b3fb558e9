//! `saslmigrate` killed at any moment: the database is the old one or the new one, no secret is lost, and the next run completes it
//! with what the killed one had done, and leaves nothing behind.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use common::base::{PATIENCE, wait_until};
use common::migration::{SECRETS, Site, assert_hashed, contents};
use common::scratch::{system_calls, traced};
use oxisasl::store::sasldb::{Format, SasldbFile};

/// At how many system calls it is killed at least.
const POINTS: usize = 50;
const USERS: usize = 20;

/// What a program of several threads makes once more or less often each time.
const VARIES: [&str; 3] = ["clone3", "clock_nanosleep", "rt_sigprocmask"];

fn migrating(site: &Site, options: &[&str]) -> ExitStatus {
    traced(options, &site.command(&["-Hcq", "-j1"]))
}

#[test]
fn at_any_system_call() {
    let site = Site::new();
    site.make(USERS);
    let old = fs::read(site.database()).expect("the file");
    let before = contents(&site.database());
    let trace = site.dir.join("trace");
    assert!(migrating(&site, &["-o", trace.to_str().expect("a path of text")]).success());
    let points = system_calls(&fs::read_to_string(&trace).expect("the trace"), &site.folder(), &VARIES);
    // All that change something, and some of those that only look.
    let changing =
        ["write", "pwrite64", "openat", "rename", "link", "linkat", "unlink", "fsync", "fchmod", "flock", "ftruncate"];
    let (mut chosen, rest): (Vec<_>, Vec<_>) =
        points.into_iter().partition(|(name, _)| changing.contains(&name.as_str()));
    let step = (rest.len() / 25).max(1);
    chosen.extend(rest.into_iter().step_by(step));
    let (mut intact, mut complete) = (0, 0);
    for (name, count) in &chosen {
        fs::remove_dir_all(site.folder()).expect("the folder");
        site.dir.dir("here");
        fs::write(site.database(), &old).expect("the file");
        let inject = format!("inject={name}:signal=KILL:when={count}");
        let status = migrating(&site, &["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject]);
        if status.success() {
            // It came that far with one call less of this kind.
            assert_hashed(&site.database(), USERS);
            continue;
        }
        assert_eq!(status.signal(), Some(9), "{inject}: {status}");
        match SasldbFile::open(site.database()).and_then(|file| file.format()).expect("a database") {
            Format::Lmdb => {
                complete += 1;
                assert_hashed(&site.database(), USERS);
                assert_eq!(contents(&site.backup()), before, "{inject}");
            }
            format => {
                intact += 1;
                assert_eq!(format, Format::BerkeleyHash, "{inject}");
                assert!(fs::read(site.database()).expect("the file") == old, "{inject}");
                // It can be written to as before, a backup notwithstanding.
                SasldbFile::open(site.database()).and_then(|file| file.check_writable()).expect("writable");
            }
        }
        // What is left unfinished is no database, or cannot be taken for that of the name.
        for left in site.names().iter().filter(|name| name.starts_with('.')) {
            let secret = left.starts_with(".sasldb2-") && left.ends_with(".oxisasl-new");
            assert!(secret || left == ".sasldb2.saslmigrate-journal", "{left}");
        }
        let _ = fs::remove_file(site.folder().join("sasldb2-lock"));
        site.must(&["-Hcq"]);
        assert_eq!(site.names(), ["sasldb2", "sasldb2.saslmigrate-backup"], "{inject}");
        assert_hashed(&site.database(), USERS);
        assert_eq!(contents(&site.backup()), before, "{inject}");
    }
    println!("{intact} times the old one, {complete} times the new one");
    assert!(intact + complete >= POINTS && complete >= 3, "{intact} times the old one, {complete} times the new one");
}

/// The verifiers of a text by their salts, which are random.
fn verifiers(bytes: &[u8]) -> Vec<Vec<u8>> {
    let begin = b"SCRAM-SHA-256$";
    let found = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(begin));
    found.map(|at| bytes[at..].iter().take_while(|byte| **byte != b'\n').copied().collect()).collect()
}

#[test]
fn what_was_hashed_is_not_hashed_again() {
    let site = Site::with(4096);
    site.make(40);
    let journal = site.folder().join(".sasldb2.saslmigrate-journal");
    let mut earlier = 0;
    for part in 1..=3 {
        let mut migration = site.command(&["-Hq"]).spawn().expect("it runs");
        assert!(wait_until(PATIENCE, || journal.metadata().is_ok_and(|file| file.len() > part * 5000)));
        migration.kill().expect("it is killed");
        migration.wait().expect("it ends");
        let bytes = fs::read(&journal).expect("the journal");
        let done = verifiers(&bytes).len();
        assert!(done > earlier, "{done} after {earlier}");
        earlier = done;
    }
    let done = verifiers(&fs::read(&journal).expect("the journal"));
    assert!(done.len() < 40);
    site.must(&["-Hcq"]);
    let new: BTreeMap<_, _> = contents(&site.database());
    let all: Vec<_> = new.iter().filter(|(key, _)| key.ends_with(SECRETS[0].as_bytes())).collect();
    // But for the one that was being written.
    for verifier in &done[..done.len() - 1] {
        assert!(all.iter().any(|(_, value)| value.starts_with(verifier)), "one was hashed again");
    }
    assert_eq!(site.names(), ["sasldb2", "sasldb2.saslmigrate-backup"]);
    assert_hashed(&site.database(), 40);
}

#[test]
fn a_password_that_has_changed_since_is_hashed_again() {
    let site = Site::with(4096);
    site.make(20);
    let journal = site.folder().join(".sasldb2.saslmigrate-journal");
    let mut migration = site.command(&["-Hq"]).spawn().expect("it runs");
    assert!(wait_until(PATIENCE, || journal.metadata().is_ok_and(|file| file.len() > 5000)));
    migration.kill().expect("it is killed");
    migration.wait().expect("it ends");
    for user in 0..20 {
        let file = SasldbFile::open(site.database()).expect("a database");
        file.put(format!("user{user}"), "example.com", "userPassword", b"another").expect("a new password");
    }
    site.must(&["-Hcq"]);
    for user in ["user0", "user7", "user19"] {
        common::login::current("SCRAM-SHA-256", &site.database(), user, "example.com", "another").expect(user);
    }
}
