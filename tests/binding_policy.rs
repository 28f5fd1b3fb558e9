//! The option `channel_binding` on either side: which mechanisms are offered, chosen and accepted.

use std::sync::Arc;

use oxisasl::chanbind::ChannelBinding;
use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
use oxisasl::store::memory::Memory;
use oxisasl::{
    Client, ClientParams, ClientSession, Code, Progress, Result, Secret, Server, ServerParams, ServerSession,
};

struct Alice;

impl Answers for Alice {
    fn answer(&self, prompt: &Prompt) -> Answer {
        match prompt.kind {
            PromptKind::AuthName => Answer::Value(Secret::from("alice")),
            PromptKind::Pass => Answer::Value(Secret::from("secret")),
            _ => Answer::Unsupported,
        }
    }

    fn supports(&self, kind: PromptKind) -> bool {
        matches!(kind, PromptKind::AuthName | PromptKind::Pass)
    }
}

fn server(policy: &'static str, bound: bool) -> ServerSession {
    let server = Server::new("test").store(Memory::new().user("alice", "secret"));
    let server = Arc::new(server.options([("channel_binding", policy)]));
    let session = server.session(ServerParams::new("test").fqdn("host.example.com")).unwrap();
    if bound {
        session.add_binding(binding());
    }
    session
}

fn client(policy: &'static str, bound: bool) -> ClientSession {
    let client = Arc::new(Client::new().options([("channel_binding", policy)]));
    let session = client.session(ClientParams::new("test", Alice).fqdn("host.example.com")).unwrap();
    if bound {
        session.add_binding(binding());
    }
    session
}

fn binding() -> ChannelBinding {
    ChannelBinding { name: "tls-exporter".into(), data: b"data".to_vec(), critical: false }
}

/// The mechanism that was used, and how the client's first message begins.
fn login(client: &ClientSession, server: &ServerSession, offered: &str) -> Result<(String, String)> {
    let start = client.start(offered)?;
    let first = start.progress.data().unwrap_or_default().to_vec();
    let mut answer = server.start(&start.mechanism, start.progress.data())?;
    while let Progress::Continue(challenge) = &answer {
        let response = client.step(challenge.as_deref())?;
        answer = server.step(response.data().unwrap_or_default())?;
    }
    let first = String::from_utf8_lossy(&first).split(',').next().unwrap_or_default().to_owned();
    Ok((start.mechanism.into_owned(), first))
}

#[test]
fn a_server_offers_what_its_policy_allows() {
    let offers = |policy, bound| server(policy, bound).mechanisms().unwrap_or_default();
    let plus = |names: &[String]| names.iter().filter(|name| name.ends_with("-PLUS")).count();
    // All mechanisms that need no identity of the layer underneath, in both forms where there are two.
    let (bare, bound_forms) = (10, 5);
    for (policy, bound, expected) in [
        ("off", false, (bare, 0)),
        ("off", true, (bare, 0)),
        ("prefer", false, (bare, 0)),
        ("prefer", true, (bare + bound_forms, bound_forms)),
        ("require", false, (0, 0)),
        ("require", true, (bound_forms, bound_forms)),
        // What cannot be understood is taken as the strictest.
        ("prefered", true, (bound_forms, bound_forms)),
    ] {
        let names = offers(policy, bound);
        assert_eq!((names.len(), plus(&names)), expected, "{policy} {bound}: {names:?}");
    }
    let session = server("require", false);
    assert!(session.mechanisms().unwrap().is_empty());
    assert!(session.error_detail().contains("SCRAM-SHA-256 (no channel binding)"), "{}", session.error_detail());
}

#[test]
fn a_server_that_requires_a_binding_begins_nothing_without() {
    for bound in [false, true] {
        let error = server("require", bound).start("PLAIN", Some(b"\0alice\0secret")).unwrap_err();
        assert_eq!(error.code(), Code::NoMech, "{bound}");
    }
    // The client cannot use one: the proof is right, and of no use.
    let error = login(&client("prefer", false), &server("require", true), "SCRAM-SHA-256").unwrap_err();
    assert_eq!(error.code(), Code::BadBinding);
    let error = login(&client("prefer", false), &server("require", false), "SCRAM-SHA-256").unwrap_err();
    assert_eq!(error.code(), Code::NoMech);
    login(&client("prefer", true), &server("require", true), "SCRAM-SHA-256-PLUS").unwrap();
}

#[test]
fn a_client_chooses_what_its_policy_allows() {
    let offered = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN";
    let chosen = |policy, bound, offered: &str| {
        // The server goes by what the client says.
        let server = server("prefer", bound && policy != "off");
        login(&client(policy, bound), &server, offered).map_err(|error| error.code())
    };
    let used = |mechanism: &str, flag: &str| Ok((mechanism.to_owned(), flag.to_owned()));
    assert_eq!(chosen("off", true, offered), used("SCRAM-SHA-256", "n"));
    assert_eq!(chosen("prefer", true, offered), used("SCRAM-SHA-256-PLUS", "p=tls-exporter"));
    assert_eq!(chosen("prefer", false, offered), used("SCRAM-SHA-256", "n"));
    assert_eq!(chosen("require", true, offered), used("SCRAM-SHA-256-PLUS", "p=tls-exporter"));
    assert_eq!(chosen("require", false, offered), Err(Code::NoMech));
    assert_eq!(chosen("require", true, "SCRAM-SHA-256 PLAIN"), Err(Code::NoMech));
    assert_eq!(chosen("sometimes", true, "SCRAM-SHA-256 PLAIN"), Err(Code::NoMech));
}

#[test]
fn of_several_bindings_the_client_names_one() {
    let named = |name: &str| ChannelBinding { name: name.into(), data: name.as_bytes().to_vec(), critical: false };
    for name in ["tls-exporter", "tls-unique", "tls-server-end-point"] {
        let server = server("prefer", true);
        for other in ["tls-unique", "tls-server-end-point"] {
            server.add_binding(named(other));
        }
        let client = client("require", false);
        client.add_binding(if name == "tls-exporter" { binding() } else { named(name) });
        let (_, flag) = login(&client, &server, "SCRAM-SHA-256-PLUS").unwrap();
        assert_eq!(flag, format!("p={name}"));
        // The data of another one will not do.
        server.add_binding(ChannelBinding { data: b"other".to_vec(), ..named(name) });
        login(&client, &server, "SCRAM-SHA-256-PLUS").unwrap_err();
    }
}

#[test]
fn an_empty_binding_binds_nothing() {
    let empty = ChannelBinding { data: Vec::new(), ..binding() };
    let (ours, theirs) = (client("prefer", false), server("prefer", true));
    ours.add_binding(empty.clone());
    let error = login(&ours, &theirs, "SCRAM-SHA-256-PLUS SCRAM-SHA-256").unwrap_err();
    assert_eq!(error.code(), Code::BadBinding, "{error:?}");
    let (ours, theirs) = (client("prefer", true), server("prefer", false));
    theirs.add_binding(empty);
    let error = login(&ours, &theirs, "SCRAM-SHA-256-PLUS SCRAM-SHA-256").unwrap_err();
    assert_eq!(error.code(), Code::BadBinding, "{error:?}");
    // One that the server has never heard of is refused as well.
    let theirs = server("prefer", false);
    theirs.add_binding(ChannelBinding { name: "tls-unique".into(), ..binding() });
    let error = login(&ours, &theirs, "SCRAM-SHA-256-PLUS SCRAM-SHA-256").unwrap_err();
    assert_eq!(error.code(), Code::BadBinding, "{error:?}");
}
