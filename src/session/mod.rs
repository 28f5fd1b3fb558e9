//! What the two sides of a session have in common.
//!
//! A session's methods take `&self`: an application's callbacks, and plugins, ask for properties of the very session
//! that is being stepped. The state is in cells that are borrowed for moments only, never while foreign code runs; a
//! step within a step is refused.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::chanbind::{BindingPolicy, ChannelBinding};
use crate::config::Options;
use crate::error::{Code, Error, Result};
use crate::gss;
use crate::identity::{CanonFlags, CanonicalName, Identity};
use crate::layer::SecurityLayer;
use crate::log::Level;
use crate::policy::{SecurityProps, SessionFlags, Ssf};
use crate::registry::MechanismRef;

pub mod address;
mod bind;
mod classic;
pub mod client;
mod password;
mod secrets;
pub mod server;

pub use client::{ClientParams, ClientSession, ClientStart};
pub use server::{ServerParams, ServerSession};

use address::Address;

/// How far an exchange is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Send this, if anything, and go on with what the other side answers.
    Continue(Option<Vec<u8>>),
    /// Authenticated. Send this, if anything, with the success.
    Done(Option<Vec<u8>>),
}

impl Progress {
    /// What is to be sent.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Progress::Continue(data) | Progress::Done(data) => data.as_deref(),
        }
    }

    /// Whether the authentication is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Progress::Done(_))
    }
}

/// The last error of a session, as the detail text of the C interface wants it.
#[derive(Debug, Default)]
struct LastError {
    code: Option<Code>,
    text: String,
    /// Whether mechanisms were listed last and some left out: the text is then the reasons, put together when asked for.
    listed: bool,
}

/// The mechanisms that a connection may use, by name, and whether there are others that it may not.
#[derive(Clone)]
struct Listing {
    names: Arc<[String]>,
    refused: bool,
}

/// What both sides have.
pub(crate) struct Common {
    pub service: String,
    pub flags: SessionFlags,
    pub mechanisms: Arc<[MechanismRef]>,
    pub security: Cell<SecurityProps>,
    pub external_ssf: Cell<Ssf>,
    pub external_id: RefCell<Option<Vec<u8>>>,
    pub local: RefCell<Option<Address>>,
    pub remote: RefCell<Option<Address>>,
    pub bindings: RefCell<Vec<ChannelBinding>>,
    pub binding_policy: BindingPolicy,
    pub gss_credentials: Cell<Option<gss::ForeignCred>>,
    pub parties: RefCell<gss::Parties>,
    pub identity: RefCell<Identity>,
    pub mechanism: RefCell<Option<MechanismRef>>,
    pub layer: RefCell<Option<Box<dyn SecurityLayer>>>,
    pub ssf: Cell<Ssf>,
    pub max_input: Cell<u32>,
    pub log_level: Option<Level>,
    last_error: RefCell<LastError>,
    /// What was listed last; none once what it depends on has changed.
    listing: RefCell<Option<Listing>>,
}

impl Common {
    fn new(service: String, flags: SessionFlags, log_level: Option<Level>, mechanisms: Arc<[MechanismRef]>) -> Self {
        Common {
            service,
            flags,
            mechanisms,
            security: Cell::default(),
            external_ssf: Cell::default(),
            external_id: RefCell::default(),
            local: RefCell::default(),
            remote: RefCell::default(),
            bindings: RefCell::default(),
            binding_policy: BindingPolicy::default(),
            gss_credentials: Cell::new(None),
            parties: RefCell::default(),
            identity: RefCell::default(),
            mechanism: RefCell::default(),
            layer: RefCell::default(),
            ssf: Cell::default(),
            max_input: Cell::default(),
            log_level,
            last_error: RefCell::default(),
            listing: RefCell::default(),
        }
    }

    /// The mechanisms have to be judged anew.
    fn forget_listing(&self) {
        *self.listing.borrow_mut() = None;
    }

    /// Forgets the exchange before: its identities, layer and error.
    fn begin(&self) {
        *self.identity.borrow_mut() = Identity::default();
        *self.mechanism.borrow_mut() = None;
        *self.parties.borrow_mut() = gss::Parties::default();
        // What is dropped may be a plugin's: not while anything is borrowed.
        drop(self.layer.take());
        self.ssf.set(0);
        self.max_input.set(0);
        self.clear_error();
        // A plugin may have said in the exchange that it cannot work here.
        self.forget_listing();
    }

    fn install(&self, layer: Option<Box<dyn SecurityLayer>>) {
        match &layer {
            Some(layer) => {
                self.ssf.set(layer.ssf());
                self.max_input.set(layer.max_input());
            }
            None => self.max_input.set(self.security.get().max_buf),
        }
        drop(self.layer.replace(layer));
    }

