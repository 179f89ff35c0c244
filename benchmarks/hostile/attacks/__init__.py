"""What a hostile device does with valid credentials, each as a program of its own, for `benchmarks.hostile`.

They connect to this machine's loopback and nowhere else, are bounded in time and count, and end by themselves.
"""
