//! A limit on the time that reading and writing take, below TLS: libldap waits without end for the rest of a message, and
//! of a handshake.

use std::ffi::{c_int, c_long, c_short, c_ulong, c_void};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Functions;
use super::sockbuf::{Descriptor, Io, LEVEL_BELOW_TLS, close, failed};
use crate::sys::sql::wait_for;

/// Until when there may be input and output. Who has it may change it.
#[derive(Clone)]
pub(super) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(super) fn new() -> Self {
        Deadline(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn set(&self, at: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    pub(super) fn get(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const GET_DESCRIPTOR: c_int = 1;

static IO: Io = Io { setup, remove, ctrl, read, write, close };

struct Watch {
    ldap: &'static Functions,
    deadline: Deadline,
}

/// Watches a connection, which need not be made yet.
pub(super) fn install(ldap: &'static Functions, sockbuf: *mut c_void, deadline: Deadline) -> bool {
    let watch = Box::into_raw(Box::new(Watch { ldap, deadline }));
    // SAFETY: the connection is this one's own. The table is good for as long as this code is, and `setup` takes the watch
    // over.
    let added = unsafe { (ldap.add_io)(sockbuf, (&raw const IO).cast(), LEVEL_BELOW_TLS, watch.cast()) } == 0;
    if !added {
        // SAFETY: nobody has taken it over.
        drop(unsafe { Box::from_raw(watch) });
    }
    added
}

unsafe extern "C" fn setup(descriptor: *mut Descriptor, watch: *mut c_void) -> c_int {
    // SAFETY: liblber gives the descriptor that it has made.
    unsafe { (*descriptor).private = watch };
    0
}

unsafe extern "C" fn remove(descriptor: *mut Descriptor) -> c_int {
    // SAFETY: the descriptor has the watch that `setup` put there, which goes with it.
    unsafe {
        drop(Box::from_raw((*descriptor).private.cast::<Watch>()));
        (*descriptor).private = std::ptr::null_mut();
    }
    0
}

unsafe extern "C" fn ctrl(descriptor: *mut Descriptor, option: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: liblber gives the descriptor of this level, below which there is another once there is a connection.
    unsafe {
        match (*descriptor).next.as_mut() {
            Some(next) => ((*next.io).ctrl)(next, option, argument),
            None => 0,
        }
    }
}

unsafe extern "C" fn read(descriptor: *mut Descriptor, buffer: *mut c_void, length: c_ulong) -> c_long {
    // SAFETY: as in `ctrl`; the buffer has this length.
    unsafe {
        if !wait(descriptor, libc::POLLIN) {
            return failed(libc::ETIMEDOUT);
        }
        let next = (*descriptor).next;
        ((*(*next).io).read)(next, buffer, length)
    }
}

unsafe extern "C" fn write(descriptor: *mut Descriptor, buffer: *mut c_void, length: c_ulong) -> c_long {
    // SAFETY: as in `read`.
    unsafe {
        if !wait(descriptor, libc::POLLOUT) {
            return failed(libc::ETIMEDOUT);
        }
        let next = (*descriptor).next;
        ((*(*next).io).write)(next, buffer, length)
    }
}

/// Waits until the connection is ready; whether it was in time.
///
/// # Safety
/// The descriptor is that of a watch.
unsafe fn wait(descriptor: *mut Descriptor, events: c_short) -> bool {
    let mut number: c_int = -1;
    // SAFETY: by this function's contract; the option is an int.
    let watch = unsafe {
        let watch = &*(*descriptor).private.cast::<Watch>();
        (watch.ldap.sockbuf_ctrl)((*descriptor).sockbuf, GET_DESCRIPTOR, (&raw mut number).cast());
        watch
    };
    // What else there is to say of the descriptor, reading and writing will.
    !matches!(wait_for(number, events, watch.deadline.get()), Err(crate::sys::sql::Failure::Timeout))
}
