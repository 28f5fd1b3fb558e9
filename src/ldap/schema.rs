//! Which attributes the entries of a directory can have (RFC 4512 section 4.4).

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};

use super::texts_of;
use crate::sys::ldap::{Connection, Failure};

/// The attributes that a directory knows, by all of their names. Without any it has not told.
#[derive(Debug, Default)]
pub(crate) struct Schema(BTreeSet<String>);

impl Schema {
    /// What the server says about the attributes that entries can have.
    ///
    /// # Errors
    /// [`Failure`]; a server that does not tell is none.
    pub(crate) fn read(connection: &mut Connection) -> Result<Self, Failure> {
        let place = told(connection, c"", c"(objectClass=*)", c"subschemaSubentry")?;
        let Some(place) = place.into_iter().next().and_then(|name| CString::new(name).ok()) else {
            return Ok(Schema::default());
        };
        let all = told(connection, &place, c"(objectClass=subschema)", c"attributeTypes")?;
        Ok(Schema(all.iter().flat_map(|text| names(text)).collect()))
    }

    /// Whether the directory has told nothing.
    pub(crate) fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether entries can have an attribute of this name.
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.0.contains(&attribute.to_ascii_lowercase())
    }
}

/// As [`texts_of`]; what may not be read is not told.
fn told(connection: &mut Connection, base: &CStr, filter: &CStr, attribute: &CStr) -> Result<Vec<String>, Failure> {
    match texts_of(connection, base, filter, attribute) {
        Err(Failure::Refused(..)) => Ok(Vec::new()),
        other => other,
    }
}

/// The names in the description of an attribute, `( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC ... )`, in lower case.
fn names(description: &str) -> Vec<String> {
    let Some((_, rest)) = description.split_once(" NAME ") else { return Vec::new() };
    let rest = rest.trim_start();
    let list = match rest.strip_prefix('(') {
        Some(several) => several.split(')').next().unwrap_or_default(),
        None => rest.get(..rest.match_indices('\'').nth(1).map_or(rest.len(), |(at, _)| at)).unwrap_or_default(),
    };
    list.split('\'').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!(names("( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'a NAME' SUP name )"), ["cn", "commonname"]);
        assert_eq!(names("( 1.3.6.1.4.1.4203.1.3.4 NAME 'authPassword' DESC 'x' )"), ["authpassword"]);
        assert_eq!(names("( 1.2.3 DESC 'x' )"), [""; 0]);
    }
}
