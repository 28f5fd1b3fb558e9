//! The two sides of a mechanism against a peer that sends any bytes, and against each other with somebody in between.

use super::test_world::{TestClient, TestServer};
use super::{BUILTIN, ClientStep, Mechanism, Step};
use crate::ctx::{BindingChoice, ClientCx, ServerCx};
use crate::identity::Account;
use crate::layer::SecurityLayer;
use crate::policy::{Features, SecurityFlags};
use crate::secret::Secret;

/// What no input has in it.
const PASSWORD: &str = "Tr0ub4dor & 3: a battery, a staple, a horse";
const ALICE: &str = "alice";
/// What keeps the messages of an input apart: UTF-8 has no use for it.
const BREAK: u8 = 0xfe;
/// The most messages that an exchange takes.
const MESSAGES: usize = 8;

/// The mechanisms that need nothing but their two sides. What stands on Kerberos needs a realm.
pub const TWO_SIDED: [&str; 10] = [
    "SCRAM-SHA-512",
    "SCRAM-SHA-384",
    "SCRAM-SHA-256",
    "SCRAM-SHA-224",
    "SCRAM-SHA-1",
    "DIGEST-MD5",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
    "ANONYMOUS",
];

fn mechanism(name: &str) -> &'static dyn Mechanism {
    let found = BUILTIN.iter().find(|mechanism| mechanism.info().name == name);
    *found.unwrap_or_else(|| panic!("{name} is built in"))
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|part| part == what)
}

fn promises(mechanism: &dyn Mechanism, flag: SecurityFlags) -> bool {
    mechanism.info().security.contains(flag)
}

/// Whether a client is not asked for a first message at all.
fn speaks_second(mechanism: &dyn Mechanism) -> bool {
    mechanism.info().client.is_some_and(|features| features.contains(Features::SERVER_FIRST))
}

/// A server that knows Alice. The bits of `choice` say what it has of her and what the connection is like.
fn server_world(mechanism: &dyn Mechanism, choice: u8) -> TestServer {
    let account = Account { user: ALICE.into(), realm: "host.example.com".into() };
    let options: [(&str, &str); 1] = [("scram_iteration_counter", "1")];
    let derived = mechanism.derive_secret(&options, &account, &Secret::from(PASSWORD));
    let world = match (choice & 3, mechanism.own_secret(), derived) {
        (1, Some(property), Ok(secret)) if promises(mechanism, SecurityFlags::NO_PLAINTEXT) => {
            TestServer::with(ALICE, property, secret.expose())
        }
        (2, ..) => TestServer::with_password("bob", PASSWORD),
        _ => TestServer::with_password(ALICE, PASSWORD),
    };
    let world = world.nonce("server-nonce").option("scram_iteration_counter", "1");
    if choice & 4 == 0 { world } else { world.binding("tls-exporter", b"data") }
}

fn client_world(choice: u8) -> TestClient {
    let user = if choice & 8 == 0 { "" } else { ALICE };
    let world = TestClient::new(ALICE, user, PASSWORD).nonce("client-nonce").option("scram_minimum_iterations", "1");
    match choice & 4 {
        0 => world,
        _ => world.binding("tls-exporter", b"data").choosing(BindingChoice::Use),
    }
}

/// Whether a secret is told to somebody who did not say it first.
fn tells(said: &[u8], heard: &[u8]) -> bool {
    contains(said, PASSWORD.as_bytes()) && !contains(heard, PASSWORD.as_bytes())
}

/// A server and messages of somebody who does not know the password: it lets nobody in, and tells no secret.
pub fn server(name: &str, data: &[u8]) {
    let mechanism = mechanism(name);
    let (Some((choice, messages)), Some(mut server)) = (data.split_first(), mechanism.server()) else { return };
    let world = server_world(mechanism, *choice);
    let world = if choice & 16 == 0 { world } else { world.plus() };
    if server.begin(&ServerCx::new(&world)).is_err() {
        return;
    }
    for message in messages.split(|byte| *byte == BREAK).take(MESSAGES) {
        match server.step(&ServerCx::new(&world), message) {
            Ok(Step::Continue(challenge)) => assert!(!tells(&challenge, data), "a secret is told"),
            Ok(Step::Done(_)) => {
                assert!(name == "ANONYMOUS" || contains(data, PASSWORD.as_bytes()), "{name} lets somebody in");
                return;
            }
            Err(error) => {
                assert!(!tells(error.detail().as_bytes(), data), "a secret is told");
                return;
            }
        }
    }
}

