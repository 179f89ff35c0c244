"""HTML of the site: a file for each page, which asks the site and fills a template."""
