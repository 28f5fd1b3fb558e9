//! `auxprop_plugin: sql`: properties of users in a database, which is asked as the options `sql_select`, `sql_insert` and
//! `sql_update` say.
//!
//! A statement that does not name the property (`%p`) is about the password (`userPassword`) and nothing else.

use std::sync::Arc;

use super::sasldb::IDENTIFYING;
use super::{AuxProp, Change, Form, LookupFlags, StoreCx};
use crate::b64;
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::pool::Known;
use crate::props::Props;
use crate::secret::Secret;
use crate::sys::crypt;
use crate::sys::sql::{Failure, Rows};

mod driver;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod mysql;
mod pgsql;
mod pool;
mod settings;
mod sqlite;
mod template;

use driver::Engine;
use pool::{Lease, Pool};
use settings::{Settings, Statements};
use template::{PropertyUse, Template, Values};

const PASSWORD: &str = "userPassword";
/// The property that may have several values: verifiers of SCRAM (RFC 5803). A row has them with line feeds between.
const SEVERAL: &str = "authPassword";
/// What the properties of mechanisms' own secrets begin with. They may be any bytes.
const OWN_SECRET: &str = "cmusaslsecret";
/// What other programs store in the place of a password that goes: nobody's.
const NONE: &[u8] = b"NULL";
/// What secrets begin with that are no text, before their base64.
const ENCODED: &[u8] = b"{B64}";

/// The store. Each database that options name is connected to when it is first asked.
#[derive(Default)]
pub struct Sql {
    databases: Known<Database>,
}

/// One database, and what is asked there.
struct Database {
    settings: Settings,
    statements: Statements,
    pool: Pool,
}

impl Sql {
    /// The store, connected to nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn database(&self, options: &dyn Options) -> Result<Arc<Database>> {
        self.databases.get(
            Settings::read(options)?,
            |database| &database.settings,
            |settings| Ok(Database { statements: Statements::read(&settings)?, settings, pool: Pool::new() }),
        )
    }
}

fn logged<T>(cx: &StoreCx<'_>, result: Result<T>) -> Result<T> {
    result.inspect_err(|error| {
        if !matches!(error.code(), Code::NoUser | Code::BadParam) {
            cx.log.log(Level::Err, error.detail());
        }
    })
}

impl AuxProp for Sql {
    fn name(&self) -> &str {
        "sql"
    }

    fn is_configured(&self, options: &dyn Options) -> bool {
        settings::select(options).is_some()
    }

    fn prepare(&self, options: &dyn Options) {
        if let Ok(settings) = Settings::read(options) {
            // What is missing is told to whoever needs it.
            let _ = driver::load(settings.engine);
            let _ = crypt::load();
        }
    }

    fn lookup(&self, cx: &StoreCx<'_>, user: &[u8], flags: LookupFlags, props: &Props) -> Result<()> {
        let wanted = flags.wanted(props);
        if wanted.is_empty() && flags.is_authzid() {
            return Ok(());
        }
        let (user, realm) = cx.account(user);
        let database = logged(cx, self.database(cx.options))?;
        if user.contains(&0) || realm.contains(&0) {
            return Err(Error::new(Code::NoUser, "a user name with a NUL in it"));
        }
        let names: Vec<&str> = wanted.iter().map(|(_, name)| name.as_ref()).collect();
        let found = logged(cx, database.lookup(user, realm, &names))?;
        let Some(found) = found else {
            return Err(Error::new(Code::NoUser, format!("no such user in {}", database.settings.place())));
        };
        for ((requested, name), rows) in wanted.iter().zip(found) {
            values_of(cx, name, rows)?.into_iter().try_for_each(|value| props.add(requested, value))?;
        }
        Ok(())
    }

    fn form(&self, cx: &StoreCx<'_>) -> Form {
        // A table with a column for each property has columns for those that its other readers know.
        match self.database(cx.options) {
            Ok(database) if database.statements.keep_any() => Form::Secrets,
            _ => Form::Plaintext,
        }
    }

