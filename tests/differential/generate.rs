//! Cases made up from a seed, in the language of the scripts.

use std::fmt::Write;

use crate::words::{Rng, message_change, name, password, quoted, text};

/// What every case begins with: it is done once for many cases.
pub const PREPARATION: &str = "ready\nstore dora userPassword \"p\\xc3\\xa4ss\"\nstore carol mail carol@example.com\n\
                               store anonymous userPassword x\n";

const MECHS: &[&str] = &[
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-224",
    "SCRAM-SHA-384",
    "SCRAM-SHA-512",
    "ANONYMOUS",
    "EXTERNAL",
];

/// The commands of the case of this seed.
pub fn case(seed: u64) -> Vec<String> {
    let mut rng = Rng::new(seed);
    let mut lines = Vec::new();
    match rng.below(100) {
        0..45 => exchange(&mut rng, &mut lines),
        45..75 => calls(&mut rng, &mut lines),
        75..85 => properties(&mut rng, &mut lines),
        _ => utilities(&mut rng, &mut lines),
    }
    lines
}

fn mech(rng: &mut Rng) -> String {
    let name = rng.pick(MECHS);
    match rng.below(30) {
        0 => name.to_lowercase(),
        1 => format!("{name}X"),
        2 => "NOSUCH".to_owned(),
        3 => format!("\"{} {}\"", rng.pick(MECHS), rng.pick(MECHS)),
        4 => "\"\"".to_owned(),
        _ => name.to_owned(),
    }
}

fn limits(rng: &mut Rng, conn: &str) -> String {
    let min = rng.pick(&["0", "0", "0", "0", "1", "40", "56", "112", "128", "129"]);
    let max = rng.pick(&["0", "0", "1", "40", "55", "56", "112", "128", "256", "4294967295"]);
    let maxbuf = rng.pick(&["0", "65536", "65536", "65536", "4096", "1000", "200", "100000"]);
    let flags = rng.pick(&["0", "0", "0", "0x1", "0x2", "0x4", "0x8", "0x10", "0x11", "0x20", "0x40", "0x41"]);
    format!("limits {conn} {min} {max} {maxbuf} {flags}")
}

/// Settings of the application, and the two ends `s` and `c`.
fn ends(rng: &mut Rng, lines: &mut Vec<String>) {
    if rng.one_in(3) {
        lines.push(format!("answer auth {}", name(rng)));
    }
    if rng.one_in(5) {
        lines.push(format!("answer user {}", name(rng)));
    }
    if rng.one_in(5) {
        lines.push(format!("answer pass {}", password(rng)));
    }
    if rng.one_in(12) {
        lines.push(format!("answer realm {}", rng.pick(&["NULL", "realm.test", "host.example.com", "other"])));
    }
    if rng.one_in(15) {
        lines.push(format!("answer canon {}", name(rng)));
    }
    if rng.one_in(15) {
        let who = rng.pick(&["user", "auth", "pass", "realm", "proxy", "canon"]);
        lines.push(format!("result {who} {}", rng.pick(&["-1", "-2", "-4", "-7", "-13", "-14", "-20"])));
    }
    if rng.one_in(12) {
        let options = [
            "mech_list \"plain login scram-sha-1\"",
            "mech_list \"digest-md5\"",
            "mech_list nosuch",
            "pwcheck_method auxprop",
            "pwcheck_method \"nosuch auxprop\"",
            "client_mech_list \"plain cram-md5\"",
            "auto_transition yes",
            "log_level 5",
            "scram_iteration_counter 5000",
            "auxprop_plugin nosuch",
        ];
        lines.push(format!("option {}", rng.pick(&options)));
    }
    let mut server = "server s callbacks=asking".to_owned();
    let mut client = "client c".to_owned();
    if rng.one_in(5) {
        server += rng.pick(&[" realm=realm.test", " realm=\"\"", " realm=Other.Test"]);
    }
    if rng.one_in(4) {
        server += " flags=4";
    }
    if rng.one_in(4) {
        client += " flags=4";
    }
    if rng.one_in(12) {
        server += " flags=8";
    }
    if rng.one_in(20) {
        client += rng.pick(&[" fqdn=NULL", " fqdn=other.example.com", " service=other", " flags=8"]);
    }
    lines.push(server);
    lines.push(client);
    if rng.one_in(2) {
        lines.push(limits(rng, "s"));
        lines.push(limits(rng, "c"));
    }
    if rng.one_in(8) {
        for conn in ["s", "c"] {
            lines.push(format!("set {conn} ssf-external {}", rng.pick(&["1", "56", "128", "256"])));
        }
    }
}

