"""Sites in a browser, served by real services."""
