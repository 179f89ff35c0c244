"""The kinds of sites: a console's, a device's, an operator's, a demo's."""
