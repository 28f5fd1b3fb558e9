//! SASL (RFC 4422): authentication mechanisms for clients and servers, with password stores and verifiers.

#![deny(unsafe_code)]

pub mod error;
pub mod prompt;
pub mod rng;
pub mod secret;
pub mod store;
mod sys;

pub use error::{Code, Error, Result};
