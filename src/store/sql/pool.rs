//! Connections that are kept, and made anew when the server has gone.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::driver::{self, Engine, Link};
use super::settings::Settings;
use super::template::Statement;
use crate::sys::sql::{Failure, Rows};

/// How many connections are kept while nobody uses them.
const IDLE_MAX: usize = 8;

/// The connections to one database.
pub(super) struct Pool {
    idle: Mutex<Idle>,
}

struct Idle {
    /// Whose they are.
    process: u32,
    links: Vec<Box<dyn Link>>,
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
        Pool { idle: Mutex::new(Idle { process: std::process::id(), links: Vec::new() }) }
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
        if let Some(mut link) = self.take() {
            let (result, committing) = lease(&mut *link, settings, &mut work);
            match &result {
                Err(Failure::Lost(_)) if !committing => {
                    // A server that has gone has taken all of them along.
                    drop(link);
                    self.clear();
                }
                Err(Failure::Lost(_) | Failure::Timeout) => return result,
                _ => {
                    self.keep(link);
                    return result;
                }
            }
        }
        let mut link = connect(settings)?;
        let (result, _) = lease(&mut *link, settings, &mut work);
        if !matches!(result, Err(Failure::Lost(_) | Failure::Timeout)) {
            self.keep(link);
        }
        result
    }

    fn take(&self) -> Option<Box<dyn Link>> {
        loop {
            let link = self.idle().links.pop()?;
            if link.can_be_kept() {
                return Some(link);
            }
        }
    }

    fn keep(&self, link: Box<dyn Link>) {
        if !link.can_be_kept() {
            return;
        }
        let mut idle = self.idle();
        if idle.links.len() < IDLE_MAX {
            idle.links.push(link);
        } else {
            drop(idle);
            drop(link);
        }
    }

    fn clear(&self) {
        let links = std::mem::take(&mut self.idle().links);
        drop(links);
    }

    /// What is kept, by this process. A child has its parent's connections, which it may neither use nor end.
    fn idle(&self) -> MutexGuard<'_, Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if idle.process != process {
            idle.process = process;
            std::mem::take(&mut idle.links).into_iter().for_each(std::mem::forget);
        }
        idle
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Those of a parent are forgotten.
        drop(self.idle());
    }
}

fn lease<T>(
    link: &mut dyn Link,
    settings: &Settings,
    work: &mut impl FnMut(&mut Lease<'_>) -> Result<T, Failure>,
) -> (Result<T, Failure>, bool) {
    let mut lease = Lease { link, timeout: settings.timeout, committing: false };
    let result = work(&mut lease);
    (result, lease.committing)
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
