//! Debian's unmodified Postfix on a chosen library, from a configuration, queue and port of its own.
//!
//! Postfix drops LD_LIBRARY_PATH between its processes, so the library is mounted ([`super::mount`]).

use std::fs;
use std::path::Path;
use std::process::Command;

use super::base::{Daemon, Library, PATIENCE, free_port, listening, make_sasldb, must, wait_until};
use super::mount::Mounts;
use super::sandbox::Sandbox;

/// What makes one instance differ from another.
#[derive(Clone, Debug, Default)]
pub struct Settings<'a> {
    /// `sasl/smtpd.conf` below the configuration directory. `@DIR@` stands for the instance's directory.
    pub sasl: &'a str,
    /// Further lines of `main.cf`; later lines win. `@DIR@` as above.
    pub main: &'a str,
    /// Further services of `master.cf`.
    pub master: &'a str,
    /// Users of the password database `@DIR@/sasldb2`, all in the realm `rig.test`.
    pub users: &'a [(&'a str, &'a str)],
    /// Files to write into the instance's directory before it starts.
    pub files: &'a [(&'a str, &'a str)],
    /// What runs the master, if anything does: a program and its arguments.
    pub below: &'a [&'a str],
}

/// A running instance.
pub struct Postfix {
    /// Where its SMTP server listens.
    pub port: u16,
    pub mounts: Mounts,
    // In this order: what runs ends before its directory goes.
    master: Daemon,
    sandbox: Sandbox,
}

/// The SASL configuration most tests start from.
pub const AUXPROP: &str = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @DIR@/sasldb2\n\
    mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-224 SCRAM-SHA-256 SCRAM-SHA-384 SCRAM-SHA-512 \
    ANONYMOUS\n";

impl Postfix {
    /// Sets an instance up and starts it.
    pub fn start(library: &Library, settings: &Settings) -> Postfix {
        let sandbox = Sandbox::new("postfix", "mail.rig.test");
        let dir = &sandbox.dir;
        let port = free_port();
        let own = |name: &str| {
            let path = dir.dir(name);
            chown("postfix", &path);
        };
        dir.dir("conf/sasl");
        dir.dir("queue");
        own("data");
        own("mail");
        let fill = |text: &str| text.replace("@DIR@", &dir.path().to_string_lossy());
        dir.write("conf/main.cf", override_settings(&fill(MAIN).replace("@IDS@", &ids()), &fill(settings.main)));
        dir.write("conf/master.cf", MASTER.replace("@PORT@", &port.to_string()) + &fill(settings.master));
        for (name, text) in settings.files {
            if let Some((above, _)) = name.rsplit_once('/') {
                dir.dir(above);
            }
            dir.write(name, fill(text));
        }
        dir.write("conf/sasl/smtpd.conf", fill(settings.sasl));
        if !settings.users.is_empty() {
            let file = dir.join("sasldb2");
            make_sasldb(library, &file, "rig.test", settings.users);
            for entry in fs::read_dir(dir.path()).expect("the directory").flatten() {
                if entry.file_name().to_string_lossy().starts_with("sasldb2") {
                    chown("postfix", &entry.path());
                }
            }
        }
        // Makes the queue's directories, with their owners and modes.
        let conf = dir.join("conf");
        must(Command::new("postfix").arg("-c").arg(&conf).arg("check"));

        let mounts = Mounts::new(library);
        let words: Vec<&str> = settings.below.iter().copied().chain(["/usr/lib/postfix/sbin/master"]).collect();
        let mut command = mounts.command(&sandbox, words[0]);
        command.args(&words[1..]);
        // -d: in the foreground.
        command.arg("-c").arg(&conf).arg("-d");
        let mut master = Daemon::spawn("master", dir, &mut command);
        master.wait_ready(|| listening(port));
        Postfix { port, mounts, master, sandbox }
    }

    /// Its directory: `conf`, `mail` (delivered messages), `maillog`.
    pub fn dir(&self) -> &Path {
        self.sandbox.dir.path()
    }

    /// The process id of the master.
    pub fn pid(&self) -> u32 {
        self.master.pid()
    }

    /// Its log so far; what it says before it has read its configuration goes to the system's log.
    pub fn log(&self) -> String {
        let own = fs::read(self.sandbox.dir.join("maillog")).unwrap_or_default();
        String::from_utf8_lossy(&own).into_owned() + &self.sandbox.log.text_after(0)
    }

    /// Waits for a log line that holds all of these; gives it.
    pub fn logged(&self, parts: &[&str]) -> String {
        let find = || self.log().lines().find(|line| parts.iter().all(|p| line.contains(p))).map(str::to_owned);
        let mut found = None;
        wait_until(PATIENCE, || {
            found = find();
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("no line with {parts:?} in the log:\n{}", self.log()))
    }

    /// Waits for a delivered message that holds this; gives it with its header.
    pub fn delivered(&self, needle: &str) -> String {
        let mailbox = self.sandbox.dir.join("mail/box");
        let find = || {
            let text = fs::read_to_string(&mailbox).unwrap_or_default();
            // Each message of an mbox file ends with an empty line; the last may be half written.
            let whole = &text[..text.rfind("\n\n").map_or(0, |end| end + 1)];
            whole.split("\nFrom ").find(|message| message.contains(needle)).map(str::to_owned)
        };
        let mut found = None;
        wait_until(PATIENCE, || {
            found = find();
            found.is_some()
        });
        found.unwrap_or_else(|| panic!("no message with {needle:?} was delivered:\n{}", self.log()))
    }
}

/// `base` without the settings that `more` makes, then `more`. A setting made twice is a warning in each process, and
/// postlogd, warned before it reads its socket, can block for ever on its own warnings.
fn override_settings(base: &str, more: &str) -> String {
    let name = |line: &str| line.split('=').next().unwrap_or_default().trim().to_owned();
    let replaced: Vec<String> = more.lines().map(name).collect();
    let kept = base.lines().filter(|line| !replaced.contains(&name(line)));
    kept.chain(more.lines()).map(|line| format!("{line}\n")).collect()
}

/// Gives a file to a user of the system.
pub fn chown(user: &str, path: &Path) {
    must(Command::new("chown").arg(user).arg(path));
}

/// The numbers of the user postfix.
fn ids() -> String {
    let id = |flag| must(Command::new("id").args([flag, "postfix"])).trim().to_owned();
    format!("virtual_uid_maps = static:{}\nvirtual_gid_maps = static:{}\n", id("-u"), id("-g"))
}

/// Mail for anyone is delivered into one mailbox file; a relay for strangers needs authentication.
const MAIN: &str = "compatibility_level = 3.6
queue_directory = @DIR@/queue
data_directory = @DIR@/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.rig.test
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
smtp_host_lookup = native
alias_maps =
alias_database =
local_recipient_maps =
maillog_file = @DIR@/maillog
maillog_file_prefixes = @DIR@
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = rig.test
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
# A slow-down per mistake and a limit to them are right for a server on the network, and in the way of a test.
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
default_transport = virtual
virtual_mailbox_base = @DIR@/mail
virtual_mailbox_domains =
virtual_mailbox_maps = static:box
@IDS@";

/// Only what the tests need, nothing confined to the queue directory.
const MASTER: &str = "127.0.0.1:@PORT@ inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
