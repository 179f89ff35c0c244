"""A file for each command, or a folder: of a group of commands, or of a command with several files."""
