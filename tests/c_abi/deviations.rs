//! The table of allowed differences, `tests/c/deviations.txt`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One allowed difference: a line of the stock library's output and what ours prints in its place.
#[derive(Clone)]
pub struct Deviation {
    /// Names of the programs it is allowed in.
    pub programs: Vec<String>,
    /// The row of `docs/deviations.md` that explains it.
    pub id: String,
    /// Pattern of the stock library's line; none when ours prints a line more.
    pub stock: Option<String>,
    /// Pattern of our line; none when ours prints a line less. `$1` is the text under the first `*` of `stock`.
    pub ours: Option<String>,
    /// The section of the output that it is allowed in: its title, the last line before that began with `-- `; anywhere
    /// without one.
    pub section: Option<String>,
    /// Where the entry stands.
    pub line: usize,
}

impl Deviation {
    /// Whether these two lines (either may be absent) of a section are this difference.
    pub fn allows(&self, section: &str, stock: Option<&str>, ours: Option<&str>) -> bool {
        let mut captures = Vec::new();
        if self.section.as_ref().is_some_and(|wanted| !glob(wanted, section, &mut Vec::new())) {
            return false;
        }
        match (&self.stock, stock) {
            (None, None) => {}
            (Some(pattern), Some(line)) if glob(pattern, line, &mut captures) => {}
            _ => return false,
        }
        match (&self.ours, ours) {
            (None, None) => true,
            (Some(pattern), Some(line)) => {
                let mut pattern = pattern.clone();
                for (i, text) in captures.iter().enumerate() {
                    pattern = pattern.replace(&format!("${}", i + 1), text);
                }
                glob(&pattern, line, &mut Vec::new())
            }
            _ => false,
        }
    }
}

/// Matches `*` against any text, and tells what each `*` stood for. `\*` is a star.
pub fn glob(pattern: &str, line: &str, captures: &mut Vec<String>) -> bool {
    let star = pattern.match_indices('*').find(|(at, _)| !pattern[..*at].ends_with('\\'));
    let Some((at, _)) = star else { return pattern.replace("\\*", "*") == line };
    let (head, rest) = (pattern[..at].replace("\\*", "*"), &pattern[at + 1..]);
    let Some(line) = line.strip_prefix(&head) else { return false };
    let kept = captures.len();
    for end in (0..=line.len()).filter(|&i| line.is_char_boundary(i)) {
        captures.push(line[..end].to_owned());
        if glob(rest, &line[end..], captures) {
            return true;
        }
        captures.truncate(kept);
    }
    false
}

/// Reads the table.
///
/// An entry is a line `program[,program] id`, then `-` and the pattern of the stock library's line, then `+` and that
/// of ours; one of the two may be missing. With ` @ title` after the id, it is about the sections of that title, and has
/// any number of lines, each an entry of its own: `-` may be missing, `+` may be more.
pub fn read(path: &Path) -> Vec<Deviation> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut entries: Vec<Deviation> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with(['-', '+'])
            && let Some(entry) = entries.last().filter(|entry| entry.section.is_some())
            && (entry.stock.is_some() || entry.ours.is_some())
        {
            entries.push(Deviation { stock: None, ours: None, line: number + 1, ..entry.clone() });
        }
        if let Some(pattern) = line.strip_prefix("- ") {
            let entry = entries.last_mut().unwrap_or_else(|| panic!("{place}: no entry above"));
            assert!(entry.stock.is_none() && entry.ours.is_none(), "{place}: a second - line");
            entry.stock = Some(pattern.to_owned());
        } else if let Some(pattern) = line.strip_prefix("+ ") {
            let entry = entries.last_mut().unwrap_or_else(|| panic!("{place}: no entry above"));
            assert!(entry.ours.is_none(), "{place}: a second + line");
            entry.ours = Some(pattern.to_owned());
        } else {
            let (programs, id) = line.split_once(' ').unwrap_or_else(|| panic!("{place}: expected `program id`"));
            entries.push(Deviation {
                programs: programs.split(',').map(str::to_owned).collect(),
                id: id.split(" @ ").next().unwrap_or_default().trim().to_owned(),
                section: id.split_once(" @ ").map(|(_, section)| section.to_owned()),
                stock: None,
                ours: None,
                line: number + 1,
            });
        }
    }
    entries
}

/// The ids in the first column of the tables of `docs/deviations.md`.
pub fn documented(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|id| *id != "id" && !id.starts_with("--"))
        .map(|id| id.trim_matches('`').to_owned())
        .collect()
}
