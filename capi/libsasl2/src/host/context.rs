//! A plugin's data of one exchange, which live as long as the mechanism, its security layer or the connection need them.

use std::ptr::null_mut;
use std::sync::Arc;

use super::plug::Data;
use super::{client, server};
use crate::conn::Conn;
use crate::utils::Utils;

/// Whose data they are.
pub enum Owner {
    Server(Arc<server::Registered>),
    Client(Arc<client::Registered>),
}

/// What `mech_new` made.
pub struct Context {
    owner: Owner,
    data: Data,
    utils: *const Utils,
}

// SAFETY: a connection's mechanism, layer and host move between threads together, and are used by one at a time.
unsafe impl Send for Context {}
// SAFETY: as for `Send`.
unsafe impl Sync for Context {}

impl Context {
    /// Data that the plugin made for a connection, which must outlive them.
    pub fn new(owner: Owner, data: Data, conn: &Conn) -> Arc<Self> {
        Arc::new(Context { owner, data, utils: conn.host().utils() })
    }

    /// The data.
    pub fn data(&self) -> Data {
        self.data
    }

    /// The name of the mechanism.
    pub fn name(&self) -> &str {
        match &self.owner {
            Owner::Server(plugin) => &plugin.info.name,
            Owner::Client(plugin) => &plugin.info.name,
        }
    }

    /// Lets the plugin use idle time; whether it did something.
    pub fn idle(&self, conn: &Conn) -> bool {
        let status = match &self.owner {
            Owner::Server(plugin) => {
                let (plug, params) = (plugin.plug(), conn.host().server_params(conn).unwrap_or(null_mut()));
                // SAFETY: the plugin is given its own data, and parameters that live with the connection.
                plug.idle.map(|idle| unsafe { idle(plug.glob_context, self.data, params) })
            }
            Owner::Client(plugin) => {
                let (plug, params) = (plugin.plug(), conn.host().client_params(conn).unwrap_or(null_mut()));
                // SAFETY: as for a server's.
                plug.idle.map(|idle| unsafe { idle(plug.glob_context, self.data, params) })
            }
        };
        status.is_some_and(|status| status != 0)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let dispose = match &self.owner {
            Owner::Server(plugin) => plugin.plug().mech_dispose,
            Owner::Client(plugin) => plugin.plug().mech_dispose,
        };
        if let Some(dispose) = dispose {
            // SAFETY: the data are the plugin's and go once; the table is the connection's, which is still there.
            unsafe { dispose(self.data, self.utils) };
        }
    }
}
