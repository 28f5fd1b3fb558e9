//! Gives the shared object its name. Its exports have no versions, so that those that rustc makes of `export_unversioned!`
//! are all there is to it; `tests/c1_exports.rs` compares them with `exports.txt`.

use std::env;
use std::path::PathBuf;

#[path = "../common/build/libc.rs"]
mod libc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../common/build/libc.rs");
    println!("cargo::rustc-link-arg-cdylib=-Wl,-soname,libsasl.so.7");
    libc::without_loader(&PathBuf::from(env::var("OUT_DIR")?))?;
    Ok(())
}
