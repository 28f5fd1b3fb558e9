//! Values in filters (RFC 4515) and names of entries (RFC 4514).

use std::fmt::Write as _;

/// A value as a filter or a name can have it at any place: every byte but letters and digits is a backslash and two hexadecimal
/// digits, which both forms take for that very byte.
pub(crate) fn escaped(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\{byte:02X}");
        }
    }
    text
}

/// The value that the last part of an entry's own name has for an attribute (RFC 4514): `tim` of `uid=tim,ou=people`. None
/// when it is about other attributes, or its value is written in another form than as text.
pub(crate) fn own_value(name: &str, attribute: &str) -> Option<Vec<u8>> {
    let mut rest = name;
    loop {
        let (kind, value) = rest.split_once('=')?;
        let (value, end) = value_at(value)?;
        if kind.trim().eq_ignore_ascii_case(attribute) {
            return value;
        }
        // Several attributes make one part of the name.
        rest = end.strip_prefix('+')?;
    }
}

/// The value that a text begins with, and what follows it. No value for one that is written as bytes of BER.
fn value_at(text: &str) -> Option<(Option<Vec<u8>>, &str)> {
    let mut value = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let after = rest.get(next.len_utf8()..)?;
        match next {
            ',' | ';' | '+' => break,
            '\\' => {
                let pair = after.get(..2).filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
                if let Some(byte) = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
                    value.push(byte);
                    rest = after.get(2..)?;
                } else {
                    let one = after.chars().next()?;
                    value.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = after.get(one.len_utf8()..)?;
                }
            }
            _ => {
                value.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
            }
        }
    }
    Some((Some(value).filter(|_| !text.starts_with('#')), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a filter or a name makes of a text (RFC 4515 section 3, RFC 4514 section 2.4): the pairs become bytes.
    fn read(text: &str) -> Vec<u8> {
        value_at(text).unwrap().0.unwrap()
    }

    #[test]
    fn every_byte_comes_back_and_none_means_anything() {
        let all: Vec<u8> = (0..=255).collect();
        let mut values: Vec<Vec<u8>> = all.iter().map(|byte| vec![*byte]).collect();
        values.extend(all.iter().map(|byte| vec![*byte, b'a', *byte]));
        values.push(all);
        values.push(vec![b'('; 65536]);
        for value in values {
            let text = escaped(&value);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'\\'), "{text}");
            assert_eq!(read(&text), value);
            assert_eq!(own_value(&format!("uid={text},ou=people"), "UID").unwrap(), value);
        }
        assert_eq!(escaped(b"a*)(b\0"), r"a\2A\29\28b\00");
    }

    #[test]
    fn the_own_name_is_read() {
        for (name, attribute, value) in [
            ("uid=tim,ou=people", "uid", Some("tim")),
            ("UID=Tim", "uid", Some("Tim")),
            (r"cn=a\,b\2Cc,uid=x", "cn", Some("a,b,c")),
            ("cn=a+uid=tim,o=x", "uid", Some("tim")),
            ("cn=a,uid=tim", "uid", None),
            ("uid=#04024869,o=x", "uid", None),
            (r"uid=\C4\8D", "uid", Some("č")),
            (r"uid=\", "uid", None),
            ("", "uid", None),
        ] {
            assert_eq!(own_value(name, attribute).as_deref(), value.map(str::as_bytes), "{name}");
        }
    }
}
