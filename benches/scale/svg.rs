//! Plots with logarithmic axes, as SVG.

use std::fmt::Write as _;

/// One line of a plot.
pub struct Series {
    pub name: String,
    /// Where a value is on both axes; none may be 0 or less.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
pub struct Plot {
    pub title: &'static str,
    pub unit: &'static str,
    pub series: Vec<Series>,
}

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
/// The room for what is written: left, top, right, bottom.
const MARGIN: [f64; 4] = [64.0, 40.0, 16.0, 104.0];
/// Colours that those who see few of them tell apart, on light and on dark.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"];

/// The plots, side by side in rows of two.
pub fn picture(plots: &[Plot]) -> String {
    let rows = plots.len().div_ceil(2) as f64;
    let (width, height) = (2.0 * WIDTH, rows * HEIGHT);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (index, plot) in plots.iter().enumerate() {
        let (x, y) = ((index % 2) as f64 * WIDTH, (index / 2) as f64 * HEIGHT);
        let _ = write!(text, "<g transform=\"translate({x} {y})\">\n{}</g>\n", plot.draw());
    }
    text + "</svg>\n"
}

impl Plot {
    fn draw(&self) -> String {
        let [left, top, right, bottom] = MARGIN;
        let points = || self.series.iter().flat_map(|series| &series.points);
        let across = Axis::over(points().map(|point| point.0), left, WIDTH - right);
        let up = Axis::over(points().map(|point| point.1), HEIGHT - bottom, top);
        let mut text = format!("<text x=\"{left}\" y=\"22\" font-size=\"13\">{} ({})</text>\n", self.title, self.unit);
        for power in across.powers() {
            let x = across.place(10_f64.powi(power));
            let (from, to, below) = (top, HEIGHT - bottom, HEIGHT - bottom + 15.0);
            let _ = writeln!(text, "<path d=\"M{x:.1} {from}V{to}\" stroke=\"#ddd\"/>");
            let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", short(power));
        }
        for power in up.powers() {
            let y = up.place(10_f64.powi(power));
            let (from, to, beside) = (left, WIDTH - right, left - 6.0);
            let _ = writeln!(text, "<path d=\"M{from} {y:.1}H{to}\" stroke=\"#ddd\"/>");
            let _ =
                writeln!(text, "<text x=\"{beside}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", y + 4.0, short(power));
        }
        let middle = (left + WIDTH - right) / 2.0;
        let _ =
            writeln!(text, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">users</text>", HEIGHT - bottom + 30.0);
        for (index, (series, colour)) in self.series.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let places: Vec<_> = series.points.iter().map(|point| (across.place(point.0), up.place(point.1))).collect();
            let line: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ = writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                line.join(" ")
            );
            for (x, y) in places {
                let _ = writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
            // The names, in two columns below.
            let x = left + (index % 2) as f64 * (WIDTH - left - right) / 2.0;
            let y = HEIGHT - bottom + 52.0 + (index / 2) as f64 * 16.0;
            let _ = writeln!(text, "<path d=\"M{x} {}h16\" stroke=\"{colour}\" stroke-width=\"2\"/>", y - 4.0);
            let _ = writeln!(text, "<text x=\"{}\" y=\"{y}\">{}</text>", x + 21.0, series.name);
        }
        text
    }
}

/// An axis from one power of ten to another.
struct Axis {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, most) =
            values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), value| (least.min(value), most.max(value)));
        let low = least.log10().floor() as i32;
        Axis { low, high: (most.log10().ceil() as i32).max(low + 1), from, to }
    }

    fn powers(&self) -> std::ops::RangeInclusive<i32> {
        self.low..=self.high
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + share * (self.to - self.from)
    }
}

/// A power of ten in few letters.
fn short(power: i32) -> String {
    let (unit, rest) = match power {
        ..0 => return format!("{}", 10_f64.powi(power)),
        0..3 => ("", power),
        3..6 => (" k", power - 3),
        6..9 => (" M", power - 6),
        _ => (" G", power - 9),
    };
    format!("{}{unit}", 10_f64.powi(rest))
}
