//! The options of the database.

use std::borrow::Cow;
use std::time::Duration;

use super::driver::Engine;
use super::template::Template;
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

const TIMEOUT: Duration = Duration::from_secs(10);
const ENGINES: &str = "pgsql, mysql, sqlite, sqlite3";

/// The options that say which database and what is asked there, as they are written.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub engine: Engine,
    pub host_names: String,
    pub user: String,
    pub password: Secret,
    pub database: String,
    pub encrypted: bool,
    /// How long connecting to one host may take, and how long a statement.
    pub timeout: Duration,
    select: String,
    insert: Option<String>,
    update: Option<String>,
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        fn open(one: &Settings) -> impl PartialEq {
            let texts = [&one.host_names, &one.user, &one.database, &one.select];
            (texts, [&one.insert, &one.update], one.encrypted, one.timeout, one.engine)
        }
        open(self) == open(other) && bool::from(self.password.matches(other.password.expose()))
    }
}

/// The value of an option, as the SQL plugin asks for it.
fn option<'a>(options: &'a dyn Options, name: &str) -> Option<Cow<'a, str>> {
    options.get(Some("sql"), name).filter(|value| !value.trim().is_empty())
}

/// The statement that reads: without one there is no database.
pub(super) fn select(options: &dyn Options) -> Option<Cow<'_, str>> {
    option(options, "sql_select").or_else(|| option(options, "sql_statement"))
}

impl Settings {
    /// What the options say.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option, for a value that is none of its kind or missing.
    pub(super) fn read(options: &dyn Options) -> Result<Self> {
        let text = |name| option(options, name).map(Cow::into_owned);
        let wrong = |what: String| Err(Error::new(Code::ConfigErr, what));
        let Some(select) = select(options) else { return wrong("sql_select is not set".into()) };
        let name = text("sql_engine").unwrap_or_else(|| "mysql".into());
        let Some(engine) = Engine::named(&name) else {
            return wrong(format!("sql_engine is \"{name}\", which is none of {ENGINES}"));
        };
        let seconds = text("sql_timeout").map(|value| value.trim().parse::<u32>());
        let timeout = match seconds {
            None => TIMEOUT,
            Some(Ok(seconds)) if seconds > 0 => Duration::from_secs(seconds.into()),
            Some(_) => return wrong("sql_timeout is no number of seconds from 1 on".into()),
        };
        Ok(Settings {
            engine,
            host_names: text("sql_hostnames").unwrap_or_default(),
            user: text("sql_user").unwrap_or_default(),
            password: option(options, "sql_passwd").map(|password| Secret::from(password.as_ref())).unwrap_or_default(),
            database: text("sql_database").unwrap_or_default(),
            encrypted: options.flag(Some("sql"), "sql_usessl"),
            timeout,
            select: select.into_owned(),
            insert: text("sql_insert"),
            update: text("sql_update"),
        })
    }

    /// The hosts to connect to, in order. One that is empty is what the client library takes by itself.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        let named = || self.host_names.split(',').map(str::trim).filter(|host| !host.is_empty());
        let none = named().next().is_none().then_some("");
        named().chain(none)
    }

    /// Where the database is, for messages.
    pub(super) fn place(&self) -> String {
        let hosts = if self.engine == Engine::Sqlite { &self.database } else { &self.host_names };
        let at = if hosts.is_empty() { "" } else { " at " };
        format!("{}{at}{hosts}", self.engine.name())
    }
}

/// What is asked.
pub(super) struct Statements {
    pub select: Template,
    /// Those that insert and update; both or none.
    pub store: Option<(Template, Template)>,
}

impl Statements {
    /// The statements of the options.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option, for one in which values cannot be put where it says.
    pub(super) fn read(settings: &Settings) -> Result<Self> {
        let parse = |option, text: &str| Template::parse(option, text, settings.engine);
        Ok(Statements {
            select: parse("sql_select", &settings.select)?,
            store: match (&settings.insert, &settings.update) {
                (Some(insert), Some(update)) => Some((parse("sql_insert", insert)?, parse("sql_update", update)?)),
                _ => None,
            },
        })
    }
}
