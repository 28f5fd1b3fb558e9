//! What the tools of the SASL 1.5 interface share: their configuration.

use std::borrow::Cow;

use oxisasl::config::{ConfigFile, Options, Verdict, environment};
use oxisasl::{Code, Result};

/// Where the configuration is, unless the environment's `SASL_PATH` says otherwise.
pub const DIRECTORY: &str = "/usr/lib/sasl";
/// Where the database is, unless the configuration says otherwise.
pub const DATABASE: &str = "/etc/sasldb";
/// The application whose configuration is read when none is named.
pub const APPLICATION: &str = "saslpasswd";

/// The options of a configuration file, and what the command line says instead.
#[derive(Debug, Default)]
pub struct Settings {
    file: Option<ConfigFile>,
    database: Option<String>,
}

impl Settings {
    /// Reads `<application>.conf` of the first directory of `SASL_PATH`, or of [`DIRECTORY`]. That there is none is fine.
    /// A database given here goes before the option `sasldb_path`.
    ///
    /// # Errors
    /// [`Code::Fail`], with the file and line, when it cannot be read or understood.
    pub fn read(application: &str, database: Option<String>) -> Result<Self> {
        let path = environment("SASL_PATH");
        let directory = path.as_deref().unwrap_or(DIRECTORY);
        let first = directory.split([':', '=']).next().unwrap_or_default();
        let file =
            ConfigFile::find(first, application, |_| Verdict::Use).map_err(|error| error.with_code(Code::Fail))?;
        Ok(Settings { file, database })
    }

    /// The path of the database.
    #[must_use]
    pub fn database(&self) -> Cow<'_, str> {
        self.get(None, "sasldb_path").unwrap_or(DATABASE.into())
    }
}

impl Options for Settings {
    fn get(&self, plugin: Option<&str>, name: &str) -> Option<Cow<'_, str>> {
        match (name, &self.database) {
            ("sasldb_path", Some(path)) => Some(path.into()),
            _ => self.file.get(plugin, name),
        }
    }
}
