//! `saslpasswd`: sets and removes passwords in a password database, as the tool of SASL 1.5 does.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;
use std::sync::Arc;

use lexopt::{Arg, Parser};
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::syslog::Syslog;
use oxisasl::{Code, Error, Server, ServerParams};
use oxisasl_tools::args::{Asked, Tool, application, only, text};
use oxisasl_tools::failure::Failure;
use oxisasl_tools::settings::{APPLICATION, Interface, Settings};
use oxisasl_tools::{host, password};

const TOOL: Tool = Tool {
    name: "saslpasswd",
    interface: Interface::Classic,
    synopsis: "[-a appname] [-p] [-c] [-d] [-f dbfile] [-u domain] userid",
    help: "\
Sets the password of a user in a password database: the secrets that the
mechanisms PLAIN, LOGIN, CRAM-MD5 and DIGEST-MD5 need. The password is asked
for twice, or read once where standard input is no terminal.

  -c             make the user, if there is none; this is done without it, too
  -d             remove the user
  -u domain      the realm of the user; without it, this machine's host name
  -p             read the password once and do not ask, also at a terminal
  -a appname     the application whose configuration names the database:
                 /usr/lib/sasl/<appname>.conf; without it, saslpasswd
  -f dbfile      the database; without it, that of the option sasldb_path in
                 the configuration, or else /etc/sasldb
  -h, --help     this text
  --version      the version
",
};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    user: OsString,
    realm: Option<String>,
    create: bool,
    disable: bool,
    once: bool,
    application: String,
    database: Option<String>,
}

fn main() -> ExitCode {
    TOOL.run(parse, change)
}

fn parse(mut parser: Parser) -> Result<Asked<Request>, Failure> {
    let mut user = None;
    let mut request = Request {
        user: OsString::new(),
        realm: None,
        create: false,
        disable: false,
        once: false,
        application: APPLICATION.to_owned(),
        database: None,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Help),
            Arg::Long("version") => return Ok(Asked::Version),
            Arg::Short('a') => request.application = application(text("-a", parser.value()?)?)?,
            Arg::Short('c') => request.create = true,
            Arg::Short('d') => request.disable = true,
            Arg::Short('f') => request.database = Some(text("-f", parser.value()?)?),
            Arg::Short('p') => request.once = true,
            Arg::Short('u') => request.realm = Some(text("-u", parser.value()?)?),
            Arg::Value(operand) => only(&mut user, operand)?,
            other => return Err(other.unexpected().into()),
        }
    }
    if request.create && request.disable {
        return Err(Failure::Usage("a user cannot be created and disabled at once".to_owned()));
    }
    request.user = user.ok_or_else(|| Failure::Usage("the user is missing".to_owned()))?;
    Ok(Asked::Work(request))
}

fn change(request: Request) -> Result<(), Failure> {
    // Whatever is wrong with the configuration is told before anyone types a password.
    let settings = Settings::read(Interface::Classic, &request.application, request.database)?;
    let server = Arc::new(Server::classic(request.application).options(settings).store(Sasldb::classic()).log(Syslog));
    let params = ServerParams::new("saslpasswd").fqdn(host::name()?);
    let session = server.session(match request.realm {
        Some(realm) => params.realm(realm),
        None => params,
    })?;
    let password = if request.disable { None } else { Some(password::read(request.once)?) };
    let flags = match (request.create, request.disable) {
        (true, _) => PasswordFlags::CREATE,
        (false, true) => PasswordFlags::DISABLE,
        (false, false) => 0,
    };
    let change = PasswordChange { password: password.as_ref(), old: None, flags: PasswordFlags(flags) };
    session.set_password(&request.user.into_vec(), &change).map_err(explain)?;
    Ok(())
}

/// The one error that tells of a success in part.
fn explain(error: Error) -> Error {
    match error.code() {
        Code::NotDone => Error::new(Code::NotDone, "DIGEST-MD5 needs a realm (-u); everything else is stored"),
        _ => error,
    }
}
