//! What the C interfaces have in common: the boundary that no panic crosses, the judgement of raw pointers, the
//! application's allocators and callbacks, the format language of the variadic functions, and how C sees properties.

pub mod arg;
pub mod boundary;
pub mod callbacks;
pub mod calls;
pub mod fmt;
pub mod hooks;
pub mod propview;
pub mod slots;
pub mod tools;
