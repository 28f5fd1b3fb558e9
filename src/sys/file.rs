//! Locks on open files that LMDB takes, and extended attributes, among which are access control lists.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// Takes the lock of fcntl(2) on the first byte of a file that is open for writing, exclusively and without waiting; false if
/// others hold it. It goes with the first descriptor for that file which this process closes.
///
/// # Errors
/// Those of fcntl(2).
#[cfg(feature = "lmdb")]
pub(crate) fn lock_record(file: &File) -> io::Result<bool> {
    // SAFETY: all bytes 0 is a valid value of the structure, which is of numbers only.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_whence, lock.l_len) = (libc::F_WRLCK as _, libc::SEEK_SET as _, 1);
    // SAFETY: the descriptor is open for the whole call, as `file` is borrowed, and the structure is only read.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) } {
        0 => Ok(true),
        _ => match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EAGAIN)) => Ok(false),
            error => Err(error),
        },
    }
}

/// The attribute that is an access control list.
#[cfg(target_os = "linux")]
const ACCESS_LIST: &CStr = c"system.posix_acl_access";

/// Gives `to` the extended attributes of `from`: the access control list, the label of a security module, and others. A
/// list that `to` got from its folder goes if `from` has none.
///
/// # Errors
/// Those of setxattr(2) and removexattr(2) for an access control list, since it says whom to let in and whom not. What
/// else cannot be read or set is left out: without privileges the system does not allow all of it, and a label of a
/// security module is given by its rules to a file in the same place.
#[cfg(target_os = "linux")]
pub(crate) fn copy_attributes(from: &File, to: &File) -> io::Result<()> {
    let (list, inherited) = (names(from)?, names(to)?);
    for name in each(&list) {
        match value(from, name).and_then(|value| set(to, name, &value)) {
            Err(error) if name == ACCESS_LIST => return Err(error),
            _ => {}
        }
    }
    let has_list = |names| each(names).any(|name| name == ACCESS_LIST);
    if has_list(&inherited) && !has_list(&list) { remove(to, ACCESS_LIST) } else { Ok(()) }
}

/// The names in a list of names.
#[cfg(target_os = "linux")]
fn each(list: &[u8]) -> impl Iterator<Item = &CStr> {
    list.split_inclusive(|&byte| byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok())
}

/// As above; elsewhere nothing is copied.
#[cfg(not(target_os = "linux"))]
pub(crate) fn copy_attributes(_: &File, _: &File) -> io::Result<()> {
    Ok(())
}

/// The names of the attributes, each ending with NUL. None at all where the file system has no attributes.
#[cfg(target_os = "linux")]
fn names(file: &File) -> io::Result<Vec<u8>> {
    let list = read(|buffer| {
        // SAFETY: the descriptor is open for the whole call, as `file` is borrowed; the buffer is writable and of the
        // length given, and nothing is written to it when that is 0.
        unsafe { libc::flistxattr(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) }
    });
    match list {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(Vec::new()),
        other => other,
    }
}

#[cfg(target_os = "linux")]
fn value(file: &File, name: &CStr) -> io::Result<Vec<u8>> {
    read(|buffer| {
        // SAFETY: as in `names`; the name ends with NUL and lives across the call.
        unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) }
    })
}

#[cfg(target_os = "linux")]
fn set(file: &File, name: &CStr, value: &[u8]) -> io::Result<()> {
    // SAFETY: the descriptor is open for the whole call; name and value live across it and are only read.
    match unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(target_os = "linux")]
fn remove(file: &File, name: &CStr) -> io::Result<()> {
    // SAFETY: the descriptor is open for the whole call, and the name lives across it.
    match unsafe { libc::fremovexattr(file.as_raw_fd(), name.as_ptr()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Asks how long something is, and then for it, until both agree.
#[cfg(target_os = "linux")]
fn read(ask: impl Fn(&mut [u8]) -> libc::ssize_t) -> io::Result<Vec<u8>> {
    loop {
        let Ok(length) = usize::try_from(ask(&mut [])) else { return Err(io::Error::last_os_error()) };
        if length == 0 {
            return Ok(Vec::new());
        }
        let mut buffer = vec![0; length];
        match usize::try_from(ask(&mut buffer)) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::ERANGE) => {}
                error => return Err(error),
            },
        }
    }
}
