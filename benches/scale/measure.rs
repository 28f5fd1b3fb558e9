//! What is measured of a database with so many users. Each size has a process of its own, so that its memory is its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use oxisasl::config::ConfigFile;
use oxisasl::log::NoLog;
use oxisasl::props::Props;
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::lmdb::LmdbOptions;
use oxisasl::store::sasldb::SasldbFile;
use oxisasl::store::{self, AuxProp, LookupFlags, StoreCx};
use oxisasl::{Server, ServerParams};

use crate::users::{self, Numbers, REALM};

/// The results of one size by name.
pub type Results = Vec<(String, f64)>;

/// How thorough it is.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Look-ups of each kind.
    pub lookups: u64,
    /// How long readers and a writer work side by side.
    pub together: Duration,
}

/// Builds, lists and asks a database with so many users, and removes it.
pub fn measure(folder: &Path, count: u64, effort: Effort) -> Results {
    let path = folder.join(format!("scale-{count}.sasldb"));
    remove(&path);
    let mut results = vec![("users".to_owned(), count as f64)];
    let mut add = |name: &str, value: f64| results.push((name.to_owned(), value));

    reset_peak();
    let begin = Instant::now();
    let file = SasldbFile::new(&path, LmdbOptions::default());
    let imported = file.import(users::entries(count)).expect("an import");
    assert_eq!(imported.records, 3 * count);
    add("import_rate", count as f64 / begin.elapsed().as_secs_f64());
    add("import_memory", peak());
    add("bytes", imported.bytes as f64);

    reset_peak();
    let begin = Instant::now();
    let mut listed = 0;
    for entry in file.entries() {
        listed += u64::from(entry.expect("an entry").property.starts_with(b"auth"));
    }
    assert_eq!(listed, count);
    add("list_rate", count as f64 / begin.elapsed().as_secs_f64());
    add("list_memory", peak());

    reset_peak();
    let asked = Asked::new(&path);
    // Out of the memory with it, as far as that can be: after a restart of the machine.
    let _ = Command::new("dd").arg(format!("if={}", path.display())).args(["iflag=nocache", "count=0"]).output();
    let mut numbers = Numbers(42);
    let cold = times(effort.lookups.min(count), || asked.look_up(numbers.next() % count));
    add("cold_p50", percentile(&cold, 50));
    add("cold_p99", percentile(&cold, 99));
    // As much of it in memory as the machine keeps there.
    let _ = std::io::copy(&mut fs::File::open(&path).expect("the file"), &mut std::io::sink());
    add("cached", cached(&path));
    let warm = times(effort.lookups * 5, || asked.look_up(numbers.next() % count));
    add("warm_p50", percentile(&warm, 50));
    add("warm_p99", percentile(&warm, 99));
    let unknown = times(effort.lookups, || asked.miss(numbers.next() % count));
    add("unknown_p50", percentile(&unknown, 50));
    add("unknown_p99", percentile(&unknown, 99));
    let scram = times(effort.lookups, || asked.begin_scram(numbers.next() % count));
    add("scram_p50", percentile(&scram, 50));
    add("scram_p99", percentile(&scram, 99));
    add("lookup_memory", peak());

    for (threads, writes) in [(1, false), (2, false), (4, false), (1, true), (2, true), (4, true)] {
        let together = together(&asked, &path, count, threads, writes.then_some(()), effort.together);
        let name = format!("readers_{threads}{}", if writes { "_and_writer" } else { "" });
        add(&format!("{name}_rate"), together.rate);
        add(&format!("{name}_per_processor"), together.per_processor);
        add(&format!("{name}_p99"), together.p99);
        if writes {
            add(&format!("{name}_writes"), together.writes);
        }
    }
    let size = fs::metadata(&path).expect("the file").len();
    add("bytes_after_writes", size as f64);
    remove(&path);
    results
}

/// The database as a server asks it.
struct Asked {
    stores: [Arc<dyn AuxProp>; 1],
    options: ConfigFile,
    server: Arc<Server>,
}

impl Asked {
    fn new(path: &Path) -> Self {
        let text = format!("sasldb_path: {}\nauxprop_plugin: sasldb\n", path.display());
        let options = || ConfigFile::parse(Path::new("scale.conf"), text.as_bytes()).expect("options");
        let server = Arc::new(Server::new("scale").options(options()).store(Sasldb::new()));
        Asked { stores: [Arc::new(Sasldb::new())], options: options(), server }
    }

