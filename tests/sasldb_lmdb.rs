//! LMDB files against LMDB's own tools and library, and against what goes wrong: full maps, full disks, killed writers,
//! forks, files that others own, replace or cut.
#![cfg(feature = "lmdb")]

mod scratch;

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use oxisasl::Code;
use oxisasl::store::lmdb::LmdbOptions;
use oxisasl::store::sasldb::{Format, SasldbFile};
use scratch::{
    Running, Scratch, become_nobody, child, child_after, compile, lmdb_dump, on_small_disk, run, system_calls, traced,
};

const REALM: &str = "example.com";
const PROPERTY: &str = "userPassword";

fn put(file: &SasldbFile, user: &str, value: &[u8]) {
    file.put(user, REALM, PROPERTY, value).unwrap();
}

fn get(file: &SasldbFile, user: &str) -> Option<Vec<u8>> {
    file.get(user, REALM, PROPERTY).unwrap().map(|value| value.expose().to_vec())
}

/// Not a test of its own: what the processes do that other tests start. Alone it has nothing to do.
#[test]
fn child_process() {
    let Ok(action) = std::env::var("OXISASL_ACTION") else { return };
    let db = PathBuf::from(std::env::var_os("OXISASL_DB").unwrap());
    let file = SasldbFile::new(&db, LmdbOptions::default());
    let mut words = action.split(' ').peekable();
    if words.next_if_eq(&"nobody").is_some() {
        become_nobody();
    }
    match words.next().unwrap() {
        "put" => put(&file, words.next().unwrap(), b"secret"),
        "write" => {
            let name = words.next().unwrap();
            thread::scope(|scope| {
                for thread in 0..3 {
                    let file = &file;
                    scope.spawn(move || {
                        (0..25).for_each(|n| put(file, &format!("{name}-{thread}-{n}"), name.as_bytes()))
                    });
                }
            });
        }
        "write-forever" => loop {
            for n in 0..50 * 26 {
                put(&file, &format!("user{}", n % 50), &[b"abcdefghijklmnopqrstuvwxyz"[n % 26]; 3000]);
            }
        },
        // Until it fails; says with what, and checks that nothing else is lost.
        "fill" => {
            let error = (0..).find_map(|n| file.put(format!("fill{n}"), REALM, PROPERTY, &[b'f'; 4000]).err()).unwrap();
            assert_eq!(error.code(), Code::Fail);
            assert!(error.detail().contains(db.to_str().unwrap()), "{error}");
            assert_eq!(get(&file, "alice").unwrap(), b"secret");
            assert_eq!(get(&file, "fill0").unwrap(), [b'f'; 4000]);
            println!("{error}");
            if let Some(ballast) = words.next() {
                fs::remove_file(ballast).unwrap();
                put(&file, "bob", b"after");
                assert_eq!(get(&file, "bob").unwrap(), b"after");
            }
        }
        "open-on-full-disk" => {
            let error = file.put("alice", REALM, PROPERTY, b"secret").unwrap_err();
            assert_eq!(error.code(), Code::Fail);
            assert!(error.detail().contains(db.to_str().unwrap()), "{error}");
            assert!(get(&file, "alice").is_none());
            println!("{error}");
        }
        "read-only" => {
            assert_eq!(get(&file, "alice").unwrap(), b"secret");
            let error = file.put("alice", REALM, PROPERTY, b"x").unwrap_err();
            assert!(error.detail().contains(db.to_str().unwrap()), "{error}");
            assert!(error.detail().contains("Permission denied"), "{error}");
            assert_eq!(get(&file, "alice").unwrap(), b"secret");
        }
        "read-only-system" => {
            assert_eq!(get(&file, "alice").unwrap(), b"secret");
            for (user, value) in [("alice", None), ("bob", Some(&b"x"[..]))] {
                let error = match value {
                    Some(value) => file.put(user, REALM, PROPERTY, value).unwrap_err(),
                    None => file.delete(user, REALM, PROPERTY).unwrap_err(),
                };
                assert_eq!(error.code(), Code::Fail);
                for part in [db.to_str().unwrap(), "Read-only file system"] {
                    assert!(error.detail().contains(part), "{error}");
                }
            }
            assert_eq!(get(&file, "alice").unwrap(), b"secret");
        }
        "unreadable" => {
            let error = file.get("alice", REALM, PROPERTY).unwrap_err();
            assert_eq!(error.code(), Code::Fail);
            assert!(error.detail().contains(db.to_str().unwrap()), "{error}");
            assert!(error.detail().contains("Permission denied"), "{error}");
        }
        "read-while-written" => {
            let start = Instant::now();
            let mut seen = 0;
            while start.elapsed() < Duration::from_secs(2) {
                assert_eq!(get(&file, "alice").unwrap(), b"secret");
                for n in 0..50 {
                    if let Some(value) = get(&file, &format!("user{n}")) {
                        assert_eq!(value, [value[0]; 3000]);
                        seen += 1;
                    }
                }
            }
            assert!(seen > 100);
        }
        other => panic!("{other}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn lmdb_files_are_made_as_cyrus_makes_them() {
    let scratch = Scratch::new();
    let db = scratch.path("sasldb2");
    let file = SasldbFile::open(&db).unwrap();
    assert!(!file.delete("alice", "example.com", "userPassword").unwrap());
    assert!(!db.exists());
    file.put("alice", "example.com", "userPassword", b"secret").unwrap();
    file.put("bob", "example.com", "userPassword", b"geheim").unwrap();
    file.put("alice", "example.com", "userPassword", b"changed").unwrap();
    assert_eq!(file.format().unwrap(), Format::Lmdb);
    let get = |user, realm| file.get(user, realm, "userPassword").unwrap().map(|value| value.expose().to_vec());
    assert_eq!(get("alice", "example.com").unwrap(), b"changed");
    assert_eq!(get("alice", "other.org"), None);
    for name in ["sasldb2", "sasldb2-lock"] {
        assert_eq!(fs::metadata(scratch.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let pairs = lmdb_dump(&db);
    assert_eq!(pairs.len(), 2);
    assert_eq!(pairs[&b"alice\0example.com\0userPassword"[..]], [b"changed"]);
    assert_eq!(pairs[&b"bob\0example.com\0userPassword"[..]], [b"geheim"]);
    assert!(file.delete("bob", "example.com", "userPassword").unwrap());
    assert_eq!(lmdb_dump(&db).len(), 1);
    assert_eq!(file.users().unwrap().len(), 1);
}

#[test]
fn a_peer_with_liblmdb_and_we_understand_each_other() {
    let scratch = Scratch::new();
    let peer = compile(&scratch, "lmdb_peer", "-llmdb");
    let db = scratch.path("sasldb2");
    let file = SasldbFile::open(&db).unwrap();
    put(&file, "alice", b"secret");
    let peer_get = |user: &str| run(Command::new(&peer).arg(&db).args(["get", user, REALM, PROPERTY]), b"").stdout;
    let peer_put = |user: &str, value: &str| {
        run(Command::new(&peer).arg(&db).args(["put", user, REALM, PROPERTY, value]), b"");
    };
    assert_eq!(peer_get("alice"), b"secret");
    peer_put("alice", "changed");
    peer_put("bob", "new");
    assert_eq!(get(&file, "alice").unwrap(), b"changed");
    assert_eq!(get(&file, "bob").unwrap(), b"new");
    put(&file, "bob", b"ours");
    assert_eq!(peer_get("bob"), b"ours");
    let stat = run(Command::new("mdb_stat").arg("-n").arg(&db), b"").stdout;
    assert!(String::from_utf8(stat).unwrap().contains("Entries: 2"));

    // One that it made, read first and only then written: the environment is then opened anew.
    let theirs = scratch.path("theirs");
    run(Command::new(&peer).arg(&theirs).args(["put", "carol", REALM, PROPERTY, "secret"]), b"");
    let file = SasldbFile::open(&theirs).unwrap();
    assert_eq!(get(&file, "carol").unwrap(), b"secret");
    put(&file, "carol", b"written");
    assert_eq!(get(&file, "carol").unwrap(), b"written");
    assert_eq!(lmdb_dump(&theirs).len(), 1);
}

#[test]
fn new_files_are_private_whatever_the_umask() {
    let scratch = Scratch::new();
    for umask in ["000", "022", "277", "777"] {
        let db = scratch.path(umask);
        run(&mut child_after(&format!("umask {umask}"), "put alice", &db), b"");
        assert_eq!(mode(&db), 0o600);
        assert_eq!(mode(&scratch.path(&format!("{umask}-lock"))), 0o600);
    }
}

#[test]
fn the_lock_file_is_for_those_who_may_read_the_database() {
    let scratch = Scratch::new();
    let (db, lock) = (scratch.path("db"), scratch.path("db-lock"));
    put(&SasldbFile::open(&db).unwrap(), "alice", b"secret");
    for (database, expected) in [(0o640, 0o660), (0o600, 0o600), (0o644, 0o660), (0o660, 0o660)] {
        set_mode(&db, database);
        run(&mut child("put bob", &db), b"");
        assert_eq!(mode(&lock), expected, "{database:o}");
    }
}

#[test]
fn the_map_grows_when_it_is_full() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    let file = SasldbFile::new(&db, LmdbOptions { map_kib: Some(1), max_readers: None });
    for n in 0..250 {
        put(&file, &format!("user{n}"), &[b'v'; 8000]);
    }
    assert!(fs::metadata(&db).unwrap().len() > 2_000_000);
    assert_eq!(lmdb_dump(&db).len(), 250);
    assert_eq!(get(&file, "user0").unwrap(), [b'v'; 8000]);
}

#[test]
fn a_map_that_another_process_grew_is_followed() {
    let scratch = Scratch::new();
    let peer = compile(&scratch, "lmdb_peer", "-llmdb");
    let db = scratch.path("db");
    let writer = SasldbFile::open(&db).unwrap();
    put(&writer, "alice", b"secret");
    run(Command::new(&peer).arg(&db).args(["grow", "100000000", "1000"]), b"");
    assert_eq!(get(&writer, "grown999").unwrap(), [b'g'; 8000]);
    run(Command::new(&peer).arg(&db).args(["grow", "200000000", "3000"]), b"");
    put(&writer, "bob", b"new");
    assert_eq!(get(&writer, "grown2999").unwrap(), [b'g'; 8000]);
    assert_eq!(writer.users().unwrap().len(), 3002);
}

#[test]
fn options_that_cannot_be_used_are_refused() {
    let scratch = Scratch::new();
    for options in [
        LmdbOptions { map_kib: Some(u64::MAX), max_readers: None },
        LmdbOptions { map_kib: Some(1 << 60), max_readers: None },
        LmdbOptions { map_kib: None, max_readers: Some(0) },
    ] {
        let file = SasldbFile::new(scratch.path("db"), options);
        let error = file.put("alice", REALM, PROPERTY, b"secret").unwrap_err();
        assert_eq!(error.code(), Code::BadParam);
        assert!(error.detail().contains("sasldb_m"), "{error}");
    }
    let file = SasldbFile::new(scratch.path("db"), LmdbOptions { map_kib: Some(2048), max_readers: Some(3) });
    put(&file, "alice", b"secret");
    let info = String::from_utf8(run(Command::new("mdb_stat").arg("-ne").arg(scratch.path("db")), b"").stdout).unwrap();
    assert!(info.contains("Map size: 2097152"), "{info}");
    assert_eq!(fs::metadata(scratch.path("db-lock")).unwrap().len(), 128 + 3 * 64);
}

#[test]
fn many_writers_take_turns() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    let writers: Vec<_> =
        (0..4).map(|n| Running::start(child(&format!("write w{n}"), &db).stdout(Stdio::null()))).collect();
    let file = SasldbFile::new(&db, LmdbOptions::default());
    thread::scope(|scope| {
        for thread in 0..3 {
            let file = &file;
            scope.spawn(move || {
                for n in 0..25 {
                    put(file, &format!("us-{thread}-{n}"), b"us");
                    assert_eq!(get(file, &format!("us-{thread}-{n}")).unwrap(), b"us");
                }
            });
        }
    });
    writers.into_iter().for_each(Running::finish);
    let pairs = lmdb_dump(&db);
    assert_eq!(pairs.len(), 5 * 3 * 25);
    for (key, values) in pairs {
        assert!(key.starts_with(&values[0]));
    }
}

#[test]
fn a_killed_writer_leaves_a_sound_database() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    let file = SasldbFile::open(&db).unwrap();
    put(&file, "alice", b"secret");
    for round in 0..15_u32 {
        let writer = Running::start(child("write-forever", &db).stdout(Stdio::null()));
        // Any moment will do: the point is that it is a different one each time.
        thread::sleep(Duration::from_micros(u64::from(15_000 + round * 2311)));
        drop(writer);
        assert_eq!(get(&file, "alice").unwrap(), b"secret");
        put(&file, "round", round.to_string().as_bytes());
        assert_eq!(get(&file, "round").unwrap(), round.to_string().as_bytes());
        for (key, values) in lmdb_dump(&db) {
            if key.starts_with(b"user") {
                assert_eq!(values, [vec![values[0][0]; 3000]]);
            }
        }
    }
}

/// As for Berkeley DB, from no database and from one that is there: what was there stays, and the new user is there or not.
#[test]
fn a_writer_killed_at_any_system_call_leaves_a_sound_database() {
    let scratch = Scratch::new();
    let (first, db, lock) = (scratch.path("first"), scratch.path("db"), scratch.path("db-lock"));
    put(&SasldbFile::open(&first).unwrap(), "alice", b"secret");
    // The point of each kill, and whether what was written before it counts.
    let (mut before, mut after) = (0, 0);
    for existing in [true, false] {
        let prepare = || {
            for file in [&db, &lock] {
                let _ = fs::remove_file(file);
            }
            if existing {
                fs::copy(&first, &db).unwrap();
            }
        };
        prepare();
        let trace = scratch.path("trace");
        assert!(traced(&["-o", trace.to_str().unwrap()], &child("put bob", &db)).success());
        let points = system_calls(&fs::read_to_string(&trace).unwrap(), &db, &[]);
        assert!(points.len() > 20, "{points:?}");
        for (name, count) in points {
            prepare();
            let inject = format!("inject={name}:signal=KILL:when={count}");
            let options = ["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject];
            let status = traced(&options, &child("put bob", &db));
            let file = SasldbFile::open(&db).unwrap();
            if existing {
                assert_eq!(get(&file, "alice").unwrap(), b"secret", "{inject}");
            }
            let bob = get(&file, "bob");
            if status.success() {
                // It came that far with one call less of this kind.
                assert_eq!(bob.unwrap(), b"secret");
                continue;
            }
            assert_eq!(status.signal(), Some(libc::SIGKILL), "{inject}: {status}");
            match bob {
                None => before += 1,
                Some(value) => {
                    assert_eq!(value, b"secret", "{inject}");
                    after += 1;
                }
            }
            put(&file, "carol", b"after");
            assert_eq!(get(&file, "carol").unwrap(), b"after", "{inject}");
            for made in [&db, &lock] {
                assert_eq!(mode(made) & 0o077, 0, "{inject}: {}", made.display());
            }
            assert_eq!(lmdb_dump(&db).len(), 1 + usize::from(existing) + usize::from(get(&file, "bob").is_some()));
        }
    }
    println!("{before} times the old one, {after} times the new one");
    assert!(before >= 30 && after >= 3, "{before} times the old one, {after} times the new one");
}

#[test]
fn a_read_only_file_system_is_read() {
    let scratch = Scratch::new();
    let program = std::env::current_exe().unwrap();
    let first = format!("OXISASL_ACTION='put alice' {} --exact child_process >/dev/null", program.display());
    on_small_disk(&scratch, &format!("{first}; mount -o remount,ro .; cd /"), "read-only-system");
    let scratch = Scratch::new();
    // Without the lock file, too.
    on_small_disk(&scratch, &format!("{first}; rm db-lock; mount -o remount,ro .; cd /"), "read-only-system");
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let scratch = Scratch::new();
    let program = std::env::current_exe().unwrap();
    let first = format!("OXISASL_ACTION='put alice' {} --exact child_process >/dev/null", program.display());
    let said = on_small_disk(
        &scratch,
        &format!("dd if=/dev/zero of=ballast bs=1k count=100 2>/dev/null; {first}"),
        "fill ballast",
    );
    assert!(said.contains("No space left on device") || said.contains("disk full"), "{said}");
}

#[test]
fn a_disk_that_was_full_before_is_an_error() {
    let scratch = Scratch::new();
    let said = on_small_disk(&scratch, "dd if=/dev/zero of=ballast bs=1k 2>/dev/null || true", "open-on-full-disk");
    assert!(said.contains("No space left on device"), "{said}");
}

#[test]
fn a_file_size_limit_is_an_error_and_loses_nothing() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    put(&SasldbFile::open(&db).unwrap(), "alice", b"secret");
    let said = run(&mut child_after("trap '' XFSZ; ulimit -f 200", "fill", &db), b"").stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("File too large") || said.contains("disk full"), "{said}");
    assert!(lmdb_dump(&db).len() > 2);
}

#[test]
fn a_file_of_another_user_is_read() {
    let scratch = Scratch::new();
    let (db, lock) = (scratch.path("db"), scratch.path("db-lock"));
    put(&SasldbFile::open(&db).unwrap(), "alice", b"secret");
    let nobody = |action| {
        run(&mut child(&format!("nobody {action}"), &db), b"");
    };
    set_mode(&scratch.0, 0o555);
    nobody("unreadable");
    set_mode(&db, 0o444);
    set_mode(&lock, 0o400);
    nobody("read-only");
    set_mode(&lock, 0o444);
    nobody("read-only");
    set_mode(&scratch.0, 0o755);
    fs::remove_file(&lock).unwrap();
    set_mode(&scratch.0, 0o555);
    nobody("read-only");
    set_mode(&scratch.0, 0o755);
}

#[test]
fn a_reader_without_the_lock_file_sees_whole_values() {
    let scratch = Scratch::new();
    let (db, lock) = (scratch.path("db"), scratch.path("db-lock"));
    put(&SasldbFile::open(&db).unwrap(), "alice", b"secret");
    let writer = Running::start(child("write-forever", &db).stdout(Stdio::null()));
    while get(&SasldbFile::open(&db).unwrap(), "user49").is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    set_mode(&db, 0o444);
    set_mode(&lock, 0o400);
    set_mode(&scratch.0, 0o555);
    let reader = child("nobody read-while-written", &db).output().unwrap();
    set_mode(&scratch.0, 0o755);
    drop(writer);
    assert!(reader.status.success(), "{reader:?}");
}

#[test]
fn handles_links_and_threads_share_one_environment() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    put(&SasldbFile::open(&db).unwrap(), "alice", b"secret");
    std::os::unix::fs::symlink(&db, scratch.path("symbolic")).unwrap();
    fs::hard_link(&db, scratch.path("hard")).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for name in ["db", "symbolic", "hard", "db"] {
            let (path, stop) = (scratch.path(name), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(get(&SasldbFile::open(&path).unwrap(), "alice").unwrap(), b"secret");
                }
            });
        }
        for name in ["db", "symbolic", "hard"] {
            let file = SasldbFile::open(scratch.path(name)).unwrap();
            for n in 0..20 {
                put(&file, &format!("{name}{n}"), name.as_bytes());
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(lmdb_dump(&db).len(), 61);
    // Wherever it was opened first, it is mapped once.
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let here = scratch.0.to_str().unwrap();
    assert_eq!(maps.lines().filter(|line| line.contains(here) && !line.contains("-lock")).count(), 1, "{maps}");
}

#[test]
fn a_child_process_opens_the_file_anew() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    let file = SasldbFile::open(&db).unwrap();
    put(&file, "alice", b"secret");
    assert_eq!(get(&file, "alice").unwrap(), b"secret");
    let children: Vec<libc::pid_t> = (0..4)
        .map(|n| {
            // SAFETY: the child only uses this crate and glibc's allocator, which survives a fork, and then leaves
            // without running anything of the test harness.
            unsafe {
                let pid = libc::fork();
                if pid == 0 {
                    let work = std::panic::catch_unwind(|| {
                        for round in 0..20 {
                            put(&file, &format!("child{n}-{round}"), b"child");
                            assert_eq!(get(&file, "alice").unwrap(), b"secret");
                        }
                        // The parent's environment is still mapped, as it must not be closed, and our own beside it.
                        let maps = fs::read_to_string("/proc/self/maps").unwrap();
                        assert_eq!(maps.lines().filter(|line| line.ends_with(db.to_str().unwrap())).count(), 2);
                        // And a child of the child.
                        let pid = libc::fork();
                        if pid == 0 {
                            put(&file, &format!("grandchild{n}"), b"grandchild");
                            libc::_exit(0);
                        }
                        let mut status = 0;
                        assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
                        assert_eq!(status, 0);
                    });
                    libc::_exit(i32::from(work.is_err()));
                }
                pid
            }
        })
        .collect();
    for round in 0..20 {
        put(&file, &format!("parent-{round}"), b"parent");
    }
    for pid in children {
        let mut status = 0;
        // SAFETY: `status` is a valid int, and the child is ours.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        assert!(std::process::ExitStatus::from_raw(status).success());
    }
    assert_eq!(lmdb_dump(&db).len(), 1 + 20 + 4 * 21);
    put(&file, "after", b"after");
    assert_eq!(get(&file, "after").unwrap(), b"after");
}

