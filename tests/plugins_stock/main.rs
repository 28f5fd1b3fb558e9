//! Debian's own plugins, opened from where the distribution put them by our library, and the same plugins in the stock
//! library on the other side; plugins of the test's own, and files that are none.
//!
//! `OXISASL_RIG_LIBRARY=stock` runs all of it that makes sense on the stock library alone.

#[path = "../support/cc.rs"]
mod cc;
#[path = "../rig/mod.rs"]
mod rig;

mod files;
mod pair;
mod stores;

use pair::{DEBIAN, End, HOST, Talk, database, plaintext_database, talk};
use rig::base::{Library, TempDir, must};

/// Each mechanism of a plugin that takes a password, with the plugin's file.
const MECHANISMS: &[(&str, &str)] = &[
    ("PLAIN", "libplain.so"),
    ("LOGIN", "liblogin.so"),
    ("CRAM-MD5", "libcrammd5.so"),
    ("DIGEST-MD5", "libdigestmd5.so"),
    ("SCRAM-SHA-1", "libscram.so"),
    ("SCRAM-SHA-256", "libscram.so"),
    ("SCRAM-SHA-512", "libscram.so"),
    ("NTLM", "libntlm.so"),
];

/// The libraries of server and client: ours on one side, and the stock one on the other; and ours on both.
fn combinations() -> Vec<(Library, Library)> {
    let (stock, ours) = (Library::stock(), Library::under_test());
    if ours.is_stock() {
        return vec![(stock.clone(), stock)];
    }
    vec![(ours.clone(), stock.clone()), (stock, ours.clone()), (ours.clone(), ours)]
}

/// A server with a database of its own library's making.
struct Server {
    end: End,
    dir: TempDir,
}

fn server(library: &Library) -> Server {
    let dir = TempDir::new("plugins");
    let database = database(library, &dir.join("sasldb2"));
    Server { end: End::new(library).with(&["auxprop_plugin=sasldb", &database]), dir }
}

/// The server for a mechanism: with what the library keeps of a password by default, but for NTLM, whose plugin knows
/// nothing but the password itself.
fn server_for(mechanism: &str, library: &Library) -> Server {
    let mut server = server(library);
    if mechanism == "NTLM" {
        let database = plaintext_database(library, server.dir.path());
        server.end = server.end.with(&[&database]);
    }
    server
}

/// An end that takes every mechanism from its plugin. The store stays the library's own.
fn preferring(end: &End, mechanism: &str) -> End {
    end.clone().with(&[&format!("prefer_plugins={mechanism}")])
}

fn expect_code(talk: &Talk, mechanism: &str, file: &str) {
    let file = format!("{DEBIAN}/{file}");
    for end in [&talk.server, &talk.client] {
        assert_eq!(end.file_of(mechanism), file, "{talk:#?}");
    }
}

#[test]
fn every_mechanism_lets_the_right_password_in() {
    for (serving, asking) in combinations() {
        for (mechanism, file) in MECHANISMS {
            let server = server_for(mechanism, &serving);
            let (server, client) = (preferring(&server.end, mechanism), preferring(&End::new(&asking), mechanism));
            let right = talk(mechanism, &server, &client);
            expect_code(&right, mechanism, file);
            right.expect("alice", if *mechanism == "DIGEST-MD5" { 128 } else { 0 });
            talk(mechanism, &server, &client.clone().with(&["pass=wrong"])).expect_refusal();
            talk(mechanism, &server, &client.with(&["user=nobody"])).expect_refusal();
        }
    }
}

#[test]
fn anonymous_lets_anybody_in() {
    for (serving, asking) in combinations() {
        let server = server(&serving);
        // The plugin looks the name up, as every other.
        rig::base::make_sasldb(&serving, &server.dir.join("sasldb2"), HOST, &[("anonymous", "no matter")]);
        let (server, client) = (preferring(&server.end, "ANONYMOUS"), preferring(&End::new(&asking), "ANONYMOUS"));
        let both = talk("ANONYMOUS", &server, &client);
        expect_code(&both, "ANONYMOUS", "libanonymous.so");
        both.expect("anonymous", 0);
    }
}

