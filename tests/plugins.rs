//! Plugins that are written in C against `saslplug.h`, in our library: the stock ones, toys and liars.
//!
//! `tests/c/abi_plugins.c`, `abi_toy.c`, `abi_canon.c` and `abi_auxprop.c` compare what they do with the stock library
//! (`tests/c_abi`); here memory is watched, and what plugins may not get away with.

#[path = "support/cc.rs"]
mod cc;
#[path = "c_abi/library.rs"]
mod library;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use oxisasl::mech::BUILTIN;

const PATH: &str = "/usr/sbin:/usr/bin:/bin";

/// Runs a program of `tests/c` on our library, below another one that may be none; what it printed.
fn run(name: &str, below: &[&str]) -> Option<String> {
    let library = library::ours()?;
    let dir = cc::scratch(name);
    let program = dir.join(name);
    let source = cc::c_dir().join(format!("{name}.c"));
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-o"]);
    cc::run(compiler.arg(&program).arg(source).args(["-lsasl2", "-lpthread"]));
    let mut command = Command::new("timeout");
    command.arg("300").args(below).arg(&program).current_dir(&dir);
    Some(cc::run(&mut on(library, &dir, command)))
}

/// The environment of a program on our library: nothing of the machine's configuration.
fn on(library: &Path, dir: &Path, mut command: Command) -> Command {
    command.env_clear().env("PATH", PATH).env("USER", "tester");
    command.env("SASL_PATH", dir).env("SASL_CONF_PATH", dir).env("LD_LIBRARY_PATH", library);
    command
}

/// Memory that is used wrongly ends the program with a status that is an error.
const MEMORY: &[&str] = &["valgrind", "-q", "--error-exitcode=99"];
/// So does memory that nobody has any more.
const LEAKS: &[&str] = &[
    "valgrind",
    "-q",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
];

#[test]
fn liars_are_refused() {
    if let Some(output) = run("plugin_lies", LEAKS) {
        assert!(output.ends_with("0 failures\n"), "{output}");
    }
}

#[test]
fn a_toy_mechanism_uses_memory_well() {
    run("abi_toy", LEAKS);
}

#[test]
fn stores_and_canonicalisers_use_memory_well() {
    run("abi_auxprop", LEAKS);
    run("abi_canon", LEAKS);
}

/// The stock plugins leak what OpenSSL's providers have, so that is not looked at.
#[test]
fn the_stock_plugins_use_memory_well() {
    if let Some(output) = run("abi_plugins", MEMORY) {
        assert!(!output.contains("DIFFERENT"), "{output}");
    }
}

/// The stock `saslpluginviewer` shows our mechanisms in the words that it has for the stock library's.
#[test]
fn the_stock_viewer_shows_our_mechanisms() {
    let Some(library) = library::ours() else { return };
    let dir = cc::scratch("viewer");
    let viewed = |mut command: Command| blocks(&cc::run(&mut command));
    let ours = viewed(on(library, &dir, Command::new("saslpluginviewer")));
    let mut stock = Command::new("saslpluginviewer");
    stock.env_clear().env("PATH", PATH).env("SASL_CONF_PATH", &dir);
    let stock = viewed(stock);
    for info in BUILTIN.iter().map(|mechanism| mechanism.info()) {
        for (side, there) in [("server", info.server.is_some()), ("client", info.client.is_some())] {
            let key = (side.to_owned(), info.name.to_string());
            // Which of them are shown depends on what the viewer has been told of the connection.
            if let (true, Some(block)) = (there, ours.get(&key)) {
                if let Some(expected) = stock.get(&key) {
                    let (block, expected) = (parts(block), parts(expected));
                    assert_eq!(block.0, expected.0);
                    // Ours serves no HTTP.
                    assert!(block.1.iter().all(|feature| expected.1.contains(feature)), "{block:?} {expected:?}");
                }
            } else {
                // The layer underneath says nothing, and there need not be a key for Kerberos.
                let needs_more = matches!(info.plugin.as_ref(), "EXTERNAL" | "gssapiv2" | "gs2");
                assert!(!there || needs_more, "{key:?} is not shown");
            }
        }
    }
    assert_eq!(ours[&("auxprop".to_owned(), "sasldb".to_owned())], stock[&("auxprop".to_owned(), "sasldb".to_owned())]);
}

/// A block without its features and without what is stored with a password, which is each library's own affair; and the
/// features.
fn parts(block: &str) -> (String, Vec<String>) {
    let (head, features) = block.split_once("features:").unwrap_or((block, ""));
    let features = features.trim().split('|').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    (head.replace("setpass: yes", "setpass: no"), features)
}

/// What the viewer says of each mechanism of each side, and of each store.
fn blocks(output: &str) -> BTreeMap<(String, String), String> {
    let mut blocks = BTreeMap::new();
    let mut side = String::new();
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("List of ") {
            side = rest.split(' ').next().unwrap_or_default().to_owned();
        } else if line.starts_with("Plugin ") {
            let mut block = line.to_owned();
            while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                block.push('\n');
                block.push_str(more);
            }
            let name = match block.split_once("SASL mechanism: ") {
                Some((_, rest)) => rest.split(',').next().unwrap_or_default().to_owned(),
                None => line.split('"').nth(1).unwrap_or_default().to_owned(),
            };
            blocks.insert((side.clone(), name), block);
        }
    }
    blocks
}
