//! Servers that go away, come back, do not answer or are not there.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use oxisasl::Code;

use crate::application::{Application, PASSWORD};
use crate::bind;
use crate::directory::{PROXY_PASSWORD, options, options_at, start, uri};
use crate::rig::base::{PATIENCE, free_port, wait_until};
use crate::rig::slapd::Slapd;

const BASE: &str = "ldap_search_base: ou=people,dc=rig,dc=test\n";

/// The options of the store, and those of the verifier that binds.
fn both(slapd: &Slapd) -> [String; 2] {
    [options(slapd), bind::options(slapd, BASE)]
}

fn timeout(seconds: u32) -> String {
    format!("ldapdb_timeout: {seconds}\nldap_timeout: {seconds}\n")
}

/// No answer is wrong while the server is killed and started again, and then logins go on.
#[test]
fn a_server_that_is_killed_under_load_costs_no_wrong_answer() {
    let mut slapd = start();
    for (options, mechanisms) in both(&slapd)
        .into_iter()
        .zip([["PLAIN", "CRAM-MD5", "DIGEST-MD5", "PLAIN"], ["PLAIN", "LOGIN", "PLAIN", "LOGIN"]])
    {
        let application = Application::new(&options);
        let over = AtomicBool::new(false);
        let (good, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for mechanism in mechanisms {
                let (application, over, good, failed) = (&application, &over, &good, &failed);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        for (user, password, expected) in [
                            ("alice", PASSWORD, None),
                            ("alice", "wrong", Some(Code::BadAuth)),
                            ("ghost", PASSWORD, Some(Code::NoUser)),
                        ] {
                            match application.login(mechanism, user, password) {
                                Ok(()) if expected.is_none() => good.fetch_add(1, Ordering::Relaxed),
                                Err(error) if Some(error.code()) == expected => 0,
                                Err(error) if matches!(error.code(), Code::Unavail | Code::Fail) => {
                                    failed.fetch_add(1, Ordering::Relaxed)
                                }
                                other => panic!("{mechanism} {user} {password}: {other:?}"),
                            };
                        }
                    }
                });
            }
            for _ in 0..3 {
                let seen = |counter: &AtomicUsize| {
                    let before = counter.load(Ordering::Relaxed);
                    wait_until(PATIENCE, || counter.load(Ordering::Relaxed) > before + 20)
                };
                let up = seen(&good);
                slapd.kill();
                let down = seen(&failed);
                slapd.up();
                if !(up && down && seen(&good)) {
                    over.store(true, Ordering::Relaxed);
                    panic!("up {up} down {down}");
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        let log = application.log();
        assert!(log.contains(&format!("the directory at {}", uri(&slapd))), "{log}");
        for secret in [PROXY_PASSWORD, PASSWORD, "wrong"] {
            assert!(!log.contains(secret), "{secret} is in the log");
        }
    }
}

/// One that is started again between two logins costs none of them.
#[test]
fn a_restart_between_logins_is_not_seen() {
    let mut slapd = start();
    for options in both(&slapd) {
        let application = Application::new(&options);
        for _ in 0..2 {
            application.login("PLAIN", "alice", PASSWORD).unwrap();
            slapd.kill();
            slapd.up();
            application.login("PLAIN", "alice", PASSWORD).unwrap();
            slapd.kill();
            let error = application.login("PLAIN", "alice", PASSWORD).unwrap_err();
            assert_eq!(error.code(), Code::Unavail, "{error:?}");
            slapd.up();
        }
    }
}

#[test]
fn connections_are_kept() {
    let slapd = start();
    let connections = || slapd.output().matches(" ACCEPT from ").count();
    // The verifier has one that searches and one that binds.
    for (options, most) in both(&slapd).into_iter().zip([1, 2]) {
        let closed = || slapd.output().matches(" closed").count();
        assert!(wait_until(PATIENCE, || connections() > 0 && connections() == closed()));
        let before = connections();
        let application = Application::new(&options);
        for _ in 0..10 {
            application.login("PLAIN", "alice", PASSWORD).unwrap();
            application.login("PLAIN", "alice", "wrong").unwrap_err();
        }
        assert_eq!(connections() - before, most, "{options}");
        assert_eq!(connections() - closed(), most);
        drop(application);
        assert!(wait_until(PATIENCE, || connections() == closed()), "{}", slapd.output());
    }
}

#[test]
fn the_next_server_is_asked_when_one_is_down() {
    let slapd = start();
    let (dead, other) = (free_port(), free_port());
    for uris in
        [format!("ldap://127.0.0.1:{dead} {}", uri(&slapd)), format!("ldaps://127.0.0.1:{dead},{}", uri(&slapd))]
    {
        for options in both(&slapd) {
            Application::new(&options.replace(&uri(&slapd), &uris)).login("PLAIN", "alice", PASSWORD).unwrap();
        }
    }
    let error = Application::new(&options_at(&format!("ldap://127.0.0.1:{dead} ldap://127.0.0.1:{other}")))
        .login("PLAIN", "alice", PASSWORD)
        .unwrap_err();
    assert_eq!(error.code(), Code::Unavail, "{error:?}");
    for port in [dead, other] {
        assert!(error.detail().contains(&format!("ldap://127.0.0.1:{port}: ")), "{error}");
    }
}

