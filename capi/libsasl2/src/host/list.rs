//! The option `plugin_list`: a file that names the mechanisms that a server has, each with the plugin that it is in. A line
//! has the plugin's file, the mechanism, the strength of its layer and the names of its guarantees, with blanks between
//! them; empty lines and those that begin with `#` do not count.

use std::ffi::c_uint;
use std::path::{Path, PathBuf};

use oxisasl::config::ConfigFile;
use oxisasl::log::Level;
use oxisasl::policy::SecurityFlags;
use oxisasl::registry::MechanismRef;
use oxisasl::{Code, Error, Result};
use oxisasl_capi_common::callbacks::List;

use super::find::Candidate;
use super::journal::Journal;
use super::load::Loader;
use crate::abi::{OK, cb};
use crate::{calls, global};

/// What kind of file the verification callback is asked about: one of configuration.
const VERIFY_CONF: i32 = 1;

/// The words of the file for what mechanisms guarantee.
const FLAGS: &[(&str, SecurityFlags)] = &[
    ("noplaintext", SecurityFlags::NO_PLAINTEXT),
    ("noactive", SecurityFlags::NO_ACTIVE),
    ("nodictionary", SecurityFlags::NO_DICTIONARY),
    ("forward_secrecy", SecurityFlags::FORWARD_SECRECY),
    ("noanonymous", SecurityFlags::NO_ANONYMOUS),
    ("pass_credentials", SecurityFlags::PASS_CREDENTIALS),
    ("mutual_auth", SecurityFlags::MUTUAL_AUTH),
];

/// A mechanism that the file lists.
#[derive(Debug)]
pub struct Entry {
    path: PathBuf,
    pub mechanism: String,
    max_ssf: c_uint,
    flags: c_uint,
    /// File and line, for complaints.
    at: String,
}

impl Entry {
    /// Whether a mechanism is what the file says; else what it should say.
    ///
    /// # Errors
    /// What the mechanism is.
    pub fn check(&self, max_ssf: c_uint, security_flags: c_uint) -> Result<()> {
        let flags = security_flags & 0xffff;
        if (max_ssf, flags) == (self.max_ssf, self.flags) {
            return Ok(());
        }
        let named = FLAGS.iter().filter(|(_, flag)| flags & flag.bits() != 0).map(|(name, _)| *name);
        let words = named.collect::<Vec<_>>().join(" ");
        let what = format!("{} is not what the list says, but \"{max_ssf} {words}\"", self.mechanism);
        Err(Error::new(Code::NoMech, what))
    }
}

/// Reads the file, which the application is asked about.
///
/// # Errors
/// When it is refused or cannot be read: without it there would be mechanisms that the administrator does not want.
pub fn read(path: &str, callbacks: List, journal: &Journal<'_>) -> Result<Vec<Entry>> {
    let refused = |code: Code, why: &str| Error::new(code, format!("cannot read the list of plugins {path}: {why}"));
    if let Some(found) = callbacks.find(cb::VERIFYFILE) {
        match calls::verify_file(found, path, VERIFY_CONF) {
            OK => {}
            status if status < 0 => return Err(refused(Code::from_number(status), "the application refuses it")),
            _ => return Err(refused(Code::Fail, "the application refuses it")),
        }
    }
    let text = ConfigFile::read_text(Path::new(path)).map_err(|error| refused(Code::Fail, error.detail()))?;
    let text = text.ok_or_else(|| refused(Code::Fail, "there is no such file"))?;
    let text = String::from_utf8(text).map_err(|_| refused(Code::Fail, "it is not in UTF-8"))?;
    let mut entries = Vec::new();
    for (line, number) in text.lines().zip(1u32..) {
        let at = format!("{path}:{number}");
        match parse(line, at.clone(), journal) {
            Ok(entry) => entries.extend(entry),
            Err(why) => journal.write(Level::Err, &format!("{at}: {why}")),
        }
    }
    Ok(entries)
}

fn parse(line: &str, at: String, journal: &Journal<'_>) -> Result<Option<Entry>, &'static str> {
    let mut words = line.split_ascii_whitespace();
    let Some(path) = words.next().filter(|word| !word.starts_with('#')) else { return Ok(None) };
    if !path.starts_with('/') {
        return Err("expected a file's whole path");
    }
    let mechanism = words.next().ok_or("expected the name of a mechanism after the file")?;
    let max_ssf = words.next().unwrap_or("0").parse().map_err(|_| "expected a number after the mechanism")?;
    let mut flags = 0;
    for word in words {
        match FLAGS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)) {
            Some((_, flag)) => flags |= flag.bits(),
            None => journal.write(Level::Err, &format!("{at}: {mechanism}: there is no flag {word:?}")),
        }
    }
    Ok(Some(Entry { path: path.into(), mechanism: mechanism.to_owned(), max_ssf, flags, at }))
}

/// Gives a server the mechanisms that the file lists, and EXTERNAL, which needs none; no others.
///
/// # Errors
/// When the side goes meanwhile.
pub fn load(entries: &[Entry], loader: &Loader<'_>) -> Result<()> {
    let complain = |entry: &Entry, error: &Error| {
        let (file, why) = (entry.path.display(), error.detail());
        loader.journal.write(Level::Err, &format!("{}: {} of {file} is not used: {why}", entry.at, entry.mechanism));
    };
    let engine = global::server()?.0;
    let (mut kept, mut files) = (vec!["EXTERNAL".to_owned()], Vec::new());
    for entry in entries {
        match engine.registry().get(&entry.mechanism) {
            Some(MechanismRef::Builtin(there)) if !loader.preferred.has(&entry.mechanism) => {
                let info = there.info();
                match entry.check(info.max_ssf, info.security.bits()) {
                    Ok(()) => kept.push(info.name.to_string()),
                    Err(error) => complain(entry, &error),
                }
            }
            _ => files.push(entry),
        }
    }
    global::change_server(|side| {
        let registry = side.registry().only(|info| kept.iter().any(|name| *name == info.name));
        side.mechanisms(registry)
    })?;
    for entry in files {
        let candidate = Candidate::of(entry.path.clone());
        // SAFETY: what a plugin describes is part of it, so it stays as it is while the object is open.
        if let Err(error) = loader.server_file(&candidate, |plugin, init| unsafe { plugin.listed(init, entry) }) {
            complain(entry, &error);
        }
    }
    Ok(())
}
