//! What becomes of a user: the names of the properties, and the passwords, which take time, so that all processors take part.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use oxisasl::config::Options;
use oxisasl::identity::Account;
use oxisasl::store::auxprop_sasldb::{SALT_KEY, new_salt_key, value_of, values_of};
use oxisasl::store::migrate::{Source, User};
use oxisasl::store::sasldb::Entry;
use oxisasl::{Error, Result, Secret, Server, ServerParams, ServerSession};

use super::journal::{Fingerprint, Journal, Properties};
use super::progress::Progress;
use super::survey::{PASSWORD, plaintext};
use crate::shown::shown;

/// The names that databases of SASL 1.5 have for the secrets of mechanisms, and what those of 2.1 put before them.
pub const CLASSIC: [&str; 3] = ["PLAIN", "CRAM-MD5", "DIGEST-MD5"];
const PREFIX: &str = "cmusaslsecret";
/// The options that say what is made of a password.
const POLICY: [&str; 3] = ["password_storage", "password_secrets", "scram_iteration_counter"];

/// What is made of users.
pub struct Conversion {
    server: Arc<Server>,
    /// Passwords are hashed, and how many threads do it.
    pub hash: Option<NonZeroUsize>,
    /// The properties of SASL 1.5 get the names that 2.1 has.
    pub rename: bool,
    /// The options that say what is made of a password, for the journal.
    policy: String,
    /// The key for made-up salts, should the database have none.
    salt_key: Secret,
}

/// The records of a user as the new database has them.
pub type Records = BTreeMap<Vec<u8>, Secret>;

