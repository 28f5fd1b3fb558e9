//! Names of a database as they are shown: nothing that one holds can pass for another line, or move a terminal's cursor.

use std::fmt::Write as _;

/// The bytes, with control characters as `\x` and two hexadecimal digits each byte. What is not UTF-8 is shown so too.
#[must_use]
pub fn shown(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                escape(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A string takes all.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are_unless_they_play_tricks() {
        assert_eq!(shown(b"jephe"), "jephe");
        assert_eq!(shown("J\u{fc}rgen \\ x".as_bytes()), "J\u{fc}rgen \\ x");
        assert_eq!(shown(b"a\nuser: root\x1b[2J"), "a\\x0auser: root\\x1b[2J");
        assert_eq!(shown("a\u{9b}b".as_bytes()), "a\\xc2\\x9bb");
        assert_eq!(shown(b"J\xfcrgen"), "J\\xfcrgen");
    }
}
