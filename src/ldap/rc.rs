//! Settings of libldap from a file, as ldap.conf(5) describes them.
//!
//! They are given to each connection: what the environment names is read by libldap once, for all of the process.

use std::ffi::CString;
use std::path::Path;

use crate::error::{Code, Error, Result};
use crate::policy::SecurityFlags;
use crate::sys::ldap::Setting;

const SECPROPS: i32 = 0x6106;

/// Settings whose values are texts.
const TEXTS: &[(&str, i32)] = &[
    ("TLS_CACERT", 0x6002),
    ("TLS_CACERTDIR", 0x6003),
    ("TLS_CERT", 0x6004),
    ("TLS_KEY", 0x6005),
    ("TLS_CIPHER_SUITE", 0x6008),
    ("TLS_RANDFILE", 0x6009),
    ("TLS_CRLFILE", 0x6010),
    ("TLS_ECNAME", 0x6012),
    ("TLS_PEERKEY_HASH", 0x6019),
];
/// Those that say what is demanded of a certificate.
const DEMANDS: &[(&str, i32)] = &[("TLS_REQCERT", 0x6006), ("TLS_REQSAN", 0x601a)];
const DEMAND_WORDS: &[(&str, i32)] = &[("never", 0), ("hard", 1), ("demand", 2), ("allow", 3), ("try", 4)];
const LISTS: &[(&str, i32)] = &[("TLS_CRLCHECK", 0x600b)];
const LIST_WORDS: &[(&str, i32)] = &[("none", 0), ("peer", 1), ("all", 2)];
const VERSIONS: &[(&str, i32)] = &[("TLS_PROTOCOL_MIN", 0x6007), ("TLS_PROTOCOL_MAX", 0x601b)];

/// Flags of `SASL_SECPROPS`.
const FLAGS: &[(&str, SecurityFlags)] = &[
    ("noplain", SecurityFlags::NO_PLAINTEXT),
    ("noactive", SecurityFlags::NO_ACTIVE),
    ("nodict", SecurityFlags::NO_DICTIONARY),
    ("forwardsec", SecurityFlags::FORWARD_SECRECY),
    ("noanonymous", SecurityFlags::NO_ANONYMOUS),
    ("passcred", SecurityFlags::PASS_CREDENTIALS),
];

/// What a file says.
pub(crate) struct Rc {
    settings: Vec<Setting>,
    /// What a mechanism must guarantee.
    pub flags: SecurityFlags,
    /// The realm of whoever binds.
    pub realm: Option<String>,
}

impl Default for Rc {
    /// No file. The flags are those of libldap.
    fn default() -> Self {
        let flags = SecurityFlags::NO_PLAINTEXT.and(SecurityFlags::NO_ANONYMOUS);
        Rc { settings: Vec::new(), flags, realm: None }
    }
}

