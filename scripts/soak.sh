#!/bin/sh
# What takes too long for `make check`: the tests that run in one process under AddressSanitizer, which looks for leaks as
# well, and all tests in their long forms (OXISASL_SOAK), among them every C program and a login at Postfix and at slapd under
# valgrind.
#
#   scripts/soak.sh [sanitizers | tests]     both without an argument
set -eu
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

# Those that load no other program's library and run no other program: a sanitizer has to be in a process from its beginning.
in_process='binding_policy classic digest_md5 hostile matrix properties sasldb_files storage transition'

sanitizers() {
    step "Under AddressSanitizer and LeakSanitizer"
    host=$(rustc -vV | sed -n 's/^host: //p')
    tests=
    for name in $in_process; do tests="$tests --test $name"; done
    # Stable Rust has the sanitizer, and keeps it behind this variable.
    # shellcheck disable=SC2086 # a list of names
    (
        export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR="$PWD/target/asan"
        export LSAN_OPTIONS="suppressions=$PWD/tests/support/leaks.supp:print_suppressions=0"
        cargo test --locked --target "$host" -p oxisasl --lib $tests --no-fail-fast
        cargo test --locked --target "$host" -p oxisasl-capi-common --lib
        cargo test --locked --target "$host" -p oxisasl-fuzz-targets
    )
}

tests() {
    step "All tests in their long forms"
    OXISASL_SOAK=1 OXISASL_FUZZ_ROUNDS=${OXISASL_FUZZ_ROUNDS-50000}
    export OXISASL_SOAK OXISASL_FUZZ_ROUNDS
    cargo test --workspace --locked --no-fail-fast
}

step "Debian packages"
sh scripts/packages.sh check
step "The library as it ships"
make all
OXISASL_RIG_LIBRARY=$PWD/target/lib
LIBSASL2_DIR=$PWD/target/lib
export OXISASL_RIG_LIBRARY LIBSASL2_DIR

case ${1-} in
    '')
        sanitizers
        tests
        ;;
    sanitizers | tests) "$1" ;;
    *)
        echo "usage: $0 [sanitizers | tests]" >&2
        exit 2
        ;;
esac
