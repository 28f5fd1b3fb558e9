//! `saslpasswd2`: sets and removes passwords where servers of the 2.1 interface look for them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;
use std::sync::Arc;

use lexopt::{Arg, Parser};
use oxisasl::hooks::{PasswordChange, PasswordFlags};
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::store::sql::Sql;
use oxisasl::syslog::Syslog;
use oxisasl::{Server, ServerParams};
use oxisasl_tools::args::{Asked, Tool, application, only, text};
use oxisasl_tools::failure::Failure;
use oxisasl_tools::settings::{APPLICATION, Interface, Settings};
use oxisasl_tools::{host, password, version};

const TOOL: Tool = Tool {
    name: "saslpasswd2",
    interface: Interface::Current,
    synopsis: "[-v] [-c [-p] [-n]] [-d] [-a appname] [-f sasldb] [-u DOM] userid",
    help: "\
Sets the password of a user where servers look for it: in the password
database, or in the store that the option auxprop_plugin names. The password
is asked for twice, or read once where standard input is no terminal.

  -c             make the user, if there is none; this is done without it, too
  -d             remove the user
  -u DOM         the realm of the user; one in userid (user@realm) goes before
                 it; without either it is this machine's host name
  -p             read the password once and do not ask, also at a terminal
  -n             store no plaintext password, whatever the option
                 password_storage says
  -a appname     the application whose configuration counts: <appname>.conf in
                 /etc/sasl2 and so on; without it, saslpasswd
  -f sasldb      the password database; without it, that of the option
                 sasldb_path, or else /etc/sasldb2
  -v, --version  the version
  -h, --help     this text

The exit status is 0, or the number of the library's error without its sign.
",
};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    user: OsString,
    realm: Option<String>,
    disable: bool,
    once: bool,
    flags: u32,
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
        disable: false,
        once: false,
        flags: 0,
        application: APPLICATION.to_owned(),
        database: None,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Help),
            Arg::Short('v') => return Ok(Asked::Note(version::NOTE)),
            Arg::Long("version") => return Ok(Asked::Version),
            Arg::Short('a') => request.application = application(text("-a", parser.value()?)?)?,
            Arg::Short('c') => request.flags |= PasswordFlags::CREATE,
            Arg::Short('d') => request.disable = true,
            Arg::Short('f') => request.database = Some(text("-f", parser.value()?)?),
            Arg::Short('n') => request.flags |= PasswordFlags::NO_PLAIN,
            Arg::Short('p') => request.once = true,
            Arg::Short('u') => request.realm = Some(text("-u", parser.value()?)?),
            Arg::Value(operand) => only(&mut user, operand)?,
            other => return Err(other.unexpected().into()),
        }
    }
    if request.disable && request.flags & PasswordFlags::CREATE != 0 {
        return Err(Failure::Usage("a user cannot be created and removed at once".to_owned()));
    }
    request.user = user.ok_or_else(|| Failure::Usage("the user is missing".to_owned()))?;
    Ok(Asked::Work(request))
}

fn change(request: Request) -> Result<(), Failure> {
    // Whatever is wrong with the configuration is told before anyone types a password.
    let settings = Settings::read(Interface::Current, &request.application, request.database)?;
    let server = Server::new(request.application).options(settings).store(Sasldb::new()).store(Sql::new()).log(Syslog);
    let params = ServerParams::new("sasldb").fqdn(host::name()?);
    let session = Arc::new(server).session(match request.realm {
        Some(realm) => params.realm(realm),
        None => params,
    })?;
    session.can_store()?;
    let password = if request.disable { None } else { Some(password::read(request.once)?) };
    let disable = if request.disable { PasswordFlags::DISABLE } else { 0 };
    let flags = PasswordFlags(request.flags | disable);
    session
        .set_password(&request.user.into_vec(), &PasswordChange { password: password.as_ref(), old: None, flags })?;
    Ok(())
}
