//! What was found, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Subject;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// It works, but hardly as it is meant.
    Warning,
    /// Somebody cannot log in because of it.
    Problem,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Grade::Good => "ok",
            Grade::Note => "note",
            Grade::Warning => "warning",
            Grade::Problem => "problem",
        }
    }

    /// The colour of its word on a terminal (ECMA-48).
    fn colour(self) -> &'static str {
        match self {
            Grade::Good => "\x1b[32m",
            Grade::Note => "\x1b[36m",
            Grade::Warning => "\x1b[33m",
            Grade::Problem => "\x1b[1;31m",
        }
    }
}

/// Something that was found.
#[derive(Debug)]
pub struct Finding {
    grade: Grade,
    text: String,
    /// What to do about it.
    advice: Option<String>,
}

/// A part of the report.
#[derive(Debug)]
pub struct Section {
    title: String,
    findings: Vec<Finding>,
}

impl Section {
    /// As it should be.
    pub fn good(&mut self, text: impl Into<String>) {
        self.add(Grade::Good, text, None);
    }

    /// Worth knowing.
    pub fn note(&mut self, text: impl Into<String>) {
        self.add(Grade::Note, text, None);
    }

    /// Hardly meant, and what to do about it.
    pub fn warning(&mut self, text: impl Into<String>, advice: impl Into<String>) {
        self.add(Grade::Warning, text, Some(advice.into()));
    }

    /// Wrong, and what to do about it.
    pub fn problem(&mut self, text: impl Into<String>, advice: impl Into<String>) {
        self.add(Grade::Problem, text, Some(advice.into()));
    }

    fn add(&mut self, grade: Grade, text: impl Into<String>, advice: Option<String>) {
        let advice = advice.filter(|advice| !advice.is_empty());
        self.findings.push(Finding { grade, text: text.into(), advice });
    }
}

/// All that was found.
#[derive(Debug)]
pub struct Report {
    about: String,
    app: String,
    sections: Vec<Section>,
}

impl Report {
    /// A report about a program.
    #[must_use]
    pub fn new(subject: &Subject) -> Self {
        Report { about: subject.to_string(), app: subject.app.clone(), sections: Vec::new() }
    }

    /// Begins a part.
    pub fn section(&mut self, title: &str) -> &mut Section {
        self.sections.push(Section { title: title.to_owned(), findings: Vec::new() });
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    /// How many findings are of this grade.
    #[must_use]
    pub fn count(&self, grade: Grade) -> usize {
        self.sections.iter().flat_map(|section| &section.findings).filter(|finding| finding.grade == grade).count()
    }

    /// For people.
    #[must_use]
    pub fn text(&self, coloured: bool) -> String {
        let paint = |colour, word: &str| match coloured {
            true => format!("{colour}{word}\x1b[0m"),
            false => word.to_owned(),
        };
        let mut text = format!("{}\n", self.about);
        // Writing to a string does not fail.
        for Section { title, findings } in self.sections.iter().filter(|section| !section.findings.is_empty()) {
            let _ = writeln!(text, "\n{}", paint("\x1b[1m", title));
            for Finding { grade, text: what, advice } in findings {
                let word = paint(grade.colour(), &format!("{:8}", grade.word()));
                let _ = writeln!(text, "  {word} {what}");
                if let Some(advice) = advice {
                    let _ = writeln!(text, "           {advice}");
                }
            }
        }
        let (problems, warnings) = (self.count(Grade::Problem), self.count(Grade::Warning));
        let _ = writeln!(text, "\n{}", summary(problems, warnings));
        text
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let finding = |finding: &Finding| json!({ "grade": finding.grade.word(), "text": finding.text, "advice": finding.advice });
        let section = |section: &Section| json!({ "title": section.title, "findings": section.findings.iter().map(finding).collect::<Vec<_>>() });
        json!({
            "app": self.app,
            "problems": self.count(Grade::Problem),
            "warnings": self.count(Grade::Warning),
            "sections": self.sections.iter().map(section).collect::<Vec<_>>(),
        })
    }
}

fn summary(problems: usize, warnings: usize) -> String {
    let count = |number, word| match number {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    format!("{}, {}", count(problems, "problem"), count(warnings, "warning"))
}
