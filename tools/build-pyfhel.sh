#!/usr/bin/env bash
# Compiles the Pyfhel wheel into $BLINDSIGHT_CACHE/wheels, unless it is there already, and keeps the SEAL that it was built
# with, headers and library, in $BLINDSIGHT_CACHE/seal for the engine. Its last line is the
# command that installs Blindsight with that wheel: a plain `pip install .` would compile Pyfhel once more.
#
#   PYTHON            the Python to build for; it needs pip (default: python3)
#   BLINDSIGHT_CACHE  default: .cache in the checkout
#
# install.sh calls it with --step: then that line isn't printed, since install.sh installs.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tools/lib.sh

version=3.5.0 # the version that pyproject.toml pins
python=${PYTHON:-python3}
cache=$(cache_dir) || die "cannot create the cache folder ${BLINDSIGHT_CACHE:-.cache}."
wheels=$cache/wheels
log=$cache/pyfhel-build.log

say_next() {
    [ "${1:-}" = --step ] && return
    say "Now install Blindsight with it, in this folder:"
    printf '%q -m pip install --find-links %q --only-binary Pyfhel .\n' "$python" "${wheels#"$PWD/"}"
}

tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])') || die "$python does not run."
machine=$(uname -m)

# Ends the script with the first wheel that was kept, if there is one; given a folder, only where SEAL was kept there.
use_kept() {
    local wheel name
    for wheel in "$wheels/pyfhel-$version-$tag-"*"$machine.whl"; do
        name=${wheel##*/}
        [ -f "$wheel" ] || continue
        [ $# -eq 0 ] || [ -d "$1/${name%.whl}" ] || continue
        say "      using $name"
        say_next "$step"
        exit 0
    done
}

step=${1:-}
use_kept "$cache/seal"
install_compiler "$python" make
compiler || use_kept # a wheel of an earlier version encrypts without SEAL's headers, which the engine's seeds need
compiler || die "no C++ compiler (${CXX:-g++}) found." "Debian: sudo apt install g++"
command -v make >/dev/null || die "make not found." "Debian: sudo apt install make"
headers "$python" || die "Python's C headers (Python.h) are missing." "Debian: sudo apt install python3-dev"

mkdir -p "$wheels" || die "cannot create $wheels."
# Built beside its final place and then renamed: an interrupted build leaves no half-written wheel.
scratch=$(mktemp -d "$cache/pyfhel-build.XXXXXX") || die "cannot write to $cache."
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

say "      compiling Pyfhel $version and Microsoft SEAL, which takes 3 to 6 minutes on two cores (log: $log)"
begin=$SECONDS
# Pyfhel compiles SEAL with four processes at once, but its own four extensions one after the other, unless
# setuptools is told otherwise, in a file.
printf '[build_ext]\nparallel = %s\n' "$(nproc 2>/dev/null || echo 2)" >"$scratch/setup.cfg"
CMAKE_TOOLCHAIN_FILE=$PWD/tools/pyfhel-toolchain.cmake DIST_EXTRA_CONFIG=$scratch/setup.cfg \
    BLINDSIGHT_SEAL=$scratch/seal \
    logged "compiling Pyfhel" "$log" \
    "$python" -m pip wheel -v --disable-pip-version-check --no-input --no-cache-dir --no-deps --no-binary Pyfhel \
    -w "$scratch" "Pyfhel==$version" ||
    die "Pyfhel could not be compiled." "The whole log is in $log"

built=("$scratch"/*.whl)
[ -f "${built[0]}" ] || die "pip built no Pyfhel wheel." "The whole log is in $log"
name=${built[0]##*/}
seal=$cache/seal/${name%.whl}
rm -rf "$seal"
mkdir -p "$scratch/seal" "$cache/seal" && mv -f "$scratch/seal" "$seal" || die "cannot write to $cache/seal."
"$python" -m zipfile -e "${built[0]}" "$scratch/wheel" && cp "$scratch"/wheel/Pyfhel/libseal-*.a "$seal/libseal.a" ||
    die "the wheel has no library of SEAL." "The whole log is in $log"
mv -f "${built[0]}" "$wheels/" || die "cannot write to $wheels."
say "      ready after $((SECONDS - begin)) s: $name"
say_next "$@"
