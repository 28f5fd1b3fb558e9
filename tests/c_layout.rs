//! A program compiled against our headers is the same program as one compiled against the stock headers of libsasl2
//! 2.1.28: the same names, types, prototypes, sizes, offsets and values, and what we add is listed here.

#[path = "support/cc.rs"]
mod cc;
#[path = "support/interface.rs"]
mod interface;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use interface::Item;

/// What a program may include. The stock saslplug.h needs sasl.h before it, the stock MD5 headers each other.
const GROUPS: [&[&str]; 8] = [
    &["prop.h"],
    &["sasl.h"],
    &["saslutil.h"],
    &["sasl.h", "saslplug.h"],
    &["md5global.h"],
    &["md5global.h", "md5.h"],
    &["md5global.h", "md5.h", "hmac-md5.h"],
    &["sasl.h", "saslutil.h", "saslplug.h", "prop.h"],
];

/// The names that we add, with the reason.
const ADDITIONS: [(&str, &str); 1] = [("SASL_MD5_H", "md5.h may be included twice")];

/// Declared, though the library does not export them: plugins reach them through `sasl_utils_t`.
const NOT_EXPORTED: [&str; 5] = [
    "_sasl_hmac_md5",
    "_sasl_hmac_md5_final",
    "_sasl_hmac_md5_import",
    "_sasl_hmac_md5_init",
    "_sasl_hmac_md5_precalc",
];

/// The headers that give everything.
const ALL: &[&str] = GROUPS[7];

fn stock() -> Option<&'static Path> {
    None
}

#[test]
fn the_same_names_with_the_same_types_are_declared() {
    for headers in GROUPS {
        let declared = |include: Option<&Path>| -> BTreeSet<(String, String, String)> {
            interface::items(include, headers).into_iter().map(|i| (i.kind, i.name, i.ty)).collect()
        };
        let (ours, theirs) = (declared(Some(&cc::include_dir())), declared(stock()));
        let missing: Vec<_> = theirs.difference(&ours).collect();
        let added: Vec<_> = ours.difference(&theirs).filter(|item| !is_addition(&item.1)).collect();
        assert!(
            missing.is_empty() && added.is_empty(),
            "{headers:?}\nonly in the stock headers: {missing:#?}\nonly in ours: {added:#?}"
        );
    }
}

/// The members of a structure come in the same order, which the offsets cannot tell for members of size 0.
#[test]
fn members_and_parameters_come_in_the_same_order() {
    let members = |include: Option<&Path>| -> Vec<(String, String)> {
        let mut items: Vec<(String, Vec<(String, String)>)> = Vec::new();
        for item in interface::items(include, ALL) {
            match item.kind.as_str() {
                "RecordDecl" => items.push((item.name, Vec::new())),
                "FieldDecl" => items.last_mut().expect("a member is in a structure").1.push((item.name, item.ty)),
                _ => {}
            }
        }
        items.sort();
        items.into_iter().flat_map(|(_, members)| members).collect()
    };
    assert_eq!(members(Some(&cc::include_dir())), members(stock()));
}

#[test]
fn the_same_macros_are_defined() {
    for headers in GROUPS {
        let names = |include: Option<&Path>| -> BTreeSet<String> {
            // The names of parameters are each header's own.
            let plain = |name: String| name.split('(').next().unwrap_or_default().to_owned();
            interface::macros(include, headers).into_keys().map(plain).collect()
        };
        let (ours, theirs) = (names(Some(&cc::include_dir())), names(stock()));
        let missing: Vec<_> = theirs.difference(&ours).collect();
        let added: Vec<_> = ours.difference(&theirs).filter(|name| !is_addition(name)).collect();
        assert!(
            missing.is_empty() && added.is_empty(),
            "{headers:?}\nonly in the stock headers: {missing:?}\nonly in ours: {added:?}"
        );
    }
}

