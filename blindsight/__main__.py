"""`python -m blindsight`."""

from blindsight.cli import main

main()
