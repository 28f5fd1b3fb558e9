//! Sendmail as a server: every mechanism, right and wrong, and what Sendmail makes of the answers.

use crate::rig::base::Library;
use crate::rig::client::{Login, Mechanism, mechanism};
use crate::rig::sendmail::{Config, MECHANISMS, Server, USERS};
use crate::rig::smtp::Smtp;

fn server() -> Server {
    Server::start(&Library::under_test(), &Config::default())
}

fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config::default();
    change(&mut config);
    Server::start(&Library::under_test(), &config)
}

fn names() -> impl Iterator<Item = &'static str> {
    MECHANISMS.split(' ')
}

/// A fresh connection after EHLO.
fn greeted(server: &Server) -> Smtp {
    let mut smtp = server.connect();
    smtp.ehlo().expect("an AUTH line");
    smtp
}

/// Tries one mechanism on its own connection; gives the code of the last reply.
fn attempt(server: &Server, mechanism: &mut dyn Mechanism, initial: bool) -> u16 {
    greeted(server).auth(mechanism, initial).code
}

const TIM: (&str, &str) = USERS[0];

#[test]
fn the_auth_line_has_sendmails_order() {
    let library = Library::under_test();
    for order in [MECHANISMS, "LOGIN PLAIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1", "PLAIN"] {
        let server = Server::start(&library, &Config { mechanisms: order.to_owned(), ..Config::default() });
        let mut smtp = server.connect();
        assert_eq!(smtp.ehlo().expect("an AUTH line").join(" "), order);
        server.sandbox.log.expect(&format!("allowed mech={order}"));
    }
}

#[test]
fn the_librarys_list_can_be_cut_by_its_configuration() {
    let server = server_with(|c| {
        c.library_conf.as_mut().expect("configuration").push_str("mech_list: login CRAM-MD5 nonsense\n");
    });
    assert_eq!(server.connect().ehlo().expect("an AUTH line"), ["CRAM-MD5", "LOGIN"]);
    server.sandbox.log.expect("AUTH: available mech=LOGIN CRAM-MD5, allowed mech=SCRAM-SHA-512");
}

/// Users and passwords that must be refused, and whether the user exists.
const WRONG: &[(&str, &str, bool)] = &[
    ("tim", "tanstaaftanstaaF", true),
    ("tim", "tanstaaftanstaa", true),
    ("tim", "tanstaaftanstaaf ", true),
    ("tim", "", true),
    ("rené", "gruyere", true),
    ("tin", "tanstaaftanstaaf", false),
    ("TIM", "tanstaaftanstaaf", false),
    ("tim@elsewhere.example", "tanstaaftanstaaf", false),
];

#[test]
fn every_mechanism_lets_the_right_password_in() {
    let server = server();
    for name in names() {
        for initial in [true, false] {
            for (user, password) in USERS {
                let mark = server.sandbox.log.mark();
                let code = attempt(&server, &mut *mechanism(name, user, password), initial);
                assert_eq!(code, 235, "{name} {user} initial={initial}");
                let line = server.sandbox.log.after(mark, "AUTH=server").text;
                let user = user.replace('é', "+C3+A9");
                let expected = format!("relay=client.example.test [127.0.0.2], authid={user}, mech={name}, bits=0");
                assert!(line.ends_with(&expected), "{line}");
            }
        }
    }
}

#[test]
fn every_mechanism_refuses_any_other() {
    let server = server();
    for name in names() {
        for (user, password, known) in WRONG {
            for initial in [true, false] {
                let mark = server.sandbox.log.mark();
                let code = attempt(&server, &mut *mechanism(name, user, password), initial);
                assert_eq!(code, 535, "{name} {user} {password:?} initial={initial}");
                let line = server.sandbox.log.after(mark, "AUTH failure").text;
                let reason = if *known { "authentication failure (-13)" } else { "user not found (-20)" };
                assert!(line.contains(&format!("AUTH failure ({name}): {reason} SASL(-13): ")), "{line}");
                assert!(password.is_empty() || !line.contains(password), "the password is in the log: {line}");
            }
        }
    }
}

