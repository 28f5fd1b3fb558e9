//! Each file imports only from the layers above its own (`docs/architecture.md`), and unsafe code is in `src/sys` only.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, the innermost first. A module may use those of its own layer and of the layers before it.
const LAYERS: &[&[&str]] = &[
    &["error", "prompt", "secret", "text", "rng", "log", "b64", "crypto", "sys"],
    &["config", "props", "identity", "policy", "chanbind", "gss", "hooks", "layer", "pool", "syslog"],
    &["ctx", "mech", "ldap", "store", "verify"],
    &["registry", "server", "client", "session", "apop", "fuzzing"],
];

/// Within a layer, who may not see whom: mechanisms get all they need through `ctx`, and back ends know of no mechanism.
const APART: &[(&str, &[&str])] = &[
    ("mech", &["ldap", "store", "verify", "sys"]),
    ("ctx", &["ldap", "store", "verify", "sys", "mech"]),
    ("ldap", &["mech", "ctx", "store", "verify"]),
    ("store", &["mech", "ctx"]),
    ("verify", &["mech", "ctx"]),
];

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The files of the library with the name of their top-level module.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files
        .into_iter()
        .filter_map(|path| {
            let first = path.strip_prefix(&root).unwrap().components().next()?;
            let module = Path::new(first.as_os_str()).file_stem()?.to_str()?.to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (module != "lib" && module != "bin").then_some((path, module, text))
        })
        .collect()
}

/// The top-level modules that a file names, outside its tests.
fn used(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| name.chars().next().is_some_and(|first| first.is_ascii_lowercase()))
        .collect()
}

#[test]
fn files_use_only_the_layers_above_them() {
    let mut wrong = Vec::new();
    for (path, module, text) in sources() {
        if path.ends_with("tests.rs") || path.ends_with("test_world.rs") {
            continue;
        }
        let own = layer_of(&module).unwrap_or_else(|| panic!("{} is in no layer", path.display()));
        for name in used(&text) {
            let Some(other) = layer_of(&name) else { continue };
            let apart = APART.iter().any(|(from, to)| *from == module && to.contains(&name.as_str()));
            if other > own || apart {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_sys_only() {
    for (path, module, text) in sources() {
        let has = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains("unsafe {"));
        assert!(!has || module == "sys", "{}", path.display());
    }
}
