//! Statements as configurations have them, with places for values: `SELECT password FROM users WHERE name = '%u'`.
//!
//! No value ever becomes part of the statement: each place becomes a parameter. Quotes around a place go, a place within a longer
//! text in quotes becomes a concatenation. `%p` outside of such quotes is the name of a column.

use super::driver::Engine;
use crate::error::{Code, Error, Result};

/// What a place stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    User,
    Realm,
    Property,
    Value,
}

impl Place {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'u' => Place::User,
            'r' => Place::Realm,
            'p' => Place::Property,
            'v' => Place::Value,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Part of the statement.
    Text(String),
    /// A parameter.
    Parameter(Place),
    /// A parameter next to text in the same quotes, which has to be told that it is text.
    TextParameter(Place),
    /// The property as the name of a column.
    Column(Column),
}

/// Where the name of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    /// By itself.
    Bare,
    /// In quotes for names.
    Quoted,
    /// As a part of a longer name.
    Within,
}

/// How a statement tells which property it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PropertyUse {
    /// It does not: it is about the password.
    No,
    /// As a value, so that there can be any.
    Value,
    /// As the name of a column.
    Column,
}

/// What the places stand for in one use of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub user: &'a [u8],
    pub realm: &'a [u8],
    pub property: &'a str,
    pub value: Option<&'a [u8]>,
}

/// A statement with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    pub text: String,
    pub parameters: Vec<Option<&'a [u8]>>,
}

/// A statement with places for values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    engine: Engine,
    pieces: Vec<Piece>,
}

impl Template {
    /// Understands the statement that an option has.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option and what is wrong, when there is a place where no value can be put.
    pub(super) fn parse(option: &str, text: &str, engine: Engine) -> Result<Self> {
        let mut parser = Parser { engine, rest: text, pieces: Vec::new() };
        match parser.statement() {
            Ok(()) => Ok(Template { engine, pieces: parser.pieces }),
            Err(why) => Err(Error::new(Code::ConfigErr, format!("{option}: {why}"))),
        }
    }

    /// How this tells which property it is about.
    pub(super) fn property_use(&self) -> PropertyUse {
        let has = |wanted: fn(&Piece) -> bool| self.pieces.iter().any(wanted);
        let value =
            |piece: &Piece| matches!(piece, Piece::Parameter(Place::Property) | Piece::TextParameter(Place::Property));
        if has(|piece| matches!(piece, Piece::Column(_))) {
            PropertyUse::Column
        } else if has(value) {
            PropertyUse::Value
        } else {
            PropertyUse::No
        }
    }

    /// The statement for these values. None where the property cannot be the name of a column.
    pub(super) fn fill<'a>(&self, values: Values<'a>) -> Option<Statement<'a>> {
        let mut statement = Statement { text: String::new(), parameters: Vec::new() };
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => statement.text += text,
                Piece::Column(column) => statement.text += &column_name(self.engine, *column, values.property)?,
                Piece::Parameter(place) => {
                    statement.parameters.push(value_of(*place, values));
                    statement.text += &self.engine.parameter(statement.parameters.len());
                }
                Piece::TextParameter(place) => {
                    statement.parameters.push(value_of(*place, values));
                    statement.text += &self.engine.text_parameter(statement.parameters.len());
                }
            }
        }
        Some(statement)
    }
}

fn value_of(place: Place, values: Values<'_>) -> Option<&[u8]> {
    match place {
        Place::User => Some(values.user),
        Place::Realm => Some(values.realm),
        Place::Property => Some(values.property.as_bytes()),
        Place::Value => values.value,
    }
}

/// A property as the name of a column. Programs name properties, and a name is written into the statement: it may only have
/// what cannot end it.
fn column_name(engine: Engine, column: Column, property: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let simple = property.bytes().all(plain) && property.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    let tame = !property.is_empty() && property.bytes().all(|byte| plain(byte) || matches!(byte, b'-' | b'.' | b' '));
    match column {
        Column::Bare | Column::Within if simple => Some(property.to_owned()),
        Column::Bare | Column::Quoted if tame => Some(engine.quoted_name(property)),
        _ => None,
    }
}

/// What is wrong with a statement.
type Wrong = &'static str;

const HALF_NAME: Wrong =
    "%u, %r and %v stand for values; they cannot be part of a name. Put them in quotes, or blanks around them";
const UNQUOTED: Wrong = "a quote is not closed";

struct Parser<'a> {
    engine: Engine,
    rest: &'a str,
    pieces: Vec<Piece>,
}

impl<'a> Parser<'a> {
    fn statement(&mut self) -> Result<(), Wrong> {
        while let Some(next) = self.rest.chars().next() {
            match next {
                '\'' => self.quoted('\'')?,
                '"' | '`' => self.quoted(next)?,
                '%' => self.place()?,
                '$' if self.engine == Engine::Pgsql => self.dollar()?,
                '?' if self.engine != Engine::Pgsql => return Err("a ? outside of quotes; values go where %u is"),
                ';' => {
                    if !self.rest.trim_start_matches(';').trim().is_empty() {
                        return Err("there is more than one statement");
                    }
                    break;
                }
                _ => match comment(self.engine, self.rest) {
                    Some(length) => {
                        self.take(length)?;
                        self.text(" ");
                    }
                    None => {
                        let one = self.take(next.len_utf8())?;
                        self.text(one);
                    }
                },
            }
        }
        if self.pieces.is_empty() { Err("it is empty") } else { Ok(()) }
    }

    fn take(&mut self, length: usize) -> Result<&'a str, Wrong> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(UNQUOTED)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }

