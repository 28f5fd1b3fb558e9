//! `auxprop_plugin: ldapdb`: properties of users are the attributes of their entries in a directory.
//!
//! The library binds as an identity of its own (`ldapdb_id`), and asks as the user that it is about (RFC 4370): which entry
//! that is, and what may be read or changed there, is the directory's to say.

use std::ffi::CString;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use super::{AuxProp, Change, Form, LookupFlags, StoreCx};
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::identity::{CanonCx, CanonUser};
use crate::ldap::sasl::Authenticator;
use crate::ldap::{Directory, Schema, escape};
use crate::log::{Level, Log};
use crate::pool::Known;
use crate::props::Props;
use crate::secret::Secret;
use crate::sys::crypt;
use crate::sys::ldap::{Connection, Failure, Replace, Scope, Search};

mod settings;

use settings::Settings;

const PASSWORD: &str = "userPassword";
/// What verifiers are kept in (RFC 5803): a directory that has it is made for them.
const VERIFIERS: &str = "authPassword";
/// A search for nothing but whether the entry is there (RFC 4511 section 4.5.1.8).
const NO_ATTRIBUTES: &str = "1.1";
/// Result codes (RFC 4511 appendix A).
const UNDEFINED_TYPE: i32 = 17;
const CONSTRAINT: i32 = 19;
const INVALID_SYNTAX: i32 = 21;
const NO_SUCH_OBJECT: i32 = 32;
const CLASS_VIOLATION: i32 = 65;
/// That one may not act as this user (RFC 4370), as OpenLDAP numbers it.
const DENIED: i32 = 123;

/// The store, and a canonicaliser of the same name. Each directory that options name is connected to when it is first asked.
/// A clone is the same store.
#[derive(Clone)]
pub struct Ldapdb {
    client: Arc<dyn Authenticator>,
    homes: Arc<Known<Home>>,
}

/// One directory.
struct Home {
    settings: Settings,
    directory: Directory,
    schema: OnceLock<Schema>,
    /// When the schema could not be read.
    failed: Mutex<Option<Instant>>,
}

impl Ldapdb {
    /// The store, connected to nothing yet. `client` takes part in the exchange when it binds.
    pub(crate) fn new(client: impl Authenticator + 'static) -> Self {
        Ldapdb { client: Arc::new(client), homes: Arc::default() }
    }

    fn home(&self, options: &dyn Options) -> Result<Arc<Home>> {
        self.homes.get(
            Settings::read(options)?,
            |home| &home.settings,
            |settings| {
                let directory = settings.directory(Arc::clone(&self.client))?;
                Ok(Home { settings, directory, schema: OnceLock::new(), failed: Mutex::new(None) })
            },
        )
    }

    /// Opens what is needed before the first question.
    fn open(&self, options: &dyn Options) {
        // What is missing is told to whoever needs it. The files that options name are read now, too.
        let _ = crate::sys::ldap::load();
        let _ = self.home(options);
    }

    fn canonical(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>> {
        let home = self.home(cx.options)?;
        let Some(attribute) = home.settings.canon_attribute() else {
            return Err(Error::param("ldapdb_canon_attr does not name the attribute that has the canonical name"));
        };
        let found = home.directory.with(|connection| {
            let entry = entry_of(connection, name)?;
            if let Some(value) = entry.to_str().ok().and_then(|entry| escape::own_value(entry, attribute)) {
                return Ok(Some(value));
            }
            let values = values(connection, &entry, &[attribute])?;
            Ok(values.into_iter().flatten().next().map(|value| value.expose().to_vec()))
        });
        match found {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(Error::new(Code::NoUser, format!("the entry of the user has no {attribute}"))),
            Err(failure) => Err(home.error(&failure)),
        }
    }
}

/// Whether this thread is opening libldap. That starts the client side of the SASL library of the process for its own use, which
/// need not come, and brings its functions for mutexes: neither is the application's wish.
#[must_use]
pub fn is_opening_libldap() -> bool {
    crate::sys::ldap::is_opening()
}

fn logged<T>(log: &dyn Log, result: Result<T>) -> Result<T> {
    result.inspect_err(|error| {
        if !matches!(error.code(), Code::NoUser | Code::BadParam) {
            log.log(Level::Err, error.detail());
        }
    })
}

impl AuxProp for Ldapdb {
    fn name(&self) -> &str {
        "ldapdb"
    }

