//! Names and passwords that would be part of a filter or of an entry's name if they could.

use oxisasl::{Code, Result, ServerParams};

use crate::application::{Application, HOST, PASSWORD};
use crate::bind;
use crate::directory::{PEOPLE, change, options, start_with};
use crate::rig::base::Library;
use crate::rig::slapd::Slapd;

/// Each byte by itself and within a name; and what is something in a filter, a name or a template.
fn hostile() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for byte in 0..=255_u8 {
        all.extend([vec![byte], vec![b'v', byte, b'w'], [b"victim", &[byte][..]].concat()]);
    }
    let texts = [
        "*",
        "vic*",
        "v*m",
        "victim)(uid=*",
        "*)(uid=*))(|(uid=*",
        "victim))(&(uid=x",
        "victim)(|(uid=",
        "victim\u{0}",
        "victim,ou=people,dc=rig,dc=test",
        "victim+cn=x",
        "x,uid=victim",
        "\\",
        "\\76ictim",
        "\\2a",
        "%u",
        "%U",
        "%d",
        "%s",
        "%n",
        "{}",
        "{0}",
        "()",
        "&",
        "|",
        "!",
        "~=",
        ">=",
        "#04067669637469",
        "\"victim\"",
        "'victim'",
        "dn:uid=victim,ou=people,dc=rig,dc=test",
        "u:victim",
        "<victim>",
        "victim;x",
        "\r\nvictim",
        "\u{ff0a}",
        "\u{202e}mitciv",
        "\u{10ffff}",
    ];
    all.extend(texts.map(|text| text.as_bytes().to_vec()));
    all.extend([vec![b'*'; 1000], vec![b'('; 1000], b"%u)\\".repeat(250)]);
    all.sort();
    all.dedup();
    all
}

/// A directory that maps any name to the entry of that name.
fn directory() -> Slapd {
    let people = PEOPLE.replace("alice", "victim").replace("Alice", "Victim") + OTHERS;
    let anyone = "authz-regexp \"^uid=([^,]+),cn=[^,]+,cn=auth$\" \"uid=$1,ou=people,dc=rig,dc=test\"\n\
                  authz-regexp \"^uid=([^,]+),cn=[^,]+,cn=[^,]+,cn=auth$\" \"uid=$1,ou=people,dc=rig,dc=test\"\n";
    start_with(anyone, &people)
}

/// Names that have to be escaped are names all the same.
const OTHERS: &str = r#"dn: uid=a\2Cb,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: a,b
cn: Comma
sn: C
userPassword: of a comma

dn: uid=\2A,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: *
cn: Star
sn: S
userPassword: of a star

dn: uid=(x)\5C\22,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: (x)\"
cn: Brackets
sn: B
userPassword: of brackets

"#;

/// A login as any bytes, with any bytes: PLAIN has both in one message.
fn login(application: &Application, user: &[u8], password: &[u8]) -> Result<()> {
    let session = application.server.session(ServerParams::new("test").fqdn(HOST))?;
    session.start("PLAIN", Some(&[&b"\0"[..], user, b"\0", password].concat())).map(|_| ())
}

/// The directory's own rules for comparing `uid` (RFC 4518): case does not count, and blanks around a name do not.
fn is_victim(name: &[u8]) -> bool {
    let text = String::from_utf8_lossy(name);
    let ignored = |c: char| c.is_whitespace() || c.is_control() || c == '\u{ad}';
    let user = text.rsplit_once('@').map_or(&*text, |(user, _)| user);
    user.trim_matches(ignored).eq_ignore_ascii_case("victim") && !name.contains(&0)
}

#[test]
fn hostile_names_are_nobody_s() {
    let slapd = directory();
    let by_name = "ldap_user_dn: uid=%u,ou=people,dc=rig,dc=test\n";
    let by_search = "ldap_search_base: ou=people,dc=rig,dc=test\nldap_filter: (|(uid=%u)(&(uid=%U)(sn=%d)))\n";
    for options in [options(&slapd), bind::options(&slapd, by_name), bind::options(&slapd, by_search)] {
        let application = Application::new(&options);
        login(&application, b"victim", PASSWORD.as_bytes()).unwrap();
        for name in hostile() {
            let shown = || format!("{:?}: {options}", String::from_utf8_lossy(&name[..name.len().min(60)]));
            match login(&application, &name, PASSWORD.as_bytes()) {
                Ok(()) => assert!(is_victim(&name), "{}", shown()),
                Err(error) => {
                    let code = error.code();
                    let plain =
                        matches!(code, Code::NoUser | Code::BadAuth | Code::BadProt | Code::Fail | Code::BufOver);
                    assert!(plain, "{}: {error:?}", shown());
                }
            }
        }
        for (name, password) in [("a,b", "of a comma"), ("*", "of a star"), ("(x)\\\"", "of brackets")] {
            login(&application, name.as_bytes(), password.as_bytes())
                .unwrap_or_else(|e| panic!("{name} {e:?} {options}"));
            login(&application, name.as_bytes(), b"x").unwrap_err();
        }
        login(&application, b"victim", PASSWORD.as_bytes()).unwrap();
    }
    // A name as long as they come.
    let application = Application::new(&options(&slapd));
    for long in [vec![b'*'; 65536], b"victim)(uid=".repeat(5461)] {
        login(&application, &long, PASSWORD.as_bytes()).unwrap_err();
    }
}

#[test]
fn hostile_passwords_are_only_that() {
    let slapd = directory();
    let verifier = Application::new(&bind::options(&slapd, "ldap_user_dn: uid=%u,ou=people,dc=rig,dc=test\n"));
    let store = Application::new(&options(&slapd));
    let mut passwords: Vec<_> = hostile().into_iter().filter(|password| str::from_utf8(password).is_ok()).collect();
    passwords.push(vec![b'x'; 65536]);
    passwords.push(b"%u'\\".repeat(16384));
    for password in &passwords {
        for application in [&verifier, &store] {
            login(application, b"victim", password).unwrap_err();
        }
    }
    // As one that is set, which then lets in, and no other.
    passwords.retain(|password| !password.contains(&0) && !password.starts_with(b"{"));
    for password in passwords.iter().step_by(8) {
        let text = str::from_utf8(password).unwrap();
        store.set("victim", Some(text)).unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
        for application in [&verifier, &store] {
            login(application, b"victim", password).unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
            login(application, b"victim", &[password, &b"x"[..]].concat()).unwrap_err();
        }
    }
    change(
        &slapd,
        &format!(
            "dn: uid=victim,ou=people,dc=rig,dc=test\nchangetype: modify\nreplace: userPassword\nuserPassword: {PASSWORD}\n"
        ),
    );
    let mut tool = slapd.tool(&Library::stock(), "ldapwhoami");
    let who =
        crate::rig::slapd::who_am_i(tool.args(["-x", "-D", "uid=a\\2Cb,ou=people,dc=rig,dc=test", "-w", "of a comma"]));
    assert_eq!(who.code, Some(0), "nobody else's password was changed: {who:?}");
}
