//! Every verifier of accounts refuses whoever has not proved to be let in.

use std::path::Path;

use crate::code::{BADAUTH, FAIL, NOMECH, NOUSER, OK};
use crate::rig::accounts::{PASSWORD, Site, append, hash};
use crate::rig::saslauthd::program;
use crate::{library, logged};

/// The method, the users who are locked, and the files without which it cannot work.
const METHODS: &[(&str, &[&str])] = &[
    ("pam", &["/lib/x86_64-linux-gnu/libpam.so.0"]),
    ("shadow", &["/lib/x86_64-linux-gnu/libcrypt.so.1", "/etc/shadow"]),
    ("passwd", &["/lib/x86_64-linux-gnu/libcrypt.so.1", "/etc/passwd"]),
    ("pwcheck", &[]),
    ("kerberos_v4", &[]),
    ("kerberos_v5", &[]),
    ("sia", &[]),
];

#[test]
fn nobody_comes_in_without_proof() {
    let Some(library) = library() else { return };
    for (method, files) in METHODS {
        let site = Site::new(&library, &format!("pwcheck_method: {method}\n"));
        site.service("smtp", "auth required pam_unix.so nodelay\n");
        // For passwd, which has no other hashes.
        let good = hash("sha512");
        append(
            &site.sandbox,
            "passwd",
            &format!("open:{good}:1:1::/:/bin/sh\nshut:!{good}:1:1::/:/bin/sh\nbare::1:1::/:/\n"),
        );
        let refused = |what: &str, user: &str, password: &str| {
            let checked = site.check(user, password);
            assert!([FAIL, BADAUTH, NOUSER, NOMECH].contains(&checked.code), "{method} {what}: {checked:?}");
        };
        refused("an unknown user", "mallory", PASSWORD);
        refused("an empty user", "", PASSWORD);
        refused("an empty user and password", "", "");
        for user in ["carol", "open"] {
            refused("an empty password", user, "");
            refused("a wrong password", user, "wrong");
            refused("a password that is longer than any", user, &"x".repeat(5000));
        }
        for user in ["locked", "starred", "none", "never", "empty", "odd", "shut", "bare"] {
            refused("a locked account", user, PASSWORD);
            refused("a locked account with an empty password", user, "");
        }
        for file in *files {
            let checked =
                site.check_without(Path::new(file), if *method == "passwd" { "open" } else { "carol" }, PASSWORD);
            assert!([FAIL, BADAUTH, NOUSER].contains(&checked.code), "{method} without {file}: {checked:?}");
        }
        let right = [site.check("carol", PASSWORD).code == OK, site.check("open", PASSWORD).code == OK];
        let expected = match *method {
            "pam" => [true, true],
            "shadow" => [true, false],
            "passwd" => [false, true],
            _ => [false, false],
        };
        assert_eq!(right, expected, "{method}");
    }
}

#[test]
fn what_no_system_has_is_named_with_what_to_use_instead() {
    let Some(library) = library() else { return };
    for (method, reason) in [
        ("kerberos_v4", "use pam with pam_krb5"),
        ("KERBEROS_V5", "use pam with pam_krb5"),
        ("sia", "this kind of password check exists only on Digital Unix; use pam"),
    ] {
        let site = Site::new(&library, &format!("pwcheck_method: {method}\n"));
        let checked = site.check("carol", PASSWORD);
        assert_eq!(checked.code, NOMECH, "{checked:?}");
        logged(&checked, &[&format!("pwcheck_method {}: ", method.to_lowercase()), reason]);
        // The next in the list is asked all the same.
        site.configure(&format!("pwcheck_method: {method} shadow\n"));
        assert_eq!(site.check("carol", PASSWORD).code, OK);
        assert_eq!(site.check("carol", "wrong").code, BADAUTH);
    }
}

/// PAM, its modules and crypt take memory of the library's and give memory to it.
#[test]
fn memory_is_used_well() {
    let Some(library) = library() else { return };
    for method in ["pam", "shadow", "passwd", "pwcheck", "sia"] {
        let site = Site::new(&library, &format!("pwcheck_method: {method}\npam_account: yes\n"));
        site.service("smtp", "auth optional pam_echo.so file=/etc/hosts\nauth required pam_unix.so nodelay\naccount required pam_unix.so\n");
        for (user, password) in
            [("carol", PASSWORD), ("carol", "wrong"), ("mallory", "x"), ("locked", PASSWORD), ("", "")]
        {
            let mut command = site.command("valgrind");
            // Without Debian's plugins, which lose memory of their own.
            command.env("SASL_PATH", "/nonexistent");
            command.args(["-q", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite"]);
            command.args(["--errors-for-leak-kinds=definite"]).arg(program()).args([user, password, "", "smtp"]);
            let checked = site.checked(&mut command);
            let right = password == PASSWORD && user == "carol" && ["pam", "shadow"].contains(&method);
            assert_eq!(checked.code == OK, right, "{method} {user}: {checked:?}");
        }
    }
}
