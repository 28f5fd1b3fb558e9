//! `auto_transition`: a password that another verifier has accepted goes into the stores, and other mechanisms then work.

use std::sync::Arc;

use oxisasl::store::memory::Memory;
use oxisasl::verify::{Attempt, PasswordVerifier};
use oxisasl::{Code, Error, Result, Secret, Server, ServerParams, ServerSession};

/// A verifier that knows one password, as saslauthd would.
struct Elsewhere;

impl PasswordVerifier for Elsewhere {
    fn name(&self) -> &str {
        "elsewhere"
    }

    fn verify(&self, _: &Attempt<'_>, password: &Secret) -> Result<()> {
        if bool::from(password.matches(b"secret")) { Ok(()) } else { Err(Error::bad_auth("no")) }
    }

    fn user_exists(&self, _: &Attempt<'_>) -> Result<()> {
        Err(Error::from(Code::NoUser))
    }
}

const METHOD: (&str, &str) = ("pwcheck_method", "elsewhere");

fn server<const N: usize>(options: [(&'static str, &'static str); N]) -> Arc<Server> {
    Arc::new(Server::new("test").verifier(Elsewhere).store(Memory::new()).options(options))
}

fn session(server: &Arc<Server>) -> ServerSession {
    server.session(ServerParams::new("test").fqdn("host.example.com")).unwrap()
}

/// Whether CRAM-MD5, which needs the password itself, works for alice.
fn cram_md5_works(server: &Arc<Server>) -> bool {
    let session = session(server);
    let challenge = session.start("CRAM-MD5", None).unwrap();
    let digest = oxisasl::crypto::hmac_md5(b"secret", &[challenge.data().unwrap()]);
    session.step(format!("alice {}", oxisasl::crypto::to_hex(&digest)).as_bytes()).is_ok()
}

#[test]
fn a_login_makes_other_mechanisms_work() {
    let server = server([METHOD, ("auto_transition", "yes")]);
    assert!(!cram_md5_works(&server));
    session(&server).start("PLAIN", Some(b"\0alice\0wrong")).unwrap_err();
    assert!(!cram_md5_works(&server), "a wrong password was stored");
    session(&server).start("PLAIN", Some(b"\0alice\0secret")).unwrap();
    assert!(cram_md5_works(&server));
}

#[test]
fn nothing_is_stored_unless_asked_for() {
    for options in [[METHOD, ("auto_transition", "no")], [METHOD, ("x", "yes")]] {
        let server = server(options);
        session(&server).start("PLAIN", Some(b"\0alice\0secret")).unwrap();
        assert!(!cram_md5_works(&server), "{options:?}");
    }
}
