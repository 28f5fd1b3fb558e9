//! `saslmigrate` on databases of all kinds, made by the programs that own them: nothing is lost, nothing is left, and what goes
//! wrong changes nothing.

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use common::base::{must, run};
use common::login;
use common::migration::{REALM, Site, assert_hashed, contents};
use common::pty::Pty;
use common::scratch::{db_load, saslpasswd2, users};
use oxisasl::store::sasldb::{Format, SasldbFile};

fn format_of(path: &Path) -> Format {
    SasldbFile::open(path).and_then(|file| file.format()).expect("a database")
}

/// It fails, says this, and changes nothing.
fn refused(site: &Site, arguments: &[&str], status: i32, words: &[&str]) {
    let look = || {
        let bytes = fs::read(site.database()).unwrap_or_default();
        (site.names(), bytes)
    };
    let before = look();
    let ran = site.run(arguments);
    assert_eq!(ran.status.code(), Some(status), "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
    assert_eq!(ran.stdout, "");
    assert!(look() == before, "something has changed: {:?}", site.names());
}

#[test]
fn a_database_of_the_stock_tools_serves_every_mechanism_afterwards() {
    // Clients ask for as many.
    let site = Site::with(4096);
    for user in ["alice", "bob", "carol"] {
        saslpasswd2(&site.database(), REALM, user, Some(&format!("password of {user}")));
    }
    let before = contents(&site.database());
    let said = site.must(&["--hash", "--verify", "--quiet"]);
    assert_eq!(said, "");
    assert_eq!(site.names(), ["sasldb2", "sasldb2.saslmigrate-backup"]);
    assert_eq!(contents(&site.backup()), before);
    for user in ["alice", "bob", "carol"] {
        for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let login = |password: &str| login::current(mechanism, &site.database(), user, REALM, password);
            login(&format!("password of {user}")).unwrap_or_else(|error| panic!("{mechanism}: {error}"));
            assert!(login("password of carob").is_err(), "{mechanism}");
        }
    }
    // What else there was is there.
    let after = contents(&site.database());
    let others: Vec<_> = before.iter().filter(|(key, _)| !key.ends_with(b"\0userPassword")).collect();
    assert!(others.len() == 3 && others.iter().all(|(key, value)| after.get(*key) == Some(value)), "{others:?}");
}

#[test]
fn without_hashing_every_kind_is_carried_as_it_is() {
    let gdbm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/gdbm/i386-small");
    let (bdb, lmdb) = (Site::new(), Site::new());
    bdb.make(300);
    // One that LMDB's own tools have made, and one of GDBM.
    let dump = must(Command::new("db5.3_dump").arg(bdb.database()));
    let load = run(
        Command::new("mdb_load").arg("-n").arg(lmdb.database()),
        dump.replace("type=hash", "type=btree").as_bytes(),
    );
    assert!(load.status.success(), "{}", load.stderr);
    fs::remove_file(lmdb.folder().join("sasldb2-lock")).expect("its lock file");
    let of_gdbm = Site::new();
    fs::copy(&gdbm, of_gdbm.database()).expect("a copy");
    for (site, kind, count) in
        [(&bdb, Format::BerkeleyHash, 300), (&lmdb, Format::Lmdb, 300), (&of_gdbm, Format::Gdbm, 40)]
    {
        assert_eq!(format_of(&site.database()), kind);
        let before = contents(&site.database());
        assert_eq!(before.len(), count);
        // To another place first.
        let other = site.folder().join("other");
        let said = site.must(&["--verify", "--destination", other.to_str().unwrap()]);
        assert!(said.contains(&format!("{count} passwords are in plaintext")), "{said}");
        assert_eq!((format_of(&other), contents(&other)), (Format::Lmdb, before.clone()));
        assert_eq!(format_of(&site.database()), kind);
        fs::remove_file(&other).unwrap();
        let said = site.must(&["-c"]);
        assert_eq!((format_of(&site.database()), contents(&site.database())), (Format::Lmdb, before.clone()));
        if kind == Format::Lmdb {
            assert!(said.contains("nothing to do"), "{said}");
            assert_eq!(site.names(), ["sasldb2"]);
        } else {
            assert_eq!((format_of(&site.backup()), contents(&site.backup())), (kind, before));
        }
        // And now with hashes, out of LMDB.
        site.must(&["-Hc", "-j2"]);
        assert_hashed(&site.database(), count);
        // LMDB goes on with it.
        must(&mut child("put", &site.database()));
        SasldbFile::open(site.database()).unwrap().verify().unwrap();
        assert!(site.must(&["-Hc"]).contains("1 passwords are hashed"));
        assert_hashed(&site.database(), count + 1);
    }
}