/// A client and messages of something that does not know the password: if the mechanism promises to find that out it does,
/// and the password stays where it is.
pub fn client(name: &str, data: &[u8]) {
    let mechanism = mechanism(name);
    let (Some((choice, messages)), Some(mut client)) = (data.split_first(), mechanism.client()) else { return };
    let world = client_world(*choice);
    if client.begin(&ClientCx::new(&world)).is_err() {
        return;
    }
    let messages = messages.split(|byte| *byte == BREAK).map(Some).take(MESSAGES);
    let nothing = (choice & 32 == 0 && !speaks_second(mechanism)).then_some(None);
    for message in nothing.into_iter().chain(messages) {
        let response = match client.step(&ClientCx::new(&world), message) {
            Ok(ClientStep::Continue(response)) => response,
            Ok(ClientStep::Done { response, .. }) => {
                let deceived = promises(mechanism, SecurityFlags::MUTUAL_AUTH);
                assert!(!deceived, "{name} takes anything for its server");
                let told = tells(response.as_deref().unwrap_or_default(), data);
                assert!(!told || !promises(mechanism, SecurityFlags::NO_PLAINTEXT), "{name} tells the password");
                return;
            }
            Err(_) => return,
        };
        let told = tells(response.as_deref().unwrap_or_default(), data);
        assert!(!told || !promises(mechanism, SecurityFlags::NO_PLAINTEXT), "{name} tells the password");
    }
}

type Layer = Option<Box<dyn SecurityLayer>>;

/// Both sides know the password, and somebody in between changes what passes as the bytes say: who succeeds is Alice, and a
/// client that was to make sure of its server has talked to one that let it in.
pub fn exchange(data: &[u8]) {
    let [which, choice, edits @ ..] = data else { return };
    let name = TWO_SIDED[usize::from(*which) % TWO_SIDED.len()];
    let mechanism = mechanism(name);
    let (Some(mut server), Some(mut client)) = (mechanism.server(), mechanism.client()) else { return };
    let (server_world, client_world) = (server_world(mechanism, choice & !2), client_world(*choice));
    let (server_cx, client_cx) = (ServerCx::new(&server_world), ClientCx::new(&client_world));
    if server.begin(&server_cx).is_err() || client.begin(&client_cx).is_err() {
        return;
    }
    let mut wire = Wire { edits, earlier: Vec::new(), honest: true };
    let (mut from_server, mut server_layer, mut client_layer): (Option<Vec<u8>>, Option<Layer>, Option<Layer>) =
        (None, None, None);
    let server_first = speaks_second(mechanism);
    for turn in 0..MESSAGES {
        if client_layer.is_none() && !(turn == 0 && server_first) {
            match client.step(&client_cx, from_server.as_deref()) {
                Ok(ClientStep::Continue(response)) => from_server = response,
                Ok(ClientStep::Done { response, layer }) => {
                    let mutual = promises(mechanism, SecurityFlags::MUTUAL_AUTH);
                    assert!(!mutual || server_layer.is_some(), "{name}: the client takes anything for its server");
                    (from_server, client_layer) = (response, Some(layer));
                }
                Err(error) => {
                    assert!(!wire.honest, "{name}: {error}");
                    return;
                }
            }
        }
        if server_layer.is_some() {
            break;
        }
        let message = wire.pass(from_server.take().unwrap_or_default());
        match server.step(&server_cx, &message) {
            Ok(Step::Continue(challenge)) => from_server = Some(wire.pass(challenge)),
            Ok(Step::Done(outcome)) => {
                let identity = server_world.identity_text();
                let bound = promises(mechanism, SecurityFlags::NO_PLAINTEXT.and(SecurityFlags::NO_ANONYMOUS));
                assert!(!bound || identity == (ALICE.into(), ALICE.into()), "{name} lets {identity:?} in");
                from_server = outcome.data.map(|data| wire.pass(data));
                server_layer = Some(outcome.layer);
            }
            Err(error) => {
                assert!(!wire.honest, "{name}: {error}");
                return;
            }
        }
    }
    let (Some(server_layer), Some(client_layer)) = (server_layer, client_layer) else {
        assert!(!wire.honest, "{name}: nobody changed anything, and it does not end");
        return;
    };
    let (Some(mut server_layer), Some(mut client_layer)) = (server_layer, client_layer) else { return };
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    let text = b"what is protected";
    client_layer.encode(text, &mut sealed).unwrap_or_else(|error| panic!("{name}: {error}"));
    let result = server_layer.decode(&sealed, &mut opened);
    assert!(!wire.honest || result.is_ok(), "{name}: {result:?}");
    assert!(result.is_err() || opened == text, "{name}: something else comes out");
}

/// What lies between the two sides.
struct Wire<'a> {
    edits: &'a [u8],
    earlier: Vec<Vec<u8>>,
    honest: bool,
}

impl Wire<'_> {
    /// A message as it arrives: three bytes of the input say what is done to it, if anything.
    fn pass(&mut self, message: Vec<u8>) -> Vec<u8> {
        let [what, at, byte, rest @ ..] = self.edits else { return message };
        self.edits = rest;
        let at = usize::from(*at).min(message.len());
        let mut arriving = message.clone();
        match what % 8 {
            2 => arriving.iter_mut().skip(at).take(1).for_each(|to| *to = *byte),
            3 => arriving.insert(at, *byte),
            4 => arriving.truncate(at),
            5 => drop(arriving.drain(at..at.saturating_add(usize::from(*byte)).min(message.len()))),
            6 => arriving = self.earlier.get(usize::from(*byte)).cloned().unwrap_or(arriving),
            7 => {
                let text = arriving.get(at..).unwrap_or_default().to_vec();
                arriving.extend(text);
            }
            _ => {}
        }
        self.honest &= arriving == message;
        self.earlier.push(message);
        arriving
    }
}
