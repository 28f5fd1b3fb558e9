//! The GSS-API of MIT Kerberos, for the mechanisms that stand on it (RFC 4752, RFC 4178, RFC 5801). The library is opened when
//! it is first needed; what it gives out frees itself.

use std::path::Path;

use crate::config::environment;
pub use crate::sys::gss::{Context, Cred, Credentials, Failure, ForeignCred, Mech, Name, Parties, Usage, flag, load};

/// What may say where the keys of a server are, when neither an option nor the environment does.
const CONFIGURED_IN: [&str; 2] = ["/etc/krb5.keytab", "/etc/krb5.conf"];

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
        let told =
            self.keytab.is_some() || ["KRB5_KTNAME", "KRB5_CONFIG"].iter().any(|name| environment(name).is_some());
        if !told && !CONFIGURED_IN.iter().any(|path| Path::new(path).exists()) {
            return Err(format!("there is no keytab: no option keytab, no KRB5_KTNAME, no {}", CONFIGURED_IN[0]));
        }
        if self.principal.is_none() {
            // A principal is taken as it is written; to find a service the library looks up its host.
            let name = Name::principal(&format!("{}/{}", self.service, self.fqdn));
            let own = name.and_then(|name| Cred::acquire(Some(&name), Usage::Accept, mech, self.keytab));
            let Err(reason) = own else { return Ok(()) };
            // Without any key there is nothing to find, and the reason says what is wrong with the file.
            Cred::acquire(None, Usage::Accept, mech, self.keytab).map_err(|_| reason.to_string())?;
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

/// The effective user ID, for the names of files.
#[must_use]
pub fn effective_user() -> String {
    crate::sys::env::effective_uid().to_string()
}
