//! The classic recipe: Sendmail built with `-DSASL` and `-lsasl`, today's source on our `libsasl.so.7`, and every step of
//! it: build, listing, the dialogue, the mechanisms with their layers, the password database and its modes, the other
//! verifiers, relaying as a client.

#[path = "../rig/mod.rs"]
mod rig;

mod built;
mod challenger;
mod client;
mod database;
mod dialogue;
mod layers;
mod memory;
mod methods;
mod place;
mod realms;
mod server;
mod site;
mod transition;
