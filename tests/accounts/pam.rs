//! `pwcheck_method: pam` with Linux-PAM and Debian's modules.

use std::path::Path;
use std::time::Duration;

use crate::code::{BADAUTH, FAIL, OK};
use crate::rig::accounts::{HASHES, PASSWORD, Site, add, append};
use crate::rig::base::{must, set_mode};
use crate::rig::saslauthd::{compile, program};
use crate::{library, logged};

/// No pause after a failure: most of these tests would only wait.
const UNIX: &str = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n";
const LIBPAM: &str = "/lib/x86_64-linux-gnu/libpam.so.0";

fn site(service: &str) -> Option<Site> {
    let site = Site::new(&library()?, "pwcheck_method: pam\n");
    site.service("smtp", service);
    Some(site)
}

#[test]
fn the_right_password_comes_in() {
    let Some(site) = site(UNIX) else { return };
    for (scheme, hash) in HASHES {
        add(&site.sandbox, scheme, hash, "");
        assert_eq!(site.check(scheme, PASSWORD).code, OK, "{scheme}");
        assert_eq!(site.check(scheme, "tr0ub4Dor").code, BADAUTH, "{scheme}");
    }
    let checked = site.check("carol", "wrong");
    assert_eq!(checked.code, BADAUTH);
    logged(&checked, &["PAM refuses \"carol\" for the service smtp: pam_authenticate: Authentication failure"]);
    // No name within a name, and no realm that is cut off.
    for user in ["carol@host.rig.test", "CAROL", "carol ", "caro", "mallory", "carol\nroot"] {
        let code = site.check(user, PASSWORD).code;
        // Blanks around a name do not belong to it.
        assert_eq!(code, if user == "carol " { OK } else { BADAUTH }, "{user:?}");
    }
}

/// What lets only some users authenticate: a list, a list of those who may not, and the members of a group.
#[test]
fn the_lists_of_the_recipe_decide() {
    let dir = "/etc/mail/auth";
    let list = |item: &str, sense: &str, name: &str| {
        format!("auth required pam_listfile.so item={item} sense={sense} file={dir}/{name} onerr=fail\n")
    };
    let Some(site) = site("") else { return };
    site.sandbox.dir.dir("etc/mail/auth");
    for name in ["dave", "erin", "frank"] {
        add(&site.sandbox, name, HASHES[0].1, "");
    }
    append(&site.sandbox, "group", "mailers:x:4300:carol,dave,erin\n");
    let write = |name: &str, text: &str| site.sandbox.dir.write(&format!("etc/mail/auth/{name}"), text);
    write("allow", "carol\ndave\nmallory\n");
    write("deny", "dave\n");
    write("groups", "mailers\n");
    let who = |service: String| {
        site.service("smtp", &format!("{service}{UNIX}"));
        let users = ["carol", "dave", "erin", "frank"];
        let right: Vec<&str> = users.into_iter().filter(|user| site.check(user, PASSWORD).code == OK).collect();
        for user in users.into_iter().chain(["mallory"]) {
            assert_ne!(site.check(user, "wrong").code, OK, "{user}");
        }
        right.join(" ")
    };
    let (allow, deny) = (list("user", "allow", "allow"), list("user", "deny", "deny"));
    let group = list("group", "allow", "groups");
    assert_eq!(who(String::new()), "carol dave erin frank");
    assert_eq!(who(allow.clone()), "carol dave");
    assert_eq!(who(deny.clone()), "carol erin frank");
    assert_eq!(who(group.clone()), "carol dave erin");
    assert_eq!(who([group, allow, deny].concat()), "carol");
    // A list that is gone lets nobody in.
    assert_eq!(who(list("user", "allow", "gone")), "");
}