#[test]
fn the_socket_of_a_server_is_one_too() {
    let slapd = start();
    let socket = slapd.sandbox.dir.join("run/ldapi").display().to_string().replace('/', "%2F");
    for options in both(&slapd) {
        Application::new(&options.replace(&uri(&slapd), &format!("ldapi://{socket}")))
            .login("PLAIN", "alice", PASSWORD)
            .unwrap();
    }
}

/// A server that takes connections and says nothing, or begins an answer and says no more, holds nobody up for longer than
/// the option says.
#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let slapd = start();
    for half in [false, true] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let held = thread::spawn(move || {
            let mut all: Vec<TcpStream> = Vec::new();
            while let Ok((mut one, _)) = silent.accept() {
                let mut first = [0];
                if one.read(&mut first).unwrap_or(0) == 0 {
                    break;
                }
                // The beginning of a record of TLS, or of a message of LDAP.
                let begun =
                    if first == [0x16] { &[0x16, 3, 3, 0x40, 0, 2][..] } else { &[0x30, 0x84, 0, 0, 0, 0x40, 2] };
                if half {
                    let _ = one.write_all(begun);
                }
                all.push(one);
            }
        });
        for scheme in ["ldap", "ldaps"] {
            let uris = format!("{scheme}://{address} {}", uri(&slapd));
            for (options, tls) in
                both(&slapd).into_iter().zip(["ldapdb_starttls: try\n", ""]).take(if half { 1 } else { 2 })
            {
                let options = options.replace(&uri(&slapd), &uris) + &timeout(1) + tls;
                let start = Instant::now();
                let application = Application::new(&options);
                application.login("PLAIN", "alice", PASSWORD).unwrap();
                let took = start.elapsed();
                assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(10), "{options}: {took:?}");
            }
        }
        drop(TcpStream::connect(address).unwrap());
        held.join().unwrap();
    }
}

/// Waits until no thread of a process runs.
fn wait_until_stopped(pid: u32) {
    let start = Instant::now();
    let is_stopped = |thread: std::fs::DirEntry| {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tT")
    };
    while !std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|thread| is_stopped(thread.unwrap())) {
        assert!(start.elapsed() < Duration::from_secs(10), "{pid} does not stop");
        std::thread::yield_now();
    }
}

/// One that stops in the middle of its work.
#[test]
fn a_server_that_hangs_is_given_up() {
    let slapd = start();
    for options in both(&slapd) {
        let application = Application::new(&(options + &timeout(1)));
        application.login("PLAIN", "alice", PASSWORD).unwrap();
        let signal = |name: &str| {
            for pid in crate::rig::base::family(slapd.pid()) {
                let mut kill = std::process::Command::new("kill");
                crate::rig::base::must(kill.args([&format!("-{name}"), &pid.to_string()]));
            }
        };
        signal("STOP");
        // The signal is on its way when kill ends: a thread that still runs would answer.
        crate::rig::base::family(slapd.pid()).into_iter().for_each(wait_until_stopped);
        let start = Instant::now();
        let result = application.login("PLAIN", "alice", PASSWORD);
        let took = start.elapsed();
        signal("CONT");
        assert_eq!(result.unwrap_err().code(), Code::Unavail);
        assert!(took < Duration::from_secs(10), "{took:?}");
        application.login("PLAIN", "alice", PASSWORD).unwrap();
    }
}

#[test]
fn what_is_wrong_is_named_without_secrets() {
    let slapd = start();
    let good = options(&slapd);
    let bad = |options: String, what: &str| {
        let application = Application::new(&options);
        let error = application.login("PLAIN", "alice", PASSWORD).unwrap_err();
        assert!(matches!(error.code(), Code::Fail | Code::ConfigErr), "{what}: {error:?}");
        for text in [error.detail().to_owned(), application.log()] {
            assert!(text.contains(what), "{text:?} does not name {what}");
            for secret in [PROXY_PASSWORD, "hunter2", PASSWORD] {
                assert!(!text.contains(secret), "{secret} is in {text:?}");
            }
        }
    };
    bad(good.replace(PROXY_PASSWORD, "hunter2"), "cannot bind");
    bad(good.replace("ldapdb_id: proxy", "ldapdb_id: bare"), "cannot bind");
    bad(good.replace("ldapdb_id: proxy\n", ""), "cannot bind");
    bad(good.replace("SCRAM-SHA-256", "GSSAPI"), "GSSAPI");
    bad(good.replace("SCRAM-SHA-256", "X-NONE"), "X-NONE");
    bad(good.replace("ldap://", "http://"), "ldapdb_uri");
    // Somebody who may act for nobody.
    let alice = good.replace("ldapdb_id: proxy", "ldapdb_id: zoe").replace(PROXY_PASSWORD, PASSWORD);
    let application = Application::new(&alice);
    let error = application.login("PLAIN", "alice", "x").unwrap_err();
    assert!(error.code() == Code::Fail && error.detail().contains("ldapdb_id may not act"), "{error:?}");
}