#[test]
fn sizes_offsets_and_values_are_the_same() {
    let dir = cc::scratch("layout");
    let ours = interface::items(Some(&cc::include_dir()), ALL);
    let macros = interface::macros(Some(&cc::include_dir()), ALL);
    let mut list = probe_items(&ours);
    for (name, value) in macros.iter().filter(|(name, _)| !is_addition(name)) {
        match value.chars().next() {
            Some('"') => list += &format!("TEXT({name})\n"),
            Some(c) if !name.contains('(') && (c.is_ascii_digit() || "(-".contains(c)) => {
                list += &format!("CONSTANT({name})\n");
            }
            _ => {}
        }
    }
    cc::write(&dir, "layout_items.h", &list);
    let output = |name: &str, include: Option<&Path>| {
        let program = dir.join(name);
        let mut command = Command::new("gcc");
        command.args(["-std=c11", "-w", "-o"]).arg(&program).arg("-I").arg(&dir);
        if let Some(include) = include {
            command.arg("-I").arg(include);
        }
        cc::run(command.arg(cc::c_dir().join("layout.c")));
        cc::run(&mut Command::new(program))
    };
    let (ours, theirs) = (output("ours", Some(&cc::include_dir())), output("stock", stock()));
    let differing: Vec<_> = ours.lines().zip(theirs.lines()).filter(|(a, b)| a != b).collect();
    assert!(differing.is_empty(), "ours and stock: {differing:#?}");
    assert_eq!(ours.lines().count(), theirs.lines().count());
    // The list was not empty, and the numbers are those that programs of the field have built in.
    assert!(ours.lines().count() > 400, "{} lines", ours.lines().count());
    for fact in [
        "SASL_VERSION_FULL: int 131356",
        "SASL_CONFIGERR: int -100",
        "struct sasl_utils: 392 bytes, aligned to 8",
        "struct sasl_server_params.propctx: at 152, 8 bytes",
        "SASL_AUX_PASSWORD: \"*userPassword\", 14 bytes",
        "MD5_CTX: 88 bytes, aligned to 4",
    ] {
        assert!(ours.lines().any(|line| line == fact), "missing: {fact}\n{ours}");
    }
}

/// The lines of layout_items.h for types and enumerators.
fn probe_items(items: &[Item]) -> String {
    let complete = |tag: &str| items.iter().any(|i| i.kind == "RecordDecl" && i.name == tag && i.ty == "definition");
    let tagged = |record: &str| {
        // MD5_CTX has no tag; it is known by its typedef.
        if items.iter().any(|i| i.kind == "TypedefDecl" && i.name == record) {
            record.to_owned()
        } else {
            format!("struct {record}")
        }
    };
    let mut list = String::new();
    for item in items {
        match item.kind.as_str() {
            "RecordDecl" if item.ty == "definition" => list += &format!("SIZE({})\n", tagged(&item.name)),
            "FieldDecl" => {
                let (record, member) = item.name.split_once('.').expect("a member is named with its structure");
                list += &format!("MEMBER({}, {member})\n", tagged(record));
            }
            "EnumConstantDecl" => list += &format!("CONSTANT({})\n", item.name),
            "TypedefDecl" => {
                let function = item.ty.contains('(') && !item.ty.contains("(*)");
                let tag = item.ty.strip_prefix("'struct ").and_then(|ty| ty.split('\'').next());
                if !function && tag.is_none_or(|tag| tag == item.name || complete(tag)) {
                    list += &format!("SIZE({})\n", item.name);
                }
            }
            _ => {}
        }
    }
    list
}

/// Every function has C linkage in C++, under the same name; and the library has each of them.
#[test]
fn cxx_programs_link_to_the_same_names() {
    let dir = cc::scratch("linkage");
    let functions: Vec<String> = interface::items(Some(&cc::include_dir()), ALL)
        .into_iter()
        .filter(|item| item.kind == "FunctionDecl")
        .map(|item| item.name)
        .collect();
    let program = |functions: &[&String]| {
        let table: String = functions.iter().map(|f| format!("    (void *){f},\n")).collect();
        interface::source(ALL) + &format!("void *table[] = {{\n{table}}};\nint main() {{ return table[0] == 0; }}\n")
    };
    let source = cc::write(&dir, "all.cc", &program(&functions.iter().collect::<Vec<_>>()));
    let undefined = |name: &str, include: Option<&Path>| -> BTreeSet<String> {
        let object = dir.join(name);
        let mut command = Command::new("g++");
        if let Some(include) = include {
            command.arg("-I").arg(include);
        }
        cc::run(command.args(["-w", "-c", "-o"]).arg(&object).arg(&source));
        let names = cc::run(Command::new("nm").args(["--undefined-only", "--format=posix"]).arg(object));
        names.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    let ours = undefined("ours.o", Some(&cc::include_dir()));
    assert_eq!(ours, undefined("stock.o", stock()));
    assert!(functions.iter().all(|f| ours.contains(f)), "{ours:?}");

    let exported: Vec<&String> = functions.iter().filter(|f| !NOT_EXPORTED.contains(&f.as_str())).collect();
    assert_eq!(exported.len() + NOT_EXPORTED.len(), functions.len());
    let source = cc::write(&dir, "exported.cc", &program(&exported));
    let mut command = Command::new("g++");
    command.arg("-I").arg(cc::include_dir()).args(["-w", "-o"]).arg(dir.join("exported")).arg(source);
    cc::run(command.arg("-lsasl2"));
}

fn is_addition(name: &str) -> bool {
    ADDITIONS.iter().any(|(addition, _)| *addition == name)
}
