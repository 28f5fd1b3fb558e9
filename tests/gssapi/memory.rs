//! The programs `tests/c/abi_gss*.c`, which `tests/c_abi` compares with the stock library, use memory well on ours: the names,
//! credentials and contexts that C's library gives out are freed, once.

use std::process::Command;

use super::cc;
use super::rig::base::Library;
use super::rig::kdc::Kdc;

/// MIT Kerberos 1.20 allocates no bytes for a message without any, and its gss_release_buffer does not free what has no length.
const SUPPRESSED: &str = "{
   the message of a token that carries nothing
   Memcheck:Leak
   match-leak-kinds: definite
   fun:malloc
   fun:gss_krb5int_unseal_token_v3
   ...
}
";

/// Runs a program under valgrind: memory that is used wrongly, or lost, is an error.
fn run(name: &str) {
    let library = Library::under_test();
    if library.is_stock() {
        return;
    }
    let (kdc, environment) = Kdc::for_programs();
    let dir = cc::scratch(name);
    let program = dir.join(name);
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-o"]).arg(&program);
    compiler.arg(cc::c_dir().join(format!("{name}.c")));
    cc::run(compiler.args(["-lsasl2", "-lpthread", "-l:libgssapi_krb5.so.2"]));
    let mut command = Command::new("timeout");
    command.args(["300", "valgrind", "-q", "--error-exitcode=99", "--leak-check=full"]);
    command.args(["--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
    let suppressions = cc::write(&dir, "suppressions", SUPPRESSED);
    command.arg(format!("--suppressions={}", suppressions.display())).arg(&program);
    command.current_dir(&dir).env_clear().env("PATH", "/usr/bin:/bin").env("USER", "tester");
    command.env("SASL_PATH", &dir).env("SASL_CONF_PATH", &dir);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    cc::run(library.apply(&mut command));
    drop(kdc);
}

#[test]
fn two_connections() {
    run("abi_gss");
}

#[test]
fn a_peer_that_lies() {
    run("abi_gss_raw");
}
