"""`python -m blindsight`, and the script `blindsight`."""

import sys

from blindsight.hidden import check_own_packages


def main() -> None:
    """Run the command line; a signal ends it without a traceback, even while it is loaded, which takes a second."""
    try:
        check_own_packages()
    except ImportError as error:
        sys.exit(f"error: {error}")
    try:
        from blindsight.command_line.interrupts import exit_at_signals

        exit_at_signals()
        from blindsight import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
