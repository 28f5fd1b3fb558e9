//! Work on connections to a database.

use std::time::{Duration, Instant};

use super::driver::{self, Engine, Link};
use super::settings::Settings;
use super::template::Statement;
use crate::pool::{self, After};
use crate::sys::sql::{Failure, Rows};

/// The connections to one database.
pub(super) struct Pool(pool::Pool<Box<dyn Link>>);

impl pool::Link for Box<dyn Link> {
    fn can_be_kept(&self) -> bool {
        (**self).can_be_kept()
    }
}

/// A connection in use.
pub(super) struct Lease<'a> {
    link: &'a mut dyn Link,
    timeout: Duration,
    /// Whether what was asked for may have been done, though no answer came.
    committing: bool,
}

impl Lease<'_> {
    /// Runs a statement.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) fn run(&mut self, statement: &Statement<'_>) -> Result<Rows, Failure> {
        self.link.run(statement, Instant::now() + self.timeout)
    }

    /// Runs a statement without parameters that has no answer.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) fn command(&mut self, text: &str) -> Result<(), Failure> {
        self.link.command(text, Instant::now() + self.timeout)
    }

    /// Runs `work` as one: all of it, or nothing.
    ///
    /// # Errors
    /// That of the work, or of the database.
    pub(super) fn transaction<T>(
        &mut self,
        engine: Engine,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.command(engine.begin())?;
        match work(self) {
            Ok(done) => {
                self.committing = true;
                self.command("COMMIT")?;
                self.committing = false;
                Ok(done)
            }
            Err(failure @ (Failure::Lost(_) | Failure::Timeout)) => Err(failure),
            Err(failure) => {
                // Where this fails the transaction may still be open: the connection is not to be used again.
                self.committing = true;
                self.command("ROLLBACK").map_err(|why| Failure::Lost(why.to_string()))?;
                self.committing = false;
                Err(failure)
            }
        }
    }
}

impl Pool {
    pub(super) fn new() -> Self {
        Pool(pool::Pool::new())
    }

    /// Does some work on a connection. When one that was kept turns out to be lost, it is done again on a new one.
    ///
    /// # Errors
    /// That of the work; [`Failure`] when there is no connection to be had.
    pub(super) fn with<T>(
        &self,
        settings: &Settings,
        mut work: impl FnMut(&mut Lease<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.0.with(
            || connect(settings),
            |link| {
                let mut lease = Lease { link: &mut **link, timeout: settings.timeout, committing: false };
                let result = work(&mut lease);
                let after = match &result {
                    Err(Failure::Lost(_)) if !lease.committing => After::Again,
                    Err(Failure::Lost(_) | Failure::Timeout) => After::Drop,
                    _ => After::Keep,
                };
                (result, after)
            },
        )
    }
}

/// A connection to the first host that has one.
fn connect(settings: &Settings) -> Result<Box<dyn Link>, Failure> {
    let mut failures = Vec::new();
    for host in settings.hosts() {
        match driver::open(settings, host, Instant::now() + settings.timeout) {
            Ok(link) => return Ok(link),
            Err(Failure::Missing(why)) => return Err(Failure::Missing(why)),
            Err(failure) if host.is_empty() => failures.push(failure.to_string()),
            Err(failure) => failures.push(format!("{host}: {failure}")),
        }
    }
    Err(Failure::Lost(format!("cannot connect: {}", failures.join("; "))))
}
