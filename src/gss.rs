//! The GSS-API of MIT Kerberos, for the mechanisms that stand on it (RFC 4752, RFC 4178, RFC 5801). The library is opened when
//! it is first needed; what it gives out frees itself.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::environment;
pub use crate::sys::gss::{Context, Cred, Credentials, Failure, ForeignCred, Mech, Name, Parties, Usage, flag, load};

/// Where the keys of a server are, when nothing says otherwise, and what may: a file, which may name others, and the
/// environment.
const DEFAULT_KEYTAB: &str = "/etc/krb5.keytab";
const CONFIG: &str = "/etc/krb5.conf";
const CONFIG_WORDS: [&str; 3] = ["default_keytab_name", "include", "module"];
const VARIABLES: [&str; 2] = ["KRB5_CONFIG", "GSS_USE_PROXY"];

/// For how long a server is believed to have a key of its own, or none. A look reads files each time, and MIT Kerberos loses
/// memory when the key is not there.
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
        let file = self.keytab.map(str::to_owned).or_else(|| environment("KRB5_KTNAME"));
        let file = file.as_deref();
        let what = [self.service, self.fqdn, self.principal.unwrap_or_default(), file.unwrap_or_default()];
        remembering(what, || self.look_in(file))
    }

    fn look_in(&self, file: Option<&str>) -> Result<(), String> {
        let mech = Mech::Krb5;
        let told = file.is_some() || VARIABLES.iter().any(|name| environment(name).is_some());
        if !told && !Path::new(DEFAULT_KEYTAB).exists() && !may_name_keytab(std::fs::read(CONFIG)) {
            return Err(format!("there is no keytab: no option keytab, no KRB5_KTNAME, no {DEFAULT_KEYTAB}"));
        }
        if let Err(failure) = Cred::acquire(None, Usage::Accept, mech, self.keytab) {
            return Err(explain(&failure, file.unwrap_or(DEFAULT_KEYTAB)));
        }
        if self.principal.is_none() {
            // A principal is taken as it is written; to find a service the library looks up its host.
            let principal = format!("{}/{}", self.service, self.fqdn);
            let find = |name| Cred::acquire(Some(&name), Usage::Accept, mech, self.keytab);
            if Name::principal(&principal).and_then(find).is_ok() {
                return Ok(());
            }
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

/// Whether a configuration of Kerberos may say where else the keys are. What cannot be read the library may explain.
fn may_name_keytab(config: std::io::Result<Vec<u8>>) -> bool {
    let names = |line: &str| CONFIG_WORDS.iter().any(|word| line.trim_start().starts_with(word));
    match config {
        Ok(text) => String::from_utf8_lossy(&text).lines().any(names),
        Err(error) => error.kind() != ErrorKind::NotFound,
    }
}

/// Why there is no key at all. The library does not tell a keytab that it may not read from one that is not there.
fn explain(failure: &Failure, keytab: &str) -> String {
    match std::fs::File::open(keytab.strip_prefix("FILE:").unwrap_or(keytab)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => format!("{failure}: {keytab}: {error}"),
        _ => failure.to_string(),
    }
}

/// The result of a look for something, or that of the last one if it was not long ago.
fn remembering<const N: usize>(what: [&str; N], look: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    type Look = (Vec<String>, Instant, Result<(), String>);
    static KNOWN: Mutex<Vec<Look>> = Mutex::new(Vec::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let last = known().iter().find(|look| look.0 == what && now - look.1 < REMEMBERED).map(|look| look.2.clone());
    if let Some(result) = last {
        return result;
    }
    let result = look();
    let mut known = known();
    known.retain(|look| look.0 != what && now - look.1 < REMEMBERED);
    known.push((what.map(str::to_owned).into(), now, result.clone()));
    result
}

/// The effective user ID, for the names of files.
#[must_use]
pub fn effective_user() -> String {
    crate::sys::env::effective_uid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_asked_where_a_keytab_may_be_named() {
        let text = |text: &str| may_name_keytab(Ok(text.as_bytes().to_vec()));
        assert!(!text(""));
        assert!(!text("[libdefaults]\n\tdefault_realm = EXAMPLE.COM\n\tdns_lookup_kdc = no\n"));
        assert!(!text("# default_keytab_name = FILE:/x\n"));
        assert!(text("[libdefaults]\n  default_realm = X\n\tdefault_keytab_name = FILE:/x\n"));
        assert!(text("includedir /etc/krb5.conf.d/\n\n[libdefaults]\n"));
        assert!(text("include /etc/other.conf"));
        assert!(text("module /usr/lib/x.so:residual\n"));
        assert!(!may_name_keytab(Err(ErrorKind::NotFound.into())));
        assert!(may_name_keytab(Err(ErrorKind::PermissionDenied.into())));
    }
}
