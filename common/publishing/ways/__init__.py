"""The ways to where labels and readings go, a file for each."""
