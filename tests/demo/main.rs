//! What `make demo` shows: Debian's unmodified Sendmail authenticating on our `libsasl2.so.2`, mechanism by mechanism.
//!
//! It is also a test of its own: without `--show` it prints only its last line. It ends with an error unless every
//! expectation held.

#[path = "../rig/mod.rs"]
mod rig;
mod show;

use std::process::ExitCode;

use rig::base::Library;
use rig::client::{DigestMd5, Mechanism, Protection, hex, mechanism};
use rig::sendmail::{AuthInfo, Config, MECHANISMS, Server, send};
use rig::smtp::{Side, Smtp};
use show::Show;

const USER: &str = "tim";
const PASSWORD: &str = "tanstaaftanstaaf";

fn main() -> ExitCode {
    let mut show = Show::new(std::env::args().any(|a| a == "--show"));
    let library = Library::under_test();
    let config = Config::default();
    let server = Server::start(&library, &config);
    introduce(&mut show, &server, &config);

    let mut offered = greet(&mut show, &server);
    refuse_strangers(&mut show, &server);
    for name in MECHANISMS.split(' ') {
        offered.retain(|m| m != name);
        authenticate(&mut show, &server, name);
    }
    show.expect(offered.is_empty(), &format!("every mechanism offered was tried; not tried: {offered:?}"));
    protect(&mut show, &server);
    relay(&mut show, &server);

    show.title("What Sendmail wrote to its log");
    for line in
        server.sandbox.log.lines().iter().filter(|l| l.text.contains("AUTH=") || l.text.contains("AUTH failure"))
    {
        show.note(&line.text);
    }
    show.finish(&format!("Sendmail on {}", library.file().display()))
}

/// Says what runs on what.
fn introduce(show: &mut Show, server: &Server, config: &Config) {
    show.title("Debian's unmodified Sendmail on our libsasl2.so.2");
    show.note(&format!("program   {}", config.binary.display()));
    show.note(&format!("library   {} (no other libsasl2 is mapped by its processes)", server.library.file().display()));
    show.note(&format!("database  made by saslpasswd2 on that library; user {USER}, password {PASSWORD}"));
    show.note(&format!("address   127.0.0.1 port {}; the client is 127.0.0.2", server.port));
}

/// Shows the greeting and EHLO; gives the mechanisms of the AUTH line.
fn greet(show: &mut Show, server: &Server) -> Vec<String> {
    show.title("What the server offers");
    let mut smtp = server.connect();
    let offered = smtp.ehlo().unwrap_or_default();
    show.dialogue(&smtp);
    show.expect(!offered.is_empty(), "EHLO has an AUTH line");
    offered
}

/// A client that has not authenticated may not relay.
fn refuse_strangers(show: &mut Show, server: &Server) {
    show.title("Relaying without authentication");
    let mut smtp = greeted(server);
    let reply = smtp.relay("never\r\n");
    show.dialogue(&smtp);
    show.expect(reply.code == 550, "the stranger's message is refused with 550");
}

/// The right password, then a wrong one.
fn authenticate(show: &mut Show, server: &Server, name: &str) {
    show.title(&format!("{name}: the right password, then a message to relay"));
    let (code, mut smtp) = attempt(server, &mut *mechanism(name, USER, PASSWORD));
    let body = format!("by {name}\r\n");
    let accepted = code == 235 && smtp.relay(&body).code == 250;
    show.dialogue(&smtp);
    show.expect(code == 235, &format!("{name} lets the right password in with 235"));
    let queued = accepted && server.queued().contains(&body.replace("\r\n", "\n"));
    show.expect(queued, &format!("after {name} the message is accepted for relaying"));

    show.title(&format!("{name}: a wrong password"));
    let (code, smtp) = attempt(server, &mut *mechanism(name, USER, "wrong"));
    show.dialogue(&smtp);
    show.expect(code == 535, &format!("{name} refuses a wrong password with 535"));
}

/// DIGEST-MD5's security layers: from 235 on all is protected.
fn protect(show: &mut Show, server: &Server) {
    for (protection, what) in
        [(Protection::Integrity, "integrity"), (Protection::Privacy("rc4"), "encryption with RC4, 128 bits")]
    {
        show.title(&format!("DIGEST-MD5 with a security layer: {what}"));
        let (code, mut smtp) = attempt(server, &mut DigestMd5::new(USER, PASSWORD, protection));
        let mut answered = 0;
        if code == 235 {
            let packet = smtp.encode(b"NOOP\r\n");
            smtp.dialogue.push((Side::Client, format!("NOOP (as {} on the wire)", hex(&packet))));
            smtp.write_raw(&packet);
            answered = smtp.reply().code;
        }
        show.dialogue(&smtp);
        show.expect(code == 235, &format!("DIGEST-MD5 with {what} lets the right password in"));
        show.expect(answered == 250, &format!("the protected command is answered ({what})"));
    }
}

/// Sendmail as the client, with the library's own choice of mechanism.
fn relay(show: &mut Show, server: &Server) {
    show.title("Sendmail as a client on the same library, relaying through the server");
    let auth = AuthInfo { user: USER, authid: USER, password: PASSWORD, ..AuthInfo::default() };
    let sent = send(&server.library, &Config::default(), server.port, Some(&auth), "Subject: demo\n\nrelayed\n");
    show.verbose_client(&sent.ran.stdout);
    show.expect(sent.tried() == ["SCRAM-SHA-512"], "the client takes the strongest mechanism, SCRAM-SHA-512");
    show.expect(
        sent.log.contains("AUTH=client") && server.queued().contains(&"relayed\n".to_owned()),
        "the message arrives",
    );
}

fn greeted(server: &Server) -> Smtp {
    let mut smtp = server.connect();
    smtp.ehlo();
    smtp.dialogue.clear();
    smtp
}

fn attempt(server: &Server, mechanism: &mut dyn Mechanism) -> (u16, Smtp) {
    let mut smtp = greeted(server);
    let code = smtp.auth(mechanism, true).code;
    (code, smtp)
}
