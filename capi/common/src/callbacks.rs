//! The application's callback lists.

use std::ffi::{c_int, c_ulong, c_void};

/// One entry of a list (`sasl_callback_t`); the last has the id 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Callback {
    /// Which callback.
    pub id: c_ulong,
    /// The function; its real type depends on the id. `None` where the application wants to be asked through
    /// `SASL_INTERACT`.
    pub proc: Option<unsafe extern "C" fn() -> c_int>,
    /// What the application wants to be given with the call.
    pub context: *mut c_void,
}

/// A callback that was found: the function and its context.
pub type Found = (Option<unsafe extern "C" fn() -> c_int>, *mut c_void);

/// A list of callbacks that belongs to the application, which keeps it as it is for as long as the interface says.
#[derive(Clone, Copy)]
pub struct List(*const Callback);

// SAFETY: the list is only read, and the application may not change it while the library has it.
unsafe impl Send for List {}
// SAFETY: as for `Send`.
unsafe impl Sync for List {}

impl List {
    /// No callback.
    pub const NONE: List = List(std::ptr::null());

    /// A list as C hands it over; NULL is an empty one.
    ///
    /// # Safety
    /// `first` is NULL or points to entries of which the last has the id 0, and they stay valid while this is used.
    #[must_use]
    pub const unsafe fn new(first: *const Callback) -> Self {
        List(first)
    }

    /// The entries.
    pub fn iter(self) -> impl Iterator<Item = Callback> {
        let mut next = self.0;
        std::iter::from_fn(move || {
            if next.is_null() {
                return None;
            }
            // SAFETY: by the contract of `new` this is an entry, and the one with the id 0 ends the list.
            let entry = unsafe { *next };
            if entry.id == 0 {
                return None;
            }
            // SAFETY: an entry with another id is followed by one more.
            next = unsafe { next.add(1) };
            Some(entry)
        })
    }

    /// The first entry with an id.
    #[must_use]
    pub fn find(self, id: c_ulong) -> Option<Found> {
        self.iter().find(|entry| entry.id == id).map(|entry| (entry.proc, entry.context))
    }
}
