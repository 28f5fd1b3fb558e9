//! Passwords of the system's accounts, and of daemons that know them, in the private `/etc` that the table is tried in.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use oxisasl::Server;
use oxisasl::config::ConfigFile;

use crate::attempt::{BackEnd, State};
use crate::rig::accounts::hash;
use crate::rig::base::{Daemon, TempDir, must};
use crate::rig::saslauthd::compile;

/// Accounts by name, state and the field that has the hash, as shadow and passwd have it.
fn fields() -> Vec<(&'static str, Option<State>, String)> {
    use State::{EmptySecret, Locked, Malformed, NoSecret, UnknownScheme};
    let good = hash("sha512");
    let row = |name, state, field: &str| (name, state, field.to_owned());
    vec![
        row("carol", None, good),
        row("dora", None, hash("md5")),
        row("none", Some(NoSecret), "*"),
        row("never", Some(NoSecret), "!"),
        row("twice", Some(NoSecret), "!!"),
        row("empty", Some(EmptySecret), ""),
        row("emptied", Some(EmptySecret), "$1$saltsalt$5Jhcit4zN9UlGiA0txPkO0"),
        row("odd", Some(UnknownScheme), "$99$unknown$scheme"),
        row("cut", Some(Malformed), "$6$saltsalt$"),
        row("salted", Some(Malformed), "$6$"),
        row("plain", Some(Malformed), crate::attempt::PASSWORD),
        row("locked", Some(Locked), &format!("!{good}")),
        row("starred", Some(Locked), &format!("*{good}")),
    ]
}

/// What asks one of the system's databases, or a daemon.
pub struct System {
    conf: String,
    users: Vec<(&'static str, Option<State>)>,
    stop: Box<dyn FnMut()>,
    /// What is to be as it was afterwards.
    restore: Vec<(PathBuf, Vec<u8>)>,
    /// What is to live as long.
    _parts: Vec<Box<dyn std::any::Any>>,
}

impl BackEnd for System {
    fn server(&self) -> Arc<Server> {
        let options = ConfigFile::parse("test.conf".as_ref(), self.conf.as_bytes()).expect("options");
        Arc::new(Server::new("test").options(options))
    }

    fn good(&self) -> Vec<&'static str> {
        self.users.iter().filter(|user| user.1.is_none()).map(|user| user.0).collect()
    }

    fn users(&self, state: State) -> Vec<&'static str> {
        if state == State::Unknown {
            return vec!["mallory", "caro", "carolx"];
        }
        self.users.iter().filter(|user| user.1 == Some(state)).map(|user| user.0).collect()
    }

    fn stop(&mut self) {
        (self.stop)();
    }
}

impl Drop for System {
    fn drop(&mut self) {
        for (path, text) in &self.restore {
            if path.is_dir() {
                fs::remove_dir(path).expect("the directory in its place");
            }
            fs::write(path, text).expect("the file as it was");
        }
    }
}

/// Writes the accounts into the private files. `field` is where the hash goes.
fn write_accounts(shadow: bool) -> Vec<(PathBuf, Vec<u8>)> {
    let files = ["/etc/passwd", "/etc/shadow"].map(|path| (PathBuf::from(path), fs::read(path).expect(path)));
    let (mut passwd, mut shadowed) = (files[0].1.clone(), files[1].1.clone());
    for (name, _, field) in fields() {
        let shown = if shadow { "x" } else { &field };
        passwd.extend(format!("{name}:{shown}:4242:4242::/nonexistent:/bin/sh\n").bytes());
        if shadow {
            shadowed.extend(format!("{name}:{field}:19000:0:99999:7:::\n").bytes());
        }
    }
    if shadow {
        passwd.extend(b"over:x:4242:4242::/nonexistent:/bin/sh\n");
        shadowed.extend(format!("over:{}:19000:0:99999:7::19000:\n", hash("md5")).bytes());
    }
    fs::write("/etc/passwd", passwd).expect("/etc/passwd");
    fs::write("/etc/shadow", shadowed).expect("/etc/shadow");
    files.into()
}

fn system(method: &str, shadow: bool, more: &str) -> System {
    let mut users: Vec<_> = fields().into_iter().map(|(name, state, _)| (name, state)).collect();
    if shadow {
        users.push(("over", Some(State::Locked)));
    }
    System {
        conf: format!("pwcheck_method: {method}\n{more}"),
        users,
        stop: Box::new(|| {}),
        restore: write_accounts(shadow),
        _parts: Vec::new(),
    }
}

