#!/usr/bin/env bash
# Runs fuzzing targets for as long as you like, guided by what the code has not done yet:
#   tests/fuzz/hours.sh settle 3600     one target, that many seconds
#   tests/fuzz/hours.sh all 600         each of them in turn
# It needs Rust and a C++ compiler. All that it writes lies in target/ and in a folder for temporary files, which it
# names; run again with OUTPOST_FUZZ_KEEP=that folder, it goes on from there. It stops at the first case that fails.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${1:?name a target, or all}
seconds=${2:-600}

# Counters at every edge and comparison, as libFuzzer reads them; plain code generation flags of a stable compiler.
flags="-Cpasses=sancov-module -Ccodegen-units=1"
for one in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=" -Cllvm-args=-sanitizer-coverage-$one"
done
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS=$flags cargo build --quiet --release --locked --target "$host" \
    --manifest-path tests/fuzz/hours/Cargo.toml --target-dir target/hours
hours=$PWD/target/hours/$host/release/hours

keep=${OUTPOST_FUZZ_KEEP:-$(mktemp -d "${TMPDIR:-/tmp}/outpost-fuzz.XXXXXX")}
echo "what it finds lies in $keep"

if [ "$target" = all ]; then
    targets=$(sed -n 's/.*Target { name: "\([a-z]*\)".*/\1/p' tests/fuzz/targets/mod.rs)
else
    targets=$target
fi

for name in $targets; do
    mkdir -p "$keep/$name/inputs" "$keep/$name/failed" "$keep/$name/cases"
    if [ -d "tests/fuzz/cases/$name" ]; then
        cp -r "tests/fuzz/cases/$name/." "$keep/$name/cases"
    fi
    echo "== $name, $seconds seconds"
    # In the folder, so that nothing lands beside the sources.
    if ! (cd "$keep/$name" && OUTPOST_FUZZ_TARGET=$name TMPDIR="$keep" "$hours" -max_total_time="$seconds" \
        -max_len=4096 -len_control=0 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=failed/ inputs cases \
        >log 2>&1); then
        tail -40 "$keep/$name/log"
        echo "again: OUTPOST_FUZZ_CASE=$(ls -t "$keep/$name/failed/"* | head -1) cargo test --locked --workspace --test fuzz $name"
        echo "keep it, once its cause is mended: cp $keep/$name/failed/* tests/fuzz/cases/$name/"
        exit 1
    fi
    grep -E 'number_of_executed_units|peak_rss_mb' "$keep/$name/log"
    grep -E 'cov: ' "$keep/$name/log" | tail -1
done
