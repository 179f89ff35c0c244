#!/usr/bin/env bash
# `make shell`: the user's own shell with .venv/bin first on its PATH, so that it finds `blindsight`.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tools/lib.sh

activate=$PWD/.venv/bin/activate
[ -f "$activate" ] || die ".venv isn't there." "Run: make install"
[ -t 0 ] || die "make shell is for a terminal." "In a script: . .venv/bin/activate"

shell=${SHELL:-/bin/sh}
say "blindsight is on the PATH of this shell; exit leaves it"
# Whatever its last command ended with is no error of make's.
case ${shell##*/} in
    # What a user's own files do to the PATH comes first, so that .venv/bin stays before it.
    bash) "$shell" --rcfile <(printf '[ -f ~/.bashrc ] && . ~/.bashrc\n. %q\n' "$activate") -i || true ;;
    fish) "$shell" --init-command ". $activate.fish" || true ;;
    *) VIRTUAL_ENV=${activate%/bin/activate} PATH=${activate%/activate}:$PATH "$shell" -i || true ;;
esac
