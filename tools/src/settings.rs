//! The configuration of a tool: that of the interface of SASL 1.5 or of 2.1.

use std::borrow::Cow;

use oxisasl::config::{ConfigFile, Options, Verdict, environment, search_path};
use oxisasl::{Code, Result};

/// The application whose configuration is read when none is named, in both interfaces.
pub const APPLICATION: &str = "saslpasswd";

/// Which interface the programs have whose password database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// SASL 1.5: `libsasl.so.7`.
    Classic,
    /// SASL 2.1: `libsasl2.so.2`.
    Current,
}

impl Interface {
    /// Where the database is, unless the configuration says otherwise.
    #[must_use]
    pub fn database(self) -> &'static str {
        match self {
            Interface::Classic => "/etc/sasldb",
            Interface::Current => "/etc/sasldb2",
        }
    }

    /// The directories that may hold the configuration, separated by colons.
    fn directories(self) -> String {
        match self {
            // SASL 1.5 looks into one only.
            Interface::Classic => {
                let path = environment("SASL_PATH").unwrap_or_else(|| "/usr/lib/sasl".to_owned());
                path.split([':', '=']).next().unwrap_or_default().to_owned()
            }
            Interface::Current => search_path(),
        }
    }
}

/// The options of a configuration file, and what the command line says instead.
#[derive(Debug)]
pub struct Settings {
    interface: Interface,
    file: Option<ConfigFile>,
    database: Option<String>,
}

impl Settings {
    /// Reads `<application>.conf` from where the interface has its configuration. That there is none is fine. A database
    /// given here goes before the option `sasldb_path`.
    ///
    /// # Errors
    /// [`Code::Fail`], with the file and line, when it cannot be read or understood.
    pub fn read(interface: Interface, application: &str, database: Option<String>) -> Result<Self> {
        let file = ConfigFile::find(&interface.directories(), application, |_| Verdict::Use)
            .map_err(|error| error.with_code(Code::Fail))?;
        Ok(Settings { interface, file, database })
    }

    /// The path of the database.
    #[must_use]
    pub fn database(&self) -> Cow<'_, str> {
        self.get(None, "sasldb_path").unwrap_or(self.interface.database().into())
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
