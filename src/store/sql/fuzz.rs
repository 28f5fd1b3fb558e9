//! Statements with places for values, of any text.

use super::driver::Engine;
use super::template::{PropertyUse, Template, Values};

/// The first byte picks the engine, the rest is a statement. No value ever gets into it; a property does as the name of a
/// column only.
pub fn template(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let engine = [Engine::Pgsql, Engine::Mysql, Engine::Sqlite][usize::from(choice % 3)];
    let Ok(text) = str::from_utf8(text) else { return };
    let Ok(template) = Template::parse("sql_select", text, engine) else { return };
    let with = |user: &'static [u8], property: &'static str| {
        template.fill(Values { user, realm: user, property, value: Some(user) })
    };
    let (tame, hostile) = (with(b"u", "p"), with(b"'; DROP TABLE users; --\0\\", "p"));
    let same = tame.as_ref().map(|filled| &filled.text) == hostile.as_ref().map(|filled| &filled.text);
    assert!(same, "the values make no difference to the statement");
    let tame = tame.unwrap_or_else(|| panic!("a simple property can be a column"));
    let hostile = with(b"u", "p'\"`; DROP TABLE users; --");
    match template.property_use() {
        PropertyUse::Column => assert!(hostile.is_none(), "no column has this name"),
        PropertyUse::No | PropertyUse::Value => {
            assert_eq!(hostile.map(|filled| filled.text), Some(tame.text), "nor does a property");
        }
    }
}
