//! SASL (RFC 4422): authentication mechanisms for clients and servers, with password stores and verifiers.
//!
//! A server knows its users through stores ([`store::AuxProp`]) and password verifiers ([`verify::PasswordVerifier`]);
//! a client gets its credentials from [`prompt::Answers`]. Each side takes the other's messages and says what to send:
//!
//! ```
//! use std::sync::Arc;
//! use oxisasl::prompt::{Answer, Answers, Prompt, PromptKind};
//! use oxisasl::store::memory::Memory;
//! use oxisasl::{Client, ClientParams, Progress, Secret, Server, ServerParams};
//!
//! struct Tim;
//!
//! impl Answers for Tim {
//!     fn answer(&self, prompt: &Prompt) -> Answer {
//!         match prompt.kind {
//!             PromptKind::AuthName => Answer::Value(Secret::from("tim")),
//!             PromptKind::Pass => Answer::Value(Secret::from("tanstaaftanstaaf")),
//!             _ => Answer::Unsupported,
//!         }
//!     }
//!
//!     fn supports(&self, kind: PromptKind) -> bool {
//!         matches!(kind, PromptKind::AuthName | PromptKind::Pass)
//!     }
//! }
//!
//! # fn main() -> oxisasl::Result<()> {
//! let server = Arc::new(Server::new("example").store(Memory::new().user("tim", "tanstaaftanstaaf")));
//! let server = server.session(ServerParams::new("smtp").fqdn("mail.example.com"))?;
//! let client = Arc::new(Client::new()).session(ClientParams::new("smtp", Tim).fqdn("mail.example.com"))?;
//!
//! let begun = client.start(&server.mechanisms()?.join(" "))?;
//! assert_eq!(begun.mechanism, "SCRAM-SHA-512");
//! let mut challenge = server.start(&begun.mechanism, begun.progress.data())?;
//! while let Progress::Continue(data) = &challenge {
//!     let response = client.step(data.as_deref())?;
//!     challenge = server.step(response.data().unwrap_or_default())?;
//! }
//! assert_eq!(server.user().as_deref(), Some(&b"tim"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! `examples/server.rs` and `examples/client.rs` do the same as two programs. Options of an application are read through
//! [`config::Options`], and [`config::ConfigFile`] reads them from its file. A mechanism of one's own implements
//! [`mech::Mechanism`]. The C interface of Cyrus SASL is built over this crate, in `capi/`.

#![deny(unsafe_code)]

mod apop;
pub mod b64;
pub mod chanbind;
pub mod client;
pub mod config;
pub mod crypto;
pub mod ctx;
pub mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod gss;
pub mod hooks;
pub mod identity;
pub mod layer;
mod ldap;
pub mod log;
pub mod mech;
pub mod policy;
mod pool;
pub mod prompt;
pub mod props;
pub mod registry;
pub mod rng;
pub mod secret;
pub mod server;
pub mod session;
pub mod store;
mod sys;
pub mod syslog;
pub mod text;
pub mod verify;

pub use client::Client;
pub use error::{Code, Error, Result};
pub use secret::Secret;
pub use server::Server;
pub use session::{ClientParams, ClientSession, ClientStart, Progress, ServerParams, ServerSession};
