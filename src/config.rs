//! Options: where they come from, and the configuration file `<app>.conf`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result};
use crate::sys::env::secure_env;

pub mod known;
mod lint;

pub use lint::Warning;

/// Where options come from: a file, or a program that answers for itself.
pub trait Options: Send + Sync {
    /// The value of an option, as the part called `plugin` asks for it. `None` when it is not set, and the default
    /// holds.
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>>;

    /// Whether an option is set to a value that means yes.
    fn flag(&self, plugin: Option<&str>, name: &str) -> bool {
        self.get(plugin, name).is_some_and(|value| is_yes(&value))
    }
}

impl<T: Options + ?Sized> Options for &T {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        (**self).get(plugin, name)
    }
}

impl<T: Options> Options for Option<T> {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        self.as_ref()?.get(plugin, name)
    }
}

impl<const N: usize> Options for [(&str, &str); N] {
    fn get(&self, _: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        self.iter().find(|entry| entry.0 == name).map(|entry| Cow::Borrowed(entry.1))
    }
}

/// Options of one source that go before those of another.
pub struct Layered<'a> {
    /// Asked first.
    pub first: Option<&'a dyn Options>,
    /// Asked for what the first does not have.
    pub then: &'a dyn Options,
}

impl Options for Layered<'_> {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        self.first.and_then(|first| first.get(plugin, name)).or_else(|| self.then.get(plugin, name))
    }
}

/// No option is set.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOptions;

impl Options for NoOptions {
    fn get(&self, _: Option<&str>, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

/// The value of an option as a number: its leading digits, as C's `atoi` reads it; 0 for anything else.
#[must_use]
pub fn integer(options: &dyn Options, name: &str) -> Option<i32> {
    let value = options.get(None, name)?;
    let text = value.trim_start();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    Some(digits.get(..end)?.parse::<i32>().unwrap_or(if end == 0 { 0 } else { i32::MAX }) * sign)
}

/// A variable of the environment, unless the process runs with more rights than its caller has.
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    secure_env(name).map(|value| value.to_string_lossy().into_owned())
}

/// Whether a value means yes: it begins with `1`, `y` or `t`, or with `on`. Upper case does not count.
#[must_use]
pub fn is_yes(value: &str) -> bool {
    value.starts_with(['1', 'y', 't']) || value.starts_with("on")
}

/// The directories that are searched when the application names none: Debian's.
pub const DEFAULT_PATH: &str = "/etc/sasl2:/etc/sasl:/usr/lib/x86_64-linux-gnu/sasl2:/usr/lib/sasl2";

/// The directories to search when the application names none, separated by colons: the environment's
/// `SASL_CONF_PATH`, unless the process has more rights than its caller, or [`DEFAULT_PATH`].
#[must_use]
pub fn search_path() -> String {
    secure_env("SASL_CONF_PATH").map_or_else(|| DEFAULT_PATH.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// What the application says about a file that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be used.
    Use,
    /// It is passed over.
    Skip,
    /// It is passed over, and when no other file is found, that is an error with this code.
    Refuse(Code),
}

/// A line of a configuration file that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: expected {}", self.path.display(), self.line, self.expected)
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Error::new(Code::ConfigErr, error.to_string())
    }
}

/// One option of a configuration file.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The line, counted from 1.
    pub line: usize,
    /// The option's name, in lower case.
    pub name: String,
    /// Its value. It may be a password.
    pub value: String,
}

/// A configuration file that was read. A later line for the same option does not count.
#[derive(Clone)]
pub struct ConfigFile {
    path: PathBuf,
    entries: Vec<Entry>,
    index: BTreeMap<String, usize>,
}

/// The longest file that is read, in bytes.
const FILE_MAX: u64 = 1 << 20;

