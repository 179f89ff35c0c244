"""How pages come about: the templates' environment, numbers and times as texts, and drawings."""
