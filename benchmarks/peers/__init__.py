"""Blindsight next to other libraries: `python -m benchmarks.peers`."""
