//! The options that exist, for whoever explains or checks a configuration.

/// What an option's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Text,
    /// Anything, and not for others to see.
    Secret,
    /// Yes or no, as [`super::is_yes`] reads it.
    Flag,
    /// A number.
    Number,
    /// Words with blanks between them.
    Words,
    /// Words with blanks between them: password verifiers.
    Verifiers,
    /// `no`, `noplain` or yes.
    Transition,
}

/// An option that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// Which part reads it.
    pub part: &'static str,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it is.
    pub meaning: &'static str,
}

/// The option of this name, in lower case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// The password verifiers that `pwcheck_method` can name.
pub const VERIFIERS: &[&str] =
    &["auxprop", "sasldb", "saslauthd", "authdaemond", "pam", "ldap", "shadow", "passwd", "pwcheck"];

/// The password verifiers that `pwcheck_method` can name in vain: nobody gets in by them. With each the reason, and what to do.
pub const UNAVAILABLE: &[(&str, &str)] = &[
    ("kerberos_v4", "nobody runs Kerberos 4 any more; use pam with pam_krb5, or GSSAPI"),
    ("kerberos_v5", "passwords are not checked with Kerberos 5 here; use pam with pam_krb5, or saslauthd -a kerberos5"),
    ("sia", "this kind of password check exists only on Digital Unix; use pam"),
];

/// Why a verifier is one of those that are named in vain, if it is.
#[must_use]
pub fn unavailable(verifier: &str) -> Option<&'static str> {
    UNAVAILABLE.iter().find(|(name, _)| *name == verifier).map(|(_, reason)| *reason)
}

macro_rules! known {
    ($($part:literal { $($name:literal $kind:ident $default:literal $meaning:literal;)+ })+) => {
        /// All of them, by the part that reads them.
        pub const KNOWN: &[Known] = &[$($(
            Known { name: $name, kind: Kind::$kind, part: $part, default: $default, meaning: $meaning },
        )+)+];
    };
}

