//! `saslmigrate`: makes an LMDB database of a password database of any kind, with hashes in the place of passwords if asked to.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use lexopt::{Arg, Parser};
use oxisasl::store::migrate::Source;
use oxisasl::{Code, Error};
use oxisasl_tools::args::{Asked, Tool, application, print, text};
use oxisasl_tools::failure::Failure;
use oxisasl_tools::migrate::Migration;
use oxisasl_tools::migrate::hashing::Conversion;
use oxisasl_tools::migrate::progress::Shown;
use oxisasl_tools::password;
use oxisasl_tools::settings::{APPLICATION, Interface, Settings};

const TOOL: Tool = Tool {
    name: "saslmigrate",
    interface: Interface::Current,
    synopsis: "[-f dbfile] [-o newfile] [-n] [-c] [-H] [-2] [-j threads] [-a appname] [-q]",
    help: "\
Makes an LMDB database of a password database: of Berkeley DB hash files (those
of Debian), GDBM files (Fedora), LMDB files, and the database of SASL 1.5. The
new file takes the place of the old one at once, and the old one is kept under
another name. Killed at any moment, it has changed nothing or everything, and
the same command goes on where it was.

  -f, --source dbfile
                 the database; without it, that of the option sasldb_path, or
                 else /etc/sasldb2
  -o, --destination newfile
                 where to put the new one, in place of the old one's place
  -n, --dry-run  read everything, tell what there is and what would be done,
                 and do nothing
  -c, --verify   read the new database before anyone uses it and compare every
                 entry, and every secret with the password that it is made of
  -H, --hash     store, in the place of passwords, what each mechanism needs to
                 recognise a user, as the options password_storage,
                 password_secrets and scram_iteration_counter say
  -2, --rename   give the secrets of a database of SASL 1.5 the names that
                 programs of 2.1 look for
  -j, --jobs threads
                 how many passwords to hash at the same time; without it, as
                 many as there are processors
  -a, --application appname
                 the application whose configuration has the options:
                 <appname>.conf in /etc/sasl2 and so on; without it, saslpasswd
  -q, --quiet    tell of errors only
  -h, --help     this text
  --version      the version

Exit status: 0 it is done, or there was nothing to do; 1 it failed, and nothing
has changed; 8 others use the database all the time, and nothing has changed.
",
};

/// The exit status when others use the database all the time: the number of the library's code, without its sign.
const BUSY: u8 = 8;

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Request {
    source: Option<OsString>,
    destination: Option<OsString>,
    dry_run: bool,
    verify: bool,
    hash: bool,
    rename: bool,
    jobs: Option<NonZeroUsize>,
    application: Option<String>,
    quiet: bool,
}

fn main() -> ExitCode {
    TOOL.run(parse, migrate)
}

fn parse(mut parser: Parser) -> Result<Asked<Request>, Failure> {
    let mut request = Request::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Help),
            Arg::Long("version") => return Ok(Asked::Version),
            Arg::Short('f') | Arg::Long("source") => request.source = Some(parser.value()?),
            Arg::Short('o') | Arg::Long("destination") => request.destination = Some(parser.value()?),
            Arg::Short('n') | Arg::Long("dry-run") => request.dry_run = true,
            Arg::Short('c') | Arg::Long("verify") => request.verify = true,
            Arg::Short('H') | Arg::Long("hash") => request.hash = true,
            Arg::Short('2') | Arg::Long("rename") => request.rename = true,
            Arg::Short('j') | Arg::Long("jobs") => request.jobs = Some(jobs(&text("--jobs", parser.value()?)?)?),
            Arg::Short('a') | Arg::Long("application") => {
                request.application = Some(application(text("--application", parser.value()?)?)?);
            }
            Arg::Short('q') | Arg::Long("quiet") => request.quiet = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Asked::Work(request))
}

fn jobs(value: &str) -> Result<NonZeroUsize, Failure> {
    let number = value.parse().ok().filter(|number: &NonZeroUsize| number.get() <= 1024);
    number.ok_or_else(|| Failure::Usage(format!("--jobs is \"{value}\", which is no number from 1 to 1024")))
}

fn migrate(request: Request) -> Result<(), Failure> {
    password::leave_no_core();
    let named = request.application.as_deref().unwrap_or(APPLICATION);
    let options = Settings::read(Interface::Current, named, None)?;
    let source = request.source.map_or_else(|| PathBuf::from(options.database().as_ref()), PathBuf::from);
    let threads = request.jobs.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let migration = Migration {
        source: Source::open(&source).map_err(told)?,
        destination: request.destination.map(PathBuf::from),
        conversion: Conversion::new(options, request.hash.then_some(threads), request.rename)?,
        verify: request.verify,
        shown: Shown::new(request.quiet),
    };
    let report = if request.dry_run { migration.describe() } else { migration.run() }.map_err(told)?;
    if request.quiet { Ok(()) } else { print(&report) }
}

/// A failure with the reason alone, and one of two exit statuses.
fn told(error: Error) -> Failure {
    let failure = Failure::Plain(error.detail().to_owned());
    match error.code() {
        Code::TryAgain => {
            TOOL.tell(&failure);
            Failure::Status(BUSY)
        }
        _ => failure,
    }
}
