//! `libsasl.so.7`: the C interface of Cyrus SASL 1.5 over oxisasl. This crate only converts: what a call means is decided
//! in the engine. `exports.txt` lists what is exported.

mod abi;
mod calls;
mod client;
mod conn;
mod errors;
mod global;
mod init;
mod interact;
mod layer;
mod log;
mod memory;
mod props;
mod server;
mod store;
mod util;
