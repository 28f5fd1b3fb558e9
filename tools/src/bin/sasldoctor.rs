//! `sasldoctor`: finds out why a program's users cannot log in.

use std::io::{IsTerminal as _, stdout};
use std::process::ExitCode;

use lexopt::{Arg, Parser};
use oxisasl_tools::args::{Asked, Tool, application, print, text};
use oxisasl_tools::doctor::report::Grade;
use oxisasl_tools::doctor::{Request, Subject, examine};
use oxisasl_tools::failure::Failure;
use oxisasl_tools::password;
use oxisasl_tools::settings::Interface;

const TOOL: Tool = Tool {
    name: "sasldoctor",
    interface: Interface::Current,
    synopsis: "--app name [options]",
    help: "\
Looks at SASL as a program sees it: its configuration, the mechanisms that it
offers and why it does not offer others, who checks passwords, the password
database, and a user. It changes nothing and shows no secret.

  --app name          the name of the program's configuration file without
                      .conf: smtpd (Postfix), Sendmail, slapd, memcached, ...
  --user name         looks with the rights of this user; known for smtpd,
                      slapd, memcached and exim
  --chroot directory  looks from inside of this directory; for smtpd, what
                      /etc/postfix/master.cf says
  --no-confinement    looks with the rights of whoever runs this, from outside
  --service name      the service: smtp, imap, ldap, ...
  --conf-path list    the directories of the configuration, in place of those
                      where the program looks, with colons between them
  --host name         the host's name as the program has it
  --realm name        the realm of users without one (Postfix:
                      smtpd_sasl_local_domain)
  --user-to-test name what there is of a user, and whether he can log in
  --password          asks for that user's password and tries it, or reads it
                      where standard input is no terminal
  --no-plaintext      the program refuses plaintext mechanisms
  --min-ssf n         the weakest security layer that it accepts, in bits
  --external-ssf n    the strength of the TLS around it, in bits
  --json              a report for programs
  --version           the version
  -h, --help          this text

The exit status is 0 when there is no problem, 2 when there is one, and 1 when
nothing could be looked at.
",
};

/// What is to be done.
struct Work {
    request: Request,
    ask: bool,
    json: bool,
}

fn main() -> ExitCode {
    TOOL.run(parse, look)
}

fn parse(mut parser: Parser) -> Result<Asked<Work>, Failure> {
    let mut app = None;
    let (mut user, mut root, mut service, mut directories, mut fqdn, mut realm) = (None, None, None, None, None, None);
    let (mut confined, mut tested, mut ask, mut json, mut no_plaintext) = (true, None, false, false, false);
    let (mut min_ssf, mut external_ssf) = (0, 0);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => return Ok(Asked::Help),
            Arg::Long("version") => return Ok(Asked::Version),
            Arg::Long("app") => app = Some(application(text("--app", parser.value()?)?)?),
            Arg::Long("user") => user = Some(text("--user", parser.value()?)?),
            Arg::Long("chroot") => root = Some(parser.value()?.into()),
            Arg::Long("no-confinement") => confined = false,
            Arg::Long("service") => service = Some(text("--service", parser.value()?)?),
            Arg::Long("conf-path") => directories = Some(text("--conf-path", parser.value()?)?),
            Arg::Long("host") => fqdn = Some(text("--host", parser.value()?)?),
            Arg::Long("realm") => realm = Some(text("--realm", parser.value()?)?),
            Arg::Long("user-to-test") => tested = Some(text("--user-to-test", parser.value()?)?),
            Arg::Long("password") => ask = true,
            Arg::Long("no-plaintext") => no_plaintext = true,
            Arg::Long("min-ssf") => min_ssf = number("--min-ssf", &text("--min-ssf", parser.value()?)?)?,
            Arg::Long("external-ssf") => {
                external_ssf = number("--external-ssf", &text("--external-ssf", parser.value()?)?)?
            }
            Arg::Long("json") => json = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let app = app.ok_or_else(|| Failure::Usage("--app is missing: which program?".to_owned()))?;
    if ask && tested.is_none() {
        return Err(Failure::Usage("--password is that of --user-to-test".to_owned()));
    }
    let mut subject = Subject::of(&app);
    if !confined {
        (subject.user, subject.root) = (None, None);
    }
    subject.user = user.or(subject.user);
    subject.root = root.or(subject.root);
    subject.service = service.unwrap_or(subject.service);
    subject.directories = directories.unwrap_or(subject.directories);
    (subject.fqdn, subject.realm) = (fqdn, realm);
    let request = Request { subject, user: tested, password: None, no_plaintext, min_ssf, external_ssf };
    Ok(Asked::Work(Work { request, ask, json }))
}

fn number(option: &str, value: &str) -> Result<u32, Failure> {
    value.parse().map_err(|_| Failure::Usage(format!("the value of {option} is no number: \"{value}\"")))
}

fn look(Work { mut request, ask, json }: Work) -> Result<(), Failure> {
    if ask {
        request.password = Some(password::read(true)?);
    }
    let report = examine(request)?;
    let coloured = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print(&if json { format!("{:#}\n", report.json()) } else { report.text(coloured) })?;
    match report.count(Grade::Problem) {
        0 => Ok(()),
        _ => Err(Failure::Status(2)),
    }
}
