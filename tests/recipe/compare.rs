//! Compares what a command printed with what the document shows: `...` within a line stands for any text, and alone on
//! a line for any number of lines.

/// Whether `text` is as `pattern` shows it. Blanks at the ends of lines and empty lines at both ends do not count.
pub fn matches(pattern: &str, text: &str) -> bool {
    lines_match(&lines(pattern), &lines(text))
}

fn lines(text: &str) -> Vec<&str> {
    text.trim_matches('\n').lines().map(str::trim_end).collect()
}

fn lines_match(pattern: &[&str], text: &[&str]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((&"...", rest)) => (0..=text.len()).any(|skipped| lines_match(rest, &text[skipped..])),
        Some((line, rest)) => {
            text.split_first().is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others))
        }
    }
}

fn line_matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once("...") {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let mut starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            starts.any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

#[test]
fn patterns() {
    for (pattern, text) in [
        ("a\nb", "a\nb\n"),
        ("a", "\na  \n\n"),
        ("a ... c", "a b c"),
        ("...c", "c"),
        ("a...", "a"),
        ("a...b...c", "a b b c"),
        ("a\n...\nb", "a\nb"),
        ("a\n...\nb", "a\nx\nb\nb"),
        ("...", ""),
        ("é...", "éà"),
    ] {
        assert!(matches(pattern, text), "{pattern:?} {text:?}");
    }
    for (pattern, text) in [
        ("a", "a\nb"),
        ("a\nb", "a"),
        ("a", " a"),
        ("a...c", "a b"),
        ("a ... b", "a b"),
        ("a\n...\nb", "a\nb\nc"),
        ("", "a"),
        ("a", ""),
    ] {
        assert!(!matches(pattern, text), "{pattern:?} {text:?}");
    }
}
