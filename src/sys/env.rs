//! The environment and the identity of the process.

#![allow(unsafe_code)]

use std::ffi::OsString;

/// A variable of the environment, unless the process runs with more rights than its caller has (set-user-ID,
/// set-group-ID, file capabilities): then the environment is the caller's word and not to be heeded.
#[must_use]
pub fn secure_env(name: &str) -> Option<OsString> {
    if elevated() { None } else { std::env::var_os(name) }
}

#[cfg(target_os = "linux")]
fn elevated() -> bool {
    // SAFETY: getauxval reads a table that the kernel left for the process; every argument is allowed.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(not(target_os = "linux"))]
fn elevated() -> bool {
    // SAFETY: these four only read the identity of the process, and cannot fail.
    unsafe { libc::getuid() != libc::geteuid() || libc::getgid() != libc::getegid() }
}

/// The effective user ID.
#[must_use]
pub fn effective_uid() -> u32 {
    // SAFETY: geteuid only reads the identity of the process, and cannot fail.
    unsafe { libc::geteuid() }
}

/// What decides whether the process may open a file: its effective user and group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    uid: u32,
    gid: u32,
}

/// The rights that the process has now.
pub(crate) fn rights() -> Rights {
    // SAFETY: getegid only reads the identity of the process, and cannot fail.
    Rights { uid: effective_uid(), gid: unsafe { libc::getegid() } }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    const PROBE: &str = "OXISASL_TEST_SECURE_ENV";

    /// Not a test of its own: the tests below run it in another process, and look at what it says.
    #[test]
    fn probe() {
        if let Some(value) = std::env::var_os(PROBE) {
            println!("\nplain={value:?} secure={:?}", secure_env(PROBE));
        }
    }

    fn run(mut command: Command) -> String {
        let command = command.args(["--exact", "sys::env::tests::probe", "--nocapture"]).env(PROBE, "value");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    #[test]
    fn an_ordinary_program_reads_its_environment() {
        let output = run(Command::new(std::env::current_exe().unwrap()));
        assert!(output.contains(r#"plain="value" secure=Some("value")"#), "{output}");
    }

    /// CVE-2004-0884: SASL_PATH was heeded in set-user-ID programs. Only root can make such a program of another user.
    #[test]
    fn a_set_user_id_program_does_not() {
        if effective_uid() != 0 {
            eprintln!("skipped: only root can make a set-user-ID program of another user");
            return;
        }
        let copy = std::env::temp_dir().join(format!("oxisasl-suid-{}", std::process::id()));
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o4755)).unwrap();
        let mut command = Command::new(&copy);
        command.uid(65534).gid(65534).current_dir("/");
        let output = run(command);
        std::fs::remove_file(&copy).unwrap();
        assert!(output.contains(r#"plain="value" secure=None"#), "{output}");
    }
}
