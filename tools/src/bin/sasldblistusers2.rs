//! `sasldblistusers2`: the users of a password database, as the tool of SASL 2.1 lists them.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::{Arg, Parser};
use oxisasl::store::sasldb::Entry;
use oxisasl::{Error, Result as Read};
use oxisasl_tools::args::{Asked, Tool, only};
use oxisasl_tools::failure::Failure;
use oxisasl_tools::settings::Interface;
use oxisasl_tools::shown::shown;
use oxisasl_tools::{entries, version};
use serde_json::json;

const TOOL: Tool = Tool {
    name: "sasldblistusers2",
    interface: Interface::Current,
    synopsis: "[-v] [--json] [--strict] [[-f] sasldb]",
    help: "\
Lists the users of a password database, one line for each property of a user:
user@realm: property. No secret is shown.

  -f sasldb      the database; without it /etc/sasldb2
  --json         a JSON array of objects with user, realm and property
  --strict       exit status 1 when the database cannot be read; without it
                 the status is 0, as that of the tool of Cyrus SASL, and the
                 reason is on standard error
  -v, --version  the version
  -h, --help     this text
",
};

/// What errors begin with.
const FAILED: &str = "cannot read";

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    database: Option<OsString>,
    json: bool,
    strict: bool,
}

fn main() -> ExitCode {
    TOOL.run(parse, list)
}

fn parse(mut parser: Parser) -> Result<Asked<Request>, Failure> {
    let mut request = Request::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Help),
            Arg::Short('v') => return Ok(Asked::Note(version::NOTE)),
            Arg::Long("version") => return Ok(Asked::Version),
            Arg::Long("json") => request.json = true,
            Arg::Long("strict") => request.strict = true,
            Arg::Short('f') => only(&mut request.database, parser.value()?)?,
            Arg::Value(operand) => only(&mut request.database, operand)?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Asked::Work(request))
}

fn list(request: Request) -> Result<(), Failure> {
    let path = request.database.map_or_else(|| Interface::Current.database().into(), PathBuf::from);
    let print = if request.json { print_json } else { print_lines };
    let listed = print(&path);
    let failed = |error: Error| Error::new(error.code(), format!("{}\nlistusers failed", error.detail()));
    entries::end(&TOOL, request.strict, listed.map_err(failed))
}

fn print_lines(path: &Path) -> Read<io::Result<()>> {
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = entries::each(path, FAILED, |Entry { user, realm, property }| {
        writeln!(out, "{}@{}: {}", shown(user), shown(realm), shown(property))
    })?;
    Ok(printed.and_then(|()| out.flush()))
}

fn print_json(path: &Path) -> Read<io::Result<()>> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut between = "[";
    let printed = entries::each(path, FAILED, |Entry { user, realm, property }| {
        let object = json!({ "user": shown(user), "realm": shown(realm), "property": shown(property) });
        write!(out, "{between}\n  {object}")?;
        between = ",";
        Ok(())
    })?;
    let end = if between == "[" { "[]" } else { "\n]" };
    Ok(printed.and_then(|()| writeln!(out, "{end}")).and_then(|()| out.flush()))
}