    fn take_name(&self, name: &CanonicalName, flags: CanonFlags) {
        let mut identity = self.identity.borrow_mut();
        if flags.contains(CanonFlags::AUTHZID) {
            identity.user = Some(Arc::clone(name));
        }
        if flags.contains(CanonFlags::AUTHID) {
            identity.authid = Some(Arc::clone(name));
        }
    }

    /// Takes what the option says about channel bindings. A value that means nothing is taken as the strictest; it is given
    /// back, for the log.
    fn heed_binding_policy(&mut self, options: &dyn Options) -> Option<String> {
        let value = options.get(None, "channel_binding")?;
        let policy = BindingPolicy::parse(&value);
        self.binding_policy = policy.unwrap_or(BindingPolicy::Require);
        policy.is_none().then(|| {
            format!(
                "channel_binding is \"{}\", which is none of off, prefer, require: taken as require",
                value.escape_debug()
            )
        })
    }

    fn binding(&self, name: Option<&str>) -> Option<ChannelBinding> {
        if self.binding_policy == BindingPolicy::Off {
            return None;
        }
        let bindings = self.bindings.borrow();
        bindings.iter().find(|binding| name.is_none_or(|name| binding.name == name)).cloned()
    }

    /// Whether an authentication that uses no channel binding must fail.
    fn must_bind(&self) -> bool {
        match self.binding_policy {
            BindingPolicy::Off => false,
            BindingPolicy::Prefer => self.bindings.borrow().iter().any(|binding| binding.critical),
            BindingPolicy::Require => true,
        }
    }

    fn clear_error(&self) {
        *self.last_error.borrow_mut() = LastError::default();
    }

    /// Keeps an error for [`error_detail`](Self::error_detail).
    fn note_error(&self, error: &Error) {
        // A plugin may answer anything; a number that is not an error's says nothing.
        let code = Some(error.code()).filter(|code| code.number() < 0);
        *self.last_error.borrow_mut() = LastError { code, text: error.detail().to_owned(), listed: false };
    }

    /// Mechanisms were listed, and some were left out: the detail is why.
    fn note_listing(&self) {
        *self.last_error.borrow_mut() = LastError { listed: true, ..LastError::default() };
    }

    fn set_detail(&self, text: String) {
        let mut last = self.last_error.borrow_mut();
        last.text = text;
        last.listed = false;
    }

    fn raw_detail(&self, refusals: impl FnOnce() -> String) -> String {
        // Mechanisms are asked for their reasons, plugins among them: nothing is borrowed meanwhile.
        let listed = self.last_error.borrow().listed;
        if listed {
            self.set_detail(refusals());
        }
        self.last_error.borrow().text.clone()
    }

    /// `SASL(code): text: detail`. That a user does not exist is not told: it reads like any failure.
    fn error_detail(&self, refusals: impl FnOnce() -> String) -> String {
        let detail = self.raw_detail(refusals);
        let shown = self.last_error.borrow().code.map(|code| if code == Code::NoUser { Code::BadAuth } else { code });
        let (number, text) = shown.map_or((0, "successful result"), |code| (code.number(), code.text()));
        format!("SASL({number}): {text}: {detail}")
    }

    fn encode(&self, chunks: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
        if self.security.get().max_buf == 0 {
            return Err(Error::new(
                Code::TooWeak,
                "called sasl_encode[v] with application that does not support security layers",
            ));
        }
        let Some(mut layer) = self.layer.borrow_mut().take() else {
            if self.ssf.get() > 0 {
                return Err(Error::fail("the security layer is in use"));
            }
            chunks.iter().for_each(|chunk| out.extend_from_slice(chunk));
            return Ok(());
        };
        let step = usize::try_from(layer.max_input()).unwrap_or(usize::MAX).max(1);
        let joined;
        let input = match chunks {
            [one] => *one,
            many => {
                joined = many.concat();
                &joined[..]
            }
        };
        let result = input.chunks(step).try_for_each(|piece| layer.encode(piece, out));
        *self.layer.borrow_mut() = Some(layer);
        result
    }

    fn decode(&self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let max_buf = self.security.get().max_buf;
        if max_buf == 0 {
            return Err(Error::new(
                Code::TooWeak,
                "called sasl_decode with application that does not support security layers",
            ));
        }
        let Some(mut layer) = self.layer.borrow_mut().take() else {
            if self.ssf.get() > 0 {
                return Err(Error::fail("the security layer is in use"));
            }
            if input.len() > max_buf as usize {
                return Err(Error::new(Code::BufOver, "input too large for default sasl_decode"));
            }
            out.extend_from_slice(input);
            return Ok(());
        };
        let result = layer.decode(input, out);
        *self.layer.borrow_mut() = Some(layer);
        result
    }
}

