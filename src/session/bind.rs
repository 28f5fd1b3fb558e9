//! The engine's own client as the one who binds to a directory.

use std::sync::Arc;

use super::{ClientParams, ClientSession};
use crate::client::Client;
use crate::error::Result;
use crate::ldap::sasl::{Authenticator, Exchange, Login};
use crate::prompt::{Answer, Answers, Prompt, PromptKind};
use crate::secret::Secret;
use crate::sys::ldap::Codec;

impl Authenticator for Arc<Client> {
    fn exchange(&self, login: &Login<'_>) -> Result<Box<dyn Exchange>> {
        let answers = Known {
            id: login.id.map(Secret::from),
            password: login.password.cloned(),
            realm: login.realm.map(Secret::from),
        };
        let session = self.session(ClientParams::new("ldap", answers).fqdn(login.host))?;
        session.set_security(login.security)?;
        session.set_external_ssf(login.external_ssf);
        if login.external_ssf > 0 {
            // Whom TLS or the socket tells of the server knows, and only that counts.
            session.set_external_id(Some(login.id.unwrap_or("EXTERNAL").as_bytes()));
        }
        Ok(Box::new(Binding { session, is_done: false }))
    }
}

/// What an option says about who binds.
struct Known {
    id: Option<Secret>,
    password: Option<Secret>,
    realm: Option<Secret>,
}

impl Known {
    fn find(&self, kind: PromptKind) -> Option<Secret> {
        match kind {
            PromptKind::AuthName => self.id.clone(),
            PromptKind::Pass => self.password.clone(),
            PromptKind::Realm => self.realm.clone(),
            // As oneself.
            PromptKind::User => Some(Secret::default()),
            _ => None,
        }
    }
}

impl Answers for Known {
    fn answer(&self, prompt: &Prompt) -> Answer {
        self.find(prompt.kind).map_or(Answer::Unsupported, Answer::Value)
    }

    fn supports(&self, kind: PromptKind) -> bool {
        self.find(kind).is_some()
    }
}

/// An exchange, and then the layer that came of it.
struct Binding {
    session: ClientSession,
    is_done: bool,
}

impl Exchange for Binding {
    fn start(&mut self, offered: &str) -> Result<(String, Option<Vec<u8>>)> {
        let start = self.session.start(offered)?;
        self.is_done = start.progress.is_done();
        Ok((start.mechanism.into_owned(), start.progress.data().map(<[u8]>::to_vec)))
    }

    fn step(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>> {
        let progress = self.session.step(Some(message))?;
        self.is_done = progress.is_done();
        Ok(progress.data().map(<[u8]>::to_vec))
    }

    fn is_done(&self) -> bool {
        self.is_done
    }

    fn into_layer(self: Box<Self>) -> Option<Box<dyn Codec>> {
        (self.session.ssf() > 0).then_some(self as Box<dyn Codec>)
    }
}

impl Codec for Binding {
    fn encode(&mut self, clear: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.session.encode(&[clear], out).ok()
    }

    fn decode(&mut self, input: &[u8], clear: &mut Vec<u8>) -> Option<()> {
        self.session.decode(input, clear).ok()
    }
}
