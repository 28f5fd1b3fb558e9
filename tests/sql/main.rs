//! `auxprop_plugin: sql` on real databases: PostgreSQL, MariaDB and SQLite.

#[path = "../rig/mod.rs"]
mod rig;

#[path = "../support/application.rs"]
mod application;

mod hostile;
mod logins;
mod outage;
mod server;
mod stock;