#[test]
fn login_takes_the_user_name_as_the_initial_response() {
    let server = server();
    assert_eq!(attempt(&server, &mut Login::with_initial("tim", TIM.1), true), 235);
    assert_eq!(attempt(&server, &mut Login::with_initial("tim", "wrong"), true), 535);
}

#[test]
fn only_the_authenticated_may_relay() {
    let server = server();
    let mut smtp = greeted(&server);
    let refused = smtp.relay("never\r\n");
    assert_eq!((refused.code, refused.text().contains("Relaying denied")), (550, true), "{refused:?}");
    smtp.expect("RSET", 250);
    assert_eq!(smtp.auth(&mut *mechanism("CRAM-MD5", "tim", "wrong"), true).code, 535);
    assert_eq!(smtp.relay("never\r\n").code, 550);
    smtp.expect("RSET", 250);
    assert_eq!(server.queued(), [""; 0]);

    for name in names() {
        let mark = server.sandbox.log.mark();
        let mut smtp = greeted(&server);
        assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235);
        let accepted = smtp.relay(&format!("by {name}\r\n"));
        assert_eq!(accepted.code, 250, "{name}: {accepted:?}");
        assert!(server.queued().contains(&format!("by {name}\n")), "{name}");
        // The protocol name of an authenticated session, RFC 3848.
        server.sandbox.log.after(mark, "proto=ESMTPA");
    }
}

#[test]
fn a_failed_attempt_can_be_repaired_on_the_same_connection() {
    let server = server();
    for first in names() {
        for second in names() {
            let mut smtp = greeted(&server);
            assert_eq!(smtp.auth(&mut *mechanism(first, "tim", "wrong"), true).code, 535, "{first}");
            assert_eq!(smtp.auth(&mut *mechanism(second, TIM.0, TIM.1), true).code, 235, "{first}, then {second}");
            smtp.expect("QUIT", 221);
        }
    }
}

#[test]
fn a_cancelled_exchange_is_forgotten() {
    let server = server();
    for name in names() {
        let mut smtp = greeted(&server);
        smtp.expect(&format!("AUTH {name}"), 334);
        let reply = smtp.expect("*", 501);
        assert!(reply.text().contains("AUTH aborted"), "{reply:?}");
        assert_eq!(smtp.relay("never\r\n").code, 550);
        smtp.expect("RSET", 250);
        assert_eq!(smtp.auth(&mut *mechanism(name, TIM.0, TIM.1), true).code, 235, "{name} after *");
    }
    // In the middle of an exchange, too.
    for (name, steps) in [("LOGIN", 1), ("SCRAM-SHA-256", 1), ("SCRAM-SHA-256", 2), ("DIGEST-MD5", 1)] {
        let mut smtp = greeted(&server);
        let mut client = mechanism(name, TIM.0, TIM.1);
        let mut pending = client.initial();
        let mut reply = smtp.expect(&format!("AUTH {name}"), 334);
        for _ in 0..steps {
            let answer = pending.take().unwrap_or_else(|| client.answer(&reply.challenge()));
            reply = smtp.expect(&encode(&answer), 334);
        }
        smtp.expect("*", 501);
        assert_eq!(smtp.relay("never\r\n").code, 550, "{name} after * at step {steps}");
    }
}

/// What Sendmail said and the code that the library gave it, for a mechanism's first message.
fn judged(server: &Server, name: &str, message: &[u8], initial: bool) -> (u16, String) {
    let mut smtp = greeted(server);
    let mark = server.sandbox.log.mark();
    let data = encode(message);
    let reply = match (initial, message.is_empty()) {
        (true, true) => smtp.command(&format!("AUTH {name} =")),
        (true, false) => smtp.command(&format!("AUTH {name} {data}")),
        (false, _) => {
            smtp.expect(&format!("AUTH {name}"), 334);
            smtp.command(&data)
        }
    };
    let code = match reply.code {
        535 => {
            let line = server.sandbox.log.after(mark, "AUTH failure").text;
            let code = line.split_once(" (-").and_then(|(_, rest)| rest.split_once(") "));
            code.unwrap_or_else(|| panic!("no code in {line}")).0.to_owned()
        }
        _ => String::new(),
    };
    (reply.code, code)
}

