//! The directives of RFC 2831 section 7.1, and the challenge and the response that are made of them.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::layer::Cipher;
use super::{MAX_CHALLENGE, MAX_MAXBUF, MAX_RESPONSE, MIN_MAXBUF, Offer, Protection};
use crate::crypto::hex_pairs;
use crate::error::{Code, Error, Result};
use crate::text::{quote, unquote};

/// A directive's value, without quotes.
type Value<'a> = Cow<'a, [u8]>;

/// The directives of a message, in their order. Empty ones are skipped, and a NUL at the end, which old programs send.
pub fn directives(message: &[u8]) -> Result<Vec<(&[u8], Value<'_>)>> {
    let error = || Error::bad_auth("Parse error");
    let end = message.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut rest = message.get(..end).unwrap_or_default();
    if rest.contains(&0) {
        return Err(error());
    }
    let mut found = Vec::new();
    loop {
        rest = skip(rest, |byte| is_blank(byte) || byte == b',');
        if rest.is_empty() {
            return Ok(found);
        }
        let (name, after) = split(rest, |byte| is_blank(byte) || matches!(byte, b'=' | b','));
        let after = skip(after, is_blank).strip_prefix(b"=").ok_or_else(error)?;
        let after = skip(after, is_blank);
        let (value, after) = if after.starts_with(b"\"") {
            unquote(after).ok_or_else(error)?
        } else {
            let (token, after) = split(after, |byte| is_blank(byte) || byte == b',');
            (Cow::Borrowed(token), after)
        };
        rest = skip(after, is_blank);
        if !rest.is_empty() && !rest.starts_with(b",") {
            return Err(error());
        }
        found.push((name, value));
    }
}

/// The directives that mean something.
const KNOWN: [&[u8]; 13] = [
    b"algorithm",
    b"authzid",
    b"charset",
    b"cipher",
    b"cnonce",
    b"digest-uri",
    b"maxbuf",
    b"nc",
    b"nonce",
    b"qop",
    b"realm",
    b"response",
    b"username",
];

/// The name of a directive, which is written in any case, as it stands in [`KNOWN`]; nothing for one that does not.
fn known(name: &[u8]) -> &'static [u8] {
    KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or_default()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn split(text: &[u8], stop: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let at = text.iter().position(|byte| stop(*byte)).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, b""))
}

fn skip(text: &[u8], what: impl Fn(u8) -> bool) -> &[u8] {
    split(text, |byte| !what(byte)).1
}

/// The words of a list such as that of `qop`.
fn words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| is_blank(*byte) || *byte == b',').filter(|word| !word.is_empty())
}

fn set<'a>(slot: &mut Option<Value<'a>>, value: Value<'a>, name: &str) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(duplicate(name)),
    }
}

fn duplicate(name: &str) -> Error {
    Error::fail(format!("duplicate {name}: authentication aborted"))
}

fn number(value: &[u8]) -> Option<u32> {
    let digits = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    match digits.parse() {
        Ok(number) => Some(number),
        // Nothing but digits, and at least one: too many of them.
        Err(_) if !digits.is_empty() => Some(u32::MAX),
        Err(_) => None,
    }
}

/// What a server announces (RFC 2831 section 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    pub nonce: Vec<u8>,
    pub realms: Vec<Vec<u8>>,
    pub auth: bool,
    pub integrity: bool,
    pub privacy: bool,
    pub ciphers: Vec<Cipher>,
    pub maxbuf: Option<u32>,
    pub utf8: bool,
}

