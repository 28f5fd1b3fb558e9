//! TLS: what is demanded of the server, and what is done when it is not there.

use oxisasl::Code;

use crate::application::{Application, PASSWORD};
use crate::bind;
use crate::directory::{PEOPLE, options, options_at, start};
use crate::rig::base::{Library, TempDir};
use crate::rig::sendmail::{authority, certify};
use crate::rig::slapd::{Settings, Slapd};

/// A directory with a certificate for this host.
fn with_certificate(host: &str) -> Slapd {
    let global = "TLSCertificateFile @DIR@/own.pem\nTLSCertificateKeyFile @DIR@/own.pem\n";
    let settings = Settings { global, entries: PEOPLE, ..Settings::default() };
    Slapd::start(&Library::stock(), &settings, |sandbox| certify(&authority(), sandbox.dir.path(), host, "own"))
}

/// A file of settings that trusts the authority, and says more.
fn rc(dir: &TempDir, more: &str) -> String {
    dir.write("ldaprc", format!("TLS_CACERT {}\n{more}", authority().join("ca.pem").display())).display().to_string()
}

#[test]
fn a_demand_is_one() {
    let dir = TempDir::new("tls");
    let (good, other, plain) = (with_certificate("127.0.0.1"), with_certificate("other.example"), start());
    let trusting = format!("ldapdb_rc: {}\n", rc(&dir, "TLS_REQCERT demand\n"));
    let encrypted = |slapd: &Slapd| slapd.output().contains("TLS established");

    let login = |options: String| Application::new(&options).login("PLAIN", "alice", PASSWORD);
    let demand = "ldapdb_starttls: demand\n";
    let kept = Application::new(&(options(&good) + demand + &trusting));
    (0..5).for_each(|_| kept.login("PLAIN", "alice", PASSWORD).unwrap());
    assert_eq!(good.output().matches("TLS established").count(), 1, "the connection is kept");
    login(options(&good) + demand + &trusting).unwrap();
    assert!(encrypted(&good));

    // A certificate for another host, one of an unknown authority, and no TLS at all.
    for (options, what) in [
        (options(&other) + demand + &trusting, "StartTLS"),
        (options(&good) + demand, "StartTLS"),
        (options(&plain) + demand + &trusting, "unsupported extended operation"),
    ] {
        let error = login(options).unwrap_err();
        assert_eq!(error.code(), Code::Fail, "{error:?}");
        assert!(error.detail().contains(what), "{error}");
    }
    assert!(!plain.output().contains(" BIND dn"), "nobody binds without TLS");
    assert!(!other.output().contains(" BIND dn"), "nobody binds to another host");

    // What the file says counts.
    let lenient = TempDir::new("tls");
    login(options(&other) + demand + &format!("ldapdb_rc: {}\n", rc(&lenient, "TLS_REQCERT never\n"))).unwrap();
    assert!(encrypted(&other));
    let odd = TempDir::new("tls");
    let error =
        login(options(&good) + demand + &format!("ldapdb_rc: {}\n", rc(&odd, "TLS_REQCERT soon\n"))).unwrap_err();
    assert!(error.code() == Code::ConfigErr && error.detail().contains("line 2"), "{error}");
    let missing = dir.write("missing", "TLS_CACERT /nonexistent/ca.pem\n").display().to_string();
    let error = login(options(&good) + demand + &format!("ldapdb_rc: {missing}\n")).unwrap_err();
    assert!(error.code() == Code::Fail && error.detail().contains("setting"), "{error}");
}

/// To try is to go on without where the server has none.
#[test]
fn a_try_is_one() {
    let dir = TempDir::new("tls");
    let trusting = format!("ldapdb_starttls: try\nldapdb_rc: {}\n", rc(&dir, ""));
    for (slapd, encrypted) in [(with_certificate("127.0.0.1"), true), (start(), false)] {
        Application::new(&(options(&slapd) + &trusting)).login("PLAIN", "alice", PASSWORD).unwrap();
        let output = slapd.output();
        let bound = output.lines().find(|line| line.contains("mech=SCRAM-SHA-256")).unwrap();
        assert_eq!(!bound.ends_with(" ssf=0"), encrypted, "{output}");
    }
    // One that has, and is not to be trusted, is not gone on with.
    let other = with_certificate("other.example");
    let error = Application::new(&(options(&other) + &trusting)).login("PLAIN", "alice", PASSWORD).unwrap_err();
    assert!(error.code() == Code::Fail && error.detail().contains("StartTLS"), "{error}");
    assert!(!other.output().contains(" BIND dn"), "nobody binds to another host");
    let error = Application::new(&(options(&start()) + "ldapdb_starttls: yes\n"))
        .login("PLAIN", "alice", PASSWORD)
        .unwrap_err();
    assert!(error.code() == Code::ConfigErr && error.detail().contains("ldapdb_starttls"), "{error}");
}

