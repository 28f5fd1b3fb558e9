//! What the password database keeps open between lookups, and what it does not go on with: a file that is another now, rights
//! that the process or the file has lost, and what other threads were doing when a process was forked.
#![cfg(feature = "lmdb")]

mod scratch;

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use oxisasl::config::ConfigFile;
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::lmdb::LmdbOptions;
use oxisasl::store::sasldb::{Edit, Format, SasldbFile};
use oxisasl::{Code, Secret, Server, ServerParams};
use scratch::{Scratch, become_nobody, child, db_load, run, users};

const REALM: &str = "example.com";
const PROPERTY: &str = "userPassword";
const FORMATS: [Format; 2] = [Format::BerkeleyHash, Format::Lmdb];

/// A database with 50 users whose password is `secret of <n>`, which has not been touched for a while.
fn make(db: &Path, format: Format) {
    match format {
        Format::BerkeleyHash => db_load(db, &[], &users(50)),
        _ => {
            let names: Vec<_> = (0..50).map(|n| (format!("user{n}"), format!("secret of {n}"))).collect();
            let edit = |(user, value): &'_ (String, String)| (user.clone().into_bytes(), value.clone().into_bytes());
            let pairs: Vec<_> = names.iter().map(edit).collect();
            let edits: Vec<_> = pairs
                .iter()
                .map(|(user, value)| Edit {
                    user,
                    realm: REALM.as_bytes(),
                    property: PROPERTY.as_bytes(),
                    value: Some(value),
                })
                .collect();
            SasldbFile::open(db).unwrap().apply(&edits).unwrap();
        }
    }
    let before = SystemTime::now() - Duration::from_secs(60);
    fs::File::options().write(true).open(db).unwrap().set_modified(before).unwrap();
}

fn get(file: &SasldbFile, n: usize) -> Result<Option<Vec<u8>>, oxisasl::Error> {
    Ok(file.get(format!("user{n}"), REALM, PROPERTY)?.map(|value| value.expose().to_vec()))
}

fn secret(n: usize) -> Option<Vec<u8>> {
    Some(format!("secret of {n}").into_bytes())
}

fn denied(file: &SasldbFile, db: &Path) {
    let error = get(file, 2).unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert!(error.detail().contains(db.to_str().unwrap()), "{error}");
    assert!(error.detail().contains("Permission denied"), "{error}");
}

/// Not a test of its own: what the processes do that other tests start. Alone it has nothing to do.
#[test]
fn child_process() {
    let Ok(action) = std::env::var("OXISASL_ACTION") else { return };
    let db = PathBuf::from(std::env::var_os("OXISASL_DB").unwrap());
    let file = SasldbFile::new(&db, LmdbOptions::default());
    match action.as_str() {
        "give-up-rights" => {
            assert_eq!(get(&file, 1).unwrap(), secret(1));
            become_nobody();
            denied(&file, &db);
        }
        "give-up-group" => {
            // SAFETY: these calls take numbers only, but for an empty list of groups.
            let become_group = |gid| unsafe { assert_eq!(libc::setegid(gid), 0) };
            become_group(65533);
            // SAFETY: as above.
            unsafe {
                assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
                assert_eq!(libc::setresuid(65534, 65534, 65534), 0);
            }
            assert_eq!(get(&file, 1).unwrap(), secret(1));
            // Back to the group that it was started with, which may not read it.
            become_group(0);
            denied(&file, &db);
        }
        "lose-permission" => {
            become_nobody();
            assert_eq!(get(&file, 1).unwrap(), secret(1));
            fs::set_permissions(&db, Permissions::from_mode(0o200)).unwrap();
            denied(&file, &db);
            fs::set_permissions(&db, Permissions::from_mode(0o600)).unwrap();
            assert_eq!(get(&file, 3).unwrap(), secret(3));
        }
        "leave-nothing" => {
            (0..50).for_each(|n| assert!(file.get(format!("user{n}"), REALM, PROPERTY).unwrap().is_some()));
            assert_eq!(copies(b" fo terces"), 0);
            let kept = file.get("user1", REALM, PROPERTY).unwrap();
            assert!(copies(b" fo terces") > 0, "the look finds nothing");
            drop(kept);
        }
        other => panic!("{other}"),
    }
}

