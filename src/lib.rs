//! SASL (RFC 4422): authentication mechanisms for clients and servers, with password stores and verifiers.

#![deny(unsafe_code)]

pub mod b64;
pub mod config;
pub mod crypto;
pub mod error;
pub mod layer;
pub mod prompt;
pub mod rng;
pub mod secret;
pub(crate) mod sys;
pub mod text;
pub mod verify;

pub use error::{Code, Error, Result};
