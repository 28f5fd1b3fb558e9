//! The stock library and ours through the C interface: how many times as fast ours is. `make bench` runs it and writes
//! `docs/performance.md` and `docs/performance.svg`.
//!
//! As a test, without the `--bench` of cargo, it takes few turns of each workload and only sees that both libraries do it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[path = "../../tests/c_abi/library.rs"]
mod library;
mod report;
mod rows;
#[path = "../common/text.rs"]
mod text;

use rows::{ROWS, Row};

/// What both libraries have; more of them would only slow the stock library's init down.
const PLUGINS: [&str; 7] = ["anonymous", "crammd5", "digestmd5", "login", "plain", "scram", "sasldb"];

/// What the command line says.
struct Asked {
    bench: bool,
    rounds: usize,
    /// Where the page is to be written.
    docs: Option<PathBuf>,
}

/// What the workloads run with.
struct Bench {
    program: PathBuf,
    plugins: PathBuf,
    database: PathBuf,
}

fn main() {
    let asked = parse(std::env::args().skip(1));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("libraries-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let bench = Bench::new(&folder);
    let ours = library::ours();
    // In turn, so that what else the machine does falls on both.
    let mut times = vec![[Vec::new(), Vec::new()]; ROWS.len()];
    for _ in 0..asked.rounds {
        for (row, [stock, own]) in ROWS.iter().zip(&mut times) {
            let turns = if asked.bench { row.turns } else { 2 };
            stock.push(bench.time(row, turns, None));
            own.push(bench.time(row, turns, ours));
        }
    }
    fs::remove_dir_all(&folder).expect("the folder goes again");
    let ratios: Vec<f64> = times.into_iter().map(|[stock, own]| median(stock) / median(own)).collect();
    let page = report::page(&ratios, asked.rounds, &format!("make bench ROUNDS={}", asked.rounds));
    let chart = report::chart(&ratios);
    assert!(!page.contains("NaN") && !chart.contains("NaN") && chart.ends_with("</svg>\n"), "{page}");
    if let Some(docs) = asked.docs {
        fs::write(docs.join("performance.md"), &page).expect("the page");
        fs::write(docs.join("performance.svg"), chart).expect("the chart");
    }
    if asked.bench {
        println!("{page}");
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Asked {
    let mut asked = Asked { bench: false, rounds: 0, docs: None };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match &*argument {
            "--bench" => asked.bench = true,
            "--rounds" => asked.rounds = value().parse().expect("a number"),
            "--docs" => asked.docs = Some(value().into()),
            // What cargo and those who run tests give to all of them.
            _ => {}
        }
    }
    asked.rounds = match (asked.rounds, asked.bench) {
        (0, true) => 9,
        (0, false) => 1,
        (rounds, _) => rounds,
    };
    asked
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/capi");
        let bench = Bench {
            program: folder.join("workloads"),
            plugins: folder.join("plugins"),
            database: folder.join("sasldb2"),
        };
        let mut compiler = Command::new("cc");
        compiler.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-I"]);
        compiler.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include")).arg("-o").arg(&bench.program);
        run(compiler.args(["exchange.c", "workloads.c"].map(|name| sources.join(name))).arg("-lsasl2"));
        let libdir = run(Command::new("pkg-config").args(["--variable=libdir", "libsasl2"]));
        fs::create_dir(&bench.plugins).expect("a folder");
        for name in PLUGINS.map(|name| format!("lib{name}.so")) {
            let plugin = Path::new(libdir.trim()).join("sasl2").join(&name);
            assert!(plugin.exists(), "{} (Debian package: libsasl2-modules)", plugin.display());
            symlink(plugin, bench.plugins.join(name)).expect("a link");
        }
        // The tool asks for the password on its standard input, and makes a file of Berkeley DB.
        let password = folder.join("password");
        fs::write(&password, "pencil").expect("a file");
        let mut tool = Command::new("saslpasswd2");
        tool.args(["-p", "-c", "-u", "bench.example", "-f"]).arg(&bench.database).arg("user");
        run(tool.stdin(fs::File::open(password).expect("the file")));
        bench
    }

    /// Nanoseconds of processor time for one turn, with the library in a folder or the stock one.
    fn time(&self, row: &Row, turns: u32, library: Option<&Path>) -> f64 {
        let mut command = Command::new(&self.program);
        command.args(row.workload).arg(turns.to_string()).arg(&self.database);
        command.env("SASL_PATH", &self.plugins).env_remove("LD_LIBRARY_PATH");
        command.envs(library.map(|folder| ("LD_LIBRARY_PATH", folder)));
        run(&mut command).trim().parse().expect("a number")
    }
}

/// Runs a command that must succeed, and gives its standard output.
fn run(command: &mut Command) -> String {
    let output = command.stderr(Stdio::piped()).output().unwrap_or_else(|error| {
        panic!("{command:?}: {error} (Debian packages: gcc, pkg-config, libsasl2-dev, sasl2-bin)")
    });
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
