//! GSSAPI, GSS-SPNEGO and GS2-KRB5 in a Kerberos realm of MIT's programs: Debian's sample client against its sample server, and
//! slapd with its tools, each on the stock library or on the one under test; and what happens when tickets, keys or clocks are
//! not as they should be.

#[path = "../rig/mod.rs"]
mod rig;

#[path = "../support/cc.rs"]
mod cc;
mod failures;
mod hosted;
mod imap;
mod ldap;
mod memory;

use std::path::{Path, PathBuf};

use rig::base::{Library, TempDir, make_sasldb};
use rig::kdc::Kdc;
use rig::samples::{Exchange, Pair};

const HOST: &str = "host.rig.test";
const MECHANISMS: [&str; 3] = ["GSSAPI", "GSS-SPNEGO", "GS2-KRB5"];

/// Server and client libraries: one combination when the library under test is the stock one, else four.
fn combinations() -> Vec<(Library, Library)> {
    let (stock, ours) = (Library::stock(), Library::under_test());
    if ours == stock {
        return vec![(stock.clone(), stock)];
    }
    vec![(ours.clone(), ours.clone()), (ours.clone(), stock.clone()), (stock.clone(), ours), (stock.clone(), stock)]
}

/// A realm with an SMTP service, and a directory for the server's configuration.
struct Site {
    kdc: Kdc,
    keytab: PathBuf,
    conf: TempDir,
}

/// What one exchange differs in.
#[derive(Clone, Copy)]
struct Extra<'a> {
    server: &'a [&'a str],
    client: &'a [&'a str],
    env: &'a [(&'a str, &'a str)],
}

const NOTHING: Extra<'_> = Extra { server: &[], client: &[], env: &[] };

impl Site {
    fn new() -> Site {
        let kdc = Kdc::start();
        let keytab = kdc.service(&format!("smtp/{HOST}"), "keytab");
        let conf = TempDir::new("gssapi");
        conf.write("sample.conf", "");
        Site { kdc, keytab, conf }
    }

    /// With a password database that has the user `alice`.
    fn with_passwords(self, library: &Library, options: &str) -> Site {
        let database = self.conf.join("sasldb2");
        make_sasldb(library, &database, HOST, &[("alice", "a password")]);
        let lines = format!("auxprop_plugin: sasldb\nsasldb_path: {}\n{options}", database.display());
        self.conf.write("sample.conf", lines);
        self
    }

    /// An exchange; the server offers `mechanism`, or what its configuration says.
    fn run(&self, libraries: &(Library, Library), mechanism: Option<&str>, cache: &str, extra: &Extra<'_>) -> Exchange {
        self.run_with(libraries, mechanism, &self.keytab, cache, extra)
    }

    fn run_with(
        &self,
        libraries: &(Library, Library),
        mechanism: Option<&str>,
        keytab: &Path,
        cache: &str,
        extra: &Extra<'_>,
    ) -> Exchange {
        let chosen: Vec<&str> = mechanism.iter().flat_map(|mechanism| ["-m", mechanism]).collect();
        let server = [&["-s", "smtp", "-d", HOST], &chosen[..], extra.server].concat();
        let client = [&["-s", "smtp", "-n", HOST, "-a", "alice"], &chosen[..], extra.client].concat();
        let mut env = self.kdc.environment(keytab, cache);
        env.push(("SASL_CONF_PATH".to_owned(), self.conf.path().to_string_lossy().into_owned()));
        env.extend(extra.env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let pair = Pair {
            server: &libraries.0,
            client: &libraries.1,
            server_args: &server,
            client_args: &client,
            env: &env,
            password: "a password",
        };
        pair.run()
    }
}

/// Both sides ended well, with this layer, and a message went each way through it.
fn expect_success(exchange: &Exchange, user: &str, ssf: u32) {
    assert!(exchange.succeeded(), "{exchange:#?}");
    assert_eq!(exchange.server.value("Username: "), Some(user), "{exchange:#?}");
    assert_eq!(exchange.ssf(), ssf, "{exchange:#?}");
    assert_eq!(exchange.client.value("recieved decoded message "), Some("'srv message 1'"), "{exchange:#?}");
    assert_eq!(exchange.server.value("recieved decoded message "), Some("'client message 1'"), "{exchange:#?}");
}

fn expect_failure(exchange: &Exchange, said: &str) {
    assert!(!exchange.succeeded(), "{exchange:#?}");
    assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
    let told = |text: &str| text.contains(said);
    let lines = exchange.client.lines.iter().chain(&exchange.server.lines).any(|line| told(line));
    assert!(lines || told(&exchange.client.errors) || told(&exchange.server.errors), "wanted {said:?}: {exchange:#?}");
}

#[test]
fn every_layer_carries_data_between_ours_and_stock() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    // The limits of client and server, and the strength that they must agree on.
    let cases = [
        ("min=0,max=256", "min=0,max=256", 256),
        ("min=0,max=0", "min=0,max=256", 0),
        ("min=0,max=256", "min=0,max=0", 0),
        ("min=1,max=1", "min=0,max=256", 1),
        ("min=0,max=256", "min=1,max=1", 1),
        ("min=56,max=256", "min=0,max=256", 256),
        ("min=0,max=256", "min=256,max=256", 256),
    ];
    for libraries in combinations() {
        for (client, server, ssf) in cases {
            eprintln!("server on {}, client on {}: {client} {server}", libraries.0.name, libraries.1.name);
            let extra = Extra { server: &["-b", server], client: &["-b", client], ..NOTHING };
            expect_success(&site.run(&libraries, Some("GSSAPI"), &cache, &extra), "alice", ssf);
            // With SPNEGO the client alone decides, and the stock one has nothing between no layer and the strongest.
            let decided = match client {
                "min=0,max=0" if server.starts_with("min=0") => Some(0),
                "min=0,max=0" => None,
                "min=1,max=1" if !libraries.1.is_stock() => Some(1),
                _ => Some(256),
            };
            if let Some(ssf) = decided {
                expect_success(&site.run(&libraries, Some("GSS-SPNEGO"), &cache, &extra), "alice", ssf);
            }
        }
        expect_success(&site.run(&libraries, Some("GS2-KRB5"), &cache, &NOTHING), "alice", 0);
    }
}

