//! The recipe's build.

use std::process::Command;

use crate::rig::base::{must, run};
use crate::rig::classic::{built, library};
use crate::rig::sandbox::Sandbox;
use crate::rig::sendmail::HOST;

#[test]
fn the_recipe_builds_sendmail() {
    let built = built();
    let sandbox = Sandbox::new("classic-built", HOST);
    let version = run(sandbox.command(&library(), &built.binary).args(["-d0.1", "-C/dev/null", "-bv", "root"]), b"");
    let options: Vec<&str> = version.stdout.split_whitespace().collect();
    assert!(options.contains(&"SASL"), "{version:?}");
    assert!(options.iter().any(|o| o.starts_with("NEWDB=5.3")), "{version:?}");

    let dynamic = must(Command::new("readelf").arg("-dW").arg(&built.binary));
    let needed: Vec<&str> = dynamic.lines().filter(|l| l.contains("(NEEDED)")).collect();
    assert!(needed.iter().any(|l| l.ends_with("[libsasl.so.7]")), "{needed:?}");
    assert!(!dynamic.contains("libsasl2"), "{needed:?}");

    // All that it asks of the library; none of the names has a version.
    let symbols = must(Command::new("nm").arg("-D").arg("--undefined-only").arg(&built.binary));
    let mut asked: Vec<&str> = symbols.split_whitespace().filter(|s| s.starts_with("sasl_")).collect();
    asked.sort_unstable();
    assert_eq!(
        asked.join(" "),
        "sasl_client_init sasl_client_new sasl_client_start sasl_client_step sasl_decode sasl_decode64 sasl_dispose \
         sasl_done sasl_encode sasl_encode64 sasl_errstring sasl_getprop sasl_listmech sasl_server_init \
         sasl_server_new sasl_server_start sasl_server_step sasl_set_alloc sasl_setprop"
    );
}

/// Sendmail hands `sasl_getprop` a pointer to a pointer to constant data, which the 1.5 interface never took. Whatever
/// else the compiler says is about the resolver of the C library.
#[test]
fn the_compiler_has_nothing_new_to_say() {
    let log = &built().log;
    assert!(log.contains("sfsasl.c"), "the log of the build is missing:\n{log}");
    let about_sasl: Vec<&str> =
        log.lines().filter(|l| l.contains("warning:") && !l.contains("is deprecated")).collect();
    assert_eq!(about_sasl.len(), 1, "{about_sasl:#?}");
    assert!(about_sasl[0].starts_with("sfsasl.c:") && about_sasl[0].contains("sasl_getprop"), "{about_sasl:?}");
    assert!(!log.contains(" error: "), "{log}");
}
