//! Gives the shared object its name and its versioned exports, which `exports.txt` lists.
//!
//! The functions are exported under their C names by assembly (`export!`), so that rustc's own list of exports does not
//! mention them and this script is the only one that does; GNU ld cannot merge the two, so lld links.

use std::path::PathBuf;
use std::{env, fs};

#[path = "../common/build/libc.rs"]
mod libc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=exports.txt");
    println!("cargo::rerun-if-changed=src/variadic.c");
    println!("cargo::rerun-if-changed=../common/build/libc.rs");
    let names = fs::read_to_string("exports.txt")?;
    let globals: String = names.lines().map(|name| format!("    {name};\n")).collect();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let script = out.join("libsasl2.map");
    fs::write(&script, format!("SASL2 {{\n  global:\n{globals}  local: *;\n}};\nHIDDEN {{ }};\n"))?;
    for argument in [
        "-fuse-ld=lld".to_owned(),
        "-Wl,-soname,libsasl2.so.2".to_owned(),
        format!("-Wl,--version-script={}", script.display()),
    ] {
        println!("cargo::rustc-link-arg-cdylib={argument}");
    }
    libc::without_loader(&out)?;
    cc::Build::new().file("src/variadic.c").warnings(true).cargo_metadata(false).compile("sasl2_variadic");
    println!("cargo::rustc-link-lib=static:+whole-archive=sasl2_variadic");
    Ok(())
}
