//! The fuzz targets of oxisasl: each takes any bytes, and panics where something does not hold that always should. `fuzz/` runs
//! them under libFuzzer; `tests/seeds.rs` runs them on the seeds, and on changes of those, in an ordinary build.

#![deny(unsafe_code)]

use oxisasl::fuzzing;

mod base64;
#[allow(unsafe_code)]
mod c;
mod c_api;
mod config;
mod daemon;
mod database;
mod mechanism;
mod propctx;
mod text;

/// A target.
pub struct Target {
    /// What its binary, its seeds and its dictionary are called.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
    /// The longest input that makes sense, in bytes.
    pub longest: usize,
}

const fn target(name: &'static str, run: fn(&[u8]), longest: usize) -> Target {
    Target { name, run, longest }
}

/// All of them.
pub static TARGETS: &[Target] = &[
    target("base64", base64::run, 512),
    target("bdb", database::bdb, 16_384),
    target("c_api", c_api::run, 512),
    target("config", config::run, 2048),
    target("cram_login_plain", mechanism::small, 1024),
    target("daemon", daemon::run, 2048),
    target("digest_client", |data| fuzzing::client("DIGEST-MD5", data), 4096),
    target("digest_grammar", fuzzing::digest_grammar, 4200),
    target("digest_layer", fuzzing::digest_layer, 2048),
    target("digest_server", |data| fuzzing::server("DIGEST-MD5", data), 4200),
    target("exchange", fuzzing::exchange, 64),
    target("gdbm", database::gdbm, 16_384),
    target("gs2_header", fuzzing::gs2_header, 1024),
    target("lmdb", database::lmdb, 32_768),
    target("mechanism", mechanism::session, 2048),
    target("propctx", propctx::run, 512),
    target("scram_client", |data| scram(fuzzing::client, data), 2100),
    target("scram_grammar", fuzzing::scram_grammar, 2100),
    target("scram_server", |data| scram(fuzzing::server, data), 2100),
    target("sql_template", fuzzing::sql_template, 512),
    target("stored_password", fuzzing::stored_password, 512),
    target("text", text::run, 512),
];

/// Runs the target of this name.
///
/// # Panics
/// When there is none, and when it finds something.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name}")).run)(data);
}

/// The first byte picks one of the mechanisms of SCRAM.
fn scram(side: fn(&str, &[u8]), data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    side(fuzzing::TWO_SIDED[usize::from(choice % 5)], rest);
}
