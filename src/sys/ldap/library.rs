//! Where `libldap` comes from. It authenticates to nobody here, but it binds to whatever SASL library it finds in the
//! process, and starts that when it begins.

use std::cell::Cell;
use std::ffi::CStr;

use crate::sys::dl::{self, Library};

thread_local! {
    static OPENING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is opening libldap.
pub fn is_opening() -> bool {
    OPENING.get()
}

/// Opens it by `work`, while [`is_opening`] says so.
pub(super) fn opening<T>(work: impl FnOnce() -> T) -> T {
    OPENING.set(true);
    let done = work();
    OPENING.set(false);
    done
}

/// Those of OpenLDAP 2.5 and later, whose functions may be called from any thread.
const SONAMES: [&CStr; 2] = [c"libldap.so.2", c"libldap-2.5.so.0"];
const SASL: &CStr = c"libsasl2.so.2";
/// A function that every SASL library of the C interface has, and that libldap calls.
const SASL_FUNCTION: &CStr = c"sasl_client_init";

/// Opens it: the one that the program has loaded already, or else the system's.
///
/// Where the program runs on another SASL library than `libsasl2.so.2`, with functions of the same names, libldap is opened
/// so that it finds its own first.
///
/// # Errors
/// What the loader says, or why it would not find its own.
pub(super) fn open() -> Result<Library, String> {
    let visible = dl::visible(SASL_FUNCTION);
    let own = Library::loaded(SASL).and_then(|library| library.address(SASL_FUNCTION));
    let is_foreign = visible.is_some() && visible != own;
    if let Some(loaded) = SONAMES.into_iter().find_map(Library::loaded) {
        return if is_foreign {
            Err("libldap is in use by this program, and with another SASL library than libsasl2.so.2".into())
        } else {
            Ok(loaded)
        };
    }
    if is_foreign && has_foreign_allocator() {
        return Err(
            "libldap needs libsasl2.so.2, but this program has another SASL library, and an allocator of its own, \
                    so that the two cannot be kept apart"
                .into(),
        );
    }
    let mut said = String::new();
    for name in SONAMES {
        match if is_foreign { Library::open_apart(name) } else { Library::open(name) } {
            Ok(library) => return Ok(library),
            Err(why) => said = why,
        }
    }
    Err(said)
}

/// Whether memory comes from another place than the system's C library. A library that finds its own functions first would
/// free there what has come from here.
fn has_foreign_allocator() -> bool {
    let system = Library::loaded(c"libc.so.6").and_then(|libc| libc.address(c"malloc"));
    dl::visible(c"malloc") != system
}
