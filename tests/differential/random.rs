//! Cases made up from seeds, run on both libraries; a difference is made as small as it gets and printed as a script.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::deviations::{self, Deviation};
use crate::driver::{Driver, Side};
use crate::{generate, script};

/// How many cases one process carries out.
const BATCH: usize = 250;

/// How often a difference must come again before it counts: nonces are random, and what is altered may be one of them.
const AGAIN: usize = 3;

/// What became of a case.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Same,
    /// A row of the table after which the two are no longer comparable.
    Apart,
    /// The stock library ended the process, or did not end.
    StockGone,
    Different(String),
}

/// What became of many cases.
#[derive(Default, Debug)]
pub struct Tally {
    pub cases: usize,
    pub apart: usize,
    pub stock_gone: usize,
    /// Differences that did not come again.
    pub unsteady: usize,
    /// Scripts that show a difference.
    pub different: Vec<String>,
}

/// Known differences: `tests/differential/random.txt`, in the format of `tests/c/deviations.txt`. The first word of an entry is
/// `on` or, where what follows cannot be compared, `apart`; what is `@=` is a pattern of the command.
pub fn rules() -> Vec<Deviation> {
    deviations::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/random.txt"))
}

fn judge(stock: &[String], ours: &[String], rules: &[Deviation]) -> Verdict {
    let (mut i, mut j) = (0, 0);
    let mut command = "";
    loop {
        let (theirs, mine) = (stock.get(i).map(String::as_str), ours.get(j).map(String::as_str));
        if mine.is_some_and(|line| line.starts_with("!!")) {
            return Verdict::Different(format!(
                "{command}\n- {}\n+ {}",
                theirs.unwrap_or("(end)"),
                mine.unwrap_or_default()
            ));
        }
        if theirs.is_some_and(|line| line.starts_with("!!")) {
            return Verdict::StockGone;
        }
        if theirs.is_none() && mine.is_none() {
            return Verdict::Same;
        }
        if theirs == mine {
            command = theirs.filter(|line| line.starts_with("> ")).map_or(command, |line| &line[2..]);
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let pair = rules.iter().find(|rule| theirs.is_some() && mine.is_some() && rule.allows(command, theirs, mine));
        let less = || rules.iter().find(|rule| theirs.is_some() && rule.allows(command, theirs, None));
        let more = || rules.iter().find(|rule| mine.is_some() && rule.allows(command, None, mine));
        let (rule, steps) = match pair.map(|rule| (rule, (1, 1))).or_else(|| less().map(|rule| (rule, (1, 0)))) {
            Some(found) => found,
            None => match more() {
                Some(rule) => (rule, (0, 1)),
                None => {
                    let (theirs, mine) = (theirs.unwrap_or("(end)"), mine.unwrap_or("(end)"));
                    return Verdict::Different(format!("{command}\n- {theirs}\n+ {mine}"));
                }
            },
        };
        if rule.programs.iter().any(|word| word == "apart") {
            return Verdict::Apart;
        }
        (i, j) = (i + steps.0, j + steps.1);
    }
}

/// Runs cases on both, and judges each.
fn compare(driver: &Driver, cases: &[Vec<String>], rules: &[Deviation]) -> Vec<Verdict> {
    let mut text = generate::PREPARATION.to_owned();
    for (number, case) in cases.iter().enumerate() {
        text += &format!("case {number}\n{}\n", case.join("\n"));
    }
    let run = |side| script::transcripts(&driver.run(side, &["--shared", "--coarse"], &text));
    let (stock, ours) = std::thread::scope(|scope| {
        let stock = scope.spawn(|| run(Side::Stock));
        let ours = run(Side::Ours);
        (stock.join().expect("the stock side"), ours)
    });
    assert_eq!((stock.len(), ours.len()), (cases.len(), cases.len()), "cases that were carried out");
    stock.iter().zip(&ours).map(|((_, stock), (_, ours))| judge(stock, ours, rules)).collect()
}

/// The difference of a case, if it comes again and again.
fn steady(driver: &Driver, case: &[String], rules: &[Deviation]) -> Option<String> {
    let verdicts = compare(driver, &vec![case.to_vec(); AGAIN], rules);
    let mut found = verdicts.into_iter().map(|verdict| match verdict {
        Verdict::Different(text) => Some(text),
        _ => None,
    });
    let first = found.next().flatten()?;
    found.all(|other| other.is_some()).then_some(first)
}

/// What makes two differences one: the command, and the beginnings of the lines.
fn kind(difference: &str) -> Vec<String> {
    let words =
        |line: &str| line.split(' ').filter(|word| !word.is_empty()).take(4).map(str::to_owned).collect::<Vec<_>>();
    let mut lines = difference.lines();
    let command = lines.next().and_then(|line| line.split(' ').next()).map(str::to_owned);
    command.into_iter().chain(lines.flat_map(words)).collect()
}

/// Takes away what is not needed for the difference.
fn shrink(driver: &Driver, mut case: Vec<String>, rules: &[Deviation]) -> (Vec<String>, String) {
    let mut text = steady(driver, &case, rules).unwrap_or_default();
    let wanted = kind(&text);
    let steady = |driver: &Driver, case: &[String], rules: &[Deviation]| {
        steady(driver, case, rules).filter(|text| kind(text) == wanted)
    };
    let mut at = 0;
    while at < case.len() {
        let mut fewer = case.clone();
        fewer.remove(at);
        match steady(driver, &fewer, rules) {
            Some(still) => (case, text) = (fewer, still),
            None => at += 1,
        }
    }
    for at in 0..case.len() {
        // Options of a command, and changes of a message, one at a time.
        while let Some(cut) = case[at].rfind('|').max(case[at].rfind(' ').filter(|i| case[at][*i..].contains('='))) {
            let mut simpler = case.clone();
            simpler[at].truncate(cut);
            match steady(driver, &simpler, rules) {
                Some(still) => (case, text) = (simpler, still),
                None => break,
            }
        }
    }
    (case, text)
}

/// Runs the cases of `count` seeds from `first` on, on several threads, and calls `progress` after each batch.
pub fn run(first: u64, count: usize, threads: usize, progress: &(dyn Fn(&Tally) + Sync)) -> Tally {
    let rules = rules();
    let (next, tally) = (AtomicUsize::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (rules, next, tally) = (&rules, &next, &tally);
            scope.spawn(move || {
                let driver = Driver::new(&format!("random-{first}-{thread}"), None);
                loop {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= count {
                        return;
                    }
                    let cases: Vec<_> =
                        (from..count.min(from + BATCH)).map(|i| generate::case(first.wrapping_add(i as u64))).collect();
                    let verdicts = compare(&driver, &cases, rules);
                    let mut found = Tally { cases: cases.len(), ..Tally::default() };
                    for ((number, verdict), case) in (from..).zip(verdicts).zip(cases) {
                        match verdict {
                            Verdict::Same => {}
                            Verdict::Apart => found.apart += 1,
                            Verdict::StockGone => found.stock_gone += 1,
                            Verdict::Different(_) if steady(&driver, &case, rules).is_none() => found.unsteady += 1,
                            Verdict::Different(_) => {
                                let (case, text) = shrink(&driver, case, rules);
                                let seed = first.wrapping_add(number as u64);
                                found.different.push(format!("case seed-{seed}\n{}\n{text}\n", case.join("\n")));
                            }
                        }
                    }
                    let mut all = tally.lock().expect("the tally");
                    all.cases += found.cases;
                    all.apart += found.apart;
                    all.stock_gone += found.stock_gone;
                    all.unsteady += found.unsteady;
                    all.different.extend(found.different);
                    progress(&all);
                }
            });
        }
    });
    tally.into_inner().expect("the tally")
}

/// The rows that the rules name.
pub fn rows() -> Vec<(String, usize)> {
    rules().into_iter().map(|rule| (rule.id, rule.line)).collect()
}