    fn is_configured(&self, options: &dyn Options) -> bool {
        settings::uri(options).is_some()
    }

    fn prepare(&self, options: &dyn Options) {
        self.open(options);
        let _ = crypt::load();
    }

    fn lookup(&self, cx: &StoreCx<'_>, user: &[u8], flags: LookupFlags, props: &Props) -> Result<()> {
        let wanted = flags.wanted(props);
        if wanted.is_empty() && flags.is_authzid() {
            return Ok(());
        }
        let home = logged(cx.log, self.home(cx.options))?;
        let name = name_of(cx, user);
        let wanted: Vec<_> = wanted.into_iter().filter(|(_, name)| is_attribute(name)).collect();
        let names: Vec<&str> = wanted.iter().map(|(_, name)| name.as_ref()).collect();
        let found = home.directory.with(|connection| {
            let entry = entry_of(connection, &name)?;
            values(connection, &entry, &names)
        });
        let found = logged(cx.log, found.map_err(|failure| home.error(&failure)))?;
        for ((requested, _), values) in wanted.iter().zip(found) {
            values.into_iter().try_for_each(|value| props.add(requested, value))?;
        }
        Ok(())
    }

    fn form(&self, cx: &StoreCx<'_>) -> Form {
        // A directory that cannot be asked now may be one that keeps secrets: a password is not stored there as it is.
        let lacks = self.home(cx.options).and_then(|home| home.read_schema().map(|schema| !schema.has(VERIFIERS)));
        if lacks.unwrap_or(false) { Form::Plaintext } else { Form::Secrets }
    }

    fn can_store(&self, cx: &StoreCx<'_>) -> Result<()> {
        self.home(cx.options).map(|_| ())
    }

    fn store(&self, cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let home = logged(cx.log, self.home(cx.options))?;
        let name = name_of(cx, user);
        // A name with a `*` was requested for a look-up, and attributes have no such names.
        let changes: Vec<_> = changes.iter().filter(|change| !change.name.starts_with('*')).collect();
        if changes.is_empty() {
            return Ok(());
        }
        logged(cx.log, home.store(&name, &changes))
    }
}

impl CanonUser for Ldapdb {
    fn name(&self) -> &str {
        "ldapdb"
    }

    fn prepare(&self, options: &dyn Options) {
        self.open(options);
    }

    fn server(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>> {
        logged(cx.log, self.canonical(name, cx))
    }

    fn client(&self, name: &[u8], cx: &CanonCx<'_>) -> Result<Vec<u8>> {
        logged(cx.log, self.canonical(name, cx))
    }
}

impl Home {
    fn error(&self, failure: &Failure) -> Error {
        let error = self.directory.error(failure);
        match failure.code() {
            Some(NO_SUCH_OBJECT) => Error::new(Code::NoUser, format!("no such user in {}", self.directory.place())),
            Some(UNDEFINED_TYPE | CONSTRAINT | INVALID_SYNTAX | CLASS_VIOLATION) => {
                error.with_code(Code::ConstraintViolat)
            }
            Some(DENIED) => Error::fail(format!(
                "{}: ldapdb_id may not act as this user (authzTo, authzFrom)",
                self.directory.error(failure).detail()
            )),
            _ => error,
        }
    }

