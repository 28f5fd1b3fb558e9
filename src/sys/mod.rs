//! The only unsafe code of this crate: what the standard library does not offer of the system.

#![allow(unsafe_code)]

pub mod accounts;
pub mod crypt;
#[cfg(feature = "lmdb")]
pub(crate) mod db;
mod dl;
pub mod env;
pub(crate) mod file;
pub mod gss;
pub mod host;
pub mod ldap;
pub mod mysql;
pub mod net;
pub mod pam;
pub mod pq;
mod sigpipe;
pub mod sql;
pub mod sqlite;
pub mod syslog;
