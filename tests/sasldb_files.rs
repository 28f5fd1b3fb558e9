//! The files of the password database against the programs that own the formats: stock saslpasswd2, Berkeley DB's
//! tools, and a C program over libdb.

mod scratch;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use oxisasl::Code;
use oxisasl::store::bdb::BdbFile;
use oxisasl::store::sasldb::{Format, SasldbFile};
use scratch::{Pairs, Running, Scratch, compile, db_dump, db_load, run, saslpasswd2, users};

/// What our reader finds.
fn ours(db: &Path) -> Pairs {
    let file = BdbFile::new(db);
    file.verify().unwrap();
    let mut pairs = Pairs::new();
    for (key, value) in file.pairs().unwrap() {
        pairs.entry(key).or_default().push(value.expose().to_vec());
    }
    pairs
}

/// Everything is found by walking and by looking up, and what is not there is not.
fn agree(db: &Path) {
    let (expected, found) = (db_dump(db), ours(db));
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    let file = BdbFile::new(db);
    for (key, values) in &expected {
        let (mut one, mut other) = (values.clone(), found[key].clone());
        one.sort();
        other.sort();
        assert_eq!(one, other);
        let looked_up = file.get_many(std::slice::from_ref(key), u32::MAX).unwrap().pop().unwrap().unwrap();
        assert_eq!(looked_up.expose(), values[0]);
        let mut missing = key.clone();
        missing.push(b'x');
        assert!(file.get_many(&[missing], u32::MAX).unwrap().pop().unwrap().is_none());
    }
}

#[test]
fn stock_saslpasswd2_files_are_read() {
    let scratch = Scratch::new();
    let db = scratch.path("sasldb2");
    let file = SasldbFile::open(&db).unwrap();
    assert_eq!(file.format().unwrap(), Format::Missing);
    assert!(file.get("alice", "example.com", "userPassword").unwrap().is_none());
    saslpasswd2(&db, "example.com", "alice", Some("secret"));
    saslpasswd2(&db, "example.com", "bob", Some("geheim"));
    saslpasswd2(&db, "other.org", "alice", Some("third"));
    let get = |user, realm| file.get(user, realm, "userPassword").unwrap().map(|value| value.expose().to_vec());
    assert_eq!(file.format().unwrap(), Format::BerkeleyHash);
    assert_eq!(get("alice", "example.com").unwrap(), b"secret");
    assert_eq!(get("bob", "example.com").unwrap(), b"geheim");
    assert_eq!(get("alice", "other.org").unwrap(), b"third");
    assert_eq!(get("bob", "other.org"), None);
    assert_eq!(get("Alice", "example.com"), None);
    assert!(file.user_exists("alice", "other.org").unwrap());
    assert!(!file.user_exists("bob", "other.org").unwrap());
    saslpasswd2(&db, "example.com", "alice", Some("changed"));
    assert_eq!(get("alice", "example.com").unwrap(), b"changed");
    saslpasswd2(&db, "example.com", "alice", None);
    assert_eq!(get("alice", "example.com"), None);
    assert!(!file.user_exists("alice", "example.com").unwrap());
    // Plugins that are installed may have added secrets of their own.
    let passwords = file.users().unwrap().into_iter().filter(|entry| entry.property == b"userPassword");
    assert_eq!(passwords.count(), 2);
    agree(&db);

    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "no lock or other file is made");
}

#[test]
fn every_page_size_byte_order_and_checksum_is_read() {
    let scratch = Scratch::new();
    let mut pairs = users(300);
    pairs.push((b"empty".to_vec(), Vec::new()));
    for size in [0, 100, 500, 3000, 70_000] {
        pairs.push((format!("big value {size}").into_bytes(), (0..size).map(|n| (n % 251) as u8).collect()));
        pairs.push((vec![b'k'; size + 7], b"value of a big key".to_vec()));
    }
    for page in ["512", "1024", "2048", "4096", "8192", "16384", "32768", "65536"] {
        for order in ["1234", "4321"] {
            for checksum in ["0", "1"] {
                let db = scratch.path(&format!("{page}-{order}-{checksum}"));
                let [page, order, checksum] =
                    [format!("db_pagesize={page}"), format!("db_lorder={order}"), format!("chksum={checksum}")];
                let mut settings = vec![page.as_str(), order.as_str()];
                if checksum.ends_with('1') {
                    settings.push(&checksum);
                }
                db_load(&db, &settings, &pairs);
                agree(&db);
            }
        }
    }
}

