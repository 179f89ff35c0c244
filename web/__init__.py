"""The site in a browser: pages, and the same as REST. It shows what a `web.site.Site` tells, and imports no service."""
