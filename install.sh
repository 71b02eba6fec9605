#!/usr/bin/env bash
# Sets up Movoice Box on Debian 12 or 13: any machine with apt and Python 3.11 or later.
set -euo pipefail
umask 022
cd "$(dirname "$(readlink -f "$0")")"

readonly SERVICE=movoice-box
readonly OPT=/opt/movoice-box
readonly CONFIG=/etc/movoice-box/movoice-box.toml
readonly DATA=/var/lib/movoice-box
readonly UNIT=/etc/systemd/system/movoice-box.service
readonly COMMAND=/usr/local/bin/movoice-box

# What no wheel brings: the voice, and the zones that calling hours are counted in.
readonly RUN_PACKAGES=(libespeak-ng1 espeak-ng-data tzdata)
# The peers of the tests, fonts for the rupee sign and Devanagari, and what checks this script.
readonly TEST_PACKAGES=(sip-tester baresip kamailio kamailio-tls-modules tshark chromium chromium-driver
    fonts-dejavu-core fonts-noto-core shellcheck systemd)

usage() {
    cat <<'END'
usage: ./install.sh --demo [--once ...]   try it with a simulated gateway, no hardware
       ./install.sh --test [...]          run every check; further arguments go to pytest
       sudo ./install.sh                  install and start the service, or bring it up to date
       sudo ./install.sh --uninstall      remove the service; settings and data stay
END
}

main() {
    local mode=${1-}
    again="./install.sh${*:+ $*}"
    case $mode in
        --demo) demo "${@:2}" ;;
        --test) run_tests "${@:2}" ;;
        -h | --help) usage ;;
        '' | --uninstall)
            (($# < 2)) || wrong_usage "$2"
            ((EUID == 0)) || stop "this needs root: sudo $again"
            if [[ $mode ]]; then uninstall_service; else install_service; fi
            ;;
        *) wrong_usage "$mode" ;;
    esac
}

demo() {
    prepare_checkout requirements.lock "${RUN_PACKAGES[@]}"
    exec .venv/bin/movoice-box demo "$@"
}

run_tests() {
    prepare_checkout requirements-test.lock "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    exec .venv/bin/python -m pytest "$@"
}

prepare_checkout() { # LOCK PACKAGE...
    local python
    python=$(find_python python3 /usr/bin/python3 python3.13 python3.12 python3.11)
    install_packages "$python" "${@:2}"
    build_venv "$PWD/.venv" "$python" "$1" --editable "$PWD"
}

