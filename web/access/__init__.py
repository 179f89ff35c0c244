"""Who may see and do what: accounts, API tokens, sessions, limits on guessing, and the log of what was changed."""