#[test]
fn accounts_that_are_locked_stay_out_and_those_that_expired_where_that_is_asked() {
    let Some(site) = site(UNIX) else { return };
    for user in ["locked", "starred", "empty", "none", "never", "odd"] {
        assert_eq!(site.check(user, PASSWORD).code, BADAUTH, "{user}");
    }
    // As in 1.5 the account is not asked about unless that is wanted. What is neither yes nor no is a yes.
    for (value, asked) in [("", false), ("no", false), ("No", false), ("yes", true), ("1", true), ("maybe", true)] {
        let option = if value.is_empty() { String::new() } else { format!("pam_account: {value}\n") };
        site.configure(&format!("pwcheck_method: pam\n{option}"));
        let checked = site.check("expired", PASSWORD);
        assert_eq!(checked.code, if asked { BADAUTH } else { OK }, "{value}: {checked:?}");
        if asked {
            logged(&checked, &["\"expired\"", "pam_acct_mgmt: User account has expired"]);
        }
        assert_eq!(site.check("lasting", PASSWORD).code, OK, "{value}");
    }
}

#[test]
fn the_service_decides_and_other_where_it_has_no_file() {
    let Some(site) = site("auth required pam_deny.so\n") else { return };
    assert_eq!(site.check("carol", PASSWORD).code, BADAUTH);
    site.service("imap", UNIX);
    let imap = |password: &str| site.checked(site.command(program()).args(["carol", password, "", "imap"]));
    assert_eq!(imap(PASSWORD).code, OK);
    // Names of services are in lower case.
    assert_eq!(site.checked(site.command(program()).args(["carol", PASSWORD, "", "IMAP"])).code, OK);
    std::fs::remove_file(site.sandbox.dir.join("etc/pam.d/imap")).expect("the file");
    site.service("other", UNIX);
    assert_eq!(imap(PASSWORD).code, OK);
    site.service("other", "auth required pam_deny.so\n");
    let checked = imap(PASSWORD);
    assert_eq!(checked.code, BADAUTH);
    logged(&checked, &["there is no /etc/pam.d/imap, so that /etc/pam.d/other decided"]);
}

#[test]
fn what_is_wrong_with_the_system_is_no_wrong_password() {
    let Some(site) = site("auth required pam_none.so\n") else { return };
    let fails = |what: &str, parts: &[&str]| {
        let checked = site.check("carol", PASSWORD);
        assert_eq!(checked.code, FAIL, "{what}: {checked:?}");
        logged(&checked, parts);
    };
    let place = "PAM cannot check passwords of the service smtp (/etc/pam.d/smtp) as uid 0: ";
    fails("no such module", &[place, "pam_authenticate: Module is unknown"]);
    for (word, text) in [("service_err", "Error in service module"), ("system_err", "System error")] {
        site.service("smtp", &format!("auth required pam_debug.so auth={word}\n"));
        fails(word, &[place, text]);
    }
    // Neither the service nor the one for all others has a file.
    for file in ["smtp", "other"] {
        std::fs::remove_file(site.sandbox.dir.join(format!("etc/pam.d/{file}"))).expect("the file");
    }
    fails("no service", &[place, "pam_start: "]);
    let checked = site.check_without(Path::new(LIBPAM), "carol", PASSWORD);
    assert_eq!(checked.code, FAIL, "{checked:?}");
    logged(&checked, &["cannot check passwords with PAM: ", "libpam.so.0"]);
}

/// Whatever else a module answers is a no.
#[test]
fn no_answer_but_success_is_a_yes() {
    let Some(site) = site("") else { return };
    let words = [
        "perm_denied",
        "auth_err",
        "cred_insufficient",
        "authinfo_unavail",
        "user_unknown",
        "maxtries",
        "new_authtok_reqd",
        "acct_expired",
        "cred_err",
        "conv_err",
        "ignore",
        "try_again",
        "incomplete",
    ];
    for word in words {
        site.service("smtp", &format!("auth required pam_debug.so auth={word}\n"));
        let checked = site.check("carol", PASSWORD);
        assert_eq!(checked.code, BADAUTH, "{word}: {checked:?}");
    }
    site.service("smtp", "auth required pam_debug.so auth=success\n");
    assert_eq!(site.check("carol", PASSWORD).code, OK);
    site.configure("pwcheck_method: pam\npam_account: yes\n");
    for word in ["perm_denied", "acct_expired", "new_authtok_reqd", "user_unknown"] {
        site.service("smtp", &format!("auth required pam_permit.so\naccount required pam_debug.so acct={word}\n"));
        assert_eq!(site.check("carol", PASSWORD).code, BADAUTH, "{word}");
    }
}

