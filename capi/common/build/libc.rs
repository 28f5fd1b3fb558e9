//! What the build scripts of both C libraries need to know of the system's C library.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// Makes the linker find a script in `directory` in place of the system's `libc.so`, which would make the library NEED the
/// dynamic loader for the sake of `__tls_get_addr`. The loader is in every process, and with it that function.
pub fn without_loader(directory: &Path) -> io::Result<()> {
    let find = |name: &str| -> io::Result<String> {
        let output = Command::new("cc").arg(format!("-print-file-name={name}")).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let script = format!("GROUP ( {} {} )\n", find("libc.so.6")?, find("libc_nonshared.a")?);
    fs::write(directory.join("libc.so"), script)?;
    println!("cargo::rustc-link-search=native={}", directory.display());
    Ok(())
}