#[test]
fn a_replaced_or_removed_file_is_noticed() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    let file = SasldbFile::open(&db).unwrap();
    put(&file, "alice", b"old");
    assert_eq!(get(&file, "alice").unwrap(), b"old");
    let other = SasldbFile::open(scratch.path("other")).unwrap();
    put(&other, "alice", b"new");
    put(&other, "bob", b"new");
    fs::rename(scratch.path("other"), &db).unwrap();
    assert_eq!(get(&file, "alice").unwrap(), b"new");
    put(&file, "carol", b"newer");
    assert_eq!(lmdb_dump(&db).len(), 3);
    fs::remove_file(&db).unwrap();
    assert!(get(&file, "alice").is_none());
    assert!(file.users().unwrap().is_empty());
    assert!(!file.delete("alice", REALM, PROPERTY).unwrap());
    put(&file, "dave", b"newest");
    assert!(get(&file, "alice").is_none());
    assert_eq!(lmdb_dump(&db).len(), 1);
    // Now one of the other format.
    fs::remove_file(&db).unwrap();
    run(Command::new("saslpasswd2").args(["-c", "-p", "-u", REALM, "-f"]).arg(&db).arg("alice"), b"berkeley");
    assert_eq!(file.format().unwrap(), Format::BerkeleyHash);
    assert_eq!(get(&file, "alice").unwrap(), b"berkeley");
    put(&file, "alice", b"in that format");
    assert_eq!(file.format().unwrap(), Format::BerkeleyHash);
    assert_eq!(get(&file, "alice").unwrap(), b"in that format");
    fs::remove_file(&db).unwrap();
    assert!(get(&file, "alice").is_none());
    put(&file, "alice", b"again");
    assert_eq!(get(&file, "alice").unwrap(), b"again");
}

