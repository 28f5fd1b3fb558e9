//! SASL beneath TLS: what the library makes of an external layer and of an external identity.

use crate::rig::base::Library;
use crate::rig::client::{DigestMd5, Protection, mechanism};
use crate::rig::sendmail::{AuthInfo, Config, MECHANISMS, Server, authority, send};
use crate::rig::smtp::Smtp;

const TIM: AuthInfo<'static> =
    AuthInfo { user: "tim", authid: "tim", password: "tanstaaftanstaaf", realm: "", mechanisms: "" };

fn config(options: &str) -> Config {
    let mechanisms = format!("EXTERNAL {MECHANISMS}");
    Config { tls: true, options: options.to_owned(), mechanisms, ..Config::default() }
}

fn start(options: &str) -> Server {
    Server::start(&Library::under_test(), &config(options))
}

/// A connection under TLS, after EHLO, that shows tim's certificate or none.
fn greeted(server: &Server, certificate: bool) -> Smtp {
    let identity = authority().join("client.pem");
    let mut smtp = Smtp::connect_tls(server.port, certificate.then_some(&*identity));
    smtp.ehlo().expect("an AUTH line");
    smtp
}

#[test]
fn plain_text_mechanisms_come_with_tls() {
    let server = start("p");
    let offered = server.connect().ehlo().expect("an AUTH line").join(" ");
    assert_eq!(offered, MECHANISMS.replace(" PLAIN LOGIN", ""));
    let offered = Smtp::connect_tls(server.port, None).ehlo().expect("an AUTH line").join(" ");
    assert_eq!(offered, MECHANISMS);
    for name in MECHANISMS.split(' ') {
        let mut smtp = greeted(&server, false);
        assert_eq!(smtp.auth(&mut *mechanism(name, "tim", TIM.password), true).code, 235, "{name}");
        assert_eq!(smtp.relay(&format!("by {name}\r\n")).code, 250, "{name}");
        server.sandbox.log.expect(&format!("authid=tim, mech={name}, bits=0"));
        // RFC 3848: with TLS and with authentication.
        server.sandbox.log.expect("proto=ESMTPSA");
        assert_eq!(greeted(&server, false).auth(&mut *mechanism(name, "tim", "wrong"), true).code, 535, "{name}");
    }
}

#[test]
fn the_external_layer_counts_against_the_maximum() {
    // TLS 1.3 here has 256 bits. Without a maximum DIGEST-MD5 may add its own layer.
    for (extra, qop) in [("", "auth,auth-int,auth-conf"), ("define(`confAUTH_MAX_BITS', `128')dnl", "auth")] {
        let config = Config { extra: extra.to_owned(), ..config("") };
        let server = Server::start(&Library::under_test(), &config);
        let mut client = DigestMd5::new("tim", TIM.password, Protection::None);
        assert_eq!(greeted(&server, false).auth(&mut client, true).code, 235);
        assert_eq!(client.directive("qop"), Some(qop), "{extra}");
    }
    let server = start("");
    let mut smtp = greeted(&server, false);
    let mut client = DigestMd5::new("tim", TIM.password, Protection::Privacy("rc4"));
    assert_eq!(smtp.auth(&mut client, true).code, 235);
    assert_eq!(smtp.relay("under both layers\r\n").code, 250);
    assert!(server.queued().contains(&"under both layers\n".to_owned()));
}

#[test]
fn a_client_certificate_is_an_identity() {
    let server = start("");
    for (initial, answer) in [("=", None), ("dGlt", None), ("", Some("")), ("", Some("dGlt"))] {
        let mut smtp = greeted(&server, true);
        let mark = server.sandbox.log.mark();
        let mut reply = smtp.command(format!("AUTH EXTERNAL {initial}").trim_end());
        if let Some(answer) = answer {
            assert_eq!((reply.code, reply.lines[0].as_str()), (334, ""), "{reply:?}");
            reply = smtp.command(answer);
        }
        assert_eq!(reply.code, 235, "{initial} {answer:?}: {reply:?}");
        server.sandbox.log.after(mark, "authid=/CN+3Dtim, mech=EXTERNAL, bits=0");
        assert_eq!(smtp.relay("from a certificate\r\n").code, 250);
    }
    // Without a certificate, and without TLS, there is no EXTERNAL.
    greeted(&server, false).expect("AUTH EXTERNAL =", 504);
    let mut smtp = server.connect();
    assert_eq!(smtp.ehlo().expect("an AUTH line").join(" "), MECHANISMS);
    smtp.expect("AUTH EXTERNAL =", 504);
}

#[test]
fn a_client_under_tls_authenticates_too() {
    let (ours, stock) = (Library::under_test(), Library::stock());
    for (client, of_server) in [(&ours, &stock), (&stock, &ours)] {
        let server = Server::start(of_server, &config(""));
        for (mechanisms, tried, authid, bits) in [
            ("EXTERNAL", "EXTERNAL", "/CN+3Dclient.example.test", 0),
            ("", "SCRAM-SHA-512", "tim", 0),
            ("DIGEST-MD5", "DIGEST-MD5", "tim", 128),
            ("PLAIN", "PLAIN", "tim", 0),
        ] {
            let text = format!("{client:?} {tried}\n");
            let auth = AuthInfo { mechanisms, ..TIM };
            let sent = send(client, &config(""), server.port, Some(&auth), &format!("Subject: test\n\n{text}"));
            assert_eq!(sent.tried(), [tried], "{}", sent.ran.stdout);
            assert!(sent.log.contains(&format!("mech={tried}, bits={bits}\n")), "{}", sent.log);
            server.sandbox.log.expect(&format!("authid={authid}, mech={tried}, bits={bits}"));
            assert!(server.queued().contains(&text), "{}", sent.ran.stdout);
        }
    }
}
