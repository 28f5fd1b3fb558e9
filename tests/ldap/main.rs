//! `auxprop_plugin: ldapdb` and `pwcheck_method: ldap` on Debian's slapd.

#[path = "../support/cc.rs"]
mod cc;
#[path = "../rig/mod.rs"]
mod rig;

#[path = "../support/application.rs"]
mod application;
mod bind;
mod directory;
mod encrypted;
mod hostile;
mod logins;
mod outage;
mod process;
mod stock;
