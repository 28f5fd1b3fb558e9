//! Comparisons of secrets take as long wherever the first difference is, and an unknown user costs about as much as a known one.
//!
//! In a usual run the instructions are counted, which is exact: this program runs itself under callgrind. With
//! `OXISASL_SAMPLES=1000000` the time of comparisons is measured as well, by Welch's t-test on as many samples of each class in random order.

use std::env;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use oxisasl::crypto::{Hash, ScramKeys};
use oxisasl::store::memory::Memory;
use oxisasl::{Secret, Server, ServerParams};

/// What is done, and how often it is counted.
const SUBJECTS: [(&str, u32); 4] = [("compare", 2000), ("digest", 2000), ("cram", 100), ("scram", 10)];

struct Subject {
    name: String,
    secret: Secret,
    keys: ScramKeys,
    server: Arc<Server>,
}

impl Subject {
    fn new(name: &str) -> Self {
        let server = Server::new("test").store(Memory::new().user("alice", "secret"));
        let options = [("password_storage", "plaintext"), ("scram_iteration_counter", "100")];
        Subject {
            name: name.to_owned(),
            secret: Secret::new((0..64).collect()),
            keys: ScramKeys::derive(Hash::Sha256, b"secret", b"salt", 2),
            server: Arc::new(server.options(options)),
        }
    }

    /// Does it once, as one of two classes: a difference at the first byte or at the last, an unknown user or a known one.
    fn run(&self, class: bool) {
        match self.name.as_str() {
            "compare" => {
                let mut other: Vec<u8> = (0..64).collect();
                other[63 * usize::from(class)] ^= 0x80;
                assert!(!bool::from(self.secret.matches(black_box(&other))));
            }
            "digest" => {
                let signature = self.keys.sign(&[b"message"]);
                let mut other = signature.as_ref().to_vec();
                other[31 * usize::from(class)] ^= 0x80;
                assert!(!bool::from(signature.matches(black_box(&other))));
            }
            "cram" => {
                let session = self.server.session(ServerParams::new("test").fqdn("host.example.com")).unwrap();
                session.start("CRAM-MD5", None).unwrap();
                let user = if class { "alice" } else { "mally" };
                let response = format!("{user} 0123456789abcdef0123456789abcdef");
                assert!(session.step(black_box(response.as_bytes())).is_err());
            }
            _ => {
                let session = self.server.session(ServerParams::new("test").fqdn("host.example.com")).unwrap();
                let user = if class { "alice" } else { "mally" };
                let first = format!("n,,n={user},r=0123456789abcdef");
                let challenge = session.start("SCRAM-SHA-256", Some(first.as_bytes())).unwrap();
                let text = String::from_utf8(challenge.data().unwrap().to_vec()).unwrap();
                let nonce = text.split(',').next().unwrap();
                let response = format!("c=biws,{nonce},p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
                assert!(session.step(black_box(response.as_bytes())).is_err());
            }
        }
    }
}

const SUBJECT: &str = "OXISASL_SUBJECT";

/// Not a test of its own: what is counted.
#[test]
fn subject() {
    let Ok(text) = env::var(SUBJECT) else { return };
    let mut words = text.split(' ');
    let (name, class, count) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let (subject, class) = (Subject::new(name), class == "true");
    for _ in 0..count.parse().unwrap() {
        subject.run(class);
    }
}

/// The instructions of a number of runs, and of as many of the other class.
fn instructions(name: &str, class: bool, count: u32) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(env::current_exe().unwrap());
    command.args(["--exact", "statistics::subject", "--nocapture", "--test-threads=1"]);
    let output = command.env(SUBJECT, format!("{name} {class} {count}")).output().expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    let collected = text.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected.unwrap_or_else(|| panic!("{text}")).trim().parse().unwrap()
}

#[test]
fn no_comparison_ends_early() {
    for (name, count) in SUBJECTS {
        let base = instructions(name, false, 0);
        let [early, late] = [false, true].map(|class| instructions(name, class, count).saturating_sub(base) as f64);
        let each = (late - early) / f64::from(count);
        println!("{name}: {:.0} instructions each, {each:.3} more in the other class", early / f64::from(count));
        // Whoever is compared byte by byte is found out by some hundred. A user who is looked up and found costs a few hundred
        // of tens of thousands.
        let allowed = if matches!(name, "compare" | "digest") { 1.0 } else { 0.05 * early / f64::from(count) };
        assert!(each.abs() < allowed, "{name}: {each} instructions more");
    }
}

/// Welch's t of two classes, without the longest runs, in which something else has had the processor.
fn welch(mut samples: [Vec<f64>; 2]) -> f64 {
    let mut all: Vec<f64> = samples.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let limit = all[all.len() * 9 / 10];
    let moments = samples.each_mut().map(|class| {
        class.retain(|time| *time <= limit);
        let count = class.len() as f64;
        let mean = class.iter().sum::<f64>() / count;
        (mean, class.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0) / count)
    });
    (moments[0].0 - moments[1].0) / (moments[0].1 + moments[1].1).sqrt()
}

#[test]
fn no_comparison_takes_longer() {
    let Some(count) = env::var("OXISASL_SAMPLES").ok().and_then(|count| count.parse::<usize>().ok()) else { return };
    for name in ["compare", "digest"] {
        let subject = Subject::new(name);
        let mut samples = [Vec::new(), Vec::new()];
        let mut bytes = [0; 4096];
        for number in 0..count {
            if number % 4096 == 0 {
                oxisasl::rng::fill(&mut bytes).unwrap();
            }
            let class = bytes[number % 4096] & 1 == 1;
            let start = Instant::now();
            for _ in 0..16 {
                subject.run(class);
            }
            samples[usize::from(class)].push(start.elapsed().as_nanos() as f64);
        }
        let t = welch(samples);
        println!("{name}: t = {t:.2}");
        assert!(t.abs() < 4.5, "{name}: t = {t}");
    }
}

/// The test above finds out a comparison that ends early.
#[test]
fn a_comparison_that_ends_early_is_found_out() {
    let secret: Vec<u8> = (0..64).collect();
    let mut samples = [Vec::new(), Vec::new()];
    for number in 0..20_000 {
        let class = number % 2 == 1;
        let mut other = secret.clone();
        other[if class { 63 } else { 0 }] ^= 0x80;
        let start = Instant::now();
        for _ in 0..64 {
            black_box(black_box(&secret).iter().zip(black_box(&other)).all(|(one, two)| one == two));
        }
        samples[usize::from(class)].push(start.elapsed().as_nanos() as f64);
    }
    let t = welch(samples);
    assert!(t < -4.5, "t = {t}");
}
