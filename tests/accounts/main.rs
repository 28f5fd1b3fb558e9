//! Passwords of the system's accounts, checked by PAM, by the shadow and passwd files and by a pwcheck daemon, in a private
//! `/etc`.

#[path = "../rig/mod.rs"]
mod rig;

mod closed;
mod files;
mod pam;
mod pwcheck;
mod sendmail;

/// SASL_OK and the refusals.
mod code {
    pub const OK: i32 = 0;
    pub const FAIL: i32 = -1;
    pub const NOMECH: i32 = -4;
    pub const BADAUTH: i32 = -13;
    pub const NOUSER: i32 = -20;
}

use rig::base::Library;
use rig::saslauthd::Checked;

/// The library under test, if it can do these things: the stock one has none of them.
fn library() -> Option<Library> {
    let library = Library::under_test();
    if library.is_stock() {
        eprintln!("skipped: the stock library checks no passwords of accounts");
    }
    (!library.is_stock()).then_some(library)
}

/// Panics unless the log has a line with all of these parts.
fn logged(checked: &Checked, parts: &[&str]) {
    let has = |line: &String| parts.iter().all(|part| line.contains(part));
    assert!(checked.log.iter().any(has), "no line with {parts:?} in {checked:?}");
}