    /// Whether a name, or what could be one, ends here.
    fn ends_with_name(&self) -> bool {
        match self.pieces.last() {
            Some(Piece::Text(text)) => text.chars().next_back().is_some_and(is_of_name),
            Some(_) => true,
            None => false,
        }
    }

    /// A percent sign outside of quotes.
    fn place(&mut self) -> Result<(), Wrong> {
        let letter = self.rest.chars().nth(1);
        let Some(place) = letter.and_then(Place::of) else {
            // One of two percent signs goes; with any other letter it stays.
            self.take(if letter == Some('%') { 2 } else { 1 })?;
            self.text("%");
            return Ok(());
        };
        let begins = !self.ends_with_name();
        self.take(2)?;
        let ends = !self.rest.starts_with(|next| is_of_name(next) || next == '%');
        match (place, begins && ends) {
            (Place::Property, alone) => {
                self.pieces.push(Piece::Column(if alone { Column::Bare } else { Column::Within }));
            }
            (_, true) => self.pieces.push(Piece::Parameter(place)),
            (_, false) => return Err(HALF_NAME),
        }
        Ok(())
    }

    /// What is in quotes.
    fn quoted(&mut self, quote: char) -> Result<(), Wrong> {
        let backslashes = self.engine == Engine::Mysql && quote != '`';
        let content = inside(self.rest, quote, backslashes).ok_or(UNQUOTED)?;
        let prefixed = self.ends_with_name();
        let whole = self.take(content.len() + 2)?;
        let parts = parts(content);
        if !parts.iter().any(|part| matches!(part, Part::Place(_))) {
            self.text(&whole.replace("%%", "%"));
            return Ok(());
        }
        let is_name = quote == '`' || quote == '"' && self.engine != Engine::Mysql;
        match (is_name, &parts[..]) {
            (true, [Part::Place(Place::Property)]) => self.pieces.push(Piece::Column(Column::Quoted)),
            // SQLite takes quotes for names as quotes for text where there is no such name.
            (true, _) if quote == '`' || self.engine == Engine::Pgsql => {
                return Err("a place within quotes for names; there can be only %p, by itself");
            }
            _ if prefixed => return Err("a letter before quotes that have a place in them"),
            (_, [Part::Place(place)]) => self.pieces.push(Piece::Parameter(*place)),
            _ if content.contains('\\') && backslashes => return Err("a backslash next to a place in quotes"),
            _ => self.concatenation(&parts, quote),
        }
        Ok(())
    }

    fn concatenation(&mut self, parts: &[Part], quote: char) {
        let (open, between, close) = self.engine.concatenation();
        self.text(open);
        for (part, index) in parts.iter().zip(0..) {
            if index > 0 {
                self.text(between);
            }
            match part {
                Part::Place(place) => self.pieces.push(Piece::TextParameter(*place)),
                Part::Text(text) if quote == '"' => {
                    self.text(&format!("'{}'", text.replace("\"\"", "\"").replace('\'', "''")));
                }
                Part::Text(text) => self.text(&format!("'{text}'")),
            }
        }
        self.text(close);
    }

    /// A dollar sign of PostgreSQL: a parameter, or quotes of its own.
    fn dollar(&mut self) -> Result<(), Wrong> {
        let after = self.rest.get(1..).unwrap_or_default();
        let in_name = self.ends_with_name();
        if !in_name && after.starts_with(|next: char| next.is_ascii_digit()) {
            return Err("a $ with a number outside of quotes; values go where %u is");
        }
        let end = after.find(|next: char| !(next.is_ascii_alphanumeric() || next == '_')).unwrap_or(after.len());
        if in_name || !after.get(end..).is_some_and(|rest| rest.starts_with('$')) {
            let one = self.take(1)?;
            self.text(one);
            return Ok(());
        }
        let tag = self.rest.get(..end + 2).unwrap_or_default();
        let content = self.rest.get(tag.len()..).unwrap_or_default();
        let length = content.find(tag).ok_or(UNQUOTED)?;
        if parts(content.get(..length).unwrap_or_default()).iter().any(|part| matches!(part, Part::Place(_))) {
            return Err("a place between dollar quotes; use '");
        }
        let whole = self.take(2 * tag.len() + length)?;
        self.text(&whole.replace("%%", "%"));
        Ok(())
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

/// The length of the comment that a text begins with.
fn comment(engine: Engine, text: &str) -> Option<usize> {
    let line = text.starts_with("--")
        && (engine != Engine::Mysql || text.get(2..3).is_none_or(|next| next.trim().is_empty()))
        || engine == Engine::Mysql && text.starts_with('#');
    if line {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    // What follows `/*!` MySQL runs.
    if !text.starts_with("/*") || text.starts_with("/*!") {
        return None;
    }
    Some(text.find("*/").map_or(text.len(), |end| end + 2))
}

/// What is between the quotes that a text begins with.
fn inside(text: &str, quote: char, backslashes: bool) -> Option<&str> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, one)) = characters.next() {
        if one == '\\' && backslashes {
            characters.next();
        } else if one == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return text.get(1..at);
        }
    }
    None
}

enum Part {
    Text(String),
    Place(Place),
}

/// What is in quotes, cut at its places.
fn parts(content: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut characters = content.chars().peekable();
    while let Some(one) = characters.next() {
        let next = characters.peek().copied();
        match next.and_then(Place::of).filter(|_| one == '%') {
            Some(place) => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Place(place));
                characters.next();
            }
            None => {
                text.push(one);
                if one == '%' && next == Some('%') {
                    characters.next();
                }
            }
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

#[cfg(test)]
mod tests;
