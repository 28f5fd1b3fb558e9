//! `auxprop_plugin: sasldb`: the password database as a store of properties.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::lmdb::LmdbOptions;
use super::sasldb::{Edit, Format, IDENTIFYING, SasldbFile};
use super::{AuxProp, Change, Form, LookupFlags, StoreCx};
use crate::config::{Options, integer};
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::props::Props;
use crate::rng;
use crate::secret::Secret;

/// Where the database is unless the option `sasldb_path` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/sasldb2";
/// Where that of Cyrus SASL 1.5 is.
pub const CLASSIC_PATH: &str = "/etc/sasldb";

/// How the database names what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Layout {
    /// By property.
    #[default]
    Properties,
    /// As Cyrus SASL 1.5 does: the secret of a mechanism's own is named after the mechanism. That there are secrets of
    /// CRAM-MD5 and DIGEST-MD5 at all is told by an entry for no user and no realm, whose value is their version.
    Mechanisms,
}

/// The property that may have several values: verifiers of SCRAM (RFC 5803). An entry has them with line feeds between.
const SEVERAL: &str = "authPassword";
/// The entry, for no user and no realm, that [`AuxProp::salt_key`] gives. The first verifier that is stored makes it.
const SALT_KEY: &str = "oxisaslSaltKey";

/// What the properties of mechanisms' own secrets begin with.
const OWN_SECRET: &str = "cmusaslsecret";
/// The mechanisms that are served only with an entry that says so.
const MARKED: &[&str] = &["CRAM-MD5", "DIGEST-MD5"];
/// The version of their secrets.
const MARKER: [u8; 4] = 3_u32.to_be_bytes();

impl Layout {
    /// What the database calls a property.
    fn name_of(self, property: &str) -> &str {
        match self {
            Layout::Properties => property,
            Layout::Mechanisms => property.strip_prefix(OWN_SECRET).unwrap_or(property),
        }
    }

    fn default_path(self) -> &'static str {
        match self {
            Layout::Properties => DEFAULT_PATH,
            Layout::Mechanisms => CLASSIC_PATH,
        }
    }
}

/// The store. Each file that sessions name is opened once and kept.
#[derive(Debug, Default)]
pub struct Sasldb {
    layout: Layout,
    files: Mutex<BTreeMap<PathBuf, Arc<SasldbFile>>>,
}

impl Sasldb {
    /// The store, with no file open yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The store of an application made for Cyrus SASL 1.5: [`CLASSIC_PATH`], unless the option says otherwise, has the secrets of
    /// PLAIN, CRAM-MD5 and DIGEST-MD5 by the names of the mechanisms.
    #[must_use]
    pub fn classic() -> Self {
        Sasldb { layout: Layout::Mechanisms, ..Self::default() }
    }

    /// Where the database is, as the options say.
    #[must_use]
    pub fn path(&self, options: &dyn Options) -> PathBuf {
        PathBuf::from(options.get(None, "sasldb_path").unwrap_or(self.layout.default_path().into()).as_ref())
    }

    fn file(&self, options: &dyn Options) -> Arc<SasldbFile> {
        let path = self.path(options);
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let open = files.entry(path).or_insert_with_key(|path| {
            let limits = LmdbOptions {
                map_kib: integer(options, "sasldb_mapsize").and_then(|kib| u64::try_from(kib).ok()),
                max_readers: integer(options, "sasldb_maxreaders").and_then(|count| u32::try_from(count).ok()),
            };
            Arc::new(SasldbFile::new(path, limits))
        });
        Arc::clone(open)
    }
}

fn logged<T>(cx: &StoreCx<'_>, result: Result<T>) -> Result<T> {
    result.inspect_err(|error| {
        if !matches!(error.code(), Code::NoUser | Code::BadParam) {
            cx.log.log(Level::Err, error.detail());
        }
    })
}

impl AuxProp for Sasldb {
    fn name(&self) -> &str {
        "sasldb"
    }

    fn lookup(&self, cx: &StoreCx<'_>, user: &[u8], flags: LookupFlags, props: &Props) -> Result<()> {
        let wanted = flags.wanted(props);
        if wanted.is_empty() {
            return Ok(());
        }
        let (name, realm) = cx.account(user);
        let file = self.file(cx.options);
        if name.contains(&0) || realm.contains(&0) {
            return Err(Error::new(Code::NoUser, "a user name with a NUL in it"));
        }
        let names: Vec<&str> = wanted.iter().map(|(_, name)| self.layout.name_of(name)).collect();
        let values = logged(cx, file.lookup_many(name, realm, &names))?;
        let mut found = false;
        for ((requested, name), value) in wanted.iter().zip(values) {
            let Some(value) = value else { continue };
            found = true;
            if name != SEVERAL {
                props.add(requested, value)?;
                continue;
            }
            value.expose().split(|byte| *byte == b'\n').try_for_each(|one| props.add(requested, Secret::from(one)))?;
        }
        let identifying: Vec<&str> = IDENTIFYING.iter().map(|property| self.layout.name_of(property)).collect();
        if found || flags.is_authzid() || logged(cx, file.has_any(name, realm, &identifying))? {
            return Ok(());
        }
        Err(Error::new(Code::NoUser, format!("no such user in {}", file.path().display())))
    }

