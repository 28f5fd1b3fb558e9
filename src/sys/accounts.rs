//! The system's accounts, from wherever `nsswitch.conf` says that they are.

use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::ptr;

use zeroize::Zeroizing;

use crate::secret::Secret;

/// The longest entry, in bytes, that is read: more than any system has.
const ENTRY_MAX: usize = 1 << 20;

/// What a shadow entry says.
#[derive(Debug)]
pub struct Shadow {
    /// The password field.
    pub hash: Secret,
    /// The last day on which the account may be used, counted from 1970-01-01; negative for no end.
    pub expires: i64,
}

/// The password field of a user in the passwd database. `None` for an unknown user.
///
/// # Errors
/// The system's when the database cannot be read.
pub fn passwd(user: &CStr) -> io::Result<Option<Secret>> {
    // SAFETY: passwd is numbers and pointers, for which zero is a value.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    read(
        // SAFETY: the user is a C string, entry and result are places for what is written, and the buffer has its length.
        |buffer, found| unsafe {
            let mut result = ptr::null_mut();
            let status =
                libc::getpwnam_r(user.as_ptr(), &raw mut entry, buffer.as_mut_ptr(), buffer.len(), &raw mut result);
            *found = (!result.is_null()).then(|| field(entry.pw_passwd));
            status
        },
    )
}

/// A user's entry in the shadow database. `None` for an unknown user.
///
/// # Errors
/// The system's when the database cannot be read: above all [`io::ErrorKind::PermissionDenied`].
#[cfg(target_os = "linux")]
pub fn shadow(user: &CStr) -> io::Result<Option<Shadow>> {
    // SAFETY: spwd is numbers and pointers, for which zero is a value.
    let mut entry: libc::spwd = unsafe { std::mem::zeroed() };
    read(
        // SAFETY: as in `passwd`.
        |buffer, found| unsafe {
            let mut result = ptr::null_mut();
            let status =
                libc::getspnam_r(user.as_ptr(), &raw mut entry, buffer.as_mut_ptr(), buffer.len(), &raw mut result);
            // The size of a long is the system's.
            #[allow(clippy::useless_conversion)]
            let expires = i64::from(entry.sp_expire);
            *found = (!result.is_null()).then(|| Shadow { hash: field(entry.sp_pwdp), expires });
            status
        },
    )
}

/// As above, where there is no such database.
#[cfg(not(target_os = "linux"))]
pub fn shadow(_: &CStr) -> io::Result<Option<Shadow>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Calls one of the functions above with a buffer that is large enough; it is wiped, as there are hashes in it.
fn read<T>(mut call: impl FnMut(&mut [c_char], &mut Option<T>) -> c_int) -> io::Result<Option<T>> {
    let mut length = 4096;
    loop {
        let mut buffer: Zeroizing<Vec<c_char>> = Zeroizing::new(vec![0; length]);
        let mut found = None;
        match call(&mut buffer, &mut found) {
            0 => return Ok(found),
            libc::ERANGE if length < ENTRY_MAX => length *= 4,
            libc::EINTR => {}
            status => return Err(io::Error::from_raw_os_error(status)),
        }
    }
}

/// A field that is a C string or NULL.
///
/// # Safety
/// It must be one of these.
unsafe fn field(text: *const c_char) -> Secret {
    if text.is_null() {
        return Secret::default();
    }
    // SAFETY: by this function's contract.
    Secret::from(unsafe { CStr::from_ptr(text) }.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_or_not() {
        assert!(passwd(c"root").unwrap().is_some());
        assert!(passwd(c"oxisasl-nobody").unwrap().is_none());
    }

    #[test]
    fn an_entry_that_does_not_fit_is_read_again() {
        let mut lengths = Vec::new();
        let found = read(|buffer, found| {
            lengths.push(buffer.len());
            if buffer.len() < 100_000 {
                return libc::ERANGE;
            }
            *found = Some(7);
            0
        });
        assert_eq!(found.unwrap(), Some(7));
        assert!(lengths.is_sorted() && lengths.len() > 2, "{lengths:?}");
        assert_eq!(read::<()>(|_, _| libc::ERANGE).unwrap_err().raw_os_error(), Some(libc::ERANGE));
        assert_eq!(read::<()>(|_, _| libc::EACCES).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