#[test]
fn a_module_may_ask_for_everything_at_once() {
    let Some(site) = site("") else { return };
    let module = compile("pam_asks.so", &["-shared", "-fPIC", "-lpam"]);
    let ask = |arguments: &str, password: &str| {
        site.service("smtp", &format!("auth required {} {arguments}\n", module.display()));
        site.check("carol", password).code
    };
    assert_eq!(ask("secret=sesame", "sesame"), OK);
    assert_eq!(ask("secret=sesame", "sesam"), BADAUTH);
    assert_eq!(ask("secret=sesame style=1", "sesame"), OK);
    for arguments in ["secret=sesame style=5", "secret=sesame style=7", "secret=sesame none"] {
        assert_eq!(ask(arguments, "sesame"), BADAUTH, "{arguments}");
    }
    // Two modules that ask for themselves, with a word of welcome before.
    site.sandbox.dir.write("etc/welcome", "Welcome\n");
    site.service("smtp", &format!("auth optional pam_echo.so file=/etc/welcome\n{UNIX}{UNIX}"));
    assert_eq!(site.check("carol", PASSWORD).code, OK);
    assert_eq!(site.check("carol", "wrong").code, BADAUTH);
}

#[test]
fn modules_know_who_comes_from_where() {
    let Some(site) = site("") else { return };
    let script =
        "#!/bin/sh\nenv | grep ^PAM_ | sort >\"$(dirname \"$0\")/seen\"\nod -An -c >\"$(dirname \"$0\")/token\"\n";
    let script = site.sandbox.dir.write("script", script);
    set_mode(&script, 0o755);
    site.service("smtp", &format!("auth required pam_exec.so expose_authtok {}\n", script.display()));
    let seen = |remote: Option<&str>| {
        let checked = site.checked(site.command(program()).args(["carol", PASSWORD, "", "smtp"]).args(remote));
        assert_eq!(checked.code, OK, "{checked:?}");
        std::fs::read_to_string(site.sandbox.dir.join("seen")).expect("what the script saw")
    };
    assert_eq!(seen(None), "PAM_SERVICE=smtp\nPAM_TYPE=auth\nPAM_USER=carol\n");
    for (remote, host) in [("192.0.2.7;4711", "192.0.2.7"), ("2001:db8::7;4711", "2001:db8::7")] {
        let expected = format!("PAM_RHOST={host}\nPAM_SERVICE=smtp\nPAM_TYPE=auth\nPAM_USER=carol\n");
        assert_eq!(seen(Some(remote)), expected);
    }
    let token = std::fs::read_to_string(site.sandbox.dir.join("token")).expect("what the script read");
    assert_eq!(token.split_whitespace().collect::<String>().trim_end_matches("\\0"), PASSWORD);
}

/// A process with other rights than root's may check its own password at most.
#[test]
fn without_roots_rights_nobody_comes_in_and_the_log_says_why() {
    let Some(site) = site(UNIX) else { return };
    let checked = site.check_as(8, "carol", PASSWORD);
    assert_eq!(checked.code, BADAUTH, "{checked:?}");
    logged(&checked, &["\"carol\"", "as uid 8 pam_unix cannot check the passwords of others"]);
}

/// The pause after a wrong password is kept, but does not keep the others waiting.
#[test]
fn threads_take_turns_and_wait_at_the_same_time() {
    let Some(site) = site("auth required pam_unix.so\n") else { return };
    let program = compile("pam_threads", &["-pthread", "-lsasl2"]);
    let output = must(site.command(program).arg("6"));
    let value = |label: &str| -> u64 {
        let line = output.lines().find_map(|line| line.strip_prefix(label));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{output}"))
    };
    assert_eq!((value("let in"), value("refused")), (6, 6));
    // PAM asks for two seconds, give or take one.
    let took = Duration::from_millis(value("milliseconds"));
    assert!((Duration::from_secs(1)..Duration::from_secs(6)).contains(&took), "{took:?}");
}
