//! Berkeley DB files that we change, against the programs that own the format, and against what goes wrong: full disks,
//! killed writers, several of them at once, links, owners.

mod scratch;

use std::ffi::CString;
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use oxisasl::Code;
use oxisasl::store::bdb::{BdbFile, MAX_ENTRIES};
use oxisasl::store::lmdb::LmdbOptions;
use oxisasl::store::sasldb::{Edit, Format, SasldbFile};
use scratch::{
    Pairs, Running, Scratch, become_nobody, child, child_after, compile, db_dump, db_load, on_small_disk, run,
    saslpasswd2, system_calls, traced, users,
};

const REALM: &str = "example.com";
const PROPERTY: &str = "userPassword";
const ACCESS_LIST: &str = "system.posix_acl_access";

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

/// Owner, group and mode.
fn owner(path: &Path) -> (u32, u32, u32) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
}

fn c_string(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    let (path, name) = (c_string(path.to_str().unwrap()), c_string(name));
    // SAFETY: both names end with NUL and live across the call, and so does the value, of the length given.
    let result = unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let (path, name) = (c_string(path.to_str().unwrap()), c_string(name));
    let mut value = vec![0; 1000];
    // SAFETY: both names end with NUL and live across the call, and so does the buffer, of the length given.
    let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    value.truncate(usize::try_from(length).ok()?);
    Some(value)
}

fn remove_attribute(path: &Path, name: &str) {
    let (path, name) = (c_string(path.to_str().unwrap()), c_string(name));
    // SAFETY: both names end with NUL and live across the call. It may well be that there is no such attribute.
    unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) };
}

/// An access control list as Linux keeps it: the owner, user 12345, the group, the mask and others, with these rights.
fn access_list(rights: [u16; 5]) -> Vec<u8> {
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, right) in [1_u16, 2, 4, 0x10, 0x20].into_iter().zip(rights) {
        list.extend(tag.to_le_bytes());
        list.extend(right.to_le_bytes());
        list.extend(if tag == 2 { 12_345_u32 } else { u32::MAX }.to_le_bytes());
    }
    list
}

#[test]
fn owner_mode_and_attributes_are_kept() {
    let scratch = Scratch::new();
    // What files made here get by themselves is not what the old one has.
    set_attribute(&scratch.0, "system.posix_acl_default", &access_list([7, 7, 7, 7, 7]));
    let db = scratch.path("db");
    db_load(&db, &[], &users(5));
    for (n, mode) in [0o600, 0o640, 0o664, 0o400].into_iter().enumerate() {
        let list = (n == 1).then(|| access_list([6, 4, 0, 4, 0]));
        match &list {
            Some(list) => set_attribute(&db, ACCESS_LIST, list),
            None => remove_attribute(&db, ACCESS_LIST),
        }
        set_attribute(&db, "user.note", b"kept");
        fs::set_permissions(&db, Permissions::from_mode(mode)).unwrap();
        let is_root = chown(&db, Some(12), Some(34)).is_ok();
        if !is_root && mode & 0o200 == 0 {
            break;
        }
        let before = owner(&db);
        put(&SasldbFile::open(&db).unwrap(), "new", mode.to_string().as_bytes());
        assert_eq!(owner(&db), before);
        assert_eq!(attribute(&db, ACCESS_LIST), list);
        assert_eq!(attribute(&db, "user.note").unwrap(), b"kept");
    }
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    let (link, db) = (scratch.path("sasldb2"), scratch.path("elsewhere/real"));
    db_load(&db, &[], &users(5));
    symlink("elsewhere/real", &link).unwrap();
    put(&SasldbFile::open(&link).unwrap(), "new", b"value");
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("elsewhere/real"));
    assert_eq!(get(&SasldbFile::open(&db).unwrap(), "new").unwrap(), b"value");
    assert_eq!(fs::read_dir(scratch.path("elsewhere")).unwrap().count(), 1);

    // A second name would go on with the old passwords.
    let other = scratch.path("other");
    fs::hard_link(&db, &other).unwrap();
    let before = fs::read(&db).unwrap();
    let error = SasldbFile::open(&link).unwrap().put("new", REALM, PROPERTY, b"x").unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert!(error.detail().contains("2 names (hard links)") && error.detail().contains("sasldb2"), "{error}");
    assert_eq!(fs::read(&db).unwrap(), before);
    assert_eq!(fs::read(&other).unwrap(), before);
}

