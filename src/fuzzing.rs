//! The fuzz targets that see private parts. Each is a child module of what it tests, as its unit tests are, so that nothing is
//! more visible than it would be without; `fuzz/` runs them, and `docs/fuzzing.md` says how. Behind the feature `fuzzing`, which
//! nothing but `fuzz/` turns on, and no part of the interface.
//!
//! A target takes any bytes. It panics where a property does not hold.

pub use crate::mech::digest_md5::fuzz::{grammar as digest_grammar, layer as digest_layer};
pub use crate::mech::fuzz::{TWO_SIDED, client, exchange, server};
pub use crate::mech::gs2::fuzz::header as gs2_header;
pub use crate::mech::scram::fuzz::grammar as scram_grammar;
pub use crate::store::bdb::fuzz::file as bdb;
pub use crate::store::gdbm::fuzz::file as gdbm;
pub use crate::store::lmdb::fuzz::file as lmdb;
pub use crate::store::sql::fuzz::template as sql_template;
pub use crate::verify::fuzz::stored_password;
