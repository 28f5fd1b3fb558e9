//! The plugins that are known by the names of their files, and what an administrator prefers.

use std::borrow::Cow;
use std::cell::OnceCell;

use oxisasl::config::Options;
use oxisasl::mech::BUILTIN;

/// Mechanisms that nobody has asked for yet: no reason to open a file, unless an administrator names them.
const UNUSED: &[&str] = &["GS2-IAKERB"];

/// The stores that are built in.
const STORES: &[&str] = &["sasldb", "sql", "ldapdb"];

/// A plugin that distributions ship.
pub struct Known {
    /// Its name: that of its file.
    name: &'static str,
    /// The mechanisms and stores that it has.
    has: &'static [&'static str],
    /// The options of which one must be set, or the plugin is of no use and says so.
    needs: &'static [&'static str],
}

const fn known(name: &'static str, has: &'static [&'static str]) -> Known {
    Known { name, has, needs: &[] }
}

const KNOWN: &[Known] = &[
    known("anonymous", &["ANONYMOUS"]),
    known("crammd5", &["CRAM-MD5"]),
    known("digestmd5", &["DIGEST-MD5"]),
    known("gs2", &["GS2-KRB5", "GS2-IAKERB"]),
    known("gssapiv2", &["GSSAPI", "GSS-SPNEGO"]),
    Known { name: "ldapdb", has: &["ldapdb"], needs: &["ldapdb_uri"] },
    known("login", &["LOGIN"]),
    known("ntlm", &["NTLM"]),
    known("otp", &["OTP"]),
    known("plain", &["PLAIN"]),
    known("sasldb", &["sasldb"]),
    known("scram", &["SCRAM-SHA-1", "SCRAM-SHA-224", "SCRAM-SHA-256", "SCRAM-SHA-384", "SCRAM-SHA-512"]),
    Known { name: "sql", has: &["sql"], needs: &["sql_select", "sql_statement"] },
];

/// What the option `prefer_plugins` names: mechanisms and stores for which a plugin is used although they are built in.
/// The option is asked for when it matters.
pub struct Preferred<'a> {
    options: &'a dyn Options,
    list: OnceCell<Option<String>>,
}

impl<'a> Preferred<'a> {
    /// What an administrator says.
    pub fn of(options: &'a dyn Options) -> Self {
        Preferred { options, list: OnceCell::new() }
    }

    /// Whether a plugin is preferred for a mechanism or a store.
    pub fn has(&self, name: &str) -> bool {
        let list = self.list.get_or_init(|| self.options.get(None, "prefer_plugins").map(Cow::into_owned));
        let named = |word: &str| word.eq_ignore_ascii_case("all") || word.eq_ignore_ascii_case(name);
        list.as_deref().is_some_and(|list| list.split_ascii_whitespace().any(named))
    }

    /// Why a file need not be opened; `None` when it must be.
    pub fn needless(&self, plugin: &str) -> Option<String> {
        let known = KNOWN.iter().find(|known| known.name == plugin)?;
        let here: Vec<&str> = known.has.iter().copied().filter(|part| !UNUSED.contains(part)).collect();
        if here.iter().all(|part| is_built_in(part)) && !known.has.iter().any(|part| self.has(part)) {
            return Some(format!("what it has is built in ({})", here.join(", ")));
        }
        if !known.needs.is_empty() && known.needs.iter().all(|option| self.options.get(None, option).is_none()) {
            return Some(format!("{} is not set", known.needs.join(" or ")));
        }
        None
    }
}

/// Whether a mechanism or store is built in.
fn is_built_in(name: &str) -> bool {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    BUILTIN.iter().any(|mechanism| same(&mechanism.info().name)) || STORES.iter().any(|store| same(store))
}
