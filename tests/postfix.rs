//! Debian's own Postfix, server and client, on a chosen `libsasl2.so.2`.

mod rig;

use rig::base::Library;
use rig::postfix::{AUXPROP, Postfix, Settings};
use rig::sample_smtp::Smtp;

const USERS: &[(&str, &str)] = &[("alice", "correct horse"), ("bob", "battery staple")];
const MECHANISMS: [&str; 9] = [
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-224",
    "SCRAM-SHA-256",
    "SCRAM-SHA-384",
    "SCRAM-SHA-512",
];

fn start(settings: &Settings) -> Postfix {
    Postfix::start(&Library::under_test(), settings)
}

fn standard() -> Settings<'static> {
    Settings { sasl: AUXPROP, users: USERS, ..Settings::default() }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// The client's half comes from the stock library: two implementations have to agree.
fn stock() -> Library {
    Library::stock()
}

#[test]
fn every_mechanism_lets_the_right_password_in() {
    let postfix = start(&standard());
    for mechanism in MECHANISMS {
        let mut smtp = Smtp::connect(postfix.port);
        assert_eq!(sorted(smtp.ehlo()), sorted(MECHANISMS.map(str::to_owned).to_vec()), "ANONYMOUS is off by default");
        let reply = smtp.auth(&stock(), mechanism, "alice", "correct horse");
        assert_eq!((reply.code, reply.text.as_str()), (235, "2.7.0 Authentication successful"), "{mechanism}");
        let reply = smtp.send("someone@far.away.test", mechanism);
        assert_eq!(reply.code, 250, "{mechanism}: {reply:?}");
        postfix.logged(&[&format!("sasl_method={mechanism}, sasl_username=alice@rig.test")]);
        // Once is enough for a session.
        assert_eq!(smtp.command("AUTH PLAIN").code, 503);
    }
    postfix.mounts.assert_loaded_by(postfix.pid());
    let mail = postfix.delivered("SCRAM-SHA-512");
    assert!(mail.contains("(Authenticated sender: alice@rig.test)"), "{mail}");
}

#[test]
fn no_mechanism_lets_others_in() {
    let postfix = start(&standard());
    for mechanism in MECHANISMS {
        for (user, password) in [("alice", "wrong"), ("alice", "battery staple"), ("mallory", "correct horse")] {
            let mut smtp = Smtp::connect(postfix.port);
            smtp.ehlo();
            let reply = smtp.auth(&stock(), mechanism, user, password);
            assert_eq!(reply.code, 535, "{mechanism} {user} {password}: {reply:?}");
            assert!(reply.text.starts_with("5.7.8 Error: authentication failed"), "{mechanism} {user}: {reply:?}");
            let reply = smtp.send("someone@far.away.test", "relay?");
            assert_eq!((reply.code, reply.text.contains("Relay access denied")), (554, true), "{reply:?}");
            // The same session may try again and get in, once the mail that it began is forgotten.
            assert_eq!(smtp.command("RSET").code, 250);
            let reply = smtp.auth(&stock(), mechanism, "bob", "battery staple");
            assert_eq!(reply.code, 235, "{mechanism}: {reply:?}");
        }
        let line = postfix.logged(&["warning:", &format!("SASL {mechanism} authentication failed: ")]);
        eprintln!("{line}");
    }
}

