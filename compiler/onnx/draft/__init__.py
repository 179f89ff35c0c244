"""The network while it is being converted: items in order, and tensors as functions and places of their values."""
