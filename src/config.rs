//! Options.

use std::borrow::Cow;

/// Where option values come from.
pub trait Options: Send + Sync {
    /// The value of an option, if it is set here. `plugin` names the part that asks, where it is one of several.
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>>;
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

/// Whether a value means yes: it starts with `1`, `y`, `t` or `on`.
#[must_use]
pub fn is_true(value: &str) -> bool {
    value.starts_with(['1', 'y', 't']) || value.starts_with("on")
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
