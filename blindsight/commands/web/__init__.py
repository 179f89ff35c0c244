"""`blindsight web`: who may see a site in a browser."""
