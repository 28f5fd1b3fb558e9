//! `pwcheck_method: ldap`: who is let in by binding as the entry that is found.

use oxisasl::Code;

use crate::application::{Application, PASSWORD};
use crate::directory::{PEOPLE, change, start, start_with, uri};
use crate::rig::slapd::Slapd;

const BASE: &str = "ldap_search_base: ou=people,dc=rig,dc=test\n";

/// Who may search.
const SEARCHER: &str = "ldap_bind_dn: uid=zoe,ou=people,dc=rig,dc=test\nldap_bind_pw: correct horse\n";

pub fn options(slapd: &Slapd, more: &str) -> String {
    let searcher = if more.contains("ldap_bind_dn") { "" } else { SEARCHER };
    format!("pwcheck_method: ldap\nldap_servers: {}\n{searcher}{more}", uri(slapd))
}

fn code(application: &Application, user: &str, password: &str) -> Option<Code> {
    application.login("PLAIN", user, password).err().map(|error| error.code())
}

#[test]
fn the_password_of_the_entry_that_is_found_lets_in() {
    let slapd = start();
    // The directory compares by itself: hashes are none of our business.
    change(
        &slapd,
        "dn: uid=bare,ou=people,dc=rig,dc=test\nchangetype: modify\nreplace: userPassword\n\
         userPassword: {SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==\n",
    );
    for more in [
        BASE.to_owned(),
        "ldap_user_dn: uid=%u,ou=people,dc=rig,dc=test\n".to_owned(),
        "ldap_search_base: dc=rig,dc=test\nldap_filter: (&(objectClass=inetOrgPerson)(uid=%U))\n".to_owned(),
        format!("{BASE}ldap_scope: one\nldap_filter: uid=%u\n"),
        "ldap_search_base: uid=%u,ou=people,dc=rig,dc=test\nldap_scope: base\n".to_owned(),
        format!("{BASE}ldap_bind_dn: cn=admin,dc=rig,dc=test\nldap_bind_pw: adminpw\n"),
    ] {
        let application = Application::new(&options(&slapd, &more));
        for _ in 0..2 {
            assert_eq!(code(&application, "alice", PASSWORD), None, "{more}");
            assert_eq!(code(&application, "alice@other.example", PASSWORD), None, "{more}");
            assert_eq!(code(&application, "bare", "secret"), None, "{more}");
            assert_eq!(code(&application, "alice", "wrong"), Some(Code::BadAuth), "{more}");
            assert_eq!(code(&application, "alice", "secret"), Some(Code::BadAuth), "{more}");
            assert_eq!(code(&application, "bare", PASSWORD), Some(Code::BadAuth), "{more}");
            assert_eq!(
                code(&application, "bare", "{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA=="),
                Some(Code::BadAuth)
            );
            let unknown = if more.contains("ldap_user_dn") { Code::BadAuth } else { Code::NoUser };
            assert_eq!(code(&application, "ghost", PASSWORD), Some(unknown), "{more}");
        }
        let log = application.log();
        assert!(!log.contains(PASSWORD) && !log.contains("wrong"), "{log}");
    }
}

/// A bind without a password succeeds at the server, for nobody (RFC 4513 section 5.1.2).
#[test]
fn an_empty_password_lets_nobody_in() {
    let slapd = start_with("allow bind_anon_cred bind_anon_dn\n", PEOPLE);
    let mut tool = slapd.tool(&crate::rig::base::Library::stock(), "ldapwhoami");
    let who = crate::rig::slapd::who_am_i(tool.args(["-x", "-D", "uid=alice,ou=people,dc=rig,dc=test", "-w", ""]));
    assert_eq!((who.code, who.identity.as_str()), (Some(0), "anonymous"), "the server is one that takes it");
    for more in [BASE, "ldap_user_dn: uid=%u,ou=people,dc=rig,dc=test\n"] {
        let application = Application::new(&options(&slapd, more));
        for user in ["bare", "alice", "ghost"] {
            for mechanism in ["PLAIN", "LOGIN"] {
                application.login(mechanism, user, "").unwrap_err();
                application.login(mechanism, user, "\0").unwrap_err();
            }
        }
        assert!(!slapd.output().contains("BIND dn=\"uid=bare"), "nothing of it reaches the server");
    }
}