#[test]
fn deleted_and_rewritten_items_leave_no_trace() {
    let scratch = Scratch::new();
    let make = compile(&scratch, "bdb_make", "-ldb");
    for page in ["512", "1024", "4096", "65536"] {
        for order in ["1234", "4321"] {
            let db = scratch.path(&format!("{page}-{order}"));
            run(Command::new(&make).arg(&db).args([page, order, "churn"]), b"");
            agree(&db);
            let file = SasldbFile::open(&db).unwrap();
            assert!(file.get("user300", "example.com", "userPassword").unwrap().is_none());
            assert!(file.get("user103", "example.com", "userPassword").unwrap().is_some());
        }
    }
}

#[test]
fn files_with_another_hash_function_are_read() {
    let scratch = Scratch::new();
    let make = compile(&scratch, "bdb_make", "-ldb");
    let db = scratch.path("db");
    run(Command::new(make).arg(&db).args(["512", "1234", "myhash"]), b"");
    let file = BdbFile::new(&db);
    file.verify().unwrap();
    assert_eq!(file.keys().unwrap().len(), 400);
    let get = |key: &[u8]| file.get_many(&[key.to_vec()], u32::MAX).unwrap().pop().unwrap();
    assert_eq!(get(b"user399\0example.com\0userPassword").unwrap().expose().len(), 3990);
    assert_eq!(get(b"user55\0example.com\0userPassword").unwrap().expose(), [b'd'; 12]);
    assert!(get(b"user400\0example.com\0userPassword").is_none());
}

#[test]
fn duplicate_values_are_read() {
    let scratch = Scratch::new();
    let mut pairs = users(20);
    for n in 0..3 {
        pairs.push((b"few".to_vec(), format!("value {n}").into_bytes()));
    }
    for n in 0..400 {
        pairs.push((b"many".to_vec(), format!("value {n:03}").into_bytes()));
    }
    for n in 0..5 {
        pairs.push((b"large".to_vec(), vec![b'0' + n; 3000]));
    }
    for sorted in ["dupsort=0", "dupsort=1"] {
        for page in ["db_pagesize=512", "db_pagesize=4096"] {
            for order in ["db_lorder=1234", "db_lorder=4321"] {
                let db = scratch.path(&format!("{sorted}{page}{order}"));
                db_load(&db, &["duplicates=1", sorted, page, order], &pairs);
                agree(&db);
            }
        }
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let scratch = Scratch::new();
    let refused = |name: &str, words: &str| {
        let path = scratch.path(name);
        let file = SasldbFile::new(&path, Default::default());
        for error in [
            file.get("alice", "example.com", "userPassword").unwrap_err(),
            file.put("alice", "example.com", "userPassword", b"x").unwrap_err(),
            file.users().unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::Fail);
            assert!(error.detail().contains(path.to_str().unwrap()), "{error}");
            assert!(error.detail().contains(words), "{error}");
        }
    };
    let load = |name: &str, arguments: &[&str]| {
        let dump = if arguments.contains(&"recno") || arguments.contains(&"queue") { "1\nx\n" } else { "a\nb\n" };
        run(Command::new("db5.3_load").args(arguments).arg("-T").arg(scratch.path(name)), dump.as_bytes());
    };
    load("btree", &["-t", "btree"]);
    refused("btree", "Berkeley DB btree");
    load("queue", &["-t", "queue", "-c", "re_len=10"]);
    refused("queue", "Berkeley DB queue");
    load("encrypted", &["-t", "hash", "-P", "password"]);
    refused("encrypted", "encrypted");
    for (name, magic, words) in [
        ("bdb185", &0x0006_1561_u32.to_be_bytes()[..], "1.85 hash file (db_dump185"),
        ("sqlite", b"SQLite format 3\0", "SQLite"),
        ("text", b"alice:secret\n", "no password database"),
        ("short", b"\0", "no password database"),
        ("zeros", &[0; 8192], "no password database"),
    ] {
        fs::write(scratch.path(name), [magic, &[0; 100]].concat()).unwrap();
        refused(name, words);
        assert!(SasldbFile::open(scratch.path(name)).is_err());
    }
    fs::create_dir(scratch.path("directory")).unwrap();
    refused("directory", "not a regular file");
    run(Command::new("mkfifo").arg(scratch.path("pipe")), b"");
    refused("pipe", "not a regular file");
}

#[cfg(not(feature = "lmdb"))]
#[test]
fn without_lmdb_nothing_is_made_and_the_error_says_why() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    let file = SasldbFile::open(&db).unwrap();
    assert!(file.get("alice", "example.com", "userPassword").unwrap().is_none());
    let error = file.put("alice", "example.com", "userPassword", b"x").unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert!(error.detail().contains("built without LMDB") && error.detail().contains(db.to_str().unwrap()), "{error}");
    assert!(!db.exists());
}

