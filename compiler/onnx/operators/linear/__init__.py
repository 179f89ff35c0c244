"""Operators whose outputs are sums of weighted inputs: convolution, pooling, matrices, resizing."""
