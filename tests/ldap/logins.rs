//! Logins with what is in a directory, and what setting a password puts there.

use oxisasl::Code;

use crate::application::{Application, MECHANISMS, PASSWORD};
use crate::directory::{PEOPLE, PROXY_PASSWORD, change, entry, options, start, start_with, start_with_secrets};
use crate::rig::base::Library;
use crate::rig::slapd::who_am_i;

#[test]
fn every_mechanism_lets_the_right_password_in() {
    let slapd = start();
    let application = Application::new(&options(&slapd));
    assert_eq!(application.works("alice", PASSWORD), MECHANISMS);
    for mechanism in MECHANISMS {
        for (user, password, code) in [
            ("alice", "wrong", Code::BadAuth),
            ("ghost", PASSWORD, Code::NoUser),
            ("bare", PASSWORD, Code::NoUser),
            // There is such an entry, and nobody may act for it.
            ("zoe", PASSWORD, Code::Fail),
            ("alice)(uid=*", PASSWORD, Code::NoUser),
            ("al*", PASSWORD, Code::NoUser),
        ] {
            let error = application.login(mechanism, user, password).unwrap_err();
            let expected = if user == "bare" { &[Code::NoUser, Code::BadAuth, Code::NoVerify][..] } else { &[code] };
            assert!(expected.contains(&error.code()), "{mechanism} {user}: {error:?}");
        }
    }
    let log = application.log();
    assert!(log.contains("ldapdb_id may not act as this user"), "{log}");
    assert!(!log.contains(PROXY_PASSWORD) && !log.contains(PASSWORD), "{log}");
}

#[test]
fn it_binds_by_any_mechanism_and_with_its_layer() {
    let slapd = start();
    for (mechanism, layer) in
        [("DIGEST-MD5", 128), ("SCRAM-SHA-1", 0), ("SCRAM-SHA-512", 0), ("CRAM-MD5", 0), ("GSSAPI SCRAM-SHA-256", 0)]
    {
        let options = options(&slapd).replace("ldapdb_mech: SCRAM-SHA-256", &format!("ldapdb_mech: {mechanism}"));
        let application = Application::new(&options);
        let before = slapd.output().len();
        application.login("PLAIN", "alice", PASSWORD).unwrap();
        let output = slapd.output().split_off(before);
        let last = mechanism.rsplit(' ').next().unwrap();
        assert!(output.contains(&format!("mech={last} bind_ssf={layer} ")), "{mechanism}: {output}");
    }
    // The best that the server offers, where none is named.
    let options = options(&slapd).replace("ldapdb_mech: SCRAM-SHA-256\n", "");
    Application::new(&options).login("PLAIN", "alice", PASSWORD).unwrap();
    assert!(slapd.output().contains("mech=SCRAM-SHA-512"));
}

/// Whom the socket of the machine tells the server of needs no password.
#[test]
fn it_binds_as_the_user_of_the_socket() {
    let global = "authz-regexp \"^gidNumber=0\\\\+uidNumber=0,cn=peercred,cn=external,cn=auth$\" \
                  \"uid=proxy,ou=people,dc=rig,dc=test\"\n";
    let slapd = start_with(global, PEOPLE);
    let socket = slapd.sandbox.dir.join("run/ldapi").display().to_string().replace('/', "%2F");
    let uri = format!("ldapi://{socket}");
    let external = format!("auxprop_plugin: ldapdb\nldapdb_uri: {uri}\nldapdb_mech: EXTERNAL\n");
    Application::new(&external).login("SCRAM-SHA-1", "alice", PASSWORD).unwrap();
    assert!(slapd.output().contains("mech=EXTERNAL"), "{}", slapd.output());
    let network = external.replace(&uri, &crate::directory::uri(&slapd));
    let error = Application::new(&network).login("PLAIN", "alice", PASSWORD).unwrap_err();
    assert!(error.code() == Code::Fail && error.detail().contains("EXTERNAL"), "{error}");
}

/// What is longer than a packet of the layer, and than what is read at once.
#[test]
fn a_layer_carries_much_both_ways() {
    let long = "x".repeat(200_000);
    let slapd = start();
    let options = options(&slapd).replace("ldapdb_mech: SCRAM-SHA-256", "ldapdb_mech: DIGEST-MD5");
    let application = Application::new(&options);
    application.set("alice", Some(&long)).unwrap();
    application.login("CRAM-MD5", "alice", &long).unwrap();
    application.login("PLAIN", "alice", &long[1..]).unwrap_err();
}

