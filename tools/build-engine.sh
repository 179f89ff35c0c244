#!/usr/bin/env bash
# Compiles the wheel of the engine, the C++ extension in the folder engine, into $BLINDSIGHT_CACHE/wheels, unless it is
# there already. Its version ends in a hash of the sources, so that a change makes another wheel. Its last line is the
# command that installs it. Where nothing can be compiled it says so and ends well: then plans run on Pyfhel, slower.
# Its module `seeded` needs the SEAL that build-pyfhel.sh keeps, and is left out where that isn't there.
#
#   PYTHON            the Python to build for; it needs pip (default: python3)
#   BLINDSIGHT_CACHE  default: .cache in the checkout
#
# `make install` calls it with --step: then it installs the wheel for that Python instead, or takes away a former one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tools/lib.sh

python=${PYTHON:-python3}
step=${1:-}
cache=$(cache_dir) || die "cannot create the cache folder ${BLINDSIGHT_CACHE:-.cache}."
wheels=$cache/wheels
log=$cache/engine-build.log
pip=("$python" -m pip --disable-pip-version-check --no-input)

# Ends the script, once the wheel is there.
finish() {
    if [ "$step" = --step ]; then
        # pip leaves it alone if this version is installed.
        logged "pip install" "$cache/pip-engine.log" "${pip[@]}" install -q --no-deps "$1" || exit 1
    else
        say "Now install it:"
        printf '%q -m pip install --no-deps %q\n' "$python" "${1#"$PWD/"}"
    fi
    exit 0
}

sources=$(engine_hash engine) || die "the sources of the engine can't be read."
tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])') || die "$python does not run."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' engine/pyproject.toml)+src$sources
options=()
for seal in "$cache/seal/pyfhel-"*"-$tag-"*"$(uname -m)"; do
    [ -f "$seal/include/seal/seal.h" ] && options=("--config-settings=cmake.define.SEAL_FOLDER=$seal")
done
[ ${#options[@]} -gt 0 ] && version+=.seal

[ "$step" = --step ] && say "[5/6] Engine (evaluates plans; compiled once, then kept in $wheels)"
for wheel in "$wheels/blindsight_engine-$version-$tag-"*"$(uname -m).whl"; do
    if [ -f "$wheel" ]; then
        say "      using ${wheel##*/}"
        finish "$wheel"
    fi
done

install_compiler "$python"
if ! compiler || ! headers "$python"; then
    compiler && what="Python's C headers" || what="a C++ compiler (${CXX:-g++})"
    say "      going on without it, for $what isn't here: plans will run on Pyfhel, which is slower."
    say "      To have it: sudo apt install g++ python3-dev, then make install"
    [ "$step" != --step ] || "${pip[@]}" uninstall -q -y blindsight-engine >/dev/null 2>&1
    exit 0
fi

# Built beside its final place and then renamed: an interrupted build leaves no half-written wheel.
mkdir -p "$wheels" || die "cannot create $wheels."
scratch=$(mktemp -d "$cache/engine-build.XXXXXX") || die "cannot write to $cache."
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
copy_engine "$scratch" "$sources"
sed -i "s/^version = .*/version = \"$version\"/" "$scratch/engine/pyproject.toml"
begin=$SECONDS
logged "compiling the engine" "$log" "${pip[@]}" wheel -v --no-deps "${options[@]}" -w "$scratch" \
    "$scratch/engine" ||
    die "the engine could not be compiled." "The whole log is in $log"
built=("$scratch"/*.whl)
mv -f "${built[0]}" "$wheels/" || die "cannot write to $wheels."
say "      ready after $((SECONDS - begin)) s: ${built[0]##*/}"
finish "$wheels/${built[0]##*/}"
