//! `saslpasswd`: sets and removes passwords in a password database, as the tool of SASL 1.5 does.

use std::process::ExitCode;

use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::syslog::Syslog;
use oxisasl::{Code, Error, Server};
use oxisasl_tools::args::Tool;
use oxisasl_tools::failure::Failure;
use oxisasl_tools::passwd::Request;
use oxisasl_tools::settings::Interface;

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

fn main() -> ExitCode {
    TOOL.run(|parser| Request::parse(Interface::Classic, parser), change)
}

fn change(request: Request) -> Result<(), Failure> {
    let server = Server::classic(&request.application).options(request.settings()?);
    let session = request.session(server.store(Sasldb::classic()).log(Syslog), "saslpasswd")?;
    request.change(&session).map_err(explain)
}

/// The one error that tells of a success in part.
fn explain(failure: Failure) -> Failure {
    match failure {
        Failure::Sasl(error) if error.code() == Code::NotDone => {
            Error::new(Code::NotDone, "DIGEST-MD5 needs a realm (-u); everything else is stored").into()
        }
        other => other,
    }
}
