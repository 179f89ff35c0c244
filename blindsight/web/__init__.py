"""What is behind the site in a browser: each kind of site (`web.site.Site`), and how a command serves one."""
