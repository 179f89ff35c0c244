"""A demo whose site is served: what happens in it, and the pictures that its cameras go on with."""
