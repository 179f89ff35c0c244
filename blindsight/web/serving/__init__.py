"""How a service serves its site while it runs; a service imports its own file only."""