impl Challenge {
    /// Reads a challenge.
    pub fn parse(message: &[u8]) -> Result<Self> {
        if message.is_empty() {
            return Err(Error::fail("no server challenge"));
        }
        if message.len() > MAX_CHALLENGE {
            return Err(Code::BadProt.into());
        }
        let mut challenge = Challenge::default();
        let (mut nonce, mut qop, mut cipher, mut charset, mut algorithm) = (None, None, None, None, None);
        for (name, value) in directives(message)? {
            match known(name) {
                b"realm" => challenge.realms.push(value.into_owned()),
                b"nonce" => set(&mut nonce, value, "nonce")?,
                b"qop" => set(&mut qop, value, "qop")?,
                b"cipher" => set(&mut cipher, value, "cipher")?,
                b"charset" => set(&mut charset, value, "charset")?,
                b"maxbuf" if challenge.maxbuf.is_some() => {
                    return Err(Error::bad_auth("At least two maxbuf directives found. Authentication aborted"));
                }
                b"maxbuf" => challenge.maxbuf = Some(announced_maxbuf(&value)?),
                b"algorithm" if algorithm.is_some() => return Err(Error::fail("Must see 'algorithm' only once")),
                b"algorithm" => algorithm = Some(value),
                _ => {}
            }
        }
        match algorithm {
            None => return Err(Error::fail("Must see 'algorithm' once. Didn't see at all")),
            Some(name) if !name.eq_ignore_ascii_case(b"md5-sess") => {
                return Err(Error::fail("'algorithm' isn't 'md5-sess'"));
            }
            Some(_) => {}
        }
        challenge.nonce = nonce.ok_or_else(|| Error::fail("Don't have nonce."))?.into_owned();
        if let Some(charset) = charset {
            if !charset.eq_ignore_ascii_case(b"utf-8") {
                return Err(Error::bad_auth("Charset must be UTF-8"));
            }
            challenge.utf8 = true;
        }
        let has = |what: &str| {
            qop.as_ref().map_or(what == "auth", |qop| words(qop).any(|word| word.eq_ignore_ascii_case(what.as_bytes())))
        };
        (challenge.auth, challenge.integrity, challenge.privacy) = (has("auth"), has("auth-int"), has("auth-conf"));
        if !(challenge.auth || challenge.integrity || challenge.privacy) {
            return Err(Error::bad_auth("Server doesn't support any known qop level"));
        }
        challenge.ciphers = words(&cipher.unwrap_or_default()).filter_map(Cipher::named).collect();
        Ok(challenge)
    }

    /// Writes one. An empty realm is none to offer.
    pub fn write(offer: &Offer, nonce: &str, realm: &[u8], stale: bool, maxbuf: u32) -> Vec<u8> {
        let ciphers: Vec<_> = offer.ciphers().map(Cipher::name).collect();
        let mut qops = Vec::new();
        qops.extend(offer.takes(Protection::None).then_some("auth"));
        qops.extend(offer.takes(Protection::Integrity).then_some("auth-int"));
        qops.extend((!ciphers.is_empty()).then_some("auth-conf"));
        let mut out = format!("nonce=\"{nonce}\"").into_bytes();
        if !realm.is_empty() {
            out.extend(b",realm=");
            quote(realm, &mut out);
        }
        let mut tail = format!(",qop=\"{}\"", qops.join(","));
        if !ciphers.is_empty() {
            let _ = write!(tail, ",cipher=\"{}\"", ciphers.join(","));
        }
        if stale {
            tail.push_str(",stale=true");
        }
        if maxbuf != 0 {
            let _ = write!(tail, ",maxbuf={}", maxbuf.min(MAX_MAXBUF));
        }
        tail.push_str(",charset=utf-8,algorithm=md5-sess");
        out.extend(tail.bytes());
        out
    }
}

fn announced_maxbuf(value: &[u8]) -> Result<u32> {
    let wrong = |why: &str| Error::bad_auth(format!("Invalid maxbuf parameter received from server{why}"));
    match number(value).ok_or_else(|| wrong(""))? {
        small @ ..=MIN_MAXBUF => Err(wrong(&format!(" (too small: {small})"))),
        big if big > MAX_MAXBUF => Err(wrong(&format!(" (too big: {})", value.escape_ascii()))),
        fine => Ok(fine),
    }
}

/// What a client answers (RFC 2831 section 2.1.2).
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'a> {
    pub username: Value<'a>,
    pub realm: Option<Value<'a>>,
    pub authzid: Option<Value<'a>>,
    pub nonce: Value<'a>,
    pub cnonce: Value<'a>,
    pub nc: u32,
    pub qop: Option<Value<'a>>,
    pub cipher: Option<Value<'a>>,
    pub maxbuf: Option<u32>,
    pub uri: Value<'a>,
    pub digest: Value<'a>,
    /// Whether the names are said to be UTF-8. A server of ours looks at the bytes instead.
    pub utf8: bool,
}

