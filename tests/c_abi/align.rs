//! Two outputs side by side: which lines belong together, and which differ without leave.

use crate::deviations::Deviation;

/// What is left after equal lines and allowed differences are taken away.
pub struct Comparison {
    /// Readable differences, `-` for the stock library and `+` for ours, with the line numbers.
    pub differences: Vec<String>,
    /// For each entry of the table, how often it was needed.
    pub used: Vec<usize>,
}

/// Compares the outputs so that as few lines as possible differ without leave.
pub fn compare(stock: &[&str], ours: &[&str], table: &[&Deviation]) -> Comparison {
    let (stock_sections, ours_sections) = (sections(stock), sections(ours));
    // Equal lines at both ends belong together in one of the best pairings; the work is quadratic in what is left.
    let head = stock.iter().zip(ours).take_while(|(a, b)| a == b).count();
    let (stock, ours) = (&stock[head..], &ours[head..]);
    let tail = stock.iter().rev().zip(ours.iter().rev()).take_while(|(a, b)| a == b).count();
    let (stock, ours) = (&stock[..stock.len() - tail], &ours[..ours.len() - tail]);
    let (stock_sections, ours_sections) = (&stock_sections[head..], &ours_sections[head..]);
    let (rows, columns) = (stock.len() + 1, ours.len() + 1);
    let pair = |i: usize, j: usize| {
        if stock[i] == ours[j] {
            return Some(None);
        }
        let mut found = table.iter().enumerate().filter(|(_, d)| d.stock.is_some() && d.ours.is_some());
        found.find(|(_, d)| d.allows(stock_sections[i], Some(stock[i]), Some(ours[j]))).map(|(n, _)| Some(n))
    };
    let only = |lines: &[&str], from_stock: bool| -> Vec<Option<usize>> {
        lines
            .iter()
            .zip(if from_stock { stock_sections } else { ours_sections })
            .map(|(line, section)| {
                let (a, b) = if from_stock { (Some(*line), None) } else { (None, Some(*line)) };
                table.iter().position(|d| d.allows(section, a, b))
            })
            .collect()
    };
    let (missing, extra) = (only(stock, true), only(ours, false));

    // cost[i][j]: the fewest lines that differ without leave in what follows line i of one and line j of the other.
    let mut cost = vec![0u32; rows * columns];
    let at = |i: usize, j: usize| i * columns + j;
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            let mut best = if i + 1 == rows && j + 1 == columns { 0 } else { u32::MAX };
            if i + 1 < rows {
                best = best.min(cost[at(i + 1, j)] + u32::from(missing[i].is_none()));
            }
            if j + 1 < columns {
                best = best.min(cost[at(i, j + 1)] + u32::from(extra[j].is_none()));
            }
            if i + 1 < rows && j + 1 < columns && cost[at(i + 1, j + 1)] < best && pair(i, j).is_some() {
                best = cost[at(i + 1, j + 1)];
            }
            cost[at(i, j)] = best;
        }
    }

    let mut result = Comparison { differences: Vec::new(), used: vec![0; table.len()] };
    let (mut i, mut j) = (0, 0);
    while i + 1 < rows || j + 1 < columns {
        let here = cost[at(i, j)];
        if i + 1 < rows
            && j + 1 < columns
            && cost[at(i + 1, j + 1)] == here
            && let Some(entry) = pair(i, j)
        {
            if let Some(n) = entry {
                result.used[n] += 1;
            }
            (i, j) = (i + 1, j + 1);
        } else if i + 1 < rows && cost[at(i + 1, j)] + u32::from(missing[i].is_none()) == here {
            match missing[i] {
                Some(n) => result.used[n] += 1,
                None => result.differences.push(format!("{:5} - {}", head + i + 1, stock[i])),
            }
            i += 1;
        } else {
            match extra[j] {
                Some(n) => result.used[n] += 1,
                None => result.differences.push(format!("{:5} + {}", head + j + 1, ours[j])),
            }
            j += 1;
        }
    }
    result
}

/// For each line the title of the section that it is in.
fn sections<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut title = "";
    lines
        .iter()
        .map(|line| {
            title = line.strip_prefix("-- ").unwrap_or(title);
            title
        })
        .collect()
}
