#!/usr/bin/env bash
# The test command: on a fresh machine with Rust it installs what is missing and runs every check there is.
# It stops at the first step that fails and says which. It asks nothing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=examples/install.sh
. examples/install.sh
exec </dev/null

# The same everywhere: other flags would unify features differently and build everything again.
flags=(--locked --workspace)

doing="starting"

# Names the step, and runs it.
step() {
    doing=$1
    shift
    printf '\n== %4ss  %s\n' "$SECONDS" "$doing"
    "$@"
}

# A folder that belongs to this run and lies where the user that Postgres runs as can reach it; the first test that
# needs Postgres makes it. Not in TMPDIR: on macOS that is private to one user, and too long for the path of a socket.
export OUTPOST_TEST_CLUSTER=/tmp/outpost-run-$$

# Tests wait for disks, processes and each other half of their time: with two for each core the shop's stories take two
# thirds as long.
RUST_TEST_THREADS=$((2 * $(getconf _NPROCESSORS_ONLN)))
export RUST_TEST_THREADS

# Runs at every end, also after Ctrl-C.
finish() {
    local status=$?
    trap - EXIT
    tests/stop_cluster.sh
    rm -rf "$OUTPOST_TEST_CLUSTER"
    if [ "$status" -eq 0 ]; then
        printf '\nall passed in %ss\n' "$SECONDS"
    else
        printf '\nFAILED after %ss: %s\n' "$SECONDS" "$doing" >&2
    fi
    exit "$status"
}

install_what_is_missing() {
    need_cargo
    need_postgres
    need_browser
}

docs() { RUSTDOCFLAGS="-D warnings" cargo doc "${flags[@]}" --no-deps; }

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "what is missing" install_what_is_missing
step "formatting" cargo fmt --all --check
step "clippy" cargo clippy "${flags[@]}" --all-targets -- -D warnings
step "documentation" docs
step "programs and examples" cargo build "${flags[@]}" --bins --examples
step "tests" cargo test "${flags[@]}" --tests
step "documentation tests" cargo test "${flags[@]}" --doc
step "the laptop example" examples/laptop.sh --check
