"""The command line, and what runs the parts together on one machine."""
