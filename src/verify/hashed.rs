//! Comparing with the hashes of the system's accounts, for `shadow` and `passwd`.

use std::ffi::{CStr, CString};
use std::path::Path;

use zeroize::Zeroizing;

use super::{Attempt, REFUSED, shown};
use crate::error::{Code, Error, Result};
use crate::log::Level;
use crate::secret::Secret;
use crate::sys::{accounts, crypt, env};

/// The shortest hash, that of DES: what is shorter is a sign that there is none.
const HASH_MIN: usize = 13;
/// Hashes are computed with these where there is no better one: Debian's, and the one that others have.
const SETTINGS: [&str; 2] = ["$y$j9T$oxisasl.oxisasl.oxisa.$", "$6$oxisasloxisasl$"];

/// What comes of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is the password.
    Right,
    /// It is not.
    Wrong,
    /// The account has a password that no longer counts.
    Locked,
    /// The account has none.
    Without,
}

/// The name as the system's functions take it.
///
/// # Errors
/// [`Code::BadAuth`] for a name or password that nobody has.
pub(super) fn user_of(attempt: &Attempt<'_>, password: &Secret) -> Result<CString> {
    if attempt.user.is_empty() || password.expose().is_empty() || password.expose().contains(&0) {
        return Err(Error::bad_auth(REFUSED));
    }
    CString::new(attempt.user).map_err(|_| Error::bad_auth(REFUSED))
}

/// Whether a password is that of the attempt's user, whose entry in `file` has this hash. Takes as long whatever the answer is.
///
/// # Errors
/// When the system cannot compute such a hash; the log then knows why.
pub(super) fn compare(attempt: &Attempt<'_>, file: &Path, stored: &Secret, password: &Secret) -> Result<Answer> {
    let text = stored.expose();
    let locks = text.iter().take_while(|byte| matches!(byte, b'!' | b'*')).count();
    let bare = text.get(locks..).unwrap_or_default();
    if bare.len() < HASH_MIN {
        pretend(attempt, file, password)?;
        return Ok(if locks > 0 { Answer::Locked } else { Answer::Without });
    }
    if password.expose().len() > crypt::PASSWORD_MAX {
        return Ok(Answer::Wrong);
    }
    match crypt::crypt(password, &Secret::from(bare)) {
        Err(crypt::Failure::Missing(reason)) => Err(missing(attempt, &reason)),
        _ if locks > 0 => Ok(Answer::Locked),
        Ok(hash) => Ok(if bool::from(hash.matches(text)) { Answer::Right } else { Answer::Wrong }),
        Err(crypt::Failure::Refused) => {
            let user = shown(attempt.user);
            let line = format!("{}: this system's crypt does not know how {user} is hashed", file.display());
            attempt.log.log(Level::Err, &line);
            Err(Error::bad_auth(line))
        }
    }
}

/// Does for a user without a hash what is done for one with it.
///
/// # Errors
/// As [`compare`].
pub(super) fn pretend(attempt: &Attempt<'_>, file: &Path, password: &Secret) -> Result<()> {
    let settings = example(file).into_iter().chain(SETTINGS.map(Secret::from));
    for setting in settings {
        match crypt::crypt(password, &setting) {
            Ok(_) => break,
            Err(crypt::Failure::Missing(reason)) => return Err(missing(attempt, &reason)),
            Err(crypt::Failure::Refused) => {}
        }
    }
    Ok(())
}

/// A hash of the file, so that those of its other users take as long.
fn example(file: &Path) -> Option<Secret> {
    let text = Zeroizing::new(std::fs::read(file).ok()?);
    let hashes = text.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b':').nth(1));
    hashes.filter(|hash| hash.starts_with(b"$")).find(|hash| hash.len() >= HASH_MIN).map(Secret::from)
}

fn missing(attempt: &Attempt<'_>, reason: &str) -> Error {
    let line = format!("cannot compute the hash of a password: {reason}");
    attempt.log.log(Level::Err, &line);
    Error::fail(line)
}

/// The error of a database that could not be read.
pub(super) fn unreadable(attempt: &Attempt<'_>, file: &Path, error: &std::io::Error) -> Error {
    let uid = env::effective_uid();
    let advice = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "; the server must run as root, or in the group that may read it",
        _ => "",
    };
    let line = format!("cannot read {} as uid {uid}: {error}{advice}", file.display());
    attempt.log.log(Level::Err, &line);
    Error::fail(line)
}

/// Tells the log why a verifier refuses a user whose password may be right.
pub(super) fn refuse(attempt: &Attempt<'_>, verifier: &str, level: Level, why: &str) -> Error {
    attempt.log.log(level, &format!("{verifier} refuses {}: {why}", shown(attempt.user)));
    Error::bad_auth(REFUSED)
}

/// Whether the system has an account of this name.
///
/// # Errors
/// [`Code::NoUser`]; [`Code::Fail`] when that could not be found out.
pub(super) fn exists(attempt: &Attempt<'_>) -> Result<()> {
    let user = CString::new(attempt.user).map_err(|_| Error::from(Code::NoUser))?;
    passwd(attempt, &user)?.map(|_| ()).ok_or_else(|| Error::from(Code::NoUser))
}

/// The password field of a user's entry in the passwd database.
///
/// # Errors
/// As [`unreadable`].
pub(super) fn passwd(attempt: &Attempt<'_>, user: &CStr) -> Result<Option<Secret>> {
    accounts::passwd(user).map_err(|error| unreadable(attempt, Path::new(super::passwd::FILE), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_settings() {
        for setting in SETTINGS {
            let hash = crypt::crypt(&Secret::from("pencil"), &Secret::from(setting)).unwrap();
            assert!(hash.expose().starts_with(setting.as_bytes()), "{setting}");
        }
    }

    #[test]
    fn the_example_is_the_first_hash_that_can_be_computed() {
        let file = std::env::temp_dir().join(format!("oxisasl-hashed-{}", std::process::id()));
        let found = |text: &str| {
            std::fs::write(&file, text).unwrap();
            example(&file).map(|hash| String::from_utf8(hash.expose().to_vec()).unwrap())
        };
        assert_eq!(
            found("root:*:1\nann:!$6$saltsalt$x:1\nbea:$6$a\ncyd:$6$saltsalt$x:1\n"),
            Some("$6$saltsalt$x".into())
        );
        assert_eq!(found("root:*:1\nann\n\n::\n"), None);
        std::fs::remove_file(&file).unwrap();
        assert!(example(&file).is_none());
    }
}