    fn can_store(&self, cx: &StoreCx<'_>) -> Result<()> {
        match self.database(cx.options)?.statements.store {
            Some(_) => Ok(()),
            None => Err(Error::param("sql_insert and sql_update are not both set: the database is only read")),
        }
    }

    fn store(&self, cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let (user, realm) = cx.account(user);
        self.can_store(cx)?;
        let database = self.database(cx.options)?;
        if [user, realm].iter().any(|name| name.contains(&0)) {
            return Err(Error::param("a user name with a NUL in it"));
        }
        // A name with a `*` was requested for a look-up; the database knows users by one name only.
        let changes = changes.iter().filter(|change| !change.name.starts_with('*'));
        let changes: Vec<_> = changes.map(|change| (change.name, kept_value(change))).collect();
        if changes.is_empty() { Ok(()) } else { logged(cx, database.store(user, realm, &changes)) }
    }
}

impl Statements {
    /// Whether there can be properties of any name.
    fn keep_any(&self) -> bool {
        let any = |template: &Template| template.property_use() == PropertyUse::Value;
        any(&self.select) && self.store.as_ref().is_some_and(|(insert, update)| any(insert) && any(update))
    }
}

impl Database {
    /// The rows of each property of a user. None when there is no such user.
    fn lookup(&self, user: &[u8], realm: &[u8], names: &[&str]) -> Result<Option<Vec<Rows>>> {
        let found = self.pool.with(&self.settings, |lease| {
            let rows = |lease: &mut Lease<'_>, name: &str| self.rows_or_none(lease, user, realm, name);
            let found: Vec<Rows> = names.iter().map(|name| rows(lease, name)).collect::<Result<_, _>>()?;
            let mut is_known = found.iter().any(|rows| !rows.is_empty());
            for name in IDENTIFYING.iter().filter(|name| !names.contains(*name)) {
                if is_known {
                    break;
                }
                is_known = !rows(lease, name)?.is_empty();
            }
            Ok(is_known.then_some(found))
        });
        found.map_err(|failure| self.error(&failure, Code::Fail))
    }

    /// The rows of one property.
    fn rows(&self, lease: &mut Lease<'_>, user: &[u8], realm: &[u8], property: &str) -> Result<Rows, Failure> {
        let select = &self.statements.select;
        if select.property_use() == PropertyUse::No && property != PASSWORD {
            return Ok(Rows::new());
        }
        let Some(statement) = select.fill(Values { user, realm, property, value: None }) else {
            return Ok(Rows::new());
        };
        lease.run(&statement)
    }

    /// As above; none for a property that has no column, and for a name that cannot be in the column of names.
    fn rows_or_none(&self, lease: &mut Lease<'_>, user: &[u8], realm: &[u8], property: &str) -> Result<Rows, Failure> {
        match self.rows(lease, user, realm, property) {
            Err(Failure::NoColumn(_)) if self.may_lack(property) => Ok(Rows::new()),
            Err(Failure::Value(_)) => Ok(Rows::new()),
            other => other,
        }
    }

    /// Whether it is no mistake when there is no column for this property.
    fn may_lack(&self, property: &str) -> bool {
        self.statements.select.property_use() == PropertyUse::Column && property != PASSWORD
    }

    /// Changes properties of a user, all or none of them; no value removes one.
    fn store(&self, user: &[u8], realm: &[u8], changes: &[(&str, Option<Secret>)]) -> Result<()> {
        let stored = self.pool.with(&self.settings, |lease| {
            lease.transaction(self.settings.engine, |lease| {
                changes.iter().try_for_each(|(name, value)| self.change(lease, user, realm, name, value.as_ref()))
            })
        });
        stored.map_err(|failure| match failure {
            Failure::Value(_) | Failure::NoColumn(_) => self.error(&failure, Code::ConstraintViolat),
            _ => self.error(&failure, Code::Fail),
        })
    }

