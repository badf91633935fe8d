# Finds or installs what the scripts need and Rust does not bring. Sourced, never run; bash 3.2 is enough.

# Sentences for the person who started the script.
say() { printf '%s\n' "$*"; }

# Ends the script with a sentence that says what to do.
stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Whether packages may be installed without asking anybody for a password.
may_install() { [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Prints the first of its arguments that is a folder with Postgres's own programs.
first_postgres_in() {
    local folder
    for folder in "$@"; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    return 1
}

# Prints the folder of Postgres's programs: on the path, as pg_config says, or where Debian, Red Hat and
# Homebrew keep them.
postgres_programs() {
    local on_path="" configured=""
    if have initdb; then on_path=$(dirname "$(command -v initdb)"); fi
    if have pg_config; then configured=$(pg_config --bindir 2>/dev/null || true); fi
    first_postgres_in "$on_path" "$configured" \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin
}

have_postgres() { postgres_programs >/dev/null; }

browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if have "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    return 1
}

have_browser() { browser >/dev/null && have chromedriver; }

# Prints the command that installs: packages for apt, for dnf, for brew, in this order.
install_command() {
    if have apt-get; then
        printf 'apt-get install -y --no-install-recommends %s\n' "$1"
    elif have dnf; then
        printf 'dnf install -y %s\n' "$2"
    elif have brew; then
        printf 'brew install %s\n' "$3"
    else
        return 1
    fi
}

# Runs such a command with the rights it needs. Homebrew refuses root and asks nobody for a password.
run_install() {
    local words
    read -r -a words <<<"$1"
    case ${words[0]} in
        brew) "${words[@]}" ;;
        apt-get)
            as_root apt-get update -q
            as_root env DEBIAN_FRONTEND=noninteractive "${words[@]}"
            ;;
        *) as_root "${words[@]}" ;;
    esac
}

# Installs something, or prints the command that would and stops.
install_packages() {
    local what=$1 command
    command=$(install_command "$2" "$3" "$4") || stop "$what is missing, and neither apt-get, dnf nor brew is here. Install it and start again."
    case $command in
        brew*) ;;
        *) may_install || stop "$what is missing. Install it with: sudo $command" ;;
    esac
    say "$what is missing; installing it: $command"
    run_install "$command" || stop "$what could not be installed. Try it by hand: $command"
}

# Outpost runs a private cluster from the machine's Postgres programs; a cluster that the package starts is left alone.
need_postgres() {
    if have_postgres; then return; fi
    install_packages Postgres postgresql postgresql-server postgresql
    have_postgres || stop "Postgres was installed, but initdb was not found. Put its folder on the PATH and start again."
}

# For tests that look at pages as a person does.
need_browser() {
    if have_browser; then return; fi
    if have apt-get && ! apt-cache show chromium-driver >/dev/null 2>&1; then
        as_root apt-get update -q || true
    fi
    install_packages "A browser with its driver" "chromium chromium-driver" "chromium chromedriver" "--cask chromium chromedriver"
    have_browser || stop "The browser was installed, but chromium and chromedriver were not found on the PATH."
}

need_cargo() {
    have cargo || stop "cargo is missing. Install Rust with rustup and start again."
}
