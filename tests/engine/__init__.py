"""Tests of the engine's extension by itself; `make test-engine` runs them with sanitizers."""
