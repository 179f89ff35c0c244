"""Photos of meters, rendered: what the model `meter` is trained and measured on. The same seed gives the same photos."""