#[test]
fn limits_that_cannot_be_met_are_refused() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    for libraries in combinations() {
        for (client, server) in [
            ("min=257,max=300", "min=0,max=256"),
            ("min=0,max=256", "min=257,max=300"),
            ("min=2,max=256", "min=0,max=1"),
            ("min=0,max=1", "min=2,max=256"),
            ("min=1,max=256", "min=0,max=0"),
            ("min=0,max=0", "min=1,max=256"),
        ] {
            let extra = Extra { server: &["-b", server], client: &["-b", client], ..NOTHING };
            let exchange = site.run(&libraries, Some("GSSAPI"), &cache, &extra);
            assert!(!exchange.succeeded(), "{exchange:#?}");
            let exchange = site.run(&libraries, Some("GS2-KRB5"), &cache, &extra);
            let no_layer_needed = client.starts_with("min=0") && server.starts_with("min=0");
            assert_eq!(exchange.succeeded(), no_layer_needed, "{exchange:#?}");
        }
    }
}

#[test]
fn another_identity_needs_a_policy_that_allows_it() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    for libraries in combinations() {
        for mechanism in ["GSSAPI", "GS2-KRB5"] {
            let extra = Extra { client: &["-u", "bob"], ..NOTHING };
            let exchange = site.run(&libraries, Some(mechanism), &cache, &extra);
            assert!(!exchange.succeeded(), "{exchange:#?}");
            assert_eq!(exchange.server.value("Negotiation complete"), None, "{exchange:#?}");
        }
    }
}

#[test]
fn names_keep_their_realm_where_it_is_another() {
    let site = Site::new();
    let (foreign, admin) = (site.kdc.ticket("olga@OTHER.TEST", &[]), {
        site.kdc.administer(rig::kdc::REALM, &format!("addprinc -pw {} alice/admin", rig::kdc::PASSWORD));
        site.kdc.ticket("alice/admin", &[])
    });
    for libraries in combinations() {
        for mechanism in ["GSSAPI", "GSS-SPNEGO"] {
            expect_success(&site.run(&libraries, Some(mechanism), &foreign, &NOTHING), "olga@OTHER.TEST", 256);
            expect_success(&site.run(&libraries, Some(mechanism), &admin, &NOTHING), "alice/admin", 256);
        }
    }
}

#[test]
fn security_flags_that_kerberos_meets_and_those_it_does_not() {
    let site = Site::new();
    let cache = site.kdc.ticket("alice", &[]);
    for libraries in combinations() {
        for mechanism in MECHANISMS {
            for (flag, met) in
                [("noplain", true), ("noactive", true), ("noanonymous", true), ("nodict", false), ("forwardsec", false)]
            {
                let extra = Extra { server: &["-f", flag], ..NOTHING };
                let exchange = site.run(&libraries, Some(mechanism), &cache, &extra);
                assert_eq!(exchange.succeeded(), met, "{mechanism} {flag}: {exchange:#?}");
            }
        }
    }
}
