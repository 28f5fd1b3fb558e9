//! What C headers declare, as clang and gcc see it: names, types and macros. No text of a header is looked at.

#![allow(dead_code, reason = "each test file uses the parts that it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::cc;

/// The system's headers that the SASL headers, ours or the stock ones, may bring along. They are taken away again.
const SYSTEM: &str = "#include <limits.h>\n#include <stddef.h>\n#include <sys/types.h>\n#include <sys/uio.h>\n";

/// One declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// clang's word for it: `FunctionDecl`, `TypedefDecl`, `RecordDecl`, `FieldDecl`, `EnumConstantDecl`, `VarDecl`.
    pub kind: String,
    /// Its name; for a member that of its structure, a dot, and its own.
    pub name: String,
    /// Its type as clang prints it; for a structure `definition`, or nothing when it is only announced.
    pub ty: String,
    /// Whether a documentation comment belongs to it. Two items are compared without it.
    pub documented: bool,
}

/// The source that includes some of the headers: those of `sasl/` unless they name another folder.
pub fn source(headers: &[&str]) -> String {
    headers.iter().fold(SYSTEM.to_owned(), |text, header| {
        let folder = if header.contains('/') { "" } else { "sasl/" };
        text + &format!("#include <{folder}{header}>\n")
    })
}

fn compiler(program: &str, include: Option<&Path>) -> Command {
    let mut command = Command::new(program);
    if let Some(dir) = include {
        command.arg("-I").arg(dir);
    }
    command
}

/// The declarations of some headers, without those of the system. `include` is where our `sasl/` is, None for the stock
/// headers of the system. A member of a structure comes after its structure.
pub fn items(include: Option<&Path>, headers: &[&str]) -> Vec<Item> {
    let dir = cc::scratch(&format!("items_{}_{}", include.is_some(), headers.join("_").replace(['.', '/'], "_")));
    let dump = |name: &str, text: &str| {
        let source = cc::write(&dir, name, text);
        let mut command = compiler("clang", include);
        cc::run(command.args(["-fsyntax-only", "-fno-color-diagnostics", "-Xclang", "-ast-dump"]).arg(source))
    };
    let system: BTreeSet<(String, String)> =
        parse(&dump("system.c", SYSTEM)).into_iter().map(|item| (item.kind, item.name)).collect();
    let mut items = parse(&dump("headers.c", &source(headers)));
    items.retain(|item| !system.contains(&(item.kind.clone(), item.name.clone())));
    assert!(!items.is_empty(), "clang's dump is not understood");
    items
}

/// Reads a dump: one node a line, its depth drawn in front of it.
fn parse(dump: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut record = String::new();
    let mut open: Vec<(usize, usize)> = Vec::new(); // the depths and indices of the declarations that a line is within
    for line in dump.lines() {
        let Some(depth) = line.find(|c: char| c.is_ascii_alphabetic()) else { continue };
        let line = &line[depth..];
        let kind = line.split(' ').next().unwrap_or_default();
        while open.last().is_some_and(|(d, _)| *d >= depth) {
            open.pop();
        }
        if kind == "FullComment" {
            if let Some((parent, index)) = open.last().filter(|(d, _)| *d + 2 == depth) {
                debug_assert!(parent < &depth);
                items[*index].documented = true;
            }
            continue;
        }
        let (head, ty) = match line.find('\'') {
            Some(quote) => (&line[..quote], line[quote..].trim_end_matches(|c| c != '\'').to_owned()),
            None => (line, String::new()),
        };
        let words: Vec<&str> = head.split_whitespace().collect();
        let last = words.last().copied().unwrap_or_default().to_owned();
        let (name, ty) = match kind {
            "FunctionDecl" | "VarDecl" | "EnumConstantDecl" => (last, ty),
            "TypedefDecl" => {
                // A structure without a tag is known by its typedef.
                items.iter_mut().rev().take_while(|i| i.name.starts_with("(none)")).for_each(|i| {
                    i.name = i.name.replace("(none)", &last);
                });
                (last, ty)
            }
            "RecordDecl" => {
                let tag = words.iter().rposition(|w| matches!(*w, "struct" | "union")).map_or(words.len(), |n| n + 1);
                let name = words.get(tag).copied().filter(|w| *w != "definition").unwrap_or("(none)");
                record = name.to_owned();
                (record.clone(), if words.contains(&"definition") { "definition".to_owned() } else { String::new() })
            }
            "FieldDecl" => (format!("{record}.{last}"), ty),
            _ => continue,
        };
        open.push((depth, items.len()));
        items.push(Item { kind: kind.to_owned(), name, ty, documented: false });
    }
    items
}

/// The macros of some headers and what they stand for, without those of the system. A macro with parameters has them in
/// its name.
pub fn macros(include: Option<&Path>, headers: &[&str]) -> BTreeMap<String, String> {
    let dir = cc::scratch(&format!("macros_{}_{}", include.is_some(), headers.join("_").replace(['.', '/'], "_")));
    let defined = |name: &str, text: &str| -> BTreeMap<String, String> {
        let source = cc::write(&dir, name, text);
        cc::run(compiler("gcc", include).args(["-E", "-dM"]).arg(source))
            .lines()
            .filter_map(|line| line.strip_prefix("#define "))
            .map(|line| line.split_once(' ').unwrap_or((line, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let system = defined("system.c", SYSTEM);
    let mut macros = defined("headers.c", &source(headers));
    macros.retain(|name, _| !system.contains_key(name));
    macros
}
