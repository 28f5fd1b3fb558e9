//! Realms: Sendmail names its own host as the server's, and no realm; old clients write theirs into the user's name.

use crate::rig::classic::{self, make_sasldb};
use crate::rig::client::Protection;
use crate::rig::sendmail::{Config, HOST, Server};

use super::site::{TIM, attempt, authenticated, digest, library, mechanism, names, refused, server, start, try_named};

const OTHER: &str = "other.example";

fn with_another_realm() -> Server {
    let server = server();
    make_sasldb(&library(), &server.sandbox.dir.join("sasldb"), OTHER, &[("otto", "of the other realm")]);
    server
}

#[test]
fn a_name_may_say_its_realm() {
    let server = with_another_realm();
    for name in names() {
        // The server's own realm is what a name without one has.
        let full = format!("tim@{HOST}");
        let mark = server.sandbox.log.mark();
        assert_eq!(try_named(&server, name, (&full, TIM.1)), 235, "{name}");
        // PLAIN and LOGIN show what the client sent, the others the user alone.
        let shown = if ["PLAIN", "LOGIN"].contains(&name) { full.as_str() } else { "tim" };
        let line = authenticated(&server, mark);
        assert!(line.contains(&format!("authid={shown}, mech={name}")), "{line}");

        let mark = server.sandbox.log.mark();
        let otto = format!("otto@{OTHER}");
        assert_eq!(try_named(&server, name, (&otto, "of the other realm")), 235, "{name}");
        let shown = if ["PLAIN", "LOGIN"].contains(&name) { otto.as_str() } else { "otto" };
        let line = authenticated(&server, mark);
        assert!(line.contains(&format!("authid={shown}, mech={name}")), "{line}");

        // Nobody is in two realms.
        assert_eq!(try_named(&server, name, ("otto", "of the other realm")), 535, "{name}");
        assert_eq!(try_named(&server, name, (&format!("tim@{OTHER}"), TIM.1)), 535, "{name}");
        assert_eq!(try_named(&server, name, (&format!("tim@{HOST}@{OTHER}"), TIM.1)), 535, "{name}");
    }
}

/// The server offers no realm; the client that names none at all is nobody.
#[test]
fn digest_md5_takes_the_realm_from_the_client_alone() {
    let server = with_another_realm();
    assert_eq!(attempt(&server, &mut digest("tim", HOST, TIM.1, Protection::None)), 235);
    assert_eq!(attempt(&server, &mut digest("otto", OTHER, "of the other realm", Protection::None)), 235);
    let mark = server.sandbox.log.mark();
    assert_eq!(attempt(&server, &mut digest("tim", "", TIM.1, Protection::None)), 535);
    let line = refused(&server, mark);
    assert!(line.contains("user not found (-20)"), "{line}");
    assert_eq!(attempt(&server, &mut digest("tim", OTHER, TIM.1, Protection::None)), 535);
}

#[test]
fn auth_realm_is_the_realm_of_names_without_one() {
    let extra = format!("define(`confAUTH_REALM', `{OTHER}')dnl");
    let server = start(&Config { extra, ..classic::config() });
    make_sasldb(&library(), &server.sandbox.dir.join("sasldb"), OTHER, &[("otto", "of the other realm")]);
    for name in names() {
        let user = if name == "DIGEST-MD5" { format!("otto@{OTHER}") } else { "otto".to_owned() };
        assert_eq!(try_named(&server, name, (&user, "of the other realm")), 235, "{name}");
        assert_eq!(attempt(&server, &mut *mechanism(name, &format!("tim@{HOST}"), TIM.1)), 235, "{name}");
    }
}
