//! The tools on a system of their own: the paths and the realm that hold when nothing is said, the log, and disks and
//! directories that cannot be written. Needs root.

mod common;

use common::base::{Library, Ran, run};
use common::sandbox::Sandbox;
use common::{REALM, SASLDBLISTUSERS, SASLPASSWD, lines, login};

/// A shell script on a system whose host is [`REALM`], with the tools as `$0` and `$1`.
fn script(sandbox: &Sandbox, text: &str, input: &str) -> Ran {
    let mut command = sandbox.command(&Library::stock(), "sh");
    run(command.args(["-ec", text, SASLPASSWD, SASLDBLISTUSERS]).env_remove("SASL_PATH"), input.as_bytes())
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn without_options_it_is_etc_sasldb_and_the_host() {
    let sandbox = Sandbox::new("tools", REALM);
    let ran = script(&sandbox, "$0 -c jephe; $1", "secret");
    assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""));
    assert_eq!(sorted(&ran.stdout), lines(&["jephe"]));
    login::assert_password(&sandbox.dir.join("etc/sasldb"), "jephe", "secret");
    // LOG_AUTH and LOG_NOTICE, one line for each mechanism.
    for mechanism in ["PLAIN", "CRAM-MD5", "DIGEST-MD5"] {
        let line = sandbox.log.expect(&format!("{mechanism}: set secret for jephe"));
        assert_eq!(line.priority, 4 * 8 + 5, "{line:?}");
        assert!(line.text.starts_with("saslpasswd"), "{line:?}");
    }
    assert!(!sandbox.log.text_after(0).contains("secret\n"), "{}", sandbox.log.text_after(0));
}

#[test]
fn a_host_name_without_a_domain_is_not_completed() {
    let sandbox = Sandbox::new("tools", "smtp");
    sandbox.dir.write("etc/hosts", "127.0.0.1 smtp.domain.com smtp\n");
    let ran = script(&sandbox, "$0 -c jephe; $1", "secret");
    let expected = ["CRAM-MD5", "DIGEST-MD5", "PLAIN"].map(|name| format!("user: jephe realm: smtp mech: {name}"));
    assert_eq!(sorted(&ran.stdout), expected);
}

