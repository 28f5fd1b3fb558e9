//! Debian's sample client against its sample server, each on the stock library or on the one under test: all four
//! combinations, every mechanism both have, every security layer, right and wrong passwords.

mod rig;

use rig::base::{Library, TempDir, make_sasldb};
use rig::samples::{Exchange, Pair};

const HOST: &str = "host.rig.test";
const PASSWORD: &str = "correct horse";

/// Mechanisms that prove a password without sending it, then those that send it.
const PROOF: [&str; 7] =
    ["CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-224", "SCRAM-SHA-256", "SCRAM-SHA-384", "SCRAM-SHA-512"];
const PLAINTEXT: [&str; 2] = ["PLAIN", "LOGIN"];

fn all() -> impl Iterator<Item = &'static str> {
    PROOF.into_iter().chain(PLAINTEXT)
}

/// Server and client libraries: one combination when the library under test is the stock one, else four.
fn combinations() -> Vec<(Library, Library)> {
    let (stock, ours) = (Library::stock(), Library::under_test());
    if ours == stock {
        return vec![(stock.clone(), stock)];
    }
    vec![(ours.clone(), ours.clone()), (ours.clone(), stock.clone()), (stock.clone(), ours), (stock.clone(), stock)]
}

/// A directory with a configuration and a database for servers on this library.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new(library: &Library) -> Site {
        let dir = TempDir::new("samples");
        let database = dir.join("sasldb2");
        make_sasldb(library, &database, HOST, &[("alice", PASSWORD), ("søren", "gr\u{f8}d")]);
        make_sasldb(library, &database, "other.rig.test", &[("alice", "the other one")]);
        let conf = format!("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\n", database.display());
        dir.write("sample.conf", conf);
        Site { dir }
    }

    /// An exchange between these libraries, as `alice` with this password, and these extra options for each side.
    fn run(&self, libraries: &(Library, Library), mechanism: &str, extra: &Extra) -> Exchange {
        let user = extra.user;
        let server = [&["-s", "smtp", "-d", HOST, "-m", mechanism], extra.server].concat();
        let client = [&["-s", "smtp", "-n", HOST, "-m", mechanism, "-a", user, "-u", user], extra.client].concat();
        let path = self.dir.path().to_string_lossy();
        let pair = Pair {
            server: &libraries.0,
            client: &libraries.1,
            server_args: &server,
            client_args: &client,
            env: &[("SASL_CONF_PATH", &path)],
            password: extra.password,
        };
        pair.run()
    }
}

struct Extra<'a> {
    server: &'a [&'a str],
    client: &'a [&'a str],
    user: &'a str,
    password: &'a str,
}

impl Default for Extra<'_> {
    fn default() -> Self {
        Extra { server: &[], client: &[], user: "alice", password: PASSWORD }
    }
}

/// Runs `check` for each combination, with a site for the server's library.
fn each(check: impl Fn(&Site, &(Library, Library))) {
    for libraries in combinations() {
        eprintln!("server on {}, client on {}", libraries.0.name, libraries.1.name);
        check(&Site::new(&libraries.0), &libraries);
    }
}

fn expect_success(exchange: &Exchange, user: &str, ssf: u32) {
    assert!(exchange.succeeded(), "{exchange:#?}");
    assert_eq!(exchange.server.value("Username: "), Some(user), "{exchange:#?}");
    assert_eq!(exchange.ssf(), ssf, "{exchange:#?}");
    assert_eq!(exchange.client.value("recieved decoded message "), Some("'srv message 1'"), "{exchange:#?}");
    assert_eq!(exchange.server.value("recieved decoded message "), Some("'client message 1'"), "{exchange:#?}");
}

/// The server ended the exchange, said this, and neither let the user in nor sent application data.
fn expect_refusal(exchange: &Exchange, said: &str) {
    assert_eq!(exchange.server.status, Some(1), "{exchange:#?}");
    assert!(exchange.server.errors.contains(said), "wanted {said:?}: {exchange:#?}");
    assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
}

#[test]
fn the_right_password_is_accepted() {
    each(|site, libraries| {
        for mechanism in all() {
            // Without a limit DIGEST-MD5 takes its strongest layer: RC4.
            let ssf = if mechanism == "DIGEST-MD5" { 128 } else { 0 };
            expect_success(&site.run(libraries, mechanism, &Extra::default()), "alice", ssf);
        }
    });
}

#[test]
fn a_wrong_password_is_refused() {
    each(|site, libraries| {
        for mechanism in all() {
            for password in ["correct horsf", "Correct horse", "correct horse ", "the other one"] {
                let exchange = site.run(libraries, mechanism, &Extra { password, ..Extra::default() });
                expect_refusal(&exchange, "authentication failure");
            }
        }
    });
}

#[test]
fn an_empty_password_is_refused() {
    each(|site, libraries| {
        for mechanism in all() {
            let exchange = site.run(libraries, mechanism, &Extra { password: "", ..Extra::default() });
            assert!(!exchange.succeeded(), "{exchange:#?}");
            assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
        }
    });
}

