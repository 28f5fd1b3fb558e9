//! Who checks passwords, and whether the program can reach them.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use oxisasl::config::Options as _;
use oxisasl::config::known::{VERIFIERS, find, unavailable};
use oxisasl::policy::SecurityFlags;
use oxisasl::registry::split_plus;
use oxisasl::verify::{pwcheck, saslauthd};

use super::report::Section;
use super::{Patient, database};

/// Looks at each of the verifiers.
pub fn look(patient: &Patient, offered: &[String], section: &mut Section) {
    let words = patient.options.get(None, "pwcheck_method").unwrap_or("auxprop".into()).to_ascii_lowercase();
    let words: Vec<&str> = words.split_ascii_whitespace().collect();
    section.note(format!("passwords are checked by: {}", words.join(", then ")));
    for word in &words {
        match *word {
            "auxprop" | "sasldb" => {}
            "saslauthd" => {
                daemon(patient, &saslauthd::path(option(patient, "saslauthd_path").as_deref()), "mux", section)
            }
            "pwcheck" => {
                let path = option(patient, "pwcheck_path").unwrap_or_else(|| pwcheck::DEFAULT_PATH.to_owned());
                daemon(patient, Path::new(&path), "pwcheck", section);
            }
            "authdaemond" => match option(patient, "authdaemond_path").or_else(|| option(patient, "authdaemon_path")) {
                Some(path) => daemon(patient, Path::new(&path), "socket", section),
                None => section.problem("authdaemond_path is not set", "It names the daemon's socket."),
            },
            "ldap" => {
                let default = find("ldap_servers").map_or("", |known| known.default);
                let servers = option(patient, "ldap_servers").unwrap_or_else(|| default.to_owned());
                section.note(format!("the directory at {servers} is asked when a password is tried (--password)"));
            }
            "pam" => pam(patient, section),
            "shadow" => shadow(patient, section),
            // What is wrong with the word was told with the file.
            other if VERIFIERS.contains(&other) || unavailable(other).is_some() => {}
            other => section.problem(
                format!("pwcheck_method names {other}, which is no password verifier: it lets nobody in"),
                format!("There are {}.", VERIFIERS.join(", ")),
            ),
        }
    }
    let from_stores = words.iter().any(|word| ["auxprop", "sasldb"].contains(word));
    let proofs = proofs(patient, offered);
    if from_stores || !proofs.is_empty() {
        database::look(patient, section);
    }
    if !from_stores && !proofs.is_empty() {
        section.warning(
            format!(
                "{} take the users' secrets from the stores; {} cannot give them, and clients try the strongest first",
                proofs.join(" "),
                words.join(" and "),
            ),
            "Unless the stores have secrets too, write mech_list: PLAIN LOGIN, and offer TLS.",
        );
    }
}

fn option(patient: &Patient, name: &str) -> Option<String> {
    patient.options.get(None, name).map(std::borrow::Cow::into_owned)
}

/// The mechanisms on offer by which users prove that they have a password without sending it.
pub fn proofs(patient: &Patient, offered: &[String]) -> Vec<String> {
    let proves = |name: &&String| {
        let mechanism = patient.server.registry().get(split_plus(name).0);
        mechanism.is_some_and(|mechanism| {
            mechanism.own_secret().is_some() && mechanism.info().security.contains(SecurityFlags::NO_PLAINTEXT)
        })
    };
    offered.iter().filter(proves).cloned().collect()
}

/// A daemon's socket, or the directory that has it.
fn daemon(patient: &Patient, path: &Path, within: &str, section: &mut Section) {
    let socket = if path.is_dir() { path.join(within) } else { path.to_owned() };
    let shown = socket.display();
    let inside = patient.subject.root.as_ref().map(|root| format!(" inside {}", root.display())).unwrap_or_default();
    let Err(error) = UnixStream::connect(&socket) else {
        return section.good(format!("the daemon at {shown}{inside} takes questions"));
    };
    let text = format!("cannot ask the daemon at {shown}{inside}: {error}");
    let advice = match error.kind() {
        ErrorKind::NotFound => match &patient.subject.root {
            Some(root) => format!(
                "The program sees only what is below {root}: have the daemon listen there (saslauthd -m {}).",
                root.join(socket.parent().unwrap_or(&socket).strip_prefix("/").unwrap_or(&socket)).display(),
                root = root.display(),
            ),
            None => "Start the daemon, or name the socket that it listens on: saslauthd_path.".to_owned(),
        },
        ErrorKind::PermissionDenied => match &patient.subject.user {
            Some(user) => {
                format!("{user} may not reach it: adduser {user} sasl, and restart the program. {}", modes(&socket))
            }
            None => modes(&socket),
        },
        ErrorKind::ConnectionRefused => "The socket is there, but nobody listens: start the daemon.".to_owned(),
        _ => String::new(),
    };
    section.problem(text, advice);
}

/// The first directory on the way that may not be entered.
fn modes(path: &Path) -> String {
    let closed = path
        .ancestors()
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .find(|place| place.join(".").metadata().is_err());
    match closed {
        Some(place) => format!("It may not enter {}.", place.display()),
        None => format!("It may not write to {}.", path.display()),
    }
}

fn pam(patient: &Patient, section: &mut Section) {
    let file = PathBuf::from("/etc/pam.d").join(&patient.subject.service);
    let shown = file.display();
    if file.exists() {
        section.good(format!("{shown} says which modules are asked"));
    } else if Path::new("/etc/pam.d/other").exists() {
        section.warning(
            format!("there is no {shown}: /etc/pam.d/other decides, which refuses on most systems"),
            format!("Write {shown}."),
        );
    } else {
        section.problem(format!("there is no {shown}, and no /etc/pam.d/other"), "PAM refuses everyone without one.");
    }
    if !rustix::process::geteuid().is_root() {
        section.warning(
            "the modules run with the program's rights: without root's, pam_unix cannot read the passwords of others",
            "Use pwcheck_method: saslauthd with saslauthd -a pam, which runs as root.",
        );
    }
}

fn shadow(patient: &Patient, section: &mut Section) {
    match std::fs::File::open("/etc/shadow") {
        Ok(_) => section.good("/etc/shadow can be read"),
        Err(error) => section.problem(
            format!("cannot read /etc/shadow: {error}"),
            match &patient.subject.root {
                Some(_) => "The program cannot reach it there: use pwcheck_method: saslauthd with saslauthd -a shadow.",
                None => "Only root can: use pwcheck_method: saslauthd with saslauthd -a shadow.",
            },
        ),
    }
}
