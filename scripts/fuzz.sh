#!/bin/sh
# Runs fuzz targets under libFuzzer and AddressSanitizer, one after the other, and prints a line for each.
#
#   scripts/fuzz.sh [TARGET...]       all of them without an argument
#   FUZZ_SECONDS=60                   how long each runs
#   FUZZ_SANITIZER=address|none       none needs nothing but stable Rust
#
# What is found goes to fuzz/artifacts/TARGET, and new inputs to fuzz/corpus/TARGET, where the next run begins.
set -eu
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
sanitizer=${FUZZ_SANITIZER:-address}

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "Installing cargo-fuzz (cargo install cargo-fuzz)"
    cargo install --locked cargo-fuzz
fi

# A sanitizer is a feature of the compiler that stable Rust has but keeps behind this variable.
[ "$sanitizer" = none ] || export RUSTC_BOOTSTRAP=1
[ $# -gt 0 ] || set -- $(cargo fuzz list)

mkdir -p fuzz/artifacts
echo "Building the targets"
cargo fuzz build -s "$sanitizer" 2>fuzz/artifacts/build.log || {
    cat fuzz/artifacts/build.log
    exit 1
}

failed=
printf '%-18s %12s %9s %8s %8s\n' target executions 'per sec.' coverage inputs
for target in "$@"; do
    log=fuzz/artifacts/$target.log
    mkdir -p "fuzz/corpus/$target"
    dictionary=
    [ ! -e "fuzz/dictionaries/$target" ] || dictionary=-dict=fuzz/dictionaries/$target
    longest=$(sed -n "s/^ *target(\"$target\",.* \([0-9_]*\)),\$/\1/p" fuzz/targets/src/lib.rs | tr -d _)
    # shellcheck disable=SC2086 # no dictionary is no argument
    if cargo fuzz run -s "$sanitizer" "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- $dictionary \
        -max_len="${longest:-4096}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        >"$log" 2>&1; then outcome=; else
        outcome='  FOUND SOMETHING'
        failed="$failed $target"
    fi
    coverage=$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    inputs=$(grep -ao 'corp: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    printf '%-18s %12s %9s %8s %8s%s\n' "$target" "${runs:--}" "${rate:--}" "${coverage:--}" "${inputs:--}" "$outcome"
done
[ -z "$failed" ] || {
    echo "Found something:$failed (fuzz/artifacts has the inputs and the logs)"
    exit 1
}
