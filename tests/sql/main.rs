//! `auxprop_plugin: sql` on real databases: PostgreSQL, MariaDB and SQLite.

#[path = "../rig/mod.rs"]
mod rig;

#[path = "../support/application.rs"]
mod application;
mod corpus;
mod hostile;
mod keys;
mod logins;
mod outage;
mod server;
mod stock;
