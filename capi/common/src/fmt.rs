//! The format language of `sasl_seterror` and of the `log` entry of plugins. It looks like printf's but is its own:
//! `%m` takes an errno, `%z` a SASL code.

use std::ffi::c_int;

use oxisasl::Code;

/// Where the values for a format come from.
pub trait Values {
    /// The next integer.
    fn int(&mut self) -> c_int;
    /// The next string; `None` for NULL.
    fn text(&mut self) -> Option<Vec<u8>>;
}

/// Which function's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `sasl_seterror`: `%s %c %d %i %m %z %%`; `%z` does not tell that a user does not exist.
    SetError,
    /// The `log` of plugins: `%o %u %x %X` as well.
    Log,
}

/// Puts values into a format. An unknown conversion is kept as it stands and takes no value.
#[must_use]
pub fn format(format: &[u8], values: &mut dyn Values, dialect: Dialect) -> String {
    let mut out = Vec::with_capacity(format.len() + 32);
    let mut rest = format.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        // Flags and widths count for numbers; for strings they are passed over.
        let mut skipped = Vec::new();
        let conversion = loop {
            match rest.next() {
                Some(byte @ (b'0'..=b'9' | b'.' | b'-' | b'+' | b' ' | b'#' | b'l' | b'h')) => skipped.push(byte),
                other => break other,
            }
        };
        match (conversion, dialect) {
            (Some(b'%'), _) => out.push(b'%'),
            (Some(b's'), _) => out.extend(values.text().unwrap_or_else(|| b"(null)".to_vec())),
            (Some(b'c'), _) => out.extend(u8::try_from(values.int() & 0xff)),
            (Some(b'd' | b'i'), _) => out.extend(padded(&skipped, values.int().to_string())),
            (Some(b'm'), _) => out.extend(os_error(values.int()).bytes()),
            (Some(b'z'), dialect) => {
                let code = match values.int() {
                    0 => None,
                    number => Some(Code::from_number(number)),
                };
                let shown = code.filter(|code| *code != Code::NoUser || dialect == Dialect::Log);
                out.extend(match (code, shown) {
                    (None, _) => "successful result".bytes(),
                    (_, Some(code)) => code.text().bytes(),
                    _ => Code::BadAuth.text().bytes(),
                });
            }
            (Some(b'u'), Dialect::Log) => out.extend(padded(&skipped, values.int().cast_unsigned().to_string())),
            (Some(b'x'), Dialect::Log) => out.extend(padded(&skipped, format!("{:x}", values.int()))),
            (Some(b'X'), Dialect::Log) => out.extend(padded(&skipped, format!("{:X}", values.int()))),
            (Some(b'o'), Dialect::Log) => out.extend(padded(&skipped, format!("{:o}", values.int()))),
            (None, _) if skipped.is_empty() => {}
            (other, _) => {
                out.push(b'%');
                out.extend(skipped);
                out.extend(other);
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A number with what `%5d`, `%-5d` and `%05d` ask for. Widths are cut at 64: a log line needs no more.
fn padded(modifiers: &[u8], number: String) -> Vec<u8> {
    let modifiers = String::from_utf8_lossy(modifiers);
    let digits: String = modifiers.chars().filter(char::is_ascii_digit).collect();
    let width = digits.parse::<usize>().unwrap_or(0).min(64);
    if modifiers.contains('-') {
        format!("{number:<width$}")
    } else if digits.starts_with('0') {
        let (sign, rest) = number.strip_prefix('-').map_or(("", number.as_str()), |rest| ("-", rest));
        format!("{sign}{rest:0>width$}", width = width.saturating_sub(sign.len()))
    } else {
        format!("{number:>width$}")
    }
    .into_bytes()
}

/// The system's own words for an errno.
fn os_error(errno: c_int) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.rsplit_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<c_int>, Vec<Option<&'static str>>);

    impl Values for Fixed {
        fn int(&mut self) -> c_int {
            self.0.remove(0)
        }

        fn text(&mut self) -> Option<Vec<u8>> {
            self.1.remove(0).map(|text| text.as_bytes().to_vec())
        }
    }

    fn with(text: &str, ints: &[c_int], texts: &[Option<&'static str>], dialect: Dialect) -> String {
        format(text.as_bytes(), &mut Fixed(ints.to_vec(), texts.to_vec()), dialect)
    }

    #[test]
    fn conversions() {
        let all = with("%s|%c|%d|%i|%m|%z|%%|%s", &[65, -1, 7, 2, -4], &[Some("x"), None], Dialect::SetError);
        assert_eq!(all, "x|A|-1|7|No such file or directory|no mechanism available|%|(null)");
        assert_eq!(with("%u %x %X %o", &[-1, 255, 255, 8], &[], Dialect::Log), "4294967295 ff FF 10");
        assert_eq!(with("%z", &[-20], &[], Dialect::SetError), "authentication failure");
        assert_eq!(with("%z", &[-20], &[], Dialect::Log), "user not found");
        assert_eq!(with("%5d|%-5d|%05d|%03d", &[42, 42, 42, -7], &[], Dialect::SetError), "   42|42   |00042|-07");
        assert_eq!(with("%99999999999999999999d", &[1], &[], Dialect::SetError), "1");
    }

    #[test]
    fn unknown_conversions_take_nothing() {
        assert_eq!(with("a%qb %5.2fc %", &[], &[], Dialect::SetError), "a%qb %5.2fc ");
        assert_eq!(with("%u", &[], &[], Dialect::SetError), "%u");
    }
}
