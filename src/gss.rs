//! The GSS-API of MIT Kerberos, for the mechanisms that stand on it (RFC 4752, RFC 4178, RFC 5801). The library is opened when
//! it is first needed; what it gives out frees itself.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::environment;
pub use crate::sys::gss::{Context, Cred, Credentials, Failure, ForeignCred, Mech, Name, Parties, Usage, flag, load};

/// Where the keys of a server are, when nothing says otherwise, and what may.
const DEFAULT_KEYTAB: &str = "/etc/krb5.keytab";
const CONFIGURED_IN: [&str; 2] = [DEFAULT_KEYTAB, "/etc/krb5.conf"];

/// For how long a server is believed to have no key of its own: MIT Kerberos loses memory with each look for one that is not
/// there.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The credentials of a server, by what says which they are.
#[derive(Clone, Copy, Debug)]
pub struct Acceptor<'a> {
    /// The service and its host: `imap`, `mail.example.com`.
    pub service: &'a str,
    /// The host's name.
    pub fqdn: &'a str,
    /// The option `keytab`.
    pub keytab: Option<&'a str>,
    /// The option `service_principal`: a service (`imap@host`), a principal (`imap/host@REALM`), or `*` for any.
    pub principal: Option<&'a str>,
}

impl Acceptor<'_> {
    /// Looks whether there are such credentials, without the library if there cannot be any, and without a look-up of the
    /// host's name if there are.
    ///
    /// # Errors
    /// Why there are none.
    pub fn look_for(&self) -> Result<(), String> {
        let mech = Mech::Krb5;
        let file = self.keytab.map(str::to_owned).or_else(|| environment("KRB5_KTNAME"));
        let told = file.is_some() || environment("KRB5_CONFIG").is_some();
        if !told && !CONFIGURED_IN.iter().any(|path| Path::new(path).exists()) {
            return Err(format!("there is no keytab: no option keytab, no KRB5_KTNAME, no {DEFAULT_KEYTAB}"));
        }
        if let Err(failure) = Cred::acquire(None, Usage::Accept, mech, self.keytab) {
            return Err(explain(&failure, file.as_deref().unwrap_or(DEFAULT_KEYTAB)));
        }
        if self.principal.is_none() {
            // A principal is taken as it is written; to find a service the library looks up its host.
            let principal = format!("{}/{}", self.service, self.fqdn);
            let find = |name| Cred::acquire(Some(&name), Usage::Accept, mech, self.keytab);
            return remembering_failures(&[&principal, self.keytab.unwrap_or_default()], || {
                Name::principal(&principal).and_then(find).or_else(|_| self.acquire(mech)).map(drop)
            });
        }
        self.acquire(mech).map(drop).map_err(|failure| failure.to_string())
    }

    /// The credentials.
    ///
    /// # Errors
    /// Why there are none.
    pub fn acquire(&self, mech: Mech) -> Result<Cred, Failure> {
        let name = match self.principal {
            Some("*") => None,
            Some(principal) if principal.contains('/') => Some(Name::principal(principal)?),
            Some(service) => Some(Name::service(service)?),
            None => Some(Name::service(&format!("{}@{}", self.service, self.fqdn))?),
        };
        Cred::acquire(name.as_ref(), Usage::Accept, mech, self.keytab)
    }
}

/// Whether a keytab is named by the option, given here, or the environment, or is at its usual place.
#[must_use]
pub fn has_keytab(keytab: Option<&str>) -> bool {
    keytab.is_some() || environment("KRB5_KTNAME").is_some() || Path::new(DEFAULT_KEYTAB).exists()
}

/// Why there is no key at all. The library does not tell a keytab that it may not read from one that is not there.
fn explain(failure: &Failure, keytab: &str) -> String {
    match std::fs::File::open(keytab.strip_prefix("FILE:").unwrap_or(keytab)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => format!("{failure}: {keytab}: {error}"),
        _ => failure.to_string(),
    }
}

/// The result of a look for something, or that of the last one if it failed and was not long ago.
fn remembering_failures(what: &[&str], look: impl FnOnce() -> Result<(), Failure>) -> Result<(), String> {
    static FAILED: Mutex<Vec<(String, Instant, String)>> = Mutex::new(Vec::new());
    let what = what.join("\0");
    let known = || FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let last = known().iter().find(|entry| entry.0 == what && now - entry.1 < REMEMBERED).map(|entry| entry.2.clone());
    if let Some(reason) = last {
        return Err(reason);
    }
    let result = look().map_err(|failure| failure.to_string());
    let mut known = known();
    known.retain(|entry| entry.0 != what && now - entry.1 < REMEMBERED);
    if let Err(reason) = &result {
        known.push((what, now, reason.clone()));
    }
    result
}

/// The effective user ID, for the names of files.
#[must_use]
pub fn effective_user() -> String {
    crate::sys::env::effective_uid().to_string()
}
