"""`python -m tests.fuzz`. What runs in other processes too can't stand in a file of this name."""

import sys

from tests.fuzz.command import main

if __name__ == "__main__":
    sys.exit(main())