#[test]
fn an_unknown_user_is_refused() {
    each(|site, libraries| {
        for mechanism in all() {
            let exchange = site.run(libraries, mechanism, &Extra { user: "mallory", ..Extra::default() });
            assert_eq!(exchange.server.status, Some(1), "{exchange:#?}");
            assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
        }
    });
}

#[test]
fn names_and_passwords_outside_ascii_work() {
    each(|site, libraries| {
        for mechanism in all() {
            let extra = Extra { user: "søren", password: "gr\u{f8}d", ..Extra::default() };
            let exchange = site.run(libraries, mechanism, &extra);
            let ssf = if mechanism == "DIGEST-MD5" { 128 } else { 0 };
            assert!(exchange.succeeded(), "{exchange:#?}");
            assert_eq!(exchange.ssf(), ssf, "{exchange:#?}");
        }
    });
}

#[test]
fn every_layer_of_digest_md5_carries_data() {
    // The limits of client and server, and the strength they must agree on. DES counts as 55 in the stock library, so a
    // client that wants 55 or 56 gets DES or RC4-56.
    let cases = [
        ("min=0,max=0", "min=0,max=256", 0),
        ("min=0,max=1", "min=0,max=256", 1),
        ("min=1,max=1", "min=0,max=256", 1),
        ("min=40,max=40", "min=0,max=256", 40),
        ("min=55,max=55", "min=0,max=256", 55),
        ("min=56,max=56", "min=0,max=256", 56),
        ("min=128,max=128", "min=0,max=256", 128),
        ("min=0,max=256", "min=0,max=0", 0),
        ("min=0,max=256", "min=1,max=1", 1),
        ("min=0,max=256", "min=40,max=40", 40),
        ("min=0,max=256", "min=56,max=56", 56),
        ("min=0,max=256", "min=128,max=128", 128),
        ("min=0,max=256", "min=0,max=256", 128),
    ];
    each(|site, libraries| {
        for (client, server, ssf) in cases {
            let (client, server): (&[&str], &[&str]) = (&["-b", client], &["-b", server]);
            let exchange = site.run(libraries, "DIGEST-MD5", &Extra { server, client, ..Extra::default() });
            eprintln!("client {client:?} server {server:?}");
            expect_success(&exchange, "alice", ssf);
        }
        // Triple DES fails in the stock library built with OpenSSL 3 ("failed to init cipher '3des'"), on either side.
        let server: &[&str] = &["-b", "min=112,max=112"];
        let exchange = site.run(libraries, "DIGEST-MD5", &Extra { server, ..Extra::default() });
        if libraries.0.is_stock() || libraries.1.is_stock() {
            assert!(!exchange.succeeded(), "{exchange:#?}");
        } else {
            expect_success(&exchange, "alice", 112);
        }
    });
}

#[test]
fn limits_that_cannot_be_met_are_refused() {
    each(|site, libraries| {
        // More than any layer has; a layer from mechanisms that have none; no cipher in common.
        for (mechanism, server, client) in [
            ("DIGEST-MD5", "min=129,max=256", "min=0,max=256"),
            ("DIGEST-MD5", "min=0,max=256", "min=129,max=256"),
            ("DIGEST-MD5", "min=0,max=1", "min=40,max=256"),
            ("SCRAM-SHA-256", "min=1,max=256", "min=0,max=256"),
            ("SCRAM-SHA-256", "min=0,max=256", "min=1,max=256"),
            ("PLAIN", "min=1,max=256", "min=0,max=256"),
        ] {
            let (server, client): (&[&str], &[&str]) = (&["-b", server], &["-b", client]);
            let exchange = site.run(libraries, mechanism, &Extra { server, client, ..Extra::default() });
            assert!(exchange.server.status != Some(0) && exchange.client.status != Some(0), "{exchange:#?}");
            assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
        }
    });
}

#[test]
fn a_layer_of_the_transport_counts_towards_the_limits() {
    each(|site, libraries| {
        // 256 bits are there already: no layer is needed, and none is laid over it.
        let both: &[&str] = &["-b", "min=128,max=256", "-e", "ssf=256,id=x"];
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "DIGEST-MD5"] {
            let exchange = site.run(libraries, mechanism, &Extra { server: both, client: both, ..Extra::default() });
            expect_success(&exchange, "alice", 0);
        }
    });
}

#[test]
fn success_data_saves_the_empty_answer() {
    each(|site, libraries| {
        for mechanism in all() {
            let last: &[&str] = &["-l"];
            let with = site.run(libraries, mechanism, &Extra { server: last, client: last, ..Extra::default() });
            let without = site.run(libraries, mechanism, &Extra::default());
            assert!(with.succeeded() && without.succeeded(), "{with:#?}\n{without:#?}");
            // Only these have data with their success.
            let saved = usize::from(mechanism.starts_with("SCRAM") || mechanism == "DIGEST-MD5");
            assert_eq!(without.client.messages().len() - with.client.messages().len(), saved, "{mechanism}");
        }
    });
}

