#!/usr/bin/env bash
# Runs tests of the engine on a build of it with AddressSanitizer and UndefinedBehaviorSanitizer, which end the process at
# the first access outside of an array and at the first undefined operation. The arguments are pytest's; without any, all
# of tests/engine. The build is kept in $BLINDSIGHT_CACHE/engine-sanitized until the engine changes. It needs g++.
#
#   PYTHON            a Python that has what the tests need (default: .venv/bin/python)
#   BLINDSIGHT_CACHE  default: .cache in the checkout
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tools/lib.sh

python=${PYTHON:-.venv/bin/python}
cxx=${CXX:-g++}
compiler && headers "$python" || die "no C++ compiler ($cxx), or no Python.h." "Debian: sudo apt install g++ python3-dev"
cache=$(cache_dir) || die "cannot create the cache folder ${BLINDSIGHT_CACHE:-.cache}."
log=$cache/engine-sanitized.log
sources=$(engine_hash engine) || die "the sources of the engine can't be read."
tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])') || die "$python does not run."
built=$cache/engine-sanitized/$sources-$tag-$(uname -m)

if [ ! -d "$built" ]; then
    mkdir -p "${built%/*}" || die "cannot create ${built%/*}."
    scratch=$(mktemp -d "$cache/engine-sanitized.XXXXXX") || die "cannot write to $cache."
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM
    copy_engine "$scratch" "$sources"
    logged "compiling the engine with sanitizers" "$log" "$python" -m pip install --disable-pip-version-check --no-input \
        --no-deps --target "$scratch/built" --config-settings cmake.define.SANITIZE=address,undefined \
        --config-settings install.strip=false "$scratch/engine" || die "it could not be compiled." "The whole log is in $log"
    # Another process may have been faster.
    mv -T "$scratch/built" "$built" 2>/dev/null || [ -d "$built" ] || die "cannot write to ${built%/*}."
fi

# What no test has used for a week goes.
touch "$built"
find "${built%/*}" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +

[ $# -gt 0 ] || set -- tests/engine
# Python isn't built with them: so their library is loaded first, with that of C++, whose exceptions it wraps. Python
# and NumPy keep much until they end, which isn't a leak; PYTHONMALLOC has each of Python's objects guarded, too.
env LD_PRELOAD="$("$cxx" -print-file-name=libasan.so) $("$cxx" -print-file-name=libstdc++.so)" \
    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
    PYTHONPATH="$built:$PWD" "$python" -m pytest "$@"
