//! The digests of RFC 2831 section 2.1.2.1: what both sides compute to prove that they know the password.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::crypto::{MD5_LEN, hex_pairs, md5, to_hex};

/// A key of 16 bytes, wiped when dropped.
pub type Key = Zeroizing<[u8; MD5_LEN]>;

/// `H(username ":" realm ":" password)`, which databases keep in the place of the password.
pub fn user_key(username: &[u8], realm: &[u8], password: &[u8]) -> Key {
    Zeroizing::new(md5(&[username, b":", realm, b":", password]))
}

/// `H(A1)`: the key of one authentication, from which those of its layer are derived.
pub fn session_key(user_key: &Key, nonce: &[u8], cnonce: &[u8], authzid: Option<&[u8]>) -> Key {
    let (colon, authzid): (&[u8], &[u8]) = authzid.map_or((b"", b""), |authzid| (b":", authzid));
    Zeroizing::new(md5(&[&user_key[..], b":", nonce, b":", cnonce, colon, authzid]))
}

/// What a digest is over, besides the key.
pub struct Signed<'a> {
    pub nonce: &'a [u8],
    pub cnonce: &'a [u8],
    pub nc: u32,
    /// As it was sent.
    pub qop: &'a [u8],
    pub uri: &'a [u8],
    /// Whether the qop is one with a layer.
    pub layer: bool,
}

impl Signed<'_> {
    /// The client's proof, in hexadecimal.
    pub fn response(&self, key: &Key) -> String {
        self.digest(key, b"AUTHENTICATE:")
    }

    /// The server's.
    pub fn rspauth(&self, key: &Key) -> String {
        self.digest(key, b":")
    }

    fn digest(&self, key: &Key, method: &[u8]) -> String {
        let no_body: &[u8] = if self.layer { b":00000000000000000000000000000000" } else { b"" };
        let a2 = hex_pairs(&md5(&[method, self.uri, no_body]));
        let key = Zeroizing::new(hex_pairs(key));
        let nc = hex_pairs(&self.nc.to_be_bytes());
        let colon = b":";
        to_hex(&md5(&[
            key.as_flattened(),
            colon,
            self.nonce,
            colon,
            nc.as_flattened(),
            colon,
            self.cnonce,
            colon,
            self.qop,
            colon,
            a2.as_flattened(),
        ]))
    }
}

/// A name or password as it is hashed: in ISO 8859-1 if it is UTF-8 that fits into that, else as it is (RFC 2831
/// section 2.1.2.1).
pub fn to_latin1(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let latin1 = str::from_utf8(text).ok().and_then(|text| text.chars().map(|c| u8::try_from(c).ok()).collect());
    latin1.map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2831 section 4, the IMAP and the ACAP exchange.
    #[test]
    fn digests_of_rfc_2831() {
        let imap = (
            &b"OA6MG9tEQGm2hh"[..],
            &b"OA6MHXh6VqTrRk"[..],
            &b"imap/elwood.innosoft.com"[..],
            "d388dad90d4bbd760a152321f2143af7",
            "ea40f60335c427b5527b84dbabcdfffd",
        );
        let acap = (
            &b"OA9BSXrbuRhWay"[..],
            &b"OA9BSuZWMSpW8m"[..],
            &b"acap/elwood.innosoft.com"[..],
            "6084c6db3fede7352c551284490fd0fc",
            "2f0b3d7c3c2e486600ef710726aa2eae",
        );
        for (nonce, cnonce, uri, response, rspauth) in [imap, acap] {
            let key = session_key(&user_key(b"chris", b"elwood.innosoft.com", b"secret"), nonce, cnonce, None);
            let signed = Signed { nonce, cnonce, nc: 1, qop: b"auth", uri, layer: false };
            assert_eq!(signed.response(&key), response);
            assert_eq!(signed.rspauth(&key), rspauth);
        }
    }

    #[test]
    fn latin1_where_it_fits() {
        assert_eq!(&*to_latin1("M\u{fc}ller".as_bytes()), b"M\xfcller");
        assert_eq!(&*to_latin1("\u{ff}".as_bytes()), b"\xff");
        for same in [&b"plain"[..], "\u{100}".as_bytes(), "\u{fc}\u{20ac}".as_bytes(), b"M\xfcller", b""] {
            assert_eq!(&*to_latin1(same), same);
        }
    }
}
