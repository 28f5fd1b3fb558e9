//! The stores of users' secrets: which there are, whether the program can read them, and what they have of a user.

use std::fmt::Write as _;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use oxisasl::Code;
use oxisasl::config::Options as _;
use oxisasl::log::Level;
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::sasldb::{Format, SasldbFile};

use super::mechanisms::said;
use super::report::Section;
use super::{Patient, passwords};
use crate::shown::shown;

/// The largest database that is searched for a user's other realms, in bytes.
const SEARCHED: u64 = 16 << 20;
const PASSWORD: &str = "userPassword";
const VERIFIERS: &str = "authPassword";

/// Looks at the stores that `auxprop_plugin` selects.
pub fn look(patient: &Patient, section: &mut Section) {
    let list = patient.options.get(None, "auxprop_plugin");
    let built_in: Vec<_> = patient.server.stores().iter().map(|store| store.name().to_owned()).collect();
    if let Some(list) = &list {
        for word in
            list.split_ascii_whitespace().filter(|word| !built_in.iter().any(|name| name.eq_ignore_ascii_case(word)))
        {
            section.problem(
                format!("auxprop_plugin names {word}, which is not built in"),
                format!("There are {}; others come as plugins (saslpluginviewer -a).", built_in.join(" ")),
            );
        }
    }
    let wanted = |name: &str| {
        list.as_ref().is_none_or(|list| list.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(name)))
    };
    if wanted("sasldb") {
        file(patient, &Sasldb::new().path(&patient.options), section);
    }
    let configured: Vec<_> = patient.server.configured_stores().map(|store| store.name().to_owned()).collect();
    for name in built_in.iter().filter(|name| wanted(name) && *name != "sasldb") {
        if configured.contains(name) {
            section.note(format!("the store {name} is asked too"));
        } else if list.is_some() {
            section.problem(
                format!("auxprop_plugin names {name}, whose options are missing"),
                format!("docs/{} says which it takes.", if name == "sql" { "sql.md" } else { "ldap.md" }),
            );
        }
    }
}

fn file(patient: &Patient, path: &Path, section: &mut Section) {
    let place = path.display();
    let opened = File::open(path).and_then(|file| file.metadata());
    let metadata = match opened {
        Ok(metadata) => metadata,
        Err(error) => {
            let advice = match (error.kind(), &patient.subject.root, &patient.subject.user) {
                (ErrorKind::NotFound, Some(root), _) => format!(
                    "The program sees only what is below {}: put a copy there, or take the program out of it.",
                    root.display()
                ),
                (ErrorKind::NotFound, None, _) => "Make it: saslpasswd2 -c user.".to_owned(),
                (ErrorKind::PermissionDenied, _, Some(user)) => format!(
                    "{user} may not read it: chgrp sasl {place}; chmod 640 {place}; adduser {user} sasl, and restart the program."
                ),
                _ => String::new(),
            };
            return section.problem(format!("cannot read the password database {place}: {error}"), advice);
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    match SasldbFile::open(path).and_then(|file| file.format()) {
        Ok(format) => {
            let kind = match format {
                Format::Lmdb => "LMDB",
                Format::BerkeleyHash => "Berkeley DB",
                Format::Gdbm => "GDBM, which is only read: saslmigrate makes LMDB of it",
                Format::Missing => "empty",
            };
            section.good(format!(
                "the password database {place} can be read: {kind}, mode {mode:o}, owner {}:{}",
                metadata.uid(),
                metadata.gid()
            ));
        }
        Err(error) => section.problem(said(&error), "Restore it, or make a new one with saslpasswd2."),
    }
    if mode & 0o007 != 0 {
        section.warning(format!("everyone on this machine may read {place}"), format!("chmod o= {place}"));
    }
}

/// What the stores have of a user, and what of it which mechanism needs.
pub fn look_for(patient: &Patient, user: &str, offered: &[String], section: &mut Section) {
    let realm = patient.realm().unwrap_or_default();
    let (name, realm) = user.split_once('@').unwrap_or((user, &realm));
    let _ = patient.lines.take(Level::Beyond);
    match patient.session(&patient.server).and_then(|session| session.user_exists(user.as_bytes(), None, None)) {
        Ok(()) => section.good(format!("{name}@{realm} is there")),
        Err(error) if error.code() == Code::NoUser => unknown(patient, name, realm, section),
        Err(error) if error.code() == Code::NoVerify => section.note(said(&error)),
        Err(error) => section.problem(format!("cannot look for {name}@{realm}: {}", said(&error)), ""),
    }
    for line in patient.lines.take(Level::Err) {
        section.note(format!("the library says: {line}"));
    }
    secrets(patient, name, realm, offered, section);
}

/// A user who is not there may be there under another realm.
fn unknown(patient: &Patient, name: &str, realm: &str, section: &mut Section) {
    let path = Sasldb::new().path(&patient.options);
    let searched = path.metadata().is_ok_and(|metadata| metadata.len() <= SEARCHED);
    let entries = SasldbFile::open(&path).and_then(|file| if searched { file.users() } else { Ok(Vec::new()) });
    let mut realms: Vec<_> = entries
        .unwrap_or_default()
        .iter()
        .filter(|entry| entry.user.eq_ignore_ascii_case(name.as_bytes()))
        .map(|entry| format!("{}@{}", shown(&entry.user), shown(&entry.realm)))
        .collect();
    realms.dedup();
    let text = format!("there is no {name}@{realm}");
    if realms.is_empty() {
        return section.problem(text, format!("saslpasswd2 -c -u {realm} {name}"));
    }
    let mut advice = format!("There is {}. The realm of a name without one is ", realms.join(", "));
    let _ = match &patient.subject.realm {
        Some(realm) => write!(advice, "{realm} here."),
        None => write!(advice, "the host's name, unless the program gives another (Postfix: smtpd_sasl_local_domain)."),
    };
    section.problem(text, advice);
}

/// The secrets of a user in the password database, by the mechanisms on offer that need them.
fn secrets(patient: &Patient, name: &str, realm: &str, offered: &[String], section: &mut Section) {
    let path = Sasldb::new().path(&patient.options);
    let Ok(file) = SasldbFile::open(&path) else { return };
    let has = |property: &str| matches!(file.get(name, realm, property), Ok(Some(_)));
    if has(PASSWORD) {
        section.warning(
            "the password is stored as it is: every mechanism can use it, and so can whoever reads the file",
            "saslmigrate --hash stores what the mechanisms need in its place.",
        );
        return;
    }
    let verifiers = match file.get(name, realm, VERIFIERS) {
        Ok(Some(value)) => String::from_utf8_lossy(value.expose()).into_owned(),
        _ => String::new(),
    };
    if verifiers.is_empty() && !file.user_exists(name, realm).unwrap_or_default() {
        return;
    }
    for mechanism in passwords::proofs(patient, offered) {
        let bare = oxisasl::registry::split_plus(&mechanism).0;
        let own = patient.server.registry().get(bare).and_then(|mechanism| mechanism.own_secret());
        let there = match own {
            Some(property) if property != VERIFIERS => has(property),
            _ => verifiers.lines().any(|line| line.split('$').next() == Some(bare)),
        };
        if !there {
            section.warning(
                format!("{mechanism} is offered, but {name}@{realm} has no secret for it"),
                "Set the password again (saslpasswd2), with the mechanism in password_secrets; or leave it out of mech_list.",
            );
        }
    }
}
