//! What is measured, and what is aimed at.

/// A workload of `benches/capi`.
pub struct Row {
    pub title: &'static str,
    /// Its name and its argument.
    pub workload: [&'static str; 2],
    /// How many turns one round takes.
    pub turns: u32,
    /// How many times as fast as the stock library it is to be.
    pub target: f64,
}

const fn row(title: &'static str, workload: [&'static str; 2], turns: u32, target: f64) -> Row {
    Row { title, workload, turns, target }
}

pub const ROWS: [Row; 24] = [
    row("PLAIN exchange", ["exchange", "PLAIN"], 5000, 8.0),
    row("LOGIN exchange", ["exchange", "LOGIN"], 5000, 8.0),
    row("ANONYMOUS exchange", ["exchange", "ANONYMOUS"], 5000, 8.0),
    row("EXTERNAL exchange", ["exchange", "EXTERNAL"], 5000, 8.0),
    row("CRAM-MD5 exchange", ["exchange", "CRAM-MD5"], 4000, 4.0),
    row("DIGEST-MD5 exchange", ["exchange", "DIGEST-MD5"], 2000, 3.5),
    row("SCRAM-SHA-1 server, plaintext stored", ["server", "SCRAM-SHA-1"], 10, 13.0),
    row("SCRAM-SHA-256 server, plaintext stored", ["server", "SCRAM-SHA-256"], 10, 13.0),
    row("SCRAM-SHA-512 server, plaintext stored", ["server", "SCRAM-SHA-512"], 10, 4.0),
    row("SCRAM-SHA-1 client", ["client", "SCRAM-SHA-1"], 10, 13.0),
    row("SCRAM-SHA-256 client", ["client", "SCRAM-SHA-256"], 10, 13.0),
    row("SCRAM-SHA-512 client", ["client", "SCRAM-SHA-512"], 10, 4.0),
    row("checkpass, store in the process", ["checkpass", "memory"], 20_000, 2.0),
    row("checkpass, database", ["checkpass", "database"], 2000, 8.0),
    row("user_exists, database", ["user_exists", "-"], 2000, 15.0),
    row("PLAIN exchange, database", ["exchange-database", "PLAIN"], 2000, 6.0),
    row("listmech", ["listmech", "-"], 20_000, 4.0),
    row("server_new and dispose", ["connection", "-"], 20_000, 1.8),
    row("first init, whole process", ["first-init", "-"], 1, 6.0),
    row("init and done again", ["init-again", "-"], 100, 10.0),
    row("auth-int layer, 1 KiB", ["auth-int", "1024"], 5000, 1.0),
    row("auth-int layer, 64 KiB", ["auth-int", "65536"], 150, 1.0),
    row("rc4 layer, 1 KiB", ["rc4", "1024"], 3000, 1.0),
    row("rc4 layer, 64 KiB", ["rc4", "65536"], 80, 1.0),
];
