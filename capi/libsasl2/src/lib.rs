//! `libsasl2.so.2`: the C interface of Cyrus SASL 2.1 over oxisasl. This crate only converts: what a call means is decided
//! in the engine. `exports.txt` lists what is exported.

mod abi;
mod add_plugin;
mod auxprop;
mod calls;
mod client;
mod config;
mod conn;
mod errors;
mod global;
mod host;
mod init;
mod interact;
mod layer;
mod md5;
mod plugin_info;
mod propctx;
mod props;
mod server;
mod util;
mod utils;
mod variadic;
