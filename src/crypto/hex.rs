//! Lower-case hexadecimal, as CRAM-MD5 and DIGEST-MD5 write their digests.

/// The bytes as lower-case hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len().saturating_mul(2));
    bytes.iter().for_each(|byte| digits.extend(pair(*byte).map(char::from)));
    digits
}

/// As [`to_hex`], two digits for each byte, without memory of their own.
#[must_use]
pub fn hex_pairs<const N: usize>(bytes: &[u8; N]) -> [[u8; 2]; N] {
    bytes.map(pair)
}

fn pair(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|nibble| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble })
}

/// The bytes that lower-case hexadecimal digits stand for. `None` where there is anything else, upper case included,
/// or an odd number of digits.
#[must_use]
pub fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(to_hex(&all).as_bytes()).as_deref(), Some(all.as_slice()));
        assert_eq!(to_hex(&[0, 0x9a, 0xff]), "009aff");
        assert_eq!(hex_pairs(&[0, 0x9a, 0xff]).as_flattened(), b"009aff");
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in ["0", "0G", "AB", "0x", " 0", "0\n", "é"] {
            assert_eq!(from_hex(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(from_hex(b""), Some(Vec::new()));
    }
}