    /// What a mechanism of SCRAM asks for, of the store as every mechanism asks it.
    fn ask(&self, user: &str) -> bool {
        let cx = StoreCx {
            service: "smtp",
            fqdn: REALM,
            realm: None,
            user_realm: None,
            options: &self.options,
            log: &NoLog,
            host: &(),
        };
        let props = Props::new();
        props.request(["*authPassword", "*userPassword"]);
        store::lookup(&self.stores, &cx, user.as_bytes(), LookupFlags::default(), &props).is_ok()
            && props.all("*authPassword").len() == 5
    }

    fn look_up(&self, number: u64) {
        assert!(self.ask(&users::name(number)), "user {number} is not there");
    }

    fn miss(&self, number: u64) {
        assert!(!self.ask(&format!("nobody{number}")));
    }

    /// A login up to the server's first message: a session, the look-up, and the answer.
    fn begin_scram(&self, number: u64) {
        let session = self.server.session(ServerParams::new("smtp").fqdn(REALM)).expect("a session");
        let message = format!("n,,n={},r=fyko+d2lbbFgONRv9qkxdawL", users::name(number));
        let answer = session.start("SCRAM-SHA-256", Some(message.as_bytes())).expect("an answer");
        assert!(answer.data().is_some_and(|data| data.ends_with(b"i=15000")));
    }
}

/// How long each took, in microseconds, the shortest first.
fn times(count: u64, mut work: impl FnMut()) -> Vec<f64> {
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

struct Together {
    rate: f64,
    /// Look-ups in a second of processor time of the readers.
    per_processor: f64,
    p99: f64,
    writes: f64,
}

/// So many threads look up users, beside one that changes passwords if there is to be one.
fn together(asked: &Asked, path: &Path, count: u64, threads: u64, writer: Option<()>, time: Duration) -> Together {
    let end = AtomicBool::new(false);
    let (all, writes, processor) = (Mutex::new(Vec::new()), AtomicU64::new(0), AtomicU64::new(0));
    let begin = Instant::now();
    thread::scope(|scope| {
        for thread in 0..threads {
            let (end, all, processor) = (&end, &all, &processor);
            scope.spawn(move || {
                let mut numbers = Numbers(thread + 7);
                let mut own = Vec::new();
                while !end.load(Ordering::Relaxed) {
                    own.extend(times(16, || asked.look_up(numbers.next() % count)));
                }
                processor.fetch_add(processor_time(), Ordering::Relaxed);
                all.lock().expect("results").append(&mut own);
            });
        }
        if writer.is_some() {
            let (end, writes) = (&end, &writes);
            scope.spawn(move || {
                // Another one than the readers have, as another process would be.
                let file = SasldbFile::new(path, LmdbOptions::default());
                let mut numbers = Numbers(99);
                while !end.load(Ordering::Relaxed) {
                    let user = users::name(numbers.next() % count);
                    let secret = numbers.next().to_le_bytes().repeat(4);
                    file.put(user, REALM, "cmusaslsecretCRAM-MD5", &secret).expect("a change");
                    writes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(time);
        end.store(true, Ordering::Relaxed);
    });
    let seconds = begin.elapsed().as_secs_f64();
    let mut all = all.into_inner().expect("results");
    all.sort_unstable_by(f64::total_cmp);
    let writes = writes.into_inner() as f64 / seconds;
    let per_processor = all.len() as f64 / (processor.into_inner() as f64 / 1e9);
    Together { rate: all.len() as f64 / seconds, per_processor, p99: percentile(&all, 99), writes }
}

/// How much of a file is in memory, in bytes.
fn cached(path: &Path) -> f64 {
    let output = Command::new("fincore").args(["--bytes", "--noheadings", "--output", "RES"]).arg(path).output();
    let text = String::from_utf8(output.expect("fincore of util-linux").stdout).unwrap_or_default();
    text.trim().parse().expect("a number of bytes")
}

/// How long this thread has had a processor, in nanoseconds.
fn processor_time() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("the scheduler's numbers");
    text.split(' ').next().and_then(|number| number.parse().ok()).expect("a time")
}

/// From now on the peak is that of what follows. Where the system does not allow it, it is that of all before.
fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// The most memory that the process has had, in bytes.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0) * 1024.0
}

fn remove(path: &Path) {
    let mut lock = path.as_os_str().to_owned();
    lock.push("-lock");
    for path in [path.to_owned(), PathBuf::from(lock)] {
        let _ = fs::remove_file(path);
    }
}
