//! `sql_engine: mysql`.

use std::time::Instant;

use super::driver::Link;
use super::settings::Settings;
use super::template::Statement;
use crate::sys::sql::{Failure, Rows};

pub(super) struct Mysql;

impl Mysql {
    pub(super) fn open(_settings: &Settings, _host: &str, _deadline: Instant) -> Result<Self, Failure> {
        Err(Failure::Missing("sql_engine mysql is not built in; use pgsql or sqlite".into()))
    }
}

impl Link for Mysql {
    fn run(&mut self, _: &Statement<'_>, _: Instant) -> Result<Rows, Failure> {
        Err(Failure::Lost(String::new()))
    }

    fn is_usable(&mut self) -> bool {
        false
    }
}
