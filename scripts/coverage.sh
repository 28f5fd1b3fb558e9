#!/bin/sh
# Measures which lines the tests run: in the crate itself, and through libsasl2.so.2 and libsasl.so.7 as C programs load them.
#
#   scripts/coverage.sh            runs the tests, then prints a line for each file and the sums
#   scripts/coverage.sh report     only prints, from what the last run left
#   scripts/coverage.sh lines FILE...    shows the lines of these files that no test runs
#
# The tools of LLVM must be of the compiler's own version: those of rustup (llvm-tools) if they are there, or Debian's.
set -eu
cd "$(dirname "$0")/.."

major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
tools=$(rustc --print target-libdir)/../bin
if [ -x "$tools/llvm-cov" ]; then
    cov=$tools/llvm-cov profdata=$tools/llvm-profdata
else
    cov=llvm-cov-$major profdata=llvm-profdata-$major
    command -v "$cov" >/dev/null || {
        echo "Installing llvm-$major"
        apt-get install -qq -y --no-install-recommends "llvm-$major" >/dev/null
    }
fi

# A folder of its own: nothing else can use what is built with counters in it.
CARGO_TARGET_DIR=$PWD/target/coverage
RUSTFLAGS='-C instrument-coverage'
LLVM_PROFILE_FILE=$CARGO_TARGET_DIR/profiles/%p-%m.profraw
OXISASL_RIG_LIBRARY=$CARGO_TARGET_DIR/lib
export CARGO_TARGET_DIR RUSTFLAGS LLVM_PROFILE_FILE OXISASL_RIG_LIBRARY
merged=$CARGO_TARGET_DIR/merged.profdata

# What runs in the test's own process, and the C programs that load the libraries.
in_process='binding_policy classic digest_md5 matrix properties saslauthd sasldb_bdb sasldb_files sasldb_gdbm sasldb_kept
sasldb_lmdb sasldb_lmdb_damage storage transition verifiers'
through_c='accounts c1 c_abi differential gssapi ldap plugins plugins_stock sql'

measure() {
    rm -rf "$CARGO_TARGET_DIR/profiles"
    [ ! -d "$CARGO_TARGET_DIR" ] || find "$CARGO_TARGET_DIR" -name '*.profraw' -delete
    cargo build --locked -p oxisasl-libsasl2 -p oxisasl-libsasl
    mkdir -p "$OXISASL_RIG_LIBRARY"
    ln -sf ../debug/libsasl2.so "$OXISASL_RIG_LIBRARY/libsasl2.so.2"
    for name in libsasl.so.7 libsasl.so; do ln -sf ../debug/libsasl.so "$OXISASL_RIG_LIBRARY/$name"; done
    ln -sf ../debug/libsasl.a "$OXISASL_RIG_LIBRARY/libsasl.a"
    tests=
    for name in $in_process $through_c; do tests="$tests --test $name"; done
    # shellcheck disable=SC2086 # lists of names
    {
        # What is linked without rustc has nothing that keeps the counters.
        cargo test --locked -p oxisasl --lib $tests --no-fail-fast -- --skip the_static_library_serves_too || failed=yes
        cargo test --locked -p oxisasl-capi-common --lib || failed=yes
        cargo test --locked -p oxisasl-fuzz-targets || failed=yes
    }
    # Programs whose environment a test has cleared leave their counters where they run. Those of tests that failed count too.
    find "$CARGO_TARGET_DIR" -name '*.profraw' -size +0 >"$CARGO_TARGET_DIR/profiles.list"
    "$profdata" merge -sparse --failure-mode=all -f "$CARGO_TARGET_DIR/profiles.list" -o "$merged"
}

# Every program and library with counters that the tests have run.
objects() {
    for object in "$CARGO_TARGET_DIR"/debug/libsasl2.so "$CARGO_TARGET_DIR"/debug/libsasl.so "$CARGO_TARGET_DIR"/debug/deps/*; do
        case $object in *.so) ;; *.*) continue ;; esac
        [ ! -x "$object" ] || [ -d "$object" ] || printf ' -object %s' "$object"
    done
}

# Only what ships is counted: no dependency, no test.
ignored="(/rustc/|/\\.cargo/|$PWD/(fuzz|tests|tools|benches|examples)/|/tests\\.rs|/test_world\\.rs|/corruption\\.rs|/fuzz\\.rs)"

# Counts the lines of code in each file, without the unit tests that stand at its end.
summary() {
    awk -v root="$PWD/" '
        function out(name, lines, missed) {
            printf "%-46s %6d lines, %5d not run, %.2f%%\n", name, lines, missed, lines ? 100 - 100 * missed / lines : 100
        }
        /^SF:/ {
            file = substr($0, 4)
            number = end = 0
            while ((getline line < file) > 0 && !end) {
                number++
                if (before ~ /^#\[cfg\(test\)\]/ && line ~ /^mod /) end = number
                before = line
            }
            close(file)
            name = substr(file, length(root) + 1)
            lines = missed = 0
        }
        /^DA:/ {
            split(substr($0, 4), field, ",")
            if (!end || field[1] < end) { lines++; missed += field[2] == 0 }
        }
        /^end_of_record/ && lines {
            out(name, lines, missed)
            part = name ~ /^capi/ ? "the C edge" : name ~ /^src.mech/ ? "mechanisms" : \
                name ~ /store|config|b64|text|verify|crypto|layer/ ? "parsers, stores, verifiers" : "all else"
            all[part] += lines; bad[part] += missed; all["together"] += lines; bad["together"] += missed
        }
        END { print ""; for (part in all) out(part, all[part], bad[part]) }'
}

case ${1-} in
    '' | report)
        failed=
        [ "${1-}" = report ] || measure
        # shellcheck disable=SC2046 # a list of arguments
        "$cov" export --format=lcov --instr-profile="$merged" --ignore-filename-regex="$ignored" $(objects) \
            >"$CARGO_TARGET_DIR/lines.lcov"
        summary <"$CARGO_TARGET_DIR/lines.lcov"
        [ -z "$failed" ] || {
            echo "A test failed: see above"
            exit 1
        }
        ;;
    lines)
        shift
        for file in "$@"; do
            awk -v file="$PWD/$file" '
                /^SF:/ { here = substr($0, 4) == file }
                here && /^DA:[0-9]*,0$/ { split(substr($0, 4), field, ","); missed[field[1]] = 1 }
                END { while ((getline line < file) > 0) if (++number in missed) printf "%s:%d: %s\n", shown, number, line }
            ' shown="$file" "$CARGO_TARGET_DIR/lines.lcov"
        done
        ;;
    *)
        echo "usage: $0 [report | lines FILE...]" >&2
        exit 2
        ;;
esac
