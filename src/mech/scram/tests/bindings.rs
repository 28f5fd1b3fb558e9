//! Channel bindings, and flags that somebody has changed.

use super::*;

#[test]
fn the_channel_is_bound() {
    let client = || client_of("alice", "secret").binding("tls-exporter", b"data").choosing(BindingChoice::Use);
    let server = |data| alice().binding("tls-exporter", data).plus();
    let bound = server(b"data");
    let [first, _, proof, _] = talk(&SHA256, &client(), &bound).unwrap();
    assert!(first.starts_with(b"p=tls-exporter,,n=alice,r="));
    let sent = format!("c={},", b64::encode(b"p=tls-exporter,,data"));
    assert!(proof.starts_with(sent.as_bytes()));
    assert!(bound.binding_used.get());
    for data in [&b"Data"[..], b"dat", b"data\0", b"dataa"] {
        let error = talk(&SHA256, &client(), &server(data));
        assert_error(error, Code::BadProt, "Channel bindings mismatch in SCRAM-SHA-256", &data);
    }
    let (none, other) = (alice(), alice().binding("tls-unique", b"data"));
    assert_eq!(talk(&SHA256, &client(), &none).unwrap_err().code(), Code::BadBinding);
    assert_eq!(talk(&SHA256, &client(), &other).unwrap_err().code(), Code::BadBinding);
    assert_eq!(talk(&SHA256, &client(), &server(b"")).unwrap_err().code(), Code::BadBinding);
}

/// CVE-2026-53712 and its kind: an empty binding is none.
#[test]
fn the_client_never_uses_an_empty_binding() {
    let choosing = || client_of("alice", "secret").choosing(BindingChoice::Use);
    for (world, code) in [
        (choosing(), Code::BadBinding),
        (choosing().binding("tls-unique", b""), Code::BadBinding),
        (choosing().binding("tls,unique", b"x"), Code::BadParam),
    ] {
        assert_eq!(given(&world, &[]).unwrap_err().code(), code);
    }
}

/// A flag that says something else than the client chose is somebody else's.
#[test]
fn a_downgrade_is_seen() {
    let with = |choice| client_of("alice", "secret").binding("tls-unique", b"x").choosing(choice);
    let server = || alice().binding("tls-unique", b"x");
    talk(&SHA1, &with(BindingChoice::None), &server()).unwrap();
    assert_eq!(talk(&SHA1, &with(BindingChoice::None), &server().plus()).unwrap_err().code(), Code::BadProt);
    assert_eq!(talk(&SHA1, &with(BindingChoice::ServerLacksIt), &server()).unwrap_err().code(), Code::BadAuth);
    talk(&SHA1, &with(BindingChoice::ServerLacksIt), &alice()).unwrap();
    talk(&SHA1, &with(BindingChoice::Use), &server()).unwrap();
    // The header that was said first is in the proof: n made of y is not y.
    let server = alice();
    let mut s = SHA1.server().unwrap();
    let mut c = SHA1.client().unwrap();
    let client = with(BindingChoice::ServerLacksIt);
    let mut first = ask_client(c.as_mut(), &client, None).unwrap();
    first[0] = b'n';
    let challenge = respond(s.as_mut(), &server, &first).unwrap();
    let proof = ask_client(c.as_mut(), &client, Some(&challenge)).unwrap();
    assert_eq!(respond(s.as_mut(), &server, &proof).unwrap_err().code(), Code::BadProt);
}
