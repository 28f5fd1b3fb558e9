//! The header and the framing of GS2 on any bytes.

use super::{Header, parse_header, with_framing, without_framing};
use crate::chanbind::BindingFlag;
use crate::text::escape_name;

/// Reads the bytes as a client's first message, and as a token with its framing.
pub fn header(data: &[u8]) {
    if let Ok(Header { flag, authzid, text, token }) = parse_header(data) {
        assert_eq!([text, token].concat(), data, "header and token are the message");
        let mut written = match flag {
            BindingFlag::Unsupported => b"n,".to_vec(),
            BindingFlag::ServerLacksIt => b"y,".to_vec(),
            BindingFlag::Used(name) => format!("p={name},").into_bytes(),
        };
        if let Some(authzid) = authzid {
            assert!(!authzid.is_empty() && !authzid.contains(&0));
            written.extend(b"a=");
            escape_name(&authzid, &mut written);
        }
        written.push(b',');
        assert_eq!(written, text, "what is written of it is what was read");
    }
    assert_eq!(without_framing(&with_framing(data)), Some(data), "framing comes off again");
    if let Some(token) = without_framing(data) {
        assert_eq!(with_framing(token), data, "and there is one framing only");
    }
}