/// The methods that are the same on both sides, over a `common()` and a `record()` of their own.
macro_rules! common_methods {
    () => {
        /// The service (`smtp`, `ldap`).
        #[must_use]
        pub fn service(&self) -> &str {
            &self.common.service
        }

        /// What the connection demands.
        #[must_use]
        pub fn security(&self) -> SecurityProps {
            self.common.security.get()
        }

        /// Sets what the connection demands.
        ///
        /// # Errors
        /// [`Code::TooWeak`] when a security layer is demanded but there is no buffer for one.
        pub fn set_security(&self, props: SecurityProps) -> Result<()> {
            self.record((|| {
                if props.max_buf == 0 && props.min_ssf > 0 {
                    return Err(Error::new(
                        Code::TooWeak,
                        "Attempt to disable security layers (maxoutbuf == 0) with min_ssf > 0",
                    ));
                }
                self.common.security.set(props);
                self.common.forget_listing();
                Ok(())
            })())
        }

        /// The strength of the layer underneath (TLS, say).
        #[must_use]
        pub fn external_ssf(&self) -> Ssf {
            self.common.external_ssf.get()
        }

        /// Sets the strength of the layer underneath.
        pub fn set_external_ssf(&self, ssf: Ssf) {
            self.common.external_ssf.set(ssf);
            self.common.forget_listing();
        }

        /// Sets who the layer underneath says the client is; empty or `None` for nobody.
        pub fn set_external_id(&self, id: Option<&[u8]>) {
            *self.common.external_id.borrow_mut() = id.filter(|id| !id.is_empty()).map(<[u8]>::to_vec);
            self.common.forget_listing();
        }

        /// Who the layer underneath says the client is.
        #[must_use]
        pub fn external_identity(&self) -> Option<Vec<u8>> {
            self.common.external_id.borrow().clone()
        }

        /// Sets the address of this end: `address;port` or `address`, numeric; `None` forgets it.
        ///
        /// # Errors
        /// [`Code::BadParam`] when it is not of that form.
        pub fn set_local(&self, text: Option<&str>) -> Result<()> {
            let parsed = text.map(|text| Address::parse(text, "IPLOCALPORT")).transpose();
            *self.common.local.borrow_mut() = self.record(parsed)?;
            Ok(())
        }

        /// Sets the address of the other end, in the same form.
        ///
        /// # Errors
        /// As [`set_local`](Self::set_local).
        pub fn set_remote(&self, text: Option<&str>) -> Result<()> {
            let parsed = text.map(|text| Address::parse(text, "IPREMOTEPORT")).transpose();
            *self.common.remote.borrow_mut() = self.record(parsed)?;
            Ok(())
        }

        /// The address of this end, as it was set.
        #[must_use]
        pub fn local(&self) -> Option<String> {
            self.common.local.borrow().as_ref().map(|address| address.to_string())
        }

        /// The address of the other end, as it was set.
        #[must_use]
        pub fn remote(&self) -> Option<String> {
            self.common.remote.borrow().as_ref().map(|address| address.to_string())
        }

        /// Adds a channel binding (RFC 5056); one of the same name is replaced.
        pub fn add_binding(&self, binding: ChannelBinding) {
            let mut bindings = self.common.bindings.borrow_mut();
            bindings.retain(|known| known.name != binding.name);
            bindings.push(binding);
            self.common.forget_listing();
        }

        /// Forgets all channel bindings.
        pub fn clear_bindings(&self) {
            self.common.bindings.borrow_mut().clear();
            self.common.forget_listing();
        }

        /// Judges the mechanisms anew when they are listed next: for what only plugins look at.
        pub fn forget_listing(&self) {
            self.common.forget_listing();
        }

        /// Gives the session credentials for the mechanisms over the GSS-API, in place of those that they would look for.
        pub fn set_gss_credentials(&self, credentials: Option<gss::ForeignCred>) {
            self.common.gss_credentials.set(credentials);
            self.common.forget_listing();
        }

        /// The names of the security context, and delegated credentials: once a mechanism over the GSS-API is done. They stay
        /// until the next exchange begins.
        #[must_use]
        pub fn gss_parties(&self) -> std::cell::Ref<'_, gss::Parties> {
            self.common.parties.borrow()
        }

        /// The user to act as, once known. Known is not proved: only success is.
        #[must_use]
        pub fn user(&self) -> Option<Vec<u8>> {
            self.common.identity.borrow().user.as_deref().map(<[u8]>::to_vec)
        }

        /// The user whose credentials are used, once known.
        #[must_use]
        pub fn authid(&self) -> Option<Vec<u8>> {
            self.common.identity.borrow().authid.as_deref().map(<[u8]>::to_vec)
        }

        /// The mechanism in use, once chosen.
        #[must_use]
        pub fn mechanism(&self) -> Option<MechanismRef> {
            self.common.mechanism.borrow().clone()
        }

        /// The strength of the security layer in force.
        #[must_use]
        pub fn ssf(&self) -> Ssf {
            self.common.ssf.get()
        }

        /// The longest input to [`encode`](Self::encode) that makes one packet.
        #[must_use]
        pub fn max_input(&self) -> u32 {
            self.common.max_input.get()
        }

        /// The least important lines that the log is to have; none without any.
        #[must_use]
        pub fn log_level(&self) -> Option<Level> {
            self.common.log_level
        }

        /// What the application said about its protocol.
        #[must_use]
        pub fn flags(&self) -> SessionFlags {
            self.common.flags
        }

        /// Protects what is to be sent, and appends it to `out`: the chunks are one stream. Without a security layer it is
        /// left as it is.
        ///
        /// # Errors
        /// [`Code::TooWeak`] when no buffer size was set, so that there can be no layer; or that of the layer.
        pub fn encode(&self, chunks: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
            self.record(self.common.encode(chunks, out))
        }

        /// Takes what was received, in pieces of any size, and appends what it means to `out`.
        ///
        /// # Errors
        /// As [`encode`](Self::encode); and for anything that the peer cannot have sent.
        pub fn decode(&self, input: &[u8], out: &mut Vec<u8>) -> Result<()> {
            let decoded = self.record(self.common.decode(input, out));
            if let Err(error) = &decoded
                && self.common.ssf.get() > 0
                && !error.detail().is_empty()
            {
                self.write_log(Level::Err, error.detail());
            }
            decoded
        }

        /// The last error in one line: `SASL(-13): authentication failure: detail`. After a listing that left mechanisms out
        /// the detail says why.
        #[must_use]
        pub fn error_detail(&self) -> String {
            self.common.error_detail(|| self.refusals())
        }

        /// The detail alone.
        #[must_use]
        pub fn raw_error_detail(&self) -> String {
            self.common.raw_detail(|| self.refusals())
        }

        /// Puts a text of the application, or of a plugin, in the place of the error detail.
        pub fn set_error_detail(&self, text: String) {
            self.common.set_detail(text);
        }

        /// The channel binding of this name.
        #[must_use]
        pub fn binding_of(&self, name: &str) -> Option<ChannelBinding> {
            self.common.binding(Some(name))
        }

        /// Ends what is under way: the exchange, and the security layer.
        pub fn end(&self) {
            drop(self.exchange.replace(Exchange::Idle));
            self.common.begin();
        }

        /// Keeps an error as the last error.
        pub fn note_error(&self, error: &Error) {
            self.common.note_error(error);
        }

        /// Keeps the error of a result as the last error.
        pub(crate) fn record<T>(&self, result: Result<T>) -> Result<T> {
            if let Err(error) = &result {
                self.common.note_error(error);
            }
            result
        }
    };
}
pub(crate) use common_methods;

