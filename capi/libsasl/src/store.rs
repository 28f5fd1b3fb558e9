//! The users' secrets: the application's own store, where it has callbacks for one, else the database.

use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::{AuxProp, Change, LookupFlags, StoreCx};
use oxisasl::{Code, Error, Result};

use oxisasl::props::Props;

use crate::abi::cb;
use crate::calls::{self, Ask, SecretName};
use crate::conn;

/// What the properties of mechanisms' own secrets begin with.
const OWN_SECRET: &str = "cmusaslsecret";

/// The mechanisms whose users are those with a secret in the database.
pub const HIDDEN: &[&str] = &["CRAM-MD5", "DIGEST-MD5"];

/// The store of secrets.
pub struct Secrets {
    database: Sasldb,
    /// Why CRAM-MD5 and DIGEST-MD5 are not to use the database, if the application does not want them to.
    refused: Option<String>,
}

impl Secrets {
    /// Secrets of a database.
    pub fn new(database: Sasldb, refused: Option<String>) -> Self {
        Secrets { database, refused }
    }
}

impl AuxProp for Secrets {
    fn name(&self) -> &str {
        self.database.name()
    }

    fn lookup(&self, cx: &StoreCx<'_>, user: &[u8], flags: LookupFlags, props: &Props) -> Result<()> {
        let Some(callback) = callback(cx, cb::SERVER_GETSECRET) else {
            return self.database.lookup(cx, user, flags, props);
        };
        let (name, realm) = cx.account(user);
        let (mut asked, mut found) = (false, false);
        for (requested, property) in flags.wanted(props) {
            let Some(mechanism) = property.strip_prefix(OWN_SECRET) else { continue };
            asked = true;
            match calls::get_secret(callback, &SecretName::new(mechanism, name, realm)) {
                Ok(Some(secret)) => {
                    props.add(&requested, secret)?;
                    found = true;
                }
                Ok(None) => {}
                Err(error) if error.code() == Code::NoUser => {}
                Err(error) => return Err(error),
            }
        }
        if found || !asked { Ok(()) } else { Err(Error::from(Code::NoUser)) }
    }

    fn serves(&self, cx: &StoreCx<'_>, mechanism: &str) -> Result<()> {
        if callback(cx, cb::SERVER_GETSECRET).is_some() {
            return Ok(());
        }
        match &self.refused {
            Some(why) if HIDDEN.contains(&mechanism) => Err(Error::new(Code::NoUser, why.clone())),
            _ => self.database.serves(cx, mechanism),
        }
    }

    fn can_store(&self, cx: &StoreCx<'_>) -> Result<()> {
        if callback(cx, cb::SERVER_PUTSECRET).is_some() { Ok(()) } else { self.database.can_store(cx) }
    }

    fn store(&self, cx: &StoreCx<'_>, user: &[u8], changes: &[Change<'_>]) -> Result<()> {
        let Some(callback) = callback(cx, cb::SERVER_PUTSECRET) else { return self.database.store(cx, user, changes) };
        let (name, realm) = cx.account(user);
        for change in changes {
            if let Some(mechanism) = change.name.strip_prefix(OWN_SECRET) {
                calls::put_secret(callback, &SecretName::new(mechanism, name, realm), change.values.first())?;
            }
        }
        Ok(())
    }
}

/// The callback of the connection that asks.
fn callback(cx: &StoreCx<'_>, id: std::ffi::c_ulong) -> Option<Ask> {
    calls::ask(conn::hooks_of(cx.host)?.find(id))
}
