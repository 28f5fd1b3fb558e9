//! The rigs: other people's unmodified programs run on a chosen SASL library.
//!
//! Each test binary includes this tree with `mod rig;` and uses its part of it, hence the `allow`.
#![allow(dead_code, unused_imports)]

pub mod accounts;
pub mod base;
pub mod classic;
pub mod client;
pub mod cyrus;
pub mod digest;
pub mod kdc;
pub mod mount;
pub mod postfix;
pub mod sample_smtp;
pub mod samples;
pub mod sandbox;
pub mod saslauthd;
pub mod sendmail;
pub mod slapd;
pub mod smtp;
pub mod source;
pub mod terminal;