#[test]
fn a_removed_lock_file_is_made_again() {
    let scratch = Scratch::new();
    let (db, lock) = (scratch.path("db"), scratch.path("db-lock"));
    let file = SasldbFile::open(&db).unwrap();
    put(&file, "alice", b"secret");
    fs::remove_file(&lock).unwrap();
    put(&file, "bob", b"secret");
    assert!(lock.exists());
    // One that another process made in its place is taken up.
    fs::remove_file(&lock).unwrap();
    run(&mut child("put carol", &db), b"");
    put(&file, "bob", b"changed");
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let here = scratch.0.to_str().unwrap();
    assert!(!maps.lines().any(|line| line.contains(here) && line.ends_with("(deleted)")), "{maps}");
    let writer = Running::start(child("write w", &db).stdout(Stdio::null()));
    for n in 0..25 {
        put(&file, &format!("us{n}"), b"us");
    }
    writer.finish();
    assert_eq!(lmdb_dump(&db).len(), 3 + 75 + 25);
    assert_eq!(mode(&lock), 0o600);
}

#[test]
fn a_truncated_file_is_an_error_and_not_a_crash() {
    let scratch = Scratch::new();
    let db = scratch.path("db");
    let file = SasldbFile::open(&db).unwrap();
    for n in 0..20 {
        put(&file, &format!("user{n}"), &[b'v'; 3000]);
    }
    let length = fs::metadata(&db).unwrap().len();
    let handle = OpenOptions::new().write(true).open(&db).unwrap();
    for cut in [1, 4096, length / 2, length - 4096, length - 100, length - 10] {
        handle.set_len(length - cut).unwrap();
        // What is open already, and what is opened now.
        for file in [&file, &SasldbFile::new(&db, LmdbOptions::default())] {
            let error = file.get("user7", REALM, PROPERTY).unwrap_err();
            assert_eq!(error.code(), Code::Fail);
            assert!(error.detail().contains(db.to_str().unwrap()), "{cut}: {error}");
        }
    }
    handle.set_len(0).unwrap();
    assert!(get(&file, "user7").is_none());
}

