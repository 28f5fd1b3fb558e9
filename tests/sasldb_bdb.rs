//! Berkeley DB files that we change, against the programs that own the format, and against what goes wrong: full disks,
//! killed writers, several of them at once, links, owners.

mod scratch;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use oxisasl::Code;
use oxisasl::store::bdb::{BdbFile, MAX_ENTRIES};
use oxisasl::store::lmdb::LmdbOptions;
use oxisasl::store::sasldb::{Edit, Format, SasldbFile};
use scratch::{
    Pairs, Running, Scratch, become_nobody, child, child_after, compile, db_dump, db_load, on_small_disk, run, saslpasswd2, users,
};

const REALM: &str = "example.com";
const PROPERTY: &str = "userPassword";

fn put(file: &SasldbFile, user: &str, value: &[u8]) {
    file.put(user, REALM, PROPERTY, value).unwrap();
}

fn get(file: &SasldbFile, user: &str) -> Option<Vec<u8>> {
    file.get(user, REALM, PROPERTY).unwrap().map(|value| value.expose().to_vec())
}

/// The file is sound, as Berkeley DB sees it and as we do, and has these pairs: found by walking and by looking up.
fn holds(peer: &Path, db: &Path, expected: &Pairs) {
    run(Command::new("db5.3_verify").arg("-q").arg(db), b"");
    assert!(db_dump(db) == *expected, "{}", db.display());
    let counted = run(Command::new(peer).arg(db).arg("check"), b"").stdout;
    assert_eq!(String::from_utf8(counted).unwrap().trim(), expected.len().to_string());
    let file = BdbFile::new(db);
    file.verify().unwrap();
    for (key, values) in expected {
        let value = file.get_many(std::slice::from_ref(key), u32::MAX).unwrap().pop().unwrap();
        assert_eq!(value.unwrap().expose(), values[0]);
    }
}

fn as_pairs(pairs: &[(Vec<u8>, Vec<u8>)]) -> Pairs {
    pairs.iter().map(|(key, value)| (key.clone(), vec![value.clone()])).collect()
}

/// Users and what else a file may have: long and empty values, and long keys.
fn assorted(count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = users(count);
    pairs.push((b"empty".to_vec(), Vec::new()));
    for size in [100, 127, 128, 129, 255, 256, 257, 500, 1023, 1024, 1025, 3000, 16_384, 70_000] {
        pairs.push((format!("big value {size}").into_bytes(), (0..size).map(|n| (n % 251) as u8).collect()));
        // Each of these keys begins as the ones before.
        pairs.push((vec![b'k'; size], format!("value of a key of {size}").into_bytes()));
        pairs.push(([size.to_string().as_bytes(), &vec![b'x'; size]].concat(), b"value of a big key".to_vec()));
    }
    pairs
}

#[test]
fn every_page_size_byte_order_and_checksum_is_written() {
    let scratch = Scratch::new();
    let peer = compile(&scratch, "bdb_peer", "-ldb");
    let pairs = assorted(100);
    for page in ["512", "1024", "2048", "4096", "8192", "16384", "32768", "65536"] {
        for order in ["1234", "4321"] {
            for checksum in [false, true] {
                let db = scratch.path(&format!("{page}-{order}-{checksum}"));
                let [page, order] = [format!("db_pagesize={page}"), format!("db_lorder={order}")];
                let settings = [page.as_str(), order.as_str(), "chksum=1"];
                db_load(&db, &settings[..if checksum { 3 } else { 2 }], &pairs);
                let before = fs::read(&db).unwrap();
                let file = BdbFile::new(&db);
                let long = vec![b'L'; 9000];
                let edits = [
                    (users(9)[7].0.clone(), Some(&b"changed"[..])),
                    (users(9)[8].0.clone(), None),
                    (b"new".to_vec(), Some(&b""[..])),
                    (b"long".to_vec(), Some(&long)),
                    (b"big value 3000".to_vec(), None),
                    (b"nothing".to_vec(), None),
                ];
                assert!(file.apply(&edits).unwrap());
                let mut expected = as_pairs(&pairs);
                for (key, value) in &edits {
                    match value {
                        Some(value) => expected.insert(key.clone(), vec![value.to_vec()]),
                        None => expected.remove(key),
                    };
                }
                holds(&peer, &db, &expected);
                let after = fs::read(&db).unwrap();
                // What kind of file it is stays as it was.
                assert_eq!(before[8..28], after[8..28]);
                assert_eq!(before[48..52], after[48..52]);
                // Doing nothing is not written.
                assert!(!file.apply(&edits).unwrap());
                assert_eq!(fs::read(&db).unwrap(), after);
            }
        }
    }
}

