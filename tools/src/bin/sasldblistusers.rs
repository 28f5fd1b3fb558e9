//! `sasldblistusers`: the users of a password database, as the tool of SASL 1.5 lists them.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lexopt::{Arg, Parser};
use oxisasl::Result as Read;
use oxisasl::store::sasldb::Entry;
use oxisasl_tools::args::{Asked, Tool, only};
use oxisasl_tools::entries;
use oxisasl_tools::failure::Failure;
use oxisasl_tools::settings::{APPLICATION, Interface, Settings};
use oxisasl_tools::shown::shown;

const TOOL: Tool = Tool {
    name: "sasldblistusers",
    interface: Interface::Classic,
    synopsis: "[--strict] [dbfile]",
    help: "\
Lists the users of a password database, one line for each secret of a user.
No secret is shown.

  dbfile         the database; without it that of the option sasldb_path in
                 /usr/lib/sasl/saslpasswd.conf, or else /etc/sasldb
  --strict       exit status 1 when the database cannot be read; without it
                 the status is 0, as that of the tool of SASL 1.5, and the
                 reason is on standard error
  -h, --help     this text
  --version      the version
",
};

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    database: Option<OsString>,
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
            Arg::Long("version") => return Ok(Asked::Version),
            Arg::Long("strict") => request.strict = true,
            Arg::Value(operand) => only(&mut request.database, operand)?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Asked::Work(request))
}

fn list(request: Request) -> Result<(), Failure> {
    entries::end(&TOOL, request.strict, path(request.database).and_then(|path| print(&path)))
}

fn path(named: Option<OsString>) -> Read<PathBuf> {
    match named {
        Some(named) => Ok(named.into()),
        None => Ok(Settings::read(Interface::Classic, APPLICATION, None)?.database().as_ref().into()),
    }
}

fn print(path: &Path) -> Read<io::Result<()>> {
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = entries::each(path, "Error opening password file", |Entry { user, realm, property }| {
        writeln!(out, "user: {} realm: {} mech: {}", shown(user), shown(realm), shown(property))
    })?;
    Ok(printed.and_then(|()| out.flush()))
}