install_service() {
    local python release action=start
    command -v systemctl >/dev/null || stop "no systemd here; try ./install.sh --demo"
    python=$(find_python /usr/bin/python3) # one that the service's user can reach
    install_packages "$python" "${RUN_PACKAGES[@]}"
    release=$OPT/$(release_name "$python")
    build_release "$release" "$python"
    if [[ $(readlink "$OPT/current") != "$release" ]] || ! cmp -s "$UNIT" systemd/*.service; then
        action=restart # only for something new: it ends live calls
    fi
    install_files
    ln -sfn "$release" "$OPT/current"
    start_service "$action"
    find "$OPT" -mindepth 1 -maxdepth 1 -type d ! -path "$release" -exec rm -rf {} +
    say "settings: $CONFIG   data: $DATA   log: journalctl -u $SERVICE"
}

release_name() { # PYTHON: changes with the code, the locked packages and Python
    {
        "$1" --version
        find requirements.lock pyproject.toml movoice_box config -type f ! -name '*.pyc' -print0 |
            sort -z | xargs -0 sha256sum
    } | digest
}

# Beside the release that runs, and from a copy: building writes into its source.
build_release() { # FOLDER PYTHON
    source_copy=$(mktemp -d)
    trap 'rm -rf "$source_copy"' EXIT
    cp -R pyproject.toml README.md movoice_box config "$source_copy"
    build_venv "$1" "$2" requirements.lock "$source_copy"
}

install_files() {
    if ! getent passwd "$SERVICE" >/dev/null; then
        useradd --system --user-group --home-dir "$DATA" --no-create-home \
            --shell /usr/sbin/nologin "$SERVICE"
    fi
    install -d -o "$SERVICE" -g "$SERVICE" -m 0750 "$DATA"
    install -d "${CONFIG%/*}"
    if [[ -e $CONFIG ]]; then
        say "keeping your $CONFIG"
    else
        install -m 0644 config/movoice-box.toml "$CONFIG"
    fi
    install -m 0644 systemd/movoice-box.service "$UNIT"
    install -m 0755 /dev/stdin "$COMMAND" <<END
#!/bin/sh
# What root wrote into $DATA the service could not read, so root becomes its user.
if [ "\$(id -u)" = 0 ]; then
    exec runuser -u $SERVICE -- $OPT/current/bin/movoice-box "\$@"
fi
exec $OPT/current/bin/movoice-box "\$@"
END
}

start_service() { # start|restart
    systemctl --quiet enable "$SERVICE"
    if [[ ! -d /run/systemd/system ]]; then
        say "systemd is not running here, so the service starts with the next boot. By hand:" \
            "sudo movoice-box serve"
        return
    fi
    systemctl daemon-reload
    systemctl "$1" "$SERVICE" || stop "the service did not start: journalctl -u $SERVICE -n 50"
    "$COMMAND" setup-link --config "$CONFIG"
}

uninstall_service() {
    if [[ -e $UNIT ]]; then
        if [[ -d /run/systemd/system ]]; then systemctl stop "$SERVICE"; fi
        systemctl --quiet disable "$SERVICE"
        rm "$UNIT"
        if [[ -d /run/systemd/system ]]; then systemctl daemon-reload; fi
    fi
    rm -rf "$OPT" "$COMMAND"
    say "the service is removed; your data is still in $DATA, your settings in ${CONFIG%/*}." \
        "To erase them too: sudo rm -r $DATA ${CONFIG%/*} && sudo userdel $SERVICE"
}

find_python() { # CANDIDATE...: prints the path of the first that is Python 3.11 or later
    local candidate
    for candidate in "$@"; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    stop "no Python 3.11 or later among: $*. On Debian 12 or later: apt-get install python3"$'\n'"then: $again"
}

install_packages() { # PYTHON PACKAGE...: with apt, those that are missing
    local python=$1 package
    local -a missing=() as_root=()
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        missing+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
    for package in "${@:2}"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *" installed" ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    command -v apt-get >/dev/null ||
        stop "no apt-get here. Install these your way, then: $again"$'\n'"${missing[*]}"
    local -a install=(apt-get install -y --no-install-recommends "${missing[@]}")
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            stop "packages are missing, and there is no sudo. As root: apt-get update &&" \
                "${install[*]}"$'\n'"then: $again"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get -q update || say "apt-get update failed: going on with the lists at hand"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" ||
        stop "apt-get failed. When this works: ${as_root[*]} ${install[*]}"$'\n'"then: $again"
}

# A venv is built whole or counts for nothing: its stamp is written last.
build_venv() { # FOLDER PYTHON LOCK PIP-ARGUMENT...: the packages of LOCK, then our own
    local folder=$1 python=$2 lock=$3
    if grep -qsx "$(stamp "$@")" "$folder/stamp" && "$folder/bin/python" -c ''; then return; fi
    say "building $folder: a minute or two"
    "$python" -m venv --clear "$folder"
    local -a pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet install)
    "${pip[@]}" --require-hashes --only-binary :all: --requirement "$lock"
    "${pip[@]}" --no-deps --no-build-isolation "${@:4}"
    {
        stamp "$@"
        stamp "$folder" "$python" requirements.lock # every lock holds all of this one
    } >"$folder/stamp"
}

stamp() { # FOLDER PYTHON LOCK: what a venv was built for, by what, from what
    {
        printf '%s\n' "$1"
        "$2" --version
        cat "$3" pyproject.toml
    } | digest
}

digest() { sha256sum | cut -c 1-16; }

say() { printf '==> %s\n' "$*" >&2; }

stop() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

wrong_usage() {
    printf 'install.sh: unknown argument: %s\n' "$1" >&2
    usage >&2
    exit 2
}

main "$@"
