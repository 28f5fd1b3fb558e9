//! Peers that do not keep to the protocol: every message of a good exchange of every built-in mechanism, on either side, cut,
//! lengthened, changed byte by byte, repeated, left out or put in the place of another; and the packets of the security
//! layers likewise. Whatever comes is a clean error, or means the same as what it was made of, which the table in `table.rs`
//! has to say. Nobody gets in under another name, nothing grows, no exchange goes on for ever, and no text has the password.

#[path = "../rig/mod.rs"]
mod rig;

mod change;
mod counting;
mod ends;
mod exchange;
mod kerberos;
mod layers;
mod meaning;
mod table;
