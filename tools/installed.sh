#!/usr/bin/env bash
# The last lines of `make install`: how to go on.
cat <<'END'
Installed. To see it at work:                    make demo
To use the command `blindsight` in this shell:   . .venv/bin/activate
or in a new one, which `exit` leaves:            make shell
END
