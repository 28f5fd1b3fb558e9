//! SASL (RFC 4422): authentication mechanisms for clients and servers, with password stores and verifiers.

#![deny(unsafe_code)]

mod apop;
pub mod b64;
pub mod chanbind;
pub mod client;
pub mod config;
pub mod crypto;
pub mod ctx;
pub mod error;
pub mod hooks;
pub mod identity;
pub mod layer;
pub mod log;
pub mod mech;
pub mod policy;
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
