"""`python -m tests.faults`. What runs in other processes too can't stand in a file of this name."""

import sys

from tests.faults.command import main

if __name__ == "__main__":
    sys.exit(main())