impl<'a> Response<'a> {
    /// Reads a response.
    pub fn parse(message: &'a [u8]) -> Result<Self> {
        if message.is_empty() {
            return Err(Error::bad_auth("input expected in DIGEST-MD5, step 2"));
        }
        if message.len() > MAX_RESPONSE {
            return Err(Code::BadProt.into());
        }
        let (mut username, mut realm, mut authzid, mut nonce, mut cnonce) = (None, None, None, None, None);
        let (mut nc, mut qop, mut cipher, mut maxbuf, mut uri) = (None, None, None, None, None);
        let (mut digest, mut charset) = (None, None);
        for (name, value) in directives(message)? {
            match known(name) {
                b"username" => set(&mut username, value, "username")?,
                b"realm" => set(&mut realm, value, "realm")?,
                b"authzid" => set(&mut authzid, value, "authzid")?,
                b"nonce" => set(&mut nonce, value, "nonce")?,
                b"cnonce" => set(&mut cnonce, value, "cnonce")?,
                b"nc" if nc.is_some() => return Err(duplicate("nc")),
                b"nc" => nc = Some(count(&value)?),
                b"qop" => set(&mut qop, value, "qop")?,
                b"cipher" => set(&mut cipher, value, "cipher")?,
                b"maxbuf" if maxbuf.is_some() => {
                    return Err(Error::bad_auth("duplicate maxbuf: authentication aborted"));
                }
                b"maxbuf" => maxbuf = Some(client_maxbuf(&value)?),
                b"digest-uri" => set(&mut uri, value, "digest-uri")?,
                b"response" => set(&mut digest, value, "response")?,
                b"charset" if !value.eq_ignore_ascii_case(b"utf-8") => {
                    return Err(Error::fail("client doesn't support UTF-8"));
                }
                b"charset" => set(&mut charset, value, "charset")?,
                _ => {}
            }
        }
        let mut missing = Vec::new();
        let mut note = |absent: bool, name| missing.extend(absent.then_some(name));
        note(username.is_none(), "username");
        note(nonce.is_none(), "nonce");
        note(nc.unwrap_or_default() == 0, "nc");
        note(cnonce.is_none(), "cnonce");
        note(uri.is_none(), "digest-uri");
        note(digest.is_none(), "response");
        match (username, nonce, nc, cnonce, uri, digest) {
            (Some(username), Some(nonce), Some(nc @ 1..), Some(cnonce), Some(uri), Some(digest)) => {
                let utf8 = charset.is_some();
                Ok(Response { username, realm, authzid, nonce, cnonce, nc, qop, cipher, maxbuf, uri, digest, utf8 })
            }
            _ => Err(Error::bad_auth(format!("required parameters missing: {}", missing.join(", ")))),
        }
    }

    /// Writes it.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(400);
        let quoted = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            quote(value, out);
        };
        let plain = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(value);
        };
        if self.utf8 {
            plain(&mut out, "charset=utf-8", b",");
        }
        quoted(&mut out, "username=", &self.username);
        if let Some(realm) = &self.realm {
            quoted(&mut out, ",realm=", realm);
        }
        if let Some(authzid) = &self.authzid {
            quoted(&mut out, ",authzid=", authzid);
        }
        quoted(&mut out, ",nonce=", &self.nonce);
        quoted(&mut out, ",cnonce=", &self.cnonce);
        plain(&mut out, ",nc=", hex_pairs(&self.nc.to_be_bytes()).as_flattened());
        if let Some(qop) = &self.qop {
            plain(&mut out, ",qop=", qop);
        }
        if let Some(cipher) = &self.cipher {
            plain(&mut out, ",cipher=", cipher);
        }
        if let Some(maxbuf) = self.maxbuf {
            plain(&mut out, ",maxbuf=", maxbuf.min(MAX_MAXBUF).to_string().as_bytes());
        }
        quoted(&mut out, ",digest-uri=", &self.uri);
        plain(&mut out, ",response=", &self.digest);
        out
    }

    /// The qop, and whether it may be chosen.
    pub fn protection(&self, offer: &Offer) -> Result<Protection> {
        let qop = self.qop.as_deref().unwrap_or(b"auth");
        if qop.eq_ignore_ascii_case(b"auth-conf") {
            let cipher = self.cipher.as_deref().and_then(Cipher::named).map(Protection::Privacy);
            let cipher = cipher.filter(|cipher| offer.takes(*cipher));
            return cipher.ok_or_else(|| Error::fail("client requested invalid cipher"));
        }
        [Protection::None, Protection::Integrity]
            .into_iter()
            .find(|known| qop.eq_ignore_ascii_case(known.name().as_bytes()) && offer.takes(*known))
            .ok_or_else(|| Error::fail("protocol violation: client requested invalid qop"))
    }
}

/// The value of `nc`: hexadecimal, commonly eight digits of it.
fn count(value: &[u8]) -> Result<u32> {
    str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|text| u32::from_str_radix(text, 16).ok())
        .ok_or_else(|| Error::bad_auth("error converting hex to int"))
}

fn client_maxbuf(value: &[u8]) -> Result<u32> {
    match number(value).ok_or_else(|| Error::bad_auth("invalid maxbuf parameter"))? {
        ..=MIN_MAXBUF => Err(Error::bad_auth("maxbuf parameter too small")),
        fine @ ..=MAX_MAXBUF => Ok(fine),
        _ => Err(Error::bad_auth("maxbuf parameter too big")),
    }
}

