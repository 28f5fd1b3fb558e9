#!/bin/sh
# Everything that CI runs. Installs what is missing of Debian's packages first, and says so.
set -eu
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

step "Debian packages"
sh scripts/packages.sh check

step "Format and lints"
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
cargo clippy -p oxisasl --no-default-features --locked -- -D warnings

step "The library as it ships"
make all
OXISASL_RIG_LIBRARY=$PWD/target/lib
LIBSASL2_DIR=$PWD/target/lib
export OXISASL_RIG_LIBRARY LIBSASL2_DIR

step "Documentation"
RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked -p oxisasl

step "Tests"
cargo test --workspace --locked --no-fail-fast

step "Demonstration"
make demo
