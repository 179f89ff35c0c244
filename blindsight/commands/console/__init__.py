"""`blindsight console`: the console, and the export of what it recorded."""
