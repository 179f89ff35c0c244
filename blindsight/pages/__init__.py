"""Pages for one person at one machine: a server on loopback, its guard, and the pages themselves."""