#[test]
fn what_the_system_does_not_allow_is_an_error() {
    let scratch = Scratch::new();
    let folder = scratch.path("folder");
    fs::create_dir(&folder).unwrap();
    let db = folder.join("db");
    db_load(&db, &[], &users(5));
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let refused = |words: &str| {
        let before = fs::read(&db).unwrap();
        let said = run(&mut child(&format!("refused {words}"), &db), b"").stdout;
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains(words), "{said}");
        assert_eq!(fs::read(&db).unwrap(), before);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    };
    // Not even where the folder would let it be replaced.
    set(&folder, 0o777);
    set(&db, 0o444);
    refused("cannot open it for writing");
    set(&db, 0o666);
    refused("cannot keep its owner");
    set(&folder, 0o755);
    refused(&format!("cannot make a file in {}", fs::canonicalize(&folder).unwrap().display()));
}

#[test]
fn a_file_that_is_a_mount_is_not_replaced() {
    let scratch = Scratch::new();
    let (db, seen) = (scratch.path("db"), scratch.path("seen"));
    db_load(&db, &[], &users(5));
    fs::write(&seen, "").unwrap();
    let inner = child_after(&format!("mount --bind {} {}", db.display(), seen.display()), "refused-here", &seen);
    let mut command = Command::new("unshare");
    command.arg("-m").arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = String::from_utf8(run(&mut command, b"").stdout).unwrap();
    assert!(said.contains("is it a mount of its own?"), "{said}");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 2);
}

