//! The ratios as a table and as a chart.

use std::fmt::Write as _;

use crate::rows::ROWS;
use crate::text::{machine, significant};

/// The page: a table, which targets are met, what it was measured on and how.
pub fn page(ratios: &[f64], rounds: usize, command: &str) -> String {
    let mut text = "# How fast it is\n\n\
        Times as fast as the stock library: the processor time of the same C program on the stock library, divided by that on \
        this one. Above 1 this one is faster. A target is a goal; where it is not met, the table says so. No absolute time is \
        claimed.\n\n| workload | stock / ours | target | |\n|---|--:|--:|---|\n"
        .to_owned();
    let mut missed = Vec::new();
    for (row, ratio) in ROWS.iter().zip(ratios) {
        let verdict = match *ratio {
            ratio if ratio >= row.target => "met",
            // As it is shown.
            0.995.. => "not met",
            _ => "not met, slower than stock",
        };
        if *ratio < row.target {
            missed.push(row.title);
        }
        let _ = writeln!(text, "| {} | {} | {} | {verdict} |", row.title, significant(*ratio), row.target);
    }
    let _ = write!(text, "\n{} of {} targets are met.", ROWS.len() - missed.len(), ROWS.len());
    if !missed.is_empty() {
        let _ = write!(text, " Not met: {}.", missed.join("; "));
    }
    let _ = write!(
        text,
        "\n\n![the same as a chart](performance.svg)\n\n\
         An exchange is a client and a server in one process, both connections made and disposed each time; rows of SCRAM count \
         the calls of one side. The password is in a store of the program, or where the row says so in a file of Berkeley DB that \
         both libraries read. A layer's turn protects a message and takes it again. The stock library has its plugins for these \
         mechanisms only. Each figure is the ratio of the medians of {rounds} rounds, in which the libraries take turns; each \
         process sees first that the right password succeeds and the wrong one fails.\n\n\
         Not measured here: SCRAM with stored verifiers, saslauthd, threads and memory.\n\n\
         {}\n\nMade by `{command}`, which writes this page.\n",
        machine()
    );
    text
}

const WIDTH: f64 = 840.0;
const LINE: f64 = 22.0;
/// The room for what is written: left, top, right, bottom.
const MARGIN: [f64; 4] = [260.0, 50.0, 50.0, 30.0];
/// The ratios at both ends of the axis, which is logarithmic; what is beyond ends there.
const ENDS: [f64; 2] = [0.1, 100.0];

/// A bar for each ratio, from 1 on, with a mark at its target.
pub fn chart(ratios: &[f64]) -> String {
    let [left, top, right, bottom] = MARGIN;
    let foot = top + LINE * ratios.len() as f64;
    let height = foot + bottom;
    let place = |ratio: f64| {
        let share = (ratio.clamp(ENDS[0], ENDS[1]) / ENDS[0]).log10() / (ENDS[1] / ENDS[0]).log10();
        left + share * (WIDTH - left - right)
    };
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{left}\" y=\"22\" font-size=\"13\">Times as fast as the stock library (line: target)</text>\n"
    );
    for ratio in [0.1, 1.0, 10.0, 100.0] {
        let x = place(ratio);
        let colour = if ratio == 1.0 { "#666" } else { "#ddd" };
        let _ = writeln!(text, "<path d=\"M{x:.1} {top}V{foot}\" stroke=\"{colour}\"/>");
        let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{ratio}</text>", foot + 15.0);
    }
    for (index, (row, ratio)) in ROWS.iter().zip(ratios).enumerate() {
        let y = top + LINE * index as f64;
        let (one, end, target) = (place(1.0), place(*ratio), place(row.target));
        // Colours that those who see few of them tell apart.
        let colour = if *ratio >= row.target { "#0072b2" } else { "#d55e00" };
        let _ =
            writeln!(text, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", left - 8.0, y + 15.0, row.title);
        let (from, width) = (one.min(end), (end - one).abs().max(1.0));
        let _ = writeln!(
            text,
            "<rect x=\"{from:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"14\" fill=\"{colour}\"/>",
            y + 4.0
        );
        let _ = writeln!(text, "<path d=\"M{target:.1} {}v18\" stroke=\"#000\" stroke-width=\"2\"/>", y + 2.0);
        let beside = end.max(one).max(target) + 6.0;
        let _ = writeln!(text, "<text x=\"{beside:.1}\" y=\"{}\">{}</text>", y + 15.0, significant(*ratio));
    }
    text + "</svg>\n"
}