    /// What entries can have. One failure is remembered for as long as waiting for another may take.
    fn read_schema(&self) -> Result<&Schema> {
        if let Some(schema) = self.schema.get() {
            return Ok(schema);
        }
        // Not locked while the directory is asked: a child that is made meanwhile would find it so.
        let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed().is_some_and(|at| at.elapsed() < self.settings.timeout) {
            return Err(Error::new(Code::Unavail, format!("{} does not answer", self.directory.place())));
        }
        match self.directory.with(Schema::read) {
            Ok(schema) => Ok(self.schema.get_or_init(|| schema)),
            Err(failure) => {
                *failed() = Some(Instant::now());
                Err(self.error(&failure))
            }
        }
    }

    /// Changes attributes of a user's entry, all or none of them.
    fn store(&self, name: &[u8], changes: &[&Change<'_>]) -> Result<()> {
        let schema = self.read_schema()?;
        let mut replace = Vec::new();
        for change in changes {
            let attribute = change.name;
            let is_known = if schema.is_unknown() { attribute == PASSWORD } else { schema.has(attribute) };
            match (is_known, change.values) {
                // Nobody has what cannot be there.
                (false, []) => continue,
                (false, _) if !is_attribute(attribute) || !schema.is_unknown() => {
                    let what = format!("{} has no attribute {attribute}", self.directory.place());
                    return Err(Error::new(Code::ConstraintViolat, what));
                }
                _ => {}
            }
            let attribute = CString::new(attribute).map_err(|_| Error::param("a property with a NUL in its name"))?;
            replace.push(Replace { attribute, values: change.values });
        }
        if replace.is_empty() {
            return Ok(());
        }
        let stored = self.directory.with(|connection| {
            let entry = entry_of(connection, name)?;
            connection.modify(&entry, &replace, &identity(&entry))
        });
        stored.map_err(|failure| self.error(&failure))
    }
}

/// The name that the directory is asked about.
fn name_of<'a>(cx: &StoreCx<'a>, user: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
    match cx.user_realm.filter(|realm| !realm.is_empty() && *realm != cx.fqdn.as_bytes()) {
        Some(realm) => [user, b"@", realm].concat().into(),
        None => user.into(),
    }
}

/// Whether a property can be an attribute (RFC 4512 section 1.4): a letter, then letters, digits and hyphens. Other words mean
/// something else in a search.
fn is_attribute(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The entry of a user, as whom the directory takes whoever has this name (RFC 4513 section 5.2.1.8, RFC 4532).
fn entry_of(connection: &mut Connection, name: &[u8]) -> Result<CString, Failure> {
    let who = connection.who_am_i(&[b"u:", name].concat())?;
    let entry = who.split_at_checked(3).filter(|(kind, _)| kind.eq_ignore_ascii_case(b"dn:")).map(|(_, entry)| entry);
    match entry.map(CString::new) {
        Some(Ok(entry)) if !entry.is_empty() => Ok(entry),
        // Nobody, or a name that is none of an entry.
        _ => Err(Failure::Refused(NO_SUCH_OBJECT, "the name is none of an entry".into())),
    }
}

fn identity(entry: &CString) -> Vec<u8> {
    [b"dn:", entry.as_bytes()].concat()
}

/// The values of attributes of an entry, as that itself.
fn values(connection: &mut Connection, entry: &CString, names: &[&str]) -> Result<Vec<Vec<Secret>>, Failure> {
    let names = if names.is_empty() { &[NO_ATTRIBUTES][..] } else { names };
    let attributes: Vec<CString> = names.iter().filter_map(|name| CString::new(*name).ok()).collect();
    let filter = c"(objectClass=*)";
    let search = Search { base: entry, scope: Scope::Base, filter, attributes: &attributes, most: 0 };
    let found = connection.search(&search, &identity(entry))?.entries;
    match found.into_iter().next() {
        Some(entry) => Ok(entry.values),
        None => Err(Failure::Refused(NO_SUCH_OBJECT, "there is no such entry, or none to be seen".into())),
    }
}

#[cfg(test)]
mod tests;