#[test]
fn the_configuration_is_looked_for_in_usr_lib_sasl() {
    let sandbox = Sandbox::new("tools", REALM);
    let setup = format!(
        "mkdir {0}/upper {0}/work; mount -t overlay overlay -o lowerdir=/usr/lib,upperdir={0}/upper,workdir={0}/work /usr/lib
         mkdir -p /usr/lib/sasl; echo 'sasldb_path: /etc/mail.sasldb' >/usr/lib/sasl/saslpasswd.conf
         $0 -c jephe; $1; test ! -e /etc/sasldb",
        "/dev/shm"
    );
    let ran = script(&sandbox, &format!("mount -t tmpfs none /dev/shm; {setup}"), "secret");
    assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "{ran:?}");
    assert_eq!(sorted(&ran.stdout), lines(&["jephe"]));
    login::assert_password(&sandbox.dir.join("etc/mail.sasldb"), "jephe", "secret");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let sandbox = Sandbox::new("tools", REALM);
    // Users are added until the disk is full; those that were reported stored are there and have their passwords.
    let text = "mkdir /dev/shm/db; mount -t tmpfs -o size=80k none /dev/shm/db
        stored=0
        while [ $stored -lt 1000 ]; do
            echo secret | $0 -c -f /dev/shm/db/sasldb user$stored 2>/dev/shm/error || { echo status $?; break; }
            stored=$((stored + 1))
        done
        cat /dev/shm/error; echo stored $stored
        cp /dev/shm/db/sasldb /etc/copy; $1 /dev/shm/db/sasldb";
    let ran = script(&sandbox, text, "");
    assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "{ran:?}");
    let output: Vec<_> = ran.stdout.lines().collect();
    let (told, users): (Vec<&str>, Vec<&str>) = output.iter().partition(|line| !line.starts_with("user: "));
    let stored: usize = told.iter().find_map(|line| line.strip_prefix("stored ")?.parse().ok()).expect("a count");
    assert!(stored > 0 && stored < 1000, "{told:?}");
    let error = "saslpasswd: generic failure: /dev/shm/db/sasldb: cannot write the password database: ";
    assert!(told.iter().any(|line| line.starts_with(error) && line.contains("No space left")), "{told:?}");
    assert!(told.contains(&"status 1"), "{told:?}");
    let names: Vec<_> = (0..stored).map(|number| format!("user{number}")).collect();
    assert_eq!(sorted(&users.join("\n")), lines(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    login::assert_password(&sandbox.dir.join("etc/copy"), &format!("user{}", stored - 1), "secret");
}

#[test]
fn a_disk_without_room_for_a_database_is_told() {
    let sandbox = Sandbox::new("tools", REALM);
    let text = "mkdir /dev/shm/db; mount -t tmpfs -o size=4k none /dev/shm/db; head -c 4096 /dev/zero >/dev/shm/db/x
        echo secret | $0 -c -f /dev/shm/db/sasldb jephe || echo status $?; rm /dev/shm/db/x
        $1 /dev/shm/db/sasldb";
    let ran = script(&sandbox, text, "");
    assert_eq!(ran.stdout, "status 1\n", "{ran:?}");
    assert!(ran.stderr.contains("generic failure: /dev/shm/db/sasldb"), "{ran:?}");
    assert!(ran.stderr.contains("No space left on device") || ran.stderr.contains("disk full"), "{ran:?}");
}

#[test]
fn who_may_not_write_is_told_so() {
    let sandbox = Sandbox::new("tools", REALM);
    let text = "echo old | $0 -c jephe
        for option in -c -d; do
            echo new | setpriv --reuid 65534 --regid 65534 --clear-groups $0 $option jephe 2>&1 || echo status $?
        done
        setpriv --reuid 65534 --regid 65534 --clear-groups $1 2>&1
        echo new | setpriv --reuid 65534 --regid 65534 --clear-groups $0 -c -f /etc/another jephe 2>&1 || echo status $?
        mount -t tmpfs none /dev/shm; $0 -c -f /dev/shm/db jephe </dev/null 2>&1 || echo status $?
        mount -o remount,ro /dev/shm; echo new | $0 -c -f /dev/shm/db jephe 2>&1 || echo status $?";
    let ran = script(&sandbox, text, "");
    let lines: Vec<_> = ran.stdout.lines().collect();
    let denied = "cannot read the password database: Permission denied (os error 13)";
    let failed = format!("saslpasswd: generic failure: /etc/sasldb: {denied}");
    assert_eq!(lines[..4], [&failed, "status 1", &failed, "status 1"], "{ran:?}");
    assert_eq!(lines[4], format!("sasldblistusers: Error opening password file /etc/sasldb: {denied}"));
    assert!(lines[5].starts_with("saslpasswd: generic failure: /etc/another: "), "{ran:?}");
    assert!(lines[5].ends_with("Permission denied (os error 13)") && lines[6] == "status 1", "{ran:?}");
    assert_eq!(lines[8], "status 7", "{ran:?}");
    assert!(
        lines[9].starts_with("saslpasswd: generic failure: /dev/shm/db: ") && lines[9].contains("Read-only"),
        "{ran:?}"
    );
    login::assert_password(&sandbox.dir.join("etc/sasldb"), "jephe", "old");
}

#[test]
fn a_reader_of_the_group_may_list() {
    let sandbox = Sandbox::new("tools", REALM);
    let text = "echo secret | $0 -c jephe; chgrp 65534 /etc/sasldb*; chmod 640 /etc/sasldb
        setpriv --reuid 65534 --regid 65534 --clear-groups $1";
    let ran = script(&sandbox, text, "");
    assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "{ran:?}");
    assert_eq!(sorted(&ran.stdout), lines(&["jephe"]));
}

#[test]
fn the_environment_does_not_count_with_more_rights_than_the_callers() {
    let sandbox = Sandbox::new("tools", REALM);
    let text = "echo secret | $0 -c jephe; mkdir /etc/evil; echo 'sasldb_path: /etc/passwd' >/etc/evil/saslpasswd.conf
        mount -t tmpfs none /dev/shm; cp $1 /dev/shm/list; chmod 4755 /dev/shm/list
        SASL_PATH=/etc/evil setpriv --reuid 65534 --regid 65534 --clear-groups /dev/shm/list";
    let ran = script(&sandbox, text, "");
    assert_eq!((ran.status.code(), &*ran.stderr), (Some(0), ""), "{ran:?}");
    assert_eq!(sorted(&ran.stdout), lines(&["jephe"]));
}
