//! What the C interfaces have in common: the boundary that no panic crosses, the judgement of raw pointers, the
//! application's allocators and callbacks, and the format language of the variadic functions.

pub mod arg;
pub mod boundary;
pub mod callbacks;
pub mod fmt;
pub mod hooks;
pub mod slots;