#[test]
fn many_writers_take_turns() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    db_load(&db, &["db_pagesize=512"], &users(20));
    let writers: Vec<_> =
        (0..3).map(|n| Running::start(child(&format!("write w{n}"), &db).stdout(Stdio::null()))).collect();
    let file = SasldbFile::open(&db).unwrap();
    thread::scope(|scope| {
        for n in 0..3 {
            let file = &file;
            scope.spawn(move || {
                for round in 0..10 {
                    let name = format!("us-{n}-{round}");
                    put(file, &name, b"us");
                    assert_eq!(get(file, &name).unwrap(), b"us");
                    assert_eq!(get(file, "user7").unwrap(), b"secret of 7");
                }
            });
        }
    });
    writers.into_iter().for_each(Running::finish);
    assert_eq!(db_dump(&db).len(), 20 + 3 * 10 + 3 * 2 * 10);
    run(Command::new("db5.3_verify").arg("-q").arg(&db), b"");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn a_program_with_berkeley_db_that_writes_at_the_same_time_loses_nothing() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    db_load(&db, &[], &users(200));
    let file = SasldbFile::open(&db).unwrap();
    let rounds = 40;
    thread::scope(|scope| {
        scope.spawn(|| (0..rounds).for_each(|n| saslpasswd2(&db, REALM, &format!("stock{n}"), Some("stock"))));
        (0..rounds).for_each(|n| put(&file, &format!("ours{n}"), b"ours"));
    });
    let lost: Vec<_> = (0..rounds)
        .flat_map(|n| [format!("stock{n}"), format!("ours{n}")])
        .filter(|user| get(&file, user).is_none())
        .collect();
    run(Command::new("db5.3_verify").arg("-q").arg(&db), b"");
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn a_writer_killed_at_any_system_call_leaves_the_old_or_the_new_database() {
    let scratch = Scratch::new();
    let (first, db, trace) = (scratch.path("first"), scratch.path("db"), scratch.path("trace"));
    db_load(&first, &[], &users(2000));
    let old = fs::read(&first).unwrap();
    let prepare = || {
        fs::write(&db, &old).unwrap();
        // A file that is still fresh is waited for, with more or fewer calls.
        let written = fs::metadata(&db).unwrap().modified().unwrap();
        while written.elapsed().unwrap() < Duration::from_millis(50) {
            thread::sleep(Duration::from_millis(5));
        }
    };
    let traced = |options: &[&str]| traced(options, &child("put bob", &db));
    prepare();
    assert!(traced(&["-o", trace.to_str().unwrap()]).success());
    let points = system_calls(&fs::read_to_string(&trace).unwrap(), &db, &[]);
    fs::remove_file(&trace).unwrap();
    let (mut before, mut after) = (0, 0);
    for (name, count) in &points {
        prepare();
        let inject = format!("inject={name}:signal=KILL:when={count}");
        let status = traced(&["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject]);
        if status.success() {
            // It came that far with one call less of this kind.
            assert_eq!(get(&SasldbFile::open(&db).unwrap(), "bob").unwrap(), b"secret");
            continue;
        }
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{inject}: {status}");
        let file = SasldbFile::open(&db).unwrap();
        match get(&file, "bob") {
            None => {
                assert!(fs::read(&db).unwrap() == old, "{inject}");
                before += 1;
            }
            Some(value) => {
                run(Command::new("db5.3_verify").arg("-q").arg(&db), b"");
                assert_eq!(value, b"secret");
                assert_eq!(file.users().unwrap().len(), 2001, "{inject}");
                after += 1;
            }
        }
        // What was left unfinished is nobody's business, and goes with the next change.
        for entry in fs::read_dir(&scratch.0).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if !["db", "first"].contains(&name.to_str().unwrap()) {
                assert_eq!(owner(&entry.path()).2 & 0o077 & !owner(&db).2, 0, "{inject}");
                assert!(name.to_str().unwrap().ends_with(".oxisasl-new"), "{name:?}");
            }
        }
        put(&file, "carol", b"after");
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 2, "{inject}");
    }
    println!("{before} times the old one, {after} times the new one");
    assert!(before >= 40 && after >= 5, "{before} times the old one, {after} times the new one");
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let scratch = Scratch::new();
    let source = scratch.path("source");
    db_load(&source, &[], &users(50));
    let setup = format!("cp {} db; dd if=/dev/zero of=ballast bs=1k count=250 2>/dev/null", source.display());
    let said = on_small_disk(&scratch, &setup, "fill ballast");
    assert!(said.contains("No space left on device") && said.contains("it is as it was"), "{said}");
}

#[test]
fn a_file_size_limit_is_an_error_and_loses_nothing() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    db_load(&db, &[], &users(50));
    let said = run(&mut child_after("trap '' XFSZ; ulimit -f 200", "fill", &db), b"").stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("File too large"), "{said}");
    run(Command::new("db5.3_verify").arg("-q").arg(&db), b"");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn very_large_files_are_left_to_other_programs() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    db_load(&db, &[], &users(MAX_ENTRIES));
    let file = SasldbFile::open(&db).unwrap();
    let refused = |error: oxisasl::Error| {
        assert_eq!(error.code(), Code::Fail);
        for part in [db.to_str().unwrap(), "100000", "saslmigrate", "saslpasswd2"] {
            assert!(error.detail().contains(part), "{error}");
        }
    };
    file.check_writable().unwrap();
    put(&file, "user7", b"changed");
    let before = fs::metadata(&db).unwrap().ino();
    refused(file.put("new", REALM, PROPERTY, b"x").unwrap_err());
    assert_eq!(fs::metadata(&db).unwrap().ino(), before);
    saslpasswd2(&db, REALM, "new", Some("by stock"));
    refused(file.check_writable().unwrap_err());
    refused(file.put("user7", REALM, PROPERTY, b"x").unwrap_err());
    refused(file.delete("user7", REALM, PROPERTY).unwrap_err());
    assert_eq!(get(&file, "new").unwrap(), b"by stock");
    assert_eq!(get(&file, "user7").unwrap(), b"changed");
}

