"""Hostile bytes for every parser: what comes of them must be an error of ours, soon and in bounded memory."""
