//! Our C headers compile without a warning wherever a C or C++ program may include them: each alone and all together, in
//! any order, in every standard, with gcc and clang. What they declare is documented.

#[path = "support/cc.rs"]
mod cc;
#[path = "support/interface.rs"]
mod interface;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The headers of each interface. Those of the two do not meet in one program.
const INTERFACES: [&[&str]; 2] = [
    &[
        "sasl/sasl.h",
        "sasl/saslutil.h",
        "sasl/saslplug.h",
        "sasl/prop.h",
        "sasl/md5.h",
        "sasl/md5global.h",
        "sasl/hmac-md5.h",
    ],
    &["sasl1/sasl.h", "sasl1/saslutil.h", "sasl1/saslplug.h", "sasl1/md5.h", "sasl1/md5global.h", "sasl1/hmac-md5.h"],
];
const C: [&str; 7] = ["c89", "c90", "c99", "c11", "c17", "c2x", "gnu17"];
const CXX: [&str; 8] = ["c++98", "c++03", "c++11", "c++14", "c++17", "c++20", "c++2b", "gnu++17"];
const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wundef", "-Wshadow"];

fn include(headers: &[&str]) -> String {
    headers.iter().map(|header| format!("#include <{header}>\n")).collect()
}

/// One source for each header alone, and sources with all of them, forwards, backwards and twice.
fn sources(dir: &Path, headers: &[&str]) -> Vec<PathBuf> {
    // A source must not be empty (ISO C); the word checks that the header leaves the language intact.
    let source = |name: &str, headers: &[&str]| {
        cc::write(dir, name, &format!("{}extern int probe;\nint probe = 1;\n", include(headers)))
    };
    let reversed: Vec<&str> = headers.iter().rev().copied().collect();
    let mut sources: Vec<PathBuf> =
        headers.iter().map(|h| source(&format!("{}.c", h.replace(['.', '/'], "_")), &[h])).collect();
    sources.push(source("all.c", headers));
    sources.push(source("reversed.c", &reversed));
    sources.push(source("twice.c", &[headers, &reversed].concat()));
    sources
}

fn check(test: &str, compilers: &[&str], language: &str, standards: &[&str], extra: &[&str]) {
    let sources: Vec<PathBuf> = INTERFACES.iter().flat_map(|headers| sources(&cc::scratch(test), headers)).collect();
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
    for headers in INTERFACES {
        let mut command = Command::new("clang");
        command.args(["-fsyntax-only", "-Wdocumentation", "-Wdocumentation-pedantic", "-Werror", "-I"]);
        let source = cc::write(&cc::scratch("headers_doc"), "all.c", &include(headers));
        cc::run(command.arg(cc::include_dir()).arg(source));
    }
}

#[test]
fn a_program_gets_our_headers_and_none_of_the_system() {
    for headers in INTERFACES {
        let source = cc::write(&cc::scratch("headers_origin"), "all.c", &include(headers));
        let rule = cc::run(Command::new("gcc").arg("-M").arg("-I").arg(cc::include_dir()).arg(source));
        let folder = headers[0].split('/').next().expect("a header is in a folder");
        let ours = cc::include_dir().join(folder);
        for file in rule.split_whitespace().filter(|word| word.contains("/sasl")) {
            assert!(Path::new(file).starts_with(&ours), "{file} is not of {folder}");
        }
        for header in headers {
            assert!(rule.contains(cc::include_dir().join(header).to_str().unwrap()), "{header} is missing in {rule}");
        }
    }
}

/// Each type, function, structure member and enumerator has a comment of its own, and so has each macro: before it or on
/// its line. A structure that is only announced is described by its type name, or by the system (`struct iovec`).
#[test]
fn every_item_has_a_comment() {
    let mut bare: Vec<String> = INTERFACES
        .iter()
        .flat_map(|headers| interface::items(Some(&cc::include_dir()), headers))
        .filter(|item| !(item.documented || item.kind == "RecordDecl" && item.ty.is_empty()))
        .map(|item| format!("{} {}", item.kind, item.name))
        .collect();
    for header in INTERFACES.iter().flat_map(|headers| headers.iter()) {
        let text = fs::read_to_string(cc::include_dir().join(header)).unwrap();
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
