//! Which mechanisms are offered, and why the others are not.

use std::sync::Arc;

use oxisasl::config::Options as _;
use oxisasl::policy::Refusal;
use oxisasl::registry::split_plus;
use oxisasl::{Error, ServerSession};

use super::Patient;
use super::report::Section;

/// Mechanisms that people know by name and that neither the library nor Debian has.
const ELSEWHERE: [&str; 3] = ["XOAUTH2", "OAUTHBEARER", "SRP"];

/// Tells of each mechanism; the names of those that are offered.
pub fn look(patient: &Patient, session: &ServerSession, section: &mut Section) -> Arc<[String]> {
    let offered = match session.mechanisms() {
        Ok(offered) => offered,
        Err(error) => {
            section.problem(error.detail(), "Write names of mechanisms into mech_list, with blanks between them.");
            return Arc::default();
        }
    };
    if offered.is_empty() {
        section.problem("no mechanism is offered", "The reasons follow.");
    } else {
        section.good(format!("offered, in this order: {}", offered.join(" ")));
    }
    for (name, refusal) in session.refused() {
        tell(&name, &refusal, section);
    }
    unknown(patient, section);
    offered
}

fn tell(name: &str, refusal: &Refusal, section: &mut Section) {
    let text = format!("{name} is not offered: {refusal}");
    match refusal {
        Refusal::SecurityFlags(_) => section.warning(
            text,
            "The program refuses plaintext mechanisms here: offer TLS, or change its security options \
             (Postfix: smtpd_sasl_security_options, smtpd_sasl_tls_security_options).",
        ),
        Refusal::TooWeak { .. } => {
            section
                .warning(text, "The program demands a security layer: use one that has it, or TLS (--external-ssf).");
        }
        _ => section.note(text),
    }
}

/// Names in `mech_list` that stand for nothing.
fn unknown(patient: &Patient, section: &mut Section) {
    let list = patient.options.get(None, "mech_list").unwrap_or_default();
    let is_known = |word: &str| {
        let name = word.to_ascii_uppercase();
        word.eq_ignore_ascii_case("auto") || patient.server.registry().get(split_plus(&name).0).is_some()
    };
    for word in list.split_ascii_whitespace().filter(|word| !is_known(word) && !word.contains(',')) {
        let name = word.to_ascii_uppercase();
        let text = format!("mech_list names {word}, which is not built in");
        let advice = if ELSEWHERE.contains(&name.as_str()) {
            "It needs a plugin of somebody else's.".to_owned()
        } else if ["OTP", "NTLM"].contains(&name.as_str()) {
            "It needs its plugin: apt install libsasl2-modules.".to_owned()
        } else {
            format!("There are {}.", names(patient))
        };
        section.warning(text, advice);
    }
}

fn names(patient: &Patient) -> String {
    patient.server.registry().iter().map(|mechanism| mechanism.info().name.to_string()).collect::<Vec<_>>().join(" ")
}

/// What an error says, with its code's text where it has no words of its own.
pub fn said(error: &Error) -> String {
    if error.detail().is_empty() { error.code().text().to_owned() } else { error.detail().to_owned() }
}
