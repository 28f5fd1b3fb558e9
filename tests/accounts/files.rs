//! `pwcheck_method: shadow` and `passwd`: the system's own files.

use std::path::Path;
use std::time::Duration;

use crate::code::{BADAUTH, FAIL, NOUSER, OK};
use crate::rig::accounts::{HASHES, PASSWORD, Site, add, append, hash};
use crate::rig::base::set_mode;
use crate::{library, logged};

const LIBCRYPT: &str = "/lib/x86_64-linux-gnu/libcrypt.so.1";

fn site(method: &str) -> Option<Site> {
    Some(Site::new(&library()?, &format!("pwcheck_method: {method}\n")))
}

#[test]
fn shadow_knows_every_scheme_of_the_system() {
    let Some(site) = site("shadow") else { return };
    for (scheme, hash) in HASHES {
        add(&site.sandbox, scheme, hash, "");
        assert_eq!(site.check(scheme, PASSWORD).code, OK, "{scheme}");
        for wrong in ["tr0ub4Dor", "tr0ub4", hash] {
            assert_eq!(site.check(scheme, wrong).code, BADAUTH, "{scheme} {wrong}");
        }
    }
    assert_eq!(site.check("mallory", PASSWORD).code, BADAUTH);
    assert_eq!(site.check("carol@host.rig.test", PASSWORD).code, BADAUTH);
}

#[test]
fn shadow_lets_nobody_in_whose_account_is_closed() {
    let Some(site) = site("shadow") else { return };
    for (user, why) in [
        ("locked", "the account is locked"),
        ("starred", "the account is locked"),
        ("none", "the account is locked"),
        ("never", "the account is locked"),
        ("empty", "the account has no password in /etc/shadow"),
        ("expired", "the account has expired"),
        ("odd", "/etc/shadow: this system's crypt does not know how \"odd\" is hashed"),
    ] {
        let checked = site.check(user, PASSWORD);
        assert_eq!(checked.code, BADAUTH, "{user}: {checked:?}");
        logged(&checked, &[user, why]);
        let said = format!("{checked:?}");
        assert!(!said.contains("$y$") && !said.contains("$99$") && !said.contains(PASSWORD), "{said}");
        for password in ["", "!", "*", "x", "$99$unknown$scheme"] {
            assert_eq!(site.check(user, password).code, BADAUTH, "{user} {password}");
        }
    }
    assert_eq!(site.check("lasting", PASSWORD).code, OK);
}

#[test]
fn a_shadow_file_that_cannot_be_read_is_a_failure_that_names_it() {
    let Some(site) = site("shadow") else { return };
    // Debian's NSS goes on after a file that it may not read, and then knows no such user.
    for databases in ["files", "files systemd"] {
        let text = format!("passwd: files\ngroup: files\nshadow: {databases}\n");
        site.sandbox.dir.write("etc/nsswitch.conf", text);
        let checked = site.check_as(8, "carol", PASSWORD);
        assert_eq!(checked.code, FAIL, "{checked:?}");
        logged(&checked, &["cannot read /etc/shadow as uid 8: Permission denied", "must run as root"]);
    }
    // Whoever may read it needs no other right.
    set_mode(&site.sandbox.dir.join("etc/shadow"), 0o644);
    assert_eq!(site.check_as(8, "carol", PASSWORD).code, OK);
    std::fs::remove_file(site.sandbox.dir.join("etc/shadow")).expect("the file");
    let checked = site.check("carol", PASSWORD);
    assert!([FAIL, BADAUTH].contains(&checked.code), "{checked:?}");
}

#[test]
fn without_libcrypt_nobody_comes_in() {
    for method in ["shadow", "passwd"] {
        let Some(site) = site(method) else { return };
        for user in ["carol", "mallory", "locked"] {
            let checked = site.check_without(Path::new(LIBCRYPT), user, PASSWORD);
            assert_eq!(checked.code, FAIL, "{user}: {checked:?}");
            logged(&checked, &["cannot compute the hash of a password: ", "libcrypt.so.1"]);
        }
    }
}

#[test]
fn passwd_has_hashes_where_there_is_no_shadow_file() {
    let Some(site) = site("passwd") else { return };
    let sha = hash("sha512");
    for (user, field) in [
        ("ann", sha),
        ("bea", "x"),
        ("cyd", ""),
        ("dot", "*"),
        ("eva", "!"),
        ("fay", &*format!("!{sha}")),
        ("gil", "$99$unknown$scheme"),
        ("hal", hash("des")),
    ] {
        append(&site.sandbox, "passwd", &format!("{user}:{field}:4242:4242::/nonexistent:/bin/sh\n"));
        let checked = site.check(user, PASSWORD);
        assert_eq!(checked.code, if ["ann", "hal"].contains(&user) { OK } else { BADAUTH }, "{user}: {checked:?}");
        for wrong in ["", "x", "*", "!", "wrong", sha] {
            assert_eq!(site.check(user, wrong).code, BADAUTH, "{user} {wrong}");
        }
    }
    logged(&site.check("bea", PASSWORD), &["\"bea\"", "no password in /etc/passwd; pwcheck_method shadow or pam"]);
    assert_eq!(site.check("mallory", PASSWORD).code, NOUSER);
}

/// Who does not exist, or may not come in, takes as long as who has given a wrong password.
#[test]
fn time_does_not_tell_who_exists() {
    for method in ["shadow", "passwd"] {
        let Some(site) = site(method) else { return };
        // A hash that takes long to compute, and is the only one.
        let slow = "$y$jCT$F5Jx5fExrKuPp53xLKQ..1$AA1VYlIqUmCTFWJDnYg6lNxAt7BDSi6YjOiBqJmGHf3";
        let line = |user: &str, hash: &str| match method {
            "shadow" => format!("{user}:{hash}:19000:0:99999:7:::\n"),
            _ => format!("{user}:{hash}:4242:4242::/nonexistent:/bin/sh\n"),
        };
        let text = line("ann", slow) + &line("bea", &format!("!{slow}")) + &line("cyd", "*");
        site.sandbox.dir.write(&format!("etc/{method}"), text);
        for user in ["bea", "cyd", "mallory"] {
            let (mut known, mut other) = (Duration::MAX, Duration::MAX);
            // Other work on the machine makes some take longer, but none shorter: the shortest of a few tells.
            let alike = (0..12).any(|_| {
                known = known.min(site.check("ann", "wrong").took);
                other = other.min(site.check(user, "wrong").took);
                (0.5..2.0).contains(&(other.as_secs_f64() / known.as_secs_f64()))
            });
            assert!(alike, "{method} {user}: {other:?}, and {known:?} for ann");
        }
    }
}
