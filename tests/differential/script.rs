//! The files of `cases/`: what is sent to the driver, and which lines may differ.

use std::fs;
use std::path::{Path, PathBuf};

use crate::deviations::Deviation;

/// A file of cases.
pub struct Script {
    pub path: PathBuf,
    /// Lines that every case begins with.
    pub preparation: Vec<String>,
    pub cases: Vec<Case>,
}

/// A case: commands, and what our library prints differently.
pub struct Case {
    pub name: String,
    /// Where it begins in the file.
    pub line: usize,
    pub commands: Vec<String>,
    pub differs: Vec<Deviation>,
}

impl Script {
    /// Reads a file.
    ///
    /// After the commands of a case, `differs id` names a row of `docs/deviations.md`, and lines `- pattern` and `+ pattern`
    /// below it say which line of the stock library is another of ours; a `-` without `+` is a line that ours lacks, a `+`
    /// without `-` one that it has more.
    pub fn read(path: &Path) -> Script {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut script = Script { path: path.to_owned(), preparation: Vec::new(), cases: Vec::new() };
        let mut row: Option<String> = None;
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            let line = line.trim_end();
            if line.trim_start().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix("case ") {
                row = None;
                script.cases.push(Case {
                    name: name.to_owned(),
                    line: number + 1,
                    commands: Vec::new(),
                    differs: Vec::new(),
                });
                continue;
            }
            let Some(case) = script.cases.last_mut() else {
                script.preparation.push(line.trim_start().to_owned());
                continue;
            };
            if let Some(id) = line.strip_prefix("differs ") {
                row = Some(id.to_owned());
            } else if let Some((stock, pattern)) =
                line.strip_prefix("- ").map(|p| (true, p)).or_else(|| line.strip_prefix("+ ").map(|p| (false, p)))
            {
                let id = row.clone().unwrap_or_else(|| panic!("{place}: no `differs` above"));
                case.allow(id, number + 1, stock, pattern);
            } else {
                assert!(row.is_none(), "{place}: a command after `differs`");
                case.commands.push(line.trim_start().to_owned());
            }
        }
        script
    }

    /// The lines for the driver.
    pub fn text(&self) -> String {
        let mut lines = self.preparation.clone();
        for case in &self.cases {
            lines.push(format!("case {}", case.name));
            lines.extend(case.commands.iter().cloned());
        }
        lines.join("\n") + "\n"
    }
}

impl Case {
    fn allow(&mut self, id: String, line: usize, stock: bool, pattern: &str) {
        let pattern = Some(pattern.to_owned());
        if let Some(last) = self.differs.last_mut()
            && !stock
            && last.ours.is_none()
            && last.id == id
            && last.line + 1 == line
        {
            last.ours = pattern;
            return;
        }
        let (stock, ours) = if stock { (pattern, None) } else { (None, pattern) };
        self.differs.push(Deviation { programs: Vec::new(), id, stock, ours, section: None, many: false, line });
    }
}

/// What the driver printed for each case, in order.
pub fn transcripts(output: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("== ").filter(|name| *name != "end") {
            found.push((name.to_owned(), Vec::new()));
        } else if let Some((_, lines)) = found.last_mut()
            && line != "== end"
        {
            lines.push(line.to_owned());
        }
    }
    found
}
