"""`python -m blindsight`, and the script `blindsight`."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, even while it is loaded, which takes a second."""
    try:
        from blindsight import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
