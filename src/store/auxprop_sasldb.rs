//! `auxprop_plugin: sasldb`: the password database as a store of properties.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::lmdb::LmdbOptions;
use super::sasldb::SasldbFile;
use super::{AuxProp, Change, LookupFlags, StoreCx};
use crate::config::{Options, integer};
use crate::error::{Code, Error, Result};
use crate::identity::split_realm;
use crate::log::Level;
use crate::props::Props;

/// Where the database is unless the option `sasldb_path` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/sasldb2";

/// The store. Each file that sessions name is opened once and kept.
#[derive(Debug, Default)]
pub struct Sasldb {
    files: Mutex<HashMap<PathBuf, Arc<SasldbFile>>>,
}

impl Sasldb {
    /// The store, with no file open yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn file(&self, options: &dyn Options) -> Arc<SasldbFile> {
        let path = PathBuf::from(options.get(None, "sasldb_path").unwrap_or(DEFAULT_PATH.into()).as_ref());
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

/// The user and the realm under which the database has a canonical name.
fn key<'a>(cx: &'a StoreCx<'_>, name: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    split_realm(name, cx.realm.unwrap_or(cx.fqdn).as_bytes())
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
        if wanted.is_empty() && flags.is_authzid() {
            return Ok(());
        }
        let (name, realm) = key(cx, user);
        let file = self.file(cx.options);
        if name.contains(&0) || realm.contains(&0) {
            return Err(Error::new(Code::NoUser, "a user name with a NUL in it"));
        }
        let names: Vec<&str> = wanted.iter().map(|(_, name)| name.as_str()).collect();
        let values = logged(cx, file.lookup_many(name, realm, &names))?;
        let mut found = false;
        for ((requested, _), value) in wanted.iter().zip(values) {
            if let Some(value) = value {
                props.add(requested, value)?;
                found = true;
            }
        }
        if found || flags.is_authzid() || logged(cx, file.user_exists(name, realm))? {
            return Ok(());
        }
        Err(Error::new(Code::NoUser, format!("no such user in {}", file.path().display())))
    }

    fn can_store(&self, cx: &StoreCx<'_>) -> Result<()> {
        self.file(cx.options).check_writable()
    }

    fn store(&self, cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let (name, realm) = key(cx, user);
        let file = self.file(cx.options);
        // A name with a `*` was requested for a look-up; the database knows users by one name only.
        for change in changes.iter().filter(|change| !change.name.starts_with('*')) {
            logged(
                cx,
                match change.values.first() {
                    Some(value) => file.put(name, realm, change.name, value.expose()),
                    None => file.delete(name, realm, change.name).map(drop),
                },
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::log::NoLog;
    use crate::secret::Secret;

    #[test]
    fn a_star_is_no_part_of_a_name() {
        let directory = std::env::temp_dir().join(format!("oxisasl-auxprop-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("db");
        let options = [("sasldb_path", path.to_str().unwrap())];
        let cx = StoreCx { service: "x", fqdn: "h.example", realm: None, options: &options, log: &NoLog, host: &() };
        let store = Sasldb::new();
        let values = [Secret::from("value")];
        let set = |name| [Change { name, values: &values }];
        store.store(&cx, b"user", &set("*mail")).unwrap();
        assert_eq!(store.lookup(&cx, b"user", LookupFlags::default(), &Props::new()).unwrap_err().code(), Code::NoUser);
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