known! {
    "core" {
        "pwcheck_method" Verifiers "auxprop" "how plaintext passwords are checked: verifiers, tried in order";
        "auxprop_plugin" Words "all" "the stores that properties of users are read from, in order";
        "auto_transition" Transition "no" "whether a password that another verifier accepted is put into the stores";
        "canon_user_plugin" Text "INTERNAL" "what brings user names into their canonical form";
        "mech_list" Words "all" "the mechanisms that a server offers, in order; auto leaves out those that password_secrets leaves out";
        "client_mech_list" Words "all" "the mechanisms that a client may choose";
        "channel_binding" Text "prefer" "whether channel bindings are used: off, prefer (where there is one) or require";
        "log_level" Number "1" "the level up to which messages are logged, 0 (none) to 7 (passwords too)";
        "plugin_list" Text "" "a file that lists the mechanism plugins, in place of searching for them";
        "prefer_plugins" Words "" "the mechanisms and stores, or all, for which a plugin is used although they are built in";
    }
    "saslauthd" {
        "saslauthd_path" Text "/var/run/saslauthd/mux" "the socket of saslauthd, or the directory that has its mux";
    }
    "saslauthd" {
        "saslauthd_timeout" Number "30" "the seconds that a question to saslauthd may take";
    }
    "authdaemond" {
        "authdaemond_path" Text "/dev/null" "the socket of Courier authdaemond";
        "authdaemon_path" Text "" "another spelling of authdaemond_path";
    }
    "pam" {
        "pam_account" Flag "no" "whether PAM is also asked if the account may be used";
    }
    "pwcheck" {
        "pwcheck_path" Text "/var/pwcheck/pwcheck" "the socket of pwcheck, or the directory that has it";
        "pwcheck_timeout" Number "30" "the seconds that a question to pwcheck may take";
    }
    "stores" {
        "password_storage" Text "hashed" "what is kept of a password: hashed, plaintext or both; Berkeley DB files, stores of plugins and SQL statements without '%p' keep it as it is unless this is set";
        "password_secrets" Words "SCRAM-SHA-256 SCRAM-SHA-1 SCRAM-SHA-512 SCRAM-SHA-384 SCRAM-SHA-224 CRAM-MD5 DIGEST-MD5" "the mechanisms whose secrets are kept of a hashed password";
    }
    "sasldb" {
        "sasldb_path" Text "/etc/sasldb2" "the file of the embedded user database";
        "sasldb_mapsize" Number "10240" "the most that an LMDB database may grow to, in KiB";
        "sasldb_maxreaders" Number "126" "how many may read an LMDB database at once";
    }
    "sql" {
        "sql_engine" Text "mysql" "the database: mysql, pgsql, sqlite or sqlite3";
        "sql_hostnames" Text "" "hosts to connect to, as host:port, with commas between them";
        "sql_user" Text "" "the database's user";
        "sql_passwd" Secret "" "the database's password";
        "sql_database" Text "" "the database's name";
        "sql_select" Text "" "the statement that reads a property: %u user, %r realm, %p property";
        "sql_statement" Text "" "the old name of sql_select";
        "sql_insert" Text "" "the statement that stores a property which is not there: also %v value";
        "sql_update" Text "" "the statement that stores a property which is there: also %v value";
        "sql_usessl" Flag "no" "whether the connection to the database is encrypted";
        "sql_timeout" Number "10" "the seconds that connecting to a host may take, and as many that a statement may";
    }
    "ldapdb" {
        "ldapdb_uri" Text "" "the directory's servers, as URIs";
        "ldapdb_id" Text "" "the identity that binds and acts for the users";
        "ldapdb_pw" Secret "" "its password";
        "ldapdb_mech" Text "" "the mechanism that it binds with; without one the best that the server offers";
        "ldapdb_rc" Text "" "a file of settings, as ldap.conf(5) has them";
        "ldapdb_starttls" Text "" "try or demand: whether TLS is started";
        "ldapdb_canon_attr" Text "" "the attribute that holds a user's canonical name";
        "ldapdb_timeout" Number "5" "the seconds that connecting to a server may take, and as many that an answer may";
    }
    "ldap" {
        "ldap_servers" Text "ldap://localhost/" "the directory's servers, as URIs";
        "ldap_start_tls" Flag "no" "whether TLS is started; without it there is no connection then";
        "ldap_rc" Text "" "a file of settings, as ldap.conf(5) has them";
        "ldap_timeout" Number "5" "the seconds that connecting to a server may take, and as many that an answer may";
        "ldap_bind_dn" Text "" "the entry that searches; without it nobody";
        "ldap_bind_pw" Secret "" "its password";
        "ldap_search_base" Text "" "where the search for a user begins";
        "ldap_scope" Text "sub" "how deep it goes: sub, one or base";
        "ldap_filter" Text "(uid=%u)" "whom it finds: %u user, %U and %d what is before and behind an @ in it, %r realm, %s service";
        "ldap_user_dn" Text "" "the name of a user's entry, where no search is needed";
    }
    "DIGEST-MD5" {
        "digest_weak_ciphers" Flag "yes" "whether the ciphers rc4-40, rc4-56 and des may be used";
        "reauth_timeout" Number "0" "for how many minutes a client may authenticate again in one step";
    }
    "SCRAM" {
        "scram_iteration_counter" Number "4096" "how often the hash is iterated for passwords stored as plaintext";
        "scram_minimum_iterations" Number "4096" "how many iterations a server must ask a client for, at least";
        "scram_salt_key" Secret "" "a long random text from which unknown users' salts are made where the store has no key for it";
        "scram_secret_generate" Flag "no" "whether setting a password stores verifiers for SCRAM";
    }
    "GSSAPI" {
        "keytab" Text "/etc/krb5.keytab" "the file that holds the server's keys";
        "ad_compat" Flag "no" "whether a client that chooses confidentiality names integrity as well";
        "ccache_store" Text "" "the cache that delegated credentials are put into: %u user, %e effective user ID, %p process ID";
        "service_principal" Text "" "the server's name, service@host or service/host@REALM; * takes any for which there is a key";
    }
    "OTP" {
        "otp_mda" Text "md5" "the hash of new one-time passwords: md4, md5 or sha1";
        "opiekeys" Text "/etc/opiekeys" "the file of the opie library";
    }
    "SRP" {
        "srp_mda" Text "sha1" "the hash: md5, sha1 or rmd160";
    }
    "NTLM" {
        "ntlm_server" Text "" "servers that are asked in turn, with commas between them";
        "ntlm_v2" Flag "no" "whether a client sends an NTLMv2 response";
    }
    "KERBEROS_V4" {
        "srvtab" Text "/etc/srvtab" "the file that holds the server's keys";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_there_once_as_files_spell_it() {
        for (position, known) in KNOWN.iter().enumerate() {
            assert_eq!(KNOWN.iter().position(|other| other.name == known.name), Some(position), "{}", known.name);
            assert!(known.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'0'..=b'9')), "{}", known.name);
            assert!(!known.meaning.is_empty());
        }
        assert_eq!(find("mech_list").unwrap().kind, Kind::Words);
        assert_eq!(find("MECH_LIST"), None);
    }
}