#[test]
fn ldaps_is_encrypted_from_the_first_byte_on() {
    let dir = TempDir::new("tls");
    let slapd = with_certificate("127.0.0.1");
    let at = |host: &str| options_at(&format!("ldaps://{host}:{}", slapd.tls_port));
    let trusting = format!("ldapdb_rc: {}\n", rc(&dir, ""));
    Application::new(&(at("127.0.0.1") + &trusting)).login("PLAIN", "alice", PASSWORD).unwrap();
    // Within TLS a mechanism may show the password; without it does not.
    let plain = |options: String| options.replace("SCRAM-SHA-256", "PLAIN");
    let global = "sasl-secprops none\nTLSCertificateFile @DIR@/own.pem\nTLSCertificateKeyFile @DIR@/own.pem\n";
    let settings = Settings { global, entries: PEOPLE, ..Settings::default() };
    let open = Slapd::start(&Library::stock(), &settings, |sandbox| {
        certify(&authority(), sandbox.dir.path(), "127.0.0.1", "own");
    });
    let uris = [format!("ldaps://127.0.0.1:{}", open.tls_port), format!("ldap://127.0.0.1:{}", open.port)];
    Application::new(&(plain(options_at(&uris[0])) + &trusting)).login("PLAIN", "alice", PASSWORD).unwrap();
    let clear = plain(options_at(&uris[1]));
    let error = Application::new(&clear).login("PLAIN", "alice", PASSWORD).unwrap_err();
    assert!(error.code() == Code::Fail && error.detail().contains("PLAIN"), "{error}");
    // Unless the file says that it may.
    let careless = TempDir::new("tls");
    let none = format!("ldapdb_rc: {}\n", rc(&careless, "SASL_SECPROPS none\n"));
    Application::new(&(clear + &none)).login("PLAIN", "alice", PASSWORD).unwrap();
    for bad in [at("127.0.0.1"), at("127.0.0.2") + &trusting] {
        let error = Application::new(&bad).login("PLAIN", "alice", PASSWORD).unwrap_err();
        assert!(matches!(error.code(), Code::Unavail | Code::Fail), "{error:?}");
    }
}

/// What a layer is demanded to be, it is.
#[test]
fn a_layer_that_is_demanded_is_there() {
    let dir = TempDir::new("secprops");
    let slapd = start();
    let file = dir.write("ldaprc", "SASL_SECPROPS noplain,minssf=56\n").display().to_string();
    let strict = options(&slapd) + &format!("ldapdb_rc: {file}\n");
    let error = Application::new(&strict).login("PLAIN", "alice", PASSWORD).unwrap_err();
    assert_eq!(error.code(), Code::Fail, "SCRAM has no layer: {error:?}");
    let digest = strict.replace("ldapdb_mech: SCRAM-SHA-256", "ldapdb_mech: DIGEST-MD5");
    Application::new(&digest).login("PLAIN", "alice", PASSWORD).unwrap();
    let none = dir.write("none", "SASL_SECPROPS noplain,maxssf=0\n").display().to_string();
    let without = digest.replace(&file, &none);
    Application::new(&without).login("PLAIN", "alice", PASSWORD).unwrap();
    assert!(slapd.output().contains("mech=DIGEST-MD5 bind_ssf=0"), "{}", slapd.output());
}

#[test]
fn passwords_are_checked_within_tls_where_that_is_demanded() {
    let dir = TempDir::new("tls");
    let (good, plain) = (with_certificate("127.0.0.1"), start());
    let base = "ldap_search_base: ou=people,dc=rig,dc=test\nldap_start_tls: yes\n";
    let trusting = format!("{base}ldap_rc: {}\n", rc(&dir, ""));
    let login = |options: String, password| Application::new(&options).login("PLAIN", "alice", password);
    login(bind::options(&good, &trusting), PASSWORD).unwrap();
    assert_eq!(login(bind::options(&good, &trusting), "wrong").unwrap_err().code(), Code::BadAuth);
    let binds = good.output().lines().filter(|line| line.contains("mech=SIMPLE") && line.ends_with(" ssf=0")).count();
    assert_eq!(binds, 0, "{}", good.output());
    for options in [bind::options(&good, base), bind::options(&plain, &trusting)] {
        let error = login(options, PASSWORD).unwrap_err();
        assert!(error.code() == Code::Fail && error.detail().contains("StartTLS"), "{error:?}");
    }
    assert!(!plain.output().contains(" BIND dn"), "no password is sent in the clear");
}
