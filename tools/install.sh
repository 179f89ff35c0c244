#!/usr/bin/env bash
# Creates .venv with Blindsight and all it needs. Called by `make install`; safe to run again.
# Step 5 is build-engine.sh, step 6 servers.sh.
#
#   PYTHON            the Python to use (default: the first 3.11 or newer found)
#   BLINDSIGHT_CACHE  where the built Pyfhel wheel is kept (default: .cache)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tools/lib.sh

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

choose_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || die "PYTHON=$PYTHON is not a working Python 3.11 or newer." \
            "Leave PYTHON unset, or set it to one that is."
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "Blindsight needs Python 3.11 or newer; found: $(python3 --version 2>/dev/null || echo no python3)." \
        "Debian 12 and later: sudo apt install python3 python3-venv python3-dev" \
        "Elsewhere: install Python 3.11 and run: make install PYTHON=/path/to/python3.11"
}

has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

cache=$(cache_dir) || die "cannot create the cache folder ${BLINDSIGHT_CACHE:-.cache}."

say "[1/6] Python environment .venv"
if ! .venv/bin/python -m pip --version >/dev/null 2>&1 || ! new_enough .venv/bin/python; then
    python=$(choose_python) || exit 1
    if ! has_venv "$python"; then
        say "      $python lacks the venv module; installing Debian's python3-venv"
        apt_install python3-venv
        has_venv "$python" || die "$python cannot create virtual environments." \
            "Debian: sudo apt install python3-venv" \
            "(for a Python that is not Debian's own: install its ensurepip and venv modules)"
    fi
    rm -rf .venv
    "$python" -m venv .venv || die "could not create .venv with $python."
fi
say "      $(.venv/bin/python --version), from $(.venv/bin/python -c 'import sys; print(sys.base_prefix)')"

say "[2/6] Pyfhel (homomorphic encryption; compiled once, then kept in $cache/wheels)"
PYTHON=.venv/bin/python BLINDSIGHT_CACHE=$cache tools/build-pyfhel.sh --step || exit 1

say "[3/6] Python packages"
# Until it was called blindsight-cameras, the distribution was called blindsight: both would own the command `blindsight`.
rm -rf blindsight.egg-info
if .venv/bin/python -m pip show -qq --disable-pip-version-check blindsight 2>/dev/null; then
    say "      removing the former distribution, blindsight"
    .venv/bin/python -m pip uninstall -qq -y --disable-pip-version-check blindsight ||
        die "the former distribution can't be removed." "Delete .venv, then run make install again."
fi
# -qq hides pip's warnings but not its errors. Pyfhel must come from the wheel of step 2: pip building
# it anew would take minutes without a word. The mode compat puts the checkout on Python's path. The default one adds an
# import hook, which is asked last: a mere folder called blindsight, such as this checkout beside a program, would hide
# the package.
logged "pip install" "$cache/pip-install.log" .venv/bin/python -m pip install -qq \
    --disable-pip-version-check --no-input --find-links "$cache/wheels" --only-binary Pyfhel \
    --config-settings editable_mode=compat -e '.[dev]' ||
    exit 1

say "[4/6] Checking that the encryption library loads"
.venv/bin/python -c 'import Pyfhel' || die "Pyfhel does not load." \
    "Delete $cache/wheels and .venv, then run make install again."
