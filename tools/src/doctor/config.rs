//! The configuration file: where it is looked for, what it says, and what in it is hardly meant.

use std::path::{Path, PathBuf};

use oxisasl::config::known::{Kind, find};
use oxisasl::config::{ConfigFile, Entry};

use super::Subject;
use super::report::Section;

/// Where programs look for their files, so that one which is in a wrong place can be found.
const PLACES: [&str; 8] = [
    "/etc/sasl2",
    "/etc/sasl",
    "/etc/postfix/sasl",
    "/etc/ldap/sasl2",
    "/usr/lib/sasl2",
    "/usr/lib/sasl",
    "/usr/lib/x86_64-linux-gnu/sasl2",
    "/usr/local/lib/sasl2",
];

/// Finds the file as the library does; the options in it.
pub fn look(subject: &Subject, section: &mut Section) -> Option<ConfigFile> {
    let name = format!("{}.conf", subject.app);
    let candidates: Vec<PathBuf> = subject.directories.split(':').map(|place| Path::new(place).join(&name)).collect();
    let mut found = None;
    for path in &candidates {
        let shown = path.display();
        if found.is_some() {
            if path.exists() {
                section.warning(format!("{shown} is not read: the one before it counts"), "Remove one of the two.");
            }
            continue;
        }
        match ConfigFile::read(path) {
            Ok(None) => section.note(format!("{shown}: there is no such file")),
            Ok(Some(file)) => found = Some(tell(file, section)),
            Err(error) => {
                section.problem(error.detail(), "The program cannot begin with it. Mend the line, or the file's mode.");
                return None;
            }
        }
    }
    let elsewhere: Vec<_> =
        PLACES.map(|place| Path::new(place).join(&name)).into_iter().filter(|path| path.exists()).collect();
    let astray: Vec<_> = elsewhere.iter().filter(|path| !candidates.contains(path)).collect();
    for path in &astray {
        let text = format!("{} is never read by this program", path.display());
        let advice = format!("It looks into {}; move the file there.", subject.directories);
        if found.is_some() { section.warning(text, advice) } else { section.problem(text, advice) }
    }
    if found.is_none() && astray.is_empty() {
        section.warning(
            "there is no configuration: passwords are looked for in the password database",
            format!(
                "Write {} if that is not what you want.",
                candidates.first().map_or(name, |path| path.display().to_string())
            ),
        );
    }
    found
}

/// What a file says, and what is wrong with it.
fn tell(file: ConfigFile, section: &mut Section) -> ConfigFile {
    section.good(format!("{} is read", file.path().display()));
    for Entry { line, name, value } in file.entries() {
        let value = if may_be_seen(name) { value } else { "(not shown)" };
        section.note(format!("line {line}: {name}: {value}"));
    }
    for warning in file.lint() {
        let advice = format!("Mend line {}.", warning.line);
        let hurts = ["pwcheck_method", "mech_list", "auxprop_plugin"]
            .iter()
            .any(|name| file.entries().iter().any(|entry| entry.line == warning.line && entry.name == *name));
        if hurts { section.problem(warning.to_string(), advice) } else { section.warning(warning.to_string(), advice) }
    }
    file
}

/// Whether the value of an option may be shown: no password, and nothing that may be one by a misspelt name.
fn may_be_seen(name: &str) -> bool {
    find(name).is_some_and(|known| known.kind != Kind::Secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_a_file_are_not_shown() {
        for name in ["sql_passwd", "sql_pasword", "ldapdb_pw", "ldap_bind_pw", "scram_salt_key"] {
            assert!(!may_be_seen(name), "{name}");
        }
        for name in ["pwcheck_method", "password_storage", "password_secrets", "scram_secret_generate", "sasldb_path"] {
            assert!(may_be_seen(name), "{name}");
        }
    }
}
