#!/bin/sh
# Stops the Postgres that the tests share and waits until it is gone.
# The first test that needs it starts it again, so this is safe at any moment between runs.
set -eu

folder=${OUTPOST_TEST_CLUSTER:-${TMPDIR:-/tmp}/outpost-test-$(id -u)}
lock=$folder/postgres/data/postmaster.pid
seconds_max=60

pid=$(head -n 1 "$lock" 2>/dev/null) || exit 0
# A crash leaves the lock behind, and its number may be another program's by now.
if [ -r "/proc/$pid/cmdline" ]; then
    grep -q postgres "/proc/$pid/cmdline" || exit 0
else
    ps -o args= -p "$pid" 2>/dev/null | grep -q postgres || exit 0
fi
# SIGINT is Postgres's word for a fast stop.
kill -INT "$pid" 2>/dev/null || exit 0
tenths=0
# The lock goes last of all.
while [ -e "$lock" ]; do
    tenths=$((tenths + 1))
    if [ "$tenths" -gt $((seconds_max * 10)) ]; then
        echo "the tests' Postgres (process $pid) did not stop within $seconds_max s; see $folder/postgres/log/postgres.log" >&2
        exit 1
    fi
    sleep 0.1
done