impl Rc {
    /// Reads a file that an option names.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option, the file and the line, when there is no such file or a setting in it that cannot
    /// be heeded. Those that say nothing about a connection are passed over.
    pub(crate) fn read(option: &str, path: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(Code::ConfigErr, format!("{option}: {what}"));
        if !Path::new(path).is_absolute() {
            return Err(wrong(format!("\"{}\" does not begin with a slash", path.escape_debug())));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("{path}: {error}")))?;
        let mut rc = Rc::default();
        for (line, number) in text.lines().zip(1..) {
            rc.heed(line).map_err(|what| wrong(format!("{path}, line {number}: {what}")))?;
        }
        Ok(rc)
    }

    /// What each connection is to be told.
    pub(crate) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    fn heed(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim();
        let (name, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let (name, value) = (name.to_ascii_uppercase(), value.trim());
        let number = |list: &[(&str, i32)]| list.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
        let word = |words: &[(&str, i32)]| {
            let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, number)| *number);
            found.ok_or_else(|| format!("{name} is none of {}", join(words.iter().map(|(word, _)| *word))))
        };
        let text = || CString::new(value).map_err(|_| format!("{name} has a NUL"));
        if let Some(option) = number(TEXTS) {
            self.settings.push(Setting::Text(option, text()?));
        } else if let Some(option) = number(DEMANDS) {
            self.settings.push(Setting::Number(option, word(DEMAND_WORDS)?));
        } else if let Some(option) = number(LISTS) {
            self.settings.push(Setting::Number(option, word(LIST_WORDS)?));
        } else if let Some(option) = number(VERSIONS) {
            let version = version(value).ok_or_else(|| format!("{name} is no version, such as 3.3"))?;
            self.settings.push(Setting::Number(option, version));
        } else {
            match name.as_str() {
                "SASL_SECPROPS" => {
                    self.flags = flags(value)?;
                    self.settings.push(Setting::Text(SECPROPS, text()?));
                }
                "SASL_REALM" => self.realm = Some(value.to_owned()),
                "SASL_CBINDING" if value != "none" => {
                    return Err("SASL_CBINDING: there are no channel bindings here".into());
                }
                "SASL_CBINDING" | "SASL_NOCANON" | "SASL_MECH" | "SASL_AUTHCID" | "SASL_AUTHZID" => {}
                other if other.starts_with("TLS_") || other.starts_with("SASL_") => {
                    return Err(format!("the setting {other} is not known"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn join<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// `3.3`, which is TLS 1.2.
fn version(text: &str) -> Option<i32> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    Some(i32::from(major.parse::<u8>().ok()?) << 8 | i32::from(minor.parse::<u8>().ok()?))
}

/// The flags among properties of security. Strengths and lengths are libldap's to read.
fn flags(text: &str) -> Result<SecurityFlags, String> {
    let mut flags = SecurityFlags::NONE;
    for word in text.split(',').map(str::trim) {
        match FLAGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            Some((_, flag)) => flags = flags.and(*flag),
            None if word.eq_ignore_ascii_case("none") || word.contains('=') => {}
            None => {
                return Err(format!("SASL_SECPROPS: {word} is none of {}", join(FLAGS.iter().map(|(name, _)| *name))));
            }
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rc(text: &str) -> Result<Rc, String> {
        let mut rc = Rc::default();
        text.lines().try_for_each(|line| rc.heed(line)).map(|()| rc)
    }

    #[test]
    fn settings_are_read() {
        let read =
            rc("# TLS_KEY x\n\nBASE dc=x\ntls_cacert  /etc/my ca.pem \nTLS_REQCERT\thard\nTLS_PROTOCOL_MIN 3.3\n\
                       SASL_REALM r\nSASL_SECPROPS noactive,minssf=56\n")
            .unwrap();
        let expected = [
            Setting::Text(0x6002, c"/etc/my ca.pem".into()),
            Setting::Number(0x6006, 1),
            Setting::Number(0x6007, 0x303),
            Setting::Text(SECPROPS, c"noactive,minssf=56".into()),
        ];
        assert_eq!(read.settings, expected);
        assert_eq!((read.flags, read.realm.as_deref()), (SecurityFlags::NO_ACTIVE, Some("r")));
        assert_eq!(rc("SASL_SECPROPS none").unwrap().flags, SecurityFlags::NONE);
    }

    #[test]
    fn what_cannot_be_heeded_is_an_error() {
        for wrong in [
            "TLS_REQCERT maybe",
            "TLS_REQCERT",
            "TLS_CRLCHECK x",
            "TLS_PROTOCOL_MIN x",
            "TLS_NEWER yes",
            "SASL_SECPROPS noplan",
            "SASL_CBINDING tls-endpoint",
        ] {
            let name = wrong.split(' ').next().unwrap();
            assert!(rc(wrong).err().unwrap().contains(name), "{wrong}");
        }
        for path in ["relative", "/nonexistent/ldaprc"] {
            let error = Rc::read("ldapdb_rc", path).err().unwrap();
            assert!(error.code() == Code::ConfigErr && error.detail().contains(path), "{error}");
        }
    }
}
