//! The only unsafe code of this crate: what the standard library does not offer of the system.

#![allow(unsafe_code)]

pub mod env;
pub mod host;
pub mod net;
pub mod syslog;