#[test]
fn programs_with_berkeley_db_go_on_with_what_we_wrote() {
    let scratch = Scratch::new();
    let peer = compile(&scratch, "bdb_peer", "-ldb");
    for (page, count) in [("512", 2000), ("4096", 10_000), ("65536", 2000)] {
        let db = scratch.path(page);
        db_load(&db, &[&format!("db_pagesize={page}")], &users(count));
        let file = SasldbFile::open(&db).unwrap();
        // One is the beginning of the other, which Berkeley DB orders in its own way.
        let names = ["cmusaslsecretSCRAM", "cmusaslsecretSCRAM-SHA-1"];
        let edits: Vec<Edit<'_>> = (0..count)
            .flat_map(|n| names.map(|property| (n, property)))
            .filter(|(n, _)| n % 5 == 0)
            .map(|(n, property)| (format!("user{n}"), property))
            .map(|(user, property)| (user.leak(), property))
            .map(|(user, property)| Edit {
                user: user.as_bytes(),
                realm: REALM.as_bytes(),
                property: property.as_bytes(),
                value: Some(property.as_bytes()),
            })
            .collect();
        file.apply(&edits).unwrap();
        let mut expected = as_pairs(&users(count));
        for edit in &edits {
            let key = [edit.user, edit.realm, edit.property].join(&0);
            expected.insert(key, vec![edit.value.unwrap().to_vec()]);
        }
        holds(&peer, &db, &expected);
        let statistics = run(Command::new("db5.3_stat").arg("-d").arg(&db), b"").stdout;
        let statistics = String::from_utf8(statistics).unwrap();
        assert!(statistics.contains(&format!("{}\tNumber of keys in the database", expected.len())), "{statistics}");

        // The buckets split as it adds to them, and it finds what it looks for.
        run(Command::new(&peer).arg(&db).args(["add", "100000", "5000"]), b"");
        run(Command::new(&peer).arg(&db).args(["del", "0", "1000"]), b"");
        for n in 100_000..105_000 {
            let key = format!("user{n}\0example.com\0userPassword").into_bytes();
            expected.insert(key, vec![format!("peer's {n}").into_bytes()]);
        }
        for n in 0..1000 {
            expected.remove(format!("user{n}\0example.com\0userPassword").as_bytes());
        }
        holds(&peer, &db, &expected);
        // And so do we.
        put(&file, "user100007", b"ours again");
        let key = b"user100007\0example.com\0userPassword".to_vec();
        expected.insert(key, vec![b"ours again".to_vec()]);
        holds(&peer, &db, &expected);
    }
}

#[test]
fn the_stock_tools_and_we_take_turns() {
    let scratch = Scratch::new();
    let db = scratch.path("sasldb2");
    saslpasswd2(&db, REALM, "alice", Some("first"));
    let file = SasldbFile::open(&db).unwrap();
    file.check_writable().unwrap();
    for round in 0..5 {
        let (stocks, ours) = (format!("stock{round}"), format!("ours{round}"));
        saslpasswd2(&db, REALM, &stocks, Some("by saslpasswd2"));
        put(&file, &ours, b"by us");
        put(&file, &stocks, b"changed by us");
        saslpasswd2(&db, REALM, &ours, Some("changed by saslpasswd2"));
        assert_eq!(get(&file, &stocks).unwrap(), b"changed by us");
        assert_eq!(get(&file, &ours).unwrap(), b"changed by saslpasswd2");
    }
    assert!(file.delete("stock0", REALM, PROPERTY).unwrap());
    assert!(!file.delete("stock0", REALM, PROPERTY).unwrap());
    saslpasswd2(&db, REALM, "ours0", None);
    assert_eq!(get(&file, "ours0"), None);
    let listed = run(Command::new("sasldblistusers2").arg("-f").arg(&db), b"").stdout;
    let listed = String::from_utf8(listed).unwrap();
    let of_us = |name: &str| listed.lines().any(|line| line == format!("{name}@{REALM}: userPassword"));
    assert!(of_us("alice") && of_us("ours4") && of_us("stock4"), "{listed}");
    assert!(!of_us("stock0") && !of_us("ours0"), "{listed}");
    run(Command::new("db5.3_verify").arg("-q").arg(&db), b"");
    assert_eq!(file.format().unwrap(), Format::BerkeleyHash);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "no lock or other file is left");
}

/// Makes of a file of version 9 what an earlier version of Berkeley DB would have made.
fn aged(db: &Path, version: u8) {
    let mut bytes = fs::read(db).unwrap();
    let page = u32::from_le_bytes(*bytes[20..].first_chunk().unwrap()) as usize;
    bytes[16] = version;
    for kind in (1..bytes.len() / page).map(|number| number * page + 25) {
        if bytes[kind] == 13 {
            bytes[kind] = 2;
        }
    }
    fs::write(db, bytes).unwrap();
}

#[test]
fn older_versions_stay_what_they_are() {
    let scratch = Scratch::new();
    let peer = compile(&scratch, "bdb_peer", "-ldb");
    for version in [7, 8] {
        let db = scratch.path(&version.to_string());
        let pairs = assorted(200);
        db_load(&db, &["db_pagesize=512"], &pairs);
        aged(&db, version);
        let file = BdbFile::new(&db);
        file.check_writable().unwrap();
        assert!(file.apply(&[(b"new".to_vec(), Some(b"value"))]).unwrap());
        assert_eq!(file.version().unwrap(), u32::from(version));
        let mut expected = as_pairs(&pairs);
        expected.insert(b"new".to_vec(), vec![b"value".to_vec()]);
        holds(&peer, &db, &expected);
        // Berkeley DB's own conversion takes it as well, and we what comes of that.
        run(Command::new("db5.3_upgrade").arg(&db), b"");
        assert_eq!(file.version().unwrap(), 9);
        holds(&peer, &db, &expected);
        assert!(file.apply(&[(b"new".to_vec(), None)]).unwrap());
        expected.remove(&b"new"[..]);
        holds(&peer, &db, &expected);
    }
}

/// The system's own view of a file: owner, group, mode, and the named attribute.
fn dress(path: &Path) -> (u32, u32, u32, String) {
    let metadata = fs::metadata(path).unwrap();
    let list = run(Command::new("getfacl").args(["-cpn"]).arg(path), b"").stdout;
    (metadata.uid(), metadata.gid(), metadata.mode(), String::from_utf8(list).unwrap())
}
