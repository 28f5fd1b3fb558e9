//! Debian's own Sendmail, unmodified, as a server and as a relay client, on the library under test.
//!
//! The clients of the server tests share nothing with the library; the two-Sendmail tests put the library under test on
//! one side and the stock library on the other, both ways. `OXISASL_RIG_LIBRARY` chooses the library under test: `stock`
//! runs the same expectations on the stock library.

#[path = "../rig/mod.rs"]
mod rig;

mod built;
mod client;
mod configuration;
mod dishonest;
mod engine;
mod layers;
mod server;
mod tls;
