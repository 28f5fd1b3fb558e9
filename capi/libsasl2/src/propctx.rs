//! Property contexts (`prop.h`).

use std::ptr::null;

use oxisasl::props::Props;

use crate::conn::Conn;

/// `struct propctx`.
pub struct PropCtx {
    own: Props,
    conn: *const Conn,
}

impl PropCtx {
    /// That of a connection, which must outlive it.
    pub fn of_connection(conn: &Conn) -> Self {
        PropCtx { own: Props::new(), conn }
    }

    /// Brings what C was shown up to date.
    pub fn refresh(&self) {}
}

const _: *const Conn = null();
