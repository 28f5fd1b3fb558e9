//! The application's allocator (`sasl_set_alloc`) and mutexes (`sasl_set_mutex`).
//!
//! The library's own memory is Rust's and its own locks are the standard library's. The application's hooks serve what
//! the C side may free itself, and plugins.

use std::ffi::{c_int, c_void};
use std::sync::{PoisonError, RwLock};

/// `malloc`.
pub type Malloc = unsafe extern "C" fn(usize) -> *mut c_void;
/// `calloc`.
pub type Calloc = unsafe extern "C" fn(usize, usize) -> *mut c_void;
/// `realloc`.
pub type Realloc = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;
/// `free`.
pub type Free = unsafe extern "C" fn(*mut c_void);

/// An allocator.
#[derive(Clone, Copy)]
pub struct Allocator {
    /// Allocates.
    pub malloc: Malloc,
    /// Allocates and clears.
    pub calloc: Calloc,
    /// Changes a size.
    pub realloc: Realloc,
    /// Frees.
    pub free: Free,
}

/// A mutex implementation.
#[derive(Clone, Copy)]
pub struct Mutexes {
    /// Makes a mutex.
    pub alloc: unsafe extern "C" fn() -> *mut c_void,
    /// Locks one.
    pub lock: unsafe extern "C" fn(*mut c_void) -> c_int,
    /// Unlocks one.
    pub unlock: unsafe extern "C" fn(*mut c_void) -> c_int,
    /// Frees one.
    pub free: unsafe extern "C" fn(*mut c_void),
}

struct State {
    allocator: Allocator,
    locked: bool,
    mutexes: Mutexes,
}

static STATE: RwLock<State> = RwLock::new(State {
    allocator: Allocator { malloc: libc::malloc, calloc: libc::calloc, realloc: libc::realloc, free: libc::free },
    locked: false,
    mutexes: Mutexes { alloc: mutex_alloc, lock: mutex_lock, unlock: mutex_unlock, free: mutex_free },
});

/// The allocator in force.
#[must_use]
pub fn allocator() -> Allocator {
    STATE.read().unwrap_or_else(PoisonError::into_inner).allocator
}

/// The mutexes in force.
#[must_use]
pub fn mutexes() -> Mutexes {
    STATE.read().unwrap_or_else(PoisonError::into_inner).mutexes
}

/// Takes the application's allocator; only the first one, and only before anything was allocated.
pub fn set_allocator(allocator: Allocator) {
    let mut state = STATE.write().unwrap_or_else(PoisonError::into_inner);
    if !state.locked {
        state.allocator = allocator;
        state.locked = true;
    }
}

/// Takes the application's allocator, whatever was there before.
pub fn replace_allocator(allocator: Allocator) {
    STATE.write().unwrap_or_else(PoisonError::into_inner).allocator = allocator;
}

/// From here on the allocator stays what it is.
pub fn lock_allocator() {
    STATE.write().unwrap_or_else(PoisonError::into_inner).locked = true;
}

/// Takes the application's mutexes.
pub fn set_mutexes(mutexes: Mutexes) {
    STATE.write().unwrap_or_else(PoisonError::into_inner).mutexes = mutexes;
}

extern "C" fn mutex_alloc() -> *mut c_void {
    // SAFETY: memory of the right size and alignment, initialised before it is handed out.
    unsafe {
        let mutex = libc::malloc(size_of::<libc::pthread_mutex_t>()).cast::<libc::pthread_mutex_t>();
        if mutex.is_null() {
            return std::ptr::null_mut();
        }
        if libc::pthread_mutex_init(mutex, std::ptr::null()) != 0 {
            libc::free(mutex.cast());
            return std::ptr::null_mut();
        }
        mutex.cast()
    }
}

unsafe extern "C" fn mutex_lock(mutex: *mut c_void) -> c_int {
    // SAFETY: the caller hands back what `mutex_alloc` gave; NULL is answered with a failure.
    if !mutex.is_null() && unsafe { libc::pthread_mutex_lock(mutex.cast()) } == 0 { 0 } else { -1 }
}

unsafe extern "C" fn mutex_unlock(mutex: *mut c_void) -> c_int {
    // SAFETY: as for `mutex_lock`.
    if !mutex.is_null() && unsafe { libc::pthread_mutex_unlock(mutex.cast()) } == 0 { 0 } else { -1 }
}

unsafe extern "C" fn mutex_free(mutex: *mut c_void) {
    if !mutex.is_null() {
        // SAFETY: as for `mutex_lock`; the caller does not use it again.
        unsafe {
            libc::pthread_mutex_destroy(mutex.cast());
            libc::free(mutex);
        }
    }
}
