"""The console of a site: it holds the key set of the site's devices, and reads, shows and records their labels."""