/// How often a text, which is given backwards, is in the memory of this process that nothing else is mapped into.
fn copies(backwards: &[u8]) -> usize {
    let memory = fs::File::open("/proc/self/mem").unwrap();
    let is_text = |window: &&[u8]| window.iter().eq(backwards.iter().rev());
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let ours =
        maps.lines().filter(|line| line.contains(" rw-p ") && (line.ends_with(" 0 ") || line.ends_with("[heap]")));
    let count = |line: &str| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut bytes = vec![0; (end - start) as usize];
        memory.read_exact_at(&mut bytes, start).unwrap();
        let found = bytes.windows(backwards.len()).filter(is_text).count();
        // Not to be found by the next look.
        bytes.fill(0);
        std::hint::black_box(&bytes);
        found
    };
    ours.map(count).sum()
}

#[test]
fn no_secret_stays_in_memory() {
    let scratch = Scratch::new();
    for format in FORMATS {
        let db = scratch.path(&format!("{format:?}"));
        make(&db, format);
        run(&mut child("leave-nothing", &db), b"");
    }
}

/// Starts this program as root with a database of each format that is nobody's but root's.
fn as_root(action: &str, prepare: impl Fn(&Path)) {
    let scratch = Scratch::new();
    if chown(&scratch.0, Some(0), Some(0)).is_err() {
        eprintln!("skipped: only root can give up rights");
        return;
    }
    fs::set_permissions(&scratch.0, Permissions::from_mode(0o755)).unwrap();
    for format in FORMATS {
        let db = scratch.path(&format!("{format:?}"));
        make(&db, format);
        fs::set_permissions(&db, Permissions::from_mode(0o600)).unwrap();
        prepare(&db);
        run(&mut child(action, &db), b"");
    }
}

/// The stock library opens the file for each lookup.
#[test]
fn rights_that_were_given_up_are_not_used_any_more() {
    as_root("give-up-rights", |_| {});
    as_root("give-up-group", |db| {
        chown(db, None, Some(65533)).unwrap();
        fs::set_permissions(db, Permissions::from_mode(0o640)).unwrap();
    });
}

#[test]
fn permissions_that_were_taken_away_are_missed() {
    as_root("lose-permission", |db| chown(db, Some(65534), Some(65534)).unwrap());
}

#[test]
fn a_process_that_is_forked_while_others_read_waits_for_nobody() {
    let scratch = Scratch::new();
    let mut failed = Vec::new();
    for format in FORMATS {
        let db = scratch.path(&format!("{format:?}"));
        make(&db, format);
        let file = SasldbFile::open(&db).unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..8 {
                let (file, stop) = (&file, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(get(file, thread).unwrap(), secret(thread));
                    }
                });
            }
            for n in 0..20 {
                // SAFETY: the child only uses this crate and glibc's allocator, which survives a fork, and then leaves
                // without running anything of the test harness. The alarm ends one that waits.
                let pid = unsafe {
                    let pid = libc::fork();
                    if pid == 0 {
                        libc::alarm(10);
                        let right = (0..5).all(|_| get(&file, n).is_ok_and(|found| found == secret(n)));
                        libc::_exit(i32::from(!right));
                    }
                    pid
                };
                let mut status = 0;
                // SAFETY: `status` is a valid int, and the child is ours.
                assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
                failed.extend((status != 0).then_some((format, n, status)));
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
    assert_eq!(failed, []);
}