/// One authentication, with a message altered now and then, and what follows it.
fn exchange(rng: &mut Rng, lines: &mut Vec<String>) {
    ends(rng, lines);
    let mech = mech(rng);
    if mech == "EXTERNAL" {
        for conn in ["s", "c"] {
            lines
                .push(format!("set {conn} auth-external {}", rng.pick(&["carol", "carol", "anonymous", "\" carol\""])));
        }
    }
    let mut talk = format!("talk c s {mech}");
    if rng.one_in(2) {
        let _ = write!(talk, " alter={}:{}", rng.below(4), message_change(rng));
    }
    if rng.one_in(10) {
        talk += " first=no";
    }
    lines.push(talk);
    lines.push("get s who".to_owned());
    lines.push("get c who".to_owned());
    if rng.one_in(2) {
        layers(rng, lines);
    }
}

fn layers(rng: &mut Rng, lines: &mut Vec<String>) {
    for _ in 0..rng.below(4) + 1 {
        let (from, to) = rng.pick(&[("s", "c"), ("c", "s")]);
        let what = match rng.below(6) {
            0 => "\"\"".to_owned(),
            1 => format!("rep({},x)", rng.below(5000)),
            _ => text(rng, 20),
        };
        lines.push(format!("encode {from} {what}"));
        let change = if rng.one_in(4) { format!("|{}", message_change(rng)) } else { String::new() };
        lines.push(format!("decode {to} ${from}.encoded{change}"));
    }
}

/// Calls in any order.
fn calls(rng: &mut Rng, lines: &mut Vec<String>) {
    ends(rng, lines);
    for _ in 0..rng.below(7) + 1 {
        let line = match rng.below(22) {
            0..4 => {
                let mech = mech(rng);
                let message = if rng.one_in(4) { String::new() } else { first_message(rng, &mech) };
                format!("start s {mech} {message}")
            }
            4 | 5 => format!("start c {}", mech(rng)),
            // A step before any start ends the stock library.
            6..9 if started(lines, 's') => format!("step s {}", reply(rng, "c")),
            9..11 if started(lines, 'c') => format!("step c {}", reply(rng, "s")),
            11 => "talk c s PLAIN".to_owned(),
            12 => format!("checkpass s {} {}", name(rng), password(rng)),
            13 => format!("exists s {}", name(rng)),
            14 => format!("list {}", rng.pick(&["s", "c"])),
            15 => format!("set s {}", setting(rng)),
            16 => {
                let conn = rng.pick(&["s", "c"]);
                limits(rng, conn)
            }
            17 => format!("request s {}", rng.pick(&["mail", "mail uid", "*userPassword", "NULL"])),
            18 => format!("get {} all", rng.pick(&["s", "c"])),
            19 => "userprops s".to_owned(),
            20 => format!("apop s \"<1.2@h>\" {}", text(rng, 50)),
            _ => format!("errdetail {}", rng.pick(&["s", "c"])),
        };
        lines.push(line);
    }
    lines.push("get s who".to_owned());
}

fn started(lines: &[String], conn: char) -> bool {
    lines.iter().any(|line| line.starts_with("talk ") || line.starts_with(&format!("start {conn} ")))
}

fn setting(rng: &mut Rng) -> String {
    match rng.below(7) {
        0 => format!("realm {}", text(rng, 8)),
        1 => format!("auth-external {}", name(rng)),
        2 => format!("local {}", address(rng)),
        3 => format!("remote {}", address(rng)),
        4 => format!("ssf-external {}", rng.below(300)),
        5 => format!("appname {}", text(rng, 8)),
        _ => format!("binding {} {} {}", rng.pick(&["tls-unique", "tls-exporter"]), rng.below(2), text(rng, 8)),
    }
}

fn address(rng: &mut Rng) -> String {
    let host = rng.pick(&["10.1.2.3", "127.0.0.1", "::1", "2001:db8::1", "[::1]", "host", "10.1.2.300", "", "fe80::1"]);
    let port = rng.pick(&["", ";25", ";65535", ";65536", ";x", ";", ";-1", ";25;26", " ;25"]);
    quoted(format!("{host}{port}").as_bytes())
}