#[test]
fn another_identity_needs_a_policy_that_allows_it() {
    each(|site, libraries| {
        // The later -u wins.
        let client: &[&str] = &["-u", "bob"];
        for mechanism in ["PLAIN", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let exchange = site.run(libraries, mechanism, &Extra { client, ..Extra::default() });
            expect_refusal(&exchange, "authentication failure");
        }
    });
}

#[test]
fn the_server_may_name_the_realm_of_its_users() {
    each(|site, libraries| {
        let server: &[&str] = &["-u", "other.rig.test"];
        for mechanism in all() {
            // DIGEST-MD5 is offered this realm alone; the others let the library append it.
            let client: &[&str] = &["-r", "other.rig.test", "-b", "min=0,max=0"];
            let extra = Extra { server, client, password: "the other one", ..Extra::default() };
            expect_success(&site.run(libraries, mechanism, &extra), "alice@other.rig.test", 0);
            let exchange = site.run(libraries, mechanism, &Extra { server, client, ..Extra::default() });
            expect_refusal(&exchange, "authentication failure");
        }
    });
}

#[test]
fn a_user_may_name_the_realm() {
    each(|site, libraries| {
        for mechanism in all().filter(|&m| m != "DIGEST-MD5") {
            let extra = Extra { user: "alice@other.rig.test", password: "the other one", ..Extra::default() };
            expect_success(&site.run(libraries, mechanism, &extra), "alice@other.rig.test", 0);
        }
    });
}

#[test]
fn security_flags_keep_weak_mechanisms_out() {
    each(|site, libraries| {
        for flag in ["noplain", "noactive", "nodict", "forwardsec"] {
            for mechanism in all() {
                let refused = match flag {
                    "noplain" => PLAINTEXT.contains(&mechanism),
                    "noactive" => !mechanism.starts_with("SCRAM"),
                    _ => true,
                };
                let server: &[&str] = &["-f", flag];
                let exchange = site.run(libraries, mechanism, &Extra { server, ..Extra::default() });
                assert_eq!(exchange.succeeded(), !refused, "{mechanism} {flag} at the server: {exchange:#?}");
                let client: &[&str] = &["-f", flag];
                let exchange = site.run(libraries, mechanism, &Extra { client, ..Extra::default() });
                assert_eq!(exchange.succeeded(), !refused, "{mechanism} {flag} at the client: {exchange:#?}");
            }
        }
    });
}

#[test]
fn anonymous_leaves_a_trace_and_no_name() {
    each(|site, libraries| {
        let exchange = site.run(libraries, "ANONYMOUS", &Extra { user: "tracer", ..Extra::default() });
        expect_success(&exchange, "anonymous", 0);
        assert!(exchange.server.errors.contains("tracer@"), "{exchange:#?}");
    });
}

#[test]
fn external_needs_an_identity_from_the_transport() {
    each(|site, libraries| {
        // The programs hand over a pointer to their pointer as the name, so the name is an address and cannot be told;
        // what can be: without -e the mechanism is not there, with it another name is still refused.
        let exchange = site.run(libraries, "EXTERNAL", &Extra::default());
        assert!(!exchange.succeeded(), "{exchange:#?}");
        let with: &[&str] = &["-e", "ssf=56,id=alice"];
        let exchange = site.run(libraries, "EXTERNAL", &Extra { server: with, client: with, ..Extra::default() });
        assert!(!exchange.succeeded(), "{exchange:#?}");
        assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
    });
}

#[test]
fn the_strongest_common_mechanism_is_chosen() {
    each(|site, libraries| {
        // The server program cannot name several mechanisms, its configuration can.
        let conf = std::fs::read_to_string(site.dir.join("sample.conf")).expect("sample.conf");
        let mechanisms = "mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256\n";
        site.dir.dir("choice");
        site.dir.write("choice/sample.conf", conf + mechanisms);
        let path = site.dir.join("choice");
        let path = path.to_string_lossy();
        let pair = Pair {
            server: &libraries.0,
            client: &libraries.1,
            server_args: &["-s", "smtp", "-d", HOST],
            client_args: &["-s", "smtp", "-n", HOST, "-a", "alice", "-u", "alice"],
            env: &[("SASL_CONF_PATH", &path)],
            password: PASSWORD,
        };
        let exchange = pair.run();
        expect_success(&exchange, "alice", 0);
        assert_eq!(exchange.client.value("Using mechanism "), Some("SCRAM-SHA-256"), "{exchange:#?}");
    });
}

#[test]
fn the_login_name_is_the_default() {
    each(|site, libraries| {
        let path = site.dir.path().to_string_lossy();
        let run = |env: &[(&str, &str)]| {
            Pair {
                server: &libraries.0,
                client: &libraries.1,
                server_args: &["-s", "smtp", "-d", HOST, "-m", "PLAIN"],
                client_args: &["-s", "smtp", "-n", HOST, "-m", "PLAIN"],
                env,
                password: PASSWORD,
            }
            .run()
        };
        let conf = ("SASL_CONF_PATH", &*path);
        expect_success(&run(&[conf, ("USER", "alice"), ("USERNAME", "mallory")]), "alice", 0);
        let mallory = run(&[conf, ("USER", "mallory")]);
        assert!(!mallory.succeeded(), "{mallory:#?}");
    });
}
