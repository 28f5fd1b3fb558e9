//! Debian's own `slapd` and LDAP tools on a chosen `libsasl2.so.2`.

mod rig;

use rig::base::{Library, make_sasldb, must, run};
use rig::sandbox::Sandbox;
use rig::saslauthd::Saslauthd;
use rig::slapd::{Settings, Slapd, WhoAmI, who_am_i};

const PROOF: [&str; 7] =
    ["CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-224", "SCRAM-SHA-256", "SCRAM-SHA-384", "SCRAM-SHA-512"];

const PEOPLE: &str = "dn: uid=bob,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: B
userPassword: battery staple
authzTo: dn.exact:uid=carol,ou=people,dc=rig,dc=test

dn: uid=carol,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: carol
cn: Carol
sn: C
userPassword: carol's

dn: uid=dave,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: dave
cn: Dave
sn: D
userPassword: {SASL}dave@rig.test

";

const BOB: &str = "dn:uid=bob,ou=people,dc=rig,dc=test";

fn library() -> Library {
    Library::under_test()
}

/// The tools on the stock library, and on the one under test when that is another.
fn clients() -> Vec<Library> {
    let mut clients = vec![Library::stock()];
    if !library().is_stock() {
        clients.push(library());
    }
    clients
}

/// Passwords in the directory's own entries, found by slapd's own auxiliary property plugin.
fn own_entries(global: &str) -> Slapd {
    Slapd::start(&library(), &Settings { global, entries: PEOPLE, ..Settings::default() }, |_| ())
}

/// Passwords in the library's password database.
fn sasldb(global: &str) -> Slapd {
    let global = format!("sasl-auxprops sasldb\n{global}");
    let settings =
        Settings { global: &global, sasl: "sasldb_path: @DIR@/sasldb2\n", entries: PEOPLE, ..Settings::default() };
    Slapd::start(&library(), &settings, |sandbox: &Sandbox| {
        let users = [("bob", "from the database"), ("erin", "no entry"), ("xavier", "unmapped")];
        make_sasldb(&library(), &sandbox.dir.join("sasldb2"), "rig.test", &users);
    })
}

fn expect_in(who: &WhoAmI, identity: &str) {
    assert_eq!((who.code, who.identity.as_str()), (Some(0), identity), "{who:?}");
}

fn expect_out(who: &WhoAmI, codes: &[i32]) {
    assert!(who.code.is_some_and(|code| codes.contains(&code)), "wanted {codes:?}: {who:?}");
    assert_eq!(who.identity, "", "{who:?}");
}

#[test]
fn every_mechanism_works_on_the_directory_s_own_entries() {
    let slapd = own_entries("");
    for client in clients() {
        for mechanism in PROOF {
            let who = |user, password| slapd.who_am_i(&client, &["-Q", "-Y", mechanism, "-U", user, "-w", password]);
            expect_in(&who("bob", "battery staple"), BOB);
            expect_out(&who("bob", "wrong"), &[49]);
            expect_out(&who("bob", "carol's"), &[49]);
            // slapd's plugin answers "failure" for an unknown name: "other error", in the stock library.
            expect_out(&who("mallory", "battery staple"), &[49, 80]);
            // dave's password is a scheme, not a plain one: useless to these mechanisms.
            expect_out(&who("dave", "{SASL}dave@rig.test"), &[49, 80]);
        }
    }
    slapd.mounts.assert_loaded_by(slapd.pid());
}

