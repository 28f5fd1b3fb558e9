use super::*;
use crate::config::NoOptions;
use crate::ldap::sasl::{Exchange, Login};

/// One who never gets to bind.
struct Nobody;

impl Authenticator for Nobody {
    fn exchange(&self, _: &Login<'_>) -> Result<Box<dyn Exchange>> {
        Err(Error::from(Code::NoMech))
    }
}

#[test]
fn it_is_there_only_when_it_knows_whom_to_ask() {
    let store = Ldapdb::new(Nobody);
    assert!(!store.is_configured(&NoOptions));
    assert!(!store.is_configured(&[("ldapdb_id", "proxy")]));
    assert!(store.is_configured(&[("ldapdb_uri", "ldap://localhost")]));
}

#[test]
fn options_that_are_wrong_are_named() {
    for (option, value) in [
        ("ldapdb_uri", "localhost"),
        ("ldapdb_starttls", "yes"),
        ("ldapdb_starttls", "Demand"),
        ("ldapdb_timeout", "0"),
        ("ldapdb_rc", "/nonexistent/rc"),
        ("ldapdb_rc", "ldaprc"),
        ("ldapdb_canon_attr", "a*"),
    ] {
        let all = [(option, value), ("ldapdb_uri", "ldap://localhost"), ("ldapdb_pw", "hunter2")];
        let error = Ldapdb::new(Nobody).home(&all).err().unwrap_or_else(|| panic!("{option}: {value}"));
        assert_eq!(error.code(), Code::ConfigErr);
        assert!(error.detail().contains(option) && !error.detail().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_directory_is_made_once() {
    let store = Ldapdb::new(Nobody);
    let home = |password| store.home(&[("ldapdb_uri", "ldap://localhost"), ("ldapdb_pw", password)]).unwrap();
    assert!(Arc::ptr_eq(&home("a"), &home("a")));
    assert!(!Arc::ptr_eq(&home("a"), &home("b")));
}

#[test]
fn words_that_mean_something_else_are_no_attributes() {
    for name in ["userPassword", "cmusaslsecretCRAM-MD5", "x"] {
        assert!(is_attribute(name), "{name}");
    }
    for name in ["", "*", "+", "1.1", "-x", "a b", "cn;lang-de", "a\0", "2.5.4.3", "ü"] {
        assert!(!is_attribute(name), "{name}");
    }
}
