//! What needs the operating system below the standard library. Unsafe code of this crate is here and nowhere else.

pub mod env;
pub mod net;