#[test]
fn files_of_other_kinds_are_not_written() {
    let scratch = Scratch::new();
    let make = compile(&scratch, "bdb_make", "-ldb");
    let refused = |db: &Path, words: &str| {
        let before = fs::read(db).unwrap();
        let file = SasldbFile::open(db).unwrap();
        let error = file.put("user1", REALM, PROPERTY, b"x").unwrap_err();
        assert_eq!(error.code(), Code::Fail);
        assert!(error.detail().contains(db.to_str().unwrap()) && error.detail().contains(words), "{error}");
        assert_eq!(fs::read(db).unwrap(), before);
        file.check_writable().err()
    };
    let db = scratch.path("hash");
    run(Command::new(make).arg(&db).args(["512", "1234", "myhash"]), b"");
    assert!(refused(&db, "hash function").is_some());
    let db = scratch.path("duplicates");
    let mut pairs = users(5);
    pairs.push((users(1)[0].0.clone(), b"another".to_vec()));
    db_load(&db, &["duplicates=1"], &pairs);
    refused(&db, "several values");
    let db = scratch.path("newer");
    db_load(&db, &[], &users(5));
    aged(&db, 10);
    assert!(refused(&db, "version 10").is_some());
    let db = scratch.path("damaged");
    db_load(&db, &["db_pagesize=512"], &users(100));
    let file = OpenOptions::new().write(true).open(&db).unwrap();
    file.write_all_at(&[99], 4 * 512 + 25).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    assert!(refused(&db, "page 4").is_some());
}

/// Not a test of its own: what the processes do that other tests start. Alone it has nothing to do.
#[test]
fn child_process() {
    let Ok(action) = std::env::var("OXISASL_ACTION") else { return };
    let db = PathBuf::from(std::env::var_os("OXISASL_DB").unwrap());
    let file = SasldbFile::new(&db, LmdbOptions::default());
    match action.split_once(' ').unwrap_or((&action, "")) {
        ("put", user) => put(&file, user, b"secret"),
        ("write", name) => thread::scope(|scope| {
            for thread in 0..2 {
                let file = &file;
                scope.spawn(move || (0..10).for_each(|n| put(file, &format!("{name}-{thread}-{n}"), name.as_bytes())));
            }
        }),
        ("refused", _) => {
            become_nobody();
            println!("{}", file.put("new", REALM, PROPERTY, b"x").unwrap_err());
        }
        ("refused-here", _) => println!("{}", file.put("new", REALM, PROPERTY, b"x").unwrap_err()),
        // Until it fails; says with what, and checks that nothing is lost.
        ("fill", ballast) => {
            let mut stored = 0_usize;
            let error = loop {
                match file.put(format!("fill{stored}"), REALM, PROPERTY, &[b'f'; 4000]) {
                    Ok(()) => stored += 1,
                    Err(error) => break error,
                }
            };
            assert!(stored > 0);
            assert_eq!(error.code(), Code::Fail);
            assert!(error.detail().contains(db.to_str().unwrap()), "{error}");
            println!("{error}");
            let check = |stored| {
                assert_eq!(file.users().unwrap().len(), 50 + stored);
                assert_eq!(get(&file, "user7").unwrap(), b"secret of 7");
                assert_eq!(get(&file, "fill0").unwrap(), [b'f'; 4000]);
            };
            check(stored);
            if !ballast.is_empty() {
                assert_eq!(fs::read_dir(".").unwrap().count(), 2, "nothing unfinished is left");
                fs::remove_file(ballast).unwrap();
                put(&file, "after", b"after");
                check(stored + 1);
            }
        }
        other => panic!("{other:?}"),
    }
}
