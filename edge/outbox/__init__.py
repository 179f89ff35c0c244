"""Encrypted frames on disk until their labels arrive."""
