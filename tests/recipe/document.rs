//! Reads the document: its fenced blocks are what a reader types, writes into files, and sees.
//!
//! | fence | meaning |
//! |---|---|
//! | `sh` | commands, typed one after the other |
//! | `text expected` | what the commands of the block before print |
//! | `console` | a dialogue at the terminal: `# command`, what it prints, and `> what is typed` |
//! | `LANGUAGE /path` | a file with this text; the line above tells the reader its name: "File `/path`:" |
//!
//! A heading may say for which ways it is, "(way A)" or "(ways B and C)"; so are the headings below it then.

/// A block, where it is, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of the fence, counted from 1.
    pub line: usize,
    /// The heading above it.
    pub heading: String,
    /// The letters of the ways; empty for all.
    pub ways: String,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Shell { commands: String, expected: Option<String> },
    Console(Vec<Dialogue>),
    File { path: String, text: String },
}

/// A command that talks at the terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialogue {
    pub command: String,
    /// What is seen before each line that is typed.
    pub exchanges: Vec<(String, String)>,
    /// What is seen after the last one.
    pub end: String,
}

/// The blocks of the document in order; an error names the line.
pub fn parse(document: &str) -> Result<Vec<Block>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    // The heading of each level in force, and its ways.
    let mut headings: Vec<(usize, String, String)> = Vec::new();
    let mut above = "";
    let mut lines = document.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let number = number + 1;
        if let Some((level, title)) = heading(line) {
            headings.retain(|(above, _, _)| *above < level);
            headings.push((level, title.to_owned(), ways(title).map_err(|e| format!("line {number}: {e}"))?));
        }
        let Some(fence) = line.strip_prefix("```") else {
            above = if line.is_empty() { above } else { line };
            continue;
        };
        let mut text = String::new();
        loop {
            match lines.next() {
                None => return Err(format!("line {number}: a block without an end")),
                Some((_, "```")) => break,
                Some((_, line)) => text += &format!("{line}\n"),
            }
        }
        if fence == "text expected" {
            match blocks.last_mut().map(|b| &mut b.kind) {
                Some(Kind::Shell { expected: expected @ None, .. }) => *expected = Some(text),
                _ => return Err(format!("line {number}: no commands before what is expected")),
            }
            continue;
        }
        let kind = match fence.split_once(' ') {
            None if fence == "sh" => Kind::Shell { commands: text, expected: None },
            None if fence == "console" => Kind::Console(dialogues(&text).map_err(|e| format!("line {number}: {e}"))?),
            Some((_, path)) if path.starts_with('/') => {
                if above != format!("File `{path}`:") {
                    return Err(format!("line {number}: the name of the file is not above it"));
                }
                Kind::File { path: path.to_owned(), text }
            }
            _ => return Err(format!("line {number}: a block of an unknown kind: {fence:?}")),
        };
        let heading = headings.last().map(|(_, title, _)| title.clone()).unwrap_or_default();
        let ways = headings.iter().rev().map(|(_, _, ways)| ways).find(|w| !w.is_empty()).cloned().unwrap_or_default();
        blocks.push(Block { line: number, heading, ways, kind });
    }
    Ok(blocks)
}

/// Level and title of a heading.
fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    (level > 0).then_some((level, title.strip_prefix(' ')?))
}

/// The letters of "(way A)", "(ways A and B)", at the end of a title.
fn ways(title: &str) -> Result<String, String> {
    let Some((_, list)) = title.strip_suffix(')').and_then(|t| t.rsplit_once(" (way")) else {
        return Ok(String::new());
    };
    let words = list.trim_start_matches('s').split([' ', ',']).filter(|w| !w.is_empty() && *w != "and");
    words.map(|w| if ["A", "B", "C"].contains(&w) { Ok(w) } else { Err(format!("no way {w}")) }).collect()
}

fn dialogues(text: &str) -> Result<Vec<Dialogue>, String> {
    let mut dialogues: Vec<Dialogue> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("# ") {
            dialogues.push(Dialogue { command: command.to_owned(), ..Dialogue::default() });
            continue;
        }
        let dialogue = dialogues.last_mut().ok_or("a console begins with a command: # ...")?;
        match line.strip_prefix("> ").or((line == ">").then_some("")) {
            Some(typed) => dialogue.exchanges.push((std::mem::take(&mut dialogue.end), typed.to_owned())),
            None => dialogue.end += &format!("{line}\n"),
        }
    }
    if dialogues.is_empty() { Err("an empty console".to_owned()) } else { Ok(dialogues) }
}

#[test]
fn blocks_of_every_kind() {
    let text = "# T\n```sh\na\nb\n```\nand\n```text expected\nx\n```\n## One (way A)\n### Deep\nFile `/etc/f`:\n\n\
                ```conf /etc/f\nk: v\n```\n## Two (ways B, C)\n```console\n# telnet\n220 hi\n> EHLO me\n> \n250 ok\n# true\n```\n";
    let blocks = parse(text).expect("blocks");
    let dialogue = Dialogue {
        command: "telnet".into(),
        exchanges: vec![("220 hi\n".into(), "EHLO me".into()), (String::new(), String::new())],
        end: "250 ok\n".into(),
    };
    let expected = [
        (2, "T", "", Kind::Shell { commands: "a\nb\n".into(), expected: Some("x\n".into()) }),
        (14, "Deep", "A", Kind::File { path: "/etc/f".into(), text: "k: v\n".into() }),
        (18, "Two (ways B, C)", "BC", {
            Kind::Console(vec![dialogue, Dialogue { command: "true".into(), ..Dialogue::default() }])
        }),
    ];
    let expected =
        expected.map(|(line, heading, ways, kind)| Block { line, heading: heading.into(), ways: ways.into(), kind });
    assert_eq!(blocks, expected);
}

#[test]
fn nothing_is_skipped() {
    for (text, reason) in [
        ("```\nx\n```\n", "line 1: a block of an unknown kind: \"\""),
        ("x\n```shell\nx\n```\n", "line 2: a block of an unknown kind: \"shell\""),
        ("```conf etc/x\n```\n", "line 1: a block of an unknown kind: \"conf etc/x\""),
        ("```text expected\nx\n```\n", "line 1: no commands before what is expected"),
        ("```console\nx\n```\n", "line 1: a console begins with a command: # ..."),
        ("/etc/x:\n```conf /etc/x\n```\n", "line 2: the name of the file is not above it"),
        ("# X (way D)\n", "line 1: no way D"),
        ("```sh\nx\n", "line 1: a block without an end"),
    ] {
        assert_eq!(parse(text).unwrap_err(), reason);
    }
}