/// A client's first message, good or nearly so.
fn first_message(rng: &mut Rng, mech: &str) -> String {
    let message = match mech {
        "PLAIN" => format!("{}+\"\\0\"+{}+\"\\0\"+{}", authzid(rng), name(rng), password(rng)),
        "LOGIN" => name(rng),
        "CRAM-MD5" | "DIGEST-MD5" => text(rng, 8),
        "ANONYMOUS" => text(rng, 12),
        "EXTERNAL" => authzid(rng),
        _ => format!("{}+\",\"+\"n=\"+{}+\",r=abcdefghij\"", rng.pick(&["n,", "y,", "\"n,a=bob\"", "x,"]), name(rng)),
    };
    let message = if message.starts_with("n,") || message.starts_with("y,") || message.starts_with("x,") {
        format!("\"{},\"{}", &message[..1], &message[2..])
    } else {
        message
    };
    if rng.one_in(3) { format!("{message}|{}", message_change(rng)) } else { message }
}

fn authzid(rng: &mut Rng) -> String {
    if rng.one_in(2) { "\"\"".to_owned() } else { name(rng) }
}

fn reply(rng: &mut Rng, from: &str) -> String {
    match rng.below(8) {
        0 => "NULL".to_owned(),
        1 => "\"\"".to_owned(),
        2 => name(rng),
        3 => password(rng),
        4 => text(rng, 30),
        5 => format!("${from}|{}", message_change(rng)),
        _ => format!("${from}"),
    }
}

/// Property contexts.
fn properties(rng: &mut Rng, lines: &mut Vec<String>) {
    const NAMES: &[&str] = &["a", "b", "c", "userPassword", "NULL"];
    lines.push(format!("prop-new p {}", rng.below(3)));
    lines.push("prop-request p a b".to_owned());
    lines.push("prop-set p a x".to_owned());
    for _ in 0..rng.below(12) + 2 {
        let line = match rng.below(12) {
            0 => format!("prop-request p {} {}", rng.pick(NAMES), rng.pick(&NAMES[..4])),
            1..5 => format!("prop-set p {} {}", rng.pick(&NAMES[..3]), text(rng, 12)),
            5 => format!("prop-setvals p {} {} {}", rng.pick(&NAMES[..4]), text(rng, 5), text(rng, 40)),
            6 => format!("prop-getnames p {} {}", rng.pick(&NAMES[..4]), rng.pick(&NAMES[..4])),
            7 => format!("prop-erase p {}", rng.pick(&NAMES[..4])),
            8 => format!("prop-clear p {}", rng.below(2)),
            9 => format!("prop-format p {} room={}", rng.pick(&["\" \"", ":", "\", \"", "\"\""]), rng.below(40)),
            10 => "prop-get p".to_owned(),
            _ => format!("prop-set p {} rep({},x)", rng.pick(&NAMES[..3]), rng.below(3000)),
        };
        lines.push(line);
    }
    lines.push("prop-get p".to_owned());
}

/// What needs no connection.
fn utilities(rng: &mut Rng, lines: &mut Vec<String>) {
    for _ in 0..rng.below(6) + 2 {
        let line = match rng.below(10) {
            0 => format!("encode64 {} room={}", text(rng, 40), rng.below(80)),
            1 => format!("decode64 {} room={}", text(rng, 40), rng.below(80) + 1),
            2 | 3 => {
                lines.push(format!("encode64 {}", text(rng, 40)));
                let change = if rng.one_in(3) { format!("|{}", message_change(rng)) } else { String::new() };
                format!("decode64 $base64{change} room={}", rng.below(60) + 1)
            }
            4 | 5 => format!("utf8 {}", text(rng, 12)),
            6 => format!("strlower {}", text(rng, 12)),
            7 => format!("md5 {} {} rep({},x)", text(rng, 12), text(rng, 80), rng.below(200)),
            8 => format!("errstring {}", i64::try_from(rng.below(140)).unwrap_or(0) - 120),
            _ => {
                lines.push(format!("file a.conf {}", configuration(rng)));
                lines.push("config-init a.conf".to_owned());
                format!("config-get {} other", rng.pick(&["a", "b", "c_d", "e-f"]))
            }
        };
        lines.push(line);
    }
}

fn configuration(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.below(5) + 1 {
        text += rng.pick(&["a", "b", "A", "c_d", " a", "e-f", "#", "", "a b", "\t", "1"]);
        text += rng.pick(&[":", ":", ": ", ":\t", " :", "", "::"]);
        text += rng.pick(&["x", "x y", "x ", "\"q\"", "", "# x", "1", "x\r"]);
        text += rng.pick(&["\n", "\n", "\n\n", "\r\n", ""]);
    }
    quoted(text.as_bytes())
}
