#!/bin/sh
# Everything that CI runs. Installs what is missing of Debian's packages first, and says so.
set -eu
cd "$(dirname "$0")/.."

# The programs of some tests run as other users. Where these cannot look into this folder (one below /root, say), the
# checks run in a view of the system in which it is also somewhere else.
if [ "$(id -u)" = 0 ] && [ -z "${OXISASL_CHECK_MOVED-}" ] &&
    ! setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$PWD/scripts/check.sh"; then
    place=$(mktemp -d)
    trap 'rmdir "$place"' EXIT
    chmod 755 "$place"
    echo "Other users cannot read $PWD: running in $place, where it is mounted for these checks"
    OXISASL_CHECK_MOVED=yes unshare -m sh -c 'mount --bind "$PWD" "$1" && cd "$1" && exec sh scripts/check.sh' sh "$place"
    exit
fi

step() { printf '\n== %s\n' "$*"; }

step "Debian packages"
sh scripts/packages.sh check

step "Format and lints"
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check
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
