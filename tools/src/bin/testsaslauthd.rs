//! `testsaslauthd`: asks saslauthd whether a password is a user's, as servers ask it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::{Arg, Parser};
use oxisasl::verify::saslauthd::{DEFAULT_PATH, DEFAULT_TIMEOUT, Request, authenticate};
use oxisasl::{Code, Secret};
use oxisasl_tools::args::{Asked, Tool, print, text};
use oxisasl_tools::failure::Failure;
use oxisasl_tools::password;
use oxisasl_tools::settings::Interface;

const TOOL: Tool = Tool {
    name: "testsaslauthd",
    interface: Interface::Current,
    synopsis: "-u username [-p password] [-r realm] [-s servicename] [-f socket path] [-R repeatnum]",
    help: "\
Asks saslauthd whether a password is a user's, in the way that servers ask it.

  -u username    the user
  -p password    the password. Everyone on the machine can see it there: without
                 the option it is asked for, or read where standard input is no
                 terminal
  -r realm       the realm; without it, none
  -s servicename the service; without it, imap
  -f path        the daemon's socket, or the directory that has it; without it,
                 /var/run/saslauthd/mux
  -R repeatnum   asks so many times
  --version      the version
  -h, --help     this text

The exit status is 0 when the last answer was OK, and 255 when it was not.
",
};

/// What is to be asked.
struct Question {
    user: OsString,
    password: Option<Secret>,
    realm: OsString,
    service: OsString,
    socket: PathBuf,
    times: u32,
}

fn main() -> ExitCode {
    TOOL.run(parse, ask)
}

fn parse(mut parser: Parser) -> Result<Asked<Question>, Failure> {
    let mut user = None;
    let mut question = Question {
        user: OsString::new(),
        password: None,
        realm: OsString::new(),
        service: "imap".into(),
        socket: DEFAULT_PATH.into(),
        times: 1,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Help),
            Arg::Long("version") => return Ok(Asked::Version),
            Arg::Short('u') => user = Some(parser.value()?),
            Arg::Short('p') => question.password = Some(Secret::new(parser.value()?.into_vec())),
            Arg::Short('r') => question.realm = parser.value()?,
            Arg::Short('s') => question.service = parser.value()?,
            Arg::Short('f') => question.socket = parser.value()?.into(),
            Arg::Short('R') => {
                let value = text("-R", parser.value()?)?;
                question.times =
                    value.parse().map_err(|_| Failure::Usage(format!("the value of -R is no number: \"{value}\"")))?;
            }
            other => return Err(other.unexpected().into()),
        }
    }
    question.user = user.ok_or_else(|| Failure::Usage("the user is missing".to_owned()))?;
    Ok(Asked::Work(question))
}

fn ask(question: Question) -> Result<(), Failure> {
    let password = match question.password {
        Some(password) => password,
        None => password::read(true)?,
    };
    let user = question.user.into_vec();
    let (realm, service) = (question.realm.into_vec(), question.service.into_vec());
    let request = Request { user: &user, password: password.expose(), service: &service, realm: &realm };
    let mut result = Ok(());
    for round in 0..question.times {
        result = authenticate(&question.socket, &request, DEFAULT_TIMEOUT);
        match &result {
            Ok(()) => print(&format!("{round}: OK \"Success.\"\n"))?,
            Err(error) if error.code() == Code::BadAuth => print(&format!("{round}: NO \"{}\"\n", error.detail()))?,
            // It was not the daemon that answered.
            Err(error) => TOOL.tell(&Failure::Plain(format!("{round}: {}", error.detail()))),
        }
    }
    result.map_err(|_| Failure::Status(255))
}
