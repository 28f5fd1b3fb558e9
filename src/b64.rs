//! Base64 (RFC 4648 section 4): strict for the mechanisms, and as the C interface's two functions have it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Code;

/// The bytes as base64 with padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What base64 stands for. `None` unless it is exactly what [`encode`] would have written: with its padding, without
/// line ends or other foreign characters, and with zero bits where bits are left over.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// `sasl_encode64`: writes base64 with padding and a NUL into `out`. The length without the NUL comes back in either
/// case, as stock sets its `outlen` even when the buffer is too small.
///
/// # Errors
/// [`Code::BufOver`] when `out` has no room for text and NUL; then nothing is written.
pub fn encode_c(input: &[u8], out: &mut [u8]) -> (Result<(), Code>, usize) {
    let len = input.len().div_ceil(3).saturating_mul(4);
    let Some((text, [nul, ..])) = out.split_at_mut_checked(len) else { return (Err(Code::BufOver), len) };
    *nul = 0;
    (STANDARD.encode_slice(input, text).map(drop).map_err(|_| Code::BufOver), len)
}

/// What [`decode_c`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodedC {
    /// `Ok(true)` when all was decoded; `Ok(false)`, which is `SASL_CONTINUE`, when one to three characters are left.
    pub result: Result<bool, Code>,
    /// What to set `outlen` to; where there is nothing, stock leaves it alone.
    pub len: Option<usize>,
}

/// `sasl_decode64`: writes what base64 stands for, and a NUL, into `out`, which must be longer than the decoded bytes.
///
/// Lenient where stock is: the bits that are left over before padding may be anything, and characters left over at the
/// end are not looked at. Never writes past `out`; stock does when that has no room at all.
///
/// # Errors
/// [`Code::Fail`] for input that begins with a carriage return, [`Code::BadProt`] for foreign characters, misplaced
/// padding and anything after padding, [`Code::BufOver`]; then `out` holds a part of the result.
pub fn decode_c(input: &[u8], out: &mut [u8]) -> DecodedC {
    let failed = |code, len| DecodedC { result: Err(code), len };
    if input.first() == Some(&b'\r') {
        return failed(Code::Fail, None);
    }
    let (quanta, rest) = input.as_chunks::<4>();
    let mut len = 0;
    let mut padded = false;
    for quantum in quanta {
        if padded {
            return failed(Code::BadProt, None);
        }
        let Some((bytes, count)) = decode_quantum(*quantum) else { return failed(Code::BadProt, None) };
        padded = count < bytes.len();
        for byte in bytes.into_iter().take(count) {
            match out.get_mut(len..) {
                Some([to, _, ..]) => *to = byte,
                _ => return failed(Code::BufOver, None),
            }
            len += 1;
        }
    }
    if let Some(nul) = out.get_mut(len) {
        *nul = 0;
    }
    match (padded, rest) {
        (true, [_, ..]) => failed(Code::BadProt, Some(len)),
        _ => DecodedC { result: Ok(rest.is_empty()), len: Some(len) },
    }
}

/// The bytes of four characters, and how many of them count.
fn decode_quantum(quantum: [u8; 4]) -> Option<([u8; 3], usize)> {
    let value = |character: u8| match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (third, fourth, count) = match quantum {
        [_, _, b'=', b'='] => (0, 0, 1),
        [_, _, third, b'='] => (value(third)?, 0, 2),
        [_, _, third, fourth] => (value(third)?, value(fourth)?, 3),
    };
    let [first, second] = [value(quantum[0])?, value(quantum[1])?];
    Some(([first << 2 | second >> 4, second << 4 | third >> 2, third << 6 | fourth], count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{from_hex, to_hex};

    /// RFC 4648 section 10.
    const VECTORS: [(&str, &str); 7] = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];

    #[test]
    fn vectors_of_rfc_4648() {
        for (plain, text) in VECTORS {
            assert_eq!(encode(plain.as_bytes()), text);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn mechanisms_take_nothing_else() {
        for text in ["Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v=", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm-_", "====", "="]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    /// What `tests/c/abi_base64.c` printed on the stock library, line by line.
    #[test]
    fn the_c_functions_answer_as_stock() {
        let mut lines = 0;
        for line in include_str!("../tests/c/abi_base64.stock").lines() {
            let [function, room, input, code, len, expected] =
                <[&str; 6]>::try_from(line.split(' ').collect::<Vec<_>>()).unwrap();
            let input = from_hex(input.trim_matches('-').as_bytes()).unwrap();
            let mut out = vec![b'~'; room.parse().unwrap()];
            let (result, outlen) = match function {
                "encode" => {
                    let (result, len) = encode_c(&input, &mut out);
                    (result.map(|()| 0), Some(len))
                }
                _ => {
                    let DecodedC { result, len } = decode_c(&input, &mut out);
                    (result.map(|whole| i32::from(!whole)), len)
                }
            };
            let ours = result.unwrap_or_else(Code::number);
            assert_eq!(ours, code.parse::<i32>().unwrap(), "{line}");
            assert_eq!(outlen.map_or("-".to_owned(), |len| len.to_string()), len, "{line}");
            if ours >= 0 {
                let written = outlen.map_or(0, |len| out.len().min(len + 1));
                assert_eq!(to_hex(&out[..written]), expected.trim_matches('-'), "{line}");
                assert!(out[written..].iter().all(|byte| *byte == b'~'), "{line}");
            }
            lines += 1;
        }
        assert!(lines > 600, "{lines}");
    }

    #[test]
    fn every_byte_survives_the_c_functions() {
        let all: Vec<u8> = (0..=255).collect();
        let (mut text, mut back) = ([0; 345], [0; 257]);
        assert_eq!(encode_c(&all, &mut text), (Ok(()), 344));
        assert_eq!(decode_c(&text[..344], &mut back), DecodedC { result: Ok(true), len: Some(256) });
        assert_eq!(&back[..256], all);
        assert_eq!(back[256], 0);
    }
}
