"""`blindsight camera`: a file for each of its commands, and for what those print."""
