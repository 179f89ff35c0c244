"""Measurements, each a command: `python -m benchmarks.NAME`. Never run as tests."""
