//! Checking a user's plaintext password.

pub mod saslauthd;
