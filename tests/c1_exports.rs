//! The export table of our `libsasl.so.7`: the public names of 1.5 without versions, the soname and what it needs.

#[path = "support/cc.rs"]
mod cc;
#[path = "support/elf.rs"]
mod elf;
#[path = "support/interface.rs"]
mod interface;
#[path = "support/libsasl.rs"]
mod libsasl;

use std::collections::BTreeSet;
use std::process::Command;

/// What a program may include; saslplug.h declares types only.
const HEADERS: &[&str] = &["sasl1/sasl.h", "sasl1/saslutil.h", "sasl1/saslplug.h"];

/// What Sendmail 8.17 built with `-DSASL` wants of the library.
const SENDMAIL: &[&str] = &[
    "sasl_client_init",
    "sasl_client_new",
    "sasl_client_start",
    "sasl_client_step",
    "sasl_decode",
    "sasl_decode64",
    "sasl_dispose",
    "sasl_done",
    "sasl_encode",
    "sasl_encode64",
    "sasl_errstring",
    "sasl_getprop",
    "sasl_listmech",
    "sasl_server_init",
    "sasl_server_new",
    "sasl_server_start",
    "sasl_server_step",
    "sasl_set_alloc",
    "sasl_setprop",
];

fn listed() -> BTreeSet<String> {
    let list = include_str!("../capi/libsasl/exports.txt");
    let names: Vec<&str> = list.lines().collect();
    assert!(names.is_sorted(), "exports.txt is sorted");
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn the_list_is_what_the_headers_declare() {
    let declared: BTreeSet<String> = interface::items(Some(&cc::include_dir()), HEADERS)
        .into_iter()
        .filter(|item| matches!(item.kind.as_str(), "FunctionDecl" | "VarDecl"))
        .map(|item| item.name)
        .collect();
    assert_eq!(declared, listed(), "declared (left), listed in exports.txt (right)");
    assert!(SENDMAIL.iter().all(|name| declared.contains(*name)));
}

#[test]
fn the_library_exports_the_list_and_nothing_else() {
    let ours = elf::table(&libsasl::directory().join("libsasl.so.7"));
    assert_eq!(ours.exports, listed(), "exported (left), listed in exports.txt (right)");
    assert_eq!(ours.soname, ["libsasl.so.7"]);
    assert!(ours.nodes.is_empty(), "versions: {:?}", ours.nodes);
    let allowed = ["libc.so.6", "libgcc_s.so.1"];
    let other: Vec<&String> = ours.needed.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(other.is_empty(), "needs {other:?} besides libc and libgcc_s");
}

/// What is declared links, in C and in C++, with the shared and with the static library.
#[test]
fn every_function_links() {
    let dir = cc::scratch("links");
    let table: String = listed().iter().map(|name| format!("    (void *){name},\n")).collect();
    let text = format!(
        "{}void *table[] = {{\n{table}}};\nint main(void) {{ return table[0] == 0; }}\n",
        interface::source(HEADERS)
    );
    for (compiler, name) in [("gcc", "all.c"), ("g++", "all.cc")] {
        let source = cc::write(&dir, name, &text);
        let mut command = Command::new(compiler);
        command.arg("-w").arg("-I").arg(cc::include_dir()).arg(&source).arg("-o").arg(dir.join("shared"));
        cc::run(command.arg("-L").arg(libsasl::directory()).arg("-lsasl"));
        cc::run(Command::new(dir.join("shared")).env("LD_LIBRARY_PATH", libsasl::directory()));
        let mut command = Command::new(compiler);
        command.arg("-w").arg("-I").arg(cc::include_dir()).arg(&source).arg("-o").arg(dir.join("static"));
        cc::run(command.arg(libsasl::directory().join("libsasl.a")).args(["-lgcc_s", "-lc"]));
        cc::run(&mut Command::new(dir.join("static")));
    }
}