#[test]
fn whoever_is_not_the_only_one_is_refused() {
    let slapd = start();
    for (filter, user) in [("(|(uid=%u)(uid=alice))", "zoe"), ("(!(uid=%u))", "ghost"), ("(|(cn=%u)(sn=*))", "Alice")] {
        let application = Application::new(&options(&slapd, &format!("{BASE}ldap_filter: {filter}\n")));
        let error = application.login("PLAIN", user, PASSWORD).unwrap_err();
        assert_eq!(error.code(), Code::Fail, "{filter}: {error:?}");
        assert!(error.detail().contains("not the only one"), "{error}");
    }
    // Also where the server only gives one of them, and says that there are more.
    let slapd = start_with("sizelimit 1\n", PEOPLE);
    let application = Application::new(&options(&slapd, &format!("{BASE}ldap_filter: (|(uid=%u)(uid=alice))\n")));
    let error = application.login("PLAIN", "zoe", PASSWORD).unwrap_err();
    assert!(error.detail().contains("not the only one"), "{error:?}");
}

#[test]
fn no_other_answer_lets_in() {
    let slapd = start();
    change(
        &slapd,
        "dn: uid=away,ou=people,dc=rig,dc=test\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\n\
         uid: away\nref: ldap://127.0.0.1:1/uid=away,dc=elsewhere\n",
    );
    // A referral is nobody here; a search that begins in it, and a bind as it, is not done.
    for more in
        [BASE, "ldap_search_base: uid=%u,ou=people,dc=rig,dc=test\n", "ldap_user_dn: uid=%u,ou=people,dc=rig,dc=test\n"]
    {
        let application = Application::new(&options(&slapd, more));
        assert!(code(&application, "away", PASSWORD).is_some(), "{more}");
        assert_eq!(code(&application, "zoe", PASSWORD), None, "{more}");
    }
    // No such place; who searches may not, or is nobody.
    for (more, what) in [
        ("ldap_search_base: dc=elsewhere\n".to_owned(), "No such object"),
        (format!("{BASE}ldap_bind_dn: cn=admin,dc=rig,dc=test\nldap_bind_pw: wrong\n"), "Invalid credentials"),
        (format!("{BASE}ldap_bind_dn: dc=elsewhere\nldap_bind_pw: wrong\n"), "Invalid credentials"),
        ("ldap_search_base: no name\n".to_owned(), "Invalid DN"),
        (format!("{BASE}ldap_filter: ((uid=%u\n"), "Bad search filter"),
    ] {
        let application = Application::new(&options(&slapd, &more));
        let error = application.login("PLAIN", "alice", PASSWORD).unwrap_err();
        assert_eq!(error.code(), Code::Fail, "{more}: {error:?}");
        assert!(error.detail().contains(what) && application.log().contains(what), "{more}: {error:?}");
    }
    // The entry may be bound as by nobody, has no password, or is locked.
    let strict = start_with("", &PEOPLE.replacen("userPassword: correct horse\n", "", 1));
    let application = Application::new(&options(&strict, BASE));
    assert_eq!(code(&application, "alice", PASSWORD), Some(Code::BadAuth));
    let closed = start_with("disallow bind_simple\n", PEOPLE);
    let application = Application::new(&options(&closed, BASE));
    assert!(code(&application, "alice", PASSWORD).is_some());
}

#[test]
fn mistakes_in_the_options_are_named() {
    let slapd = start();
    for (more, option) in [
        ("", "ldap_search_base"),
        ("ldap_search_base: dc=x\nldap_filter: (objectClass=*)\n", "ldap_filter"),
        ("ldap_search_base: dc=x\nldap_group_dn: cn=x\n", "ldap_group_dn"),
        ("ldap_search_base: dc=x\nldap_scope: tree\n", "ldap_scope"),
    ] {
        let application = Application::new(&options(&slapd, more));
        let error = application.login("PLAIN", "alice", PASSWORD).unwrap_err();
        assert_eq!(error.code(), Code::ConfigErr, "{more}");
        assert!(error.detail().contains(option) && application.log().contains(option), "{error}");
    }
}
