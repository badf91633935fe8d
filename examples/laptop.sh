#!/usr/bin/env bash
# The whole of Outpost on one machine, from nothing. See --help.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=examples/install.sh
. examples/install.sh

# A Unix socket's path ends at 103 bytes on macOS, and the cluster needs some of them below its folder.
path_bytes_max=60

help() {
    cat <<'HELP'
usage: examples/laptop.sh [--check] [--clean] [--help]

Installs Postgres by apt-get, dnf or brew if there is none and it may (else prints
the command and stops), builds Outpost in cargo's dev profile, and starts the
laptop example with the same arguments.

  (nothing)  the pages stay up until Ctrl-C
  --check    no pages; ends by itself, within five minutes once it is built
  --clean    clears the example's data and ends
  --help     this text

Its data lies in .outpost/laptop in this checkout. Where that does not serve, it lies
in /var/tmp/outpost-laptop-USER-CHECKOUT (numbers): for root, because Postgres then
runs as another user, who may not be let into the checkout; and where the checkout's
path is longer than 60 bytes, because the path of a Unix socket is short.
OUTPOST_LAPTOP_DATA names another folder.
HELP
}

# Decides where the data lies; the same user and checkout always get the same folder.
data_folder() {
    local here=$PWD/.outpost/laptop checkout
    if [ "$(id -u)" -ne 0 ] && [ "$(printf '%s' "$here" | wc -c)" -le "$path_bytes_max" ]; then
        printf '%s\n' "$here"
        return
    fi
    checkout=$(printf '%s' "$PWD" | cksum | cut -d ' ' -f 1)
    printf '/var/tmp/outpost-laptop-%s-%s\n' "$(id -u)" "$checkout"
}

# Makes the folder; others may pass through it but not list it. In /var/tmp anybody could have been there first.
make_data_folder() {
    mkdir -p "$(dirname "$1")"
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then mkdir -m 0711 "$1"; fi
    if [ -L "$1" ] || [ ! -d "$1" ] || [ ! -O "$1" ]; then
        stop "$1 is not a folder of yours. Remove it, or name another in OUTPOST_LAPTOP_DATA."
    fi
}

build() {
    say "building Outpost (cargo's dev profile; the first time takes a few minutes)"
    cargo build --locked --workspace --bins --example laptop
}

for argument in "$@"; do
    case $argument in
        -h | --help)
            help
            exit
            ;;
    esac
done

need_cargo
need_postgres
build
OUTPOST_LAPTOP_DATA=${OUTPOST_LAPTOP_DATA:-$(data_folder)}
make_data_folder "$OUTPOST_LAPTOP_DATA"
export OUTPOST_LAPTOP_DATA
say "data in $OUTPOST_LAPTOP_DATA"
exec "${CARGO_TARGET_DIR:-target}/debug/examples/laptop" "$@"
