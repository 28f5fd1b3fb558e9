//! What the command line tools have in common; each tool is a file of `src/bin`.
//!
//! They are a package of their own so that users of the library need not build what the tools need
//! (`docs/decisions/0005-tools.md`).

#![forbid(unsafe_code)]

pub mod args;
pub mod doctor;
pub mod entries;
pub mod failure;
pub mod host;
pub mod migrate;
pub mod passwd;
pub mod password;
pub mod settings;
pub mod shown;
pub mod signals;
pub mod terminal;
pub mod version;

pub use failure::Failure;
