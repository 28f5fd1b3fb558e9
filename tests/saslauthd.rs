//! Passwords checked by Debian's own `saslauthd`, by one that is not there, and by one that misbehaves.

mod rig;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rig::base::{Library, TempDir, make_sasldb, must, run};
use rig::postfix::{Postfix, Settings};
use rig::sample_smtp::Smtp;
use rig::samples;
use rig::sandbox::Sandbox;
use rig::saslauthd::{Checker, Saslauthd, StandIn, reply};

/// SASL_OK, SASL_FAIL, SASL_BADAUTH, SASL_UNAVAIL.
const OK: i32 = 0;
const FAIL: i32 = -1;
const BADAUTH: i32 = -13;
const UNAVAIL: i32 = -24;

fn library() -> Library {
    Library::under_test()
}

/// The daemon with a Berkeley DB file of its own, written by the stock library: it reads no other kind.
fn with_sasldb() -> Saslauthd {
    Saslauthd::start(&library(), &["-a", "sasldb"], |sandbox| {
        let file = sandbox.dir.join("etc/sasldb2");
        make_sasldb(&Library::stock(), &file, "rig.test", &[("alice", "correct horse")]);
    })
}

/// The daemon on private passwd and shadow files.
fn with_shadow(mechanism: &str) -> Saslauthd {
    Saslauthd::start(&library(), &["-a", mechanism], |sandbox| {
        let hash = must(Command::new("perl").args(["-e", r#"print crypt("tr0ub4dor", "\$6\$saltsalt\$")"#]));
        append(
            sandbox,
            "etc/passwd",
            "carol:x:4242:4242::/nonexistent:/bin/sh\nlocked:x:4243:4243::/nonexistent:/bin/sh\n",
        );
        append(sandbox, "etc/shadow", &format!("carol:{hash}:19000:0:99999:7:::\nlocked:!{hash}:19000:0:99999:7:::\n"));
    })
}

fn append(sandbox: &Sandbox, name: &str, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(sandbox.dir.join(name)).expect(name);
    file.write_all(text.as_bytes()).expect(name);
}

#[test]
fn the_daemon_says_who_may_come_in() {
    let daemon = with_sasldb();
    let checker = Checker::asking(&library(), &daemon.socket);
    // The realm that the name holds, or that the connection has.
    assert_eq!(checker.check("alice@rig.test", "correct horse").code, OK);
    let limit = Duration::from_secs(10);
    let checked = checker.check_within(limit, "alice", "correct horse", Some("rig.test")).expect("in time");
    assert_eq!(checked.code, OK, "{checked:?}");
    for (user, password) in [
        ("alice@rig.test", "wrong"),
        ("alice@rig.test", ""),
        ("alice@other.test", "correct horse"),
        ("mallory@rig.test", "correct horse"),
        ("alice", "correct horse"),
    ] {
        let checked = checker.check(user, password);
        assert_eq!(checked.code, BADAUTH, "{user} {password}: {checked:?}");
        assert!(checked.detail.starts_with("SASL(-13): authentication failure: "), "{checked:?}");
    }
    daemon.said("auth failure: [user=mallory] [service=rig] [realm=rig.test] [mech=sasldb]");
}

#[test]
fn the_daemon_reads_what_we_wrote() {
    let daemon = Saslauthd::start(&library(), &["-a", "sasldb"], |sandbox| {
        let file = sandbox.dir.join("etc/sasldb2");
        make_sasldb(&Library::stock(), &file, "rig.test", &[("alice", "of the stock library"), ("bob", "untouched")]);
        let ours = [("alice", "correct horse"), ("carol", "new")];
        make_sasldb(&library(), &file, "rig.test", &ours);
    });
    let checker = Checker::asking(&library(), &daemon.socket);
    for (user, password) in [("alice", "correct horse"), ("bob", "untouched"), ("carol", "new")] {
        assert_eq!(checker.check(&format!("{user}@rig.test"), password).code, OK, "{user}");
    }
    assert_eq!(checker.check("alice@rig.test", "of the stock library").code, BADAUTH);
}

#[test]
fn shadow_and_pam_work_in_a_private_etc() {
    for mechanism in ["shadow", "pam", "getpwent"] {
        let daemon = with_shadow(mechanism);
        let checker = Checker::asking(&library(), &daemon.socket);
        // Of these, getpwent alone does not see the shadow file.
        let code = if mechanism == "getpwent" { BADAUTH } else { OK };
        let checked = checker.check("carol", "tr0ub4dor");
        assert_eq!(checked.code, code, "{mechanism}: {checked:?}\n{}", daemon.output());
        for (user, password) in [("carol", "wrong"), ("locked", "tr0ub4dor"), ("nobody", ""), ("mallory", "x")] {
            assert_eq!(checker.check(user, password).code, BADAUTH, "{mechanism} {user}\n{}", daemon.output());
        }
    }
}

#[test]
fn testsaslauthd_agrees() {
    let daemon = with_sasldb();
    let ask = |password: &str| {
        let mut command = samples::tool(&library(), "/usr/sbin/testsaslauthd");
        command.args(["-u", "alice", "-r", "rig.test", "-s", "rig", "-p", password, "-f"]).arg(&daemon.socket);
        let ran = run(&mut command, b"");
        (ran.status.code(), ran.stdout)
    };
    assert_eq!(ask("correct horse"), (Some(0), "0: OK \"Success.\"\n".to_owned()));
    assert_eq!(ask("wrong"), (Some(255), "0: NO \"authentication failed\"\n".to_owned()));
}

#[test]
fn the_request_has_four_fields() {
    let daemon = StandIn::start(|stream| reply(stream, "OK"));
    let checker = Checker::asking(&library(), &daemon.socket);
    for (user, realm, login, domain) in [
        ("alice", None, "alice", ""),
        ("alice@rig.test", None, "alice", "rig.test"),
        ("alice@a@b", None, "alice@a", "b"),
        ("alice", Some("rig.test"), "alice", "rig.test"),
        ("alice@b", Some("rig.test"), "alice", "b"),
        ("jos\u{e9}", None, "jos\u{e9}", ""),
    ] {
        let checked = checker.check_within(Duration::from_secs(10), user, "p\u{e4}ss w", realm).expect("in time");
        assert_eq!(checked.code, OK, "{checked:?}");
        let fields = daemon.requests.recv_timeout(Duration::from_secs(5)).expect("a request");
        let fields: Vec<&str> = fields.iter().map(|f| std::str::from_utf8(f).expect("UTF-8")).collect();
        assert_eq!(fields, [login, "p\u{e4}ss w", "rig", domain], "{user} {realm:?}");
    }
}

#[test]
fn only_ok_is_a_yes() {
    for (answer, code) in [
        ("OK", OK),
        ("OK Success.", OK),
        ("NO", BADAUTH),
        ("NO no such user", BADAUTH),
        ("no", BADAUTH),
        ("ok", BADAUTH),
        ("KO", BADAUTH),
        (" OK", BADAUTH),
        // A text that is no format for the log.
        ("NO %s%n%n%s", BADAUTH),
    ] {
        let daemon = StandIn::start(move |stream| reply(stream, answer));
        let checked = Checker::asking(&library(), &daemon.socket).check("alice", "x");
        assert_eq!(checked.code, code, "{answer:?}: {checked:?}");
    }
}

#[test]
fn answers_that_break_the_protocol_are_refused() {
    let answers: [(&str, &[u8]); 9] = [
        ("nothing", b""),
        ("half a length", b"\0"),
        ("a length alone", b"\0\x02"),
        ("length zero", b"\0\0"),
        ("length one", b"\0\x01O"),
        ("less than announced", b"\0\x05OK"),
        ("garbage", b"\xff\xfe\xfd\xfc"),
        ("no length", b"OK"),
        ("other text", b"\0\x04FAIL"),
    ];
    for (what, answer) in answers {
        let daemon = StandIn::start(move |stream| drop(stream.write_all(answer)));
        let checked = Checker::asking(&library(), &daemon.socket).check("alice", "x");
        eprintln!("{what}: {checked:?}");
        if library().is_stock() && what == "less than announced" {
            // The stock library takes the two bytes that did come for the answer.
            continue;
        }
        assert!([FAIL, BADAUTH, UNAVAIL].contains(&checked.code), "{what}: {checked:?}");
    }
    // As long as a length can say; what begins with OK is one all the same.
    for (start, code) in [("OK", OK), ("NO", BADAUTH)] {
        let daemon = StandIn::start(move |stream| reply(stream, &format!("{start} {}", "x".repeat(60000))));
        let checked = Checker::asking(&library(), &daemon.socket).check("alice", "x");
        assert_eq!(checked.code, code, "{checked:?}");
    }
}

#[test]
fn a_slow_answer_is_waited_for() {
    let daemon = StandIn::start(|stream| {
        thread::sleep(Duration::from_millis(1500));
        for byte in b"\0\x02OK" {
            let _ = stream.write_all(&[*byte]);
            thread::sleep(Duration::from_millis(50));
        }
    });
    let checked = Checker::asking(&library(), &daemon.socket).check("alice", "x");
    assert_eq!(checked.code, OK, "{checked:?}");
    assert!(checked.took >= Duration::from_millis(1500), "{checked:?}");
}

/// What ours says of a failure must name the socket, the process's user and the system's reason.
fn assert_explained(checked: &rig::saslauthd::Checked, path: &Path, errno: &str) {
    if library().is_stock() {
        return;
    }
    let said = format!("{} {}", checked.detail, checked.log.join(" "));
    for part in [&*path.to_string_lossy(), "uid 0", errno] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn a_daemon_that_is_not_there_is_a_failure_that_says_why() {
    let dir = TempDir::new("nodaemon");
    // No such file; a file; a directory; a socket that nobody listens to.
    let absent = dir.join("mux");
    let file = dir.write("file", "");
    let stale = dir.join("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).expect("a socket"));
    for (path, errno) in [
        (absent.as_path(), "No such file or directory"),
        (file.as_path(), "Connection refused"),
        // The stock library takes the path as it is, ours looks for `mux` in a directory.
        (dir.path(), if library().is_stock() { "Connection refused" } else { "No such file or directory" }),
        (stale.as_path(), "Connection refused"),
    ] {
        let checked = Checker::asking(&library(), path).check("alice", "x");
        assert!([FAIL, UNAVAIL].contains(&checked.code), "{checked:?}");
        // The stock library tells the log alone, at a level that is off by default.
        assert!(checked.log.join(" ").contains(errno) || checked.detail.contains(errno), "{checked:?}");
        assert_explained(&checked, path, errno);
    }
}

#[test]
fn a_path_longer_than_an_address_is_a_failure() {
    let path = format!("/tmp/{}/mux", "x".repeat(120));
    let checked = Checker::asking(&library(), Path::new(&path)).check("alice", "x");
    assert!([FAIL, UNAVAIL, BADAUTH].contains(&checked.code), "{checked:?}");
}

/// A site that waits two seconds for the daemon; the stock library knows no such option.
fn impatient(socket: &Path) -> Checker {
    let socket = socket.display();
    Checker::new(&library(), &format!("pwcheck_method: saslauthd\nsaslauthd_path: {socket}\nsaslauthd_timeout: 2\n"))
}

/// The stock library waits for ever; ours fails, in its time and with its reason.
fn expect_timeout(checker: &Checker, path: &Path) {
    if library().is_stock() {
        let checked = checker.check_within(Duration::from_secs(3), "alice@rig.test", "correct horse", None);
        assert!(checked.is_none(), "{checked:?}");
    } else {
        let checked = checker.check("alice@rig.test", "correct horse");
        assert!([FAIL, UNAVAIL].contains(&checked.code), "{checked:?}");
        assert!((2..15).contains(&checked.took.as_secs()), "{checked:?}");
        assert_explained(&checked, path, "no answer within 2s");
    }
}

#[test]
fn a_stopped_daemon_does_not_hold_its_callers_for_ever() {
    let daemon = with_sasldb();
    let checker = impatient(&daemon.socket);
    daemon.signal("STOP");
    expect_timeout(&checker, &daemon.socket);
    daemon.signal("CONT");
    assert_eq!(checker.check("alice@rig.test", "correct horse").code, OK);
}

#[test]
fn an_answer_in_drops_does_not_renew_the_patience() {
    let daemon = StandIn::start(|stream| {
        let _ = stream.write_all(b"\xff\xff");
        while stream.write_all(b"N").is_ok() {
            thread::sleep(Duration::from_millis(300));
        }
    });
    expect_timeout(&impatient(&daemon.socket), &daemon.socket);
}

#[test]
fn names_and_passwords_too_long_for_the_daemon_are_refused() {
    let daemon = with_sasldb();
    let checker = Checker::asking(&library(), &daemon.socket);
    let long = "x".repeat(300);
    let longer = "x".repeat(9000);
    for (user, password) in [(&*long, "x"), ("alice@rig.test", &*long), ("alice@rig.test", &*longer), (&*longer, "x")] {
        let checked = checker.check(user, password);
        assert!(checked.code < 0, "{checked:?}");
    }
    assert_eq!(checker.check("alice@rig.test", "correct horse").code, OK);
}

#[test]
fn postfix_asks_the_daemon() {
    let daemon = with_sasldb();
    let sasl =
        format!("pwcheck_method: saslauthd\nsaslauthd_path: {}\nmech_list: PLAIN LOGIN\n", daemon.socket.display());
    let postfix = Postfix::start(&library(), &Settings { sasl: &sasl, ..Settings::default() });
    for mechanism in ["PLAIN", "LOGIN"] {
        let mut smtp = Smtp::connect(postfix.port);
        assert_eq!(smtp.ehlo().len(), 2);
        assert_eq!(smtp.auth(&Library::stock(), mechanism, "alice", "wrong").code, 535);
        assert_eq!(smtp.auth(&Library::stock(), mechanism, "mallory", "correct horse").code, 535);
        assert_eq!(smtp.auth(&Library::stock(), mechanism, "alice", "correct horse").code, 235);
        assert_eq!(smtp.send("someone@far.away.test", "relay").code, 250);
        postfix.logged(&[&format!("sasl_method={mechanism}, sasl_username=alice@rig.test")]);
    }
    // Without its daemon the server goes on, and says that the fault is not the user's.
    drop(daemon);
    let mut smtp = Smtp::connect(postfix.port);
    smtp.ehlo();
    let reply = smtp.auth(&Library::stock(), "PLAIN", "alice", "correct horse");
    assert_eq!(reply.code, 454, "{reply:?}");
    postfix.logged(&["warning: SASL authentication failure: "]);
}
