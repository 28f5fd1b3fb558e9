//! Our C headers compile without a warning wherever a C or C++ program may include them: each alone and all together, in
//! any order, in every standard, with gcc and clang. What they declare is documented.

#[path = "support/cc.rs"]
mod cc;
#[path = "support/interface.rs"]
mod interface;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const HEADERS: [&str; 7] = ["sasl.h", "saslutil.h", "saslplug.h", "prop.h", "md5.h", "md5global.h", "hmac-md5.h"];
const C: [&str; 7] = ["c89", "c90", "c99", "c11", "c17", "c2x", "gnu17"];
const CXX: [&str; 8] = ["c++98", "c++03", "c++11", "c++14", "c++17", "c++20", "c++2b", "gnu++17"];
const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wundef", "-Wshadow"];

/// One source for each header alone, and sources with all of them, forwards, backwards and twice.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let include = |headers: &[&str]| -> String { headers.iter().map(|h| format!("#include <sasl/{h}>\n")).collect() };
    // A source must not be empty (ISO C); the word checks that the header leaves the language intact.
    let source = |name: &str, headers: &[&str]| {
        cc::write(dir, name, &format!("{}extern int probe;\nint probe = 1;\n", include(headers)))
    };
    let mut reversed = HEADERS;
    reversed.reverse();
    let mut sources: Vec<PathBuf> =
        HEADERS.iter().map(|h| source(&format!("{}.c", h.replace('.', "_")), &[h])).collect();
    sources.push(source("all.c", &HEADERS));
    sources.push(source("reversed.c", &reversed));
    sources.push(source("twice.c", &[HEADERS, reversed].concat()));
    sources
}

fn check(test: &str, compilers: &[&str], language: &str, standards: &[&str], extra: &[&str]) {
    let sources = sources(&cc::scratch(test));
    let mut failures = String::new();
    for compiler in compilers {
        for standard in standards {
            let mut command = Command::new(compiler);
            command.arg(format!("-std={standard}")).args(WARNINGS).args(extra).arg("-fsyntax-only");
            command.arg("-I").arg(cc::include_dir()).args(["-x", language]).args(&sources);
            if let Err(error) = cc::attempt(&mut command) {
                failures += &format!("{compiler} -std={standard}: {error}\n");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_c_standard_takes_the_headers_without_a_warning() {
    check("headers_c", &["gcc", "clang"], "c", &C, &["-Wstrict-prototypes", "-Wmissing-prototypes"]);
}

#[test]
fn every_cxx_standard_takes_the_headers_without_a_warning() {
    check("headers_cxx", &["g++", "clang++"], "c++", &CXX, &[]);
}

#[test]
fn the_parameters_that_the_comments_name_exist() {
    let mut command = Command::new("clang");
    command.args(["-fsyntax-only", "-Wdocumentation", "-Wdocumentation-pedantic", "-Werror", "-I"]);
    cc::run(command.arg(cc::include_dir()).arg(cc::write(
        &cc::scratch("headers_doc"),
        "all.c",
        &HEADERS.map(|h| format!("#include <sasl/{h}>\n")).concat(),
    )));
}

#[test]
fn a_program_gets_our_headers_and_none_of_the_system() {
    let source =
        cc::write(&cc::scratch("headers_origin"), "all.c", &HEADERS.map(|h| format!("#include <sasl/{h}>\n")).concat());
    let rule = cc::run(Command::new("gcc").arg("-M").arg("-I").arg(cc::include_dir()).arg(source));
    let ours = cc::include_dir().join("sasl");
    for file in rule.split_whitespace().filter(|word| word.contains("/sasl/")) {
        assert!(Path::new(file).starts_with(&ours), "{file} is not ours");
    }
    for header in HEADERS {
        assert!(rule.contains(ours.join(header).to_str().unwrap()), "{header} is missing in {rule}");
    }
}

/// Each type, function, structure member and enumerator has a comment of its own, and so has each macro: before it or on
/// its line. A structure that is only announced is described by its type name, or by the system (`struct iovec`).
#[test]
fn every_item_has_a_comment() {
    let mut bare: Vec<String> = interface::items(Some(&cc::include_dir()), &HEADERS)
        .into_iter()
        .filter(|item| !(item.documented || item.kind == "RecordDecl" && item.ty.is_empty()))
        .map(|item| format!("{} {}", item.kind, item.name))
        .collect();
    for header in HEADERS {
        let text = fs::read_to_string(cc::include_dir().join("sasl").join(header)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (line, previous) in lines.iter().skip(1).zip(&lines) {
            let include_guard = previous.starts_with("#ifndef") && previous.contains("_H");
            let documented = line.contains("/**<") || (previous.ends_with("*/") && !previous.contains("/**<"));
            if line.starts_with("#define ") && !documented && !include_guard {
                bare.push(format!("{header}: {line}"));
            }
        }
    }
    assert!(bare.is_empty(), "without a comment:\n{}", bare.join("\n"));
}
