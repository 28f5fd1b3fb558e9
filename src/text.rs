//! Text as SASL mechanisms write it: SASLprep, the C interface's idea of UTF-8, quoted strings.

use std::borrow::Cow;

use crate::secret::Secret;

/// A password as it is hashed: prepared (RFC 5802 section 2.2), or as it is when it has no prepared form.
#[must_use]
pub fn prepared_password(password: &[u8]) -> Secret {
    match saslprep(password) {
        Ok(Cow::Owned(prepared)) if !prepared.is_empty() => Secret::new(prepared),
        _ => Secret::from(password),
    }
}

/// Why [`saslprep`] refuses a string. It does not say which character it was: the string may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrepError {
    /// The bytes are not UTF-8 (RFC 3629).
    #[error("not valid UTF-8")]
    NotUtf8,
    /// A character is prohibited or unassigned, or right-to-left text is mixed (RFC 4013 sections 2.3 to 2.5).
    #[error("a character or mixture of scripts that SASLprep prohibits")]
    Prohibited,
}

/// Prepares a user name or password for comparison (RFC 4013): compatibility forms are normalised, some characters
/// dropped, others prohibited. Printable ASCII is returned as it is.
///
/// The result may be empty though the string was not. Characters that are younger than Unicode 3.2 count as unassigned
/// and are refused (RFC 4013 section 2.5, as for stored strings). When a password was prepared, wipe the result.
///
/// # Errors
/// [`PrepError`] when the string has no prepared form.
pub fn saslprep(text: &[u8]) -> Result<Cow<'_, [u8]>, PrepError> {
    if text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(Cow::Borrowed(text));
    }
    let text = str::from_utf8(text).map_err(|_| PrepError::NotUtf8)?;
    match stringprep::saslprep(text) {
        Ok(Cow::Borrowed(prepared)) => Ok(Cow::Borrowed(prepared.as_bytes())),
        Ok(Cow::Owned(prepared)) => Ok(Cow::Owned(prepared.into_bytes())),
        Err(_) => Err(PrepError::Prohibited),
    }
}

/// Whether the bytes pass `sasl_utf8verify`: sequences as RFC 2279 wrote them, of up to six bytes, longer than need be
/// and surrogates too. Nothing of this crate judges UTF-8 by it; [`str::from_utf8`] is strict.
///
/// A sequence that the end cuts off is refused. (Stock looks past the end of the buffer for the rest of it.)
#[must_use]
pub fn utf8verify(text: &[u8]) -> bool {
    let mut rest = text.iter();
    while let Some(lead) = rest.next() {
        let following = match lead {
            0x00..=0x7f => 0,
            0xc0..=0xdf => 1,
            0xe0..=0xef => 2,
            0xf0..=0xf7 => 3,
            0xf8..=0xfb => 4,
            0xfc..=0xfd => 5,
            _ => return false,
        };
        if rest.by_ref().take(following).filter(|byte| matches!(byte, 0x80..=0xbf)).count() != following {
            return false;
        }
    }
    true
}

/// Appends a name as a GS2 header and SCRAM have it (`saslname`, RFC 5801 section 4): its commas and equals signs escaped.
pub fn escape_name(name: &[u8], out: &mut Vec<u8>) {
    for byte in name {
        match byte {
            b',' => out.extend_from_slice(b"=2C"),
            b'=' => out.extend_from_slice(b"=3D"),
            _ => out.push(*byte),
        }
    }
}

/// The name that [`escape_name`] wrote. `None` for any other escape, and for what is not UTF-8.
#[must_use]
pub fn unescape_name(text: &[u8]) -> Option<Vec<u8>> {
    let mut pieces = text.split(|byte| *byte == b'=');
    let mut name = pieces.next()?.to_vec();
    for piece in pieces {
        let (byte, rest) = match piece {
            [b'2', b'C', rest @ ..] => (b',', rest),
            [b'3', b'D', rest @ ..] => (b'=', rest),
            _ => return None,
        };
        name.push(byte);
        name.extend_from_slice(rest);
    }
    str::from_utf8(&name).is_ok().then_some(name)
}

/// Appends a quoted string (RFC 2831 section 7.2): in double quotes, with a backslash before each `"` and `\`.
pub fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    for part in text.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
        match part {
            [plain @ .., special @ (b'"' | b'\\')] => {
                out.extend_from_slice(plain);
                out.extend_from_slice(&[b'\\', *special]);
            }
            plain => out.extend_from_slice(plain),
        }
    }
    out.push(b'"');
}