#[test]
fn a_program_that_has_an_lmdb_file_open_is_waited_for() {
    let site = Site::new();
    must(&mut child("put", &site.database()));
    let mut holder = child("hold", &site.database()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(holder.stdout.take().unwrap());
    while line.trim_end() != "ready" {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ended");
    }
    refused_but_for_the_journal(&site, 8, "sasldb2: another program has the password database open");
    // It goes on when it ends, and not before.
    let mut migration = site.command(&["-Hq"]).spawn().unwrap();
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    assert!(migration.wait().unwrap().success());
    // What LMDB knows of the old file it finds in the new one.
    must(&mut child("put another", &site.database()));
    let names: Vec<_> = contents(&site.database()).into_keys().filter(|key| key.ends_with(b"userPassword")).collect();
    assert_eq!(names, [b"another\0example.com\0userPassword"]);
    SasldbFile::open(site.database()).unwrap().verify().unwrap();
}

/// This test program again, as another process that writes to a database: LMDB files stay open in a process.
fn child(action: &str, database: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_process", "--nocapture"]);
    command.env("OXISASL_ACTION", action).env("OXISASL_DB", database);
    command
}

/// Not a test of its own: what [`child`] does. Alone it has nothing to do.
#[test]
fn child_process() {
    let (Some(action), Some(path)) = (std::env::var_os("OXISASL_ACTION"), std::env::var_os("OXISASL_DB")) else {
        return;
    };
    let user = if action == "put" { next_user(Path::new(&path)) } else { "another".to_owned() };
    SasldbFile::open(path).unwrap().put(user, REALM, "userPassword", b"secret of it").unwrap();
    if action == "hold" {
        println!("\nready");
        std::io::stdin().read_line(&mut String::new()).unwrap();
    }
}

/// The first of the usual names that is free.
fn next_user(database: &Path) -> String {
    let known = contents(database);
    let free = |name: &String| !known.keys().any(|key| key.starts_with(format!("{name}\0").as_bytes()));
    (0..).map(|number| format!("user{number}")).find(free).unwrap()
}

#[test]
fn the_secrets_of_sasl_1_5_get_the_names_of_2_1() {
    let site = Site::new();
    let pairs = |entries: &[(&str, &[u8])]| -> Vec<(Vec<u8>, Vec<u8>)> {
        entries.iter().map(|(key, value)| (key.replace('/', "\0").into_bytes(), value.to_vec())).collect()
    };
    let classic = pairs(&[
        ("//CRAM-MD5", &[0, 0, 0, 3]),
        ("//DIGEST-MD5", &[0, 0, 0, 3]),
        ("tim/r/PLAIN", b"plain"),
        ("tim/r/CRAM-MD5", b"cram"),
        ("tim/r/DIGEST-MD5", b"digest"),
        ("tim/r/SCRAM", b"other"),
    ]);
    db_load(&site.database(), &[], &classic);
    let said = site.must(&["--dry-run", "-2"]);
    assert!(said.contains("1 users, 6 entries") && said.contains("entries for no user: 2"), "{said}");
    let other = site.folder().join("carried");
    site.must(&["-o", other.to_str().unwrap()]);
    assert_eq!(contents(&other), classic.into_iter().collect());
    site.must(&["--rename", "--verify", "--hash"]);
    let renamed = pairs(&[
        ("tim/r/SCRAM", b"other"),
        ("tim/r/cmusaslsecretCRAM-MD5", b"cram"),
        ("tim/r/cmusaslsecretDIGEST-MD5", b"digest"),
        ("tim/r/cmusaslsecretPLAIN", b"plain"),
    ]);
    assert_eq!(contents(&site.database()), renamed.into_iter().collect());
    assert!(site.must(&["--rename"]).contains("nothing to do"));
}

#[test]
fn a_dry_run_reads_everything_and_does_nothing() {
    let site = Site::new();
    let mut pairs = users(50);
    pairs[7].1 = b"{SSHA256}vJKlVTaP7kMpHHnxA6p5Q0WCYLXhpdj4QHBfVrw4aLBzYWx0".to_vec();
    pairs[8].1 = Vec::new();
    pairs.push((b"odd key".to_vec(), b"x".to_vec()));
    db_load(&site.database(), &[], &pairs);
    let before = (fs::read(site.database()).unwrap(), fs::metadata(site.database()).unwrap().ctime_nsec());
    let said = site.must(&["-n", "--hash"]);
    for line in [
        "a Berkeley DB hash file\n",
        "  50 users, 51 entries\n",
        "  userPassword: 50 (48 plaintext, 2 hashed or empty)\n",
        "  keys of no known form: 1\n",
        "would hash 48 passwords, in about 1s, and store authPassword, cmusaslsecretCRAM-MD5, cmusaslsecretDIGEST-MD5",
        "would put an LMDB file in its place, and keep it as ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(site.must(&["-n"]).contains("would leave 48 passwords as they are, in plaintext"));
    assert_eq!(site.names(), ["sasldb2"]);
    assert_eq!((fs::read(site.database()).unwrap(), fs::metadata(site.database()).unwrap().ctime_nsec()), before);
    // What is no password stays as it is.
    site.must(&["-Hc"]);
    let after = contents(&site.database());
    for (key, value) in [&pairs[7], &pairs[8], &pairs[50]] {
        assert_eq!(after.get(key), Some(value));
    }
}

#[test]
fn the_options_say_what_is_stored() {
    let site = Site::new();
    site.make(3);
    let conf = |text: &str| fs::write(site.dir.join("conf/saslpasswd.conf"), text).unwrap();
    conf("password_storage: plaintext\n");
    refused(&site, &["-H"], 1, &["password_storage is \"plaintext\""]);
    conf("password_secrets: NTLM\n");
    refused(&site, &["-H"], 1, &["password_secrets is \"NTLM\", which leaves no secret"]);
    conf("password_storage: both\npassword_secrets: SCRAM-SHA-256 CRAM-MD5\nscram_iteration_counter: 7\n");
    let said = site.must(&["-Hc", "-a", "saslpasswd"]);
    assert!(said.contains("an LMDB file of 3 users, 10 entries"), "{said}");
    let after = contents(&site.database());
    let verifier = &after[&b"user1\0example.com\0authPassword"[..]];
    assert!(verifier.starts_with(b"SCRAM-SHA-256$7:") && !verifier.contains(&b'\n'));
    assert_eq!(after[&b"user1\0example.com\0userPassword"[..]], b"secret of 1");
}

#[test]
fn owner_mode_attributes_and_links_are_kept() {
    let site = Site::new();
    let real = site.dir.dir("real").join("db");
    db_load(&real, &[], &users(5));
    symlink(&real, site.database()).unwrap();
    std::os::unix::fs::chown(&real, Some(12), Some(34)).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let name = "system.posix_acl_access";
    // Its owner may read and write, user 12 and the group may read.
    let list = [
        [2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 12, 0, 0, 0, 4, 0, 4, 0].as_slice(),
        &[255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255],
    ]
    .concat();
    rustix::fs::setxattr(&real, name, &list, rustix::fs::XattrFlags::empty()).expect("an access control list");
    site.must(&["--hash"]);
    assert_eq!(site.names(), ["sasldb2"]);
    assert_hashed(&site.database(), 5);
    assert!(fs::symlink_metadata(site.database()).unwrap().is_symlink());
    let new = fs::metadata(&real).unwrap();
    let backup = fs::metadata(real.with_file_name("db.saslmigrate-backup")).unwrap();
    for metadata in [&new, &backup] {
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (12, 34, 0o640));
    }
    let mut kept = [0; 100];
    let length = rustix::fs::getxattr(&real, name, &mut kept).expect("the access control list");
    assert_eq!(kept[..length], list);
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_changed() {
    let site = Site::new();
    refused(&site, &[], 1, &["sasldb2: there is no such file"]);
    fs::write(site.database(), "").unwrap();
    refused(&site, &[], 1, &["the file is empty"]);
    fs::write(site.database(), "my notes, which are no database").unwrap();
    refused(&site, &[], 1, &["no password database of a known format"]);
    fs::remove_file(site.database()).unwrap();
    for (arguments, words) in
        [(&["-j0"][..], "--jobs is \"0\""), (&["x"], "unexpected argument"), (&["--nothing"], "usage: ")]
    {
        refused(&site, arguments, 1, &[words]);
    }
    site.make(100);
    let other = site.folder().join("other");
    fs::write(&other, "").unwrap();
    refused(&site, &["-o", other.to_str().unwrap()], 1, &["there is a file of this name"]);
    fs::remove_file(&other).unwrap();
    refused(&site, &["-o", "/nonexistent/db"], 1, &["/nonexistent", "No such file"]);
    // Something that LMDB files cannot have.
    let mut pairs = users(5);
    pairs.push((vec![b'k'; 600], b"x".to_vec()));
    let (long, damaged) = (Site::new(), Site::new());
    db_load(&long.database(), &[], &pairs);
    refused(&long, &[], 1, &["has a longer key or value", "kkkk"]);
    db_load(&damaged.database(), &["db_pagesize=512"], &users(100));
    let file = OpenOptions::new().write(true).open(damaged.database()).unwrap();
    file.write_all_at(&[99], 4 * 512 + 25).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    refused(&damaged, &["-H"], 1, &["sasldb2: ", "damaged: page 4"]);
    refused(&damaged, &["-n"], 1, &["sasldb2: ", "damaged: page 4"]);
    // Others.
    let lock = File::open(site.database()).unwrap();
    lock.lock().unwrap();
    refused_but_for_the_journal(&site, 8, "locked by another program");
    drop(lock);
    site.must(&["-H"]);
    assert_hashed(&site.database(), 100);
}

/// It fails when everything is hashed, which is kept.
fn refused_but_for_the_journal(site: &Site, status: i32, words: &str) {
    let before = fs::read(site.database()).unwrap();
    let ran = site.run(&["-H"]);
    assert_eq!(ran.status.code(), Some(status), "{}", ran.stderr);
    assert!(ran.stderr.contains(words) && ran.stderr.contains("the same command goes on from there"), "{}", ran.stderr);
    assert!(fs::read(site.database()).unwrap() == before);
    assert_eq!(site.names().first().map(String::as_str), Some(".sasldb2.saslmigrate-journal"));
    assert!(!site.names().iter().any(|name| name.contains("backup") || name.contains("new")), "{:?}", site.names());
}

#[test]
fn a_full_disk_changes_nothing() {
    let site = Site::new();
    db_load(&site.dir.join("source"), &[], &users(100));
    let disk = site.folder();
    let script = format!(
        "set -e; mount -t tmpfs -o size=200k none {0}; cp {1} {0}/sasldb2; cd {0}; \"$@\" && exit 99; ls -A; cmp sasldb2 {1}; \
         mount -o remount,size=1m {0}; \"$@\"; ls -A",
        disk.display(),
        site.dir.join("source").display()
    );
    let migrate = site.command(&["-H"]);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]).arg(migrate.get_program()).args(migrate.get_args());
    command.env("SASL_CONF_PATH", site.dir.join("conf"));
    let ran = run(&mut command, b"");
    assert_eq!(ran.status.code(), Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("sasldb2: ") && ran.stderr.contains("No space left on device"), "{}", ran.stderr);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.first(), Some(&".sasldb2.saslmigrate-journal"));
    assert_eq!(lines.iter().filter(|line| line.contains("journal")).count(), 1, "{lines:?}");
    assert_eq!(lines.last(), Some(&"sasldb2.saslmigrate-backup"));
}