impl ConfigFile {
    /// Reads `<app>.conf` from the first directory of `path_list` (separated by colons) that has it. The application is
    /// asked about each candidate before it is opened, even where there is no such file. No file at all is no error.
    ///
    /// # Errors
    /// [`Code::ConfigErr`] for a file that exists but cannot be read or understood, with the file and line; the code of
    /// the application's verdict about the last candidate, if that was [`Verdict::Refuse`].
    pub fn find(path_list: &str, app: &str, mut verify: impl FnMut(&Path) -> Verdict) -> Result<Option<Self>> {
        let mut refused = None;
        for directory in path_list.split(':') {
            let path = PathBuf::from(format!("{directory}/{app}.conf"));
            refused = match verify(&path) {
                Verdict::Skip => None,
                Verdict::Refuse(code) => Some((code, path)),
                Verdict::Use => match Self::read(&path)? {
                    Some(file) => return Ok(Some(file)),
                    None => None,
                },
            };
        }
        match refused {
            None => Ok(None),
            Some((code, path)) => {
                Err(Error::new(code, format!("the application refuses the configuration file {}", path.display())))
            }
        }
    }

    /// Reads a file. `None` when there is none.
    ///
    /// # Errors
    /// [`Code::ConfigErr`] when it cannot be read, is longer than 1 MiB or cannot be understood. To go on without it
    /// would be to go on without the restrictions that it may hold.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        Ok(Self::read_text(path)?.map(|text| Self::parse(path, &text)).transpose()?)
    }

    /// Reads the text of a file, to be [parsed](Self::parse). `None` when there is none.
    ///
    /// # Errors
    /// [`Code::ConfigErr`] when it cannot be read or is longer than 1 MiB.
    pub fn read_text(path: &Path) -> Result<Option<Vec<u8>>> {
        let failed = |what: &dyn fmt::Display| {
            Err(Error::new(Code::ConfigErr, format!("cannot read the configuration file {}: {what}", path.display())))
        };
        let mut text = Vec::new();
        match std::fs::File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut text)) {
            // No file has a name that is too long for one.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
                ) =>
            {
                Ok(None)
            }
            Err(error) => failed(&error),
            Ok(_) if text.len() as u64 > FILE_MAX => failed(&"it is longer than 1 MiB"),
            Ok(_) => Ok(Some(text)),
        }
    }

    /// Understands the text of a file. A line has a name of letters, digits, `_` and `-`, which is taken in lower case;
    /// right after it a colon; and a value, which is all the rest of the line without the blanks around it. Lines that
    /// are blank or begin with `#` do not count. There are no quotes, no comments after a value and no continued lines.
    ///
    /// # Errors
    /// [`ConfigError`] for the first line that is none of these.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, ConfigError> {
        let mut file = ConfigFile { path: path.to_owned(), entries: Vec::new(), index: BTreeMap::new() };
        for (text, line) in text.split(|byte| *byte == b'\n').zip(1..) {
            let parsed = parse_line(text).map_err(|expected| ConfigError { path: path.to_owned(), line, expected })?;
            if let Some((name, value)) = parsed {
                file.index.entry(name.clone()).or_insert(file.entries.len());
                file.entries.push(Entry { line, name, value });
            }
        }
        Ok(file)
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All lines that set an option, in order, with those that do not count because an earlier one does.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The line that sets an option. The name is given in lower case.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.index.get(name).and_then(|index| self.entries.get(*index))
    }
}

impl Options for ConfigFile {
    fn get(&self, _: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        self.entry(name).map(|entry| Cow::Borrowed(entry.value.as_str()))
    }
}

impl fmt::Debug for ConfigFile {
    /// Names no values: some are passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.entries.iter().map(|entry| &entry.name).collect();
        f.debug_struct("ConfigFile").field("path", &self.path).field("names", &names).finish_non_exhaustive()
    }
}

/// The name and value of a line, or nothing; else what was expected.
fn parse_line(line: &[u8]) -> Result<Option<(String, String)>, &'static str> {
    let line = trim(line);
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let end = line.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')));
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let Some(value) = rest.strip_prefix(b":") else { return Err("a colon right after the name of an option") };
    let value = trim(value);
    if value.is_empty() {
        return Err("a value after the colon");
    }
    if value.contains(&0) {
        return Err("a value without NUL bytes");
    }
    let (Ok(name), Ok(value)) = (str::from_utf8(name), str::from_utf8(value)) else { return Err("a value in UTF-8") };
    Ok(Some((name.to_ascii_lowercase(), value.to_owned())))
}

/// The bytes without the blanks around them, of which the vertical tab is one.
fn trim(bytes: &[u8]) -> &[u8] {
    let solid = |byte: &u8| !matches!(byte, b' ' | b'\t'..=b'\r');
    let start = bytes.iter().position(solid).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(solid).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
