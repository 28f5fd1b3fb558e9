//! Binding to a directory by SASL (RFC 4513 section 5.2).

use std::ffi::CString;
use std::sync::Arc;

use super::{Rc, texts_of};
use crate::error::Result;
use crate::policy::{SecurityProps, Ssf};
use crate::secret::Secret;
use crate::sys::ldap::{Bound, Codec, Connection, Failure};

/// The strength that TLS counts for: no cipher in use is weaker.
pub(super) const TLS: Ssf = 128;
/// The same for a socket of the machine itself.
pub(super) const LOCAL: Ssf = 71;

/// The client that takes part in the exchange, which is not of this layer.
pub(crate) trait Authenticator: Send + Sync {
    /// An exchange that is about to begin.
    ///
    /// # Errors
    /// Why there is none.
    fn exchange(&self, login: &Login<'_>) -> Result<Box<dyn Exchange>>;
}

/// Who binds, and where.
pub(crate) struct Login<'a> {
    pub host: &'a str,
    /// Whose credentials are used.
    pub id: Option<&'a str>,
    pub password: Option<&'a Secret>,
    pub realm: Option<&'a str>,
    /// The strength of what is underneath.
    pub external_ssf: Ssf,
    pub security: SecurityProps,
}

/// A client's side of an exchange.
pub(crate) trait Exchange: Send {
    /// Chooses among the mechanisms that the server offers; the one chosen, and the first message.
    ///
    /// # Errors
    /// Why none can be used.
    fn start(&mut self, offered: &str) -> Result<(String, Option<Vec<u8>>)>;

    /// The answer to a message of the server's.
    ///
    /// # Errors
    /// Why the exchange ends here.
    fn step(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Whether the server has proved, and been told, all that the mechanism wants.
    fn is_done(&self) -> bool;

    /// The security layer that was agreed upon, if there is one.
    fn into_layer(self: Box<Self>) -> Option<Box<dyn Codec>>;
}

/// Who binds.
pub(crate) struct Credentials {
    pub client: Arc<dyn Authenticator>,
    pub id: Option<String>,
    pub password: Option<Secret>,
    /// The mechanisms to choose from; without any, those that the server offers.
    pub mechanisms: Option<String>,
}

impl Credentials {
    /// Binds.
    ///
    /// # Errors
    /// [`Failure`]; the connection is of no more use then.
    pub(super) fn bind(&self, connection: &mut Connection, host: &str, strength: Ssf, rc: &Rc) -> Result<(), Failure> {
        let (min_ssf, max_ssf, max_buf) = connection.layer_limits();
        let login = Login {
            host,
            id: self.id.as_deref(),
            password: self.password.as_ref(),
            realm: rc.realm.as_deref(),
            external_ssf: strength,
            security: SecurityProps { min_ssf, max_ssf, max_buf, flags: rc.flags },
        };
        let offered = match &self.mechanisms {
            Some(list) => list.clone(),
            None => offered(connection)?,
        };
        let mut exchange = self.client.exchange(&login).map_err(untrusted)?;
        let (mechanism, mut message) = exchange.start(&offered).map_err(untrusted)?;
        let mechanism = CString::new(mechanism).map_err(untrusted)?;
        loop {
            match connection.sasl_bind(&mechanism, message.as_deref())? {
                Bound::Continue(said) => {
                    let answer = exchange.step(&said.unwrap_or_default()).map_err(untrusted)?;
                    message = Some(answer.unwrap_or_default());
                }
                Bound::Done(said) => {
                    if !exchange.is_done() {
                        exchange.step(&said.unwrap_or_default()).map_err(untrusted)?;
                    }
                    if !exchange.is_done() {
                        return Err(Failure::Untrusted("the server ends the exchange before it is over".into()));
                    }
                    break;
                }
            }
        }
        exchange.into_layer().map_or(Ok(()), |layer| connection.protect(layer))
    }
}

/// What ends the exchange on this side.
fn untrusted(error: impl ToString) -> Failure {
    Failure::Untrusted(error.to_string())
}

/// The mechanisms that the server offers.
fn offered(connection: &mut Connection) -> Result<String, Failure> {
    Ok(texts_of(connection, c"", c"(objectClass=*)", c"supportedSASLMechanisms")?.join(" "))
}
