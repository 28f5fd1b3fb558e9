//! Passwords in a directory: read from it (`auxprop_plugin: ldapdb`), and compared by it (`pwcheck_method: ldap`).

use std::fmt::Write as _;
use std::sync::Arc;

use oxisasl::b64;
use oxisasl::{Client, Server};

use crate::attempt::{BackEnd, State};
use crate::rig::base::{Library, repository};
use crate::rig::slapd::{Settings, Slapd};
use crate::stores::{ALL, Account, REMOVED, SECRET, accounts, options};

/// Who reads for the others.
const PROXY: &str = "dn: uid=proxy,ou=people,dc=rig,dc=test
objectClass: inetOrgPerson
uid: proxy
cn: Proxy
sn: P
userPassword: proxypw
authzTo: dn.regex:^uid=[^,]*,ou=people,dc=rig,dc=test$

";

struct Directory {
    slapd: Slapd,
    text: String,
    accounts: Vec<Account>,
    mechanisms: &'static [&'static str],
}

impl BackEnd for Directory {
    fn server(&self) -> Arc<Server> {
        let server = Server::new("test").store(Client::new().ldapdb());
        Arc::new(server.options(options(&self.text)))
    }

    fn good(&self) -> Vec<&'static str> {
        self.names(None)
    }

    fn users(&self, state: State) -> Vec<&'static str> {
        if state == State::Unknown { vec!["nobody", "goo"] } else { self.names(Some(state)) }
    }

    fn mechanisms(&self) -> &'static [&'static str] {
        self.mechanisms
    }

    /// The attribute is compared so (RFC 4519 section 2.39).
    fn folds_case(&self) -> bool {
        true
    }

    fn stop(&mut self) {
        self.slapd.kill();
    }
}

impl Directory {
    /// A directory with these accounts, and the options that ask it.
    fn start(accounts: Vec<Account>, mechanisms: &'static [&'static str], text: impl Fn(&str) -> String) -> Box<Self> {
        let mut entries = PROXY.to_owned();
        for Account(user, _, property, value) in &accounts {
            let _ = write!(
                entries,
                "dn: uid={user},ou=people,dc=rig,dc=test\nobjectClass: inetOrgPerson\nobjectClass: authPasswordObject\n\
                 objectClass: saslSecretsObject\nuid: {user}\ncn: X\nsn: X\n{property}:: {}\n\n",
                b64::encode(value),
            );
        }
        let global = format!("include {}", repository("docs/ldap.schema").display());
        let settings = Settings { global: &global, entries: &entries, ..Settings::default() };
        let slapd = Slapd::start(&Library::stock(), &settings, |_| ());
        let text = text(&format!("ldap://127.0.0.1:{}", slapd.port));
        Box::new(Directory { slapd, text, accounts, mechanisms })
    }

    fn names(&self, state: Option<State>) -> Vec<&'static str> {
        self.accounts.iter().filter(|account| account.1 == state).map(|account| account.0).collect()
    }
}

/// What can be in a directory: no empty value, and nobody whom `sasl_setpass` has disabled.
fn entries() -> Vec<Account> {
    let mut all = accounts();
    all.retain(|Account(user, _, _, value)| !value.is_empty() && *user != REMOVED);
    all
}

pub fn store(method: &'static str) -> Box<dyn BackEnd> {
    Directory::start(entries(), ALL, |uri| {
        format!(
            "pwcheck_method: {method}\nauxprop_plugin: ldapdb\nldapdb_uri: {uri}\nldapdb_id: proxy\nldapdb_pw: proxypw\n\
             ldapdb_mech: SCRAM-SHA-256\nldapdb_timeout: 3\n"
        )
    })
}

/// The directory knows passwords and hashes of its own schemes.
pub fn bind(method: &'static str) -> Box<dyn BackEnd> {
    let mut all = entries();
    all.retain(|Account(user, state, property, _)| *property == SECRET && (state.is_some() || *user == "good"));
    all.push(Account("without", Some(State::NoSecret), "description", b"x".to_vec()));
    Directory::start(all, &[], |uri| {
        format!(
            "pwcheck_method: {method}\nldap_servers: {uri}\nldap_search_base: ou=people,dc=rig,dc=test\n\
             ldap_bind_dn: uid=proxy,ou=people,dc=rig,dc=test\nldap_bind_pw: proxypw\nldap_timeout: 3\n"
        )
    })
}