impl Conversion {
    /// A conversion as these options say.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(options: impl Options + 'static, hash: Option<NonZeroUsize>, rename: bool) -> Result<Self> {
        let value = |name| options.get(None, name).map(std::borrow::Cow::into_owned);
        let policy = POLICY.map(|name| format!("{name}: {:?}\n", value(name))).concat();
        let server = Arc::new(Server::new("saslmigrate").options(options));
        Ok(Conversion { server, hash, rename, policy, salt_key: new_salt_key()? })
    }

    fn session(&self) -> Result<ServerSession> {
        self.server.session(ServerParams::new("sasldb").fqdn("localhost"))
    }

    /// Hashes one password that is nobody's: what the properties are, how long it took, and whether the options allow it.
    ///
    /// # Errors
    /// Why passwords cannot be hashed.
    pub fn try_out(&self) -> Result<(Vec<&'static str>, Duration)> {
        let account = Account { user: b"nobody".to_vec(), realm: b"localhost".to_vec() };
        let begin = Instant::now();
        let made = self.session()?.secrets_for(&account, &Secret::from("password"))?;
        Ok((made.into_iter().map(|(name, _)| name).collect(), begin.elapsed()))
    }

    /// Stands for a user in the journal.
    #[must_use]
    pub fn fingerprint(&self, journal: &Journal, user: &User) -> Fingerprint {
        journal.fingerprint(&self.policy, user)
    }

    /// What the new database has of a user, given what became of the password, if that was hashed.
    ///
    /// # Errors
    /// [`oxisasl::Code::BadParam`] when a name has become too long.
    pub fn records(&self, user: User, hashed: Option<Properties>) -> Result<Records> {
        let mut records = Records::new();
        let entry = user.entry();
        let marks = entry.as_ref().is_some_and(|entry| entry.user.is_empty() && entry.realm.is_empty());
        for (key, value) in user.records {
            match Entry::of_key(&key).filter(|_| self.rename) {
                Some(entry) if CLASSIC.iter().any(|name| entry.property == name.as_bytes()) => {
                    // That there are secrets of such mechanisms at all is told by entries that 2.1 does not have.
                    if !marks {
                        let property = [PREFIX.as_bytes(), &entry.property].concat();
                        records.insert(Entry { property, ..entry }.key()?, value);
                    }
                }
                _ => drop(records.insert(key, value)),
            }
        }
        if let (Some(entry), Some(properties)) = (entry, hashed) {
            records.remove(&Entry { property: PASSWORD.into(), ..entry.clone() }.key()?);
            for (property, value) in properties {
                records.insert(Entry { property: property.into_bytes(), ..entry.clone() }.key()?, value);
            }
        }
        Ok(records)
    }

    /// The entry that a database with verifiers has beside its users, and a value for it.
    ///
    /// # Errors
    /// None that can happen.
    pub fn salt_key(&self) -> Result<(Vec<u8>, Secret)> {
        let entry = Entry { user: Vec::new(), realm: Vec::new(), property: SALT_KEY.into() };
        Ok((entry.key()?, self.salt_key.clone()))
    }

    /// Hashes the password of one user.
    ///
    /// # Errors
    /// Why it cannot be hashed.
    pub fn hash_one(&self, user: &User, password: &Secret) -> Result<Properties> {
        hashed(&self.session()?, user, password)
    }

    /// Hashes what the journal does not have yet.
    ///
    /// # Errors
    /// Those of the source and of the journal, and why a password cannot be hashed.
    pub fn hash_all(&self, source: &Source, journal: &mut Journal, progress: &mut Progress) -> Result<()> {
        let known = Mutex::new(&mut *journal);
        let users = source.users()?.filter_map(|user| {
            let user = match user {
                Ok(user) => user,
                Err(error) => return Some(Err(error)),
            };
            let password = plaintext(&user)?;
            let journal = known.lock().unwrap_or_else(PoisonError::into_inner);
            let fingerprint = journal.fingerprint(&self.policy, &user);
            (!journal.has(&fingerprint)).then_some(Ok((fingerprint, user, password)))
        });
        let work = |session: &ServerSession, (fingerprint, user, password): (Fingerprint, User, Secret)| {
            Ok((fingerprint, hashed(session, &user, &password)?))
        };
        self.in_parallel(users, work, |(fingerprint, properties)| {
            let done = known.lock().unwrap_or_else(PoisonError::into_inner).put(fingerprint, &properties);
            progress.step();
            done
        })
    }

    /// Hashes passwords again, and sees whether what the new database has is of them.
    ///
    /// # Errors
    /// Those of `pairs`; with the user, what is not of the password.
    pub fn check_all(
        &self,
        pairs: impl Iterator<Item = Result<(User, Secret, Properties)>> + Send,
        progress: &mut Progress,
    ) -> Result<()> {
        let work = |session: &ServerSession, (user, password, properties): (User, Secret, Properties)| {
            let account = account(&user)?;
            for (property, value) in properties {
                let values = values_of(&property, &value);
                if !session.are_secrets_of(&account, &password, &property, &values) {
                    return Err(Error::fail(format!("{property} of {} is not of the password", name(&account))));
                }
            }
            Ok(())
        };
        self.in_parallel(pairs, work, |()| {
            progress.step();
            Ok(())
        })
    }

    /// Works on items with all threads, each with a session of its own; what comes of them is taken in any order. The first
    /// failure ends it.
    fn in_parallel<I: Send, O: Send>(
        &self,
        items: impl Iterator<Item = Result<I>> + Send,
        work: impl Fn(&ServerSession, I) -> Result<O> + Sync,
        mut take: impl FnMut(O) -> Result<()>,
    ) -> Result<()> {
        let items = Mutex::new(items);
        let stopped = AtomicBool::new(false);
        let next = || {
            let item = items.lock().unwrap_or_else(PoisonError::into_inner).next();
            item.filter(|_| !stopped.load(Ordering::Relaxed))
        };
        let (sender, results) = mpsc::sync_channel(64);
        thread::scope(|scope| {
            for _ in 0..self.hash.map_or(1, NonZeroUsize::get) {
                let sender = sender.clone();
                let (next, work) = (&next, &work);
                scope.spawn(move || {
                    let session = match self.session() {
                        Ok(session) => session,
                        Err(error) => return drop(sender.send(Err(error))),
                    };
                    while let Some(item) = next() {
                        let result = item.and_then(|item| work(&session, item));
                        // Nobody listens any more after a failure.
                        if sender.send(result).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for result in &results {
                if let Err(error) = result.and_then(&mut take) {
                    stopped.store(true, Ordering::Relaxed);
                    drop(results);
                    return Err(error);
                }
            }
            Ok(())
        })
    }
}

fn hashed(session: &ServerSession, user: &User, password: &Secret) -> Result<Properties> {
    let account = account(user)?;
    let made = session.secrets_for(&account, password).map_err(|error| {
        Error::new(error.code(), format!("the password of {} cannot be hashed: {}", name(&account), error.detail()))
    })?;
    Ok(made.iter().filter_map(|(name, values)| Some(((*name).to_owned(), value_of(name, values)?))).collect())
}

fn account(user: &User) -> Result<Account> {
    match user.entry() {
        Some(Entry { user, realm, .. }) => Ok(Account { user, realm }),
        None => Err(Error::fail("a key that is of no user")),
    }
}

fn name(account: &Account) -> String {
    format!("{}@{}", shown(&account.user), shown(&account.realm))
}

#[cfg(test)]
mod tests {
    use oxisasl::config::ConfigFile;

    use super::*;
    use crate::migrate::progress::Shown;

    #[test]
    fn a_secret_that_is_not_of_the_password_is_noticed() {
        let options = ConfigFile::parse("x.conf".as_ref(), b"scram_iteration_counter: 2\n").unwrap();
        let conversion = Conversion::new(options, NonZeroUsize::new(2), false).unwrap();
        let user = || User { records: vec![(b"tim\0r\0userPassword".to_vec(), Secret::from("right"))] };
        let right = conversion.hash_one(&user(), &Secret::from("right")).unwrap();
        let wrong = conversion.hash_one(&user(), &Secret::from("wrong")).unwrap();
        assert_eq!(right.len(), 3);
        let check = |properties: Properties| {
            let pairs = std::iter::once(Ok((user(), Secret::from("right"), properties)));
            conversion.check_all(pairs, &mut Progress::new(Shown::Nowhere, "verifying", 1))
        };
        check(right.clone()).unwrap();
        for (property, value) in wrong {
            let mut properties = right.clone();
            properties.retain(|(name, _)| *name != property);
            properties.push((property.clone(), value));
            assert!(check(properties).unwrap_err().detail().contains(&format!("{property} of tim@r")));
        }
        // One of several is enough to be noticed, and so is none.
        let (_, verifiers) = &right[0];
        let broken = [verifiers.expose(), b"\nSCRAM-SHA-1$x"].concat();
        for value in [&broken[..], b""] {
            assert!(check(vec![("authPassword".to_owned(), Secret::from(value))]).is_err());
        }
    }

    #[test]
    fn a_failure_ends_the_work_of_all_threads() {
        let conversion = Conversion::new(None::<ConfigFile>, NonZeroUsize::new(4), false).unwrap();
        let mut taken = 0_u64;
        let work =
            |_: &ServerSession, number: u64| if number == 100 { Err(Error::fail("the end")) } else { Ok(number) };
        let done = conversion.in_parallel((0_u64..).map(Ok), work, |_| {
            taken += 1;
            Ok(())
        });
        assert_eq!(done.unwrap_err().detail(), "the end");
        assert!(taken >= 1);
    }
}