#[test]
fn stored_hashes_are_compared() {
    let slapd = start_with_secrets(PEOPLE);
    let application = Application::new(&options(&slapd));
    let set = |what: &str| {
        let head = "dn: uid=alice,ou=people,dc=rig,dc=test\nchangetype: modify\nreplace: ";
        change(&slapd, &format!("{head}{what}\n"));
    };
    for (stored, password, mechanisms) in [
        ("{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==", "secret", &["PLAIN", "LOGIN"][..]),
        ("{CRYPT}$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "secret", &["PLAIN", "LOGIN"]),
        (
            "{ARGON2}$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "password",
            &["PLAIN", "LOGIN"],
        ),
        (
            "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=",
            "pencil",
            &["PLAIN", "LOGIN", "SCRAM-SHA-1"],
        ),
        ("{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==", "secret", &[]),
        ("{SASL}alice@rig.test", "secret", &[]),
    ] {
        set(&format!("userPassword\nuserPassword: {stored}"));
        assert_eq!(application.works("alice", password), mechanisms, "{stored}");
        for wrong in ["Secret", stored] {
            assert_eq!(application.works("alice", wrong), [""; 0], "{stored}");
        }
    }
    // Several verifiers in the attribute that is made for them (RFC 5803).
    set("userPassword");
    set("objectClass\nobjectClass: inetOrgPerson\nobjectClass: authPasswordObject");
    set("authPassword\nauthPassword: SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92\
         $6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=");
    assert_eq!(application.works("alice", "pencil"), ["PLAIN", "LOGIN", "SCRAM-SHA-1"]);
    assert_eq!(application.works("alice", "Pencil"), [""; 0]);
}

#[test]
fn attributes_are_properties() {
    let slapd = start();
    let application = Application::new(&options(&slapd));
    assert_eq!(application.property("alice", "mail").as_deref(), Some("wonderland"));
    assert_eq!(application.property("alice", "MAIL").as_deref(), Some("wonderland"));
    for none in ["noSuchAttribute", "*", "+", "1.1", "mail;lang-de", "description", "mail\0x"] {
        assert_eq!(application.property("alice", none), None, "{none}");
    }
}

/// Where the directory knows nothing but `userPassword`, that is what it gets: its own readers know no other form.
#[test]
fn a_password_is_set_as_it_is_where_there_is_no_room_for_secrets() {
    let slapd = start();
    let application = Application::new(&options(&slapd));
    application.set("alice", Some("another one")).unwrap();
    assert_eq!(application.works("alice", "another one"), MECHANISMS);
    assert_eq!(application.works("alice", PASSWORD), [""; 0]);
    let mut tool = slapd.tool(&Library::stock(), "ldapwhoami");
    let who = who_am_i(tool.args(["-x", "-D", "uid=alice,ou=people,dc=rig,dc=test", "-w", "another one"]));
    assert_eq!(who.code, Some(0), "{who:?}");
    application.set("alice", None).unwrap();
    assert!(!entry(&slapd, "alice").contains("userPassword"));
    assert_eq!(application.works("alice", "another one"), [""; 0]);

    // What cannot be kept is told, and nothing is changed.
    let hashed = Application::new(&(options(&slapd) + "password_storage: hashed\n"));
    let before = entry(&slapd, "proxy");
    let error = hashed.set("proxy", Some("x")).unwrap_err();
    assert_eq!(error.code(), Code::ConstraintViolat, "{error:?}");
    assert!(error.detail().contains("authPassword"), "{error}");
    assert_eq!(entry(&slapd, "proxy"), before);
    for (user, code) in [("ghost", Code::NoUser), ("zoe", Code::Fail)] {
        assert_eq!(application.set(user, Some("x")).unwrap_err().code(), code, "{user}");
    }
}

#[test]
fn a_password_is_set_as_secrets_where_the_directory_has_attributes_for_them() {
    let people =
        PEOPLE.replace("uid: alice\n", "objectClass: authPasswordObject\nobjectClass: saslSecretsObject\nuid: alice\n");
    let slapd = start_with_secrets(&people);
    let application = Application::new(&options(&slapd));
    for password in ["first one", PASSWORD] {
        application.set("alice", Some(password)).unwrap();
        assert_eq!(application.works("alice", password), MECHANISMS);
    }
    assert_eq!(application.works("alice", "first one"), [""; 0]);
    let kept = entry(&slapd, "alice");
    for attribute in ["authPassword", "cmusaslsecretCRAM-MD5", "cmusaslsecretDIGEST-MD5"] {
        assert!(kept.contains(&format!("\n{attribute}:")), "{kept}");
    }
    assert!(!kept.contains("userPassword"), "{kept}");

    // Both, for those who bind to the directory.
    Application::new(&(options(&slapd) + "password_storage: both\n")).set("alice", Some("both")).unwrap();
    assert!(entry(&slapd, "alice").contains("\nuserPassword:: Ym90aA==\n"), "{}", entry(&slapd, "alice"));
    assert_eq!(application.works("alice", "both"), MECHANISMS);
    Application::new(&(options(&slapd) + "password_storage: plaintext\n")).set("alice", Some("plain")).unwrap();
    assert!(!entry(&slapd, "alice").contains("authPassword:"), "{}", entry(&slapd, "alice"));
    assert_eq!(application.works("alice", "plain"), MECHANISMS);
    application.set("alice", None).unwrap();
    assert_eq!(application.works("alice", "plain"), [""; 0]);

    // An entry that may not have them.
    let before = entry(&slapd, "bare");
    let error = application.set("bare", Some(PASSWORD)).unwrap_err();
    assert_eq!(error.code(), Code::ConstraintViolat, "{error:?}");
    assert_eq!(entry(&slapd, "bare"), before);
}

/// Secrets that the directory has no attributes for are not left out in silence.
#[test]
fn secrets_without_a_place_are_named() {
    let schema = "attributetype ( 1.3.6.1.4.1.4203.1.3.4 NAME 'authPassword' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.4203.1.4.7 NAME 'authPasswordObject' AUXILIARY MAY authPassword )";
    let people = PEOPLE.replace("uid: alice\n", "objectClass: authPasswordObject\nuid: alice\n");
    let slapd = start_with(schema, &people);
    let error = Application::new(&options(&slapd)).set("alice", Some("new")).unwrap_err();
    assert!(error.detail().contains("cmusaslsecret"), "{error}");
    let some = Application::new(&(options(&slapd) + "password_secrets: SCRAM-SHA-256 SCRAM-SHA-1\n"));
    some.set("alice", Some("new")).unwrap();
    assert_eq!(some.works("alice", "new"), ["PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256"]);
}

/// A name becomes another one by an attribute of the entry.
#[test]
fn names_can_be_made_canonical() {
    let slapd = start();
    // A name that is canonical has to stay what it is.
    for user in ["alice", "proxy"] {
        let name = format!("dn: uid={user},ou=people,dc=rig,dc=test");
        change(&slapd, &format!("{name}\nchangetype: modify\nreplace: mail\nmail: proxy\n"));
    }
    let canonical = |attribute: &str, user: &str, password: &str| {
        let options = options(&slapd) + &format!("canon_user_plugin: ldapdb\nldapdb_canon_attr: {attribute}\n");
        Application::new(&options).login("PLAIN", user, password)
    };
    canonical("uid", "alice", PASSWORD).unwrap();
    canonical("UID", "alice", PASSWORD).unwrap();
    canonical("mail", "alice", PROXY_PASSWORD).unwrap();
    canonical("mail", "alice", PASSWORD).unwrap_err();
    // There is no such attribute in the entry, or no entry: the stock plugin ends the process for the first.
    for (attribute, user) in [("mail", "bare"), ("l", "alice"), ("mail", "ghost")] {
        assert_eq!(canonical(attribute, user, PASSWORD).unwrap_err().code(), Code::NoUser, "{attribute} {user}");
    }
    assert_eq!(canonical("mail", "zoe", PASSWORD).unwrap_err().code(), Code::Fail);
    let without = Application::new(&(options(&slapd) + "canon_user_plugin: ldapdb\n"));
    assert_eq!(without.login("PLAIN", "alice", PASSWORD).unwrap_err().code(), Code::BadParam);
}

/// What an application of SASL 1.5 stores and finds.
#[test]
fn the_older_interface_keeps_its_secrets_there_too() {
    let people =
        PEOPLE.replace("uid: alice\n", "objectClass: authPasswordObject\nobjectClass: saslSecretsObject\nuid: alice\n");
    let slapd = start_with_secrets(&people);
    let application = Application::classic(&options(&slapd));
    let classic = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"];
    assert_eq!(application.works("alice", PASSWORD), classic);
    for password in ["first one", "another one"] {
        application.set("alice", Some(password)).unwrap();
        assert_eq!(application.works("alice", password), classic);
    }
    assert_eq!(application.works("alice", "first one"), [""; 0]);
    assert_eq!(application.works("alice", PASSWORD), [""; 0], "the password in the other form is gone");
    application.set("alice", None).unwrap();
    assert_eq!(application.works("alice", "another one"), [""; 0]);
}

/// Without options for it, it is as if there were no such store.
#[test]
fn what_is_not_configured_is_not_asked() {
    let application = Application::new("ldapdb_id: proxy\nauxprop_plugin: ldapdb\n");
    assert_eq!(application.server.configured_stores().count(), 0);
    assert_eq!(application.login("PLAIN", "alice", PASSWORD).unwrap_err().code(), Code::NoMech);
}