/// The value of `rspauth` in the server's last message. `None` when that message is something else.
pub fn rspauth(message: &[u8]) -> Result<Option<Value<'_>>> {
    let garbage = |_| Error::bad_auth("DIGEST-MD5 Received Garbage");
    let found = directives(message).map_err(garbage)?;
    Ok(found.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(b"rspauth")).map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(message: &str) -> Result<Vec<(String, String)>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(directives(message.as_bytes())?.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[test]
    fn directives_as_they_are_written() {
        let one = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        for (message, expected) in [
            ("a=b", one("a", "b")),
            ("a=\"b\"", one("a", "b")),
            (" \t,, a = \"b\" ,\r\n ,", one("a", "b")),
            ("a=b,\0\0", one("a", "b")),
            ("a=\"\"", one("a", "")),
            ("a=", one("a", "")),
            ("=", one("", "")),
            ("a=b=c", one("a", "b=c")),
            ("a=\"b\\\"c\\\\d\\e,f=g\"", one("a", "b\"c\\de,f=g")),
            ("", vec![]),
            (",\0", vec![]),
        ] {
            assert_eq!(parsed(message).unwrap(), expected, "{message:?}");
        }
        assert_eq!(parsed("a=b,c=\"d\",a=e").unwrap().len(), 3);
    }

    #[test]
    fn malformed_directives() {
        for message in
            ["a", "a,b=c", "a=\"b", "a=\"b\\\"", "a=\"b\"c", "a=b c", "a b=c", "a=b\0,c=d", "\"a\"", "a=\"b\" \"c\""]
        {
            let error = directives(message.as_bytes()).unwrap_err();
            assert_eq!((error.code(), error.detail()), (Code::BadAuth, "Parse error"), "{message:?}");
        }
    }

    /// RFC 2831 section 4: the challenge and the response of its IMAP example.
    #[test]
    fn messages_of_rfc_2831() {
        let challenge = Challenge::parse(
            b"realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",algorithm=md5-sess,charset=utf-8",
        );
        let expected = Challenge {
            nonce: b"OA6MG9tEQGm2hh".to_vec(),
            realms: vec![b"elwood.innosoft.com".to_vec()],
            auth: true,
            utf8: true,
            ..Challenge::default()
        };
        assert_eq!(challenge.unwrap(), expected);
        let response = Response::parse(
            b"charset=utf-8,username=\"chris\",realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",nc=00000001,\
              cnonce=\"OA6MHXh6VqTrRk\",digest-uri=\"imap/elwood.innosoft.com\",\
              response=d388dad90d4bbd760a152321f2143af7,qop=auth",
        )
        .unwrap();
        assert_eq!((&*response.username, response.nc, response.qop.as_deref()), (&b"chris"[..], 1, Some(&b"auth"[..])));
        assert_eq!((&*response.uri, response.utf8), (&b"imap/elwood.innosoft.com"[..], true));
        assert_eq!(&*response.digest, b"d388dad90d4bbd760a152321f2143af7");
        // What is written is read as it was.
        assert_eq!(Response::parse(&response.write()).unwrap(), response);
        assert_eq!(rspauth(b"rspauth=ea40f60335c427b5527b84dbabcdfffd").unwrap().unwrap().len(), 32);
    }

    /// Quotes and backslashes are escaped, whoever chose them (CVE-2026-107161 was a buffer too small for that).
    #[test]
    fn hostile_values_survive_quoting() {
        let hostile: Cow<'_, [u8]> = Cow::Owned(b"\"\\\\\",=".repeat(100));
        let none = || Cow::Borrowed(&b""[..]);
        let response = Response {
            username: hostile.clone(),
            realm: Some(hostile.clone()),
            authzid: Some(hostile.clone()),
            nonce: hostile.clone(),
            cnonce: none(),
            nc: u32::MAX,
            qop: None,
            cipher: None,
            maxbuf: None,
            uri: none(),
            digest: none(),
            utf8: false,
        };
        let written = response.write();
        assert_eq!(directives(&written).unwrap().iter().filter(|(_, value)| *value == hostile).count(), 4);
        let offer = Offer { min: 0, max: 0, weak: true };
        let challenge = Challenge::write(&offer, "N", &hostile[..100], false, 0);
        assert_eq!(Challenge::parse(&challenge).unwrap().realms, [&hostile[..100]]);
    }

    #[test]
    fn numbers() {
        for (text, expected) in
            [("0", Some(0)), ("0017", Some(17)), ("4294967296", Some(u32::MAX)), ("", None), ("+1", None), ("1k", None)]
        {
            assert_eq!(number(text.as_bytes()), expected, "{text:?}");
        }
    }
}
