#!/bin/sh
# Shows Debian's unmodified Sendmail authenticating on our libsasl2.so.2: installs what is missing, builds the library,
# makes a user in the embedded password database, starts Sendmail on a loopback port of its own, and prints each dialogue.
#
# Nothing of the system is changed but for the packages; Sendmail runs in namespaces of its own and ends with the demo.
# Exit status 0 means that every expectation held. Needs root or sudo, for the namespaces.
set -eu
cd "$(dirname "$0")/.."

scripts/packages.sh demo
cargo build --quiet --release --package oxisasl-libsasl2
lib=$PWD/target/rig/lib
mkdir -p "$lib"
ln -sf "${CARGO_TARGET_DIR:-$PWD/target}/release/libsasl2.so" "$lib/libsasl2.so.2"
export OXISASL_RIG_LIBRARY="${OXISASL_RIG_LIBRARY-$lib}"

# Cargo tells where it put the program; an ordinary user runs it through sudo, cargo itself stays his own.
program=$(cargo test --quiet --no-run --message-format=json --test demo |
    sed -n 's/.*"name":"demo".*"executable":"\([^"]*\)".*/\1/p')
if [ "$(id -u)" = 0 ]; then
    exec "$program" --show
fi
exec sudo OXISASL_RIG_LIBRARY="$OXISASL_RIG_LIBRARY" "$program" --show
