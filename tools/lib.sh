# shellcheck shell=bash
# Helpers shared by the scripts in this folder and by .ci/run. Source it; it does nothing by itself.

say() { printf '%s\n' "$*"; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    local line
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

# The package cache, as an absolute path.
cache_dir() {
    local dir=${BLINDSIGHT_CACHE:-.cache}
    mkdir -p "$dir" && (cd "$dir" && pwd)
}

# logged LABEL LOG COMMAND...: run COMMAND with its output in LOG, say every 10 seconds that it still
# runs, and show the end of LOG if it fails.
logged() {
    local label=$1 log=$2 begin=$SECONDS status=0 ticker
    shift 2
    # The redirection keeps a leftover sleep from holding our caller's output pipe open.
    (while sleep 10 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        say "      ... $label: $((SECONDS - begin)) s"
    done) &
    ticker=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$ticker" 2>/dev/null
    wait "$ticker" 2>/dev/null
    if [ "$status" -ne 0 ]; then
        say "      $label failed; the end of $log:" >&2
        tail -n 40 "$log" >&2
    fi
    return "$status"
}

# Can this user install Debian packages without being asked for a password?
can_apt() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt_install PACKAGE...: install Debian packages; returns non-zero when that is not possible.
#
# Debian starts and enables the service of each server package. Blindsight runs its own broker and
# queue on ports of its own, so those services are switched off again. That is preferred to a temporary
# /usr/sbin/policy-rc.d, which would stop every later service from starting if this script got killed.
apt_install() {
    can_apt || return 1
    local package log
    log=$(cache_dir)/apt.log
    logged "apt-get update" "$log" as_root apt-get -o DPkg::Lock::Timeout=120 update ||
        say "      going on with the package lists that are there"
    logged "apt-get install $*" "$log" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@" || return 1
    for package in "$@"; do
        case $package in
            mosquitto | redis-server)
                if [ -d /run/systemd/system ]; then
                    as_root systemctl --quiet disable --now "$package.service"
                else
                    as_root service "$package" stop
                    as_root update-rc.d "$package" disable
                fi >>"$log" 2>&1 || say "      note: could not switch off the service $package (see $log)"
                ;;
        esac
    done
    return 0
}

# What compiling for Python needs: g++ or another compiler, and Python's C headers.
compiler() { command -v "${CXX:-g++}" >/dev/null; }
headers() { [ -f "$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; }

# install_compiler PYTHON [PROGRAM...]: install what is missing of these, and of programs of their packages' names,
# where that is possible. Whoever needs them looks again.
install_compiler() {
    local python=$1 program missing=()
    shift
    compiler || missing+=(g++)
    for program in "$@"; do command -v "$program" >/dev/null || missing+=("$program"); done
    headers "$python" || missing+=(python3-dev)
    [ ${#missing[@]} -gt 0 ] || return 0
    say "      needed to compile it: ${missing[*]}"
    apt_install "${missing[@]}"
}

# engine_hash FOLDER: a hash of the engine's sources there, 12 hexadecimal digits.
engine_hash() (
    set -o pipefail
    cd "$1" && find . -type f -not -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum |
        sha256sum | cut -c 1-12
)

# copy_engine FOLDER HASH: copies the engine's sources to FOLDER/engine, for nothing is written among them.
copy_engine() {
    cp -R engine "$1/engine" || die "cannot copy the sources of the engine to $1."
    [ "$(engine_hash "$1/engine")" = "$2" ] || die "the sources of the engine have just changed." "Run it again."
}

# find_server NAME: where a server program is. Debian keeps mosquitto in /usr/sbin, which is not on an
# ordinary user's PATH.
find_server() {
    PATH=$PATH:/usr/local/sbin:/usr/sbin command -v "$1"
}
