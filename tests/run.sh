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

# A folder that belongs to this run and lies where the user that Postgres runs as can reach it. Not in TMPDIR:
# on macOS that is private to one user, and too long for the path of a socket.
make_test_folder() {
    OUTPOST_TEST_CLUSTER=$(mktemp -d /tmp/outpost-test.XXXXXX)
    chmod 0711 "$OUTPOST_TEST_CLUSTER"
    export OUTPOST_TEST_CLUSTER
}

# Stops the cluster that the tests started and left running for each other. This is the signal that `pg_ctl stop`
# sends; pg_ctl itself refuses to run as root.
stop_test_postgres() {
    local file pid tries
    for file in "$OUTPOST_TEST_CLUSTER"/postmaster.pid "$OUTPOST_TEST_CLUSTER"/*/postmaster.pid; do
        [ -f "$file" ] || continue
        pid=$(head -n 1 "$file")
        kill -INT "$pid" 2>/dev/null || continue
        tries=0
        while [ -f "$file" ] && [ "$tries" -lt 100 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
    done
}

# Runs at every end, also after Ctrl-C.
finish() {
    local status=$?
    trap - EXIT
    if [ -n "${OUTPOST_TEST_CLUSTER:-}" ]; then
        stop_test_postgres
        rm -rf "$OUTPOST_TEST_CLUSTER"
    fi
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
}

docs() { RUSTDOCFLAGS="-D warnings" cargo doc "${flags[@]}" --no-deps; }

unset OUTPOST_TEST_CLUSTER
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "what is missing" install_what_is_missing
step "a folder for the tests' Postgres" make_test_folder
step "formatting" cargo fmt --all --check
step "clippy" cargo clippy "${flags[@]}" --all-targets -- -D warnings
step "documentation" docs
step "programs and examples" cargo build "${flags[@]}" --bins --examples
step "tests" cargo test "${flags[@]}" --tests
step "documentation tests" cargo test "${flags[@]}" --doc
step "the laptop example" examples/laptop.sh --check
