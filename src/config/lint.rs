//! What in a configuration file is allowed, but hardly meant.

use std::fmt;
use std::path::PathBuf;

use super::known::{KNOWN, Kind, VERIFIERS, find, unavailable};
use super::{ConfigFile, Entry, is_yes};

/// Something in a configuration file that its writer should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to do about it. Quotes no values that may be passwords.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.text)
    }
}

impl ConfigFile {
    /// Looks for options that do not exist, lines that do not count, and values that mean something else than they
    /// seem to.
    #[must_use]
    pub fn lint(&self) -> Vec<Warning> {
        let texts = self.entries().iter().flat_map(|entry| {
            let first = self.entry(&entry.name).map_or(entry.line, |first| first.line);
            let repeated = (first != entry.line)
                .then(|| format!("{} is set in line {first} already, and that line counts", entry.name));
            repeated.into_iter().chain(judge(entry)).map(|text| (entry.line, text)).collect::<Vec<_>>()
        });
        texts.map(|(line, text)| Warning { path: self.path().to_owned(), line, text }).collect()
    }
}

fn judge(Entry { name, value, .. }: &Entry) -> Option<String> {
    let Some(known) = find(name) else {
        let names = KNOWN.iter().map(|known| known.name);
        return Some(match name.strip_prefix("sasl_").filter(|rest| find(rest).is_some()).or(nearest(name, names)) {
            Some(near) => format!("there is no option {name:?}; did you mean {near}?"),
            None => format!("there is no option {name:?}"),
        });
    };
    match known.kind {
        Kind::Text | Kind::Secret => None,
        Kind::Number => value.parse::<u32>().is_err().then(|| format!("{name} is a number, and this is none")),
        Kind::Flag if is_no(value) || is_yes(value) => None,
        Kind::Transition if is_no(value) || is_yes(value) || value == "noplain" => None,
        Kind::Flag | Kind::Transition => Some(format!("{name} is not set by this; write yes or no, in lower case")),
        Kind::Words | Kind::Verifiers if value.contains(',') => {
            Some(format!("{name} takes blanks between its words; with a comma they are one word"))
        }
        Kind::Words => None,
        Kind::Verifiers => value.split_ascii_whitespace().find_map(judge_verifier),
    }
}

fn judge_verifier(word: &str) -> Option<String> {
    let word = word.to_ascii_lowercase();
    if let Some(reason) = unavailable(&word) {
        return Some(format!("nobody gets in by {word}: {reason}"));
    }
    match word.as_str() {
        "alwaystrue" => Some("alwaystrue would let anyone in and is not here; nobody gets in by it".to_owned()),
        "auxprop-hashed" => Some("auxprop-hashed accepted every password once and is gone; use auxprop".to_owned()),
        known if VERIFIERS.contains(&known) => None,
        _ => Some(match nearest(&word, VERIFIERS.iter().copied()) {
            Some(near) => format!("there is no password verifier {word:?}; did you mean {near}?"),
            None => format!("there is no password verifier {word:?}; there are {}", VERIFIERS.join(", ")),
        }),
    }
}

fn is_no(value: &str) -> bool {
    ["0", "n", "no", "f", "false", "off"].contains(&value)
}

/// The name that takes the fewest edits, if that is few for its length.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (edits, near) = names.map(|known| (edits(name, known), known)).min_by_key(|(edits, _)| *edits)?;
    (edits <= near.len() / 4 + 1).then_some(near)
}

/// How many characters must be put in, taken out or changed to make one name of the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (above, a) in from.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let best = (left + 1).min(*cell + 1).min(diagonal + usize::from(a != b));
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(cell) = row.first_mut() {
            *cell = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn lint(text: &str) -> Vec<String> {
        let file = ConfigFile::parse(Path::new("smtpd.conf"), text.as_bytes()).unwrap();
        file.lint().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, expected) in [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(a, b), expected, "{a} {b}");
            assert_eq!(edits(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn good_files_are_quiet() {
        let text = "pwcheck_method: saslauthd auxprop pam shadow passwd pwcheck\npam_account: yes\nmech_list: PLAIN LOGIN\nlog_level: 3\nauto_transition: noplain\n\
                    sql_hostnames: a,b\nsql_usessl: no\nscram_secret_generate: 1\nsaslauthd_path: /run/saslauthd/mux\n";
        assert_eq!(lint(text), Vec::<String>::new());
    }

    #[test]
    fn each_warning_says_where_and_what() {
        for (line, expected) in [
            ("mechlist: PLAIN", "there is no option \"mechlist\"; did you mean mech_list?"),
            (
                "sasl_pwcheck_method: auxprop",
                "there is no option \"sasl_pwcheck_method\"; did you mean pwcheck_method?",
            ),
            ("colour: red", "there is no option \"colour\""),
            ("mech_list: PLAIN,LOGIN", "mech_list takes blanks between its words; with a comma they are one word"),
            ("pwcheck_method: saslauth", "there is no password verifier \"saslauth\"; did you mean saslauthd?"),
            (
                "pwcheck_method: auxprop alwaystrue",
                "alwaystrue would let anyone in and is not here; nobody gets in by it",
            ),
            ("pwcheck_method: auxprop-hashed", "auxprop-hashed accepted every password once and is gone; use auxprop"),
            (
                "pwcheck_method: pam SIA",
                "nobody gets in by sia: this kind of password check exists only on Digital Unix; use pam",
            ),
            ("auto_transition: Yes", "auto_transition is not set by this; write yes or no, in lower case"),
            ("log_level: high", "log_level is a number, and this is none"),
            ("keytab: x\nkeytab: y", "keytab is set in line 2 already, and that line counts"),
        ] {
            let warnings = lint(&format!("# comment\n{line}\n"));
            let last = 1 + line.lines().count();
            assert_eq!(warnings, [format!("smtpd.conf:{last}: {expected}")], "{line}");
        }
    }

    #[test]
    fn values_stay_unsaid() {
        let warnings = lint("sql_pass: hunter2\nsql_passwd: a\nsql_passwd: hunter2\nlog_level: hunter2\n").join("\n");
        assert_eq!(warnings.lines().count(), 3);
        assert!(!warnings.contains("hunter2"), "{warnings}");
    }
}