/// The file itself is as it was.
#[test]
fn a_folder_that_becomes_another_is_noticed() {
    let scratch = Scratch::new();
    for format in FORMATS {
        let (folder, aside) = (scratch.path("folder"), scratch.path(&format!("{format:?}")));
        let db = folder.join("db");
        fs::create_dir(&folder).unwrap();
        make(&db, format);
        let file = SasldbFile::open(&db).unwrap();
        assert_eq!(get(&file, 1).unwrap(), secret(1));
        let other = scratch.path(&format!("other-{format:?}"));
        fs::create_dir(&other).unwrap();
        make(&other.join("db"), format);
        SasldbFile::open(other.join("db")).unwrap().put("user1", REALM, PROPERTY, b"of another file").unwrap();
        fs::rename(&folder, &aside).unwrap();
        fs::rename(&other, &folder).unwrap();
        assert_eq!(get(&file, 1).unwrap().unwrap(), b"of another file");
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(get(&file, 1).ok().flatten(), None);
    }
}

#[test]
fn each_thread_sees_a_change_at_once() {
    let scratch = Scratch::new();
    for format in FORMATS {
        let db = scratch.path(&format!("{format:?}"));
        make(&db, format);
        let file = SasldbFile::open(&db).unwrap();
        // More threads than there are files kept open, each of which has the file open before it is changed.
        let barrier = std::sync::Barrier::new(21);
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    assert_eq!(get(&file, 7).unwrap(), secret(7));
                    for round in 0..5_u8 {
                        barrier.wait();
                        barrier.wait();
                        assert_eq!(get(&file, 7).unwrap(), Some(vec![round; 9]));
                    }
                });
            }
            for round in 0..5_u8 {
                barrier.wait();
                file.put("user7", REALM, PROPERTY, &[round; 9]).unwrap();
                barrier.wait();
            }
        });
    }
}

#[test]
fn a_database_that_becomes_one_of_another_kind_lets_in_whom_it_has() {
    let scratch = Scratch::new();
    let (db, plain, hashed) = (scratch.path("db"), scratch.path("plain"), scratch.path("hashed"));
    let server = |path: &Path| {
        let text = format!("sasldb_path: {}\n", path.display());
        let options = ConfigFile::parse("test.conf".as_ref(), text.as_bytes()).unwrap();
        Arc::new(Server::new("test").store(Sasldb::new()).options(options))
    };
    let session = |server: &Arc<Server>| server.session(ServerParams::new("test").fqdn(REALM)).unwrap();
    let set = |server: &Arc<Server>, user: &str, password: &str| {
        let password = Secret::from(password);
        let flags = PasswordFlags(PasswordFlags::CREATE);
        let change = PasswordChange { password: Some(&password), old: None, flags };
        session(server).set_password(user.as_bytes(), &change).unwrap();
    };
    db_load(&plain, &[], &users(3));
    set(&server(&hashed), "user0", "hashed");
    let server = server(&db);
    let lets_in = |password: &str| session(&server).check_password(b"user0", &Secret::from(password)).is_ok();
    for _ in 0..2 {
        for (file, right, wrong, kept) in
            [(&plain, "secret of 0", "hashed", PROPERTY), (&hashed, "hashed", "secret of 0", "authPassword")]
        {
            fs::copy(file, scratch.path("new")).unwrap();
            fs::rename(scratch.path("new"), &db).unwrap();
            // The first one asks what the file before has; each right one is let in, and no wrong one.
            assert!(lets_in(right), "{kept}");
            assert!(!lets_in(wrong) && !lets_in(""), "{kept}");
            assert!(lets_in(right), "{kept}");
            // And what is stored is as the file has it, whatever was there when somebody logged in last.
            let other = if *file == plain { &hashed } else { &plain };
            fs::copy(other, scratch.path("new")).unwrap();
            fs::rename(scratch.path("new"), &db).unwrap();
            set(&server, "new", "password");
            let has = |property| SasldbFile::open(&db).unwrap().get("new", REALM, property).unwrap().is_some();
            assert_eq!([has(PROPERTY), has("authPassword")], [*other == plain, *other == hashed]);
        }
    }
    fs::remove_file(&db).unwrap();
    assert!(!lets_in("hashed") && !lets_in("secret of 0"));
}
