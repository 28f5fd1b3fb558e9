//! `saslpasswd2`: sets and removes passwords where servers of the 2.1 interface look for them.

use std::process::ExitCode;

use oxisasl::Server;
use oxisasl::store::auxprop_sasldb::Sasldb;
use oxisasl::syslog::Syslog;
use oxisasl_tools::args::Tool;
use oxisasl_tools::failure::Failure;
use oxisasl_tools::passwd::Request;
use oxisasl_tools::settings::Interface;

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

fn main() -> ExitCode {
    TOOL.run(|parser| Request::parse(Interface::Current, parser), change)
}

fn change(request: Request) -> Result<(), Failure> {
    let server = Server::new(&request.application).options(request.settings()?);
    let session = request.session(server.store(Sasldb::new()).databases().log(Syslog), "sasldb")?;
    session.can_store()?;
    request.change(&session)
}
