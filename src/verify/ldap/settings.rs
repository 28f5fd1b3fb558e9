//! The options of the directory.

use std::borrow::Cow;
use std::ffi::CString;
use std::time::Duration;

use super::Place;
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::ldap::template::Template;
use crate::ldap::{self, Directory, Login, Rc, StartTls};
use crate::secret::Secret;
use crate::sys::ldap::Scope;

const SERVERS: &str = "ldap://localhost/";
const FILTER: &str = "(uid=%u)";
/// Options of that saslauthd that would let fewer users in, or other ones: none is passed over in silence.
const FOREIGN: &[&str] = &[
    "ldap_auth_method",
    "ldap_group_attr",
    "ldap_group_dn",
    "ldap_group_filter",
    "ldap_group_match_method",
    "ldap_mech",
    "ldap_use_sasl",
];

/// The options, as they are written.
pub(super) struct Settings {
    servers: String,
    start_tls: StartTls,
    timeout: Duration,
    rc: Option<String>,
    bind_name: Option<String>,
    bind_password: Option<Secret>,
    base: Option<String>,
    filter: String,
    scope: Scope,
    user_name: Option<String>,
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        fn open(one: &Settings) -> impl PartialEq {
            let names = [&one.rc, &one.bind_name, &one.base, &one.user_name];
            ([&one.servers, &one.filter], names, one.start_tls, one.timeout, one.scope)
        }
        let same = match (&self.bind_password, &other.bind_password) {
            (Some(one), Some(other)) => one.matches(other.expose()).into(),
            (one, other) => one.is_none() && other.is_none(),
        };
        open(self) == open(other) && same
    }
}

fn option<'a>(options: &'a dyn Options, name: &str) -> Option<Cow<'a, str>> {
    options.get(None, name).filter(|value| !value.trim().is_empty())
}

fn wrong<T>(what: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(Error::new(Code::ConfigErr, what))
}

/// Whether TLS is begun: no unless it is set; a value that is not understood means yes.
fn start_tls(value: Option<&str>) -> StartTls {
    let no = |value: &str| ["no", "n", "false", "f", "off", "0"].iter().any(|no| value.eq_ignore_ascii_case(no));
    if value.is_some_and(|value| !no(value.trim())) { StartTls::Demand } else { StartTls::No }
}

impl Settings {
    /// What the options say.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option, for a value that is none of its kind or missing.
    pub(super) fn read(options: &dyn Options) -> Result<Self> {
        let text = |name| option(options, name).map(Cow::into_owned);
        for name in FOREIGN {
            if text(name).is_some_and(|value| *name != "ldap_auth_method" || value.trim() != "bind") {
                return wrong(format!("{name} is an option of saslauthd that pwcheck_method: ldap does not have"));
            }
        }
        let scope = match text("ldap_scope").as_deref().map(str::trim) {
            None | Some("sub") => Scope::Subtree,
            Some("one") => Scope::One,
            Some("base") => Scope::Base,
            Some(other) => return wrong(format!("ldap_scope is \"{other}\", which is none of sub, one, base")),
        };
        Ok(Settings {
            servers: text("ldap_servers").unwrap_or_else(|| SERVERS.into()),
            start_tls: start_tls(option(options, "ldap_start_tls").as_deref()),
            timeout: ldap::timeout("ldap_timeout", option(options, "ldap_timeout").as_deref())?,
            rc: text("ldap_rc"),
            bind_name: text("ldap_bind_dn"),
            bind_password: option(options, "ldap_bind_pw").map(|password| Secret::from(password.as_ref())),
            base: text("ldap_search_base"),
            filter: text("ldap_filter").unwrap_or_else(|| FILTER.into()),
            scope,
            user_name: text("ldap_user_dn"),
        })
    }

    /// Whether where the search begins depends on who is searched for.
    pub(super) fn base_has_places(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.contains('%'))
    }

    /// Where the entries of users are.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option, when that would be the same for all of them.
    pub(super) fn place(&self) -> Result<Place> {
        if let Some(name) = &self.user_name {
            if self.base.is_some() {
                return wrong(
                    "ldap_user_dn and ldap_search_base: either the name of the entry is known, or it is searched for",
                );
            }
            let name = Template::parse("ldap_user_dn", name)?;
            if !name.has_user() {
                return wrong("ldap_user_dn has no %u or %U: it would be the same entry for every user");
            }
            return Ok(Place::Name(name));
        }
        let Some(base) = &self.base else { return wrong("neither ldap_search_base nor ldap_user_dn is set") };
        let (base, filter) =
            (Template::parse("ldap_search_base", base)?, Template::parse("ldap_filter", &self.filter)?);
        if !filter.has_user() {
            return wrong("ldap_filter has no %u or %U: it would find the same entry for every user");
        }
        Ok(Place::Search { base, filter, scope: self.scope })
    }

    /// The directory as searched and as bound to.
    ///
    /// # Errors
    /// [`Code::ConfigErr`], with the option.
    pub(super) fn directories(&self) -> Result<[Directory; 2]> {
        let login = match (&self.bind_name, &self.bind_password) {
            (None, _) => Login::Nobody,
            // Without a password it would be nobody who searches.
            (Some(_), None) => return wrong("ldap_bind_dn is set, and ldap_bind_pw is not"),
            (Some(name), Some(password)) => match CString::new(name.as_str()) {
                Ok(name) => Login::Simple(name, password.clone()),
                Err(_) => return wrong("ldap_bind_dn has a NUL"),
            },
        };
        let directory = |login| {
            let rc = self.rc.as_deref().map(|path| Rc::read("ldap_rc", path.trim())).transpose()?;
            Directory::new(&self.servers, self.start_tls, rc.unwrap_or_default(), self.timeout, login)
                .map_err(|error| Error::new(Code::ConfigErr, format!("ldap_servers: {}", error.detail())))
        };
        Ok([directory(login)?, directory(Login::Nobody)?])
    }
}