#[cfg(feature = "lmdb")]
#[test]
fn names_and_values_that_cannot_be_stored_are_refused() {
    let scratch = Scratch::new();
    let file = SasldbFile::open(scratch.path("db")).unwrap();
    for (user, realm, property) in [("a\0b", "c", "d"), ("a", "b\0", "d"), ("a", "b", "\0")] {
        assert_eq!(file.get(user, realm, property).unwrap_err().code(), Code::BadParam);
        assert_eq!(file.put(user, realm, property, b"x").unwrap_err().code(), Code::BadParam);
        assert_eq!(file.delete(user, realm, property).unwrap_err().code(), Code::BadParam);
        assert_eq!(file.user_exists(user, realm).is_err(), property != "\0");
    }
    assert_eq!(file.put("u".repeat(500), "realm", "property", b"x").unwrap_err().code(), Code::BadParam);
    assert!(file.get("u".repeat(5000), "realm", "property").unwrap().is_none());
    assert_eq!(file.put("u", "realm", "property", &[b'x'; 8193]).unwrap_err().code(), Code::BufOver);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0, "nothing was made");
    file.put("u".repeat(509 - 5 - 8), "realm", "property", &[b'x'; 8192]).unwrap();
    let value = file.get("u".repeat(509 - 5 - 8), "realm", "property").unwrap().unwrap();
    assert_eq!(value.expose().len(), 8192);
    assert!(file.get("u".repeat(5000), "realm", "property").unwrap().is_none());
    file.put("", "", "", b"").unwrap();
    assert!(file.get("", "", "").unwrap().unwrap().expose().is_empty());
}

#[test]
fn a_file_that_is_being_written_is_read_right() {
    let scratch = Scratch::new();
    let make = compile(&scratch, "bdb_make", "-ldb");
    let db = scratch.path("db");
    let mut writer = Running::start(Command::new(make).arg(&db).args(["512", "1234", "busy"]).stdout(Stdio::piped()));
    writer.expect_line("ready");
    let file = SasldbFile::open(&db).unwrap();
    let (mut right, mut later) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        for n in 0..100 {
            match file.lookup_many(format!("user{n}"), "example.com", &["userPassword", "other"]) {
                Ok(values) => {
                    let value = values[0].as_ref().unwrap_or_else(|| panic!("user{n} was lost")).expose();
                    assert!((40..43).contains(&value.len()) && value.iter().all(|byte| *byte == value[0]), "{value:?}");
                    assert!(values[1].is_none());
                    right += 1;
                }
                Err(error) => {
                    assert_eq!(error.code(), Code::TryAgain, "{error}");
                    later += 1;
                }
            }
        }
    }
    drop(writer);
    println!("{right} right, {later} to be tried again");
    assert!(right > 20 * later, "{right} right, {later} to be tried again");
}

#[test]
fn a_change_by_saslpasswd2_shows_at_once() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    db_load(&db, &["db_pagesize=512"], &users(50));
    let file = SasldbFile::open(&db).unwrap();
    let get = |user: &str| {
        file.get(user, "example.com", "userPassword").unwrap().map(|v| String::from_utf8(v.expose().to_vec()).unwrap())
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(get("user7").unwrap(), "secret of 7");
                assert_eq!(get("nobody"), None);
            }
        });
        for n in 0..30 {
            let user = format!("new{n}");
            assert_eq!(get(&user), None);
            saslpasswd2(&db, "example.com", &user, Some(&user));
            assert_eq!(get(&user).as_ref(), Some(&user));
            saslpasswd2(&db, "example.com", &user, Some("changed"));
            assert_eq!(get(&user).unwrap(), "changed");
            if n % 3 == 0 {
                saslpasswd2(&db, "example.com", &user, None);
                assert_eq!(get(&user), None);
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    agree(&db);
}

#[test]
fn a_descriptor_that_was_given_to_someone_else_is_left_alone() {
    let scratch = Scratch::new();
    let (db, other) = (scratch.path("db"), scratch.path("other"));
    db_load(&db, &[], &users(50));
    thread::sleep(Duration::from_millis(50)); // at rest, so that it is kept open
    let file = SasldbFile::open(&db).unwrap();
    assert!(file.user_exists("user1", "example.com").unwrap());
    db_load(&other, &[], &users(1));
    let taken = scratch::take_descriptors_of(&db, &other);
    assert!(!taken.is_empty());
    assert!(file.user_exists("user2", "example.com").unwrap());
    drop(file);
    for descriptor in taken {
        assert_eq!(fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap(), other, "{descriptor} was closed");
    }
}