#[test]
fn what_stock_programs_store_meanwhile_is_not_lost() {
    let site = Site::with(4096);
    site.make(50);
    let mut stored = Vec::new();
    let mut migration = site.command(&["-Hcq"]).spawn().unwrap();
    for number in 0..8 {
        let user = format!("late{number}");
        let mut command = Command::new("saslpasswd2");
        command.arg("-f").arg(site.database()).args(["-u", REALM, "-p", "-c", &user]);
        // When it does not find a Berkeley DB file any more it fails.
        if run(&mut command, b"late").status.success() {
            stored.push(user);
        }
        // At other moments of its work.
        thread::sleep(Duration::from_millis(number * 17));
    }
    assert!(migration.wait().unwrap().success());
    assert!(!stored.is_empty());
    for user in &stored {
        login::current("SCRAM-SHA-256", &site.database(), user, REALM, "late")
            .unwrap_or_else(|error| panic!("{user} of {}: {error}", stored.len()));
    }
    assert_eq!(site.names(), ["sasldb2", "sasldb2.saslmigrate-backup"]);
}

#[test]
fn two_at_once_do_not_get_in_each_others_way() {
    let site = Site::with(2000);
    site.make(200);
    let mut first = site.command(&["-Hq"]).spawn().unwrap();
    let journal = site.folder().join(".sasldb2.saslmigrate-journal");
    assert!(common::base::wait_until(common::base::PATIENCE, || journal.metadata().is_ok_and(|file| file.len() > 100)));
    let second = site.run(&["-H"]);
    assert_eq!(second.status.code(), Some(8), "{}", second.stderr);
    assert!(second.stderr.contains("another saslmigrate is at work"), "{}", second.stderr);
    assert!(first.wait().unwrap().success());
    assert_hashed(&site.database(), 200);
}

#[test]
fn a_terminal_gets_a_bar_and_a_file_lines() {
    let site = Site::with(3000);
    site.make(100);
    let mut pty = Pty::run(&site.command(&["-H"]));
    pty.expect("hashing    [");
    pty.expect("/s");
    pty.expect("left");
    let (status, _) = pty.end("100 passwords are hashed");
    assert_eq!(status, Some(0));
    let other = Site::new();
    other.make(100);
    let ran = other.run(&["-H"]);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("100 passwords are hashed"));
}
