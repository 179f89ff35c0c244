"""Settings of the site in a browser, and those of the services that can serve one; a service imports its own only."""