#[test]
fn a_lack_of_reader_slots_is_waited_out_and_dead_readers_do_not_count() {
    let scratch = Scratch::new();
    let peer = compile(&scratch, "lmdb_peer", "-llmdb");
    let db = scratch.path("db");
    let file = SasldbFile::new(&db, LmdbOptions { map_kib: None, max_readers: Some(2) });
    put(&file, "alice", b"secret");
    for _ in 0..2 {
        let mut reader = Running::start(Command::new(&peer).arg(&db).arg("hang").stdout(Stdio::piped()));
        reader.expect_line("reading");
    }
    assert_eq!(get(&file, "alice").unwrap(), b"secret");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..200).for_each(|_| assert_eq!(get(&file, "alice").unwrap(), b"secret")));
        }
    });
}

#[test]
fn a_descriptor_that_was_given_to_someone_else_is_left_alone() {
    let scratch = Scratch::new();
    let (db, other) = (scratch.path("db"), scratch.path("other"));
    let file = SasldbFile::open(&db).unwrap();
    put(&file, "alice", b"secret");
    fs::write(&other, vec![b'o'; 100_000]).unwrap();
    let taken = scratch::take_descriptors_of(&db, &other);
    assert!(!taken.is_empty());
    assert_eq!(get(&file, "alice").unwrap(), b"secret");
    put(&file, "bob", b"secret");
    assert_eq!(get(&file, "bob").unwrap(), b"secret");
    assert_eq!(lmdb_dump(&db).len(), 2);
    assert_eq!(fs::read(&other).unwrap(), vec![b'o'; 100_000]);
    for descriptor in taken {
        assert_eq!(fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap(), other, "{descriptor} was closed");
    }
}
