//! Debian's own Sendmail, server and client, on a chosen `libsasl2.so.2`.

mod rig;

use rig::base::{Library, TempDir, make_sasldb};

#[test]
fn the_rig_makes_a_database() {
    let dir = TempDir::new("sendmail");
    make_sasldb(&Library::under_test(), &dir.join("sasldb2"), "mail.example.test", &[("tim", "tanstaaftanstaaf")]);
}

#[test]
fn sandbox_probe() {
    let b = rig::sandbox::Sandbox::new("probe", "mail.example.test");
    let out = rig::base::must(
        b.command(&Library::stock(), "sh")
            .args(["-c", "hostname -f; logger -p auth.notice hello; ls /dev /etc | head -20; ps ax"]),
    );
    println!("{out}");
    println!("{:?}", b.log.expect("hello"));
}
