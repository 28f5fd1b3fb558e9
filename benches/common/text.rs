//! How the pages of the benchmarks write numbers and the machine.

use std::fs;
use std::process::Command;

/// What it runs on.
pub fn machine() -> String {
    let field = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_matches([':', ' ', '\t']).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory =
        field("/proc/meminfo", "MemTotal:").split(' ').next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0);
    let kernel = Command::new("uname")
        .arg("-r")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "{cores} processors ({}), {} of memory, Linux {}; other work ran beside it.",
        field("/proc/cpuinfo", "model name"),
        bytes(memory * 1024.0),
        kernel.unwrap_or_default()
    )
}

/// A whole number with spaces between groups of three digits.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Three digits or two.
pub fn significant(value: f64) -> String {
    match value {
        100.0.. => grouped(value),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// With a unit.
pub fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB"];
    let power = ((value.max(1.0).log2() / 10.0) as usize).min(units.len() - 1);
    format!("{} {}", significant(value / 1024_f64.powi(power as i32)), units[power])
}