    fn form(&self, cx: &StoreCx<'_>) -> Form {
        match self.file(cx.options).format() {
            Ok(Format::BerkeleyHash) => Form::Plaintext,
            _ => Form::Secrets,
        }
    }

    fn salt_key(&self, cx: &StoreCx<'_>) -> Result<Option<Secret>> {
        self.file(cx.options).get([], [], SALT_KEY)
    }

    fn serves(&self, cx: &StoreCx<'_>, mechanism: &str) -> Result<()> {
        if self.layout == Layout::Properties || !MARKED.contains(&mechanism) {
            return Ok(());
        }
        let file = self.file(cx.options);
        let version = file.get([], [], mechanism)?;
        match version.as_ref().map(Secret::expose) {
            Some(version) if version == MARKER => Ok(()),
            Some(version) => {
                let number = version.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
                let path = file.path().display();
                let what = format!("incompatible version ({number}). My version (3)");
                Err(Error::fail(format!("{path}: {mechanism} secrets database has {what}")))
            }
            None => {
                let path = file.path().display();
                Err(Error::new(Code::NoUser, format!("{path} has no secrets for {mechanism}; saslpasswd makes some")))
            }
        }
    }

    fn can_store(&self, cx: &StoreCx<'_>) -> Result<()> {
        self.file(cx.options).check_writable()
    }

    fn store(&self, cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let (user, realm) = cx.account(user);
        let file = self.file(cx.options);
        // A name with a `*` was requested for a look-up; the database knows users by one name only.
        let changes = changes.iter().filter(|change| !change.name.starts_with('*'));
        let values: Vec<_> = changes.map(|change| (self.layout.name_of(change.name), kept_value(change))).collect();
        let mut edits = Vec::new();
        for (name, value) in &values {
            let (property, value) = (name.as_bytes(), value.as_ref().map(Secret::expose));
            edits.push(Edit { user, realm, property, value });
            if self.layout == Layout::Mechanisms && MARKED.contains(name) && value.is_some() {
                edits.push(Edit { user: b"", realm: b"", property, value: Some(&MARKER) });
            }
        }
        let verifiers = values.iter().any(|(name, value)| *name == SEVERAL && value.is_some());
        let key = if verifiers { missing_salt_key(&file)? } else { None };
        if let Some(key) = &key {
            edits.push(Edit { user: b"", realm: b"", property: SALT_KEY.as_bytes(), value: Some(key.expose()) });
        }
        if edits.is_empty() { Ok(()) } else { logged(cx, file.apply(&edits)) }
    }
}

/// What the database is to have for a property; none for one that goes.
fn kept_value(change: &Change<'_>) -> Option<Secret> {
    match change.values {
        [_, _, ..] if change.name == SEVERAL => {
            let values: Vec<&[u8]> = change.values.iter().map(Secret::expose).collect();
            Some(Secret::new(values.join(&b'\n')))
        }
        values => values.first().cloned(),
    }
}

/// A new key for made-up salts, where there is none; other programs that read Berkeley DB files would take it for a user.
fn missing_salt_key(file: &SasldbFile) -> Result<Option<Secret>> {
    if file.format()? == Format::BerkeleyHash || file.get([], [], SALT_KEY)?.is_some() {
        return Ok(None);
    }
    let mut key = vec![0; 32];
    rng::fill(&mut key)?;
    Ok(Some(Secret::new(key)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::log::NoLog;

    #[test]
    fn a_star_is_no_part_of_a_name() {
        let directory = std::env::temp_dir().join(format!("oxisasl-auxprop-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("db");
        let options = [("sasldb_path", path.to_str().unwrap())];
        let cx = StoreCx {
            service: "x",
            fqdn: "h.example",
            realm: None,
            user_realm: None,
            options: &options,
            log: &NoLog,
            host: &(),
        };
        let store = Sasldb::new();
        let values = [Secret::from("value")];
        let set = |name| [Change { name, values: &values }];
        store.store(&cx, b"user", &set("*mail")).unwrap();
        let password = Props::new();
        password.request(["*userPassword"]);
        assert_eq!(store.lookup(&cx, b"user", LookupFlags::default(), &password).unwrap_err().code(), Code::NoUser);
        // Where nothing is asked for nothing is missing: Kerberos, say, needs no entry.
        assert!(store.lookup(&cx, b"nobody", LookupFlags::default(), &Props::new()).is_ok());
        store.store(&cx, b"user", &set("userPassword")).unwrap();
        store.store(&cx, b"user", &[Change { name: "*", values: &[] }]).unwrap();
        let props = Props::new();
        props.request(["*userPassword", "**mail", "*mail"]);
        store.lookup(&cx, b"user", LookupFlags::default(), &props).unwrap();
        assert_eq!(props.first("*userPassword").unwrap().expose(), b"value");
        assert!(props.first("**mail").is_none() && props.first("*mail").is_none());
        fs::remove_dir_all(&directory).unwrap();
    }
}
