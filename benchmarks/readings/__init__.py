"""How well readings are told from simulated weeks of pictures of meters: python -m benchmarks.readings."""