    fn change(
        &self,
        lease: &mut Lease<'_>,
        user: &[u8],
        realm: &[u8],
        property: &str,
        value: Option<&Secret>,
    ) -> Result<(), Failure> {
        let Some((insert, update)) = &self.statements.store else { return Ok(()) };
        let value = value.map(Secret::expose);
        if value.is_some_and(|value| value.contains(&0)) {
            return Err(Failure::Value("it has a NUL".into()));
        }
        if property == PASSWORD && value == Some(NONE) {
            return Err(Failure::Value("this word stands for no password".into()));
        }
        let anothers = |template: &Template| template.property_use() == PropertyUse::No && property != PASSWORD;
        if anothers(&self.statements.select) || anothers(insert) || anothers(update) {
            let why = || Failure::NoColumn(format!("the statements do not name %p, so that {property} has no place"));
            return if value.is_some() { Err(why()) } else { Ok(()) };
        }
        let is_there = match self.rows_in_transaction(lease, user, realm, property) {
            Err(Failure::NoColumn(_)) if value.is_none() && self.may_lack(property) => return Ok(()),
            rows => !rows?.is_empty(),
        };
        let template = match (is_there, value) {
            (true, _) => update,
            (false, Some(_)) => insert,
            (false, None) => return Ok(()),
        };
        let no_name = || Failure::NoColumn(format!("{property} is not the name of a column"));
        let statement = template.fill(Values { user, realm, property, value }).ok_or_else(no_name)?;
        lease.run(&statement).map(|_| ())
    }

    /// As [`Self::rows`]; a transaction goes on without a column that is not there.
    fn rows_in_transaction(
        &self,
        lease: &mut Lease<'_>,
        user: &[u8],
        realm: &[u8],
        property: &str,
    ) -> Result<Rows, Failure> {
        if self.settings.engine != Engine::Pgsql || !self.may_lack(property) {
            return self.rows(lease, user, realm, property);
        }
        lease.command("SAVEPOINT sasl")?;
        let rows = self.rows(lease, user, realm, property);
        if let Err(Failure::NoColumn(_)) = rows {
            lease.command("ROLLBACK TO SAVEPOINT sasl")?;
        }
        rows
    }

    fn error(&self, failure: &Failure, code: Code) -> Error {
        Error::new(code, format!("{}: {failure}", self.settings.place()))
    }
}

/// The values in the rows of a property.
fn values_of(cx: &StoreCx<'_>, property: &str, rows: Rows) -> Result<Vec<Secret>> {
    if rows.len() > 1 && property != SEVERAL {
        cx.log.log(Level::Warn, &format!("sql_select has several rows for one {property}; the first counts"));
    }
    let mut values = Vec::new();
    // Of several rows the first counts, also where it is NULL.
    for row in rows.into_iter().take(if property == SEVERAL { usize::MAX } else { 1 }).flatten() {
        match row.expose() {
            lines if property == SEVERAL => values.extend(lines.split(|byte| *byte == b'\n').map(Secret::from)),
            text if property.starts_with(OWN_SECRET) => {
                values.push(decoded(text).ok_or_else(|| {
                    Error::fail(format!("the {property} in the database begins as base64 and is none"))
                })?)
            }
            NONE if property == PASSWORD => {}
            _ => values.push(row),
        }
    }
    Ok(values)
}

/// What the database is to have for a property; none for one that goes.
fn kept_value(change: &Change<'_>) -> Option<Secret> {
    match change.values {
        [_, _, ..] if change.name == SEVERAL => {
            let values: Vec<&[u8]> = change.values.iter().map(Secret::expose).collect();
            Some(Secret::new(values.join(&b'\n')))
        }
        [value, ..] if change.name.starts_with(OWN_SECRET) => Some(encoded(value)),
        values => values.first().cloned(),
    }
}

/// A secret as a column for text can have it.
fn encoded(secret: &Secret) -> Secret {
    let bytes = secret.expose();
    let is_text = bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) && !bytes.starts_with(ENCODED);
    if is_text { secret.clone() } else { Secret::new([ENCODED, b64::encode(bytes).as_bytes()].concat()) }
}

fn decoded(text: &[u8]) -> Option<Secret> {
    match text.strip_prefix(ENCODED) {
        Some(base64) => b64::decode(base64).map(Secret::new),
        None => Some(Secret::from(text)),
    }
}

#[cfg(test)]
mod tests;
