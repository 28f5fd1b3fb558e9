//! The stack of input and output that liblber keeps for each connection, as the manual page lber-sockbuf(3) declares it.

use std::ffi::{c_int, c_long, c_ulong, c_void};

/// Between TCP and TLS.
pub(super) const LEVEL_BELOW_TLS: c_int = 15;
/// Above both.
pub(super) const LEVEL_APPLICATION: c_int = 30;

/// `Sockbuf_IO_Desc`.
#[repr(C)]
pub(super) struct Descriptor {
    pub level: c_int,
    pub sockbuf: *mut c_void,
    pub io: *const Io,
    pub private: *mut c_void,
    pub next: *mut Descriptor,
}

/// `Sockbuf_IO`.
#[repr(C)]
pub(super) struct Io {
    pub setup: unsafe extern "C" fn(*mut Descriptor, *mut c_void) -> c_int,
    pub remove: unsafe extern "C" fn(*mut Descriptor) -> c_int,
    pub ctrl: unsafe extern "C" fn(*mut Descriptor, c_int, *mut c_void) -> c_int,
    pub read: unsafe extern "C" fn(*mut Descriptor, *mut c_void, c_ulong) -> c_long,
    pub write: unsafe extern "C" fn(*mut Descriptor, *mut c_void, c_ulong) -> c_long,
    pub close: unsafe extern "C" fn(*mut Descriptor) -> c_int,
}

/// What a level has to do when the connection is closed: nothing.
pub(super) unsafe extern "C" fn close(_: *mut Descriptor) -> c_int {
    0
}

/// What reading and writing answer when they have failed.
pub(super) fn failed(errno: c_int) -> c_long {
    // SAFETY: the C library gives this thread's own.
    unsafe { *libc::__errno_location() = errno };
    -1
}