#[test]
fn every_layer_of_digest_md5_carries_text() {
    for (serving, asking) in combinations() {
        let server = server(&serving);
        for (limits, ssf) in [((0, 0), 0), ((0, 1), 1), ((40, 40), 40), ((56, 56), 56), ((128, 128), 128)] {
            let limits = [&*format!("min={}", limits.0), &*format!("max={}", limits.1)];
            let server = preferring(&server.end, "DIGEST-MD5").with(&limits);
            let both = talk("DIGEST-MD5", &server, &preferring(&End::new(&asking), "DIGEST-MD5"));
            expect_code(&both, "DIGEST-MD5", "libdigestmd5.so");
            both.expect("alice", ssf);
        }
    }
}

#[test]
fn one_time_passwords_are_counted_down() {
    for (serving, asking) in combinations() {
        let dir = TempDir::new("otp");
        let file = dir.join("sasldb2");
        // With the database in its configuration, saslpasswd2 has the plugin make the secret of a new user.
        dir.write("saslpasswd.conf", format!("sasldb_path: {}\n", file.display()));
        let mut passwd = serving.command("/usr/sbin/saslpasswd2");
        passwd.args(["-p", "-c", "-u", HOST, "alice"]).env("SASL_CONF_PATH", dir.path());
        let made = rig::base::run(&mut passwd, b"secret");
        assert!(made.status.success(), "{made:?}");
        let told = format!("sasldb_path={}", file.display());
        let server = End::new(&serving).with(&["auxprop_plugin=sasldb", &told]);
        for _ in 0..3 {
            let both = talk("OTP", &server, &End::new(&asking));
            expect_code(&both, "OTP", "libotp.so");
            both.expect("alice", 0);
        }
        talk("OTP", &server, &End::new(&asking).with(&["pass=wrong"])).expect_refusal();
        talk("OTP", &server, &End::new(&asking).with(&["user=nobody"])).expect_refusal();
    }
}

/// Their exchanges are those of another test, which has a KDC.
#[test]
fn the_kerberos_plugins_load() {
    let library = Library::under_test();
    let mut viewer = library.command("/usr/sbin/saslpluginviewer");
    let list = must(viewer.env("SASL_CONF_PATH", "/nonexistent").args(["-p", DEBIAN]));
    for mechanism in ["GSSAPI", "GSS-SPNEGO", "GS2-KRB5"] {
        for side in ["server", "client"] {
            let start = list.find(&format!("List of {side} plugins follows")).expect("list");
            let rest = list.get(start..).expect("list");
            assert!(rest.contains(&format!("SASL mechanism: {mechanism},")), "{side} {mechanism}: {list}");
        }
    }
}

#[test]
fn built_in_mechanisms_stay_unless_told_otherwise() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let kept = server(&library);
    let server = kept.end.clone();
    let plain = talk("PLAIN", &server, &End::new(&Library::stock()));
    plain.expect("alice", 0);
    assert_eq!(plain.server.file_of("PLAIN"), library.dir.expect("ours").join("libsasl2.so.2").to_string_lossy());
    assert!(plain.server.has("libplain.so is not opened: what it has is built in (PLAIN)"), "{plain:#?}");
    let preferred = server.clone().with(&["prefer_plugins=cram-md5 plain"]);
    for (mechanism, plugin) in [("PLAIN", true), ("CRAM-MD5", true), ("LOGIN", false)] {
        let talk = talk(mechanism, &preferred, &End::new(&Library::stock()));
        talk.expect("alice", 0);
        assert_eq!(talk.server.file_of(mechanism).starts_with(DEBIAN), plugin, "{talk:#?}");
    }
    let all = talk("SCRAM-SHA-1", &server.with(&["prefer_plugins=all"]), &End::new(&Library::stock()));
    assert!(all.server.file_of("SCRAM-SHA-1").starts_with(DEBIAN), "{all:#?}");
    assert!(all.server.file_of("sasldb").starts_with(DEBIAN), "{all:#?}");
}

/// One exchange with plugins on both sides, with every use of memory watched. What the plugins lose themselves is theirs.
#[test]
fn an_exchange_uses_memory_well() {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    for mechanism in ["CRAM-MD5", "DIGEST-MD5", "NTLM"] {
        let server = server_for(mechanism, &library);
        let watched = |end: End| End { below: &["valgrind", "-q", "--error-exitcode=99"], ..end };
        let (server, client) = (preferring(&server.end, mechanism), preferring(&End::new(&library), mechanism));
        let both = talk(mechanism, &watched(server), &watched(client));
        both.expect("alice", if mechanism == "DIGEST-MD5" { 128 } else { 0 });
    }
}