/// Reads the quoted string that `input` begins with: what it says, and what comes after it. `None` when there is no
/// opening or no closing quote.
#[must_use]
pub fn unquote(input: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let body = input.strip_prefix(b"\"")?;
    let special = body.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let (plain, rest) = body.split_at_checked(special)?;
    if let Some(rest) = rest.strip_prefix(b"\"") {
        return Some((Cow::Borrowed(plain), rest));
    }
    let mut value = plain.to_vec();
    let mut bytes = rest.iter();
    loop {
        match bytes.next()? {
            b'"' => return Some((Cow::Owned(value), bytes.as_slice())),
            b'\\' => value.push(*bytes.next()?),
            byte => value.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str) -> Result<String, PrepError> {
        saslprep(text.as_bytes()).map(|bytes| String::from_utf8(bytes.into_owned()).unwrap())
    }

    /// RFC 4013 section 3.
    #[test]
    fn saslprep_of_rfc_4013() {
        for (text, expected) in [
            ("I\u{ad}X", Ok("IX")),
            ("user", Ok("user")),
            ("USER", Ok("USER")),
            ("\u{aa}", Ok("a")),
            ("\u{2168}", Ok("IX")),
            ("\u{7}", Err(PrepError::Prohibited)),
            ("\u{627}\u{31}", Err(PrepError::Prohibited)),
        ] {
            assert_eq!(prepared(text), expected.map(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn saslprep_edges() {
        assert!(matches!(saslprep(b""), Ok(Cow::Borrowed(b""))));
        assert!(matches!(saslprep(b" ~pencil\\"), Ok(Cow::Borrowed(b" ~pencil\\"))));
        assert_eq!(prepared("\u{ad}").unwrap(), "");
        assert_eq!(prepared("a\u{a0}b").unwrap(), "a b");
        assert_eq!(prepared("\u{627}\u{31}\u{628}").unwrap(), "\u{627}\u{31}\u{628}");
        for refused in ["\u{7f}", "a\0b", "\n", "\u{e000}", "\u{1f600}", "\u{221}", "a\u{627}"] {
            assert_eq!(prepared(refused), Err(PrepError::Prohibited), "{refused:?}");
        }
        for bytes in [&b"\xe4"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
            assert_eq!(saslprep(bytes), Err(PrepError::NotUtf8));
        }
    }

    /// `tests/c/abi_utf8.c` says the same of the stock library.
    #[test]
    fn utf8verify_is_lenient_where_stock_is() {
        for lead in 0..=255u8 {
            let expected = match lead {
                0..0x80 => Some(0),
                0xc0..0xe0 => Some(1),
                0xe0..0xf0 => Some(2),
                0xf0..0xf8 => Some(3),
                0xf8..0xfc => Some(4),
                0xfc..0xfe => Some(5),
                _ => None,
            };
            for following in 0..7 {
                let mut text = vec![lead];
                text.resize(1 + following, 0x80);
                assert_eq!(utf8verify(&text), expected == Some(following), "{lead:x} {following}");
                text.push(b'a');
                assert_eq!(utf8verify(&text), expected == Some(following), "{lead:x} {following} a");
            }
            assert_eq!(utf8verify(&[0xc3, lead]), matches!(lead, 0x80..=0xbf));
        }
        assert!(utf8verify(b""));
        assert!(utf8verify(b"a\0b"));
        assert!(!utf8verify(b"a\0\xff"));
    }

    #[test]
    fn escapes_of_names_are_undone() {
        for (name, escaped) in [("", ""), ("a,b", "a=2Cb"), ("=", "=3D"), ("=2C,", "=3D2C=2C"), ("\u{e9}", "\u{e9}")] {
            let mut out = Vec::new();
            escape_name(name.as_bytes(), &mut out);
            assert_eq!(out, escaped.as_bytes());
            assert_eq!(unescape_name(&out).as_deref(), Some(name.as_bytes()));
        }
        for wrong in [&b"="[..], b"a=", b"=2", b"=2c", b"=3d", b"=41", b"==2C", b"a\xff", b"\xc3=2C\xa9"] {
            assert_eq!(unescape_name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn quoting_is_undone() {
        for text in [&b""[..], b"realm", b"\"", b"\\", b"a\\\"b\\", b"\xff,=\r\n"] {
            let mut quoted = Vec::new();
            quote(text, &mut quoted);
            quoted.extend(b",nc=1");
            let (value, rest) = unquote(&quoted).unwrap();
            assert_eq!(&*value, text);
            assert_eq!(rest, b",nc=1");
        }
        let mut quoted = Vec::new();
        quote(b"a\"b\\c", &mut quoted);
        assert_eq!(quoted, br#""a\"b\\c""#);
    }

    #[test]
    fn cut_quotes_are_refused() {
        for text in ["", "a\"", "\"", "\"abc", "\"abc\\", "\"abc\\\"", "\"a\\\\\\\""] {
            assert_eq!(unquote(text.as_bytes()), None, "{text:?}");
        }
        assert!(matches!(unquote(b"\"plain\""), Some((Cow::Borrowed(b"plain"), b""))));
    }
}
