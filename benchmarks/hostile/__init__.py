"""What hostile devices and crowds do to a site: `python -m benchmarks.hostile`."""
