//! `pwcheck_method: ldap`: the user's entry in a directory is searched for, and bound as with the password.
//!
//! The options are those of the saslauthd of Cyrus SASL, as far as there are such things here.

use std::ffi::CString;
use std::sync::Arc;

use super::{Attempt, PasswordVerifier, REFUSED, shown};
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::identity::split_realm;
use crate::ldap::Directory;
use crate::ldap::template::{Template, Values};
use crate::log::Level;
use crate::pool::Known;
use crate::secret::Secret;
use crate::sys::ldap::{Failure, Scope, Search};

mod settings;

use settings::Settings;

/// Result codes (RFC 4511 appendix A) by which a server says no to this user: the password, what the entry is, or what has
/// become of it.
const REFUSALS: &[i32] = &[19, 32, 48, 49, 50, 53];
const NO_SUCH_OBJECT: i32 = 32;

/// The verifier. Each directory that options name is connected to when it is first asked.
#[derive(Default)]
pub struct Ldap {
    homes: Known<Home>,
}

/// One directory.
struct Home {
    settings: Settings,
    place: Place,
    /// Connections that search.
    searching: Directory,
    /// Connections on which nothing is done but bind as users.
    binding: Directory,
}

/// Where the entry of a user is.
enum Place {
    /// It has this name.
    Name(Template),
    /// It is what a search finds, if that is one.
    Search { base: Template, filter: Template, scope: Scope },
}

impl PasswordVerifier for Ldap {
    fn name(&self) -> &str {
        "ldap"
    }

    fn prepare(&self, options: &dyn Options) {
        // What is missing is told to whoever needs it. The files that options name are read now, too.
        let _ = crate::sys::ldap::load();
        let _ = self.home(options);
    }

    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        logged(attempt, self.home(attempt.options).and_then(|home| home.verify(attempt, password)))
    }

    fn user_exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        logged(attempt, self.home(attempt.options).and_then(|home| home.exists(attempt)))
    }
}

fn logged(attempt: &Attempt<'_>, result: Result<()>) -> Result<()> {
    result.inspect_err(|error| {
        if !matches!(error.code(), Code::NoUser | Code::BadAuth) {
            attempt.log.log(Level::Err, error.detail());
        }
    })
}

impl Ldap {
    fn home(&self, options: &dyn Options) -> Result<Arc<Home>> {
        self.homes.get(
            Settings::read(options)?,
            |home| &home.settings,
            |settings| {
                let (place, [searching, binding]) = (settings.place()?, settings.directories()?);
                Ok(Home { settings, place, searching, binding })
            },
        )
    }
}

impl Home {
    fn verify(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<()> {
        // A name with an empty password binds as nobody, and that succeeds (RFC 4513 section 5.1.2). What comes after a NUL
        // some servers do not look at.
        if password.expose().is_empty() || password.expose().contains(&0) {
            return Err(Error::bad_auth(REFUSED));
        }
        let entry = self.entry(attempt)?;
        self.binding.with(|connection| connection.bind(&entry, password)).map_err(|failure| match failure.code() {
            Some(code) if REFUSALS.contains(&code) => {
                let line = format!("{} refuses {}: {failure}", self.binding.place(), shown(attempt.user));
                attempt.log.log(Level::Fail, &line);
                Error::bad_auth(REFUSED)
            }
            _ => self.binding.error(&failure),
        })
    }

    fn exists(&self, attempt: &Attempt<'_>) -> Result<()> {
        let entry = self.entry(attempt)?;
        if matches!(self.place, Place::Search { .. }) {
            return Ok(());
        }
        let search = Search {
            base: &entry,
            scope: Scope::Base,
            filter: c"(objectClass=*)",
            attributes: &[c"1.1".into()],
            most: 1,
        };
        match self.searching.with(|connection| connection.search(&search, b"")) {
            Ok(found) if !found.entries.is_empty() => Ok(()),
            Ok(_) => Err(unknown()),
            Err(failure) if failure.code() == Some(NO_SUCH_OBJECT) => Err(unknown()),
            Err(failure) => Err(self.searching.error(&failure)),
        }
    }

    /// The name of the user's entry.
    fn entry(&self, attempt: &Attempt<'_>) -> Result<CString> {
        let (user, realm) = split_realm(attempt.user, attempt.realm.unwrap_or_default().as_bytes());
        if user.is_empty() {
            return Err(unknown());
        }
        let values = Values { user, realm, service: attempt.service.as_bytes() };
        let text = |template: &Template| CString::new(template.fill(&values)).map_err(|_| unknown());
        let (base, filter, scope) = match &self.place {
            Place::Name(name) => return text(name),
            Place::Search { base, filter, scope } => (text(base)?, text(filter)?, *scope),
        };
        let search = Search { base: &base, scope, filter: &filter, attributes: &[c"1.1".into()], most: 2 };
        let found = match self.searching.with(|connection| connection.search(&search, b"")) {
            Ok(found) => found,
            // The base has a place for values, and there is no such part of the tree.
            Err(Failure::Refused(NO_SUCH_OBJECT, _)) if self.settings.base_has_places() => return Err(unknown()),
            Err(failure) => return Err(self.searching.error(&failure)),
        };
        match (&found.entries[..], found.is_all) {
            ([], true) => Err(unknown()),
            // Without a name it would be bound as nobody.
            ([entry], true) if !entry.name.is_empty() => Ok(entry.name.clone()),
            _ => Err(Error::fail(format!(
                "{}: {} is not the only one whom ldap_filter finds",
                self.searching.place(),
                shown(attempt.user)
            ))),
        }
    }
}

fn unknown() -> Error {
    Error::new(Code::NoUser, "no such user in the directory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_wrong_are_named() {
        let base = ("ldap_search_base", "dc=example");
        for (option, value) in [
            ("ldap_servers", "localhost"),
            ("ldap_filter", "(uid=%x)"),
            ("ldap_filter", "(objectClass=*)"),
            ("ldap_filter", "(o=%d)"),
            ("ldap_scope", "all"),
            ("ldap_timeout", "x"),
            ("ldap_rc", "/nonexistent/rc"),
            ("ldap_user_dn", "cn=admin"),
            ("ldap_user_dn", "uid=%u"),
            ("ldap_bind_dn", "cn=admin"),
            ("ldap_group_dn", "cn=admins"),
            ("ldap_auth_method", "custom"),
        ] {
            let error =
                Ldap::default().home(&[(option, value), base]).err().unwrap_or_else(|| panic!("{option}: {value}"));
            assert_eq!(error.code(), Code::ConfigErr);
            assert!(error.detail().contains(option), "{option}: {error}");
        }
        let none = Ldap::default().home(&crate::config::NoOptions).err().unwrap();
        assert!(none.detail().contains("ldap_search_base"), "{none}");
    }

    #[test]
    fn a_directory_is_made_once() {
        let ldap = Ldap::default();
        let home = |password| {
            ldap.home(&[("ldap_search_base", "dc=x"), ("ldap_bind_dn", "cn=x"), ("ldap_bind_pw", password)]).unwrap()
        };
        assert!(Arc::ptr_eq(&home("a"), &home("a")));
        assert!(!Arc::ptr_eq(&home("a"), &home("b")));
    }
}