#[test]
fn the_root_entry_lists_the_mechanisms() {
    let list = |slapd: &Slapd, local: bool| {
        let mut tool =
            if local { slapd.local_tool(&library(), "ldapsearch") } else { slapd.tool(&library(), "ldapsearch") };
        let text = must(tool.args(["-x", "-LLL", "-s", "base", "-b", "", "supportedSASLMechanisms"]));
        let names = text.lines().filter_map(|line| line.strip_prefix("supportedSASLMechanisms: "));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let has = |names: &[String], name: &str| names.iter().any(|n| n == name);
    let slapd = own_entries("");
    let names = list(&slapd, false);
    for mechanism in PROOF {
        assert!(has(&names, mechanism), "{mechanism}: {names:?}");
    }
    for mechanism in ["PLAIN", "LOGIN", "ANONYMOUS", "EXTERNAL"] {
        assert!(!has(&names, mechanism), "{mechanism}: {names:?}");
    }
    // The strongest first: clients without a preference of their own take it.
    let place = |name: &str| names.iter().position(|n| n == name);
    assert!(place("SCRAM-SHA-512") < place("SCRAM-SHA-1") && place("SCRAM-SHA-1") < place("CRAM-MD5"), "{names:?}");
    assert!(has(&list(&slapd, true), "EXTERNAL"));

    let names = list(&own_entries("sasl-secprops none"), false);
    for mechanism in PROOF.into_iter().chain(["PLAIN", "LOGIN"]) {
        assert!(has(&names, mechanism), "{mechanism}: {names:?}");
    }
    let names = list(&own_entries("sasl-secprops noplain,noactive"), false);
    assert!(has(&names, "SCRAM-SHA-256") && !has(&names, "CRAM-MD5") && !has(&names, "DIGEST-MD5"), "{names:?}");
}

#[test]
fn layers_protect_the_connection() {
    let slapd = own_entries("");
    for client in clients() {
        for (limits, ssf) in [
            ("minssf=0,maxssf=0", 0),
            ("minssf=1,maxssf=1", 1),
            ("minssf=40,maxssf=40", 40),
            ("minssf=56,maxssf=56", 56),
            ("minssf=128,maxssf=128", 128),
            ("minssf=0,maxssf=256", 128),
        ] {
            let arguments = ["-Y", "DIGEST-MD5", "-U", "bob", "-w", "battery staple", "-O", limits];
            let who = slapd.who_am_i(&client, &arguments);
            expect_in(&who, BOB);
            assert_eq!(who.ssf, Some(ssf), "{limits}: {who:?}");
        }
        for mechanism in ["DIGEST-MD5", "SCRAM-SHA-256"] {
            let arguments = ["-Q", "-Y", mechanism, "-U", "bob", "-w", "battery staple", "-O", "minssf=129"];
            let who = slapd.who_am_i(&client, &arguments);
            assert!(who.code != Some(0) && who.identity.is_empty(), "{who:?}");
        }
    }
    // A server that insists on protection.
    let strict = own_entries("sasl-secprops noplain,noanonymous,minssf=56");
    for client in clients() {
        let with = |mechanism, limits| {
            let arguments = ["-Y", mechanism, "-U", "bob", "-w", "battery staple", "-O", limits];
            strict.who_am_i(&client, &arguments)
        };
        expect_in(&with("DIGEST-MD5", "minssf=0,maxssf=256"), BOB);
        assert_ne!(with("DIGEST-MD5", "minssf=0,maxssf=1").code, Some(0));
        assert_ne!(with("SCRAM-SHA-256", "minssf=0,maxssf=256").code, Some(0));
        assert_ne!(with("CRAM-MD5", "minssf=0,maxssf=256").code, Some(0));
    }
}

#[test]
fn layers_carry_much_data_both_ways() {
    let text = "0123456789abcdef".repeat(40);
    let many: String = (0..400)
        .map(|n| {
            format!("dn: cn=e{n},ou=people,dc=rig,dc=test\nobjectClass: device\ncn: e{n}\ndescription: {text}\n\n")
        })
        .collect();
    let entries = format!("{PEOPLE}{many}");
    let settings = Settings { entries: &entries, ..Settings::default() };
    let slapd = Slapd::start(&library(), &settings, |_| ());
    for client in clients() {
        for limits in ["maxssf=1", "maxssf=1,maxbufsize=2000", "maxssf=128", "maxssf=128,maxbufsize=2000", "maxssf=40"]
        {
            let login = ["-Q", "-Y", "DIGEST-MD5", "-U", "bob", "-w", "battery staple", "-O", limits];
            let mut search = slapd.tool(&client, "ldapsearch");
            search.args(["-N", "-LLL", "-o", "ldif-wrap=no", "-b", "ou=people,dc=rig,dc=test", "(objectClass=device)"]);
            let found = must(search.args(login).arg("description"));
            assert_eq!(found.matches(&format!("description: {text}\n")).count(), 400, "{limits}");
            // The other way: one value of 100 kB.
            let long = "x".repeat(100_000);
            let change = format!("dn: cn=e1,ou=people,dc=rig,dc=test\nchangetype: modify\nadd: l\nl: {long}\n\n");
            let undo = "dn: cn=e1,ou=people,dc=rig,dc=test\nchangetype: modify\ndelete: l\n\n";
            for input in [&change, undo] {
                let mut modify = slapd.tool(&client, "ldapmodify");
                let ran = run(modify.arg("-N").args(login), input.as_bytes());
                assert!(ran.status.success(), "{limits}: {}{}", ran.stdout, ran.stderr);
            }
        }
    }
}

#[test]
fn passwords_may_come_from_the_database() {
    let slapd = sasldb("sasl-secprops none\n");
    for client in clients() {
        for mechanism in PROOF.into_iter().chain(["PLAIN", "LOGIN"]) {
            let who = |user, password| {
                slapd.who_am_i(&client, &["-Q", "-O", "none", "-Y", mechanism, "-U", user, "-w", password])
            };
            expect_in(&who("bob", "from the database"), BOB);
            expect_out(&who("bob", "battery staple"), &[49]);
            expect_out(&who("mallory", "from the database"), &[49]);
            // A user of the database needs no entry.
            let erin = who("erin", "no entry");
            assert_eq!(erin.code, Some(0), "{erin:?}");
            assert_eq!(erin.identity, "dn:uid=erin,ou=people,dc=rig,dc=test");
        }
    }
}

#[test]
fn plain_passwords_of_own_entries() {
    // For PLAIN and LOGIN the library looks up bob@rig.test, not bob: it takes a mapping that accepts both.
    let slapd = own_entries("sasl-secprops none\n");
    for client in clients() {
        for mechanism in ["PLAIN", "LOGIN"] {
            let who = |user, password| {
                slapd.who_am_i(&client, &["-Q", "-O", "none", "-Y", mechanism, "-U", user, "-w", password])
            };
            expect_in(&who("bob", "battery staple"), BOB);
            expect_out(&who("bob", "wrong"), &[49]);
            expect_out(&who("mallory", "wrong"), &[49, 80]);
            expect_out(&who("dave", "{SASL}dave@rig.test"), &[49, 80]);
        }
        // The tools do not offer a password in the clear of their own accord.
        let who = slapd.who_am_i(&client, &["-Q", "-Y", "PLAIN", "-U", "bob", "-w", "battery staple"]);
        assert_eq!(who.code, Some(250), "{who:?}");
    }
}

#[test]
fn external_is_the_user_of_the_socket() {
    let global = "authz-regexp \"^gidNumber=0\\\\+uidNumber=0,cn=peercred,cn=external,cn=auth$\" \
                  \"uid=bob,ou=people,dc=rig,dc=test\"\n";
    let slapd = own_entries(global);
    for client in clients() {
        let whoami = |arguments: &[&str]| {
            let mut tool = slapd.local_tool(&client, "ldapwhoami");
            who_am_i(tool.args(["-N", "-Y", "EXTERNAL"]).args(arguments))
        };
        let who = whoami(&[]);
        expect_in(&who, BOB);
        assert_eq!(who.user, "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth");
        // As another, which bob's entry allows, and as one that it does not.
        expect_in(&whoami(&["-X", "u:carol"]), "dn:uid=carol,ou=people,dc=rig,dc=test");
        assert_ne!(whoami(&["-X", "u:dave"]).code, Some(0));
        // Not over TCP.
        assert_ne!(slapd.who_am_i(&client, &["-Q", "-Y", "EXTERNAL"]).code, Some(0));
    }
}

#[test]
fn one_may_act_for_another_where_the_entry_says_so() {
    let slapd = own_entries("");
    for client in clients() {
        // CRAM-MD5 has no room for the other name: it is not asked for.
        for mechanism in PROOF.into_iter().filter(|&m| m != "CRAM-MD5") {
            let who = |user, password, other| {
                slapd.who_am_i(&client, &["-Q", "-Y", mechanism, "-U", user, "-w", password, "-X", other])
            };
            let carol = "dn:uid=carol,ou=people,dc=rig,dc=test";
            expect_in(&who("bob", "battery staple", "u:carol"), carol);
            expect_in(&who("bob", "battery staple", carol), carol);
            expect_in(&who("bob", "battery staple", "u:bob"), BOB);
            for (user, password, other) in [
                ("bob", "battery staple", "u:dave"),
                ("bob", "battery staple", "u:nobody"),
                ("carol", "carol's", "u:bob"),
                ("bob", "wrong", "u:carol"),
            ] {
                let who = who(user, password, other);
                assert!(who.code != Some(0) && who.identity.is_empty(), "{mechanism} {user} {other}: {who:?}");
            }
        }
    }
}

#[test]
fn a_password_may_be_checked_elsewhere() {
    let daemon = Saslauthd::start(&library(), &["-a", "sasldb"], |sandbox| {
        make_sasldb(&Library::stock(), &sandbox.dir.join("etc/sasldb2"), "rig.test", &[("dave", "kept elsewhere")]);
    });
    let sasl = format!("pwcheck_method: saslauthd\nsaslauthd_path: {}\n", daemon.socket.display());
    let slapd = Slapd::start(&library(), &Settings { sasl: &sasl, entries: PEOPLE, ..Settings::default() }, |_| ());
    let bind = |password: &str| {
        let mut tool = slapd.tool(&library(), "ldapwhoami");
        who_am_i(tool.args(["-x", "-D", "uid=dave,ou=people,dc=rig,dc=test", "-w", password]))
    };
    expect_in(&bind("kept elsewhere"), "dn:uid=dave,ou=people,dc=rig,dc=test");
    expect_out(&bind("wrong"), &[49]);
    expect_out(&bind("{SASL}dave@rig.test"), &[49]);
    daemon.said("auth success: [user=dave] [service=ldap] [realm=rig.test] [mech=sasldb]");
    drop(daemon);
    expect_out(&bind("kept elsewhere"), &[49, 52, 80]);
    assert!(slapd.alive());
}

#[test]
fn a_user_of_the_database_changes_the_password() {
    let slapd = sasldb("");
    for client in clients() {
        let login =
            |password: &str| slapd.who_am_i(&client, &["-Q", "-Y", "SCRAM-SHA-256", "-U", "xavier", "-w", password]);
        let change = |old: &str, new: &str| {
            let mut tool = slapd.tool(&client, "ldappasswd");
            let ran = run(tool.args(["-N", "-Q", "-Y", "SCRAM-SHA-256", "-U", "xavier", "-w", old, "-s", new]), b"");
            ran.status.code()
        };
        assert_eq!(change("unmapped", "a new one"), Some(0));
        expect_out(&login("unmapped"), &[49]);
        assert_eq!(login("a new one").code, Some(0));
        assert_ne!(change("unmapped", "another"), Some(0));
        assert_eq!(change("a new one", "unmapped"), Some(0));
    }
}

#[test]
fn many_binds_at_once() {
    let slapd = own_entries("");
    std::thread::scope(|scope| {
        for mechanism in PROOF {
            let slapd = &slapd;
            scope.spawn(move || {
                for round in 0..4 {
                    let (password, code) = if round % 2 == 0 { ("battery staple", 0) } else { ("wrong", 49) };
                    let arguments = ["-Q", "-Y", mechanism, "-U", "bob", "-w", password];
                    let who = slapd.who_am_i(&library(), &arguments);
                    assert_eq!(who.code, Some(code), "{mechanism}: {who:?}");
                }
            });
        }
    });
    assert!(slapd.alive());
}
