//! Debian's slapd and `ldapwhoami`, in a private view of the system in which their host has a name and a `krb5.conf`.

use std::fs;
use std::process::Command;

use super::cc;
use super::rig::base::{Library, must};
use super::rig::kdc::Kdc;
use super::rig::sandbox::Sandbox;
use super::rig::slapd::{HOST, Settings, Slapd, WhoAmI, who_am_i};

const ALICE: &str = "dn:uid=alice,ou=people,dc=rig,dc=test";

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

/// The servers, likewise.
fn servers() -> Vec<Library> {
    clients()
}

fn start(library: &Library, kdc: &Kdc, global: &str) -> Slapd {
    start_with(library, kdc, &Settings { global, ..Settings::default() })
}

fn start_with(library: &Library, kdc: &Kdc, settings: &Settings) -> Slapd {
    let keytab = kdc.service(&format!("ldap/{HOST}"), &format!("ldap-keytab-{}", library.name));
    Slapd::start(library, settings, |sandbox: &Sandbox| {
        fs::write(sandbox.dir.join("etc/krb5.conf"), kdc.configuration(&keytab)).expect("krb5.conf");
    })
}

/// `ldapwhoami` in the server's own view of the system, by the server's name.
fn tool(slapd: &Slapd, client: &Library, cache: &str, arguments: &[&str]) -> Command {
    let mut command = slapd.sandbox.command(client, "/usr/bin/ldapwhoami");
    let url = format!("ldap://{HOST}:{}", slapd.port);
    command.env("LDAPNOINIT", "1").env("KRB5CCNAME", cache).args(["-H", &url, "-N"]).args(arguments);
    command
}

fn whoami(slapd: &Slapd, client: &Library, cache: &str, arguments: &[&str]) -> WhoAmI {
    who_am_i(&mut tool(slapd, client, cache, arguments))
}

fn expect_in(who: &WhoAmI, ssf: u32) {
    assert_eq!((who.code, who.identity.as_str(), who.ssf), (Some(0), ALICE, Some(ssf)), "{who:?}");
}

#[test]
fn every_layer_protects_the_connection() {
    for server in servers() {
        let kdc = Kdc::start();
        let slapd = start(&server, &kdc, "");
        let cache = kdc.ticket("alice", &[]);
        for client in clients() {
            for (limits, ssf) in [
                ("minssf=0,maxssf=256", 256),
                ("minssf=0,maxssf=1", 1),
                ("minssf=1,maxssf=1", 1),
                ("minssf=0,maxssf=0", 0),
                ("minssf=56,maxssf=256", 256),
                ("minssf=0,maxssf=256,maxbufsize=2000", 256),
            ] {
                eprintln!("server on {}, client on {}: {limits}", server.name, client.name);
                expect_in(&whoami(&slapd, &client, &cache, &["-Y", "GSSAPI", "-O", limits]), ssf);
            }
            expect_in(&whoami(&slapd, &client, &cache, &["-Y", "GSS-SPNEGO"]), 256);
            // Without a mechanism the tool takes the strongest that it and the server have.
            expect_in(&whoami(&slapd, &client, &cache, &[]), 256);
            let strong = whoami(&slapd, &client, &cache, &["-Q", "-Y", "GSSAPI", "-O", "minssf=257"]);
            assert_ne!(strong.code, Some(0), "{strong:?}");
        }
        slapd.mounts.assert_loaded_by(slapd.pid());
    }
}

#[test]
fn a_server_may_insist_on_a_layer() {
    for server in servers() {
        let kdc = Kdc::start();
        let slapd = start(&server, &kdc, "sasl-secprops noplain,noanonymous,minssf=56");
        let cache = kdc.ticket("alice", &[]);
        for client in clients() {
            expect_in(&whoami(&slapd, &client, &cache, &["-Y", "GSSAPI"]), 256);
            let weak = whoami(&slapd, &client, &cache, &["-Q", "-Y", "GSSAPI", "-O", "maxssf=1"]);
            assert!(weak.code != Some(0) && weak.identity.is_empty(), "{weak:?}");
        }
    }
}

#[test]
fn no_ticket_and_a_wrong_clock() {
    const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    let kdc = Kdc::start();
    let slapd = start(&library(), &kdc, "");
    let cache = kdc.ticket("alice", &[]);
    for client in clients() {
        let none = whoami(&slapd, &client, "FILE:/nonexistent/cache", &["-Q", "-Y", "GSSAPI"]);
        assert!(none.code != Some(0), "{none:?}");
        assert!(none.stderr.contains("No Kerberos credentials available"), "{none:?}");
        // The ticket for the service is there already, so that only the server sees the clock.
        expect_in(&whoami(&slapd, &client, &cache, &["-Y", "GSSAPI"]), 256);
        let mut late = tool(&slapd, &client, &cache, &["-Q", "-Y", "GSSAPI"]);
        late.env("LD_PRELOAD", FAKETIME).env("FAKETIME", "+1h");
        let late = who_am_i(&mut late);
        assert!(late.code != Some(0) && late.identity.is_empty(), "{late:?}");
        // The clock is right again, and so is everything else.
        expect_in(&whoami(&slapd, &client, &cache, &["-Y", "GSSAPI"]), 256);
    }
    if !library().is_stock() {
        slapd.sandbox.log.expect("Clock skew too great");
    }
    assert!(slapd.alive());
}

const PEOPLE: &str = "dn: uid=alice,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
authzTo: dn.regex:^uid=[^,]+,ou=people,dc=rig,dc=test$

dn: uid=bob,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: B
userPassword: battery staple

";

/// A server that looks for its users in a directory (`auxprop_plugin: ldapdb`) binds there with a ticket, and within the layer.
#[test]
fn a_store_of_users_binds_with_a_ticket() {
    let kdc = Kdc::start();
    let slapd = start_with(&Library::stock(), &kdc, &Settings { entries: PEOPLE, ..Settings::default() });
    let cache = kdc.ticket("alice", &[]);
    let program = cc::scratch("ldapdb").join("answers");
    let mut gcc = Command::new("gcc");
    gcc.args(["-Wall", "-Wno-cast-function-type", "-o"]).arg(&program).arg(cc::c_dir().join("store_answers.c"));
    must(gcc.arg("-lsasl2"));
    let conf = slapd.sandbox.dir.dir("conf");
    let uri = format!("ldap://{HOST}:{}", slapd.port);
    for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
        let options = format!("auxprop_plugin: ldapdb\nldapdb_uri: {uri}\nldapdb_mech: {mechanism}\n");
        slapd.sandbox.dir.write("conf/storetest.conf", options);
        for library in clients() {
            let before = slapd.output().len();
            let mut command = slapd.sandbox.command(&library, &program);
            command.env("LDAPNOINIT", "1").env("KRB5CCNAME", &cache).env("SASL_CONF_PATH", &conf);
            let said =
                must(command.args(["check", "bob", "battery staple", "check", "bob", "wrong", "check", "carl", "x"]));
            assert_eq!(
                said, "check bob battery staple: 0\ncheck bob wrong: -13\ncheck carl x: -20\n",
                "{}",
                library.name
            );
            let output = slapd.output().split_off(before);
            assert!(output.contains(&format!("mech={mechanism} bind_ssf=256 ")), "{}: {output}", library.name);
        }
    }
}