/// Messages that no sound client sends.
const NONSENSE: &[&[u8]] = &[
    b"",
    b"\0",
    b"\0\0",
    b"tim",
    b"tim ",
    b" ",
    b"\0tim",
    b"\0\0tanstaaftanstaaf",
    b"tim\0tanstaaftanstaaf",
    b"\0tim\0tanstaaftanstaaf\0",
    b"\0tim\0tanstaaftanstaaf\0more",
    b"\0 \0tanstaaftanstaaf",
    b"tim 0123456789abcdef0123456789abcdef",
    b"tim 0123456789ABCDEF0123456789ABCDEF0123456789",
    b"n,,n=tim,r=",
    b"n,,n=tim,r=abc,x=extension",
    b"n,,n=t=m,r=abcdefghijkl",
    b"n,,m=must,n=tim,r=abcdefghijkl",
    b"n,a=,n=tim,r=abcdefghijkl",
    b"y,,n=tim,r=abcdefghijkl",
    b"p=tls-unique,,n=tim,r=abcdefghijkl",
    b"x,,n=tim,r=abcdefghijkl",
    b"n,,n=tim",
    b"n,,r=abcdefghijkl,n=tim",
    b"n,,n=ti\0m,r=abcdefghijkl",
    b"=,,=",
    b"username=\"tim\"",
    b"username=\"tim",
    b"username=\"tim\",realm=\"mail.example.test\",nonce=\"x\",nc=00000001,cnonce=\"y\",\
      digest-uri=\"smtp/mail.example.test\",response=0123456789abcdef0123456789abcdef,qop=auth",
    &[0xff; 1000],
    &[b'a'; 1025],
    &[b'a'; 3000],
    &[b','; 4100],
];

/// The code of a message that ours refuses on purpose where the stock library goes on or gives another code; none where
/// both judge alike. The names are rows of `docs/deviations.md`.
fn stricter(mechanism: &str, message: &[u8]) -> Option<(&'static str, &'static str)> {
    let scram = mechanism.starts_with("SCRAM-");
    let nul_in_name = match mechanism {
        "LOGIN" => message.contains(&0),
        "CRAM-MD5" => message.starts_with(b"\0 "),
        _ => false,
    };
    match message {
        b"n,,n=tim,r=" if scram => Some(("scram-nonce", "5")),
        b"p=tls-unique,,n=tim,r=abcdefghijkl" if scram => Some(("scram-plus-server", "32")),
        _ if nul_in_name => Some(("name-nul", "5")),
        _ => None,
    }
}

#[test]
fn nonsense_is_answered_as_by_the_stock_library() {
    let ours = server();
    let stock = Server::start(&Library::stock(), &Config::default());
    let mut differences = Vec::new();
    for name in names() {
        for message in NONSENSE {
            for initial in [true, false] {
                let by_stock = judged(&stock, name, message, initial);
                let by_ours = judged(&ours, name, message, initial);
                let stricter = stricter(name, message).filter(|_| !ours.library.is_stock());
                let expected = stricter.map_or(by_stock.clone(), |(_, code)| (535, code.to_owned()));
                if by_ours != expected {
                    let text = String::from_utf8_lossy(&message[..message.len().min(40)]).into_owned();
                    differences
                        .push(format!("{name} {text:?} initial={initial}: stock {by_stock:?}, ours {by_ours:?}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_commands_own_errors_come_before_the_library() {
    let server = server();
    let mut smtp = greeted(&server);
    smtp.expect("AUTH NONSENSE", 504);
    smtp.expect("AUTH", 501);
    smtp.expect("AUTH PLAIN not!base64", 501);
    smtp.expect("AUTH GSSAPI", 504);
    smtp.expect(&format!("AUTH plain {}", encode(b"\0tim\0tanstaaftanstaaf")), 235);
    smtp.expect("AUTH PLAIN", 503);
    let mut smtp = greeted(&server);
    smtp.expect("MAIL FROM:<sender@example.test>", 250);
    smtp.expect("AUTH PLAIN", 503);
}

fn encode(data: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(data)
}
