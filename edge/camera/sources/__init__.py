"""Cameras that come with Blindsight: a file for each kind of source."""
