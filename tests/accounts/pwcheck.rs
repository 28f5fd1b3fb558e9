//! `pwcheck_method: pwcheck` with a daemon that checks, with none, and with one that misbehaves.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::code::{BADAUTH, FAIL, OK};
use crate::rig::accounts::{PASSWORD, Site};
use crate::rig::base::{Daemon, set_mode};
use crate::rig::saslauthd::{compile, program};
use crate::{library, logged};

fn site() -> Option<Site> {
    let site = Site::new(&library()?, "");
    let path = socket(&site);
    site.configure(&format!("pwcheck_method: pwcheck\npwcheck_path: {}\npwcheck_timeout: 2\n", path.display()));
    Some(site)
}

/// The site's socket, in a directory of its own.
fn socket(site: &Site) -> PathBuf {
    site.sandbox.dir.dir("run").join("pwcheck")
}

/// The daemon on the site's shadow file, with root's rights.
fn daemon(site: &Site) -> Daemon {
    let socket = socket(site);
    let mut command = site.command(compile("pwcheckd", &["-lcrypt"]));
    let mut daemon = Daemon::spawn("pwcheckd", &site.sandbox.dir, command.arg(&socket));
    daemon.wait_ready(|| UnixStream::connect(&socket).is_ok());
    daemon
}

/// Takes one connection, and does with it what it is told once the request is there.
fn stand_in(site: &Site, act: impl FnOnce(&mut UnixStream) + Send + 'static) {
    let socket = socket(site);
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap_or_else(|e| panic!("{}: {e}", socket.display()));
    set_mode(&socket, 0o777);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = [0; 64];
        let length = stream.read(&mut request).expect("a request");
        assert_eq!(&request[..length], format!("carol\0{PASSWORD}\0").as_bytes());
        act(&mut stream);
    });
}

#[test]
fn the_daemon_says_who_may_come_in() {
    let Some(site) = site() else { return };
    let daemon = daemon(&site);
    assert_eq!(site.check("carol", PASSWORD).code, OK);
    // Whoever the server runs as.
    assert_eq!(site.check_as(8, "carol", PASSWORD).code, OK);
    for (user, password, text) in [
        ("carol", "wrong", "Incorrect password"),
        ("mallory", PASSWORD, "Userid not found"),
        ("carol@host.rig.test", PASSWORD, "Userid not found"),
        ("locked", PASSWORD, "Incorrect password"),
        ("none", PASSWORD, "Incorrect password"),
    ] {
        let checked = site.check(user, password);
        assert_eq!(checked.code, BADAUTH, "{user}: {checked:?}");
        logged(&checked, &[&format!("{user:?}: the pwcheck server says: {text}")]);
        assert!(!checked.detail.contains(text), "{checked:?}");
    }
    // The daemon's directory stands for its socket.
    let directory = site.sandbox.dir.join("run");
    site.configure(&format!("pwcheck_method: pwcheck\npwcheck_path: {}\n", directory.display()));
    assert_eq!(site.check("carol", PASSWORD).code, OK);
    // As long as the daemon reads, and longer.
    let longest = "x".repeat(1023 - 2 - "carol".len());
    let checked = site.check("carol", &longest);
    logged(&checked, &["Incorrect password"]);
    let checked = site.check("carol", &format!("{longest}x"));
    assert_eq!(checked.code, FAIL);
    logged(&checked, &["Request too big"]);
    drop(daemon);
    let checked = site.check("carol", PASSWORD);
    assert_eq!(checked.code, FAIL, "{checked:?}");
    logged(&checked, &["cannot connect to pwcheck server at ", "/run/pwcheck as uid 0: Connection refused"]);
}

#[test]
fn the_daemon_is_looked_for_where_it_was_in_1_5() {
    let Some(site) = site() else { return };
    site.configure("pwcheck_method: pwcheck\n");
    let checked = site.check("carol", PASSWORD);
    assert_eq!(checked.code, FAIL, "{checked:?}");
    logged(&checked, &["cannot connect to pwcheck server at /var/pwcheck/pwcheck as uid 0: "]);
    const SCRIPT: &str = "mount -t tmpfs var /var && mkdir /var/pwcheck || exit 126
        \"$1\" /var/pwcheck/pwcheck & shift
        until [ -S /var/pwcheck/pwcheck ]; do sleep 0.02; done
        exec \"$@\"";
    let mut command = site.command("sh");
    command.args(["-c", SCRIPT, "sh"]).arg(compile("pwcheckd", &["-lcrypt"])).arg(program());
    assert_eq!(site.checked(command.args(["carol", PASSWORD])).code, OK);
}

#[test]
fn only_ok_is_a_yes() {
    let Some(site) = site() else { return };
    for (answer, code) in [
        ("OK", OK),
        ("OK\n", OK),
        ("OK welcome", OK),
        ("OKAY", BADAUTH),
        ("ok", BADAUTH),
        ("NO OK", BADAUTH),
        ("%s%n%n", BADAUTH),
        ("a\nb", BADAUTH),
    ] {
        stand_in(&site, move |stream| drop(stream.write_all(answer.as_bytes())));
        let checked = site.check("carol", PASSWORD);
        assert_eq!(checked.code, code, "{answer:?}: {checked:?}");
    }
    for (start, code) in [("OK ", OK), ("NO ", BADAUTH)] {
        stand_in(&site, move |stream| drop(stream.write_all(format!("{start}{}", "x".repeat(100_000)).as_bytes())));
        assert_eq!(site.check("carol", PASSWORD).code, code, "{start}");
    }
}

#[test]
fn a_daemon_that_gives_no_answer_is_a_failure() {
    let Some(site) = site() else { return };
    stand_in(&site, |_| ());
    let checked = site.check("carol", PASSWORD);
    assert_eq!(checked.code, FAIL, "{checked:?}");
    logged(&checked, &["closed the connection without one"]);
    // Silent, and with an answer that does not end.
    for part in ["", "OK"] {
        stand_in(&site, move |stream| {
            let _ = stream.write_all(part.as_bytes());
            let _ = stream.read(&mut [0]);
        });
        let checked = site.check("carol", PASSWORD);
        assert_eq!(checked.code, FAIL, "{checked:?}");
        assert!((Duration::from_secs(2)..Duration::from_secs(15)).contains(&checked.took), "{checked:?}");
        logged(&checked, &["no answer within 2s"]);
    }
}
