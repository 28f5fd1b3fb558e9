//! What the standard library does not offer: the only unsafe code of this crate, behind safe functions.

#[cfg(feature = "lmdb")]
pub(crate) mod db;