/// What both sides offer their mechanisms in the same way: that part of `impl World`.
macro_rules! common_world {
    () => {
        fn service(&self) -> &str {
            &self.common.service
        }

        fn option(&self, name: &str) -> Option<String> {
            let mechanism = self.mechanism();
            let plugin = mechanism.as_ref().map(|mechanism| mechanism.info().name.as_ref());
            self.options().get(plugin, name).map(std::borrow::Cow::into_owned)
        }

        fn security(&self) -> SecurityProps {
            self.common.security.get()
        }

        fn external_ssf(&self) -> Ssf {
            self.common.external_ssf.get()
        }

        fn external_id(&self) -> Option<Vec<u8>> {
            self.common.external_id.borrow().clone()
        }

        fn identity(&self) -> Identity {
            self.common.identity.borrow().clone()
        }

        fn gss_credentials(&self) -> Option<gss::ForeignCred> {
            self.common.gss_credentials.get()
        }

        fn keep_parties(&self, parties: gss::Parties) {
            *self.common.parties.borrow_mut() = parties;
        }

        fn logs(&self, level: Level) -> bool {
            self.hooks.log().is_some() || Some(level) <= self.common.log_level
        }

        fn log(&self, level: Level, line: &str) {
            self.write_log(level, line);
        }

        fn host(&self) -> &dyn Any {
            &*self.hooks
        }
    };
}
pub(crate) use common_world;