#[test]
fn malformed_messages_are_refused_and_the_server_lives_on() {
    let postfix = start(&standard());
    let mut smtp = Smtp::connect(postfix.port);
    smtp.ehlo();
    let long = vec![b'a'; 1500];
    let long_name = [b"\0", &*long, b"\0correct horse"].concat();
    let long_password = [b"\0alice\0", &*long].concat();
    let messages: [&[u8]; 12] = [
        b"",
        b"alice",
        b"\0",
        b"\0\0",
        b"\0alice",
        b"\0alice\0",
        b"\0\0correct horse",
        b"\0 \0correct horse",
        b"\0alice\0correct horse\0more",
        b"bob\0alice\0correct horse",
        &long_name,
        &long_password,
    ];
    for message in messages {
        let reply = smtp.auth_plain(message);
        // 454 is Postfix's answer to a "generic failure": for a blank name the stock library says no more than that.
        assert!([454, 535].contains(&reply.code), "{}: {reply:?}", message.escape_ascii());
    }
    for mechanism in MECHANISMS {
        // An initial response where none belongs, where it is nonsense, or nothing but padding.
        for initial in ["!", "====", "AAAA", "bixhPWEsbj1hLHI9YQ=="] {
            let mut reply = smtp.command(&format!("AUTH {mechanism} {initial}"));
            while reply.code == 334 {
                reply = smtp.command("bm9uc2Vuc2U=");
            }
            assert!([454, 501, 535].contains(&reply.code), "{mechanism} {initial}: {reply:?}");
        }
        // A client may give up.
        let reply = smtp.command(&format!("AUTH {mechanism}"));
        assert_eq!(reply.code, 334, "{mechanism}: {reply:?}");
        assert_eq!(smtp.command("*").code, 501, "{mechanism}");
    }
    assert_eq!(smtp.command("AUTH NO-SUCH-MECHANISM").code, 535);
    assert_eq!(smtp.auth(&stock(), "SCRAM-SHA-256", "alice", "correct horse").code, 235);
}

#[test]
fn security_options_choose_the_mechanisms() {
    let with = |options: &str| {
        let main = format!("smtpd_sasl_security_options = {options}\n");
        let postfix = start(&Settings { main: &main, ..standard() });
        let offer = Smtp::connect(postfix.port).ehlo();
        (postfix, sorted(offer))
    };
    let strong: Vec<String> = MECHANISMS.iter().skip(2).map(|&m| m.to_owned()).collect();

    let (postfix, offer) = with("noanonymous, noplaintext");
    assert_eq!(offer, sorted(strong.clone()));
    let mut smtp = Smtp::connect(postfix.port);
    smtp.ehlo();
    assert_eq!(smtp.auth_plain(b"\0alice\0correct horse").code, 535);
    assert_eq!(smtp.command("AUTH LOGIN").code, 535);
    assert_eq!(smtp.auth(&stock(), "CRAM-MD5", "alice", "correct horse").code, 235);

    let (_postfix, offer) = with("noanonymous, mutual_auth");
    assert_eq!(offer, sorted(strong.iter().filter(|m| *m != "CRAM-MD5").cloned().collect()));

    let (_postfix, offer) = with("noanonymous, noactive");
    assert_eq!(offer, sorted(strong.iter().filter(|m| m.starts_with("SCRAM")).cloned().collect()));

    // No options at all: everyone may come in, under no name.
    let (postfix, offer) = with("");
    assert!(offer.contains(&"ANONYMOUS".to_owned()), "{offer:?}");
    let mut smtp = Smtp::connect(postfix.port);
    smtp.ehlo();
    assert_eq!(smtp.auth(&stock(), "ANONYMOUS", "tracer", "").code, 235);
    // Postfix tells by the name "anonymous" that nobody has proved anything.
    assert_eq!(smtp.send("someone@far.away.test", "from nobody").code, 554);
}

#[test]
fn without_a_domain_the_host_name_is_the_realm() {
    let dir_users = [("carol", "carol's")];
    let main = "smtpd_sasl_local_domain =\nmyhostname = rig.test\n";
    let postfix = start(&Settings { main, users: &dir_users, ..standard() });
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"] {
        for user in ["carol", "carol@rig.test"] {
            let mut smtp = Smtp::connect(postfix.port);
            smtp.ehlo();
            let reply = smtp.auth(&stock(), mechanism, user, "carol's");
            assert_eq!(reply.code, 235, "{mechanism} {user}: {reply:?}");
            assert_eq!(smtp.send("someone@far.away.test", "x").code, 250);
            postfix.logged(&[&format!("sasl_method={mechanism}, sasl_username={user}")]);
        }
        let mut smtp = Smtp::connect(postfix.port);
        smtp.ehlo();
        assert_eq!(smtp.auth(&stock(), mechanism, "carol@other.test", "carol's").code, 535);
    }
}

