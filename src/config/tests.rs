use super::*;

fn parse(text: &[u8]) -> Result<ConfigFile, String> {
    ConfigFile::parse(Path::new("/etc/sasl2/app.conf"), text).map_err(|error| error.to_string())
}

/// The stock library reads the same out of each of these.
#[test]
fn lines_as_stock_reads_them() {
    let text = b"a: b\nA: c\nB:  x y  \r\n\tc:d\n  # hi\n#x\n\ne:f # no\n: empty\n\x0c\x0bg:\x0bh\x0c\ni: j\rk: l\n\
                 q: \"quoted\" \\\nlast: one";
    let file = parse(text).unwrap();
    for (name, value) in [
        ("a", "b"),
        ("b", "x y"),
        ("c", "d"),
        ("e", "f # no"),
        ("", "empty"),
        ("g", "h"),
        ("i", "j\rk: l"),
        ("q", "\"quoted\" \\"),
        ("last", "one"),
    ] {
        assert_eq!(file.get(None, name).as_deref(), Some(value), "{name}");
    }
    for name in ["A", "hi", "x", "k", "d"] {
        assert_eq!(file.get(Some("plugin"), name), None, "{name}");
    }
    assert_eq!(file.entry("c").unwrap().line, 4);
    assert_eq!(file.entries().len(), 10);
}

#[test]
fn each_error_says_where_and_what() {
    for (text, expected) in [
        (&b"a :b"[..], "1: expected a colon right after the name of an option"),
        (b"a: b\n\nc", "3: expected a colon right after the name of an option"),
        (b"a: b\nc:\nd: e", "2: expected a value after the colon"),
        (b"a: b\nc: \t\r\nd: e", "2: expected a value after the colon"),
        (b"\xef\xbb\xbfa: b", "1: expected a colon right after the name of an option"),
        (b"a.b: c", "1: expected a colon right after the name of an option"),
        (b"a: b\0c", "1: expected a value without NUL bytes"),
        (b"# \xe4\na: \xe4", "2: expected a value in UTF-8"),
    ] {
        assert_eq!(parse(text).unwrap_err(), format!("/etc/sasl2/app.conf:{expected}"));
    }
    let error = Error::from(ConfigFile::parse(Path::new("f"), b"x").unwrap_err());
    assert_eq!(
        (error.code(), error.detail()),
        (Code::ConfigErr, "f:1: expected a colon right after the name of an option")
    );
}

/// Stock cuts a line after 4095 bytes and takes the rest for another line.
#[test]
fn a_long_line_is_one_line() {
    let value = "x".repeat(5000) + ": y";
    let file = parse(format!("a: {value}\nb: c\n").as_bytes()).unwrap();
    assert_eq!(file.get(None, "a").as_deref(), Some(value.as_str()));
    assert_eq!(file.entry("b").unwrap().line, 2);
}

#[test]
fn yes_is_what_stock_takes_for_it() {
    for yes in ["1", "yes", "y", "true", "t", "on", "10", "only"] {
        assert!(is_yes(yes), "{yes}");
    }
    for no in ["", "0", "no", "off", "o", "Yes", "TRUE", "On", " yes"] {
        assert!(!is_yes(no), "{no}");
    }
    assert!([("a", "on")].flag(None, "a"));
    assert!(![("a", "on")].flag(None, "b"));
}

#[test]
fn the_first_to_know_decides() {
    let (program, file) = ([("a", "1")], parse(b"a: 2\nb: 3\n").unwrap());
    let layered = Layered { first: Some(&program), then: &file };
    assert_eq!(layered.get(None, "a").as_deref(), Some("1"));
    assert_eq!(layered.get(None, "b").as_deref(), Some("3"));
    assert_eq!(layered.get(None, "c"), None);
    assert_eq!(Layered { first: None, then: &file }.get(None, "a").as_deref(), Some("2"));
    assert_eq!(NoOptions.get(None, "a"), None);
}

/// As C's `atoi`.
#[test]
fn numbers_are_their_leading_digits() {
    for (value, expected) in [("3", 3), (" 12x", 12), ("-1", -1), ("x", 0), ("-", 0), ("99999999999", i32::MAX)] {
        assert_eq!(integer(&[("n", value)], "n"), Some(expected), "{value:?}");
    }
    assert_eq!(integer(&NoOptions, "n"), None);
}

#[test]
fn values_are_not_printed() {
    assert!(!format!("{:?}", parse(b"sql_passwd: hunter2\n").unwrap()).contains("hunter2"));
}

/// Three directories: the first has no file, the others have one each.
struct Directories(PathBuf);

impl Directories {
    fn new(name: &str) -> Self {
        let top = std::env::temp_dir().join(format!("oxisasl-config-{}-{name}", std::process::id()));
        for (directory, text) in [("none", None), ("one", Some("a: one\n")), ("two", Some("a: two\n"))] {
            std::fs::create_dir_all(top.join(directory)).unwrap();
            if let Some(text) = text {
                std::fs::write(top.join(directory).join("app.conf"), text).unwrap();
            }
        }
        Directories(top)
    }

    fn list(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.0.join(name).display().to_string()).collect::<Vec<_>>().join(":")
    }

    /// What is found, given the verdicts in order.
    fn find(&self, names: &[&str], verdicts: &[Verdict]) -> Result<Option<String>, Code> {
        let mut verdicts = verdicts.iter();
        let found = ConfigFile::find(&self.list(names), "app", |_| *verdicts.next().unwrap());
        found.map(|file| file.map(|file| file.entry("a").unwrap().value.clone())).map_err(|error| error.code())
    }
}

impl Drop for Directories {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_first_file_is_read_and_verdicts_count_as_in_stock() {
    use Verdict::{Refuse, Skip, Use};
    let directories = Directories::new("verdicts");
    let refuse = Refuse(Code::NoUser);
    for (names, verdicts, expected) in [
        (&["one", "two"][..], &[Use][..], Ok(Some("one"))),
        (&["none", "two"], &[Use, Use], Ok(Some("two"))),
        (&["one/nothing", "two"], &[Use, Use], Ok(Some("two"))),
        (&["one/app.conf", "two"], &[Use, Use], Ok(Some("two"))),
        (&["one", "two"], &[Skip, Use], Ok(Some("two"))),
        (&["one", "two"], &[refuse, Use], Ok(Some("two"))),
        (&["one", "two"], &[Skip, Skip], Ok(None)),
        (&["one", "two"], &[refuse, Skip], Ok(None)),
        (&["one", "two"], &[Skip, refuse], Err(Code::NoUser)),
        (&["one", "none"], &[refuse, Use], Ok(None)),
        (&["none", "none"], &[Use, Use], Ok(None)),
        (&["none"], &[refuse], Err(Code::NoUser)),
    ] {
        assert_eq!(directories.find(names, verdicts), expected.map(|value| value.map(str::to_owned)), "{names:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let directories = Directories::new("unreadable");
    std::fs::create_dir(directories.0.join("none/app.conf")).unwrap();
    let error = ConfigFile::find(&directories.list(&["none", "one"]), "app", |_| Verdict::Use).unwrap_err();
    assert_eq!(error.code(), Code::ConfigErr);
    assert!(error.detail().contains("none/app.conf: Is a directory"), "{error}");

    std::fs::write(directories.0.join("two/app.conf"), "#".repeat((1 << 20) + 1)).unwrap();
    let error = ConfigFile::read(&directories.0.join("two/app.conf")).unwrap_err();
    assert!(error.detail().ends_with("it is longer than 1 MiB"), "{error}");
}
