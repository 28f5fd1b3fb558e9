//! The results as a table and as plots.

use std::fmt::Write as _;

use crate::measure::Results;
use crate::svg::{Plot, Series, picture};
use crate::text::{bytes, grouped, machine, significant};

/// How a number is written.
#[derive(Clone, Copy)]
enum Kind {
    Rate,
    Micros,
    Bytes,
}

/// The rows of the table: what it is, its name, and how it is written.
const ROWS: [(&str, &str, Kind); 29] = [
    ("import, users per second", "import_rate", Kind::Rate),
    ("import, peak memory", "import_memory", Kind::Bytes),
    ("file", "bytes", Kind::Bytes),
    ("list, users per second", "list_rate", Kind::Rate),
    ("list, peak memory", "list_memory", Kind::Bytes),
    ("look-up, file not in memory, p50", "cold_p50", Kind::Micros),
    ("look-up, file not in memory, p99", "cold_p99", Kind::Micros),
    ("of the file in memory from here on", "cached", Kind::Bytes),
    ("look-up, p50", "warm_p50", Kind::Micros),
    ("look-up, p99", "warm_p99", Kind::Micros),
    ("look-up of nobody, p50", "unknown_p50", Kind::Micros),
    ("look-up of nobody, p99", "unknown_p99", Kind::Micros),
    ("session to the first message of SCRAM, p50", "scram_p50", Kind::Micros),
    ("session to the first message of SCRAM, p99", "scram_p99", Kind::Micros),
    ("look-ups, peak memory", "lookup_memory", Kind::Bytes),
    ("1 reader, look-ups per second", "readers_1_rate", Kind::Rate),
    ("2 readers", "readers_2_rate", Kind::Rate),
    ("4 readers", "readers_4_rate", Kind::Rate),
    ("1 reader beside a writer", "readers_1_and_writer_rate", Kind::Rate),
    ("2 readers beside a writer", "readers_2_and_writer_rate", Kind::Rate),
    ("4 readers beside a writer", "readers_4_and_writer_rate", Kind::Rate),
    ("1 reader, look-ups per second of processor time", "readers_1_per_processor", Kind::Rate),
    ("2 readers", "readers_2_per_processor", Kind::Rate),
    ("4 readers", "readers_4_per_processor", Kind::Rate),
    ("1 reader beside a writer", "readers_1_and_writer_per_processor", Kind::Rate),
    ("2 readers beside a writer", "readers_2_and_writer_per_processor", Kind::Rate),
    ("4 readers beside a writer", "readers_4_and_writer_per_processor", Kind::Rate),
    ("2 readers beside a writer, p99", "readers_2_and_writer_p99", Kind::Micros),
    ("changes per second by that writer", "readers_2_and_writer_writes", Kind::Rate),
];

fn value(results: &Results, name: &str) -> f64 {
    results.iter().find(|(known, _)| known == name).map_or(f64::NAN, |(_, value)| *value)
}

/// The page: a table, what it was measured on and how.
pub fn page(all: &[Results], command: &str) -> String {
    let mut text = format!(
        "# The password database with many users\n\n\
         A user has three entries: the verifiers of five mechanisms of SCRAM, and what CRAM-MD5 and DIGEST-MD5 need; {:.0} bytes \
         in all. A look-up is what a login asks of the store, through the same functions. In brackets: times as much as with the \
         fewest users, in the same run.\n\n| |",
        all.last().map_or(0.0, |last| value(last, "bytes") / value(last, "users"))
    );
    for results in all {
        let _ = write!(text, " {} users |", grouped(value(results, "users")));
    }
    text += "\n|---|";
    text += &"--:|".repeat(all.len());
    text.push('\n');
    for (title, name, kind) in ROWS {
        let _ = write!(text, "| {title} |");
        let first = all.first().map_or(f64::NAN, |results| value(results, name));
        for (index, results) in all.iter().enumerate() {
            let value = value(results, name);
            let written = match kind {
                Kind::Rate => grouped(value),
                Kind::Micros => format!("{} µs", significant(value)),
                Kind::Bytes => bytes(value),
            };
            let ratio = if index == 0 { String::new() } else { format!(" ({})", significant(value / first)) };
            let _ = write!(text, " {written}{ratio} |");
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "\n![the same as plots](scale.svg)\n\n\
         Import is one `SasldbFile::import` of entries in their order, the time to make them up and to sync the file included; \
         list is `SasldbFile::entries`. \"Not in memory\" is after the system was asked to drop the file; later on it has been \
         read once, and the system keeps of it what it has room for. A writer changes one secret \
         after the other, each in a transaction of its own that is synced. Where \
         other work takes the processors, the rates per second of processor time tell whether readers hold each other up.\n\n\
         {}\n\nMade by `{command}`, which writes this page.\n",
        machine()
    );
    text
}

/// The plots.
pub fn plots(all: &[Results]) -> String {
    let series = |name: &str, key: &str, factor: f64| Series {
        name: name.to_owned(),
        points: all.iter().map(|results| (value(results, "users"), (value(results, key) * factor).max(1e-3))).collect(),
    };
    let mebi = 1.0 / f64::from(1 << 20);
    picture(&[
        Plot {
            title: "Look-up",
            unit: "µs",
            series: vec![
                series("p50", "warm_p50", 1.0),
                series("p99", "warm_p99", 1.0),
                series("not in memory, p50", "cold_p50", 1.0),
                series("not in memory, p99", "cold_p99", 1.0),
            ],
        },
        Plot {
            title: "Rates",
            unit: "users per second",
            series: vec![series("import", "import_rate", 1.0), series("list", "list_rate", 1.0)],
        },
        Plot {
            title: "Memory and file",
            unit: "MiB",
            series: vec![
                series("file", "bytes", mebi),
                series("import", "import_memory", mebi),
                series("list", "list_memory", mebi),
                series("look-ups", "lookup_memory", mebi),
            ],
        },
        Plot {
            title: "Look-ups at the same time",
            unit: "per second of processor time",
            series: vec![
                series("1 reader", "readers_1_per_processor", 1.0),
                series("2 readers", "readers_2_per_processor", 1.0),
                series("1 and a writer", "readers_1_and_writer_per_processor", 1.0),
                series("2 and a writer", "readers_2_and_writer_per_processor", 1.0),
            ],
        },
    ])
}