/// Puts a directory in the place of a file: it is there, and cannot be read by anyone.
fn unreadable(path: &'static str) -> Box<dyn FnMut()> {
    Box::new(move || {
        fs::remove_file(path).expect(path);
        fs::create_dir(path).expect(path);
    })
}

pub fn shadow(method: &'static str) -> Box<dyn BackEnd> {
    let mut system = system(method, true, "");
    system.stop = unreadable("/etc/shadow");
    Box::new(system)
}

pub fn passwd(method: &'static str) -> Box<dyn BackEnd> {
    let mut system = system(method, false, "");
    system.stop = unreadable("/etc/passwd");
    Box::new(system)
}

/// The service's modules. The account's own state counts, too.
fn pam_service(arguments: &str) -> PathBuf {
    let path = PathBuf::from("/etc/pam.d/smtp");
    let text = format!("auth required pam_unix.so nodelay {arguments}\naccount required pam_unix.so\n");
    fs::write(&path, text).expect("the service");
    path
}

pub fn pam(method: &'static str) -> Box<dyn BackEnd> {
    // As Debian has it: without a password in its entry, the module takes any.
    let service = pam_service("nullok");
    let mut system = system(method, true, "pam_account: yes\n");
    system.stop = Box::new(move || fs::write(&service, "auth required pam_no_such_module.so\n").expect("the service"));
    Box::new(system)
}

/// A daemon in a directory of its own, which is killed when it is to stop.
fn daemon(mut system: System, dir: TempDir, socket: &Path, name: &str, command: &mut Command) -> Box<dyn BackEnd> {
    let mut daemon = Daemon::spawn(name, &dir, command);
    daemon.wait_ready(|| UnixStream::connect(socket).is_ok());
    system._parts.push(Box::new(dir));
    // Its children end with the system's own process 1, as no program here becomes another's parent.
    let socket = socket.to_owned();
    system.stop = Box::new(move || {
        daemon.stop();
        fs::remove_file(&socket).expect("the socket of the daemon");
    });
    Box::new(system)
}

pub fn saslauthd(method: &'static str) -> Box<dyn BackEnd> {
    let dir = TempDir::new("closed");
    let socket = dir.join("mux");
    let more = format!("saslauthd_path: {}\nsaslauthd_timeout: 10\n", socket.display());
    let system = system(method, true, &more);
    let mut command = Command::new("/usr/sbin/saslauthd");
    command.args(["-d", "-n", "1", "-a", "shadow", "-m"]).arg(dir.path());
    daemon(system, dir, &socket, "saslauthd", &mut command)
}

pub fn pwcheck(method: &'static str) -> Box<dyn BackEnd> {
    let dir = TempDir::new("closed");
    let socket = dir.join("pwcheck");
    let mut system = system(method, true, &format!("pwcheck_path: {}\npwcheck_timeout: 10\n", socket.display()));
    // It does not look at the days of an account.
    system.users.retain(|user| user.0 != "over");
    let mut command = Command::new(compile("pwcheckd", &["-lcrypt"]));
    command.arg(&socket);
    daemon(system, dir, &socket, "pwcheckd", &mut command)
}

/// Courier's own daemon, which asks PAM. Its socket is where it was built to have it.
pub fn authdaemond(method: &'static str) -> Box<dyn BackEnd> {
    pam_service("");
    must(Command::new("mount").args(["-t", "tmpfs", "run", "/run"]));
    let place = Path::new("/run/courier/authdaemon");
    fs::create_dir_all(place).expect("a directory for the socket");
    fs::create_dir_all("/etc/courier").expect("/etc/courier");
    fs::write("/etc/courier/authdaemonrc", "authmodulelist=\"authpam\"\nDEBUG_LOGIN=0\n").expect("its configuration");
    let socket = place.join("socket");
    let system = system(method, true, &format!("authdaemond_path: {}\n", socket.display()));
    let mut command = Command::new("/usr/lib/courier/courier-authlib/authdaemond");
    command.env("daemons", "1").env("authmodulelist", "authpam");
    daemon(system, TempDir::new("closed"), &socket, "authdaemond", &mut command)
}

/// What no system of today can do: there is nobody to let in.
pub fn nothing(method: &'static str) -> Box<dyn BackEnd> {
    let mut system = system(method, true, "");
    system.users.iter_mut().for_each(|user| user.1 = Some(user.1.unwrap_or(State::Locked)));
    Box::new(system)
}
