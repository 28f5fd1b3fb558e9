//! Filters and names of entries as configurations have them, with places for values: `(&(uid=%U)(o=%d))`.

use super::escape::escaped;
use crate::error::{Code, Error, Result};

/// What places stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    /// `%u`, of which `%U` is what comes before an `@`, and `%d` what comes after it, else the realm.
    pub user: &'a [u8],
    /// `%r`.
    pub realm: &'a [u8],
    /// `%s`.
    pub service: &'a [u8],
}

/// A text with places for values, which become part of it only as values.
#[derive(Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Place(char),
}

impl Template {
    /// Understands the text that an option has.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option, for a place that stands for nothing.
    pub(crate) fn parse(option: &str, text: &str) -> Result<Self> {
        let wrong = |what: &str| Err(Error::new(Code::ConfigErr, format!("{option}: {what}")));
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut characters = text.chars();
        while let Some(one) = characters.next() {
            match one {
                '\0' => return wrong("a NUL"),
                '%' => match characters.next() {
                    Some('%') => plain.push('%'),
                    Some(letter @ ('u' | 'U' | 'd' | 'r' | 's')) => {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                        pieces.push(Piece::Place(letter));
                    }
                    _ => return wrong("there are %u, %U, %d, %r, %s and %%, and no other place for a value"),
                },
                other => plain.push(other),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Template(pieces))
    }

    /// Whether the user is part of it.
    pub(crate) fn has_user(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Place('u' | 'U')))
    }

    /// The text for these values.
    pub(crate) fn fill(&self, values: &Values<'_>) -> String {
        let mut parts = values.user.splitn(2, |byte| *byte == b'@');
        let (local, domain) = (parts.next().unwrap_or_default(), parts.next().unwrap_or(values.realm));
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Place('u') => escaped(values.user),
            Piece::Place('U') => escaped(local),
            Piece::Place('d') => escaped(domain),
            Piece::Place('r') => escaped(values.realm),
            Piece::Place(_) => escaped(values.service),
        };
        self.0.iter().map(piece).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let fill = |text: &str, user: &str| {
            let values = Values { user: user.as_bytes(), realm: b"r", service: b"smtp" };
            Template::parse("x", text).unwrap().fill(&values)
        };
        assert_eq!(fill("(&(uid=%U)(dc=%d)(x=%r%%)(s=%s))", "tim@a.b"), r"(&(uid=tim)(dc=a\2Eb)(x=r%)(s=smtp))");
        assert_eq!(fill("%u %d", "tim"), "tim r");
        assert_eq!(fill("uid=%u", "a@b@c"), r"uid=a\40b\40c");
        assert_eq!(fill("(uid=%u)", "*)(uid=*"), r"(uid=\2A\29\28uid\3D\2A)");
        assert!(!Template::parse("x", "(uid=%d)").unwrap().has_user());
        for wrong in ["%", "%x", "%1", "a\0b", "%D"] {
            let error = Template::parse("ldap_filter", wrong).unwrap_err();
            assert!(error.code() == Code::ConfigErr && error.detail().contains("ldap_filter"), "{wrong}");
        }
    }
}
