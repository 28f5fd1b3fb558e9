//! The only unsafe code of this crate: what the standard library does not offer of the system.

#![allow(unsafe_code)]

pub mod host;
