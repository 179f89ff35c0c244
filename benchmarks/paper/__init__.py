"""The configurations of the paper, with encrypted and with plain weights: `python -m benchmarks.paper`."""
