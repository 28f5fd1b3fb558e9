//! The directory that most tests have: people, and one who may act for most of them.

use crate::rig::base::{Library, must, repository, run};
use crate::rig::slapd::{Settings, Slapd};

/// The password of the identity that binds, with what an option could lose.
pub const PROXY_PASSWORD: &str = "for  others %u";

/// Whom it may act for: not those whose names begin with z.
pub const PEOPLE: &str = "dn: uid=proxy,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: proxy
cn: Proxy
sn: P
userPassword: for  others %u
authzTo: dn.regex:^uid=[^z][^,]*,ou=people,dc=rig,dc=test$

dn: uid=alice,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
mail: wonderland
mail: second
userPassword: correct horse

dn: uid=bare,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: bare
cn: Bare
sn: B

dn: uid=zoe,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: zoe
cn: Zoe
sn: Z
userPassword: correct horse

";

/// A directory with these people, and lines of its configuration. The server is Debian's in all its parts.
pub fn start_with(global: &str, people: &str) -> Slapd {
    Slapd::start(&Library::stock(), &Settings { global, entries: people, ..Settings::default() }, |_| ())
}

pub fn start() -> Slapd {
    start_with("", PEOPLE)
}

/// One whose entries can have the secrets of mechanisms.
pub fn start_with_secrets(people: &str) -> Slapd {
    start_with(&format!("include {}", repository("docs/ldap.schema").display()), people)
}

pub fn uri(slapd: &Slapd) -> String {
    format!("ldap://127.0.0.1:{}", slapd.port)
}

/// The options of the store at these servers.
pub fn options_at(uris: &str) -> String {
    format!(
        "pwcheck_method: auxprop\nauxprop_plugin: ldapdb\nldapdb_uri: {uris}\nldapdb_id: proxy\n\
         ldapdb_pw: {PROXY_PASSWORD}\nldapdb_mech: SCRAM-SHA-256\n"
    )
}

pub fn options(slapd: &Slapd) -> String {
    options_at(&uri(slapd))
}

/// Changes the directory as its administrator.
pub fn change(slapd: &Slapd, ldif: &str) {
    let mut tool = slapd.tool(&Library::stock(), "ldapmodify");
    let ran = run(tool.args(["-x", "-D", "cn=admin,dc=rig,dc=test", "-w", "adminpw"]), ldif.as_bytes());
    assert!(ran.status.success(), "{ldif}: {}{}", ran.stdout, ran.stderr);
}

/// An entry as its administrator sees it, one attribute a line.
pub fn entry(slapd: &Slapd, user: &str) -> String {
    let mut tool = slapd.tool(&Library::stock(), "ldapsearch");
    tool.args(["-x", "-D", "cn=admin,dc=rig,dc=test", "-w", "adminpw", "-LLL", "-o", "ldif-wrap=no", "-s", "base"]);
    must(tool.args(["-b", &format!("uid={user},ou=people,dc=rig,dc=test")]))
}