#[test]
fn the_configuration_is_named_by_the_server_and_found_by_its_callback() {
    // Debian's Postfix answers the callback for the path with its own directory, and that beats the path it also sets
    // from cyrus_sasl_config_path.
    let conf = AUXPROP.replace("LOGIN", "");
    let settings = Settings {
        sasl: "mech_list: LOGIN\n",
        main: "cyrus_sasl_config_path = @DIR@/elsewhere\nsmtpd_sasl_path = submission\n",
        files: &[("conf/sasl/submission.conf", &conf), ("elsewhere/submission.conf", "mech_list: CRAM-MD5\n")],
        ..standard()
    };
    let postfix = start(&settings);
    let mut smtp = Smtp::connect(postfix.port);
    let offer = smtp.ehlo();
    assert!(offer.contains(&"PLAIN".to_owned()) && !offer.contains(&"LOGIN".to_owned()), "{offer:?}");
    assert_eq!(smtp.auth(&stock(), "PLAIN", "alice", "correct horse").code, 235);
}

#[test]
fn many_sessions_at_once() {
    let postfix = start(&standard());
    std::thread::scope(|scope| {
        for mechanism in MECHANISMS {
            let postfix = &postfix;
            scope.spawn(move || {
                for round in 0..3 {
                    let mut smtp = Smtp::connect(postfix.port);
                    smtp.ehlo();
                    let (password, code) = if round == 1 { ("wrong", 535) } else { ("battery staple", 235) };
                    let reply = smtp.auth(&stock(), mechanism, "bob", password);
                    assert_eq!(reply.code, code, "{mechanism}: {reply:?}");
                }
            });
        }
    });
}

#[test]
fn the_client_authenticates_with_every_mechanism() {
    // The server on the stock library, the client on the one under test.
    let server = Postfix::start(&Library::stock(), &standard());
    let hop = format!("[127.0.0.1]:{}", server.port);
    let (mut routes, mut services) = (String::new(), String::new());
    for mechanism in MECHANISMS {
        routes.push_str(&format!("{}.test smtp-{mechanism}:{hop}\n", mechanism.to_lowercase()));
        services.push_str(&format!(
            "smtp-{mechanism} unix - - n - - smtp -o smtp_sasl_mechanism_filter={mechanism}\n\
             bad-{mechanism} unix - - n - - smtp -o smtp_sasl_mechanism_filter={mechanism} \
             -o smtp_sasl_password_maps=texthash:@DIR@/wrong\n"
        ));
        routes.push_str(&format!("bad-{}.test bad-{mechanism}:{hop}\n", mechanism.to_lowercase()));
    }
    routes.push_str(&format!("any.test smtp:{hop}\n"));
    let settings = Settings {
        main: "mynetworks = 127.0.0.0/8\nsmtpd_sasl_auth_enable = no\ndefault_transport = smtp\n\
               smtpd_relay_restrictions = permit_mynetworks, reject\ntransport_maps = texthash:@DIR@/routes\n\
               smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = texthash:@DIR@/right\n\
               smtp_sasl_security_options = noanonymous\n",
        master: &services,
        files: &[
            ("routes", &routes),
            ("right", &format!("{hop} alice:correct horse\n")),
            ("wrong", &format!("{hop} alice:wrong\n")),
        ],
        ..Settings::default()
    };
    let client = start(&settings);
    let mut smtp = Smtp::connect(client.port);
    smtp.ehlo();
    for mechanism in MECHANISMS {
        let name = mechanism.to_lowercase();
        assert_eq!(smtp.send(&format!("someone@{name}.test"), mechanism).code, 250);
        assert_eq!(smtp.send(&format!("someone@bad-{name}.test"), mechanism).code, 250);
    }
    assert_eq!(smtp.send("someone@any.test", "any mechanism").code, 250);
    for mechanism in MECHANISMS {
        server.logged(&[&format!("sasl_method={mechanism}, sasl_username=alice@rig.test")]);
        let name = mechanism.to_lowercase();
        client.logged(&[&format!("to=<someone@{name}.test>"), "status=sent"]);
        let line = client.logged(&[&format!("to=<someone@bad-{name}.test>"), "status=deferred"]);
        assert!(line.contains("SASL authentication failed"), "{line}");
    }
    let mail = server.delivered("any mechanism");
    assert!(mail.contains("(Authenticated sender: alice@rig.test)"), "{mail}");
    // The client took the best on offer, not the first.
    let best = server.log().matches("sasl_method=SCRAM-SHA-512").count();
    assert_eq!(best, 2, "{}", server.log());
    client.mounts.assert_loaded_by(client.pid());
}
