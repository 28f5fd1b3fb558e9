//! Password stores.

pub mod bdb;
pub mod lmdb;
pub mod sasldb;
