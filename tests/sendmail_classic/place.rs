//! Where `Sendmail.conf` is looked for, what is in it, and how a change of it is taken in.

use std::fs;

use crate::rig::base::{PATIENCE, listening, wait_until};
use crate::rig::classic;
use crate::rig::mount::signal;
use crate::rig::sendmail::{Config, Server};

use super::site::{TIM, library, listed, names, start, try_named, with_conf};

/// A command that shows the sandbox's `sasl` as `/usr/lib/sasl`, which need not exist, and runs the rest.
const USUAL_PLACE: &str = "
    mkdir -p @DIR@/over && mount -t tmpfs over @DIR@/over && mkdir @DIR@/over/upper @DIR@/over/work
    mount -t overlay overlay -o lowerdir=/usr/lib,upperdir=@DIR@/over/upper,workdir=@DIR@/over/work /usr/lib
    mkdir -p /usr/lib/sasl && mount --bind @DIR@/sasl /usr/lib/sasl || exit 126
    exec \"$@\"
";

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script, "sh"].map(str::to_owned).to_vec()
}

/// A `Sendmail.conf` that only a reader of it can obey: the database has no usual name.
fn usual_place() -> Config {
    Config { own_place: false, wrapper: shell(USUAL_PLACE), ..classic::config() }
}

#[test]
fn usr_lib_sasl_is_the_usual_place() {
    let server = start(&usual_place());
    assert_eq!(listed(&server), classic::MECHANISMS);
    for name in names() {
        assert_eq!(try_named(&server, name, TIM), 235, "{name}");
    }
}

#[test]
fn a_missing_configuration_means_the_defaults() {
    for config in [usual_place(), classic::config()] {
        let config = Config { library_conf: None, database: false, ..config };
        // pwcheck_method is sasldb, and the database the sandbox's own /etc/sasldb.
        let server = Server::start_prepared(&library(), &config, |sandbox| {
            let etc = sandbox.dir.join("etc/sasldb");
            classic::make_sasldb(&library(), &etc, crate::rig::sendmail::HOST, crate::rig::sendmail::USERS);
        });
        assert_eq!(listed(&server), classic::MECHANISMS);
        for name in names() {
            assert_eq!(try_named(&server, name, TIM), 235, "{name}");
            assert_eq!(try_named(&server, name, (TIM.0, "wrong")), 535, "{name}");
        }
    }
}

#[test]
fn a_broken_configuration_stops_the_server_and_says_where() {
    for (broken, line) in [
        ("pwcheck_method sasldb\n", 1),
        ("# the recipe\npwcheck_method:\n", 2),
        ("auto_transition: no\n\npwcheck_method : sasldb\n", 3),
    ] {
        let (status, log) = Server::start_failing(&library(), &with_conf(broken));
        // EX_OSERR: Sendmail does not serve at all rather than without what the file asks for.
        assert_eq!(status, Some(71), "{broken:?}: {log}");
        assert!(log.contains("sasl_server_init failed! ["), "{log}");
        let told = log.lines().any(|l| l.contains(&format!("/sasl/Sendmail.conf:{line}: ")));
        assert!(told, "{broken:?}: nothing says where:\n{log}");
    }
}

#[test]
fn a_change_counts_after_a_restart() {
    let mut server = start(&classic::config());
    assert_eq!(try_named(&server, "LOGIN", TIM), 235);
    let elsewhere = "pwcheck_method: sasldb\nsasldb_path: /nonexistent/sasldb\n";
    server.sandbox.dir.write("sasl/Sendmail.conf", elsewhere);
    assert_eq!(try_named(&server, "LOGIN", TIM), 235, "before the restart");
    server.restart();
    assert_eq!(listed(&server), "LOGIN PLAIN");
    assert_eq!(try_named(&server, "LOGIN", TIM), 535);
    let back = format!("pwcheck_method: sasldb\nsasldb_path: {}/sasldb\n", server.sandbox.dir.path().display());
    server.sandbox.dir.write("sasl/Sendmail.conf", back);
    server.restart();
    assert_eq!(listed(&server), classic::MECHANISMS);
    assert_eq!(try_named(&server, "LOGIN", TIM), 235);
}

/// On SIGHUP Sendmail starts itself anew with a clean environment: the library must be where the loader finds it, as
/// `ldconfig` sees to.
#[test]
fn a_hangup_is_as_good_where_the_loader_knows_the_library() {
    let script = "
        mkdir -p /var/cache/ldconfig && mount -t tmpfs none /var/cache/ldconfig
        echo $LD_LIBRARY_PATH >/etc/ld.so.conf.d/classic.conf && ldconfig -X || exit 126
        unset LD_LIBRARY_PATH
        exec \"$@\"
    ";
    let server = start(&Config { wrapper: shell(script), ..classic::config() });
    assert_eq!(try_named(&server, "LOGIN", TIM), 235);
    server.sandbox.dir.write("sasl/Sendmail.conf", "pwcheck_method: sasldb\nsasldb_path: /nonexistent/sasldb\n");
    let mark = server.sandbox.log.mark();
    signal("HUP", server.pid());
    server.sandbox.log.after(mark, "due to signal");
    server.sandbox.log.after(mark, "starting daemon");
    assert!(wait_until(PATIENCE, || listening(server.port)), "{}", server.sandbox.log.text_after(mark));
    assert_eq!(listed(&server), "LOGIN PLAIN");
    assert_eq!(try_named(&server, "LOGIN", TIM), 535);
}

/// Sendmail's VERIFYFILE callback refuses such a file; the library goes on as if there were none.
#[test]
fn an_unsafe_configuration_is_not_read() {
    for (name, mode, read) in [
        ("sasl/Sendmail.conf", 0o644, true),
        ("sasl/Sendmail.conf", 0o640, true),
        ("sasl/Sendmail.conf", 0o666, false),
        ("sasl", 0o777, false),
    ] {
        let modes = vec![(name.to_owned(), mode)];
        let server = start(&Config { modes, ..classic::config() });
        // Unread, the database is /etc/sasldb, which is not there.
        let expected = if read { classic::MECHANISMS } else { "LOGIN PLAIN" };
        assert_eq!(listed(&server), expected, "{name} {mode:o}");
        if !read {
            server.sandbox.log.expect("/sasl/Sendmail.conf) failed: ");
        }
        assert!(fs::exists(server.sandbox.dir.join("sasl/Sendmail.conf")).expect("the file"));
    }
}
