//! The options of the directory.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::ldap::sasl::{Authenticator, Credentials};
use crate::ldap::{self, Directory, Login, Rc, StartTls};
use crate::secret::Secret;

/// The options, as they are written.
pub(super) struct Settings {
    uri: String,
    id: Option<String>,
    password: Option<Secret>,
    mechanisms: Option<String>,
    rc: Option<String>,
    start_tls: StartTls,
    canon_attribute: Option<String>,
    pub timeout: Duration,
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        fn open(one: &Settings) -> impl PartialEq {
            let texts = [&one.id, &one.mechanisms, &one.rc, &one.canon_attribute];
            (&one.uri, texts, one.start_tls, one.timeout)
        }
        let same = match (&self.password, &other.password) {
            (Some(one), Some(other)) => one.matches(other.expose()).into(),
            (one, other) => one.is_none() && other.is_none(),
        };
        open(self) == open(other) && same
    }
}

/// The value of an option, as the plugin asks for it.
fn option<'a>(options: &'a dyn Options, name: &str) -> Option<Cow<'a, str>> {
    options.get(Some("ldapdb"), name).filter(|value| !value.trim().is_empty())
}

/// The servers: without any there is no directory.
pub(super) fn uri(options: &dyn Options) -> Option<Cow<'_, str>> {
    option(options, "ldapdb_uri")
}

impl Settings {
    /// What the options say.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option, for a value that is none of its kind or missing.
    pub(super) fn read(options: &dyn Options) -> Result<Self> {
        let text = |name| option(options, name).map(Cow::into_owned);
        let wrong = |what: String| Err(Error::new(Code::ConfigErr, what));
        let Some(uri) = uri(options) else { return wrong("ldapdb_uri is not set".into()) };
        let start_tls = match text("ldapdb_starttls").as_deref().map(str::trim) {
            None => StartTls::No,
            Some("try") => StartTls::Try,
            Some("demand") => StartTls::Demand,
            Some(other) => return wrong(format!("ldapdb_starttls is \"{other}\", which is none of try, demand")),
        };
        let canon_attribute = text("ldapdb_canon_attr").map(|name| name.trim().to_owned());
        if let Some(name) = canon_attribute.as_ref().filter(|name| !super::is_attribute(name)) {
            return wrong(format!("ldapdb_canon_attr is \"{name}\", which is no name of an attribute"));
        }
        Ok(Settings {
            uri: uri.into_owned(),
            id: text("ldapdb_id"),
            password: option(options, "ldapdb_pw").map(|password| Secret::from(password.as_ref())),
            mechanisms: text("ldapdb_mech"),
            rc: text("ldapdb_rc"),
            start_tls,
            canon_attribute,
            timeout: ldap::timeout("ldapdb_timeout", option(options, "ldapdb_timeout").as_deref())?,
        })
    }

    /// The attribute that has a user's canonical name.
    pub(super) fn canon_attribute(&self) -> Option<&str> {
        self.canon_attribute.as_deref()
    }

    /// The directory.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option.
    pub(super) fn directory(&self, client: Arc<dyn Authenticator>) -> Result<Directory> {
        let rc = self.rc.as_deref().map(|path| Rc::read("ldapdb_rc", path.trim())).transpose()?;
        let login = Login::Sasl(Credentials {
            client,
            id: self.id.clone(),
            password: self.password.clone(),
            mechanisms: self.mechanisms.clone(),
        });
        Directory::new(&self.uri, self.start_tls, rc.unwrap_or_default(), self.timeout, login)
            .map_err(|error| Error::new(Code::ConfigErr, format!("ldapdb_uri: {}", error.detail())))
    }
}
