//! Gives the shared object its name and its versioned exports, which `exports.txt` lists.
//!
//! The functions are exported under their C names by assembly (`export!`), so that rustc's own list of exports does not
//! mention them and this script is the only one that does; GNU ld cannot merge the two, so lld links.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=exports.txt");
    println!("cargo::rerun-if-changed=src/variadic.c");
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
    fs::write(out.join("libc.so"), libc_script()?)?;
    cc::Build::new().file("src/variadic.c").warnings(true).cargo_metadata(false).compile("sasl2_variadic");
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=static:+whole-archive=sasl2_variadic");
    Ok(())
}

/// A linker script in place of the system's `libc.so`, which would make the library NEED the dynamic loader for the sake of
/// `__tls_get_addr`. The loader is in every process, and with it that function.
fn libc_script() -> Result<String, Box<dyn std::error::Error>> {
    let find = |name: &str| -> Result<String, Box<dyn std::error::Error>> {
        let output = Command::new("cc").arg(format!("-print-file-name={name}")).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    Ok(format!("GROUP ( {} {} )\n", find("libc.so.6")?, find("libc_nonshared.a")?))
}
