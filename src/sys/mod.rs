//! The only unsafe code of this crate: what the standard library does not offer of the system.

#![allow(unsafe_code)]

#[cfg(feature = "lmdb")]
pub(crate) mod db;
pub mod env;
pub mod gss;
pub mod host;
pub mod net;
pub mod syslog;
