//! The grammar of SCRAM on any bytes.

use super::grammar::{ClientFinal, ClientFirst, ServerFirst, parse_server_final};
use super::{MAX_ITERATIONS, SHA1, SHA256, SHA512};
use crate::b64;
use crate::chanbind::BindingFlag;
use crate::text::escape_name;

/// The first byte picks the mechanism, the rest is read as each of the four messages.
pub fn grammar(data: &[u8]) {
    let Some((choice, input)) = data.split_first() else { return };
    let kind = [SHA1.kind, SHA256.kind, SHA512.kind][usize::from(choice % 3)];
    if let Ok(first) = ClientFirst::parse(kind, input) {
        assert_eq!([first.header, first.bare].concat(), input, "header and rest are the message");
        let mut written = match first.flag {
            BindingFlag::Unsupported => b"n".to_vec(),
            BindingFlag::ServerLacksIt => b"y".to_vec(),
            BindingFlag::Used(name) => format!("p={name}").into_bytes(),
        };
        written.push(b',');
        match &first.authzid {
            Some(authzid) => {
                assert!(!authzid.is_empty() && str::from_utf8(authzid).is_ok());
                written.extend(b"a=");
                escape_name(authzid, &mut written);
            }
            // An empty name is taken for none.
            None if first.header.ends_with(b",a=,") => written.extend(b"a="),
            None => {}
        }
        written.extend(b",n=");
        escape_name(&first.user, &mut written);
        written.extend(b",r=");
        written.extend(first.nonce);
        assert!(input.starts_with(&written), "what is written of it is what was read");
    }
    if let Ok(first) = ServerFirst::parse(kind, input) {
        assert!(first.iterations <= MAX_ITERATIONS && !first.salt.is_empty() && !first.nonce.is_empty());
        let written = [b"r=", first.nonce, b",s=", b64::encode(&first.salt).as_bytes(), b",i="].concat();
        assert!(input.starts_with(&written), "what is written of it is what was read");
    }
    if let Ok(last) = ClientFinal::parse(kind, input) {
        let proof = b64::encode(&last.proof);
        assert_eq!([last.without_proof, b",p=", proof.as_bytes()].concat(), input, "the proof is the rest");
        let binding = b64::encode(&last.binding);
        assert!(input.starts_with(&[b"c=", binding.as_bytes(), b",r=", last.nonce].concat()));
        assert_eq!(last.proof.len(), kind.hash.len());
    }
    if let Ok(signature) = parse_server_final(kind, input) {
        assert!(input.starts_with(&[b"v=", b64::encode(&signature).as_bytes()].concat()));
    }
}
