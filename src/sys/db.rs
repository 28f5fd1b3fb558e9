//! What the password database needs: reserving room for a file, and two calls of LMDB that the `lmdb-rs` crate does not
//! offer.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use lmdb_rs::Environment;

mod ffi {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        /// Part of the LMDB that `lmdb-rs` links: frees reader slots whose process is gone.
        pub(super) fn mdb_reader_check(env: *mut c_void, dead: *mut c_int) -> c_int;
        /// Likewise: the descriptor that data is written to.
        pub(super) fn mdb_env_get_fd(env: *mut c_void, descriptor: *mut c_int) -> c_int;
    }
}

/// Makes sure that the first `length` bytes of a file exist on disk, keeping what is in them. A file that is mapped
/// into memory needs this: touching a hole in it when the disk is full kills the process.
///
/// # Errors
/// Those of fallocate(2). File systems that cannot reserve room are not an error.
#[cfg(target_os = "linux")]
pub(crate) fn reserve(file: &File, length: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    let length = libc::off_t::try_from(length).map_err(io::Error::other)?;
    loop {
        // SAFETY: the descriptor is open for the whole call, as `file` is borrowed; no memory is passed.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return Ok(()),
            _ => return Err(error),
        }
    }
}

/// As above; here the file is only made long enough.
#[cfg(not(target_os = "linux"))]
pub(crate) fn reserve(file: &File, length: u64) -> io::Result<()> {
    if file.metadata()?.len() < length { file.set_len(length) } else { Ok(()) }
}

/// Frees the reader slots of processes that died while they were reading.
///
/// # Errors
/// LMDB's.
pub(crate) fn free_dead_readers(env: &Environment) -> lmdb_rs::Result<()> {
    let mut dead = 0;
    // SAFETY: the pointer is that of an open environment, which the borrow keeps open, and `dead` is a valid int.
    // LMDB takes its own lock over the reader table, so other threads may read and write meanwhile.
    match unsafe { ffi::mdb_reader_check(env.env().cast(), &raw mut dead) } {
        0 => Ok(()),
        code => Err(lmdb_rs::Error::from_err_code(code)),
    }
}

/// Device and inode of the file that an environment would write to. A process that closes descriptors which it does not
/// know may have put another file in their place.
///
/// # Errors
/// Those of fstat(2), above all that the descriptor is closed.
pub(crate) fn written_file(env: &Environment) -> io::Result<(u64, u64)> {
    use std::os::fd::BorrowedFd;

    let mut descriptor = -1;
    // SAFETY: the pointer is that of an open environment, which the borrow keeps open, and `descriptor` a valid int.
    if unsafe { ffi::mdb_env_get_fd(env.env().cast(), &raw mut descriptor) } != 0 || descriptor < 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: the descriptor is not -1. It may have been closed by the host program, which dup(2) below reports; it is
    // not used for anything else, and this copy is not closed with it.
    let copy = unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()?;
    let metadata = File::from(copy).metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}
