"""`blindsight status`: the command, its settings, and its tables."""
