//! The program that is looked at: what it is called, whose rights it has and what it sees of the system.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxisasl::config::search_path;
use rustix::process::{Gid, Uid, chroot};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use crate::failure::Failure;

/// A program that has the library in it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The name that it gives the library, and so its configuration file.
    pub app: String,
    /// The service that its users log in to.
    pub service: String,
    /// The user that it runs as, if not the doctor's.
    pub user: Option<String>,
    /// The directory that it confines itself to.
    pub root: Option<PathBuf>,
    /// The directories that may hold its configuration, separated by colons.
    pub directories: String,
    /// The name that it knows its host by, if not the machine's.
    pub fqdn: Option<String>,
    /// The realm of users whose names have none.
    pub realm: Option<String>,
}

/// A program of Debian: what it calls itself, its service, its user and where it looks for its configuration if not where the
/// library does.
struct Known {
    app: &'static str,
    service: &'static str,
    user: Option<&'static str>,
    directories: Option<&'static str>,
}

const KNOWN: &[Known] = &[
    Known {
        app: "smtpd",
        service: "smtp",
        user: Some("postfix"),
        directories: Some("/etc/postfix/sasl:/usr/lib/sasl"),
    },
    Known { app: "Sendmail", service: "smtp", user: None, directories: None },
    Known {
        app: "slapd",
        service: "ldap",
        user: Some("openldap"),
        directories: Some("/etc/ldap/sasl2:/usr/lib/sasl2"),
    },
    Known { app: "memcached", service: "memcached", user: Some("memcache"), directories: None },
    Known { app: "svn", service: "svn", user: None, directories: None },
    Known { app: "libvirt", service: "libvirt", user: None, directories: None },
    Known { app: "qemu", service: "vnc", user: None, directories: None },
    Known { app: "exim", service: "smtp", user: Some("Debian-exim"), directories: None },
];

impl Subject {
    /// The program that calls itself this, as Debian has it.
    #[must_use]
    pub fn of(app: &str) -> Self {
        let known = KNOWN.iter().find(|known| known.app == app);
        let mut subject = Subject {
            app: app.to_owned(),
            service: known.map_or(app, |known| known.service).to_owned(),
            user: known.and_then(|known| known.user).map(str::to_owned),
            root: None,
            directories: known.and_then(|known| known.directories).map_or_else(search_path, str::to_owned),
            fqdn: None,
            realm: None,
        };
        if app == "smtpd" {
            subject.root = postfix_root(Path::new("/etc/postfix"));
        }
        subject
    }

    /// Looks up what it takes to become the program.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn prepare(&self) -> Result<Become, Failure> {
        let Some(user) = &self.user else {
            return Ok(Become { root: self.root.clone(), ids: None });
        };
        let numbers = |option: &str| {
            let answer = Command::new("id").args([option, "--", user]).output();
            let answer = answer.map_err(|error| Failure::Plain(format!("cannot run id: {error}")))?;
            let text = String::from_utf8_lossy(&answer.stdout);
            let numbers: Vec<u32> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            match numbers.first() {
                Some(first) if answer.status.success() => Ok((*first, numbers.clone())),
                _ => Err(Failure::Plain(format!("there is no user {user} here; --user names another"))),
            }
        };
        let (uid, gid, groups) = (numbers("-u")?.0, numbers("-g")?.0, numbers("-G")?.1);
        Ok(Become { root: self.root.clone(), ids: Some((uid, gid, groups)) })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, service {}", self.app, self.service)?;
        if let Some(user) = &self.user {
            write!(f, ", as user {user}")?;
        }
        if let Some(root) = &self.root {
            write!(f, ", inside {}", root.display())?;
        }
        Ok(())
    }
}

/// What it takes to become the program.
#[derive(Debug)]
pub struct Become {
    root: Option<PathBuf>,
    ids: Option<(u32, u32, Vec<u32>)>,
}

impl Become {
    /// Becomes the program, for good: the process must have no other threads.
    ///
    /// # Errors
    /// When the process may not.
    pub fn enter(self) -> Result<(), Failure> {
        let failed = |what: String| {
            move |error: rustix::io::Errno| {
                Failure::Plain(format!("cannot {what}: {error}; run this as root, or without --user and --chroot"))
            }
        };
        if let Some(root) = &self.root {
            chroot(root).map_err(failed(format!("enter {}", root.display())))?;
            rustix::process::chdir("/").map_err(failed("enter it".to_owned()))?;
        }
        let Some((uid, gid, groups)) = self.ids.filter(|(uid, ..)| *uid != rustix::process::geteuid().as_raw()) else {
            return Ok(());
        };
        let groups: Vec<_> = groups.into_iter().map(Gid::from_raw).collect();
        set_thread_groups(&groups)
            .and_then(|()| set_thread_gid(Gid::from_raw(gid)))
            .and_then(|()| set_thread_uid(Uid::from_raw(uid)))
            .map_err(failed(format!("become user {uid}")))
    }
}

/// Where Postfix confines its server to, if it does: the column `chroot` of the service in `master.cf`.
fn postfix_root(directory: &Path) -> Option<PathBuf> {
    let services = std::fs::read_to_string(directory.join("master.cf")).ok()?;
    let confined = services.lines().filter(|line| !line.starts_with(['#', ' ', '\t'])).any(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        matches!(columns.as_slice(), [_, "inet", _, _, "y", _, _, "smtpd", ..])
    });
    let settings = std::fs::read_to_string(directory.join("main.cf")).unwrap_or_default();
    let queue =
        settings.lines().filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == "queue_directory");
    confined.then(|| queue.map_or_else(|| "/var/spool/postfix".into(), |(_, path)| path.trim().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postfix_says_whether_it_confines_itself() {
        let place = std::env::temp_dir().join(format!("oxisasl-subject-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let root = |master: &str, main: &str| {
            std::fs::write(place.join("master.cf"), master).unwrap();
            std::fs::write(place.join("main.cf"), main).unwrap();
            postfix_root(&place)
        };
        let (confined, free) = ("smtp inet n - y - - smtpd\n", "smtp inet n - n - - smtpd\n");
        assert_eq!(root(confined, ""), Some("/var/spool/postfix".into()));
        assert_eq!(root(confined, "queue_directory = /srv/queue\n"), Some("/srv/queue".into()));
        assert_eq!(root(free, ""), None);
        assert_eq!(root(&format!("#{confined}smtp unix - - y - - smtp\n"), ""), None);
        std::fs::remove_dir_all(&place).unwrap();
        assert_eq!(postfix_root(&place), None);
    }
}
